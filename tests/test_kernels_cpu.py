"""The CPU kernels against plain NumPy formulas in float64."""

import math
import os
import stat
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest
from tensorcore.kernels import windows
from tensorcore.kernels.cpu import KERNELS, generated
from tensorcore.kernels.program import Program

from tensorcore.ops.record import OPS

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
F32 = np.dtype("float32")
F64 = np.dtype("float64")
BOOL = np.dtype("bool")
TOLERANCE = {F32: 2e-6, F64: 1e-13, np.dtype("float16"): 2e-3, BFLOAT16: 2e-2}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def kernel(name):
    return KERNELS[name].load()


def check(actual, expected, scale=1.0):
    """Compare with the tolerance of `actual`'s dtype, relative to the largest expected value."""
    expected = np.asarray(expected, np.float64)
    assert actual.shape == expected.shape
    values = np.asarray(actual, np.float64)
    np.testing.assert_array_equal(np.isnan(values), np.isnan(expected))
    finite = np.isfinite(expected)
    largest = max(1.0, float(np.abs(expected[finite]).max(initial=0.0)))
    tolerance = TOLERANCE[actual.dtype] * scale * largest
    np.testing.assert_allclose(values[finite], expected[finite], rtol=0, atol=tolerance)
    others = ~finite & ~np.isnan(expected)
    np.testing.assert_array_equal(values[others], expected[others])


def same(actual, expected):
    """Equal elements; float64 first, since NumPy does not know the NaN of bfloat16."""
    if np.asarray(actual).dtype == BFLOAT16:
        actual, expected = np.asarray(actual, F64), np.asarray(expected, F64)
    np.testing.assert_array_equal(actual, expected)


def run(name, *arrays, **attrs):
    """Call a kernel; check that it leaves its inputs alone and writes `out` as it returns."""
    before = [np.array(array, copy=True) for array in arrays]
    result = kernel(name)(*arrays, **attrs)
    out = np.full_like(result, 7)
    assert kernel(name)(*arrays, **attrs, out=out) is out
    same(out, result)
    strided = np.full((*result.shape, 2), 7, result.dtype)[..., 0]
    assert kernel(name)(*arrays, **attrs, out=strided) is strided
    same(strided, result)
    for array, copy in zip(arrays, before, strict=True):
        same(array, copy)
    return result


def layouts(array):
    """The same values contiguous, with gaps, and in column order."""
    gaps = np.zeros((*array.shape, 2), array.dtype)
    gaps[..., 0] = array
    return [array, gaps[..., 0], np.asfortranarray(array)]


# Softmax and cross-entropy ------------------------------------------------------------------------


def softmax(x, axis=-1):
    with np.errstate(invalid="ignore"):
        e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def log_softmax(x, axis=-1):
    with np.errstate(invalid="ignore"):
        x = x - x.max(axis, keepdims=True)
    return x - np.log(np.exp(x).sum(axis, keepdims=True))


SHAPES = [(32, 10), (1, 1), (5, 37), (2, 3, 129), (7,), (0, 4), (3, 1000)]


@pytest.mark.parametrize("dtype", [F32, F64])
@pytest.mark.parametrize("shape", SHAPES)
def test_softmax_and_its_gradients(rng, shape, dtype):
    x = (3 * rng.standard_normal(shape)).astype(dtype)
    g = rng.standard_normal(shape).astype(dtype)
    for axis in {-1, 0, x.ndim - 1}:
        if x.shape[axis] == 0:
            continue
        for values in layouts(x):
            check(run("softmax", values, axis=axis), softmax(x.astype(F64), axis))
            check(run("log_softmax", values, axis=axis), log_softmax(x.astype(F64), axis))
        y = softmax(x.astype(F64), axis).astype(dtype)
        wide = y.astype(F64)
        expected = wide * (g - (g * wide).sum(axis, keepdims=True))
        check(run("softmax_gradient", g, y, axis=axis), expected)
        y = log_softmax(x.astype(F64), axis).astype(dtype)
        expected = g - np.exp(y.astype(F64)) * g.astype(F64).sum(axis, keepdims=True)
        check(run("log_softmax_gradient", g, y, axis=axis), expected)


@pytest.mark.parametrize("dtype", [F32, F64])
def test_softmax_of_extreme_values(dtype):
    inf, nan = np.inf, np.nan
    x = np.array(
        [
            [inf, 1, 2],
            [nan, 1, 2],
            [1, 2, -nan],
            [-inf, 1, 1],
            [-inf] * 3,
            [1e4, -1e4, 0],
            [3e38] * 3,
        ],
        dtype,
    )
    check(run("softmax", x, axis=-1), softmax(x.astype(F64)))
    labels = np.array([0, 0, 1, 1, 2, 0, 1])
    loss = run("sparse_softmax_cross_entropy", x, labels)
    with np.errstate(invalid="ignore"):
        check(loss, -log_softmax(x.astype(F64))[np.arange(7), labels])


@pytest.mark.parametrize("dtype", [F32, F64])
@pytest.mark.parametrize("shape", SHAPES)
def test_cross_entropy_and_its_gradients(rng, shape, dtype):
    logits = (3 * rng.standard_normal(shape)).astype(dtype)
    labels = rng.integers(0, shape[-1], shape[:-1], dtype=np.int32)
    targets = rng.random(shape).astype(dtype)
    g = np.asarray(rng.standard_normal(shape[:-1])).astype(dtype)
    onehot = np.eye(shape[-1])[labels]
    wide, t, arriving = logits.astype(F64), targets.astype(F64), g.astype(F64)[..., None]
    for values in layouts(logits):
        check(
            run("sparse_softmax_cross_entropy", values, labels),
            -(onehot * log_softmax(wide)).sum(-1),
        )
        check(
            run("sparse_softmax_cross_entropy_gradient", g, values, labels),
            arriving * (softmax(wide) - onehot),
        )
        check(run("softmax_cross_entropy", values, targets), -(t * log_softmax(wide)).sum(-1))
        check(
            run("softmax_cross_entropy_gradient", g, values, targets),
            arriving * (softmax(wide) * t.sum(-1, keepdims=True) - t),
            scale=shape[-1] ** 0.5,
        )


# Random numbers -----------------------------------------------------------------------------------


def philox(counter, key):
    """One block, after the paper, in Python integers: counter and key are lists of 32-bit words."""
    x, (k0, k1) = list(counter), key
    for _ in range(10):
        low = (0xD2511F53 * x[0], 0xCD9E8D57 * x[2])
        x = [
            (low[1] >> 32) ^ x[1] ^ k0,
            low[1] & 0xFFFFFFFF,
            (low[0] >> 32) ^ x[3] ^ k1,
            low[0] & 0xFFFFFFFF,
        ]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return x


