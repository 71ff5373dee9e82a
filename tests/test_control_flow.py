"""Branches and loops: traced they give the values, gradients, writes and random numbers of eager
runs.
"""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import tensorcore as tc
from tensorcore.errors import DTypeError, GradientError, ShapeError, TracingError


def numbers(value):
    """All numbers of a nested result, as one list of arrays."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [array for part in value for array in numbers(part)]
    return [value.numpy() if hasattr(value, "numpy") else tc.asarray(value).numpy()]


def same(function, *args, runs=2, rtol=1e-6):
    """Check that a function gives the same traced, several times, as eager."""
    traced = tc.function(function)
    for _ in range(runs):
        for actual, expected in zip(numbers(traced(*args)), numbers(function(*args)), strict=True):
            np.testing.assert_allclose(actual, expected, rtol=rtol)
            assert actual.dtype == expected.dtype


BRANCHES = {
    "numbers": lambda x: tc.cond(x > 0, lambda: 1.0, lambda: 2.0),
    "captured": lambda x: tc.cond(x > 0, lambda: x * 2.0, lambda: x - 1.0),
    "operands": lambda x: tc.cond(x > 0, lambda a, b: a + b, lambda a, b: a * b, x, x + 1.0),
    "structures": lambda x: tc.cond(
        x > 0, lambda: {"a": x, "b": (x + 1.0, 0.5)}, lambda: {"a": -x, "b": (x, 2.0)}
    ),
    "nested": lambda x: tc.cond(
        x > 0,
        lambda: tc.cond(x > 2, lambda: x * 10.0, lambda: x * 3.0),
        lambda: tc.exp(x) * tc.cond(x < -2, lambda: x, lambda: x * x),
    ),
    "of a number": lambda x: tc.cond(tc.sum(x), lambda: x * 2.0, lambda: x + 1.0),
}


@pytest.mark.parametrize("name", BRANCHES)
@pytest.mark.parametrize("x", [-3.0, -1.0, 0.0, 1.0, 3.0])
def test_branches(device, name, x):
    same(BRANCHES[name], tc.asarray(x))


def test_one_node(device):
    f = tc.function(BRANCHES["nested"])
    f(tc.asarray(1.0))
    names = [node.op.name for node in f.traces[0].plan.nodes]
    assert names == ["greater", "cond"]


def test_only_the_branch_that_is_taken_runs(device):
    table = tc.asarray([1.0, 2.0])
    f = tc.function(lambda i: tc.cond(i < 2, lambda: tc.take(table, i), lambda: tc.asarray(-1.0)))
    assert [float(f(tc.asarray(i))) for i in (0, 1, 7)] == [1.0, 2.0, -1.0]


def test_switch(device):
    f = lambda i, x: tc.switch_case(i, [lambda: x, lambda: x * x, lambda: -x])  # noqa: E731
    traced = tc.function(f)
    for i in (-1, 0, 1, 2, 3):
        assert float(traced(tc.asarray(i), tc.asarray(3.0))) == float(f(i, tc.asarray(3.0)))
    sparse = tc.function(
        lambda i, x: tc.switch_case(i, {3: lambda: x, 7: lambda: x * x}, default=lambda: x * 0.0)
    )
    results = [float(sparse(tc.asarray(i), tc.asarray(3.0))) for i in (3, 7, 0)]
    assert results == [3.0, 9.0, 0.0]


LOOPS = {
    "while": lambda x: tc.while_loop(lambda v: tc.sum(v) < 100.0, lambda v: v * v + 1.0, x),
    "several": lambda x: tc.while_loop(
        lambda i, v, w: i < 5, lambda i, v, w: (i + 1, w, v + w), (0, x, x * 0.5)
    ),
    "bounded": lambda x: tc.while_loop(
        lambda v: tc.sum(v) < 1e6, lambda v: v * 2.0, x, maximum_iterations=3
    ),
    "no run": lambda x: tc.while_loop(lambda v: tc.sum(v) < -100.0, lambda v: v + 1.0, x),
    "scan": lambda x: tc.scan(lambda s, v: (s * 0.5 + v * v, s - v), tc.zeros(()), x),
    "reverse": lambda x: tc.scan(lambda s, v: (s * 0.5 + v * v, s - v), 0.0, x, reverse=True),
    "scan of dicts": lambda x: tc.scan(
        lambda s, v: ({"s": s["s"] + v["a"] * v["b"]}, (s["s"], v["a"])),
        {"s": 0.0},
        {"a": x, "b": x * 2.0},
    ),
    "captures": lambda x: tc.scan(lambda s, v: (tc.tanh(s * x), tc.sum(s) * v), x, x)[1],
    "runs": lambda x: tc.scan(lambda s, _: (s * 1.5, None), x, length=3)[0],
    "map": lambda x: tc.map_fn(lambda v: (tc.exp(v), v * 2.0), x),
    "for": lambda x: tc.fori_loop(1, 4, lambda i, s: s + x * tc.astype(i, x.dtype), x),
    "nested": lambda x: tc.scan(
        lambda s, v: (tc.scan(lambda t, w: (t + w * v, None), s, x)[0], s), 0.0, x
    ),
    "branch inside": lambda x: tc.scan(
        lambda s, v: (tc.cond(v > 1.0, lambda: s * v, lambda: s - v), s), 1.0, x
    ),
    "while inside": lambda x: tc.scan(
        lambda s, v: (tc.while_loop(lambda a: a < 5.0, lambda a: a * 2.0 + v * v, s) * 0.1, s),
        1.0,
        x,
    ),
    "loop in a branch": lambda x: tc.cond(
        tc.sum(x) > 0,
        lambda: tc.while_loop(lambda a: tc.sum(a) < 50.0, lambda a: a * 2.0, x),
        lambda: x,
    ),
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops(device, name):
    same(LOOPS[name], tc.asarray([0.5, 1.25, 2.0]))


def total(function):
    """A function whose value is one number, for gradients."""

    def summed(x):
        result = function(x)
        parts = result if isinstance(result, (tuple, list)) else [result]
        parts = [
            leaf
            for part in parts
            for leaf in (
                part.values()
                if isinstance(part, dict)
                else part
                if isinstance(part, tuple)
                else [part]
            )
        ]
        return sum(tc.sum(leaf * leaf) for leaf in parts)

    return summed


@pytest.mark.parametrize("name", LOOPS)
def test_gradients_of_loops(device, name):
    same(tc.grad(total(LOOPS[name])), tc.asarray([0.5, 1.25, 2.0]), rtol=1e-5)


@pytest.mark.parametrize(
    "name",
    [
        n
        for n in LOOPS
        if n not in ("while", "several", "while inside", "loop in a branch", "no run", "for")
    ],
)
def test_second_derivatives_of_loops(device, name):
    f = total(LOOPS[name])
    x, v = tc.asarray([0.5, 1.25, 2.0]), tc.asarray([1.0, -0.5, 0.25])
    same(lambda x: tc.hvp(f, x, v), x, rtol=1e-5)


def test_second_derivatives_need_a_bound(device):
    f = tc.function(tc.grad(tc.grad(LOOPS["while"])))
    with pytest.raises(GradientError, match="give it maximum_iterations="):
        f(tc.asarray(2.0))


@pytest.mark.parametrize("name", ["captured", "nested"])
def test_gradients_of_branches(device, name):
    for x in (-3.0, -1.0, 1.0, 3.0):
        same(tc.grad(BRANCHES[name]), tc.asarray(x))
        same(tc.grad(tc.grad(BRANCHES[name])), tc.asarray(x))


def test_gradients_against_differences(device):
    f = tc.function(tc.value_and_grad(lambda x: tc.sum(LOOPS["captures"](x) ** 2)))
    rng = np.random.default_rng(5)
    x = tc.asarray(rng.uniform(0.2, 2.0, 6))
    direction = tc.asarray(rng.normal(size=6))
    step = 1e-6
    upper, lower = f(x + direction * step)[0], f(x - direction * step)[0]
    slope = float(tc.sum(f(x)[1] * direction))
    np.testing.assert_allclose(slope, float(upper - lower) / (2 * step), rtol=1e-7)


def test_weights_in_a_loop_get_gradients(device):
    w = tc.Variable([[0.5, -0.25], [0.125, 0.75]])
    b = tc.Variable([0.1, -0.1])

    def step(xs):
        with tc.GradientTape() as tape:
            state, _ = tc.scan(lambda h, x: (tc.tanh(h @ w + x + b), None), tc.zeros((3, 2)), xs)
            loss = tc.sum(state * state)
        return loss, tape.gradient(loss, [w, b])

    same(
        step,
        tc.asarray(np.random.default_rng(1).normal(size=(4, 3, 2)).astype(np.float32)),
        rtol=1e-5,
    )


# What branches and loops change -------------------------------------------------------------------


def test_assignments_in_a_branch(device):
    v = tc.Variable(1.0)

    def f(x):
        before = v + 0.0
        got = tc.cond(x > 0, lambda: v.assign_add(x).value * 1.0, lambda: v * 10.0)
        return before, got, v + 0.0

    eager, traced = [], []
    for function, found in ((f, eager), (tc.function(f), traced)):
        v.assign(1.0)
        for x in (2.0, -1.0, 3.0, 0.5):
            found.append([float(part) for part in function(tc.asarray(x))])
        found.append(float(v))
    assert traced == eager


def test_assignments_in_a_loop(device):
    v = tc.Variable([1.0, 2.0])
    n = tc.Variable(0)

    def f(x):
        def body(s):
            v.assign(v * 0.5 + s)
            n.assign_add(1)
            return s + tc.sum(v)

        return tc.while_loop(lambda s: s < x, body, tc.zeros(())), v.value, n.value

    found = []
    for function in (f, tc.function(f)):
        v.assign([1.0, 2.0])
        n.assign(0)
        found.append([[a.tolist() for a in function(tc.asarray(x))] for x in (20.0, 5.0)])
    assert found[0] == found[1]


def test_the_condition_reads_what_the_body_writes(device):
    v = tc.Variable(0.0)

    @tc.function
    def f(x):
        return tc.while_loop(lambda i: v < x, lambda i: (v.assign_add(2.0), i + 1)[1], 0)

    assert int(f(tc.asarray(7.0))) == 4
    assert float(v) == 8.0


def test_gradients_of_a_variable_that_is_assigned_in_a_branch(device):
    v = tc.Variable(3.0)

    def f(x):
        with tc.GradientTape() as tape:

            def branch():
                first = v * x
                v.assign(x)
                return first + v * v

            y = tc.cond(x > 0, branch, lambda: v * 1.0)
        return tape.gradient(y, v)

    eager = f(tc.asarray(2.0))
    v.assign(3.0)
    traced = tc.function(f)(tc.asarray(2.0))
    assert float(eager) == float(traced) == 6.0


def test_optimizers_in_a_branch(device):
    """As gradient accumulation does it: a step every third time."""
    from tensorcore import keras

    def run(trace):
        w, b = tc.Variable([1.0, 2.0]), tc.Variable([0.5])
        sums = [tc.Variable(tc.zeros(2)), tc.Variable(tc.zeros(1))]
        count = tc.Variable(0)
        optimizer = keras.optimizers.Adam(0.1)
        optimizer.build([w, b])

        def f(x):
            with tc.GradientTape() as tape:
                loss = tc.sum((w * x + b) ** 2)
            for total, g in zip(sums, tape.gradient(loss, [w, b]), strict=True):
                total.assign_add(g)
            count.assign_add(1)

            def apply():
                optimizer.apply([total.value for total in sums], [w, b])
                for total in sums:
                    total.assign(tc.zeros(total.shape))
                return tc.sum(w)

            return tc.cond(tc.equal(count % 3, 0), apply, lambda: tc.sum(w)), w.value, b.value

        f = tc.function(f) if trace else f
        found = [numbers(f(tc.asarray([0.5, float(i)]))) for i in range(7)]
        return found, int(optimizer.iterations), numbers(list(optimizer.variables[1:]))

    (eager, steps, state), (traced, traced_steps, traced_state) = run(False), run(True)
    assert steps == traced_steps == 2
    for a, b in zip(eager, traced, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-5)
    for x, y in zip(state, traced_state, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5)


def test_random_numbers_in_branches_and_loops(device):
    def f(x):
        a = tc.random.uniform((2,))
        b = tc.cond(x > 0, lambda: tc.random.uniform((5,)), lambda: tc.zeros(5))
        c = tc.random.uniform((3,))
        d = tc.while_loop(
            lambda s: tc.sum(s) < x + 3.0, lambda s: s + tc.random.uniform((2,)), tc.zeros(2)
        )
        e = tc.random.uniform((3,))
        g = tc.map_fn(lambda v: v * tc.random.uniform((2,)), tc.ones((3, 1)))
        return a, b, c, d, e, g

    found = []
    for function in (f, tc.function(f)):
        tc.random.set_seed(3)
        found.append([numbers(function(tc.asarray(x))) for x in (1.0, -1.0, 2.0)])
        found[-1].append([tc.random.uniform((4,)).numpy()])
    for a, b in zip(*found, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)


def test_gradients_with_random_numbers_see_the_same_ones(device):
    def f(x):
        with tc.GradientTape() as tape:
            tape.watch(x)
            y = tc.sum(tc.scan(lambda s, v: (s + v * tc.random.uniform(()), None), 0.0, x)[0])
            y = y + tc.cond(y > -1e9, lambda: tc.sum(tc.random.dropout(x, 0.5)), lambda: 0.0)
        return y, tape.gradient(y, x)

    tc.random.set_seed(5)
    eager = numbers(f(tc.ones(8)))
    tc.random.set_seed(5)
    traced = numbers(tc.function(f)(tc.ones(8)))
    for x, y in zip(eager, traced, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-6)
    np.testing.assert_allclose(traced[0], traced[1].sum(), rtol=1e-6)


# Errors -------------------------------------------------------------------------------------------


OR_EAGERLY = ", or run eagerly (run_eagerly=True, or without tc.function)."
STRUCTURE = "Return the same structure of tensors" + OR_EAGERLY


@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        (
            lambda x: tc.cond(x > 0, lambda: tc.zeros(2), lambda: tc.zeros(3)),
            ShapeError,
            "cond: the result has shape (2,) in true_fn and (3,) in false_fn. Reshape or pad one "
            "of them" + OR_EAGERLY,
        ),
        (
            lambda x: tc.cond(x > 0, lambda: {"a": x}, lambda: {"a": tc.asarray(1)}),
            DTypeError,
            "cond: the result['a'] has dtype float32 in true_fn and int32 in false_fn. Convert one "
            "of them with tc.astype" + OR_EAGERLY,
        ),
        (
            lambda x: tc.cond(x > 0, lambda: (x, x), lambda: None),
            TracingError,
            "cond: the result must be built alike, received (tensor, tensor) in true_fn and None "
            "in false_fn. " + STRUCTURE,
        ),
        (
            lambda x: tc.while_loop(lambda v: v < 9.0, lambda v: tc.stack([v, v]), x),
            ShapeError,
            "while_loop: loop_vars has shape () before the loop and (2,) after a run of the body. "
            "Reshape or pad one of them" + OR_EAGERLY,
        ),
        (
            lambda x: tc.while_loop(lambda i, v: i < 9, lambda i, v: (v, i), (0, x)),
            DTypeError,
            "while_loop: loop_vars[0] has dtype int32 before the loop and float32 after a run of "
            "the body. Convert one of them with tc.astype" + OR_EAGERLY,
        ),
        (
            lambda x: tc.cond(tc.stack([x, x]) > 0, lambda: x, lambda: x),
            ValueError,
            "the truth value of a tensor of shape (2,) is ambiguous; use tc.any(x) or tc.all(x)",
        ),
        (
            lambda x: tc.scan(lambda s, v: s, x, tc.ones(3)),
            ValueError,
            "scan: the function must return two values, the next state and a result (or None), "
            "received a tensor",
        ),
        (
            lambda x: tc.scan(lambda s, v: (s, v), x, (tc.ones(3), tc.ones(4))),
            ShapeError,
            "scan: all of xs must have the same first dimension, received [3, 4]",
        ),
    ],
)
def test_errors(device, function, error, words):
    with pytest.raises(error) as caught:
        tc.function(function)(tc.asarray(1.0))
    assert str(caught.value) == words


def test_what_leaks_out_of_a_branch_is_refused(device):
    kept = []

    @tc.function
    def f(x):
        tc.cond(x > 0, lambda: kept.append(x * 2.0) or x, lambda: x)
        return kept[0] + 1.0

    with pytest.raises(TracingError, match="traced in a branch was kept"):
        f(tc.asarray(1.0))


def test_bad_values_in_a_branch_are_refused_when_it_runs(device):
    table = tc.asarray([1.0, 2.0])
    f = tc.function(lambda i: tc.cond(i > -5, lambda: tc.take(table, i), lambda: 0.0))
    assert float(f(tc.asarray(-9))) == 0.0
    with pytest.raises(ValueError, match="out of range"):
        f(tc.asarray(5)).numpy()


# Memory -------------------------------------------------------------------------------------------


def test_traces_with_control_flow_are_freed(device):
    w = tc.Variable([1.0, 2.0])

    def one():
        f = tc.function(lambda x: tc.grad(lambda v: tc.sum(LOOPS["branch inside"](v * w)[0]))(x))
        f(tc.ones(2))
        return weakref.ref(f), weakref.ref(f.traces[0].plan)

    refs = [one() for _ in range(3)]
    gc.collect()
    assert [ref() for pair in refs for ref in pair] == [None] * 6
