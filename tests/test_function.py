"""`tc.function`: signatures, reports, bounds, fallbacks, variables, and messages word for word."""

from __future__ import annotations

import gc
import sys
import tracemalloc
import warnings

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras
from tensorcore.errors import TracingError
from tensorcore.graph.function import TracedFunction


def test_a_signature_makes_tensors(device):
    calls = []

    @tc.function(input_signature=[tc.TensorSpec((None, 2), "float32"), tc.TensorSpec((), "int32")])
    def f(x, n):
        calls.append(x.shape)
        return tc.sum(x) * tc.astype(n, tc.float32)

    assert float(f([[1.0, 2.0]], 3)) == 9.0
    assert float(f(np.ones((1, 2), np.float32), n=4)) == 8.0
    assert float(f(tc.ones((3, 2)), 1)) == 6.0
    assert calls == [(1, 2), (3, 2)]


def test_a_concrete_function(device):
    f = tc.function(lambda x: x * 2.0)
    concrete = f.get_concrete_function(tc.TensorSpec((2,), "float32"))
    assert concrete(tc.ones(2)).tolist() == [2.0, 2.0]
    with pytest.raises(ValueError, match="this concrete function takes arguments of one kind"):
        concrete(tc.ones(3))


def test_reports_name_what_changed(device):
    @tc.function
    def f(batch, scale=1.0):
        return batch["x"] * scale

    f({"x": tc.ones(3)})
    f({"x": tc.ones(4)})
    f({"x": tc.asarray([1, 2, 3])})
    f({"x": tc.ones(3)}, scale=2.0)
    assert f.trace_report().splitlines() == [
        "f was traced 4 times",
        "trace 1: the first call",
        "trace 2: args[0]['x'].shape: (3,) -> (4,)",
        "trace 3: args[0]['x'].dtype: float32 -> int32",
        "trace 4: kwargs['scale']: new, 2.0",
    ]


def test_many_traces_for_python_values_warn_once(device):
    f = tc.function(lambda x, n: x * n)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for n in range(20):
            f(tc.ones(1), n)
    texts = [str(w.message) for w in caught]
    assert len(texts) == 1
    assert "traced 9 times because of Python values" in texts[0]
    assert "args[1]: 7 -> 8" in texts[0]


def test_floats_become_tensors_on_request(device):
    f = tc.function(lambda x, rate: x * rate, reduce_retracing=True)
    results = [float(f(tc.asarray(2.0), rate)) for rate in (0.5, 1.5, 2.5, 3.5, 0.5)]
    assert results == [1.0, 3.0, 5.0, 7.0, 1.0]
    assert f.trace_count == 2


def test_the_number_of_traces_is_bounded(monkeypatch):
    monkeypatch.setattr(sys.modules["tensorcore.graph.function"], "MAX_TRACES", 3)
    with tc.device("cpu"):
        f = tc.function(lambda x: x + 1.0)
        for size in (1, 2, 3, 1, 4):
            f(tc.ones(size))
        assert f.trace_count == 3
        assert sorted(t.plan.outputs[0].shape for t in f.traces) == [(1,), (3,), (4,)]


