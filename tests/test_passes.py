"""Passes over traced graphs: each fires on a graph that fits, and changes no value."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from tensorcore.kernels.cpu import native
from tensorcore.kernels.cpu.jit import kernel
from tensorcore.kernels.cpu.piece import Piece

import tensorcore as tc
from tensorcore.errors import InvalidArgumentError, OutOfRangeError
from tests.plans import operations, traced


@pytest.fixture(autouse=True)
def passes_as_before():
    yield
    tc.config.passes = None


NAMES = (
    *("algebra", "share", "prune", "lookups", "endings", "products", "product_gradients"),
    *("fuse", "casts", "sums", "updates", "native"),
)


def test_names_of_passes():
    assert tc.config.passes == NAMES
    tc.config.passes = "-fuse"
    assert tc.config.passes == tuple(name for name in NAMES if name != "fuse")
    tc.config.passes = ["prune"]
    assert tc.config.passes == ("prune",)
    tc.config.passes = "none"
    assert tc.config.passes == ()
    with pytest.raises(InvalidArgumentError, match="there is no pass 'melt'; there are algebra"):
        tc.config.passes = "melt"


def test_the_environment_chooses_passes(monkeypatch):
    monkeypatch.setenv("TENSORCORE_PASSES", "-fuse,-share")
    assert tc.config.passes == tuple(name for name in NAMES if name not in ("fuse", "share"))


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


def test_what_has_its_dtype_is_not_converted(device):
    v = tc.Variable(tc.ones((3,), device=device))

    @tc.function
    def f(x):
        before = tc.astype(v, tc.float32)  # a copy: the variable changes below
        v.assign(tc.astype(tc.astype(v, tc.float32) * 2.0, tc.float32) + x)
        return before, tc.astype(x, tc.float32), tc.astype(x, tc.float64)

    x = tc.asarray(np.arange(3, dtype=np.float32), device=device)
    for old in (np.ones(3), np.arange(3) + 2.0):
        before, same, wide = f(x)
        np.testing.assert_array_equal(before.numpy(), old)
        np.testing.assert_array_equal(same.numpy(), x.numpy())
        assert (same.dtype, wide.dtype) == (tc.float32, tc.float64)
        np.testing.assert_array_equal(v.numpy(), 2 * old + x.numpy())
    plan = next(iter(f._traces.values())).plan
    assert operations(plan).count("convert") == 1


def normalized(x):
    wide = tc.astype(x, tc.float32)
    centred = wide - tc.mean(wide, axis=0)
    return tc.astype(centred * tc.rsqrt(tc.mean(centred * centred, axis=0) + 1e-3), x.dtype)


def rounded_between(x):
    narrow = tc.astype(tc.astype(x, tc.float32) * 1.37, x.dtype)
    return tc.astype(narrow, tc.float32) - tc.astype(x, tc.float32), narrow


def wanted_wide_too(x):
    y = tc.exp(tc.astype(x, tc.float32)) + 1.0
    return y, tc.astype(y, tc.float16), tc.astype(y, tc.bfloat16), tc.sum(tc.astype(y, x.dtype))


def widened_only(x):
    return tc.astype(x, tc.float32)


@pytest.mark.parametrize("device", ["gpu"], indirect=True)
@pytest.mark.parametrize("shape", [(5, 7), (12, 16)], ids=str)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize(
    ("function", "left"),
    [
        (normalized, ["fused_convert_mean", "fused_subtract_multiply_mean", "fused_add_rsqrt"]),
        (rounded_between, ["fused_multiply", "fused_subtract"]),
        (wanted_wide_too, ["fused_exp_add", "sum"]),
        (widened_only, ["fused_convert"]),
    ],
)
def test_loops_convert_what_they_read_and_write(device, function, left, dtype, shape):
    x = tc.asarray(np.random.default_rng(0).normal(size=shape).astype(np.float32), device=device)
    x = tc.astype(x, dtype)
    values, plan = traced(function, x)
    before, apart = traced(function, x, passes="-casts,-sums")
    assert "convert" in operations(apart)
    found = operations(plan)
    assert [name for name in found if name.startswith(tuple(left))][: len(left)] == left
    assert "convert" not in found
    for value, other in zip(*map(_each, (values, before)), strict=True):
        assert value.dtype == other.dtype
        tolerance = 1e-2 if function is normalized else 0  # sums are added in another order there
        np.testing.assert_allclose(
            tc.astype(value, "float32").numpy(),
            tc.astype(other, "float32").numpy(),
            rtol=tolerance,
            atol=tolerance / 10,
        )


def _each(values):
    return values if isinstance(values, tuple) else (values,)


def test_a_fused_loop_has_several_results(device):
    def f(x):
        y = tc.exp(x)
        return y, y * x, tc.sum(y) * x

    x = tc.asarray([0.5, 1.0, 2.0], device=device)
    values, plan = traced(f, x)
    for value, expected in zip(values, f(x), strict=True):
        np.testing.assert_allclose(value.numpy(), expected.numpy(), rtol=1e-6)
    # The sum lies between the first two and the third, which cannot join them.
    assert operations(plan) == ["fused_exp_multiply_sum", "multiply"]


ALGEBRA = [
    (lambda x: x**2, ["multiply"]),
    (lambda x: tc.exp(x) ** 1, ["exp"]),
    (lambda x: tc.exp(x * 1) / 1 - 0, ["exp"]),
    (lambda x: tc.negative(tc.negative(tc.exp(x))), ["exp"]),
    (lambda x: tc.matrix_transpose(tc.matrix_transpose(tc.exp(x))), ["exp"]),
    (lambda x: tc.reshape(tc.reshape(tc.exp(x), (-1,)), (6, 6)), ["exp"]),
    (lambda x: tc.matrix_transpose(x) @ x, ["matmul"]),
    (lambda x: x @ tc.matrix_transpose(x[:5]), ["getitem", "matmul"]),
    (lambda x: tc.exp(x) + 0, ["fused_exp_add"]),
    (lambda x: x[0] @ tc.matrix_transpose(x), ["getitem", "matmul"]),
]


@pytest.mark.parametrize("number", range(len(ALGEBRA)))
def test_what_is_equal_is_not_computed(device, number):
    function, names = ALGEBRA[number]
    x = tc.asarray(np.random.default_rng(0).normal(size=(6, 6)), dtype="float32", device=device)
    value, plan = traced(function, x)
    assert operations(plan) == names
    apart, _ = traced(function, x, passes="-algebra,-share,-prune")
    for other in (apart, function(x)):
        np.testing.assert_allclose(value.numpy(), other.numpy(), rtol=1e-6)
    negative, _ = traced(lambda x: (x - 0, x * 1), tc.asarray([-0.0], device=device))
    assert all(np.signbit(part.numpy()).all() for part in negative)


def squares(x, y):
    d = x - y
    return tc.mean(d * d)


def moments(x, y):
    center = x - y
    return center, tc.mean(center * center, axis=-1, keepdims=True), tc.sum(center, axis=-1)


def slopes(x, y):
    g = x * y
    return g, tc.sum(g, axis=0)


@pytest.mark.parametrize(
    ("function", "shape", "names"),
    [
        (squares, (5, 7), ["fused_subtract_multiply_mean"]),
        (moments, (5, 1), ["fused_subtract_multiply_mean_sum"]),
        (slopes, (7,), ["fused_multiply_sum"]),
        (slopes, (), ["fused_multiply_sum"]),
    ],
)
def test_sums_join_the_loop_of_their_terms(device, function, shape, names):
    rng = np.random.default_rng(0)
    inputs = [
        tc.asarray(rng.normal(size=s).astype(np.float32), device=device) for s in ((5, 7), shape)
    ]
    values, plan = traced(function, *inputs)
    assert operations(plan) == names
    assert "over_" in plan.explain()
    apart, _ = traced(function, *inputs, passes="-sums")
    for value, expected in zip(_tuple(values), _tuple(apart), strict=True):
        if device.kind == "cpu":
            np.testing.assert_array_equal(value.numpy(), expected.numpy())
        else:
            np.testing.assert_allclose(value.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


def _tuple(values):
    return values if isinstance(values, tuple) else (values,)


@pytest.mark.parametrize("columns", [1, 3])
def test_terms_of_many_lines_are_stored_and_summed(device, columns):
    """Sums of chunks of lines are added up; the terms come before them among the results."""

    def f(x):
        y = x * x
        return y, tc.mean(y, axis=0), tc.sum(y, axis=0)

    values = np.random.default_rng(0).normal(size=(10000, columns)).astype(np.float32)
    x = tc.asarray(values, device=device)
    found, plan = traced(f, x)
    assert operations(plan) == ["fused_multiply_mean_sum"]
    for value, expected in zip(found, f(x), strict=True):
        if device.kind == "cpu":
            np.testing.assert_array_equal(value.numpy(), expected.numpy())
        else:
            np.testing.assert_allclose(value.numpy(), expected.numpy(), rtol=1e-5)


def test_sums_over_axes_in_the_middle_stay_apart(device):
    x = tc.asarray(np.arange(24.0).reshape(2, 3, 4), device=device)
    value, plan = traced(lambda x: tc.sum(x * x + 1, axis=1), x)
    assert operations(plan)[-1] == "sum"
    np.testing.assert_allclose(value.numpy(), (x.numpy() ** 2 + 1).sum(1))


def test_terms_of_a_sum_may_be_laid_out_in_any_way(device):
    """Inputs that no loop can read as they lie are copied first."""
    rng = np.random.default_rng(0)
    wide, other = rng.normal(size=(2, 6, 10)), rng.normal(size=(5, 6))
    x, y = (tc.asarray(array, device=device) for array in (wide, other))

    def f(x, y):
        turned, every = tc.matrix_transpose(y), x[0, :, ::2]
        row = tc.broadcast_to(y[0, :1], (6, 5))
        return tc.sum(turned * every + row, axis=0), tc.mean(turned - every)

    values, _ = traced(f, x, y)
    for value, expected in zip(values, f(x, y), strict=True):
        np.testing.assert_allclose(value.numpy(), expected.numpy(), rtol=1e-12)


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
@pytest.mark.parametrize("pool", [tc.mean, tc.sum], ids=lambda op: op.name)
def test_looked_up_rows_are_pooled(device, dtype, keepdims, pool):
    table = tc.asarray(np.random.default_rng(0).normal(size=(5, 3)), dtype=dtype, device=device)
    indices = tc.asarray(INDICES, device=device)

    def f(table, indices):
        return pool(tc.take(table, indices, axis=0), axis=1, keepdims=keepdims)

    value, plan = traced(f, table, indices)
    expected = [f"take_{pool.name}"] if device.kind == "cpu" else ["take", pool.name]
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
    assert "== graph after algebra, share, prune" in text
    assert f"== plan on {device}: 1 calls" in text
    assert "== source of fused_multiply_tanh_add ==" in text
    assert "tanh(" in text.split("== source of")[1]


def test_a_plan_is_profiled():
    f = tc.function(lambda x: tc.sum(tc.exp(x)))
    f(tc.asarray([0.5, 1.0], device="cpu"))
    table = next(iter(f._traces.values())).plan.profile(repeats=2)
    assert [name for name, _ in table] == ["exp", "sum"]
    assert all(seconds > 0 for _, seconds in table)


def network_step(device, optimizer, rows=12, hidden=300):
    """A step of a small network whose first matrix is large, and its variables."""
    from tensorcore import keras

    rng = np.random.default_rng(0)
    with device:
        x = tc.asarray(rng.normal(size=(rows, 64)).astype(np.float32))
        y = tc.asarray(rng.integers(0, 3, rows))
        keras.utils.set_random_seed(1)
        model = keras.Sequential(
            [keras.layers.Dense(hidden, activation="relu"), keras.layers.Dense(3)]
        )
        model(x)
        chosen = optimizer()
        chosen.build(model.trainable_variables)

    def step():
        with tc.GradientTape() as tape:
            loss = tc.mean(tc.nn.sparse_softmax_cross_entropy(model(x), y))
        slopes = tape.gradient(loss, model.trainable_variables)
        chosen.apply(slopes, model.trainable_variables)
        return loss

    return step, model


@pytest.mark.parametrize("name", ["Adam", "SGD", "momentum"])
def test_gradients_of_large_matrices_join_the_update(device, name):
    from tensorcore import keras

    optimizer = {
        "Adam": lambda: keras.optimizers.Adam(0.01),
        "SGD": lambda: keras.optimizers.SGD(0.1),
        "momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    }[name]
    step, eager = network_step(device, optimizer)
    losses = [float(step()) for _ in range(6)]
    step, model = network_step(device, optimizer)
    traced_step = tc.function(step)
    found = [float(traced_step())]
    plan = next(iter(traced_step._traces.values())).plan
    plan.compile()
    found += [float(traced_step()) for _ in range(5)]
    joined = [n for n in operations(plan) if n.endswith("_in_segments")]
    assert len(joined) == (1 if device.kind == "cpu" else 0)
    np.testing.assert_allclose(found, losses, rtol=1e-5)
    for a, b in zip(model.get_weights(), eager.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def image_step(device, padding, act):
    """A step with three convolutions and a pool, and its argument."""
    rng = np.random.default_rng(0)
    with device:
        shapes = [(3, 3, 2, 5), (5,), (3, 3, 5, 20), (20,), (2, 3, 20, 4), (4,)]
        weights = [tc.Variable(rng.normal(size=s).astype(np.float32)) for s in shapes]
        x = tc.asarray(rng.normal(size=(3, 12, 11, 2)).astype(np.float32))

    def convolved(x, number):
        w, bias = weights[2 * number : 2 * number + 2]
        return act(tc.nn.conv2d(x, w, padding=padding) + bias)

    def step(x):
        with tc.GradientTape() as tape:
            h = convolved(convolved(x, 0), 1)
            h = convolved(tc.nn.max_pool2d(h, window=(2, 2), strides=(2, 1)), 2)
            loss = tc.sum(tc.square(h))
        return [loss, *tape.gradient(loss, weights)]

    return step, x


@pytest.mark.parametrize("padding", ["VALID", "SAME"])
def test_what_ends_a_convolution_changes_no_bit(device, padding):
    step, x = image_step(device, padding, tc.nn.relu)
    found, plan = traced(step, x)
    names = operations(plan)
    is_cpu = device.kind == "cpu"
    assert names.count("conv2d_add_relu") == (3 if is_cpu else 0)
    # The other gradient passes through a pool, whose result is masked before.
    assert names.count("conv2d_input_gradient_mask") == (1 if is_cpu else 0)
    if is_cpu:
        assert names.index("relu_vjp_y") < names.index("max_pool2d_gradient")
    expected, plan = traced(step, x, passes="-endings")
    assert "conv2d_add_relu" not in operations(plan)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_only_what_ends_a_convolution_joins_it():
    """Not another activation, what is as large as the result, or a result that is used twice."""
    step, x = image_step(tc.device("cpu"), "VALID", tc.nn.tanh)
    found, plan = traced(step, x)
    assert operations(plan).count("conv2d_add") == 3
    assert "conv2d_input_gradient_mask" not in operations(plan)
    expected, _ = traced(step, x, passes="-endings")
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())

    w = tc.ones((2, 2, 1, 1), device="cpu")
    bias = tc.ones((1,), device="cpu")
    cells = tc.ones((1, 2, 2, 1), device="cpu")

    def others(x):
        y = tc.nn.conv2d(x, w)
        return y, tc.nn.relu(y + bias), tc.nn.relu(tc.nn.conv2d(2 * x, w) + cells)

    x = tc.ones((1, 3, 3, 1), device="cpu")
    found, plan = traced(others, x)
    assert operations(plan).count("conv2d") == 2
    for a, b in zip(found, others(x), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_what_ends_a_convolution_sees_nan(device):
    with device:
        w, bias = tc.ones((1, 1, 1, 1)), tc.ones((1,))
        x = tc.asarray(np.array([np.nan, -3.0, -1.0, 2.0, np.inf], np.float32).reshape(1, 1, 5, 1))
    found, _ = traced(lambda x: tc.nn.relu(tc.nn.conv2d(x, w) + bias), x)
    np.testing.assert_array_equal(found.numpy().ravel(), [np.nan, 0.0, 0.0, 3.0, np.inf])


@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize("width", [16, 20])
def test_gradients_of_tables_join_the_update(device, width, pooled):
    from tensorcore import keras

    rng = np.random.default_rng(0)
    words = rng.integers(0, 1200, (32, 24)).astype(np.int32)
    words[::2, 9:] = 0  # as padding
    words, labels = (tc.asarray(a, device=device) for a in (words, rng.integers(0, 3, 32)))

    def made():
        keras.utils.set_random_seed(1)
        pool = keras.layers.GlobalAveragePooling1D() if pooled else keras.layers.Flatten()
        model = keras.Sequential([keras.layers.Embedding(1200, width), pool, keras.layers.Dense(3)])
        model(words)
        optimizer = keras.optimizers.Adam(0.01)
        optimizer.build(model.trainable_variables)

        def step(x):
            with tc.GradientTape() as tape:
                loss = tc.mean(tc.nn.sparse_softmax_cross_entropy(model(x), labels))
            slopes = tape.gradient(loss, model.trainable_variables)
            optimizer.apply(slopes, model.trainable_variables)
            return loss

        return step, model

    with device:
        (step, eager), (traced_step, model) = made(), made()
    losses = [float(step(words)) for _ in range(6)]
    traced_step = tc.function(traced_step)
    found = [float(traced_step(words))]
    plan = next(iter(traced_step._traces.values())).plan
    plan.compile()
    found += [float(traced_step(words)) for _ in range(5)]
    assert ("scatter_add" in operations(plan)) == (device.kind != "cpu")
    np.testing.assert_allclose(found, losses, rtol=1e-5)
    for a, b in zip(model.get_weights(), eager.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    with pytest.raises(tc.errors.OutOfRangeError, match="take: index 1201 is out of range"):
        traced_step(words + 1201 * (words == 0)).numpy()


def test_an_update_that_took_look_ups_checks_them():
    """Where no look-up forward has done so."""
    rows = tc.Variable(np.zeros((1200, 16), np.float32))
    updates = tc.ones((3, 16), device="cpu")

    from tensorcore import keras

    chosen = keras.optimizers.SGD(1.0)
    chosen.build([rows])

    @tc.function
    def step(numbers):
        chosen.apply([tc.scatter_add(tc.zeros((1200, 16)), numbers, updates)], [rows])

    numbers = tc.asarray([4, 1199, 4], device="cpu")
    step(numbers)
    plan = next(iter(step._traces.values())).plan
    plan.compile()
    step(numbers)
    assert [n for n in operations(plan) if n.endswith("_in_segments")]
    assert "scatter_add" not in operations(plan)
    np.testing.assert_array_equal(rows.numpy()[[4, 1199, 5], 0], [-4, -2, 0])
    with pytest.raises(tc.errors.OutOfRangeError, match="index 1200 is out of range"):
        step(tc.asarray([4, 1200, 4], device="cpu"))
    np.testing.assert_array_equal(rows.numpy()[[4, 1199, 5], 0], [-4, -2, 0])


def test_gradients_that_sum_many_rows_are_left_to_blas():
    from tensorcore import keras
    from tensorcore.graph.passes.updates import DEEPEST

    def joined(rows):
        weights = tc.Variable(np.zeros((128, 128), np.float32))
        chosen = keras.optimizers.SGD(0.1)
        chosen.build([weights])

        @tc.function
        def step(x):
            with tc.GradientTape() as tape:
                loss = tc.sum(tc.square(x @ weights))
            chosen.apply(tape.gradient(loss, [weights]), [weights])

        step(tc.ones((rows, 128), device="cpu"))
        plan = next(iter(step._traces.values())).plan
        plan.compile()
        return any(n.endswith("_in_segments") for n in operations(plan))

    assert joined(DEEPEST)
    assert not joined(DEEPEST + 1)
    assert not joined(8)  # so few operations that NumPy makes the product


def test_a_kernel_that_refuses_a_write_does_not_lose_it(monkeypatch):
    """Whether it covers the arrays is known only when it runs; then the next one does the work."""
    from tensorcore.kernels.cpu.joined_update import JoinedUpdate

    from tensorcore import keras

    def optimizer():
        return keras.optimizers.Adam(0.01)

    step, eager = network_step(tc.device("cpu"), optimizer)
    losses = [float(step()) for _ in range(4)]
    step, model = network_step(tc.device("cpu"), optimizer)
    monkeypatch.setattr(JoinedUpdate, "bind", lambda self, *arrays, out: None)
    traced_step = tc.function(step)
    found = [float(traced_step())]
    plan = next(iter(traced_step._traces.values())).plan
    plan.compile()
    found += [float(traced_step()) for _ in range(3)]
    assert [n for n in operations(plan) if n.endswith("_in_segments")]
    np.testing.assert_allclose(found, losses, rtol=1e-5)
    for a, b in zip(model.get_weights(), eager.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


SIZES = [
    (1, 1, 1),
    (7, 5, 3),
    (6, 64, 64),
    (13, 300, 33),
    (50, 70, 130),
    (97, 20, 17),
    (200, 3, 65),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_products_in_registers(dtype, size):
    from tensorcore.kernels.cpu.products import product

    m, k, n = size
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=shape).astype(dtype) for shape in ((m, k), (k, n)))
    expected = a.astype(np.float64) @ b
    for first, second, flags in (
        (a, b, (False, False)),
        (np.ascontiguousarray(a.T), b, (True, False)),
        (a, np.ascontiguousarray(b.T), (False, True)),
    ):
        out = np.full((m, n), np.nan, dtype)
        product(first, second, out, *flags)()
        np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-5 * k**0.5)


@pytest.mark.parametrize("transpose_a", [False, True])
def test_how_products_are_divided_changes_no_bit(transpose_a):
    from tensorcore.kernels.cpu import products

    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=shape).astype(np.float32) for shape in ((110, 50), (50, 300)))
    a = np.ascontiguousarray(a.T) if transpose_a else a
    whole, divided = (np.full((110, 300), np.nan, np.float32) for _ in range(2))
    piece = products.product(a, b, whole, transpose_a, False)
    piece()
    piece = products.product(a, b, divided, transpose_a, False)
    assert piece.count == 5 * 10  # panels of columns, in each of them dozens of rows
    bounds = [0, 1, 9, 10, 13, 38, 50]  # also across the borders of panels
    for start, stop in reversed(list(itertools.pairwise(bounds))):
        piece.loop(start, stop, *piece.args)
    np.testing.assert_array_equal(divided, whole)


def test_short_pieces_are_shared_by_those_who_look_for_work(monkeypatch):
    from tensorcore.kernels.cpu import native
    from tensorcore.kernels.cpu.bound import bound

    monkeypatch.setattr(tc.config, "threads", 2)
    rng = np.random.default_rng(0)
    h, g = rng.normal(size=(512, 128)), rng.normal(size=(512, 10))
    flags = {"transpose_a": False, "transpose_b": False}
    made = [
        *bound("matmul", [h, rng.normal(size=(128, 10))], flags, np.empty((512, 10))),
        *bound("softmax", [g], {"axis": -1}, np.empty((512, 10))),
    ]
    assert all(native._chunk(piece) <= piece.count // 2 for piece in made)
    (few,) = bound("softmax", [g[:32]], {"axis": -1}, np.empty((32, 10)))
    assert native._chunk(few) == 32  # over before anybody could help
    tc.config.threads = None


def test_products_that_are_left_to_blas():
    from tensorcore.kernels.cpu.products import product

    a, out = np.ones((4, 4), np.float32), np.ones((4, 4), np.float32)
    assert product(a[:, ::2], a[:2], out, False, False) is None
    assert product(a.astype(np.float16), a.astype(np.float16), out, False, False) is None


def test_an_encoder_of_a_transformer_runs_without_python():
    from tensorcore.kernels.cpu.piece import Piece

    from tensorcore import keras

    layers = keras.layers
    keras.utils.set_random_seed(0)
    attention = layers.MultiHeadAttention(num_heads=2, key_dim=8)
    norm = layers.LayerNormalization()
    with tc.device("cpu"):
        x = tc.asarray(np.random.default_rng(0).normal(size=(3, 40, 16)).astype(np.float32))
        norm(x + attention(x, x))
        weights = [*attention.trainable_variables, *norm.trainable_variables]

    def step(x):
        with tc.GradientTape() as tape:
            loss = tc.sum(tc.square(norm(x + attention(x, x))))
        return [loss, *tape.gradient(loss, weights)]

    found, plan = traced(step, x)
    made = {label for label, call in zip(plan.labels, plan.steps) if isinstance(call, Piece)}
    assert made >= {"attention", "attention_gradient", "layer_norm", "layer_norm_gradient"}
    assert "layer_norm_scale_gradient" in made
    expected, _ = traced(step, x, passes="none")
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-4)


def test_makers_of_pieces_are_where_they_are_looked_for():
    import importlib

    from tensorcore.kernels.cpu.bound import MAKERS

    for module, names in MAKERS.items():
        made = importlib.import_module(f"tensorcore.kernels.cpu.{module}").WORK
        assert set(made) == set(names)


def test_calls_of_a_plan_run_without_python(device):
    step, _ = network_step(device, lambda: tc.keras.optimizers.Adam(0.01))
    traced_step = tc.function(step)
    traced_step()
    plan = next(iter(traced_step._traces.values())).plan
    plan.compile()
    traced_step()
    if device.kind != "cpu":
        return
    from tensorcore.kernels.cpu.native import Run

    (calls,) = plan.calls
    assert isinstance(calls, Run)
    assert len(calls.pieces) == len(plan.steps) > 10


def test_a_check_among_native_calls_lets_nothing_after_it_run(device):
    labels = [np.array(values, np.int32) for values in ([0, 1, 2], [0, 3, 2])]
    with device:
        total = tc.Variable(0.0)
        good, bad = map(tc.asarray, labels)
        logits = tc.asarray(np.eye(3, dtype=np.float32))

    @tc.function
    def step(labels):
        total.assign_add(tc.sum(tc.nn.sparse_softmax_cross_entropy(logits, labels)))

    step(good)
    next(iter(step._traces.values())).plan.compile()
    before = float(total)
    with pytest.raises(OutOfRangeError, match="label 3 is out of range; expected 0 to 2"):
        step(bad)
        device.synchronize()
    if device.kind == "cpu":  # a GPU tells it later
        assert float(total) == before
        step(good)
        assert float(total) > before


def test_where_the_first_largest_element_is():
    from tensorcore.kernels.cpu.bound import bound

    nan = np.nan
    x = np.array([[1, 3, 3], [nan, 1, nan], [2, nan, 9], [-1, -2, -0.5]], np.float32)
    out = np.full(4, -1)
    bound("argmax", [x], {"axis": -1, "keepdims": False}, out)[0]()
    np.testing.assert_array_equal(out, np.argmax(x, axis=-1))
    assert bound("argmax", [x], {"axis": 0, "keepdims": False}, out) is None


@pytest.mark.parametrize("pair", ["i4 i8", "? f4", "u1 f4", "f8 f4", "i8 i1"])
def test_conversions_are_pieces(pair):
    from tensorcore.kernels.cpu.bound import bound

    source, target = map(np.dtype, pair.split())
    x = np.array([[0, 1, 250], [3, 4, 5]]).astype(source)
    out = np.zeros(x.shape, target)
    bound("convert", [x], {"dtype": target}, out)[0]()
    np.testing.assert_array_equal(out, x.astype(target))


def test_conversions_that_are_left_to_numpy():
    from tensorcore.kernels.cpu.bound import bound

    x = np.array([np.nan, 2.5], np.float32)
    for dtype in (np.int32, np.bool_):
        assert bound("convert", [x], {"dtype": dtype}, np.zeros(2, dtype)) is None


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_pieces_that_threads_share(threads):
    from tensorcore.kernels.cpu.native import Run, sequence
    from tensorcore.kernels.cpu.products import product

    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=s).astype(np.float32) for s in ((40, 60), (60, 300)))
    c, d = np.empty((40, 300), np.float32), np.empty((60, 300), np.float32)
    pieces = [product(a, b, c, False, False), product(a, c, d, True, False)]
    for piece in pieces:
        piece.grain = 1
    tc.config.threads = threads
    try:
        run = sequence(pieces)
        assert isinstance(run, Run)
        for _ in range(50):
            c[...] = d[...] = np.nan
            run()
            np.testing.assert_allclose(c, a @ b, rtol=1e-4, atol=1e-4)
            np.testing.assert_allclose(d, a.T @ (a @ b), rtol=1e-3, atol=1e-3)
    finally:
        tc.config.threads = None


@pytest.mark.parametrize("width", [10, 64, 100, 128, 200])
def test_an_update_by_panels_of_columns(width):
    """Whether whole rows or panels of columns are a block depends on sizes; the result does not."""
    from tensorcore.kernels.cpu import joined_update

    from tensorcore.ops import updates

    rng = np.random.default_rng(0)
    rows, batch = 150, 9
    program = updates.adam_update.program((np.dtype(np.float64),) * 8)
    numbers = [np.array(value) for value in (1e-3, 0.1, 0.001, 1e-7)]
    x, g = rng.normal(size=(batch, rows)), rng.normal(size=(batch, width))
    start = [rng.normal(size=rows * width), np.zeros(rows * width), np.ones(rows * width)]
    expected = updates.adam_update.reference(np, *start, (x.T @ g).reshape(-1), *numbers)
    update = joined_update.compile(program, 3, [joined_update.Segment(0, rows * width, "product")])
    flats = [array.copy() for array in start]
    update(*flats, x, g, *numbers, out=flats)
    for found, wanted in zip(flats, expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def test_lists_call_what_is_compiled_for_them():
    from tensorcore.kernels.cpu import native
    from tensorcore.kernels.cpu.bound import copy

    assert native.is_ready()
    x, y = np.arange(100.0), np.zeros(100)
    (piece,) = copy(y, x)
    native.sequence([piece])()
    control = np.zeros(native.CONTROL_WORDS, np.int64)
    control[native.STOP] = control[native.JOB + native.JOB_WORDS] = 1
    native.serve(control, 1)
    assert len(native.run_table.overloads) == len(native.serve.overloads) == 1


def test_numbers_of_jobs_begin_anew(monkeypatch):
    from tensorcore.kernels.cpu import busy, native
    from tensorcore.kernels.cpu.bound import copy

    monkeypatch.setattr(native, "_team", native.Team())
    monkeypatch.setattr(busy.Busyness, "is_alone", lambda self: False)  # whatever else runs here
    monkeypatch.setattr(tc.config, "threads", 3)
    native.team()._job = native.MOST_JOBS - 2
    x, y = np.arange(100.0), np.zeros(100)
    (piece,) = copy(y, x)
    piece.grain = 1
    run = native.sequence([piece] * 5)
    for _ in range(4):
        y[...] = 0
        run()
        np.testing.assert_array_equal(x, y)
    assert 1 < native.team()._job < 100
    tc.config.threads = None


def test_helpers_are_left_out_while_they_are_of_no_use(monkeypatch):
    from tensorcore.kernels.cpu import busy

    monkeypatch.setattr(tc.config, "threads", 2)
    now, had = [0.0], [0.0]
    team = native.Team()
    team._busyness = busy.Busyness(lambda: now[0], lambda: had[0])

    def runs_alone(spent_s, waited_s=0.0, stolen_s=0.0):
        found = []

        def work(control, job, alone):
            found.append(alone)
            now[0] += spent_s
            had[0] += spent_s - stolen_s
            if not alone:
                control[native.WAITED] += int(waited_s / native.LOOK_S)
            return job

        team.run(work)
        return found[0]

    # One turn of another process now and then, however long it is waited for, is no reason.
    assert not any(runs_alone(0.01, 0.003 if turn % 5 == 0 else 0) for turn in range(50))
    for busy_machine in ({"waited_s": 0.006}, {"stolen_s": 0.005}):
        for alone_s in (busy.FIRST_ALONE_S, 2 * busy.FIRST_ALONE_S):
            until = now[0]
            while not runs_alone(0.01, **busy_machine):
                until = now[0]
                assert until < 100
            now[0] = until + 0.9 * alone_s
            assert runs_alone(0.0)
            now[0] = until + 1.1 * alone_s
            assert not runs_alone(0.0)
        # Once helpers are of use for a while, the next trouble is taken for a short one again.
        assert not any(runs_alone(0.01) for _ in range(20))
    team._control[native.STOP] = 1
    tc.config.threads = None


@kernel
def _pass_time(start, stop, looks):
    for _ in range(looks[0]):
        native._pause()


@kernel
def _meet(start, stop, met):
    """The first step waits for the second, but not for ever."""
    for step in range(start, stop):
        if step == 1:
            native._store(met, 1, 1)
            continue
        for _ in range(400_000_000):  # looks, some 10 s
            if native._load(met, 1) != 0:
                met[0] = 1
                break
            native._pause()


@pytest.mark.skipif(not native.CAN_NAP, reason="helpers cannot rest here for a moment")
def test_helpers_come_back_after_a_long_piece_that_is_not_shared(monkeypatch):
    monkeypatch.setattr(tc.config, "threads", 2)
    monkeypatch.setattr(native, "_team", native.Team())
    assert native.is_ready()  # so that no helper comes late because it compiles
    met = np.zeros(2, np.int64)
    long = Piece(_pass_time, 1, 1, (np.array([20 * native.LOOKS]),))
    native.sequence([long, Piece(_meet, 2, 1, (met,))])()
    assert met.tolist() == [1, 1]
    tc.config.threads = None


def test_lists_of_two_threads_do_not_meet():
    """One list has the helpers; another one that runs meanwhile does without."""
    import threading

    from tensorcore.kernels.cpu.native import sequence
    from tensorcore.kernels.cpu.products import product

    tc.config.threads = 2
    wrong = []

    def work(seed):
        rng = np.random.default_rng(seed)
        a, b = (rng.normal(size=s).astype(np.float32) for s in ((30, 50), (50, 200)))
        c = np.empty((30, 200), np.float32)
        piece = product(a, b, c, False, False)
        piece.grain = 1
        run = sequence([piece] * 3)
        for _ in range(200):
            c[...] = np.nan
            run()
            if not np.allclose(c, a @ b, rtol=1e-4, atol=1e-4):
                wrong.append(seed)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    tc.config.threads = None
    assert wrong == []


def test_bias_and_relu_belong_to_the_product_on_a_gpu(device):
    """A layer is one node there, in any rank of its input; a second reader keeps them apart."""
    rng = np.random.default_rng(0)
    x, w, b = (rng.normal(size=shape).astype(np.float32) for shape in ((4, 6, 5), (5, 3), (3,)))

    def layer(x, w, b):
        return tc.nn.relu(x @ w + b)

    def read_twice(x, w, b):
        y = x @ w
        return tc.nn.relu(y + b) + y

    inputs = [tc.asarray(value, device=device) for value in (x, w, b)]
    value, plan = traced(layer, *inputs)
    np.testing.assert_allclose(value.numpy(), np.maximum(x @ w + b, 0), rtol=1e-5, atol=1e-6)
    assert ("matmul_add_relu" in operations(plan)) == (device.kind == "gpu")
    value, plan = traced(read_twice, *inputs)
    np.testing.assert_allclose(
        value.numpy(), np.maximum(x @ w + b, 0) + x @ w, rtol=1e-5, atol=1e-6
    )
    assert "matmul" in operations(plan)
