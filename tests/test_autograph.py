"""Python's control flow on traced tensors gives what it gives on eager ones."""

from __future__ import annotations

import linecache
import traceback

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras
from tensorcore.errors import TracingError
from tests.test_control_flow import numbers


def branches(x):
    if tc.sum(x) > 0:
        y = x * 2.0
    elif tc.sum(x) < -5:
        y = x - 1.0
        x = x * 0.0
    else:
        y = -x
    return x + y


def ternary_and_logic(x):
    total = tc.sum(x)
    a = x if total > 0 and not total > 100 else -x
    b = 1.0 if total < -3 or tc.max(x) > 3 else 2.0
    c = x * 3.0 if -1 < total < 1 else x
    return a * b + c


def count_up(x):
    steps = 0
    while tc.sum(x) < 10 and steps < 5:
        x = x * 2.0
        steps += 1
    return x, steps


def breaks(x):
    i = 0
    while i < 10:
        i += 1
        if tc.max(x) > 7:
            break
        x = x * 2.0
        if tc.max(x) < 2:
            continue
        x = x + 1.0
    return x, i


def over_rows(x):
    total = 0.0
    for value in x:
        if value < 0:
            continue
        total = total + value
        if total > 3:
            break
    return total


def over_range(x, n=4):
    s = 0
    for i in range(n):
        s = s + x * tc.astype(tc.asarray(i), tc.float32) if i % 2 else s + x
    return s


def over_traced_range(x):
    total = tc.zeros(x.shape)
    for i in range(1, tc.astype(tc.max(x), tc.int32) + 2, 2):
        total = total + x * tc.astype(i, tc.float32)
    return total


def early(x):
    if tc.max(x) > 3:
        return x * 2.0
    if tc.sum(x) > 0:
        x = x + 1.0
        if tc.max(x) > 2:
            return x
    return -x


def returns_from_a_loop(x):
    for i in range(tc.astype(tc.max(x), tc.int32) + 3):
        x = x + 1.0
        if tc.sum(x) > 5:
            return x * 100.0, i
    return x, -1


def helper(x):
    if tc.sum(x) > 0:
        return tc.sum(x)
    return tc.sum(x) * 10.0


def calls_a_helper(x):
    return helper(x) + helper(-x) * 2.0


def nested_loops(x):
    total = 0.0
    for row in tc.stack([x, x * 2.0, -x]):
        for value in row:
            if value > 0:
                total += value
            else:
                total -= value * 0.5
    return total


def python_stays_python(x, flag=True, names=("a", "b")):
    found = []
    for name in names:
        if flag and name == "a":
            found.append(x * 2.0)
        else:
            found.append(x)
    while len(found) < 4:
        found.append(found[-1] + 1.0)
    return found


def with_a_tape(x):
    with tc.GradientTape() as tape:
        tape.watch(x)
        if tc.sum(x) > 0:  # noqa: SIM108 - the statement is what is tested
            loss = tc.sum(x * x)
        else:
            loss = tc.sum(x * x * x)
        for value in x:
            loss = loss + tc.exp(value)
    return tape.gradient(loss, x)


FUNCTIONS = [
    branches,
    ternary_and_logic,
    count_up,
    breaks,
    over_rows,
    over_range,
    over_traced_range,
    early,
    returns_from_a_loop,
    calls_a_helper,
    nested_loops,
    python_stays_python,
    with_a_tape,
]
INPUTS = [[1.0, 2.0], [-1.0, -2.0], [-10.0, 2.0], [0.1, 0.5], [4.0, 0.0], [0.0, 0.0]]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_as_eager(device, function):
    traced = tc.function(function)
    for values in INPUTS:
        x = tc.asarray(values)
        for actual, expected in zip(numbers(traced(x)), numbers(function(x)), strict=True):
            np.testing.assert_allclose(actual, expected, rtol=1e-6)
    assert traced.trace_count == 1


@pytest.mark.parametrize("function", [branches, early, over_rows, nested_loops, count_up])
def test_gradients_as_eager(device, function):
    def loss(x):
        result = function(x)
        return tc.sum(result[0] if isinstance(result, tuple) else result)

    traced = tc.function(lambda x: tc.grad(wrapped)(x))
    wrapped = loss
    for values in INPUTS:
        x = tc.asarray(values)
        np.testing.assert_allclose(traced(x).numpy(), tc.grad(loss)(x).numpy(), rtol=1e-5)


def test_methods_closures_and_defaults(device):
    scale = tc.asarray(3.0)

    class Model:
        def __init__(self):
            self.w = tc.Variable(2.0)
            self.calls = 0

        @tc.function
        def run(self, x, limit=1.0):
            self.calls += 1
            if x > limit:
                self.w.assign_add(x)
                return self.w * scale
            return self.w - scale

    model = Model()
    assert float(model.run(tc.asarray(5.0))) == 21.0
    assert float(model.run(tc.asarray(0.5))) == 4.0
    assert float(model.w) == 7.0
    assert model.calls == 1


