"""Traced functions: values, writes, random numbers, gradients, keys and errors."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

import tensorcore as tc
from tensorcore.errors import DeviceMismatchError, ShapeError, TracingError
from tensorcore.mode import mode
from tensorcore.ops import updates


def test_a_function_is_traced_once_a_kind(device):
    calls = []

    @tc.function
    def double(x, factor=2.0):
        calls.append(x.shape)
        return x * factor

    a = tc.asarray([1.0, 2.0])
    np.testing.assert_array_equal(double(a).numpy(), [2.0, 4.0])
    np.testing.assert_array_equal(double(a + 1).numpy(), [4.0, 6.0])
    assert calls == [(2,)]
    double(tc.ones(3))
    double(a, factor=3.0)
    double(tc.asarray([1, 2]))
    assert double.trace_count == len(calls) == 4
    assert double.__name__ == "double"


def test_structures_go_in_and_come_out(device):
    @tc.function
    def swap(pair, *, names):
        first, second = pair
        return {"first": second, "rest": [first + 1.0, (names["k"], "text", None)]}

    result = swap((tc.asarray(1.0), tc.asarray(2.0)), names={"k": tc.asarray([3.0])})
    assert float(result["first"]) == 2.0
    assert float(result["rest"][0]) == 2.0
    assert result["rest"][1][0].tolist() == [3.0]
    assert result["rest"][1][1:] == ("text", None)


def test_numpy_arrays_are_arguments(device):
    f = tc.function(lambda x: tc.sum(x))
    assert float(f(np.ones(3, np.float32))) == 3.0
    assert float(f(np.full(3, 2.0, np.float32))) == 6.0
    assert f.trace_count == 1


def test_results_are_fresh(device):
    f = tc.function(lambda x: x + 1.0)
    first = f(tc.zeros(2))
    second = f(tc.ones(2))
    np.testing.assert_array_equal(first.numpy(), [1.0, 1.0])
    np.testing.assert_array_equal(second.numpy(), [2.0, 2.0])


def test_variables_are_read_at_each_run(device):
    v = tc.Variable([1.0, 2.0])
    f = tc.function(lambda x: x * v)
    x = tc.ones(2)
    np.testing.assert_array_equal(f(x).numpy(), [1.0, 2.0])
    v.assign([5.0, 6.0])
    np.testing.assert_array_equal(f(x).numpy(), [5.0, 6.0])
    v.move_storage(device.copy(v.storage))
    v.assign([7.0, 8.0])
    np.testing.assert_array_equal(f(x).numpy(), [7.0, 8.0])
    assert f.trace_count == 1


def test_writes_follow_the_program(device):
    v = tc.Variable(1.0)

    @tc.function
    def f(x):
        before = v + 0.0
        v.assign(v * x)
        between = v + 0.0
        v.assign_add(x)
        return before, between, v.value, v * 1.0

    got = [float(value) for value in f(tc.asarray(3.0))]
    assert got == [1.0, 3.0, 6.0, 6.0]
    assert float(v) == 6.0
    assert [float(value) for value in f(tc.asarray(3.0))] == [6.0, 18.0, 21.0, 21.0]


def test_an_old_value_outlives_the_write(device):
    v = tc.Variable([1.0, 2.0])

    @tc.function
    def f(x):
        old = v.value
        updates.variable_update(updates.sgd_update, [v], [v, x, 1.0])
        return old - v, old

    change, old = f(tc.asarray([0.25, 0.5]))
    np.testing.assert_array_equal(change.numpy(), [0.25, 0.5])
    np.testing.assert_array_equal(old.numpy(), [1.0, 2.0])
    np.testing.assert_array_equal(v.numpy(), [0.75, 1.5])


def test_values_held_outside_survive(device):
    v = tc.Variable([1.0])
    f = tc.function(lambda x: v.assign_add(x))
    held = v.value
    f(tc.ones(1))
    assert held.tolist() == [1.0]
    assert v.numpy().tolist() == [2.0]


def test_random_numbers_differ_from_run_to_run(device):
    f = tc.function(lambda x: (x + tc.random.uniform((4,)), tc.random.uniform((4,))))
    tc.random.set_seed(3)
    first, second = f(tc.zeros(4)), f(tc.zeros(4))
    tc.random.set_seed(3)
    eager = [tc.random.uniform((4,)).numpy() for _ in range(4)]
    traced = [part.numpy() for part in (*first, *second)]
    np.testing.assert_array_equal(traced, eager)


def test_gradients_inside(device):
    w = tc.Variable([1.0, 2.0])

    @tc.function
    def f(x):
        with tc.GradientTape() as tape:
            loss = tc.sum(tc.exp(w * x))
        return loss, tape.gradient(loss, w)

    x = tc.asarray([0.5, 0.25])
    loss, slope = f(x)
    np.testing.assert_allclose(float(loss), 2 * np.exp(0.5), rtol=1e-6)
    np.testing.assert_allclose(slope.numpy(), np.exp(0.5) * x.numpy(), rtol=1e-6)


def test_gradients_through(device):
    f = tc.function(lambda x: tc.sum(x * x * x))
    x = tc.asarray([1.0, 2.0])
    f(x)
    np.testing.assert_array_equal(tc.grad(f)(x).numpy(), [3.0, 12.0])


def test_second_derivatives_inside(device):
    f = tc.function(lambda x: tc.grad(tc.grad(lambda v: v * v * v))(x))
    assert float(f(tc.asarray(2.0))) == 12.0


def test_functions_nest(device):
    inner = tc.function(lambda x: x + 1.0)
    outer = tc.function(lambda x: inner(x) * 2.0)
    assert float(outer(tc.asarray(1.0))) == 4.0


def test_methods(device):
    class Counter:
        def __init__(self):
            self.total = tc.Variable(0.0)

        @tc.function
        def add(self, x):
            return self.total.assign_add(x).value

    a, b = Counter(), Counter()
    a.add(tc.asarray(1.0))
    a.add(tc.asarray(1.0))
    b.add(tc.asarray(5.0))
    assert (float(a.total), float(b.total)) == (2.0, 5.0)


def test_equal_parts_are_computed_once(device):
    f = tc.function(lambda x: tc.exp(x) * tc.exp(x) + tc.exp(x))
    x = tc.asarray([0.5])
    np.testing.assert_allclose(f(x).numpy(), np.exp(1.0) + np.exp(0.5), rtol=1e-6)
    nodes = next(iter(f._traces.values())).plan.nodes
    names = [name for node in nodes for name in getattr(node.op, "members", [node.op.name])]
    assert names.count("exp") == 1


def test_what_nobody_needs_is_left_out(device):
    def f(x):
        tc.exp(x)
        return x + 1.0

    traced = tc.function(f)
    traced(tc.ones(2))
    names = [node.op.name for node in next(iter(traced._traces.values())).plan.nodes]
    assert names == ["add"]


def test_constants_run_while_tracing(device):
    table = tc.asarray([1.0, 2.0])
    f = tc.function(lambda x: x + tc.exp(table))
    f(tc.zeros(2))
    assert [n.op.name for n in next(iter(f._traces.values())).plan.nodes] == ["add"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (lambda x: bool(tc.sum(x) > 0), "a Python condition on a tensor needs values"),
        (lambda x: float(tc.sum(x)), "a Python number made of a tensor needs values"),
        (lambda x: np.asarray(x), "NumPy needs values"),
        (lambda x: x.numpy(), r"\.numpy\(\) needs values"),
        (lambda x: x[x > 0], "the shape of the result depends on values"),
    ],
)
def test_what_needs_values_says_so(device, body, words):
    with pytest.raises(TracingError, match=words):
        tc.function(body)(tc.ones(2))
    assert float(tc.sum(tc.ones(2))) == 2.0  # tracing is over


def test_the_same_errors_while_tracing(device):
    with pytest.raises(ShapeError, match="add: shapes do not broadcast"):
        tc.function(lambda x: x + tc.ones(3))(tc.ones(2))
    if device.kind == "gpu":
        with pytest.raises(DeviceMismatchError, match="x1 is on gpu:0, x2 is on cpu"):
            tc.function(lambda x: x + tc.ones(2, device="cpu"))(tc.ones(2))


def test_labels_are_checked_at_every_run(device):
    f = tc.function(lambda x, y: tc.nn.sparse_softmax_cross_entropy(x, y))
    logits = tc.zeros((2, 3))
    f(logits, tc.asarray([0, 2]))
    with pytest.raises(ValueError, match="label 3 is out of range"):
        f(logits, tc.asarray([0, 3])).numpy()


def test_numbers_from_the_host(device):
    v = tc.Variable([1.0])
    numbers = iter([0.5, 0.25])

    @tc.function
    def f(x):
        (rate,) = mode.graph.host_numbers(lambda: (next(numbers),), 1, x.dtype)
        updates.variable_update(updates.sgd_update, [v], [v, x, rate])
        return x

    f(tc.ones(1))
    f(tc.ones(1))
    assert v.numpy().tolist() == [0.25]


def test_threads_take_turns(device):
    f = tc.function(lambda x: tc.sum(tc.exp(x) * x))
    inputs = [tc.full((64,), float(i)) for i in range(4)]
    expected = [float(f(x)) for x in inputs]
    wrong = []

    def work(number):
        with device:
            for _ in range(50):
                # Kernels that are compiled meanwhile may round differently.
                if not np.isclose(float(f(inputs[number])), expected[number], rtol=1e-6):
                    wrong.append(number)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []


def test_buffers_serve_several_results(device):
    def chain(x):
        for _ in range(20):
            x = tc.exp(-x)
        return x, tc.reshape(x, (-1,)) + 1.0

    f = tc.function(chain)
    x = tc.ones((100, 100))
    for actual, expected in zip(f(x), chain(x), strict=True):
        np.testing.assert_allclose(actual.numpy(), expected.numpy(), rtol=1e-6)
    plan = next(iter(f._traces.values())).plan
    assert plan.nbytes < 6 * x.nbytes  # 41 results; one argument and two outputs among the buffers


def test_a_buffer_is_kept_while_a_view_of_it_is_read(device):
    def f(x):
        y = tc.exp(x)
        view = tc.transpose(y)
        for _ in range(5):
            x = tc.exp(-x)
        return x + tc.transpose(view)

    x = tc.asarray(np.linspace(0.0, 1.0, 64, dtype=np.float32).reshape(8, 8))
    traced = tc.function(f)
    for _ in range(2):
        np.testing.assert_allclose(traced(x).numpy(), f(x).numpy(), rtol=1e-6)


def test_variables_are_read_where_the_program_reads_them(device):
    a, b = tc.Variable([1.0]), tc.Variable([2.0])

    @tc.function
    def swap():
        x, y = a.value, b.value
        a.assign(y)
        b.assign(x)
        return x

    with device:
        old = swap()
    assert (old.tolist(), a.numpy().tolist(), b.numpy().tolist()) == ([1.0], [2.0], [1.0])


def test_an_assigned_variable_keeps_gradient_and_dtype(device):
    v = tc.Variable([3.0])

    @tc.function
    def f(x):
        v.assign(x)
        with tc.GradientTape() as tape:
            y = tc.sum(v * v)
        return tape.gradient(y, v), v.value

    slope, value = f(tc.asarray(np.array([2.0])))
    assert slope.tolist() == [4.0]
    assert value.dtype == tc.float32


def test_an_assignment_between_two_steps_counts(device):
    from tensorcore import keras

    w, b = tc.Variable([5.0, -5.0]), tc.Variable([1.0])
    optimizer = keras.optimizers.SGD(0.1)

    @tc.function
    def f(g, h):
        optimizer.apply([g, h], [w, b])
        w.assign(tc.zeros(2))
        optimizer.apply([g, h], [w, b])

    f(tc.ones(2), tc.ones(1))
    np.testing.assert_allclose(w.numpy(), [-0.1, -0.1], rtol=1e-6)
    np.testing.assert_allclose(b.numpy(), [0.8], rtol=1e-6)


def test_a_value_read_before_the_trace_is_a_constant(device):
    v = tc.Variable([1.0])
    old = v.value
    f = tc.function(lambda x: x + old)
    f(tc.zeros(1))
    v.assign([5.0])
    assert f(tc.zeros(1)).tolist() == [1.0]


def test_python_does_not_read_variables_while_tracing(device):
    v = tc.Variable(1.0)
    with pytest.raises(TracingError, match="a Python number made of a tensor needs values"):
        tc.function(lambda x: x * float(v))(tc.ones(1))


def test_writing_into_a_tensor_while_tracing(device):
    t = tc.zeros(3)

    @tc.function
    def f(x):
        t[0] = x[0]
        return t

    with pytest.raises(TracingError, match=r"tc\.written"):
        f(tc.ones(3))
    assert t.tolist() == [0.0, 0.0, 0.0]


def test_what_cannot_be_a_key_is_refused(device):
    f = tc.function(lambda x, s: x * float(len(s)))
    with pytest.raises(TypeError, match="an argument of type set cannot be told from another one"):
        f(tc.ones(1), {1, 2})
    g = tc.function(lambda x, s: x[s])
    assert g(tc.arange(4), slice(1, 3)).tolist() == [1, 2]
    assert g(tc.arange(4), slice(0, 1)).tolist() == [0]


def test_instances_are_not_kept_alive(device):
    class Doubler:
        @tc.function
        def call(self, x):
            return x * 2.0

    doubler = Doubler()
    doubler.call(tc.ones(2))
    gone = weakref.ref(doubler)
    del doubler
    gc.collect()
    assert gone() is None


def test_a_model_may_be_built_inside(device):
    from tensorcore import keras

    model = keras.Sequential([keras.layers.Dense(3), keras.layers.Dense(1)])
    f = tc.function(lambda x: model(x))
    x = tc.ones((2, 4))
    np.testing.assert_allclose(f(x).numpy(), model(x).numpy(), rtol=1e-6)


def test_functions_that_convert_their_inputs_read_variables_anew(device):
    weight = tc.Variable([[2.0]])

    @tc.function
    def product(x):
        return tc.einsum("ij,jk->ik", x, weight)

    x = tc.ones((1, 1))
    assert product(x).tolist() == [[2.0]]
    weight.assign([[3.0]])
    assert product(x).tolist() == [[3.0]]


def test_a_bad_index_is_refused_although_nobody_needs_the_result(device):
    table = tc.asarray([1.0, 2.0])

    def body(x, i):
        tc.take(table, i)
        return x + 1.0

    f = tc.function(body)
    f(tc.ones(2), tc.asarray([0]))
    with pytest.raises(ValueError, match="out of range"):
        f(tc.ones(2), tc.asarray([5]))
        device.synchronize()


def test_a_step_that_failed_does_not_count():
    from tensorcore import keras

    with tc.device("cpu"):
        w = tc.Variable([[1.0, 2.0, 3.0]])
        optimizer = keras.optimizers.SGD(0.1)

        @tc.function
        def step(x, labels):
            with tc.GradientTape() as tape:
                loss = tc.mean(tc.nn.sparse_softmax_cross_entropy(x @ w, labels))
            optimizer.apply(tape.gradient(loss, [w]), [w])
            return loss

        step(tc.ones((2, 1)), tc.asarray([0, 1]))
        with pytest.raises(ValueError, match="label 3 is out of range"):
            step(tc.ones((2, 1)), tc.asarray([0, 3]))
        step(tc.ones((2, 1)), tc.asarray([0, 1]))
    assert int(optimizer.iterations) == 2