KNOWN = [  # counter, key, result: from the authors' test vectors
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    (
        [0xFFFFFFFF] * 4,
        [0xFFFFFFFF] * 2,
        [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD],
    ),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


def words(key, counter, count):
    """The first words of a stream."""
    key_words = (key & 0xFFFFFFFF, key >> 32)
    result = []
    for block in range(counter, counter + -(-count // 4)):
        block &= 2**64 - 1
        result += philox([block & 0xFFFFFFFF, block >> 32, 0, 0], key_words)
    return np.array(result[:count], np.uint64)


def test_philox_known_answers():
    for counter, key, expected in KNOWN:
        assert philox(counter, key) == expected
    result = kernel("random_bits")(np.uint64(0), np.uint64(0), shape=(4,))
    assert result.dtype == np.uint32
    assert list(result) == KNOWN[0][2]


@pytest.mark.parametrize("key", [0, 5, 2**32 + 1, 2**64 - 1])
@pytest.mark.parametrize("counter", [0, 2**32 - 2, 2**63, 2**64 - 1])
def test_random_bits_are_the_words_of_the_stream(key, counter):
    scalars = np.uint64(key), np.uint64(counter)
    arrays = np.array(key, np.uint64), np.array(counter, np.uint64)
    for shape in [(), (1,), (7,), (3, 4), (0, 2), (2, 3, 5)]:
        expected = words(key, counter, math.prod(shape)).reshape(shape)
        for arguments in (scalars, arrays):
            np.testing.assert_array_equal(run("random_bits", *arguments, shape=shape), expected)


KEY, COUNTER = np.uint64(2**40 + 3), np.uint64(11)


@pytest.mark.parametrize("size", [1, 2, 3, 129])
def test_random_numbers_come_from_the_words(size):
    bits = words(int(KEY), int(COUNTER), 2 * size + 2)
    unit = (bits >> np.uint64(8)).astype(F64) * 2.0**-24

    def uniform(dtype):
        return run("random_uniform", KEY, COUNTER, shape=(size,), dtype=dtype)

    np.testing.assert_array_equal(uniform(F32), unit[:size].astype(F32))
    pair = (bits[0::2] >> np.uint64(5)) * np.uint64(2**26) + (bits[1::2] >> np.uint64(6))
    np.testing.assert_array_equal(uniform(F64), (pair.astype(F64) * 2.0**-53)[:size])
    for dtype, digits in ((np.dtype("float16"), 11), (BFLOAT16, 8)):
        expected = (bits >> np.uint64(32 - digits)).astype(F64)[:size] * 2.0**-digits
        np.testing.assert_array_equal(uniform(dtype).astype(F64), expected)

    r = np.sqrt(-2 * np.log(unit[0::2] + 2.0**-24))
    angle = 2 * np.pi * unit[1::2]
    expected = np.stack([r * np.cos(angle), r * np.sin(angle)], 1).ravel()[:size]
    for dtype in (F32, F64, np.dtype("float16"), BFLOAT16):
        check(run("random_normal", KEY, COUNTER, shape=(size,), dtype=dtype), expected)

    for rate in (0.0, 0.2, 0.5, 0.999):
        expected = np.where(unit[:size].astype(F32) < np.float32(rate), 0, 1 / (1 - rate))
        for dtype in (F32, F64, np.dtype("float16"), BFLOAT16):
            mask = run("dropout_mask", KEY, COUNTER, shape=(size,), rate=rate, dtype=dtype)
            np.testing.assert_array_equal(mask, expected.astype(dtype))


def test_random_numbers_have_their_distribution():
    shape = (1000, 1001)
    uniform = kernel("random_uniform")(KEY, COUNTER, shape=shape, dtype=F32)
    assert uniform.min() >= 0 and uniform.max() < 1
    assert abs(uniform.mean(dtype=F64) - 0.5) < 2e-3
    normal = kernel("random_normal")(KEY, COUNTER, shape=shape, dtype=F32).astype(F64)
    assert abs(normal.mean()) < 5e-3 and abs(normal.std() - 1) < 5e-3
    assert abs((normal**4).mean() - 3) < 0.05
    for rate in (0.1, 0.2, 0.5):
        mask = kernel("dropout_mask")(KEY, COUNTER, shape=shape, rate=rate, dtype=F32)
        assert abs((mask == 0).mean() - rate) < 2e-3


def test_a_large_stream_is_the_same_in_parts():
    whole = kernel("random_bits")(KEY, COUNTER, shape=(600_000,))
    part = kernel("random_bits")(KEY, np.uint64(int(COUNTER) + 100_000), shape=(40,))
    np.testing.assert_array_equal(whole[400_000:400_040], part)


# Indexing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [F32, F64, np.dtype("int32")])
def test_scatter_add(rng, dtype):
    for rows, width, count in [(5, 3, 0), (5, 3, 40), (1, 1, 9), (50, 16, 300), (4, 0, 3)]:
        x = (10 * rng.standard_normal((rows, width))).astype(dtype)
        indices = rng.integers(0, rows, (count, 2))
        indices[: count // 2] = 0  # a long run
        updates = (10 * rng.standard_normal((count, 2, width))).astype(dtype)
        expected = x.astype(F64)
        np.add.at(expected, indices, updates.astype(F64))
        result = run("scatter_add", x, indices, updates, axis=0)
        np.testing.assert_allclose(result, expected, rtol=0, atol=1e-4)
        assert result.dtype == dtype


def test_scatter_add_by_several_threads_is_the_same(rng, monkeypatch):
    x = np.zeros((100, 64), F32)
    indices = rng.integers(0, 100, 20_000)
    updates = rng.standard_normal((20_000, 64)).astype(F32)
    from tensorcore.kernels.cpu import threads

    results = []
    for count in (1, 3):
        monkeypatch.setattr(threads, "usable", lambda count=count: count)
        results.append(kernel("scatter_add")(x, indices, updates, axis=0))
    np.testing.assert_array_equal(*results)


def padded(rng, rows, lines, length):
    """Lines of indices with runs of one index at none, one or both ends, or over all of a line."""
    indices = rng.integers(0, rows, (lines, length)).astype(np.int32)
    for n, line in enumerate(indices):
        line[: rng.integers(0, length + 1) if n % 3 == 1 else 0] = rng.integers(rows)
        line[length - rng.integers(0, length + 1) if n % 3 > 1 else length :] = 0
    return indices


def mean_of_rows(x, indices):
    out, total = (np.full((len(indices), x.shape[1]), 7, x.dtype) for _ in range(2))
    assert kernel("take_mean")(x, indices, keepdims=False, out=out) is out
    assert kernel("take_sum")(x, indices, keepdims=False, out=total) is total
    np.testing.assert_array_equal(total / x.dtype.type(indices.shape[1]), out)
    return out


WIDTHS = (1, 3, 8, 16, 20, 32, 40, 64, 100, 128)


@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
def test_means_of_rows_and_their_gradient(rng, dtype):
    for width in WIDTHS:
        indices = padded(rng, 30, 23, 19)
        x = rng.standard_normal((30, width)).astype(dtype)
        result = mean_of_rows(x, indices)
        np.testing.assert_allclose(result, x[indices].astype(F64).mean(axis=1), 1e-5, 1e-6)
        lines = rng.standard_normal((23, width)).astype(dtype)
        updates = np.broadcast_to(lines[:, None], (23, 19, width))
        expected = x.astype(F64)
        np.add.at(expected, indices, updates)
        result = run("scatter_add", x, indices, updates, axis=0)
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.int8], ids=str)
def test_rows_may_be_chosen_by_integers_of_any_size(rng, kind):
    indices = padded(rng, 100, 9, 12).astype(kind)
    x = rng.standard_normal((100, 16)).astype(F32)
    result = mean_of_rows(x, indices)
    np.testing.assert_allclose(result, x[indices].mean(axis=1), rtol=1e-5, atol=1e-6)
    updates = rng.standard_normal((9, 12, 16)).astype(F32)
    expected = x.astype(F64)
    np.add.at(expected, indices, updates)
    np.testing.assert_allclose(
        run("scatter_add", x, indices, updates, axis=0), expected, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("one_update_a_line", [False, True])
def test_sums_of_rows_are_the_same_for_any_number_of_threads(rng, monkeypatch, one_update_a_line):
    from tensorcore.kernels.cpu import row_lists, threads

    monkeypatch.setattr(row_lists, "LOOKUPS_A_THREAD", 64)
    indices = padded(rng, 300, 200, 40)
    shape = (200, 1, 24) if one_update_a_line else (200, 40, 24)
    updates = np.broadcast_to(rng.standard_normal(shape).astype(F32), (200, 40, 24))
    results = []
    for count in (1, 2, 5):
        monkeypatch.setattr(threads, "usable", lambda count=count: count)
        lists = row_lists.RowLists(indices, updates, 300)
        assert len(lists.pieces[0].args[-1]) == count
        results.append(run("scatter_add", np.zeros((300, 24), F32), indices, updates, axis=0))
    expected = np.zeros((300, 24))
    np.add.at(expected, indices, updates)
    np.testing.assert_allclose(results[0], expected, rtol=1e-5, atol=1e-4)
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


# Convolution and pooling --------------------------------------------------------------------------


def conv2d(x, w, strides, padding, dilation, groups):
    """The sum over the cells of the window, each one a product of matrices, in float64."""
    x, w = x.astype(F64), w.astype(F64)
    h, w_pads = (
        windows.pads(x.shape[a + 1], w.shape[a], strides[a], dilation[a], padding, a)
        for a in (0, 1)
    )
    oh, ow = (
        windows.output_size(x.shape[a + 1], w.shape[a], strides[a], dilation[a], padding, a)
        for a in (0, 1)
    )
    x = np.pad(x, ((0, 0), h, w_pads, (0, 0)))
    kh, kw, depth, columns = w.shape
    y = np.zeros((len(x), oh, ow, columns))
    for i in range(kh):
        for j in range(kw):
            top, left = i * dilation[0], j * dilation[1]
            cells = x[:, top : top + (oh - 1) * strides[0] + 1 : strides[0]]
            cells = cells[:, :, left : left + (ow - 1) * strides[1] + 1 : strides[1]]
            for group in range(groups):
                part = slice(group * columns // groups, (group + 1) * columns // groups)
                inputs = cells[..., group * depth : (group + 1) * depth]
                y[..., part] += inputs @ w[i, j, :, part]
    return y


CONVOLUTIONS = [
    ((2, 7, 8, 3), (3, 3, 3, 5), (1, 1), "VALID", (1, 1), 1),
    ((2, 7, 8, 3), (3, 2, 3, 70), (2, 1), "SAME", (1, 1), 1),
    ((2, 9, 8, 3), (3, 3, 3, 33), (1, 2), "SAME", (2, 2), 1),
    ((2, 9, 8, 4), (3, 3, 2, 6), (2, 2), ((1, 2), (0, 3)), (1, 1), 2),
    ((2, 9, 8, 4), (3, 3, 1, 4), (1, 1), "SAME", (1, 2), 4),
    ((2, 9, 8, 4), (3, 3, 1, 4), (2, 3), "SAME", (1, 1), 4),
    ((2, 9, 8, 2), (3, 3, 1, 4), (1, 1), "VALID", (1, 1), 2),
    ((1, 5, 5, 1), (5, 5, 1, 1), (1, 1), ((4, 4), (9, 9)), (1, 1), 1),
    ((3, 8, 9, 17), (1, 1, 17, 96), (2, 2), "VALID", (1, 1), 1),
    ((1, 1, 1, 1), (1, 1, 1, 1), (1, 1), "VALID", (1, 1), 1),
    ((0, 4, 4, 2), (2, 2, 2, 3), (1, 1), "VALID", (1, 1), 1),
    ((1, 40, 41, 9), (4, 3, 9, 16), (3, 2), "SAME", (1, 1), 1),
    ((2, 11, 12, 3), (2, 3, 3, 5), (4, 5), "VALID", (1, 1), 1),  # cells that no window reads
    ((1, 30, 31, 2), (3, 2, 2, 3), (4, 2), "SAME", (6, 3), 1),
    ((1, 6, 5, 2), (9, 11, 2, 3), (1, 1), "SAME", (1, 1), 1),  # windows larger than the image
    ((7, 12, 13, 6), (3, 3, 3, 40), (1, 1), ((2, 0), (1, 3)), (1, 1), 2),
]


@pytest.mark.parametrize("dtype", [F32, F64, np.dtype("float16"), BFLOAT16], ids=str)
@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_convolution_and_its_gradients(rng, case, dtype):
    x_shape, w_shape, strides, padding, dilation, groups = case
    attrs = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups}
    x = rng.standard_normal(x_shape).astype(dtype)
    w = rng.standard_normal(w_shape).astype(dtype)
    expected = conv2d(x, w, **attrs)
    y = run("conv2d", x, w, **attrs)
    assert y.dtype == dtype
    check(y, expected)
    check(run("conv2d", layouts(x)[1], layouts(w)[2], **attrs), expected)

    # <g, conv(x, w)> is linear in x and in w: its slopes along random directions are known.
    g = rng.standard_normal(expected.shape).astype(dtype)
    dx = run("conv2d_input_gradient", g, w, input_shape=x_shape, **attrs)
    dw = run("conv2d_filter_gradient", x, g, filter_shape=w_shape, **attrs)
    assert (dx.shape, dx.dtype, dw.shape, dw.dtype) == (x_shape, dtype, w_shape, dtype)
    wide = g.astype(F64)
    given = (np, wide, w.astype(F64))
    check(dx, OPS["conv2d_input_gradient"].reference(*given, input_shape=x_shape, **attrs), 4)
    given = (np, x.astype(F64), wide)
    check(dw, OPS["conv2d_filter_gradient"].reference(*given, filter_shape=w_shape, **attrs), 4)
    scale = TOLERANCE[dtype] * 20 * max(1.0, np.linalg.norm(wide)) * math.prod(w_shape) ** 0.5
    for _ in range(3):
        direction = rng.standard_normal(x_shape)
        slope = (wide * conv2d(direction, w, **attrs)).sum()
        assert abs(slope - (dx.astype(F64) * direction).sum()) < scale
        direction = rng.standard_normal(w_shape)
        slope = (wide * conv2d(x, direction, **attrs)).sum()
        assert abs(slope - (dw.astype(F64) * direction).sum()) < scale


@pytest.mark.parametrize("case", [CONVOLUTIONS[i] for i in (0, 3, 4, 6, 14)], ids=str)
def test_convolutions_of_a_plan_are_pieces_with_the_values_of_calls(rng, case):
    from tensorcore.kernels.cpu.bound import bound

    x_shape, w_shape, strides, padding, dilation, groups = case
    attrs = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups}
    x = rng.standard_normal(x_shape).astype(F32)
    w = rng.standard_normal(w_shape).astype(F32)
    y = kernel("conv2d")(x, w, **attrs)
    for name, arrays, more in (
        ("conv2d", (x, w), {}),
        ("conv2d_input_gradient", (y, w), {"input_shape": x_shape}),
        ("conv2d_filter_gradient", (x, y), {"filter_shape": w_shape}),
    ):
        expected = kernel(name)(*arrays, **more, **attrs)
        out = np.full(expected.shape, np.nan, F32)
        pieces = bound(name, arrays, {**more, **attrs}, out)
        for _ in range(2):  # buffers are used again
            for piece in pieces:
                piece()
            np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("largest", [0, 1 << 22], ids=["by rows", "by shares"])
def test_convolution_by_several_threads_is_the_same(rng, monkeypatch, largest):
    from tensorcore.kernels.cpu import convolution, filter_gradient, threads

    x = rng.standard_normal((4, 20, 20, 8)).astype(F32)
    w = rng.standard_normal((3, 3, 8, 24)).astype(F32)
    attrs = {"strides": (1, 1), "padding": "SAME", "dilation": (1, 1), "groups": 1}
    monkeypatch.setattr(convolution, "PRODUCTS_A_THREAD", 1 << 10)
    monkeypatch.setattr(filter_gradient, "PRODUCTS_A_SHARE", 1 << 10)
    monkeypatch.setattr(filter_gradient, "MOST_BYTES_OF_SHARES", largest)
    results = []
    for count in (1, 3):
        monkeypatch.setattr(threads, "usable", lambda count=count: count)
        y = kernel("conv2d")(x, w, **attrs)
        dx = kernel("conv2d_input_gradient")(y, w, input_shape=x.shape, **attrs)
        dw = kernel("conv2d_filter_gradient")(x, y, filter_shape=w.shape, **attrs)
        results.append((y, dx, dw))
    for one, several in zip(*results, strict=True):
        np.testing.assert_array_equal(one, several)
    given = (np, x.astype(F64), y.astype(F64))
    check(dw, OPS["conv2d_filter_gradient"].reference(*given, filter_shape=w.shape, **attrs), 4)


POOLS = [
    ((2, 6, 8, 3), (2, 2), (2, 2), "VALID"),
    ((2, 7, 5, 3), (3, 2), (2, 1), "SAME"),
    ((1, 5, 5, 33), (3, 3), (1, 1), ((1, 1), (0, 2))),
    ((0, 4, 4, 2), (2, 2), (2, 2), "VALID"),
    ((1, 4, 4, 1), (4, 4), (1, 1), "VALID"),
]


def pool_windows(shape, window, strides, padding):
    """For each output cell the indices of the input cells of its window, in row-major order."""
    sizes = [
        windows.output_size(shape[a + 1], window[a], strides[a], 1, padding, a) for a in (0, 1)
    ]
    before = [windows.pads(shape[a + 1], window[a], strides[a], 1, padding, a)[0] for a in (0, 1)]
    for oy in range(sizes[0]):
        for ox in range(sizes[1]):
            rows = range(oy * strides[0] - before[0], oy * strides[0] - before[0] + window[0])
            cells = range(ox * strides[1] - before[1], ox * strides[1] - before[1] + window[1])
            inside = [
                (iy, ix) for iy in rows for ix in cells if 0 <= iy < shape[1] and 0 <= ix < shape[2]
            ]
            yield oy, ox, inside


@pytest.mark.parametrize("dtype", [F32, F64, np.dtype("float16"), BFLOAT16], ids=str)
@pytest.mark.parametrize("case", POOLS, ids=str)
def test_pooling_and_its_gradients(rng, case, dtype):
    shape, window, strides, padding = case
    attrs = {"window": window, "strides": strides, "padding": padding}
    x = rng.integers(-3, 3, shape).astype(dtype)  # equal values: the first one counts
    if x.size:
        x[0, 1, 1, 0] = np.nan
        x[0, 2, 2, 0] = -np.inf
    v = rng.standard_normal(shape).astype(dtype)
    largest = run("max_pool2d", x, **attrs)
    assert largest.dtype == dtype
    g = rng.standard_normal(largest.shape).astype(dtype)
    expected = np.zeros(largest.shape)
    gathered = np.zeros(largest.shape)
    spread = np.zeros(shape)
    mean = np.zeros(largest.shape)
    shared = np.zeros(shape)
    for oy, ox, inside in pool_windows(shape, window, strides, padding):
        for n in range(shape[0]):
            for c in range(shape[3]):
                values = np.array([x[n, iy, ix, c] for iy, ix in inside], F64)
                first = inside[int(np.argmax(values))]
                expected[n, oy, ox, c] = values.max()
                gathered[n, oy, ox, c] = v[n, *first, c]
                spread[n, *first, c] += g[n, oy, ox, c].astype(F64)
                mean[n, oy, ox, c] = np.mean([v[n, iy, ix, c].astype(F64) for iy, ix in inside])
                for iy, ix in inside:
                    shared[n, iy, ix, c] += g[n, oy, ox, c].astype(F64) / len(inside)
    check(largest, expected)
    check(run("max_pool2d_gather", v, x, **attrs), gathered)
    check(run("max_pool2d_gradient", g, x, **attrs), spread)
    check(run("avg_pool2d", v, **attrs), mean)
    check(run("avg_pool2d_gradient", g, input_shape=shape, **attrs), shared)


@pytest.mark.parametrize("dtype", [F32, F64, np.dtype("float16"), BFLOAT16], ids=str)
def test_matmul(rng, dtype):
    for a, b in [
        ((3, 4), (4, 5)),
        ((2, 3, 4), (4, 5)),
        ((4,), (4, 5)),
        ((3, 4), (4,)),
        ((4,), (4,)),
    ]:
        x1 = rng.standard_normal(a).astype(dtype)
        x2 = rng.standard_normal(b).astype(dtype)
        expected = x1.astype(F64) @ x2.astype(F64)
        for left in (False, True):
            for right in (False, True):
                first = np.ascontiguousarray(x1.swapaxes(-1, -2)) if left and x1.ndim > 1 else x1
                second = np.ascontiguousarray(x2.swapaxes(-1, -2)) if right and x2.ndim > 1 else x2
                flags = {"transpose_a": left, "transpose_b": right}
                y = np.asarray(kernel("matmul")(first, second, **flags))
                check(y, expected)
                if y.ndim:
                    check(run("matmul", first, second, **flags), expected)


@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
def test_sums_and_means(rng, dtype):
    shapes = [(3, 4, 5), (700, 3), (2, 5000, 3), (1, 7, 1), (33, 2), (0, 3), (3, 0), (4,)]
    for shape in shapes:
        x = rng.standard_normal(shape).astype(dtype)
        for axis in (0, -1, tuple(range(len(shape))), tuple(range(len(shape) - 1)), (0, -1), None):
            for keepdims in (False, True):
                attrs = {"axis": axis, "keepdims": keepdims}
                if kernel("sum")(x, **attrs) is NotImplemented:
                    continue
                check(run("sum", x, **attrs), x.astype(F64).sum(**attrs))
                check(run("mean", x, **attrs), x.astype(F64).mean(**attrs))
    x = rng.standard_normal((6, 4)).astype(dtype)
    check(run("sum", x, axis=[0], keepdims=False), x.astype(F64).sum(0))
    for axis in (2, -3, (0, 0), (), None, "0"):
        assert kernel("sum")(x, axis=axis, keepdims=False) is NotImplemented
    assert kernel("sum")(x.T, axis=0, keepdims=False) is NotImplemented
    assert kernel("sum")(x, axis=0, keepdims=False, dtype=np.float16) is NotImplemented
    assert kernel("sum")(x.astype(np.int32), axis=0, keepdims=False) is NotImplemented


def test_sums_of_many_numbers_are_accurate(rng):
    x = rng.random((100_000, 3)).astype(F32)
    x[5, 1] = np.inf
    x[7, 2] = np.nan
    check(run("sum", x, axis=0, keepdims=False), x.astype(F64).sum(0))
    rows = np.ascontiguousarray(x.T[:, :500])
    check(run("sum", rows, axis=1, keepdims=False), rows.astype(F64).sum(1))


# Generated kernels: values ------------------------------------------------------------------------


def program(name, inputs, results, compute, outputs=None):
    """A program with one statement a result; `inputs` are (name, dtype)."""
    statements = tuple((f"t{i}", text, is_bool) for i, (text, is_bool) in enumerate(results))
    names = tuple(f"t{i}" for i in range(len(results)))
    if outputs is None:
        outputs = tuple(BOOL if is_bool else compute for _, is_bool in results)
    return Program(name, tuple(inputs), compute, statements, names, outputs)


def float_samples(rng, dtype):
    special = [
        0.0,
        -0.0,
        1,
        -1,
        0.5,
        -0.5,
        2.5,
        -3.5,
        np.inf,
        -np.inf,
        np.nan,
        1e-30,
        -1e-30,
        88,
        -88,
    ]
    return np.concatenate([np.array(special), 3 * rng.standard_normal(500)]).astype(dtype)


def erf(x):
    return np.array([math.erf(value) for value in x.ravel()]).reshape(x.shape)


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


OWN = {"erf": erf, "sigmoid": sigmoid, "softplus": softplus}
UNARY = [
    "floor",
    "ceil",
    "trunc",
    "rint",
    "sign",
    "absolute",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "sqrt",
    "sin",
    "cos",
    "tan",
    "arcsin",
    "arccos",
    "arctan",
    "sinh",
    "cosh",
    "tanh",
    "arcsinh",
    "arccosh",
    "arctanh",
    "erf",
    "sigmoid",
    "softplus",
]
UNARY_BOOL = ["isnan", "isinf", "isfinite", "signbit", "logical_not"]
BINARY = [
    "floor_divide",
    "remainder",
    "power",
    "maximum",
    "minimum",
    "copysign",
    "hypot",
    "logaddexp",
    "arctan2",
]
BINARY_BOOL = ["logical_and", "logical_or", "logical_xor"]


@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
def test_functions_of_floats(rng, dtype):
    x = float_samples(rng, dtype)
    results = [(f"{name}(x)", False) for name in UNARY] + [
        (f"{name}(x)", True) for name in UNARY_BOOL
    ]
    values = generated.compile(program("all_unary", [("x", dtype)], results, dtype))(x)
    with np.errstate(all="ignore"):
        for name, actual in zip(UNARY + UNARY_BOOL, values, strict=True):
            function = OWN.get(name) or getattr(np, name)
            expected = function(x.astype(F64))
            if name in UNARY_BOOL:
                np.testing.assert_array_equal(actual, expected, name)
                continue
            expected = expected.astype(dtype)
            both_small = (
                np.abs(expected) < 1e-35
            )  # NumPy's float64 has digits where float32 has none
            np.testing.assert_array_equal(np.isnan(actual), np.isnan(expected), name)
            ok = np.isfinite(expected) & ~both_small
            np.testing.assert_allclose(
                actual[ok], expected[ok], rtol=4 * np.finfo(dtype).eps, err_msg=name
            )
            infinite = np.isinf(expected)
            np.testing.assert_array_equal(actual[infinite], expected[infinite], name)
            zero = expected == 0
            np.testing.assert_array_equal(
                np.signbit(actual[zero]), np.signbit(expected[zero]), name
            )


@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
def test_functions_of_two_floats(rng, dtype):
    x = float_samples(rng, dtype)
    x, y = (array.ravel() for array in np.meshgrid(x[:60], x[:60]))
    results = [(f"{name}(x, y)", False) for name in BINARY]
    results += [(f"{name}(x, y)", True) for name in BINARY_BOOL]
    results += [(f"(x {sign} y)", True) for sign in ("<", "<=", "==", "!=")]
    results += [("(x / y)", False), ("select(signbit(x), y, T(2.5))", False)]
    compiled = generated.compile(
        program("all_binary", [("x", dtype), ("y", dtype)], results, dtype)
    )
    values = compiled(x, y)
    with np.errstate(all="ignore"):
        expected = [getattr(np, name)(x, y) for name in BINARY + BINARY_BOOL]
        expected += [
            x < y,
            x <= y,
            x == y,
            x != y,
            x / y,
            np.where(np.signbit(x), y, dtype.type(2.5)),
        ]
    for (text, _), actual, wanted in zip(results, values, expected, strict=True):
        assert actual.dtype == wanted.dtype
        if "power" in text or "hypot" in text or "logaddexp" in text or "arctan2" in text:
            eps = np.finfo(dtype).eps
            # logaddexp adds numbers of either sign
            tiny = 4 * (eps if "logaddexp" in text else np.finfo(dtype).tiny)
            np.testing.assert_allclose(actual, wanted, 8 * eps, tiny, err_msg=text)
        else:
            np.testing.assert_array_equal(actual, wanted, text)
        zero = (wanted == 0) & ("maximum" not in text) & ("minimum" not in text)
        if dtype == wanted.dtype:
            np.testing.assert_array_equal(np.signbit(actual[zero]), np.signbit(wanted[zero]), text)


INTEGERS = [
    np.dtype(name) for name in ["int8", "uint8", "int16", "int32", "uint32", "int64", "uint64"]
]


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_functions_of_integers(rng, dtype):
    info = np.iinfo(dtype)
    edges = [info.min, info.min + 1, 0, 1, 2, 3, 7, 63, info.max - 1, info.max]
    if info.min < 0:
        edges += [-1, -2, -7]
    x = np.concatenate([np.array(edges, dtype), rng.integers(info.min, info.max, 20, dtype)])
    x, y = (array.ravel() for array in np.meshgrid(x, x))
    small = np.abs(y.astype(F64)) < 64
    exponent = np.where(small & (y > 0), y, 0).astype(dtype)
    shift = np.where(small & (y >= 0), y, 1).astype(dtype)
    results = [
        (f"{name}(x, y)", False) for name in ("floor_divide", "remainder", "maximum", "minimum")
    ]
    results += [(f"(x {sign} y)", False) for sign in "+-*&|^"]
    results += [("bitwise_invert(x)", False), ("(-x)", False), ("absolute(x)", False)]
    results += [("sign(x)", False), ("floor(x)", False), ("power(x, p)", False)]
    results += [("left_shift(x, s)", False), ("right_shift(x, s)", False)]
    results += [("(x < y)", True), ("isnan(x)", True), ("isfinite(x)", True), ("signbit(x)", True)]
    results += [("logical_and(x, y)", True), ("(t0 == x)", True)]
    inputs = [(name, dtype) for name in ("x", "y", "p", "s")]
    values = generated.compile(program(f"of_{dtype}", inputs, results, dtype))(
        x, y, exponent, shift
    )
    with np.errstate(all="ignore"):
        expected = [np.floor_divide(x, y), np.remainder(x, y), np.maximum(x, y), np.minimum(x, y)]
        expected += [x + y, x - y, x * y, x & y, x | y, x ^ y, ~x, -x, np.abs(x), np.sign(x), x]
        expected += [np.power(x, exponent), np.left_shift(x, shift), np.right_shift(x, shift)]
        expected += [x < y, np.zeros(x.shape, bool), np.ones(x.shape, bool), x < 0]
        expected += [np.logical_and(x, y), expected[0] == x]
    for (text, _), actual, wanted in zip(results, values, expected, strict=True):
        assert actual.dtype == wanted.dtype, text
        np.testing.assert_array_equal(actual, wanted, text)


def test_functions_of_booleans():
    x, y = np.array([False, False, True, True]), np.array([False, True, False, True])
    results = [(text, True) for text in ("(x & y)", "(x | y)", "(x ^ y)", "logical_xor(x, y)")]
    results += [
        ("bitwise_invert(x)", False),
        ("maximum(x, y)", False),
        ("select(x, y, T(True))", False),
    ]
    values = generated.compile(program("of_bool", [("x", BOOL), ("y", BOOL)], results, BOOL))(x, y)
    for actual, wanted in zip(values, [x & y, x | y, x ^ y, x ^ y, ~x, x | y, y | ~x], strict=True):
        assert actual.dtype == BOOL
        np.testing.assert_array_equal(actual, wanted)


FAST = [
    "exp",
    "exp2",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "tanh",
    "erf",
    "sigmoid",
    "softplus",
]


@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
def test_a_program_may_have_the_name_of_a_function(dtype):
    for name in ("exp", "k", "loop"):
        inputs = [("o", dtype), ("i", dtype), ("k", dtype)]
        compiled = generated.compile(program(name, inputs, [("exp((o * i) + k)", False)], dtype))
        x, row = np.ones((3, 4), dtype), np.ones(4, dtype)
        check(compiled(x, row, dtype.type(1)), np.full((3, 4), math.exp(2)))


WIDE = ["exp", "expm1", "log", "log1p", "tanh", "sigmoid", "softplus"]


@pytest.mark.parametrize("name", WIDE)
def test_float64_functions_over_the_whole_range(name, rng):
    x = rng.integers(-(2**63), 2**63 - 1, 50_000).view(F64)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 1, -1, 709.78, -745.1]
    x = np.concatenate([x, rng.uniform(-750, 750, 20_000), rng.uniform(-2, 2, 50_000), special])
    compiled = generated.compile(
        program(f"wide_{name}", [("x", F64)], [(f"{name}(x)", False)], F64)
    )
    with np.errstate(all="ignore"):
        actual = compiled(x)
        expected = (OWN.get(name) or getattr(np, name))(x.astype(np.longdouble)).astype(F64)
    np.testing.assert_array_equal(np.isnan(actual), np.isnan(expected))
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(actual[numbers]), np.signbit(expected[numbers]))
    infinite = np.isinf(expected) | np.isinf(actual)
    np.testing.assert_array_equal(actual[infinite], expected[infinite])
    finite = np.isfinite(expected)
    unit = np.spacing(np.maximum(np.abs(expected[finite]), 5e-324))
    error = np.abs(actual[finite] - expected[finite]) / unit
    print(name, error.max(), x[finite][error.argmax()])
    assert error.max() <= 4


