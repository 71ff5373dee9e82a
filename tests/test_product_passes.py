"""Layers in traced steps: products with what follows them and their gradients as single nodes.

They are joined where cuBLASLt is, on a GPU; the values are those of eager runs on both devices.
"""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras
from tensorcore.graph.passes import product_nodes
from tests.plans import operations, traced
from tests.tolerances import TOLERANCE, assert_close

BF16 = np.dtype(ml_dtypes.bfloat16)
F16, F32, F64 = np.dtype("float16"), np.dtype("float32"), np.dtype("float64")

every_dtype = pytest.mark.parametrize(
    ("dtype", "precision"),
    [(F32, "float32"), (F32, "tf32"), (F16, "float32"), (BF16, "float32"), (F64, "float32")],
    ids=["float32", "tf32", "float16", "bfloat16", "float64"],
)


@pytest.fixture(autouse=True)
def as_before():
    yield
    tc.config.passes = None
    tc.set_matmul_precision("float32")


def arrays(device, dtype, *shapes):
    """Numbers that all dtypes hold exactly, small enough for sums of them to be exact too."""
    rng = np.random.default_rng(0)
    return [
        tc.asarray((rng.integers(-4, 5, size=shape) / 4).astype(dtype), device=device)
        for shape in shapes
    ]


def check(values, expected, dtype, precision, scale=1.0):
    relative, absolute = TOLERANCE[dtype.name]
    if precision != "float32":
        relative = absolute = 2e-3
    for value, wanted in zip(values, expected, strict=True):
        assert value.dtype == wanted.dtype
        value, wanted = (x.numpy().astype(np.float64) for x in (value, wanted))
        size = max(np.abs(wanted).max(initial=0.0), 1.0)
        np.testing.assert_allclose(
            value, wanted, rtol=scale * relative, atol=scale * absolute * size
        )


def block(activation):
    """The loss's gradient of two layers with an activation and a shortcut, as in a transformer."""

    def step(x, w1, b1, w2, b2):
        variables = [x, w1, b1, w2, b2]
        with tc.GradientTape() as tape:
            tape.watch(variables)
            hidden = activation(x @ w1 + b1)
            y = x + (hidden @ w2 + b2)
            loss = tc.mean(y * y)
        return [y, *tape.gradient(loss, variables)]

    return step


def gelu(x):
    return tc.nn.gelu(x, approximate=True)


@every_dtype
@pytest.mark.parametrize(("rows", "width"), [((6,), 128), ((2, 3), 32), ((5,), 9)])
def test_gelu_blocks(device, dtype, precision, rows, width):
    tc.set_matmul_precision(precision)
    step = block(gelu)
    given = arrays(device, dtype, (*rows, 16), (16, width), (width,), (width, 16), (16,))
    values, plan = traced(step, *given)
    check(values, step(*given), dtype, precision, scale=4)
    found = operations(plan)
    is_gpu = device.kind == "gpu"
    is_coarse = dtype in (F16, BF16) or precision == "tf32"
    by_library = is_gpu and is_coarse and width % 8 == 0
    assert ("matmul_add_gelu_keeping" in found) == by_library
    assert ("matmul_gelu_slope" in found) == by_library
    # Loops over float32 sum what they compute themselves.
    of_products = found.count("matmul_and_sums") + by_library
    assert of_products == (2 if is_gpu and dtype in (F16, BF16) else by_library)
    assert not (is_gpu and "sum_to" in found)


@every_dtype
@pytest.mark.parametrize(("rows", "width"), [((6,), 128), ((2, 3), 256), ((5,), 96)])
def test_relu_blocks(device, dtype, precision, rows, width):
    tc.set_matmul_precision(precision)
    step = block(tc.nn.relu)
    given = arrays(device, dtype, (*rows, 16), (16, width), (width,), (width, 16), (16,))
    values, plan = traced(step, *given)
    check(values, step(*given), dtype, precision, scale=4)
    found = operations(plan)
    on_gpu = device.kind == "gpu" and dtype != F64
    assert ("matmul_add_relu_bits" in found) == (on_gpu and width % 128 == 0)
    assert ("matmul_relu_slope" in found) == (on_gpu and width % 128 == 0)
    assert not (on_gpu and "sum_to" in found)


def test_inference_needs_nothing_for_gradients(device):
    def layer(x, w, b):
        return gelu(x @ w + b), tc.nn.relu(x @ w + b), tc.nn.gelu(x @ w + b)

    given = arrays(device, BF16, (5, 16), (16, 128), (128,))
    values, plan = traced(layer, *given, passes="-share")
    check(values, layer(*given), BF16, "float32", scale=2)
    found = operations(plan)
    if device.kind == "gpu":  # the exact GELU is not the library's
        assert sorted(found) == ["gelu_erf", "matmul_add", "matmul_add_gelu", "matmul_add_relu"]
    else:
        assert "gelu_tanh" in found or any(name.startswith("fused") for name in found)


