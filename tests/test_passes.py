"""Passes over traced graphs: each fires on a graph that fits, and changes no value."""

from __future__ import annotations

import numpy as np
import pytest

import tensorcore as tc
from tensorcore.errors import InvalidArgumentError


@pytest.fixture(autouse=True)
def passes_as_before():
    yield
    tc.config.passes = None


def traced(function, *args, passes=None):
    """The value of a traced call with kernels that were compiled for it, and the plan."""
    tc.config.passes = passes
    f = tc.function(function)
    f(*args)
    plan = next(iter(f._traces.values())).plan
    plan.compile()
    return f(*args), plan


def operations(plan):
    return [node.op.name for node in plan.nodes if node.op is not None]


def test_names_of_passes():
    assert tc.config.passes == ("share", "prune", "lookups", "fuse")
    tc.config.passes = "-fuse"
    assert tc.config.passes == ("share", "prune", "lookups")
    tc.config.passes = ["prune"]
    assert tc.config.passes == ("prune",)
    tc.config.passes = "none"
    assert tc.config.passes == ()
    with pytest.raises(InvalidArgumentError, match="there is no pass 'melt'; there are share"):
        tc.config.passes = "melt"


def test_the_environment_chooses_passes(monkeypatch):
    monkeypatch.setenv("TENSORCORE_PASSES", "-fuse,-share")
    assert tc.config.passes == ("prune", "lookups")


def gelu_like(x, b):
    y = x + b
    return y * tc.nn.sigmoid(y) + tc.where(y > 0, tc.exp(-y), 0.5)


def test_elementwise_operations_are_fused(device):
    rng = np.random.default_rng(0)
    x, b = (
        tc.asarray(rng.normal(size=shape).astype(np.float32), device=device)
        for shape in ((5, 7), (7,))
    )
    value, plan = traced(gelu_like, x, b)
    assert len(plan.nodes) == 1
    assert plan.nodes[0].op.name.startswith("fused_add_sigmoid")
    plain, apart = traced(gelu_like, x, b, passes="none")
    assert len(apart.nodes) > 5
    np.testing.assert_allclose(value.numpy(), gelu_like(x, b).numpy(), rtol=1e-6)
    np.testing.assert_allclose(plain.numpy(), gelu_like(x, b).numpy(), rtol=1e-6)


def test_a_fused_loop_has_several_results(device):
    def f(x):
        y = tc.exp(x)
        return y, y * x, tc.sum(y) * x

    x = tc.asarray([0.5, 1.0, 2.0], device=device)
    values, plan = traced(f, x)
    for value, expected in zip(values, f(x), strict=True):
        np.testing.assert_allclose(value.numpy(), expected.numpy(), rtol=1e-6)
    # The sum lies between the first two and the third, which cannot join them.
    assert operations(plan) == ["fused_exp_multiply", "sum", "multiply"]


def test_what_waits_for_itself_is_not_fused(device):
    def f(x):
        y = tc.exp(x)
        z = y - tc.max(y)
        return z * y

    x = tc.asarray([0.5, 1.0, 2.0], device=device)
    value, plan = traced(f, x)
    np.testing.assert_allclose(value.numpy(), f(x).numpy(), rtol=1e-6)
    assert operations(plan) == ["exp", "max", "fused_subtract_multiply"]


def test_fusion_keeps_reads_and_writes_in_order(device):
    with device:
        v = tc.Variable([1.0, 2.0])
        w = tc.Variable([0.0, 0.0])

    def f(x):
        before = v * x
        v.assign(before + 1.0)
        after = v * x
        w.assign(before * after)
        v.assign(after)
        return before - after

    def run(step):
        v.assign([1.0, 2.0])
        with device:
            x = tc.asarray([3.0, 4.0])
        results = [step(x).numpy() for _ in range(3)]
        return [*results, v.numpy(), w.numpy()]

    expected = run(f)
    g = tc.function(f)
    run(g)
    next(iter(g._traces.values())).plan.compile()
    for value, right in zip(run(g), expected, strict=True):
        np.testing.assert_allclose(value, right, rtol=1e-6)


def test_half_precision_stays_apart(device):
    x = tc.asarray(np.linspace(-2, 2, 64), dtype=tc.float16, device=device)
    value, plan = traced(lambda x: tc.tanh(x) * x + x, x)
    assert operations(plan) == ["tanh", "multiply", "add"]
    np.testing.assert_array_equal(value.numpy(), (tc.tanh(x) * x + x).numpy())


INDICES = np.array([[1, 1, 1, 1, 0, 2, 3], [3, 2, 1, 0, 0, 0, 0], [4, 3, 2, 1, 4, 3, 4]])


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("keepdims", [False, True])
def test_the_mean_of_looked_up_rows(device, dtype, keepdims):
    table = tc.asarray(np.random.default_rng(0).normal(size=(5, 3)), dtype=dtype, device=device)
    indices = tc.asarray(INDICES, device=device)

    def f(table, indices):
        return tc.mean(tc.take(table, indices, axis=0), axis=1, keepdims=keepdims)

    value, plan = traced(f, table, indices)
    expected = ["take_mean"] if device.kind == "cpu" else ["take", "mean"]
    assert operations(plan)[-len(expected) :] == expected
    rtol = 1e-3 if dtype == "float16" else 1e-5
    np.testing.assert_allclose(value.numpy(), f(table, indices).numpy(), rtol=rtol, atol=1e-6)
    tc.config.passes = None
    g = tc.function(f)
    with pytest.raises(tc.errors.OutOfRangeError, match="take: index 5 is out of range"):
        g(table, tc.asarray(INDICES + 1, device=device)).numpy()


def test_the_gradient_of_the_mean_of_looked_up_rows(device):
    indices = tc.asarray(INDICES, device=device)
    with device:
        table = tc.Variable(np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32))

    def slope():
        with tc.GradientTape() as tape:
            loss = tc.sum(tc.mean(tc.take(table, indices, axis=0), axis=1) ** 2)
        return tape.gradient(loss, table)

    value, _ = traced(slope)
    np.testing.assert_allclose(value.numpy(), slope().numpy(), rtol=1e-5, atol=1e-6)


def test_explain_shows_graphs_plan_and_sources(device):
    f = tc.function(lambda x: tc.tanh(x * 2.0) + x)
    assert "not called yet" in f.explain()
    f(tc.asarray([0.5, 1.0], device=device))
    text = f.explain()
    assert "== graph as traced ==" in text
    assert "%1: float32[2] = multiply(argument0, 2.0)" in text.replace("np.float32(2.0)", "2.0")
    assert "== graph after share, prune" in text
    assert f"== plan on {device}: 1 calls" in text
    assert "== source of fused_multiply_tanh_add ==" in text
    assert "tanh(" in text.split("== source of")[1]


def test_a_plan_is_profiled():
    f = tc.function(lambda x: tc.sum(tc.exp(x)))
    f(tc.asarray([0.5, 1.0], device="cpu"))
    table = next(iter(f._traces.values())).plan.profile(repeats=2)
    assert [name for name, _ in table] == ["exp", "sum"]
    assert all(seconds > 0 for _, seconds in table)