@pytest.mark.parametrize("name", FAST)
def test_float32_functions_over_the_whole_range(name):
    step = 641 if name != "erf" else 64_100
    x = np.arange(0, 2**32, step, dtype=np.uint64).astype(np.uint32).view(F32)
    x = np.concatenate([x, np.array([0.0, -0.0, np.inf, -np.inf, 1e-45, -1e-45, 1, -1], F32)])
    compiled = generated.compile(
        program(f"only_{name}", [("x", F32)], [(f"{name}(x)", False)], F32)
    )
    with np.errstate(all="ignore"):
        actual = compiled(x)
        expected = (OWN.get(name) or getattr(np, name))(x.astype(F64))
        rounded = expected.astype(F32)
    np.testing.assert_array_equal(np.isnan(actual), np.isnan(rounded))
    np.testing.assert_array_equal(np.isinf(actual), np.isinf(rounded))
    numbers = ~np.isnan(rounded)
    np.testing.assert_array_equal(np.signbit(actual[numbers]), np.signbit(rounded[numbers]))
    finite = np.isfinite(rounded)
    unit = np.spacing(np.maximum(np.abs(rounded[finite]), F32.type(1e-45))).astype(F64)
    error = np.abs(actual[finite].astype(F64) - expected[finite]) / unit
    assert error.max() < 2.5