def test_slopes_are_0_where_relu_is_0(device):
    """cuBLASLt's own mask of relu would let gradients pass where a sum is 0, as in unused rows."""
    step = block(tc.nn.relu)
    x, w1, b1, w2, b2 = arrays(device, F32, (6, 16), (16, 128), (128,), (128, 16), (16,))
    x = x * tc.asarray(np.array([[1], [0], [1], [0], [0], [1]], F32), device=device)
    b1 = tc.zeros_like(b1)
    values, plan = traced(step, x, w1, b1, w2, b2)
    check(values, step(x, w1, b1, w2, b2), F32, "float32")
    shortcut = 2 / 96 * values[0].numpy()
    np.testing.assert_allclose(values[1].numpy()[1], shortcut[1], rtol=1e-6)
    assert ("matmul_relu_slope" in operations(plan)) == (device.kind == "gpu")


def test_a_value_that_is_not_a_number_is_seen_behind_layers(device):
    step = block(tc.nn.relu)
    given = arrays(device, F32, (6, 16), (16, 128), (128,), (128, 16), (16,))
    given[0] = tc.asarray(given[0].numpy() + np.eye(6, 16, dtype=F32) * np.float32("nan"))
    given[0] = given[0].to(device)
    values, _ = traced(step, *given)
    for value, expected in zip(values, step(*given), strict=True):
        np.testing.assert_array_equal(np.isnan(value.numpy()), np.isnan(expected.numpy()))


def test_other_readers_keep_their_values(device):
    """A gradient in front of the slope, the sum before relu, and sums that fit no product."""

    def step(x, w1, b1, w2):
        with tc.GradientTape(persistent=True) as tape:
            tape.watch([x, w1, b1, w2])
            before = x @ w1 + b1
            hidden = tc.nn.relu(before)
            y = hidden @ w2
            loss = tc.sum(y * y) + tc.sum(before)
        arriving = tape.gradient(loss, hidden)
        return [before, arriving, *tape.gradient(loss, [x, w1, b1, w2])]

    given = arrays(device, F32, (6, 16), (16, 128), (128,), (128, 8))
    values, plan = traced(step, *given)
    check(values, step(*given), F32, "float32", scale=4)
    assert "matmul_relu_slope" not in operations(plan)


def test_layers_with_transposed_weights(device):
    """The gradient of such weights is g^T x, so the sums are those of the left factor."""

    def step(x, w, b):
        with tc.GradientTape() as tape:
            tape.watch([w, b])
            y = tc.matmul(x, w, transpose_b=True) + b
            loss = tc.mean(y * y)
        return tape.gradient(loss, [w, b])

    given = arrays(device, BF16, (3, 4, 6), (5, 6), (5,))
    values, plan = traced(step, *given)
    check(values, step(*given), BF16, "float32", scale=2)
    joined = [node for node in plan.nodes if node.op is product_nodes.PRODUCT_AND_SUMS]
    assert [node.attrs["of_left"] for node in joined] == [True] * (device.kind == "gpu")


def model_of(*activations):
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(128, activation=name) for name in activations]
    model = keras.Sequential([keras.layers.Input((20,)), *layers, keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), loss)
    return model


