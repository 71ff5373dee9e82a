"""What follows a product, done by cuBLASLt or by kernels behind it: the values of both."""

from __future__ import annotations

import ctypes

import ml_dtypes
import numpy as np
import pytest

import tensorcore as tc
from tests import emulator
from tests.tolerances import TOLERANCE

BF16 = np.dtype(ml_dtypes.bfloat16)
F16, F32, F64 = np.dtype("float16"), np.dtype("float32"), np.dtype("float64")
ROUNDED = {"tf32": 2e-3, "bfloat16": 2e-2}  # float32 by way of fewer bits

pytestmark = pytest.mark.parametrize("device", ["gpu"], indirect=True)

every_dtype = pytest.mark.parametrize(
    ("dtype", "precision"),
    [(F32, "float32"), (F32, "tf32"), (F16, "float32"), (BF16, "float32")],
    ids=["float32", "tf32", "float16", "bfloat16"],
)


@pytest.fixture(autouse=True)
def afresh():
    """No plan knows anything from other tests, and none is left for them."""
    yield
    tc.set_matmul_precision("float32")
    forget_plans()


def forget_plans():
    from tensorcore.kernels.cuda import product_plans, product_recipes

    product_recipes._recipes.clear()
    product_plans._plans.clear()


class Noted(list):
    """The endings with which the library was called."""

    def check(self, **expected):
        """Which of them have to be there; a real library need not have an algorithm for each."""
        for name, wanted in expected.items():
            if emulator.is_installed() or not wanted:
                assert (name in self) == wanted, (name, list(self))


@pytest.fixture
def endings(monkeypatch):
    from tensorcore.kernels.cuda import blas

    seen = Noted()
    start = blas._start

    def noted(recipe, plans, call):
        seen.append(recipe.products[0].ending.name)
        start(recipe, plans, call)

    monkeypatch.setattr(blas, "_start", noted)
    return seen


def normal(device, shape, dtype, seed=0):
    """Numbers that are exact in all dtypes, on the device."""
    values = np.random.default_rng(seed).integers(-8, 9, size=shape) / 8
    return device.xp.asarray(values.astype(dtype))


def wide(array):
    return array.get().astype(np.float64)


def check(actual, expected, precision="float32", scale=1.0):
    relative, absolute = TOLERANCE[actual.dtype.name]
    relative, absolute = (
        max(relative, ROUNDED.get(precision, 0)),
        max(absolute, ROUNDED.get(precision, 0)),
    )
    np.testing.assert_allclose(wide(actual), expected, rtol=scale * relative, atol=scale * absolute)


def gelu(z):
    return 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)))


def gelu_slope(z):
    tanh = np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))
    inner = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * z**2)
    return 0.5 * (1 + tanh) + 0.5 * z * (1 - tanh**2) * inner


def transposed(x, flag):
    return x.swapaxes(-1, -2) if flag else x


def unpacked(bits, n):
    """The slopes that words of bits stand for."""
    return np.unpackbits(bits.get(), axis=-1, bitorder="little")[..., :n]


# x1, x2, transpose_a, transpose_b
FORWARD = [
    ((5, 7), (7, 8), False, False),
    ((2, 6, 16), (24, 16), False, True),
    ((7, 5), (7, 3), True, False),
    ((3, 4), (4, 128), False, False),
    ((0, 4), (4, 32), False, False),
    ((1, 1), (1, 1), False, False),
]


@every_dtype
@pytest.mark.parametrize("case", FORWARD, ids=str)
def test_gelu_behind_a_product(device, dtype, precision, case, endings):
    from tensorcore.kernels.cuda import product_endings

    tc.set_matmul_precision(precision)
    shape1, shape2, *flags = case
    n = shape2[-2 if flags[1] else -1]
    x1, x2 = normal(device, shape1, dtype), normal(device, shape2, dtype, 1)
    bias = normal(device, (n,), dtype, 2)
    z = transposed(wide(x1), flags[0]) @ transposed(wide(x2), flags[1]) + wide(bias)
    options = {"transpose_a": flags[0], "transpose_b": flags[1]}
    y = product_endings.matmul_add_gelu(x1, x2, bias, **options)
    check(y, gelu(z), precision, scale=2)
    out = (device.xp.empty(z.shape, dtype), device.xp.empty(z.shape, dtype))
    assert product_endings.matmul_add_gelu(x1, x2, bias, out=out[0], **options) is out[0]
    check(out[0], gelu(z), precision, scale=2)
    result = product_endings.matmul_add_gelu_keeping(x1, x2, bias, out=out, **options)
    assert result[0] is out[0] and result[1] is out[1]
    check(out[0], gelu(z), precision, scale=2)
    check(out[1], z, precision)
    check(product_endings.matmul_add_gelu_keeping(x1, x2, bias, **options)[1], z, precision)
    # True float32 is not left to the library's tanh, and odd columns do not fit its second matrix.
    by_library = z.size > 0 and (dtype != F32 or precision != "float32")
    endings.check(ADD_GELU=by_library, ADD_GELU_KEEPING=by_library and n % 8 == 0)