def test_float32_powers(rng):
    special = [0.0, 1, 2, 0.5, 3, np.inf, np.nan, 1e-45, 1e38, 2.5, 1e10, 16777217, 16777215]
    special = np.array([sign * value for value in special for sign in (1, -1)], F32)
    count = 50_000
    pairs = [
        np.meshgrid(special, special),
        (rng.uniform(0, 4, count), rng.uniform(-60, 60, count)),
        (np.exp(rng.uniform(-100, 88, count)), rng.uniform(-2, 2, count)),
        (-rng.uniform(0, 4, count), rng.integers(-60, 60, count)),
        (rng.uniform(0.99, 1.01, count), rng.uniform(-8000, 8000, count)),
    ]
    x, y = (np.concatenate([pair[i].ravel() for pair in pairs]).astype(F32) for i in (0, 1))
    compiled = generated.compile(
        program("only_power", [("x", F32), ("y", F32)], [("power(x, y)", False)], F32)
    )
    with np.errstate(all="ignore"):
        actual = compiled(x, y)
        expected = np.power(x.astype(F64), y.astype(F64))
        rounded = expected.astype(F32)
    finite = np.isfinite(rounded)
    np.testing.assert_array_equal(actual[~finite], rounded[~finite])
    np.testing.assert_array_equal(np.signbit(actual[finite]), np.signbit(rounded[finite]))
    unit = np.spacing(np.maximum(np.abs(rounded[finite]), F32.type(1e-45))).astype(F64)
    assert (np.abs(actual[finite].astype(F64) - expected[finite]) / unit).max() < 0.51