@pytest.mark.parametrize("precision", ["float32", "tf32"])
def test_training_loses_what_it_loses_eagerly(device, precision):
    """Three captured epochs of a small classifier, as W1 is one."""
    tc.set_matmul_precision(precision)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(48, 20)).astype(F32), rng.integers(0, 3, size=48)

    def trained(run_eagerly, passes):
        tc.config.passes = passes
        with tc.device(device):
            model = model_of("relu", gelu)
            model.run_eagerly = run_eagerly
            history = model.fit(x, y, batch_size=16, epochs=3, verbose=0, shuffle=False)
        return history.history["loss"], model.get_weights()

    losses, weights = trained(False, None)
    for eagerly, passes in ((True, None), (False, "-product_gradients"), (False, "none")):
        other_losses, other_weights = trained(eagerly, passes)
        tolerance = 1e-5 if precision == "float32" else 5e-3
        np.testing.assert_allclose(losses, other_losses, rtol=tolerance)
        for mine, theirs in zip(weights, other_weights, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("device", ["gpu"], indirect=True)
def test_joined_layers_are_captured(device):
    step = block(gelu)
    given = arrays(device, BF16, (6, 16), (16, 128), (128,), (128, 16), (16,))
    f = tc.function(step)
    for _ in range(3):
        values = f(*given)
    plan = next(iter(f._traces.values())).plan
    assert plan.run_steps.is_captured, plan.run_steps.problem
    check(values, step(*given), BF16, "float32", scale=4)


@pytest.mark.parametrize("device", ["gpu"], indirect=True)
def test_a_precision_that_is_chosen_later_is_followed(device):
    """A plan made under tf32 computes true float32 when that is asked for again."""
    tc.set_matmul_precision("tf32")
    step = block(gelu)
    given = arrays(device, F32, (6, 16), (16, 128), (128,), (128, 16), (16,))
    given = [value * tc.asarray(F32.type(0.37), device=device) for value in given]
    f = tc.function(step)
    f(*given)
    tc.set_matmul_precision("float32")
    fresh = tc.function(step)
    assert_close(f(*given)[2].numpy(), fresh(*given)[2].numpy(), scale=20)


@pytest.mark.parametrize("device", ["gpu"], indirect=True)
def test_what_the_library_has_no_algorithm_for_stays_apart(device, monkeypatch):
    from tensorcore.kernels.cuda import cublaslt, product_plans

    describe = cublaslt.describe

    def refusing(target, attribute, value):
        if attribute == cublaslt.DESC_EPILOGUE and value.value != 1:
            raise cublaslt.NoAlgorithmError
        describe(target, attribute, value)

    monkeypatch.setattr(cublaslt, "describe", refusing)
    monkeypatch.setattr(product_plans, "_plans", {})
    step = block(gelu)
    given = arrays(device, BF16, (7, 16), (16, 136), (136,), (136, 16), (16,))
    values, plan = traced(step, *given)
    check(values, step(*given), BF16, "float32", scale=4)
    left = {name for name in operations(plan) if name.startswith("matmul")}
    assert left == {"matmul", "matmul_add"}


EXAMPLES = {
    "PRODUCT_ADD": ((6, 16), (16, 128), (128,)),
    "PRODUCT_ADD_RELU": ((6, 16), (16, 128), (128,)),
    "PRODUCT_ADD_RELU_BITS": ((6, 16), (16, 128), (128,)),
    "PRODUCT_ADD_GELU": ((6, 16), (16, 128), (128,)),
    "PRODUCT_ADD_GELU_KEEPING": ((6, 16), (16, 128), (128,)),
    "PRODUCT_RELU_SLOPE": ((6, 16), (16, 128), "bits"),
    "PRODUCT_GELU_SLOPE": ((6, 16), (16, 128), (6, 128)),
    "PRODUCT_AND_SUMS": ((6, 16), (16, 128)),
}


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("dtype", [F32, BF16], ids=["float32", "bfloat16"])
def test_references_compute_what_the_kernels_do(device, dtype, name):
    """The plain form of each joined operation, on NumPy, against the kernel where there is one."""
    op = getattr(product_nodes, name)
    rng = np.random.default_rng(0)
    given = [
        rng.integers(0, 256, size=(6, 16), dtype=np.uint8)
        if shape == "bits"
        else (rng.integers(-8, 9, size=shape) / 8).astype(dtype)
        for shape in EXAMPLES[name]
    ]
    attrs = {"transpose_a": False, "transpose_b": False}
    if name.endswith("SLOPE"):
        attrs["sums"] = True
    if name == "PRODUCT_AND_SUMS":
        attrs["of_left"] = False
    expected = op.reference(np, *given, **attrs)
    if device.kind == "cpu":
        return _check_reference(name, given, expected)
    from tensorcore.kernels.cuda import KERNELS

    results = KERNELS[op.name].load()(*map(device.xp.asarray, given), **attrs)
    results, expected = (x if isinstance(x, tuple) else (x,) for x in (results, expected))
    for result, wanted in zip(results, expected, strict=True):
        assert_close(result.get(), wanted, scale=8)


def _check_reference(name, given, expected):
    """Against the operations that were joined."""
    first = expected[0] if isinstance(expected, tuple) else expected
    x1, x2, *rest = map(tc.asarray, given)
    y = tc.matmul(x1, x2)
    if "ADD" in name and rest:
        y = y + rest[0]
    if "RELU" in name and "SLOPE" not in name:
        y = tc.nn.relu(y)
    if "ADD_GELU" in name:
        y = gelu(y)
    if name == "PRODUCT_GELU_SLOPE":
        with tc.GradientTape() as tape:
            tape.watch(rest[0])
            z = gelu(rest[0])
        y = tape.gradient(z, rest[0], output_gradients=y)
    if name == "PRODUCT_RELU_SLOPE":
        slopes = np.unpackbits(given[2], axis=-1, bitorder="little")
        y = y * tc.asarray(slopes.astype(y.dtype))
    assert_close(first, y.numpy(), scale=4)
    if name == "PRODUCT_ADD_RELU_BITS":
        slopes = np.unpackbits(expected[1], axis=-1, bitorder="little")
        np.testing.assert_array_equal(slopes, first.astype(F32) > 0)
    if isinstance(expected, tuple) and "SLOPE" in name:
        assert_close(expected[1], y.numpy().astype(F32).sum(0).astype(y.dtype), scale=8)