def test_a_fallback_warns_once(device):
    f = tc.function(lambda x: float(tc.sum(x)) * x, fallback="eager")
    with pytest.warns(UserWarning, match="cannot be traced and runs eagerly"):
        assert f(tc.ones(2)).tolist() == [2.0, 2.0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert f(tc.ones(3)).tolist() == [3.0, 3.0, 3.0]


def test_variables_are_made_once(device):
    class Layer:
        def __init__(self):
            self.w = None

        @tc.function
        def __call__(self, x):
            if self.w is None:
                self.w = tc.Variable(2.0)
            return x * self.w

    layer = Layer()
    assert float(layer(tc.asarray(3.0))) == 6.0
    layer.w.assign(5.0)
    assert layer(tc.ones(2)).tolist() == [5.0, 5.0]

    with pytest.raises(TracingError, match="makes a variable at every call"):
        tc.function(lambda x: x * tc.Variable(1.0))(tc.ones(1))


def test_without_tensors_it_computes_where_the_variables_are(device):
    with device:
        v = tc.Variable([1.0, 2.0])
    with tc.device("cpu"):
        result = tc.function(lambda: v * 2.0)()
    assert result.device is device
    assert result.tolist() == [2.0, 4.0]


# Messages -----------------------------------------------------------------------------------------


def shapes_do_not_fit(x):
    y = x + tc.ones(3)
    return y


def wrong_matrix(x):
    return x @ tc.zeros((5, 2))


def a_number(x):
    return float(tc.sum(x))


def an_array(x):
    return np.tanh(np.asarray(x))


def a_list(x):
    return x.tolist()


def a_mask(x):
    return x[x > 0]


def a_write(x):
    x[0] = 1.0
    return x


def an_axis(x):
    return tc.sum(x, axis=3)


def an_index(x):
    return tc.arange(10)[tc.astype(tc.sum(x), tc.int32) :]


def of_a_user(x):
    raise ValueError("the user's own words")


HAS_NO_VALUES = (
    "{} needs values, but this tensor of shape {} is being traced and has none yet. Use tensor "
    "operations such as tc.where instead of Python's if, return the tensor and look at it outside, "
    "or run eagerly (run_eagerly=True, or without tc.function)."
).format
MESSAGES = {
    shapes_do_not_fit: (
        "add: shapes do not broadcast: x1 has shape (2, 4), x2 has shape (3,); from the right, "
        "axis -1 has different sizes that are not 1. Reshape or expand one of them.",
        "y = x + tc.ones(3)",
    ),
    wrong_matrix: (
        "matmul: the inner sizes differ: x1 of shape (2, 4) ends in 4, x2 of shape (5, 2) needs 4 "
        "there but has 5. Transpose one of them, or check the layer's input size.",
        "return x @ tc.zeros((5, 2))",
    ),
    a_number: (
        HAS_NO_VALUES("a Python number made of a tensor", "()"),
        "return float(tc.sum(x))",
    ),
    an_array: (HAS_NO_VALUES("NumPy", "(2, 4)"), "return np.tanh(np.asarray(x))"),
    a_list: (HAS_NO_VALUES(".tolist()", "(2, 4)"), "return x.tolist()"),
    a_mask: (
        "getitem: the shape of the result depends on values, so it cannot be traced. Use tc.where "
        "with a mask of fixed shape, or run eagerly.",
        "return x[x > 0]",
    ),
    a_write: (
        "x[index] = value: a tensor that is being traced cannot change; write "
        "y = tc.written(x, index, value)",
        "x[0] = 1.0",
    ),
    an_axis: (
        "sum: axis 3 is out of range for 2 dimension(s); expected -2 to 1",
        "return tc.sum(x, axis=3)",
    ),
    an_index: (
        HAS_NO_VALUES("a tensor used as an index or a size", "()"),
        "return tc.arange(10)[tc.astype(tc.sum(x), tc.int32) :]",
    ),
    of_a_user: ("the user's own words", 'raise ValueError("the user\'s own words")'),
}


@pytest.mark.parametrize("body", MESSAGES)
def test_errors_show_the_users_line(device, body):
    words, source = MESSAGES[body]
    line = body.__code__.co_firstlineno + 1
    with pytest.raises(Exception) as caught:
        tc.function(body)(tc.ones((2, 4)))
    assert str(caught.value) == words
    assert caught.value.__notes__ == [f"in test_function.py, line {line}: {source}"]


class Broken(keras.layers.Layer):
    def call(self, x):
        return x @ tc.zeros((7, 7))


def fitted(model, x):
    model.compile("sgd", "mse")
    return model.fit(x, tc.ones((2, 7)), verbose=0)


@pytest.mark.parametrize(
    "use",
    [
        lambda model, x: tc.function(lambda x: model(x))(x),
        lambda model, x: model(x),
        fitted,
        lambda model, x: model.predict(x, verbose=0),
    ],
    ids=["traced", "eager", "fit", "predict"],
)
def test_errors_show_the_layer(device, use):
    inner = keras.Sequential([keras.layers.Dense(3), Broken(name="second")], name="inner")
    model = keras.Sequential([keras.layers.Dense(2), inner], name="net")
    line = Broken.call.__code__.co_firstlineno + 1
    with pytest.raises(ValueError) as caught:
        use(model, tc.ones((2, 4)))
    assert str(caught.value) == (
        "matmul: the inner sizes differ: x1 of shape (2, 3) ends in 3, x2 of shape (7, 7) needs 3 "
        "there but has 7. Transpose one of them, or check the layer's input size."
    )
    assert caught.value.__notes__ == [
        f"in test_function.py, line {line}: return x @ tc.zeros((7, 7))",
        'in layer "net/inner/second" (Broken)',
    ]


def test_moving_a_traced_tensor_says_so():
    with tc.device("cpu"), pytest.raises(TracingError, match="stays on its device"):
        from tensorcore.ops.transfer import to_device

        tc.function(lambda x: to_device(x, device=tc.device("cpu")))(tc.ones(1))


# Memory -------------------------------------------------------------------------------------------


def grown(work, repeats):
    """Bytes that Python's objects take more after `repeats` runs."""
    for _ in range(repeats // 10):
        work()
    gc.collect()
    tracemalloc.start()
    try:
        work()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(repeats):
            work()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def test_traces_that_are_dropped_leave_nothing():
    with tc.device("cpu"):
        w = tc.Variable([1.0, 2.0])
        x = tc.ones(2)

        def cycle():
            f = TracedFunction(lambda x: tc.cond(tc.sum(x) > 0, lambda: x * w, lambda: x))
            f(x)

        assert grown(cycle, 60) < 30_000


def test_calls_leave_nothing():
    with tc.device("cpu"):
        w = tc.Variable([1.0, 2.0])
        x = tc.ones(2)

        @tc.function
        def step(x):
            with tc.GradientTape() as tape:
                y = tc.sum(tc.while_loop(lambda v: tc.sum(v) < 30.0, lambda v: v * 2.0, x) * w)
            w.assign_sub(tape.gradient(y, w) * 1e-6)
            return y

        assert grown(lambda: step(x), 2000) < 50_000