@pytest.mark.parametrize(("dtype", "limit"), [(F32, -86), (F64, -700)])
def test_exp_of_what_is_not_above_zero(dtype, limit):
    from tensorcore.kernels.cpu.jit import kernel
    from tensorcore.kernels.cpu.rows import exp_of_negative

    @kernel
    def all_of(x, y):
        for i in range(x.size):
            y[i] = exp_of_negative(x[i])

    x = np.concatenate([np.linspace(2 * limit, 0, 50_000), [-0.0, -1e-40, -1e300, -np.inf, np.nan]])
    with np.errstate(over="ignore"):
        x = x.astype(dtype)
    y = np.empty_like(x)
    all_of(x, y)
    seen = x >= limit
    expected = np.exp(x[seen].astype(np.longdouble))
    assert (np.abs(y[seen] - expected) < 2.5 * np.spacing(expected.astype(dtype))).all()
    assert (y[x < limit] == 0).all() and np.isnan(y[-1])


# Generated kernels: layouts, aliases, cache -------------------------------------------------------


def gelu_like(dtype=F32):
    results = [("((x * y) + z)", False), ("tanh(t0)", False), ("(t1 < x)", True)]
    inputs = [("x", dtype), ("y", dtype), ("z", dtype)]
    return program("layouts", inputs, results, dtype)


