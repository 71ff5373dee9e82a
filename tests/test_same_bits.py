"""On the CPU results have the same bits whoever computes them: NumPy, a kernel, a plan's pieces."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from tensorcore.kernels.cpu import bound, product_ways, small_products

import tensorcore as tc
from tensorcore.ops.exponential import log_probability
from tensorcore.ops.indexing import take

CPU = tc.device("cpu")


def drawn(*shape, dtype=np.float32):
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(dtype)


def planned(function, *arrays):
    """What a function gives eagerly and from compiled pieces, and the names of what is none."""
    inputs = [tc.asarray(array, device=CPU) for array in arrays]
    traced = tc.function(function)
    traced(*inputs)
    plan = next(iter(traced._traces.values())).plan
    plan.compile()
    left = [name for name, step in zip(plan.labels, plan.steps) if not hasattr(step, "loop")]
    return function(*inputs).numpy(), traced(*inputs).numpy(), left


def assert_same(function, *arrays):
    eager, traced, left = planned(function, *arrays)
    assert not left
    np.testing.assert_array_equal(traced, eager)


SMALL = [(32, 128, 10), (3, 2, 5), (7, 100, 1), (1, 64, 9), (5, 1, 3), (16, 512, 2)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", SMALL, ids=str)
def test_small_products_are_numpys(size, dtype):
    rows, depth, columns = size
    assert product_ways.is_small(rows, columns, depth)
    for flags in itertools.product((False, True), repeat=2):
        a = drawn(*((depth, rows) if flags[0] else (rows, depth)), dtype=dtype)
        b = drawn(*((columns, depth) if flags[1] else (depth, columns)), dtype=dtype)
        assert_same(lambda x, y, f=flags: tc.matmul(x, y, transpose_a=f[0], transpose_b=f[1]), a, b)


def test_products_of_long_blocks_are_left_to_blas_where_a_comes_transposed():
    sizes = (1024, 2048, 1024)
    assert product_ways.is_own(*sizes) == product_ways.IS_X86
    assert not product_ways.is_own(*sizes, transpose_a=True)


@pytest.mark.parametrize("sizes", [(32, 784, 128), (300, 500, 450), (5, 9, 4)], ids=str)
def test_products_of_transposed_matrices(sizes):
    rows, depth, columns = sizes
    a, b = drawn(rows, depth), drawn(depth, columns)
    for x, y, function in (
        (a, b.T.copy(), lambda x, y: x @ tc.transpose(y)),
        (a.T.copy(), b, lambda x, y: tc.transpose(x) @ y),
        (a.T.copy(), b.T.copy(), lambda x, y: tc.transpose(x) @ tc.transpose(y)),
    ):
        eager, traced, _ = planned(function, x, y)
        np.testing.assert_array_equal(traced, eager)


def test_without_blas_numpy_keeps_small_products(monkeypatch):
    monkeypatch.setattr(small_products, "_function", lambda name: None)
    small_products._is_numpys.cache_clear()
    try:
        eager, traced, left = planned(tc.matmul, drawn(4, 8), drawn(8, 3))
    finally:
        small_products._is_numpys.cache_clear()
    assert left == ["matmul"]
    np.testing.assert_array_equal(traced, eager)


OWN = [
    (32, 784, 128),
    (60, 300, 70),
    (1, 784, 128),
    (500, 40, 33),
    (9, 3000, 17),
    (150, 701, 700),  # from here on large enough for blocks
    (601, 300, 555),
    *([(603, 600, 201)] if product_ways.IS_X86 else []),
]


@pytest.mark.parametrize("size", OWN, ids=str)
def test_products_in_registers_do_not_depend_on_their_division(size):
    rows, depth, columns = size
    assert product_ways.is_own(rows, columns, depth)
    a, b = drawn(rows, depth), drawn(depth, columns)
    expected = tc.matmul(tc.asarray(a, device=CPU), tc.asarray(b, device=CPU)).numpy()
    for flags in ((False, False), (True, False), (False, True)):
        first, second = (np.ascontiguousarray(m.T if f else m) for m, f in zip((a, b), flags))
        out = np.empty_like(expected)
        attrs = {"transpose_a": flags[0], "transpose_b": flags[1]}
        (piece,) = bound.bound("matmul", (first, second), attrs, out)
        for step in range(piece.count):
            piece.loop(step, step + 1, *piece.args)
        np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "size", [(32, 128, 640), (33, 70, 101), (5, 300, 150), (96, 50, 60)], ids=str
)
def test_a_product_that_relu_masks_on_the_way_back(size, dtype):
    """In registers it is the product and the mask, also where a reshape stands between them."""
    rows, depth, columns = size
    assert product_ways.is_own(rows, columns, depth)
    w = tc.Variable(drawn(columns, depth, dtype=dtype), device=CPU)
    g = tc.asarray(drawn(rows, depth, dtype=dtype), device=CPU)
    values = drawn(rows, columns, 1, dtype=dtype)[..., 0]
    values[0, :7] = 0, -0.0, 1, -1, np.nan, np.inf, -np.inf

    def slope(x):
        with tc.GradientTape() as tape:
            tape.watch(x)
            y = tc.reshape(tc.nn.relu(x), (rows, columns)) @ w
        return tape.gradient(y, x, output_gradients=g)

    for shape in ((rows, columns), (rows, 1, columns)):
        x = tc.asarray(values.reshape(shape), device=CPU)
        traced = tc.function(slope)
        early = traced(x).numpy()
        plan = next(iter(traced._traces.values())).plan
        assert "matmul_mask" in plan.labels
        plan.compile()
        assert "matmul_mask" in plan.labels
        for found in (early, traced(x).numpy()):
            np.testing.assert_array_equal(found, slope(x).numpy())


@pytest.mark.parametrize("heads", [False, True], ids=["columns", "heads"])
@pytest.mark.parametrize("activation", [tc.nn.relu, None], ids=["relu", "bias"])
def test_large_products_with_bias_and_relu_are_one(activation, heads):
    """Blocks get both while they are in a near cache, also where columns are divided into heads."""
    shape = (16, 40, 2, 320) if heads else (16, 40, 640)
    assert product_ways.is_blocked(640, 640, 170)

    def layer(x, w, b):
        y = tc.reshape(tc.matmul(x, w), shape) + tc.reshape(b, (2, 320)) if heads else x @ w + b
        return y if activation is None else activation(y)

    x, w, b = drawn(16, 40, 170), drawn(170, 640), drawn(640, 1)[:, 0]
    x[0, 0, 0] = np.nan
    inputs = [tc.asarray(array, device=CPU) for array in (x, w, b)]
    traced = tc.function(layer)
    early = traced(*inputs).numpy()
    plan = next(iter(traced._traces.values())).plan
    plan.compile()
    names = plan.labels
    assert ("matmul_add_relu" if activation and not heads else "matmul_add") in names
    assert "add" not in names and "matmul" not in names
    expected = layer(*inputs).numpy()
    for found in (early, traced(*inputs).numpy()):
        np.testing.assert_array_equal(found, expected)


SUMS = [
    ((32,), None),
    ((5,), None),
    ((700,), None),
    ((32, 10), 0),
    ((32, 128), 0),
    ((200, 3), 0),
    ((200, 1), 0),
    ((6, 130), 1),
    ((64, 1000), 1),  # rows that are too long for kernels
    ((300, 40), 1),
    ((300, 40), 0),
    ((12, 26, 26, 8), (0, 1, 2)),
    ((9, 1024), 0),  # lines that are too long for kernels
]


@pytest.mark.parametrize("reduce", [tc.sum, tc.mean], ids=lambda op: op.name)
@pytest.mark.parametrize(("shape", "axis"), SUMS, ids=str)
def test_sums_have_one_order(shape, axis, reduce):
    assert_same(lambda x: reduce(x, axis=axis), drawn(*shape))


LONG_SUMS = [*SUMS, ((40_000,), None), ((3, 20_001), 1), ((9000, 30), 0), ((70, 9, 100), (1, 2))]


@pytest.mark.parametrize("reduce", [tc.sum, tc.mean], ids=lambda op: op.name)
@pytest.mark.parametrize(("shape", "axis"), LONG_SUMS, ids=str)
def test_sums_that_share_a_loop_with_their_terms(shape, axis, reduce):
    inputs = drawn(*shape), drawn(*shape[1:], 1)[..., 0]
    assert_same(lambda x, y: reduce(x * x - y, axis=axis), inputs[0], inputs[0][::-1].copy())
    if axis != 1 and len(shape) == 2:
        assert_same(lambda x, y: reduce(x * y, axis=0), *inputs)


@pytest.mark.parametrize("dtype", ["float32", "int32"])
@pytest.mark.parametrize("extreme", [tc.max, tc.min], ids=lambda op: op.name)
@pytest.mark.parametrize(
    ("shape", "axis"), [*SUMS, ((7, 20, 600), 1), ((3, 65, 2), (0, 1)), ((4, 1), 1)], ids=str
)
def test_extremes_need_no_python(shape, axis, extreme, dtype):
    x = (100 + 20 * drawn(*shape)).astype(dtype)
    if dtype.startswith("float"):
        x.reshape(-1)[[0, x.size // 2, -1]] = np.nan, -np.nan, np.inf
    assert_same(lambda x: extreme(x, axis=axis, keepdims=True), x)
    assert_same(lambda x: extreme(x, axis=axis), np.roll(x, 3))


POOLED = [
    (40, 256, 16),  # sums of 64 rows are added up
    (7, 100, 40),
    (5, 300, 64),
    (3, 70, 100),
    (2, 1000, 3),
    (1, 1, 8),
    (9, 20, 16),  # NumPy adds them all one after the other
    (3, 2, 600),
]


@pytest.mark.parametrize("pool", [tc.mean, tc.sum], ids=lambda op: op.name)
@pytest.mark.parametrize("size", POOLED, ids=str)
def test_looked_up_rows_are_pooled_in_the_order_of_sums(size, pool):
    lines, length, width = size
    indices = np.random.default_rng(0).integers(0, 300, (lines, length))
    indices[::2, length // 2 :] = 0
    assert_same(lambda x, i: pool(take(x, i, axis=0), axis=1), drawn(300, width), indices)


@pytest.mark.parametrize("size", POOLED, ids=str)
def test_gradients_of_tables_have_one_order(size):
    lines, length, width = size
    indices = np.random.default_rng(0).integers(0, 300, (lines, length))
    indices[::2, length // 2 :] = 0
    table = tc.Variable(drawn(300, width), device=CPU)

    def slope(i, g):
        with tc.GradientTape() as tape:
            loss = tc.sum(tc.mean(take(table, i, axis=0), axis=1) * g)
        return tape.gradient(loss, table)

    eager, traced, _ = planned(slope, indices, drawn(lines, width))
    np.testing.assert_array_equal(traced, eager)


def test_numbers_that_repeat_along_rows_are_read_where_they_are():
    """The gradient of a loss begins with one number for each row, shown along the last axis."""
    from tensorcore import keras

    loss_of = keras.losses.MeanSquaredError()

    def slope(x, y):
        with tc.GradientTape() as tape:
            tape.watch(x)
            loss = loss_of(y, x)
        return tape.gradient(loss, x) + loss

    assert_same(slope, drawn(16, 12, 40), drawn(16, 12, 40, 1)[..., 0])


@pytest.mark.parametrize("shape", [(32, 10), (4, 26, 26, 32), (300, 500)], ids=str)
def test_gradients_of_biases_have_one_order(shape):
    from tensorcore.ops.shaping import sum_to

    assert_same(lambda x: sum_to(x, shape=shape[-1:]), drawn(*shape))


def test_operations_that_share_a_loop_round_as_they_do_alone():
    x, y, z = drawn(100, 100), drawn(100, 100, 1)[..., 0], drawn(100)
    assert_same(lambda x, y, z: x * y + z - y * y, x, y, z)


@pytest.mark.parametrize("count", [10, 5000])
def test_the_logarithm_of_probabilities(count):
    p = np.concatenate([np.linspace(0, 1, count), [-1.0, 2.0, 0.5]]).astype(np.float32)
    assert_same(log_probability, p)
    kept = np.clip(p, 1e-7, np.float32(1 - 1e-7)).astype(np.float64)
    found = log_probability(tc.asarray(p, device=CPU)).numpy()
    np.testing.assert_allclose(found, np.log(kept), rtol=1e-6)


def test_functions_of_few_numbers_get_their_kernel_at_once_where_bits_count():
    x = drawn(10, 3)
    tc.config.deterministic(True)
    try:
        assert_same(tc.nn.sigmoid, x)
    finally:
        tc.config.deterministic(False)


def image_model(keras):
    layers = keras.layers
    stack = [
        layers.Conv2D(8, 3, activation="relu"),
        layers.Conv2D(8, 3, activation="relu", padding="same"),
        layers.MaxPooling2D(2),
        layers.Conv2D(20, 3, activation="relu", strides=2),
        layers.Flatten(),
        layers.Dense(3, activation="softmax"),
    ]
    return keras.Sequential(stack), drawn(40, 15, 14, 3), np.arange(40) % 3


def encoder_model(keras):
    layers = keras.layers
    inputs = keras.Input(shape=(24, 16))
    x = layers.MultiHeadAttention(num_heads=2, key_dim=8)(inputs, inputs)
    x = layers.LayerNormalization()(inputs + x)
    x = layers.LayerNormalization()(x + layers.Dense(16)(layers.Dense(40, activation="relu")(x)))
    outputs = layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling1D()(x))
    return keras.Model(inputs, outputs), drawn(40, 24, 16), np.arange(40) % 3


@pytest.mark.parametrize("make", [image_model, encoder_model])
def test_steps_of_whole_models_have_the_same_bits(make):
    from tensorcore import keras

    def trained(run_eagerly):
        keras.utils.set_random_seed(3)
        with CPU:
            model, x, y = make(keras)
            model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=run_eagerly)
            model.fit(x, y, batch_size=20, shuffle=False, verbose=0)
            for plan in [] if run_eagerly else model.step("train_step").plans:
                plan.compile()
            history = model.fit(x, y, batch_size=20, epochs=2, shuffle=False, verbose=0)
        return history.history["loss"], model.get_weights()

    tc.config.deterministic(True)
    try:
        losses, weights = trained(run_eagerly=False)
        expected_losses, expected = trained(run_eagerly=True)
    finally:
        tc.config.deterministic(False)
    assert losses == expected_losses
    for a, b in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(a, b)
