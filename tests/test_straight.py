"""The short way of eager operations: it is taken, and it never changes what comes out."""

import threading

import numpy as np
import pytest

import tensorcore as tc
from tensorcore.errors import OutOfRangeError, ShapeError
from tensorcore.mode import listeners
from tensorcore.ops import indexing
from tensorcore.ops.linear import matmul
from tensorcore.ops.reductions import sum as sum_of

UNARY = [tc.exp, tc.sin, tc.abs]
BINARY = [tc.add, tc.multiply, tc.maximum]


@pytest.fixture
def x():
    return tc.asarray(np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4), device="cpu")


@pytest.mark.parametrize("operation", UNARY + BINARY, ids=lambda operation: operation.name)
def test_elementwise_functions_go_straight(operation, x):
    before = operation.straight_runs
    arguments = (x,) if operation in UNARY else (x, x)
    operation(*arguments)
    assert operation.straight_runs == before + 1


def test_operators_reductions_and_products_go_straight(x):
    before = (tc.add.straight_runs, sum_of.straight_runs, matmul.straight_runs)
    x + x
    x + 1.0
    x.sum()
    x @ x.T
    assert (tc.add.straight_runs, sum_of.straight_runs, matmul.straight_runs) == (
        before[0] + 2,
        before[1] + 1,
        before[2] + 1,
    )


def test_slices_and_numbers_go_straight(x, monkeypatch):
    def not_taken(*_):
        raise RuntimeError("the long way")

    monkeypatch.setattr(indexing, "index_tensor", not_taken)
    assert x[1:3].shape == (2, 4)
    assert x[-1].shape == (4,)
    assert float(x[0][0]) == -1.0


def test_results_without_dimensions_are_tensors(x):
    for result in (x[0, 0] + x[0, 0], tc.exp(x[0, 0]), x.sum(), x[0] @ x[0], x[0][1]):
        assert type(result) is tc.Tensor
        assert result.shape == ()


def test_large_products_take_the_way_with_the_thread_governor():
    big = tc.ones((80, 80), device="cpu")
    before = matmul.straight_runs
    big @ big
    assert matmul.straight_runs == before


def test_a_tape_sees_what_went_straight(x):
    with tc.GradientTape() as tape:
        tape.watch(x)
        y = ((x @ x.T).sum() + x[0].sum() + (x * x)[1:].sum()).sum()
    expected = 2 * np.sum(x.numpy(), axis=0) + np.zeros((3, 1), np.float32)
    expected[0] += 1
    expected[1:] += 2 * x.numpy()[1:]
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_an_index_of_a_variable_is_no_view_of_its_memory():
    variable = tc.Variable([1.0, 2.0, 3.0], device="cpu")
    part, one = variable.value[1:], variable.value[0]
    variable.assign([7.0, 8.0, 9.0])
    assert part.tolist() == [2.0, 3.0]
    assert one.tolist() == 1.0


def test_errors_are_those_of_the_long_way(x):
    with pytest.raises(ShapeError, match="add: "):
        x + x[:2, :3]
    with pytest.raises(ShapeError, match="matmul: "):
        x @ x
    with pytest.raises(OutOfRangeError, match="indexing a tensor of shape"):
        x[7]
    with pytest.raises(ValueError):
        tc.max(tc.zeros((0,), device="cpu"))


def test_listeners_of_all_threads_are_counted(x):
    inside, done = threading.Event(), threading.Event()

    def listen():
        with tc.GradientTape():
            inside.set()
            done.wait(10)

    before = listeners.threads
    thread = threading.Thread(target=listen)
    thread.start()
    inside.wait(10)
    assert listeners.threads == before + 1
    assert (x + x).shape == x.shape
    done.set()
    thread.join()
    assert listeners.threads == before


def test_small_arrays_that_come_often_get_a_kernel(x, monkeypatch):
    from tensorcore.ops import elementwise

    monkeypatch.setattr(elementwise, "SMALL_RUNS", tc.nn.softplus._small_runs + 3)
    softplus = tc.nn.softplus
    before = softplus.runs["cpu", "generated"]
    expected = softplus(x).numpy()
    for _ in range(4):
        found = softplus(x)
    assert softplus.runs["cpu", "generated"] > before
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6, atol=1e-7)