@pytest.mark.parametrize(
    "shapes",
    [
        [(4, 6), (4, 6), (4, 6)],
        [(4, 6), (6,), ()],
        [(4, 6), (4, 1), (1, 6)],
        [(2, 3, 4), (4,), (2, 3, 1)],
        [(2, 3, 4), (3, 4), (2, 1, 1)],
        [(2, 3, 4), (2, 1, 4), (1, 3, 1)],
        [(4, 1), (1, 6), ()],
        [(), (), ()],
        [(1,), (1, 1), ()],
        [(0, 3), (3,), ()],
        [(3, 1, 1), (1, 1), (1,)],
        [(1, 5), (1, 5), (5,)],
    ],
    ids=str,
)
def test_broadcasting(rng, shapes):
    compiled = generated.compile(gelu_like())
    arrays = [np.asarray(rng.standard_normal(shape)).astype(F32) for shape in shapes]
    x, y, z = (array.astype(F64) for array in arrays)
    wanted = [x * y + z + 0 * (x + y), np.tanh(x * y + z)]
    variants = [arrays, [layouts(array)[1] for array in arrays]]
    variants.append([array[()] if array.shape == () else array.T.copy().T for array in arrays])
    for variant in variants:
        before = [np.array(array, copy=True) for array in variant]
        result = compiled(*variant)
        assert [r.dtype for r in result] == [F32, F32, BOOL]
        check(result[0], wanted[0])
        check(result[1], wanted[1])
        np.testing.assert_array_equal(result[2], result[1] < arrays[0] + 0 * result[0])
        for array, copy in zip(variant, before, strict=True):
            np.testing.assert_array_equal(array, copy)
        out = tuple(np.empty_like(r) for r in result)
        assert compiled(*variant, out=out) is out
        for target, values in zip(out, result, strict=True):
            np.testing.assert_array_equal(target, values)