@every_dtype
def test_relu_behind_a_product_and_its_bits(device, dtype, precision, endings):
    from tensorcore.kernels.cuda import product_endings

    tc.set_matmul_precision(precision)
    x1, x2 = normal(device, (2, 5, 9), dtype), normal(device, (9, 64), dtype, 1)
    bias = normal(device, (64,), dtype, 2)
    x1[1, 3], bias[:7], x2[:, 9] = 0, 0, np.nan  # sums that are 0, and some that are not a number
    z = wide(x1) @ wide(x2) + wide(bias)
    out = (device.xp.empty(z.shape, dtype), device.xp.empty((2, 5, 8), np.uint8))
    for given in (None, out):
        y, bits = product_endings.matmul_add_relu_bits(x1, x2, bias, out=given)
        check(y, np.maximum(z, 0), precision, scale=2)
        np.testing.assert_array_equal(unpacked(bits, 64), ~(wide(y) <= 0))
        assert (wide(y)[1, 3, :7] == 0).all() and np.isnan(wide(y)[..., 9]).all()
    # The library's relu would lose NaN, and its mask has a 1 where the sum is 0.
    endings.check(ADD=True, ADD_RELU=False, ADD_RELU_BITS=False)
    assert product_endings.matmul_add_relu_bits(x1, x2[:, :7], bias[:7]) is NotImplemented


# g, w, transpose_b; the slope's matrix fits the library's relu from 128 columns on
BACKWARD = [
    ((6, 10), (128, 10), True),
    ((2, 3, 5), (256, 5), True),
    ((6, 10), (10, 128), False),
    ((5, 3), (96, 3), True),
    ((1, 1), (128, 1), True),
]


@every_dtype
@pytest.mark.parametrize("sums", [False, True])
@pytest.mark.parametrize("case", BACKWARD, ids=str)
def test_slopes_behind_a_product(device, dtype, precision, case, sums, endings):
    from tensorcore.kernels.cuda import product_gradients

    tc.set_matmul_precision(precision)
    shape1, shape2, transpose_b = case
    g, w = normal(device, shape1, dtype), normal(device, shape2, dtype, 1)
    arrived = wide(g) @ transposed(wide(w), transpose_b)
    n = arrived.shape[-1]
    z = normal(device, arrived.shape, dtype, 3)
    bits = device.xp.asarray(np.packbits(wide(z) > 0, axis=-1, bitorder="little"))
    for name, slopes, expected in (
        ("matmul_relu_slope", bits, np.where(wide(z) > 0, arrived, 0)),
        ("matmul_gelu_slope", z, arrived * gelu_slope(wide(z))),
    ):
        function = getattr(product_gradients, name)
        out = device.xp.empty(arrived.shape, dtype)
        total = device.xp.empty(n, dtype)
        given = (out, total) if sums else out
        result = function(g, w, slopes, transpose_b=transpose_b, sums=sums, out=given)
        first = function(g, w, slopes, transpose_b=transpose_b, sums=sums)
        check(first[0] if sums else first, expected, precision, scale=3)
        check(out, expected, precision, scale=3)
        if sums:
            assert result[0] is out and result[1] is total
            check(total, expected.reshape(-1, n).sum(0), precision, scale=12)
    by_library = {"RELU": n % 128 == 0, "GELU": dtype != F32 or precision != "float32"}
    for activation, expected in by_library.items():
        endings.check(**{f"TIMES_{activation}_SLOPE{'_SUMS' if sums else ''}": expected})


def test_a_gradient_that_is_not_a_number_stops_where_relu_is_flat(device):
    from tensorcore.kernels.cuda import product_gradients

    g = device.xp.full((2, 3), np.nan, F32)
    bits = device.xp.asarray(np.array([[5] + 15 * [0], 15 * [0] + [1]], np.uint8))
    w = normal(device, (128, 3), F32)
    y = product_gradients.matmul_relu_slope(g, w, bits, transpose_b=True)
    np.testing.assert_array_equal(np.isnan(wide(y)), unpacked(bits, 128))
    assert (wide(y)[~np.isnan(wide(y))] == 0).all()


@every_dtype
@pytest.mark.parametrize("flags", [(True, False), (False, False), (True, True), (False, True)])
@pytest.mark.parametrize("of_left", [False, True])
def test_sums_beside_a_product(device, dtype, precision, flags, of_left, endings):
    from tensorcore.kernels.cuda import product_gradients

    tc.set_matmul_precision(precision)
    x1 = normal(device, (20, 6) if flags[0] else (6, 20), dtype)
    x2 = normal(device, (9, 20) if flags[1] else (20, 9), dtype, 1)
    left, right = transposed(wide(x1), flags[0]), transposed(wide(x2), flags[1])
    options = {"transpose_a": flags[0], "transpose_b": flags[1], "of_left": of_left}
    out = (device.xp.empty((6, 9), dtype), device.xp.empty(6 if of_left else 9, dtype))
    result = product_gradients.matmul_and_sums(x1, x2, out=out, **options)
    assert result[0] is out[0] and result[1] is out[1]
    for y, total in (result, product_gradients.matmul_and_sums(x1, x2, **options)):
        check(y, left @ right, precision, scale=4)
        check(total, left.sum(1) if of_left else right.sum(0), scale=4)
    # The library sums what it reads along the rows that are multiplied away.
    name = "LEFT_FACTOR_SUMS" if of_left else "RIGHT_FACTOR_SUMS"
    endings.check(**{name: flags[0] if of_left else not flags[1]})