def test_super_and_nonlocal(device):
    class Base:
        def f(self, x):
            return x + 1.0

    class Child(Base):
        def f(self, x):
            y = x
            if tc.sum(x) > 0:
                y = super().f(x)
            return y

    calls = 0

    def count(x):
        nonlocal calls
        calls += 1
        return x * 2.0 if x > 0 else x

    assert float(tc.function(Child().f)(tc.asarray(1.0))) == 2.0
    assert float(tc.function(count)(tc.asarray(1.0))) == 2.0
    assert calls == 1


def test_layers_of_the_user(device):
    class Gate(keras.layers.Layer):
        def call(self, x):
            if tc.sum(x) > 0:
                return x * 2.0
            return -x

    layer = Gate()
    f = tc.function(lambda x: layer(x))
    assert f(tc.ones(2)).tolist() == [2.0, 2.0]
    assert f(-tc.ones(2)).tolist() == [1.0, 1.0]


def test_without_conversion(device):
    with pytest.raises(TracingError, match="a Python condition on a tensor needs values"):
        tc.function(early, autograph=False)(tc.ones(2))


def test_without_source(device):
    space = {"tc": tc}
    exec("def f(x):\n    return x * 2.0", space)
    assert tc.function(space["f"])(tc.ones(1)).tolist() == [2.0]


def only_in_one_branch(x):
    if x > 0:
        y = x
    return y


def another_shape(x):
    y = x
    if x > 0:
        y = tc.zeros(3)
    return y


def another_dtype(x):
    while x < 3:
        x = tc.astype(x, tc.float64)
    return x


def not_before_the_loop(x):
    while x < 3:
        x = x + 1.0
        y = x
    return y


def none_or_tensor(x):
    if x > 0:
        return x


FIRST = only_in_one_branch.__code__.co_firstlineno


OR_EAGERLY = ", or run eagerly (run_eagerly=True, or without tc.function)."
MESSAGES = {
    only_in_one_branch: (
        'the if in line {}: the variable "y" has a value in one branch only, and is used '
        "afterwards; set it in both branches, or before"
    ),
    another_shape: (
        'the if in line {}: the variable "y" has shape (3,) if it holds and () else. Reshape or '
        "pad one of them" + OR_EAGERLY
    ),
    another_dtype: (
        'the loop in line {}: the variable "x" has dtype float32 before the loop and float64 after '
        "a run of it. Convert one of them with tc.astype" + OR_EAGERLY
    ),
    not_before_the_loop: (
        'the loop in line {}: the variable "y" has no value before the loop, which may not run at '
        "all, and is used afterwards; set it before"
    ),
    none_or_tensor: (
        "the if in line {}: the returned value is a tensor if it holds and None else. Return the "
        "same structure of tensors" + OR_EAGERLY
    ),
}


@pytest.mark.parametrize("function", MESSAGES)
def test_what_does_not_fit_is_named(device, function):
    first = function.__code__.co_firstlineno
    line = first + (2 if function is another_shape else 1)
    with pytest.raises(TracingError) as caught:
        tc.function(function)(tc.asarray(1.0))
    assert str(caught.value) == MESSAGES[function].format(line)
    source = linecache.getline(__file__, line).strip()
    assert caught.value.__notes__ == [f"in test_autograph.py, line {line}: {source}"]


def test_tracebacks_show_the_users_lines(device):
    def f(x):
        y = x
        for i in range(2):
            if tc.sum(x) > i:
                y = y @ tc.zeros((3, 3))
        return y

    line = f.__code__.co_firstlineno + 4
    with pytest.raises(ValueError) as caught:
        tc.function(f)(tc.ones((2, 2)))
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert (__file__, line) in [(frame.filename, frame.lineno) for frame in frames]
    assert caught.value.__notes__ == [
        f"in test_autograph.py, line {line}: y = y @ tc.zeros((3, 3))"
    ]


def test_steps_that_cannot_be_traced_run_eagerly(device):
    """A layer whose branches differ in shape is no graph, but trains."""

    class Cut(keras.layers.Layer):
        def call(self, x):
            if tc.sum(x) > 1e9:
                x = x[:1]
            return x

    model = keras.Sequential([Cut(), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    x = np.ones((8, 2), np.float32)
    with pytest.warns(UserWarning, match="runs eagerly"):
        model.fit(x, x[:, :1], epochs=3, batch_size=4, verbose=0)
    with pytest.raises(TracingError, match="has shape"):
        tc.function(lambda x: Cut()(x))(tc.ones((2, 2)))


def test_methods_of_tensorflow(device):
    from tensorcore import tf

    class Model:
        @tf.function
        def run(self, x):
            if x > 0:
                return x * 2.0
            return x

    with tf.device("/CPU:0" if device.kind == "cpu" else "/GPU:0"):
        assert float(Model().run(tf.constant(3.0))) == 6.0