def adam():
    names = ("w", "m", "v", "g", "s")
    statements = (
        ("t0", "(m + ((g - m) * T(0.1)))", False),
        ("t1", "(v + (((g * g) - v) * T(0.001)))", False),
        ("t2", "(w - ((s * t0) / (sqrt(t1) + T(1e-07))))", False),
    )
    inputs = tuple((name, F32) for name in names)
    return Program("adam_test", inputs, F32, statements, ("t2", "t0", "t1"), (F32, F32, F32))


@pytest.mark.parametrize("shape", [(7,), (5, 1001), ()])
def test_updates_in_place(rng, shape):
    compiled = generated.compile(adam())
    arrays = [np.asarray(rng.random(shape)).astype(F32) for _ in range(4)]
    step = np.float32(0.01)
    expected = compiled(*arrays, step)
    w, m, v, g = (array.copy() for array in arrays)
    assert compiled(w, m, v, g, step, out=(w, m, v))[0] is w
    for actual, wanted in zip((w, m, v), expected, strict=True):
        np.testing.assert_array_equal(actual, wanted)
    np.testing.assert_array_equal(g, arrays[3])


def test_outputs_that_overlap_inputs(rng):
    results = [("(x + y)", False)]
    compiled = generated.compile(program("overlap", [("x", F32), ("y", F32)], results, F32))
    memory = rng.standard_normal(101).astype(F32)
    for x_part, y_part, out_part in [
        (slice(0, 100), slice(0, 100), slice(1, 101)),
        (slice(1, 101), slice(0, 100), slice(0, 100)),
        (slice(0, 100), slice(1, 101), slice(0, 100)),
        (slice(None, None, 2), slice(None, None, 2), slice(None, None, 2)),
    ]:
        work = memory.copy()
        expected = work[x_part] + work[y_part]
        compiled(work[x_part], work[y_part], out=work[out_part])
        np.testing.assert_array_equal(work[out_part], expected)
    work = memory.copy()
    compiled(work, np.float32(1), out=work)
    np.testing.assert_array_equal(work, memory + np.float32(1))
    square = rng.standard_normal((10, 10)).astype(F32)
    work = square.copy()
    compiled(work, work.T, out=work)
    np.testing.assert_array_equal(work, square + square.T)
    work = square.copy()
    compiled(work, work[0], out=work)  # a row of the output, read for every row
    np.testing.assert_array_equal(work, square + square[0])
    compiled(work, work[0, :1], out=work)
    np.testing.assert_array_equal(work, square + square[0] + (square[0] + square[0])[0])


def test_out_in_another_dtype_or_layout(rng):
    compiled = generated.compile(program("other", [("x", F32)], [("(x * x)", False)], F32))
    x = rng.standard_normal((6, 5)).astype(F32)
    for out in (np.empty((6, 5), F64), np.empty((5, 6), F32).T, np.empty((6, 10), F32)[:, ::2]):
        assert compiled(x, out=out) is out
        np.testing.assert_array_equal(out, (x * x).astype(out.dtype))


def test_mixed_dtypes_and_read_only_inputs(rng):
    inputs = [("c", BOOL), ("x", F32), ("n", np.dtype("int32"))]
    compiled = generated.compile(program("mixed", inputs, [("select(c, x, n)", False)], F32))
    c = rng.random(50) < 0.5
    x = rng.standard_normal(50).astype(F32)
    n = rng.integers(-5, 5, 50, dtype=np.int32)
    for array in (c, x, n):
        array.flags.writeable = False
    np.testing.assert_array_equal(compiled(c, x, n), np.where(c, x, n).astype(F32))


def test_large_arrays_are_split_over_threads(rng, monkeypatch):
    from tensorcore.kernels.cpu import threads

    compiled = generated.compile(gelu_like())
    x = rng.standard_normal((1200, 1001)).astype(F32)
    row, column = rng.standard_normal(1001).astype(F32), rng.standard_normal((1200, 1)).astype(F32)
    for second in (x, row):
        results = []
        for count in (1, 3):
            monkeypatch.setattr(threads, "usable", lambda count=count: count)
            results.append(compiled(x, second, column if second is row else x))
        for one, several in zip(*results, strict=True):
            np.testing.assert_array_equal(one, several)