def every_ending(device):
    """The results of all functions for some arrays, in float64."""
    from tensorcore.kernels.cuda import product_endings, product_gradients

    x, w = normal(device, (6, 16), BF16), normal(device, (16, 128), BF16, 1)
    bias = normal(device, (128,), BF16, 2)
    y, bits = product_endings.matmul_add_relu_bits(x, w, bias)
    results = [y, bits, product_endings.matmul_add_relu(x, w, bias)]
    results += [product_endings.matmul_add_gelu(x, w, bias)]
    results += product_endings.matmul_add_gelu_keeping(x, w, bias)
    for name, slopes in (("relu", bits), ("gelu", results[-1])):
        function = getattr(product_gradients, f"matmul_{name}_slope")
        results.append(function(x, w, slopes))
        results += function(x, w, slopes, sums=True)
    results += product_gradients.matmul_and_sums(x, y, transpose_a=True)
    results += product_gradients.matmul_and_sums(x, y, transpose_a=True, of_left=True)
    return [wide(result) for result in results]


def test_without_an_algorithm_or_the_library_the_values_are_the_same(device, monkeypatch, endings):
    from tensorcore.kernels.cuda import blas, cublaslt

    expected = every_ending(device)
    endings.check(ADD_GELU_KEEPING=True, TIMES_RELU_SLOPE_SUMS=True, LEFT_FACTOR_SUMS=True)

    describe = cublaslt.describe

    def refusing(target, attribute, value):
        if attribute == cublaslt.DESC_EPILOGUE and value.value != 1:
            raise cublaslt.NoAlgorithmError
        describe(target, attribute, value)

    forget_plans()
    monkeypatch.setattr(cublaslt, "describe", refusing)
    endings.clear()
    without_endings = every_ending(device)
    assert set(endings) == {"NOTHING"}
    monkeypatch.setattr(blas, "library", lambda: None)
    without_library = every_ending(device)
    for first, *others in zip(expected, without_endings, without_library, strict=True):
        for other in others:
            np.testing.assert_allclose(other, first, rtol=0.05, atol=0.06)


@pytest.mark.parametrize("keeps", [False, True])
def test_relu_behind_a_product_keeps_nan(device, keeps, endings):
    """Whichever way the library's relu treats it; one that keeps it is used."""
    from tensorcore.kernels.cuda import cublaslt, product_endings

    if not emulator.is_installed():
        pytest.skip("a real library has its own way")
    switch = ctypes.CDLL(cublaslt.library()._name).emulator_relu_keeps_nan
    forget_plans()
    x = device.xp.asarray(np.array([[np.nan, 1.0], [-1.0, 2.0]], F32))
    eye, zeros = device.xp.eye(2, dtype=F32), device.xp.zeros(2, F32)
    switch(int(keeps))
    try:
        for _ in range(3):
            y = wide(product_endings.matmul_add_relu(x, eye, zeros))
            assert np.isnan(y[0]).any()
            np.testing.assert_array_equal(y[1], [0.0, 2.0])
    finally:
        switch(0)
    tried = ["ADD_RELU"]  # once, with a bias of NaN
    assert endings == (tried + ["ADD_RELU"] * 3 if keeps else tried + ["ADD"] * 3)


def test_a_plan_that_is_met_in_a_capture_is_not_tried(device, endings):
    from tensorcore.kernels.cuda import product_endings

    xp = device.xp
    x, w, bias = normal(device, (4, 6), F32), normal(device, (6, 5), F32), normal(device, (5,), F32)
    stream = xp.cuda.Stream(non_blocking=True)
    out = xp.empty((4, 5), F32)
    product_endings.matmul_add(x, w, bias, out=out)
    xp.maximum(out, F32.type(0), out=out)
    expected = wide(out)
    out.fill(0)
    xp.cuda.get_current_stream().synchronize()
    endings.clear()
    with stream:
        product_endings.matmul_add(x, w, bias, out=out)  # makes the workspace of the stream
        stream.begin_capture()
        product_endings.matmul_add_relu(x, w, bias, out=out)
        graph = stream.end_capture()
    endings.check(ADD=True, ADD_RELU=False)
    graph.launch(stream)
    stream.synchronize()
    np.testing.assert_array_equal(wide(out), expected)