def test_when_a_generated_kernel_pays():
    large = np.zeros(10**6, F32)
    assert generated.pays([large, np.float32(1)], False)
    assert generated.pays([large, large > 0], False)
    assert not generated.pays([large], True)
    assert not generated.pays([large[:100]], False)
    assert not generated.pays([], False)
    assert generated.pays([large[:1]] * 8, False)
    for dtype in ("float16", BFLOAT16, "complex64"):
        assert not generated.pays([np.zeros(10**6, dtype)], False)


def test_an_unknown_function_is_refused():
    unknown = program("unknown", [("x", F32)], [("no_such_function(x)", False)], F32)
    with pytest.raises(AttributeError, match="no_such_function"):
        generated.compile(unknown)(np.zeros(3, F32))


# Entries ------------------------------------------------------------------------------------------


def test_an_entry_gets_its_arguments_out_of_words(rng):
    import ctypes

    from tensorcore.kernels.cpu import jit, native
    from tensorcore.kernels.cpu.piece import Number, Piece

    @jit.inline
    def loop(start, stop, table, flags, result, shift, scale, count, turned):
        for i in range(start, stop):
            for j in range(table.shape[1]):
                value = table[i, j] * scale + shift if flags[j] else count
                result[i, table.shape[1] - 1 - j if turned else j] = value

    table = rng.random((4, 3))
    flags, result = np.array([True, False, True]), np.zeros((4, 3), F32)
    count = np.array(11, np.int64)
    args = (table, flags, result, 5, np.float32(2), Number(count), np.bool_(True))
    entry, words, _ = native._packed(Piece(loop, 4, 1, args))
    run = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(entry)
    run(words.ctypes.data, 1, 3)
    expected = np.where(flags, table * 2 + 5, 11).astype(F32)[:, ::-1]
    np.testing.assert_allclose(result[1:3], expected[1:3], rtol=1e-6)
    assert not result[[0, 3]].any()
    count[...] = 12  # read whenever the entry is called
    run(words.ctypes.data, 0, 4)
    assert result[:, 1].tolist() == [12] * 4
    other = (table.astype(np.int64), flags, result, 5, np.float32(2), Number(count), np.bool_(True))
    assert native._packed(Piece(loop, 4, 1, other))[0] == entry  # lies in memory like float64
    assert native._packed(Piece(loop, 4, 1, (table.T, *args[1:]))) is None


# Processes ----------------------------------------------------------------------------------------


def python(code, **environment):
    """Run code in a new process; returns what it prints."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_import_does_not_import_numba():
    code = """
import sys, numpy as np, tensorcore.kernels.cpu
from tensorcore.kernels.cpu import generated
generated.pays([np.zeros(9)], False)
print("numba" in sys.modules)
"""
    assert python(code).strip() == "False"


COMPUTE = """
import numpy as np
from tensorcore.kernels.cpu import KERNELS, generated
from tensorcore.kernels.program import Program
f = np.dtype("float32")
program = Program("twice", (("x", f),), f, (("t0", "exp((x + x))", False),), ("t0",), (f,))
y = generated.compile(program)(np.ones(5, f))
bits = KERNELS["random_bits"].load()(np.uint64(0), np.uint64(0), shape=(4,))
from tensorcore.kernels.cpu import jit
print(abs(y - np.exp(2)).max() < 1e-5, bits[0] == 0x6627E8D5, jit.compilations)
"""


def test_a_second_process_does_not_compile(tmp_path):
    first = python(COMPUTE, TENSORCORE_CACHE_DIR=str(tmp_path)).split()
    assert first[:2] == ["True", "True"] and int(first[2]) > 0
    second = python(COMPUTE, TENSORCORE_CACHE_DIR=str(tmp_path)).split()
    assert second == ["True", "True", "0"]


def test_a_folder_that_cannot_be_written_is_no_obstacle(tmp_path):
    file = tmp_path / "file"
    file.write_text("not a folder")
    assert python(COMPUTE, TENSORCORE_CACHE_DIR=str(file)).split()[:2] == ["True", "True"]
    folder = tmp_path / "read_only"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert python(COMPUTE, TENSORCORE_CACHE_DIR=str(folder)).split()[:2] == ["True", "True"]
    finally:
        folder.chmod(stat.S_IRWXU)


def test_a_home_that_cannot_be_written(tmp_path):
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.write_text("not a folder")
    temporary.mkdir()
    code = "from tensorcore.kernels.cpu import jit; print(jit.cache_folder())"
    environment = {"HOME": str(home), "XDG_CACHE_HOME": str(home), "TMPDIR": str(temporary)}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TENSORCORE_CACHE_DIR", raising=False)
        folder = temporary / f"tensorcore-{os.getuid()}"
        assert python(code, **environment).strip() == str(folder / "cpu")
        folder.chmod(0o777)  # others could leave code there
        assert python(code, **environment).strip() == "None"


def test_several_processes_may_compile_at_once(tmp_path):
    environment = {**os.environ, "TENSORCORE_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", COMPUTE]
    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in running:
        output, _ = process.communicate()
        assert process.returncode == 0
        assert output.split()[:2] == ["True", "True"]


def test_a_forked_process_can_use_threads():
    code = """
import os, sys, numpy as np
from tensorcore.kernels.cpu import jit, threads
threads.usable = lambda: 2
done = []
jit.split(lambda start, stop: done.append(stop - start), 10, 1)
child = os.fork()
if child == 0:
    jit.split(lambda start, stop: done.append(stop - start), 10, 1)
    os._exit(0 if sum(done) == 20 else 1)
print(sum(done), os.waitpid(child, 0)[1])
"""
    if not hasattr(os, "fork"):
        pytest.skip("no fork on this system")
    assert python(code.replace("child = os.fork()", FORK)).split() == ["10", "0"]


# Python 3.12 warns of a fork with threads, which is what is tested.
FORK = """
import warnings
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    child = os.fork()
"""


def test_number_of_threads_is_what_the_user_says():
    code = "from tensorcore.kernels.cpu import threads; print(threads.usable())"
    assert python(code, TENSORCORE_NUM_THREADS="3").strip() == "3"
    assert int(python(code, TENSORCORE_NUM_THREADS="")) >= 1


@pytest.mark.parametrize("shapes", [[(33,), (33,)], [(7, 5), (5,)], [(7, 5), (7, 1)], [(64,), ()]])
def test_a_bound_program_follows_its_arrays(shapes):
    program = Program(
        name="bound_probe",
        inputs=(("a", np.dtype("float32")), ("b", np.dtype("float32"))),
        compute=np.dtype("float32"),
        statements=(("t0", "(a * b)", False), ("t1", "(t0 + a)", False)),
        results=("t1",),
        outputs=(np.dtype("float32"),),
    )
    rng = np.random.default_rng(0)
    a, b = (rng.random(shape, np.float32) for shape in map(tuple, shapes))
    b = np.asarray(b, np.float32)
    out = np.empty(np.broadcast_shapes(a.shape, b.shape), np.float32)
    call = generated.compile(program).bind(a, b, out=out)
    for _ in range(2):
        a[...] = rng.random(a.shape, np.float32)
        b[...] = rng.random(b.shape, np.float32)
        call()
        np.testing.assert_allclose(out, a * b + a, rtol=1e-6)
