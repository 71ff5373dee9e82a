"""The CUDA kernels against plain NumPy in float64, on a real GPU or on the emulator.

On the emulator an array that was not written reads as NaN, a step past its end is an error, and the
threads of a block run in an order that `schedule` draws anew.
"""

from __future__ import annotations

import math
import os
import sys

import ml_dtypes
import numpy as np
import pytest
from tensorcore.kernels import windows
from tensorcore.kernels.program import Program, Sums

from tests import emulator

BF16 = np.dtype(ml_dtypes.bfloat16)
F16, F32, F64 = np.dtype("float16"), np.dtype("float32"), np.dtype("float64")
FLOATS = [F32, F64, F16, BF16]
COMPLEX = [np.dtype("complex64"), np.dtype("complex128")]
BOOL = np.dtype(bool)

# dtype -> how far a result may be from the float64 reference, relative to the largest value.
TOLERANCE = {
    "float64": 1e-12,
    "float32": 5e-6,
    "float16": 4e-3,
    "bfloat16": 3e-2,
    "complex64": 5e-6,
    "complex128": 1e-12,
}


@pytest.fixture(params=["gpu"], scope="module")
def gpu():
    """CuPy on a device: a real one, or the emulator, which the first import of CuPy decides."""
    if "cupy" not in sys.modules and not os.path.exists("/dev/nvidiactl"):
        reason = emulator.unavailable()
        if reason is not None:
            pytest.skip(f"no GPU, and no emulator: {reason}")
        emulator.install()
    cupy = pytest.importorskip("cupy")
    try:
        cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        pytest.skip(f"no GPU: {error}")
    return cupy


@pytest.fixture(params=[0, 7, 20240613], ids=lambda seed: f"schedule{seed}")
def schedule(request, gpu):
    """In which order the emulator runs the threads of a block; a real GPU has its own."""
    if not emulator.is_installed():
        if request.param:
            pytest.skip("schedules are drawn by the emulator")
        yield request.param
        return
    emulator.set_schedule_seed(request.param)
    yield request.param
    emulator.set_schedule_seed(0)


def ids(value):
    return value.name if isinstance(value, np.dtype) else None


every_float = pytest.mark.parametrize("dtype", FLOATS, ids=ids)


def wide(array):
    """The values in float64 or complex128, on the host."""
    array = array.get() if hasattr(array, "get") else np.asarray(array)
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def check(actual, expected, dtype=None, scale=1.0):
    """Shape, dtype and values of a device array."""
    dtype = np.dtype(dtype or actual.dtype)
    assert actual.dtype == dtype
    assert actual.shape == expected.shape
    if expected.size == 0:
        return
    if dtype.name not in TOLERANCE:
        np.testing.assert_array_equal(actual.get(), expected)
        return
    finite = np.abs(expected)[np.isfinite(expected)]
    largest = max(finite.max(initial=0.0), 1.0)
    tolerance = TOLERANCE[dtype.name] * scale
    np.testing.assert_allclose(wide(actual), expected, rtol=tolerance, atol=tolerance * largest)


def normal(rng, shape, dtype):
    values = rng.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        values = values + 1j * rng.standard_normal(shape)
    return np.asarray(values).astype(dtype)


# Texts and launches ----------------------------------------------------------------------------


def test_parameters_are_parsed_with_their_types(gpu):
    from tensorcore.kernels.cuda import modules

    text = modules.read_text("sparse_cross_entropy.cu")
    found = modules.parameters(text, "sparse_cross_entropy", ["__half", "int"])
    assert found == ["__half*", "int*", "__half*", "long long", "long long"]
    with pytest.raises(ValueError, match="no kernel named"):
        modules.parameters(text, "nothing", [])


def test_launcher_refuses_other_dtypes_and_counts(gpu):
    from tensorcore.kernels.cuda import checks

    kernel = checks._text.kernel("note_out_of_range", "int32")
    record = checks.new_record()
    wrong = gpu.zeros(3, gpu.int64)
    with pytest.raises(TypeError, match="expected a int32 array"):
        kernel((1, 1, 1), (32, 1, 1), wrong, 3, 0, 1, 1, record)
    with pytest.raises(TypeError, match="takes 6 arguments"):
        kernel((1, 1, 1), (32, 1, 1), wrong)


def test_one_line_tells_of_a_long_wait_for_the_compiler(gpu, capsys):
    from tensorcore.kernels.cuda.modules import Waiting

    waiting = Waiting()
    for _ in range(200):
        waiting.note("loaded.cu", 0.01)
    waiting.note("first.cu", 0.6)
    assert capsys.readouterr().err == ""
    waiting.note("second.cu", 0.6)
    waiting.note("third.cu", 5.0)
    assert capsys.readouterr().err == (
        "tensorcore: compiling kernels for this GPU, such as second.cu (kept for the next time; "
        "`tensorcore warmup --device gpu` compiles the usual ones beforehand)\n"
    )


def test_kernels_run_on_the_second_device(gpu):
    if gpu.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("one device")
    from tensorcore.kernels.cuda import softmax

    for device in (0, 1):
        with gpu.cuda.Device(device):
            y = softmax.softmax(gpu.zeros((2, 4), gpu.float32), axis=1)
            assert y.device.id == device
            np.testing.assert_array_equal(y.get(), 0.25)


# Checks of values ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8", "uint64"])
def test_note_out_of_range(gpu, dtype):
    from tensorcore.kernels.cuda import checks

    array = gpu.asarray(np.array([[0, 1, 2], [5, 4, 3]], dtype)).T
    record = checks.new_record()
    checks.note_out_of_range(array, 0, 6, 3, record)
    assert record.get().tolist() == [0, 0, 0, 0, 0]
    checks.note_out_of_range(array, 0, 5, 4, record)
    assert record.get().tolist() == [1, 4, 5, 0, 5]
    checks.note_out_of_range(array, 1, 6, 5, record)
    assert record.get().tolist() == [1, 4, 5, 0, 5]


def test_note_out_of_range_takes_edges(gpu):
    from tensorcore.kernels.cuda import checks

    record = checks.new_record()
    checks.note_out_of_range(gpu.empty((0, 3), gpu.int64), 0, 1, 1, record)
    checks.note_out_of_range(gpu.asarray(np.int64(0)), 0, 1, 1, record)
    assert record.get()[0] == 0
    huge = gpu.asarray(np.array([2**63 + 5], np.uint64))
    checks.note_out_of_range(huge, -(2**63), 2**63 - 1, 2, record)
    assert record.get()[:2].tolist() == [1, 2]
    record = checks.new_record()
    checks.note_out_of_range(gpu.asarray(np.array([-1], np.int32)), 0, 10, 9, record)
    assert record.get().tolist() == [1, 9, -1, 0, 10]


# Generated programs ----------------------------------------------------------------------------


def program(texts, dtype, names=("x", "y"), out=None, bools=()):
    """A program whose statements are `texts`, the last one being its result."""
    dtype = np.dtype(dtype)
    compute = F32 if dtype in (F16, BF16) else dtype
    statements = tuple((f"t{i}", text, i in bools) for i, text in enumerate(texts))
    return Program(
        name="test",
        inputs=tuple((name, dtype) for name in names),
        compute=compute,
        statements=statements,
        results=(statements[-1][0],),
        outputs=(np.dtype(out or dtype),),
    )


def masked(dtype):
    """t3 = select((x * y < 1) and c, x * y, x), and the condition itself: two outputs."""
    dtype = np.dtype(dtype)
    return Program(
        name="masked",
        inputs=(("x", dtype), ("y", dtype), ("c", BOOL)),
        compute=F32 if dtype in (F16, BF16) else dtype,
        statements=(
            ("t0", "(x * y)", False),
            ("t1", "(t0 < T(1))", True),
            ("t2", "logical_and(t1, c)", True),
            ("t3", "select(t2, t0, x)", False),
        ),
        results=("t3", "t2"),
        outputs=(dtype, BOOL),
    )


def masked_reference(x, y, c):
    if x.dtype in (F16, BF16):
        x, y = x.astype(np.float32), y.astype(np.float32)
    product = x * y
    condition = (product < product.dtype.type(1)) & c
    return np.where(condition, product, x), condition


NUMBERS = [*FLOATS, *(np.dtype(t) for t in ("int8", "uint8", "int16", "int32", "int64", "uint64"))]


@pytest.mark.parametrize("dtype", NUMBERS, ids=ids)
def test_generated_program(gpu, rng, dtype):
    from tensorcore.kernels.cuda import generated

    run = generated.compile(masked(dtype))

    def draw(shape):
        return np.asarray(rng.integers(0, 7, shape) - (3 if dtype.kind != "u" else 0)).astype(dtype)

    for x_shape, y_shape, c_shape in [
        ((7, 5), (7, 5), (7, 5)),
        ((1003,), (1003,), (1003,)),
        ((7, 5), (5,), ()),
        ((4, 1, 3), (2, 1), (1,)),
        ((), (), ()),
        ((0, 3), (3,), ()),
        ((1, 1), (), (1,)),
    ]:
        x, y = draw(x_shape), draw(y_shape)
        c = np.asarray(rng.random(c_shape) < 0.6)
        results = run(gpu.asarray(x), gpu.asarray(y), gpu.asarray(c))
        for actual, expected in zip(results, masked_reference(x, y, c), strict=True):
            assert actual.shape == expected.shape
            np.testing.assert_array_equal(wide(actual), wide(expected))
    # A view that goes backwards, numbers by value, and outputs that are given.
    x = gpu.asarray(draw((6, 8)))[::-1, ::2]
    y, c = dtype.type(2), np.bool_(True)
    expected = masked_reference(x.get(), np.asarray(y), c)
    into = (gpu.empty((4, 6), dtype).T, gpu.empty(x.shape, bool))
    for results in (run(x, y, c), run(x, y, c, out=into)):
        for actual, values in zip(results, expected, strict=True):
            np.testing.assert_array_equal(wide(actual), wide(values))
    assert results[0] is into[0]


# (shape, border, over the first axes?): rows for warps and blocks, sections of rows and of lines.
SUMMED = [
    ((5, 7), 1, False),
    ((3, 2000), 1, False),
    ((2, 30_001), 1, False),
    ((4, 3, 5), 1, False),
    ((50_000,), 0, False),
    ((5, 7), 1, True),
    ((700, 33), 1, True),
    ((3000, 5), 1, True),
    ((4, 3, 5), 2, True),
    ((1, 40), 1, True),
]


@pytest.mark.parametrize("dtype", [F32, F64])
@pytest.mark.parametrize(("shape", "border", "over_first"), SUMMED)
def test_sums_of_a_generated_program(gpu, rng, shape, border, over_first, dtype):
    """Each letter: arrays as large as the terms, lines, columns, single elements and numbers."""
    from tensorcore.kernels.cuda import generated_sums

    texts = ["((x * r) + (c * s))", "(t0 - n)"]
    run = generated_sums.compile(
        program(texts, dtype, ("x", "r", "c", "s", "n"))._replace(
            results=("t1", "t0", "t1"), outputs=(dtype,) * 3
        ),
        Sums(("mean", "", "sum"), over_first, border),
    )
    x = rng.normal(size=shape).astype(dtype)
    row = rng.normal(size=shape[border:]).astype(dtype)
    column = rng.normal(size=(*shape[:border], *(1 for _ in shape[border:]))).astype(dtype)
    one, number = np.full((1,), 0.5, dtype), np.dtype(dtype).type(0.25)
    kept = shape[border:] if over_first else shape[:border]
    outs = tuple(gpu.full(s, np.nan, dtype) for s in (kept, shape, kept))
    given = [gpu.asarray(array) for array in (x, row, column, one)]
    assert run(*given, number, out=outs) is outs
    terms = x.astype(np.float64) * row + column.astype(np.float64) * one
    axes = tuple(range(border)) if over_first else tuple(range(border, len(shape)))
    rtol = 2e-5 if dtype == F32 else 1e-12
    expected = ((terms - number).mean(axes), terms, (terms - number).sum(axes))
    for found, right in zip(outs, expected, strict=True):
        np.testing.assert_allclose(found.get(), right, rtol=rtol, atol=rtol * 100)
    again = tuple(gpu.empty_like(out) for out in outs)
    run(*given, number, out=again)
    assert all((a == b).all() for a, b in zip(outs, again, strict=True))


def test_generated_program_into_its_input(gpu, rng):
    from tensorcore.kernels.cuda import generated

    run = generated.compile(program(["(x - (T(0.5) * y))"], F32))
    x = gpu.asarray(normal(rng, (3, 5), F32))
    y = gpu.asarray(normal(rng, (3, 5), F32))
    expected = wide(x) - 0.5 * wide(y)
    assert run(x, y, out=x) is x
    check(x, expected)
    # Memory that overlaps without being the same elements is read before it is written.
    line = gpu.asarray(normal(rng, 12, F32))
    before = wide(line)
    run(line[:-1], np.float32(2.0), out=line[1:])
    check(line[1:], before[:-1] - 1.0)


PACKED = {
    "bias": ((6, 8), (8,), ()),
    "columns": ((5, 3, 8), (5, 1, 8), (3, 1)),
    "both": ((4, 1, 8), (3, 1), (4, 3, 8)),
    "longer": ((300, 16), (16,), (300, 1)),
}


@pytest.mark.parametrize("case", PACKED)
@pytest.mark.parametrize("dtype", [F32, BF16], ids=ids)
def test_generated_program_repeats_in_packs(gpu, rng, dtype, case):
    from tensorcore.kernels.cuda import generated

    run = generated.compile(masked(dtype))
    x_shape, y_shape, c_shape = PACKED[case]
    x, y = normal(rng, x_shape, dtype), normal(rng, y_shape, dtype)
    c = rng.random(c_shape) < 0.6
    product, condition = masked_reference(x, y, c)
    expected = product.astype(dtype), condition
    shape = condition.shape
    for start in range(3):  # memory that allows no loads of 16 bytes, too
        parts = []
        for array in (x, y, c):
            memory = gpu.empty(array.size + start, array.dtype)
            memory[start:] = gpu.asarray(array).ravel()
            parts.append(memory[start:].reshape(array.shape))
        out = tuple(gpu.empty(4 * len(expected[0].ravel()), d) for d in (dtype, BOOL))
        into = tuple(o[start : start + expected[0].size].reshape(shape) for o in out)
        for results in (run(*parts), run(*parts, out=into)):
            for actual, values in zip(results, expected, strict=True):
                np.testing.assert_array_equal(wide(actual), wide(values))
    kinds = {plan.kernel for plan in run._plans.values()}
    assert kinds == {generated.PACKED}
    # A row with a gap behind it, and a number by value.
    x = gpu.asarray(normal(rng, (4, 24), dtype))
    for columns in (slice(0, 8), slice(8, 24), slice(3, 11)):
        y, c = dtype.type(0.5), np.bool_(True)
        product, condition = masked_reference(x.get()[:, columns], np.asarray(y), c)
        values = product.astype(dtype), condition
        for actual, value in zip(run(x[:, columns], y, c), values, strict=True):
            np.testing.assert_array_equal(wide(actual), wide(value))
    assert {plan.kernel for plan in run._plans.values()} == {generated.PACKED}


def test_generated_program_reads_arrays_of_one_element_once(gpu, rng):
    """The step size of an optimizer stands in an array, since a CUDA graph keeps its arguments."""
    from tensorcore.kernels.cuda import generated

    run = generated.compile(program(["(x - (y * x))"], F32))
    for size in (1, 3, 4, 1031):
        x, rate = normal(rng, size, F32), np.asarray(0.25, F32)
        for shape in ((), (1,)):
            given = gpu.asarray(x), gpu.asarray(rate.reshape(shape))
            check(run(*given), wide(x) * 0.75)
            assert run(*given, out=given[0]) is given[0]
            check(given[0], wide(x) * 0.75)
    assert {plan.kernel for plan in run._plans.values()} == {generated.FLAT}


def test_generated_program_with_wide_indices(gpu, rng, monkeypatch):
    from tensorcore.kernels.cuda import generated

    monkeypatch.setattr(generated, "_MOST_SHORT", 10)
    run = generated.compile(program(["(x - y)"], F32))
    x, y = normal(rng, (4, 8), F32), normal(rng, 8, F32)
    check(run(gpu.asarray(x), gpu.asarray(y)), wide(x) - wide(y))
    check(run(gpu.asarray(x).T, gpu.asarray(y)[:4]), wide(x).T - wide(y)[:4])
    kinds = {plan.kernel for plan in run._plans.values()}
    assert kinds == {generated.PACKED, generated.STRIDED_WIDE}


def test_generated_program_in_many_dimensions(gpu, rng):
    from tensorcore.kernels.cuda import generated

    run = generated.compile(program(["(x + y)"], F32))
    x = gpu.asarray(normal(rng, (2,) * 12, F32)).transpose(*range(0, 12, 2), *range(1, 12, 2))
    y = gpu.asarray(normal(rng, (2,) * 12, F32))
    check(run(x, y), wide(x) + wide(y))


def test_generated_program_refuses_wrong_outputs(gpu):
    from tensorcore.kernels.cuda import generated

    run = generated.compile(program(["(x + y)"], F32))
    x = gpu.zeros((2, 3), gpu.float32)
    with pytest.raises(ValueError, match=r"shape \(2, 3\)"):
        run(x, x, out=gpu.zeros((3, 2), gpu.float32))
    with pytest.raises(TypeError, match="dtype float32"):
        run(x, x, out=gpu.zeros((2, 3), gpu.float64))


def test_generated_program_takes_unaligned_views(gpu, rng):
    from tensorcore.kernels.cuda import generated

    run = generated.compile(program(["(x + y)"], F32))
    x = gpu.asarray(normal(rng, 1031, F32))
    for start in range(4):
        check(run(x[start:], x[start:]), 2 * wide(x[start:]))


def test_merge_dimensions(gpu):
    from tensorcore.kernels.cuda.generated import merge_dimensions

    assert merge_dimensions((2, 3, 4), [(48, 16, 4), (48, 16, 4)]) == ((24,), [(4,), (4,)])
    assert merge_dimensions((2, 3, 4), [(48, 16, 4), (0, 0, 4)]) == ((6, 4), [(16, 4), (0, 4)])
    assert merge_dimensions((2, 1, 4), [(16, 0, 4)]) == ((8,), [(4,)])
    assert merge_dimensions((), [(), ()]) == ((), [(), ()])


def test_pays_is_for_real_dtypes(gpu):
    from tensorcore.kernels.cuda import generated

    assert generated.pays([np.ones(1, np.float32), np.ones(1, bool)], True)
    assert not generated.pays([np.ones(1, np.complex64)], False)


SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 3.0, -3.0, 1e-3, 88.0, -90.0, 710.0])
SPECIAL = np.concatenate([SPECIAL, [np.inf, -np.inf, np.nan]])

UNARY = [
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
    "floor",
    "ceil",
    "trunc",
    "rint",
    "sign",
    "absolute",
    "isnan",
    "isinf",
    "isfinite",
    "signbit",
]
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
    "logical_and",
    "logical_or",
    "logical_xor",
]
PREDICATES = ("isnan", "isinf", "isfinite", "signbit", "logical_and", "logical_or", "logical_xor")
PREDICATES += ("logical_not",)


def many(texts, dtype, names):
    """One program with a result for each text, so that one compilation serves many functions."""
    is_bool = [text.split("(")[0] in PREDICATES for text in texts]
    return Program(
        name="many",
        inputs=tuple((name, np.dtype(dtype)) for name in names),
        compute=np.dtype(dtype),
        statements=tuple((f"t{i}", t, flag) for i, (t, flag) in enumerate(zip(texts, is_bool))),
        results=tuple(f"t{i}" for i in range(len(texts))),
        outputs=tuple(BOOL if flag else np.dtype(dtype) for flag in is_bool),
    )


def expect_numpy(results, names, arrays):
    for name, actual in zip(names, results, strict=True):
        with np.errstate(all="ignore"):
            expected = getattr(np, name)(*arrays)
        assert actual.dtype == expected.dtype, name
        if expected.dtype.kind != "f":
            np.testing.assert_array_equal(actual.get(), expected, err_msg=name)
            continue
        tolerance = 4e-6 if expected.dtype == F32 else 1e-13
        np.testing.assert_allclose(
            actual.get(), expected, rtol=tolerance, atol=tolerance / 10, err_msg=name
        )
        if name not in ("maximum", "minimum"):  # which zero wins is open
            zero = expected == 0
            np.testing.assert_array_equal(
                np.signbit(actual.get()[zero]), np.signbit(expected[zero]), err_msg=name
            )


@pytest.mark.parametrize("dtype", [F32, F64], ids=ids)
def test_functions_of_one_float_are_numpys(gpu, dtype):
    from tensorcore.kernels.cuda import generated

    x = SPECIAL.astype(dtype)
    run = generated.compile(many([f"{name}(x)" for name in UNARY], dtype, ["x"]))
    expect_numpy(run(gpu.asarray(x)), UNARY, [x])


@pytest.mark.parametrize("dtype", [F32, F64], ids=ids)
def test_functions_of_two_floats_are_numpys(gpu, dtype):
    from tensorcore.kernels.cuda import generated

    x, y = (a.ravel() for a in np.meshgrid(SPECIAL.astype(dtype), SPECIAL.astype(dtype)))
    x, y = x.copy(), y.copy()
    run = generated.compile(many([f"{name}(x, y)" for name in BINARY], dtype, ["x", "y"]))
    expect_numpy(run(gpu.asarray(x), gpu.asarray(y)), BINARY, [x, y])


@pytest.mark.parametrize("dtype", [F32, F64], ids=ids)
def test_functions_that_numpy_lacks(gpu, dtype):
    from tensorcore.kernels.cuda import generated

    x = SPECIAL.astype(dtype)
    names = ["erf", "sigmoid", "softplus"]
    run = generated.compile(many([f"{name}(x)" for name in names], dtype, ["x"]))
    erf, sigmoid, softplus = run(gpu.asarray(x))
    exact = x.astype(np.float64)
    tolerance = 2e-6 if dtype == F32 else 1e-14
    with np.errstate(all="ignore"):
        e = np.exp(-np.abs(exact))
        expected = np.where(exact >= 0, 1.0, e) / (1.0 + e)
    expected_softplus = np.maximum(exact, 0.0) + np.log1p(e)
    np.testing.assert_allclose(erf.get(), [math.erf(v) for v in exact], rtol=tolerance)
    np.testing.assert_allclose(sigmoid.get(), expected, rtol=tolerance, atol=1e-37)
    np.testing.assert_allclose(softplus.get(), expected_softplus, rtol=tolerance, atol=1e-37)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint64"])
def test_functions_of_integers_are_numpys(gpu, dtype):
    from tensorcore.kernels.cuda import generated

    limits = np.iinfo(dtype)
    values = [0, 1, 2, 3, 7, limits.max, limits.max - 1]
    values += [-1, -2, -7, limits.min] if limits.min else []
    x, y = (a.ravel().copy() for a in np.meshgrid(*[np.array(values, dtype)] * 2))
    names = ["floor_divide", "remainder", "maximum", "minimum", "left_shift", "right_shift"]
    run = generated.compile(many([f"{name}(x, y)" for name in names], dtype, ["x", "y"]))
    expect_numpy(run(gpu.asarray(x), gpu.asarray(y)), names, [x, y])
    one = ["sign", "absolute", "floor", "rint", "isnan", "signbit", "bitwise_invert"]
    run = generated.compile(many([f"{name}(x)" for name in one], dtype, ["x"]))
    results = run(gpu.asarray(x))
    numpys = [np.sign, np.abs, np.positive, np.positive, np.isnan, np.signbit, np.invert]
    for name, function, actual in zip(one, numpys, results, strict=True):
        np.testing.assert_array_equal(actual.get(), function(x), err_msg=name)
    run = generated.compile(program(["power(x, y)"], dtype))
    exponent = np.arange(0, x.size, dtype=np.int64).astype(dtype) % np.array(9, dtype)
    np.testing.assert_array_equal(
        run(gpu.asarray(x), gpu.asarray(exponent)).get(), np.power(x, exponent)
    )


# Matrix products -------------------------------------------------------------------------------

PRODUCTS = [
    ((5, 7), (7, 3)),
    ((1, 7), (7, 1)),
    ((7,), (7, 3)),
    ((5, 7), (7,)),
    ((7,), (7,)),
    ((3, 2, 5, 7), (3, 2, 7, 4)),
    ((3, 2, 5, 7), (7, 4)),
    ((5, 7), (3, 2, 7, 4)),
    ((3, 1, 5, 7), (1, 2, 7, 4)),
    ((2, 5, 7), (3, 2, 7, 4)),
    ((0, 7), (7, 3)),
    ((5, 0), (0, 3)),
    ((2, 5, 0), (0, 3)),
    ((0, 5, 7), (7, 2)),
    ((1, 5, 7), (1, 7, 2)),
    ((7,), (3, 7, 2)),
    ((4, 3, 7), (7,)),
    ((33, 65), (65, 17)),
    ((1, 1), (1, 1)),
]


def check_product(gpu, x1, x2, **transposes):
    from tensorcore.kernels.cuda import blas

    a, b = wide(x1), wide(x2)
    if transposes.get("transpose_a") and a.ndim > 1:
        a = a.swapaxes(-1, -2)
    if transposes.get("transpose_b") and b.ndim > 1:
        b = b.swapaxes(-1, -2)
    expected = np.asarray(np.matmul(a, b))
    check(blas.matmul(x1, x2, **transposes), expected, x1.dtype)
    into = gpu.empty(expected.shape, x1.dtype)
    assert blas.matmul(x1, x2, out=into, **transposes) is into
    check(into, expected)
    if expected.ndim > 1:
        turned = gpu.empty(expected.shape[::-1], x1.dtype).T
        check(blas.matmul(x1, x2, out=turned, **transposes), expected)


@pytest.mark.parametrize("dtype", [*FLOATS, *COMPLEX], ids=ids)
def test_matmul(gpu, rng, dtype):
    for a, b in PRODUCTS:
        for transpose_a in (False, True):
            for transpose_b in (False, True):
                swap_a = transpose_a and len(a) > 1
                swap_b = transpose_b and len(b) > 1
                a_shape = (*a[:-2], a[-1], a[-2]) if swap_a else a
                b_shape = (*b[:-2], b[-1], b[-2]) if swap_b else b
                check_product(
                    gpu,
                    gpu.asarray(normal(rng, a_shape, dtype)),
                    gpu.asarray(normal(rng, b_shape, dtype)),
                    transpose_a=transpose_a,
                    transpose_b=transpose_b,
                )


@every_float
@pytest.mark.parametrize("name", ["matmul_add", "matmul_add_relu"])
def test_products_with_an_ending(gpu, rng, dtype, name):
    from tensorcore.kernels.cuda import product_endings

    for a_shape, b_shape, transpose_b in (
        ((5, 7), (7, 3), False),
        ((1, 1), (1, 1), False),
        ((2, 6, 16), (24, 16), True),
        ((0, 4), (4, 3), False),
    ):
        a, b = normal(rng, a_shape, dtype), normal(rng, b_shape, dtype)
        bias = normal(rng, (b_shape[0] if transpose_b else b_shape[1],), dtype)
        expected = wide(a) @ (wide(b).T if transpose_b else wide(b)) + wide(bias)
        expected = np.maximum(expected, 0) if name.endswith("relu") else expected
        arrays = [gpu.asarray(array) for array in (a, b, bias)]
        function = getattr(product_endings, name)
        y = function(*arrays, transpose_b=transpose_b)
        check(y, expected, dtype, scale=2)
        turned = gpu.empty(expected.shape[::-1], dtype).T
        check(function(*arrays, transpose_b=transpose_b, out=turned), expected, scale=2)


@pytest.mark.parametrize("dtype", [F32, BF16], ids=ids)
def test_matmul_of_views(gpu, rng, dtype):
    a = gpu.asarray(normal(rng, (12, 20), dtype))
    b = gpu.asarray(normal(rng, (20, 14), dtype))
    check_product(gpu, a[::2], b)
    check_product(gpu, a[:, ::2], b[::2])
    check_product(gpu, a[::-1], b[:, ::-1])
    check_product(gpu, a[:, 3:9], b[1:7, 2:5])
    check_product(gpu, a.T[:14], b[:12])
    check_product(gpu, gpu.broadcast_to(a[:1], (5, 20)), b)
    a = gpu.asarray(normal(rng, (4, 6, 3, 5), dtype))
    b = gpu.asarray(normal(rng, (4, 6, 5, 2), dtype))
    check_product(gpu, a.transpose(1, 0, 2, 3), b.transpose(1, 0, 2, 3))
    check_product(gpu, a.transpose(0, 2, 1, 3), gpu.asarray(normal(rng, (4, 3, 5, 6), dtype)))
    check_product(gpu, a[::2, ::-1], b[::2])
    check_product(gpu, a[::2, ::-1], b[0, 0])  # one matrix for a batch that has to be copied
    check_product(gpu, a[:, ::-1], b[0, 0, ::-1])
    check_product(gpu, b.transpose(1, 0, 3, 2), b[:1, :1])


def test_matmul_into_a_factor(gpu, rng):
    from tensorcore.kernels.cuda import blas

    a = gpu.asarray(normal(rng, (6, 6), F32))
    expected = wide(a) @ wide(a)
    check(blas.matmul(a, a, out=a), expected)


def test_matmul_leaves_integers_to_others(gpu):
    from tensorcore.kernels.cuda import blas

    a = gpu.ones((2, 2), gpu.int32)
    assert blas.matmul(a, a) is NotImplemented


def test_matmul_without_the_library(gpu, rng, monkeypatch):
    from tensorcore.kernels.cuda import blas

    monkeypatch.setattr(blas, "library", lambda: None)
    for dtype in (F32, F16):
        check_product(
            gpu, gpu.asarray(normal(rng, (5, 7), dtype)), gpu.asarray(normal(rng, (7, 3), dtype))
        )


@pytest.mark.parametrize(("precision", "digits"), [("tf32", 11), ("bfloat16", 8)])
def test_matmul_precision(gpu, rng, precision, digits):
    """Factors that the tensor cores can hold give exact products; others are rounded."""
    from tensorcore.kernels.cuda import blas

    import tensorcore as tc
    from tensorcore.errors import InvalidArgumentError

    x = normal(rng, (8, 8), F32)
    y = normal(rng, (8, 8), F32)
    exact = x.astype(np.float64) @ y
    tc.set_matmul_precision(precision)
    try:
        error = np.abs(blas.matmul(gpu.asarray(x), gpu.asarray(y)).get() - exact).max()
        check(blas.matmul(gpu.eye(8, dtype=F32), gpu.eye(8, dtype=F32)), np.eye(8))
    finally:
        tc.set_matmul_precision("float32")
    bound = np.abs(x).astype(np.float64) @ np.abs(y) * 2.0**-digits
    assert error <= 2 * bound.max()
    if emulator.is_installed():
        assert error > 1e-6  # the rounding happened
    with pytest.raises(InvalidArgumentError, match="tf32"):
        tc.set_matmul_precision("float16")
    assert tc.matmul_precision() == "float32"


def test_matmul_can_be_captured(gpu, rng):
    from tensorcore.kernels.cuda import blas

    x = gpu.asarray(normal(rng, (5, 7), F32))
    w = gpu.asarray(normal(rng, (7, 3), F32))
    pool = gpu.cuda.MemoryPool()
    stream = gpu.cuda.Stream(non_blocking=True)
    gpu.cuda.get_current_stream().synchronize()
    with stream, gpu.cuda.using_allocator(pool.malloc):
        blas.matmul(x, w)
        stream.begin_capture()
        y = blas.matmul(x, w)
        graph = stream.end_capture()
    x[...] = gpu.asarray(normal(rng, (5, 7), F32))
    gpu.cuda.get_current_stream().synchronize()
    graph.launch(stream)
    stream.synchronize()
    check(y, wide(x) @ wide(w))


# Random numbers --------------------------------------------------------------------------------


def philox_words(key, counter, n):
    """The first n words of the stream, in plain Python integers."""
    words = []
    for block in range(-(-n // 4)):
        number = (counter + block) % 2**64
        c = [number & 0xFFFFFFFF, number >> 32, 0, 0]
        k0, k1 = key & 0xFFFFFFFF, key >> 32
        for _ in range(10):
            p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
            low = 0xFFFFFFFF
            c = [(p1 >> 32) ^ c[1] ^ k0, p1 & low, (p0 >> 32) ^ c[3] ^ k1, p0 & low]
            k0, k1 = (k0 + 0x9E3779B9) & low, (k1 + 0xBB67AE85) & low
        words += c
    return np.array(words[:n], np.uint32)


@pytest.mark.parametrize(
    ("key", "counter", "words"),
    [
        (0, (0, 0, 0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        (2**64 - 1, (2**32 - 1,) * 4, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            0x299F31D0A4093822,
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_known_answers(gpu, key, counter, words):
    from tensorcore.kernels.cuda import modules

    source = modules.read_text("philox.cuh") + (
        'extern "C" __global__ void known('
        "unsigned long long key, const unsigned int* counter, unsigned int* words) {\n"
        "  Words c;\n"
        "  for (int i = 0; i < 4; ++i) c.at[i] = counter[i];\n"
        "  c = philox(key, c);\n"
        "  for (int i = 0; i < 4; ++i) words[i] = c.at[i];\n"
        "}\n"
    )
    known = gpu.RawKernel(source, "known", options=modules.OPTIONS)
    y = gpu.empty(4, gpu.uint32)
    known((1,), (1,), (np.uint64(key), gpu.asarray(np.array(counter, np.uint32)), y))
    assert tuple(y.get().tolist()) == words


KEY, COUNTER = np.uint64(0xDEADBEEF12345678), np.uint64(2**32 - 3)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (4,), (7, 11), (1003,), (0, 2)])
def test_random_bits(gpu, shape):
    from tensorcore.kernels.cuda import random

    n = math.prod(shape)
    expected = philox_words(int(KEY), int(COUNTER), n).reshape(shape)
    y = random.random_bits(KEY, COUNTER, shape=shape)
    assert y.dtype == np.uint32
    np.testing.assert_array_equal(y.get(), expected)
    y = random.random_bits(gpu.asarray(KEY), gpu.asarray(COUNTER), shape=shape)
    np.testing.assert_array_equal(y.get(), expected)


@every_float
@pytest.mark.parametrize("n", [1, 3, 1003])
def test_random_floats(gpu, dtype, n):
    from tensorcore.kernels.cuda import random

    words = philox_words(int(KEY), int(COUNTER), 2 * n + 4).astype(np.float64)
    words = words.astype(np.uint64)
    if dtype == F64:
        expected = ((words[: 2 * n : 2] >> 5) * 2.0**26 + (words[1 : 2 * n : 2] >> 6)) * 2.0**-53
    else:
        drop, bits = {"float32": (8, 24), "float16": (21, 11), "bfloat16": (24, 8)}[dtype.name]
        expected = (words[:n] >> drop) * 2.0**-bits
    y = random.random_uniform(KEY, COUNTER, shape=(n,), dtype=dtype)
    assert y.dtype == dtype
    np.testing.assert_array_equal(wide(y), expected)

    even = n + n % 2
    u1 = ((words[0:even:2] >> 8) + 1) * 2.0**-24
    u2 = (words[1:even:2] >> 8) * 2.0**-24
    radius = np.sqrt(-2 * np.log(u1))
    points = [radius * np.cos(2 * np.pi * u2), radius * np.sin(2 * np.pi * u2)]
    y = random.random_normal(KEY, gpu.asarray(COUNTER), shape=(n,), dtype=dtype)
    check(y, np.stack(points, 1).ravel()[:n], dtype)

    into = gpu.empty((2 * n,), dtype)[::2]
    y = random.dropout_mask(KEY, COUNTER, shape=(n,), rate=0.3, dtype=dtype, out=into)
    assert y is into
    dropped = (words[:n] >> 8).astype(np.float32) * np.float32(2.0**-24) < np.float32(0.3)
    np.testing.assert_array_equal(y.get(), np.where(dropped, 0, 1 / 0.7).astype(dtype))


# Softmax and cross-entropy ---------------------------------------------------------------------


def softmax_of(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


ROWS = [((7, 5), -1), ((7, 5), 0), ((3, 4, 5), 1), ((2, 1030), -1), ((6,), 0), ((300, 3), 0)]
ROWS += [((0, 4), 1), ((1, 9001), 1), ((5, 33), 1)]
ROWS += [((9, 64), -1), ((3, 1024), -1), ((2, 2048), -1), ((1, 8192), -1), ((1, 16384), -1)]


@every_float
def test_softmax(gpu, rng, schedule, dtype):
    from tensorcore.kernels.cuda import softmax

    for shape, axis in ROWS[: len(ROWS) if schedule == 0 else 4]:
        x = normal(rng, shape, dtype) * dtype.type(3)
        g = normal(rng, shape, dtype)
        if not x.size:
            assert softmax.softmax(gpu.asarray(x), axis=axis).shape == shape
            continue
        device_x, device_g = gpu.asarray(x), gpu.asarray(g)
        y = softmax.softmax(device_x, axis=axis)
        check(y, softmax_of(wide(x), axis))
        arriving, value = wide(g), wide(y)
        sums = (arriving * value).sum(axis, keepdims=True)
        check(softmax.softmax_gradient(device_g, y, axis=axis), value * (arriving - sums))
        y = softmax.log_softmax(device_x, axis=axis)
        check(y, np.log(softmax_of(wide(x), axis)))
        expected = arriving - np.exp(wide(y)) * arriving.sum(axis, keepdims=True)
        check(softmax.log_softmax_gradient(device_g, y, axis=axis), expected, scale=4)


def test_softmax_of_rows_that_are_not_aligned(gpu, rng):
    from tensorcore.kernels.cuda import softmax

    memory = gpu.asarray(normal(rng, 4 * 64 + 3, F32))
    for start in range(4):
        x = memory[start : start + 4 * 64].reshape(4, 64)
        check(softmax.softmax(x), softmax_of(wide(x), -1))


def test_softmax_of_views_and_into_outputs(gpu, rng):
    from tensorcore.kernels.cuda import softmax

    x = gpu.asarray(normal(rng, (6, 10), F32))
    view = x[::2, ::-1].T
    check(softmax.softmax(view, axis=0), softmax_of(wide(view), 0))
    into = gpu.empty((3, 10), F32).T
    assert softmax.softmax(view, axis=0, out=into) is into
    check(into, softmax_of(wide(view), 0))
    expected = softmax_of(wide(x), 1)
    check(softmax.softmax(x, axis=1, out=x), expected)


def test_softmax_special_values(gpu):
    from tensorcore.kernels.cuda import softmax

    x = np.array([[1e4, 0.0, -1e4], [np.nan, 0.0, 1.0], [-np.inf, 0.0, 0.0]], np.float32)
    y = softmax.softmax(gpu.asarray(x), axis=1).get()
    np.testing.assert_array_equal(y[0], [1, 0, 0])
    assert np.isnan(y[1]).all()
    np.testing.assert_allclose(y[2], [0, 0.5, 0.5])


@every_float
def test_cross_entropy(gpu, rng, schedule, dtype):
    from tensorcore.kernels.cuda import cross_entropy

    for shape in [(7, 5), (2, 3, 1030), (1, 1), (0, 4), (4,)][: 5 if schedule == 0 else 2]:
        x, g = normal(rng, shape, dtype) * dtype.type(3), normal(rng, shape[:-1], dtype)
        t = softmax_of(rng.standard_normal(shape), -1).astype(dtype) if x.size else x
        logits, targets, arriving = gpu.asarray(x), gpu.asarray(t), gpu.asarray(g)
        p = softmax_of(wide(x), -1) if x.size else wide(x)
        with np.errstate(divide="ignore"):
            log_p = np.log(p)
        column = wide(g)[..., None]
        loss = cross_entropy.softmax_cross_entropy(logits, targets)
        check(loss, -(wide(t) * log_p).sum(-1), dtype)
        dx = cross_entropy.softmax_cross_entropy_gradient(arriving, logits, targets)
        check(dx, column * (p * wide(t).sum(-1, keepdims=True) - wide(t)), dtype)
        for label_type in (np.int32, np.int64, np.uint8):
            labels = rng.integers(0, min(shape[-1], 200), shape[:-1]).astype(label_type)
            labels = np.asarray(labels)
            on_device = gpu.asarray(labels)
            chosen = labels[..., None].astype(np.int64)
            loss = cross_entropy.sparse_softmax_cross_entropy(logits, on_device)
            check(loss, -np.take_along_axis(log_p, chosen, -1)[..., 0], dtype)
            dx = cross_entropy.sparse_softmax_cross_entropy_gradient(arriving, logits, on_device)
            check(dx, column * (p - np.eye(shape[-1])[labels]), dtype)


def test_cross_entropy_of_a_broadcast_gradient_and_a_wrong_label(gpu, rng):
    from tensorcore.kernels.cuda import cross_entropy

    x = normal(rng, (4, 3), F32)
    labels = np.array([0, 2, 7, -1], np.int64)
    g = gpu.broadcast_to(gpu.asarray(np.float32(0.25)), (4,))
    logits, on_device = gpu.asarray(x), gpu.asarray(labels)
    dx = cross_entropy.sparse_softmax_cross_entropy_gradient(g, logits, on_device).get()
    expected = 0.25 * (softmax_of(wide(x), -1)[:2] - np.eye(3)[labels[:2]])
    np.testing.assert_allclose(dx[:2], expected, rtol=1e-5, atol=1e-6)
    assert np.isnan(dx[2:]).all()
    loss = cross_entropy.sparse_softmax_cross_entropy(logits, on_device).get()
    assert np.isnan(loss).tolist() == [False, False, True, True]


# Indexing --------------------------------------------------------------------------------------

TAKES = [
    ((7, 5), 0, (3, 2)),
    ((7, 5), 1, (4,)),
    ((3, 40, 6), -2, (300,)),
    ((9,), 0, ()),
    ((4, 3), 0, (0,)),
    ((50, 130), 0, (11,)),
    ((4, 8), 0, (6,)),
]


@pytest.mark.parametrize(
    "dtype", [*FLOATS, *COMPLEX[:1], np.dtype("uint8"), np.dtype("int64"), BOOL], ids=ids
)
def test_take(gpu, rng, dtype):
    from tensorcore.kernels.cuda import indexing

    for shape, axis, count in TAKES:
        for kind in (np.int32, np.int64, np.uint8):
            x = (rng.standard_normal(shape) * 3 + 5).astype(dtype)
            indices = np.asarray(rng.integers(0, shape[axis], count)).astype(kind)
            y = indexing.take(gpu.asarray(x), gpu.asarray(indices), axis=axis)
            assert y.dtype == dtype
            np.testing.assert_array_equal(y.get(), np.take(x, indices, axis))
    x = gpu.asarray((rng.standard_normal((6, 9)) + 3).astype(dtype))[::2, ::-2]
    y = indexing.take(
        x, gpu.asarray(np.array([2, 0, 1, 1])), axis=0, out=gpu.empty((5, 4), dtype).T
    )
    np.testing.assert_array_equal(y.get(), x.get()[[2, 0, 1, 1]])


@every_float
@pytest.mark.parametrize("sorts", [False, True])
def test_scatter_add(gpu, rng, schedule, dtype, sorts, monkeypatch):
    from tensorcore.kernels.cuda import indexing

    if sorts:
        monkeypatch.setattr(indexing, "_MOST_LOOKS", 0)
    for shape, axis, count in TAKES[: len(TAKES) if schedule == 0 else 3]:
        x = normal(rng, shape, dtype)
        kind = np.int32 if len(count) == 2 else np.int64
        indices = np.asarray(rng.integers(0, shape[axis], count)).astype(kind)
        updates = normal(rng, np.take(x, indices, axis).shape, dtype)
        expected = np.moveaxis(wide(x), axis, 0).copy()
        positive = axis % len(shape)
        flat = wide(updates).reshape(*shape[:positive], -1, *shape[positive + 1 :])
        np.add.at(expected, indices.ravel(), np.moveaxis(flat, positive, 0))
        on_device = [gpu.asarray(a) for a in (x, indices, updates)]
        y = indexing.scatter_add(*on_device, axis=axis)
        check(y, np.moveaxis(expected, 0, positive), dtype)
        np.testing.assert_array_equal(on_device[0].get(), x)
        again = indexing.scatter_add(*on_device, axis=axis, out=on_device[0])
        assert again is on_device[0]
        np.testing.assert_array_equal(again.get(), y.get())


@every_float
def test_add_along_axis(gpu, rng, dtype):
    from tensorcore.kernels.cuda import indexing

    for shape, axis, k in [((2, 4), 1, 3), ((3, 5, 2), 1, 7), ((4, 3), 0, 2), ((4, 3), -1, 0)]:
        x = normal(rng, shape, dtype)
        positive = axis % len(shape)
        reduced = (*shape[:positive], k, *shape[positive + 1 :])
        indices = rng.integers(0, shape[axis], reduced)
        updates = normal(rng, reduced, dtype)
        expected = wide(x)
        grid = list(np.indices(reduced))
        grid[positive] = indices
        np.add.at(expected, tuple(grid), wide(updates))
        on_device = [gpu.asarray(a) for a in (x, indices, updates)]
        check(indexing.add_along_axis(*on_device, axis=axis), expected, dtype)
        np.testing.assert_array_equal(on_device[0].get(), x)
        check(indexing.add_along_axis(*on_device, axis=axis, out=on_device[0]), expected, dtype)


def test_scatter_add_of_views(gpu, rng):
    from tensorcore.kernels.cuda import indexing

    table = gpu.asarray(normal(rng, (9, 14), F32))[::-2, 1::2].T  # (7, 5)
    indices = gpu.asarray(np.array([6, 0, 3, 6], np.int64))[::-1]
    updates = gpu.asarray(normal(rng, (5, 8), F32)).T[::2]  # (4, 5)
    expected = wide(table)
    np.add.at(expected, indices.get(), wide(updates))
    check(indexing.scatter_add(table, indices, updates, axis=0), expected)
    places = gpu.asarray(rng.integers(0, 5, (3, 7))).T
    more = gpu.asarray(normal(rng, (3, 14), F32)).T[::2]
    expected = wide(table)
    np.add.at(expected, (np.arange(7)[:, None], places.get()), wide(more))
    check(indexing.add_along_axis(table, places, more, axis=1), expected)


def test_indexing_outside_is_harmless(gpu):
    from tensorcore.kernels.cuda import indexing

    x = gpu.ones((3, 4), gpu.float32)
    indices = gpu.asarray(np.array([1, 1000000, -1], np.int64))
    np.testing.assert_array_equal(
        indexing.take(x, indices, axis=0).get(), np.array([[1.0], [0.0], [0.0]]) * np.ones(4)
    )
    y = indexing.scatter_add(x, indices, gpu.ones((3, 4), gpu.float32), axis=0)
    np.testing.assert_array_equal(y.get(), np.array([[1.0], [2.0], [1.0]]) * np.ones(4))


# Normalization ---------------------------------------------------------------------------------


def normalization_reference(g, x, gamma, beta, epsilon, centered):
    """y, and the gradients for x and gamma."""
    center = x.mean(-1, keepdims=True) if centered else 0.0
    r = 1 / np.sqrt(((x - center) ** 2).mean(-1, keepdims=True) + epsilon)
    n, h = (x - center) * r, g * gamma
    total = h.mean(-1, keepdims=True) if centered else 0.0
    dx = r * (h - total - n * (h * n).mean(-1, keepdims=True))
    return n * gamma + beta, dx, (g * n).reshape(-1, x.shape[-1]).sum(0)


# Held by a warp, by a block, read again (odd, or too long), and the edges.
NORMALIZATIONS = [(3, 5), (2, 9, 96), (70, 8), (2, 2048), (3, 1025), (2, 16392), (130, 1), (0, 4)]


@every_float
@pytest.mark.parametrize("shape", NORMALIZATIONS, ids=str)
def test_layer_norm(gpu, rng, dtype, shape):
    _check_normalization(gpu, rng, dtype, shape, centered=True)


@pytest.mark.parametrize("shape", [(3, 5), (9, 96), (2, 2048), (2, 1025)], ids=str)
@pytest.mark.parametrize("centered", [True, False])
def test_layer_norm_on_schedules(gpu, rng, schedule, shape, centered):
    _check_normalization(gpu, rng, F32, shape, centered)


def _check_normalization(gpu, rng, dtype, shape, centered):
    from tensorcore.kernels.cuda import normalization

    compute = F64 if dtype == F64 else F32
    g, x = normal(rng, shape, dtype), (rng.standard_normal(shape) + 3).astype(dtype)
    gamma, beta = (normal(rng, shape[-1:], compute) for _ in range(2))
    options = {"epsilon": 1e-3, "centered": centered}
    expected = normalization_reference(*map(wide, (g, x, gamma, beta)), **options)
    g, x, gamma, beta = map(gpu.asarray, (g, x, gamma, beta))
    check(normalization.layer_norm(x, gamma, beta, **options), expected[0], dtype)
    check(normalization.layer_norm_gradient(g, x, gamma, **options), expected[1], dtype, scale=4)
    dgamma = normalization.layer_norm_scale_gradient(g, x, **options)
    check(dgamma, expected[2], compute, scale=4)


def test_layer_norm_of_views_in_place_and_unaligned(gpu, rng):
    from tensorcore.kernels.cuda import normalization

    gamma = beta = gpu.ones(8, F32)
    memory = gpu.asarray(normal(rng, 3 * 8 + 1, F32))
    unaligned = memory[1:].reshape(3, 8)
    expected = normalization_reference(
        np.ones((3, 8)), wide(unaligned), np.ones(8), np.ones(8), 1e-3, True
    )[0]
    check(normalization.layer_norm(unaligned, gamma, beta, epsilon=1e-3), expected)
    turned = gpu.ascontiguousarray(unaligned.T).T
    check(normalization.layer_norm(turned, gamma, beta, epsilon=1e-3), expected)
    assert normalization.layer_norm(turned, gamma, beta, epsilon=1e-3, out=turned) is turned
    check(turned, expected)


# Recurrent layers --------------------------------------------------------------------------------

SEQUENCES = [(1, 1, 1), (4, 3, 5), (3, 17, 33), (2, 70, 8), (3, 0, 4)]  # steps, batch, units


def _sequence(rng, gates, steps, batch, units):
    x = rng.standard_normal((steps, batch, gates * units))
    kernel = rng.standard_normal((units, gates * units)) / 4
    return x, kernel, rng.standard_normal((batch, units)), rng.random((steps, batch)) < 0.7


def _check_record(gpu, name, arrays, dtype):
    """The kernel of a record against its reference in float64."""
    from tensorcore.kernels.cuda import recurrent

    from tensorcore.ops.record import named

    mask = arrays[-1]
    values = [np.asarray(array).astype(dtype) for array in arrays[:-1]]
    expected = named(name).reference(np, *(value.astype(F64) for value in values), mask)
    found = getattr(recurrent, name)(*map(gpu.asarray, values), gpu.asarray(mask))
    if not isinstance(expected, tuple):
        expected, found = (expected,), (found,)
    for one, other in zip(found, expected, strict=True):
        check(one, other, dtype, scale=4)


@every_float
@pytest.mark.parametrize("shape", SEQUENCES, ids=str)
def test_lstm(gpu, rng, dtype, shape):
    x, kernel, h, mask = _sequence(rng, 4, *shape)
    c = rng.standard_normal(h.shape)
    _check_record(gpu, "lstm_sequence", (x, kernel, h, c, mask), dtype)
    g_h, g_c, cs = rng.standard_normal((3, *mask.shape, h.shape[1]))
    _check_record(gpu, "lstm_sequence_gradient", (g_h, g_c, x, kernel, c, cs, mask), dtype)


@every_float
@pytest.mark.parametrize("shape", SEQUENCES, ids=str)
def test_gru(gpu, rng, dtype, shape):
    x, kernel, h, mask = _sequence(rng, 3, *shape)
    bias, inner = rng.standard_normal(x.shape[2]), rng.standard_normal(x.shape)
    _check_record(gpu, "gru_sequence", (x, kernel, bias, h, mask), dtype)
    g, hs = rng.standard_normal((2, *mask.shape, h.shape[1]))
    _check_record(gpu, "gru_sequence_gradient", (g, x, inner, kernel, h, hs, mask), dtype)


def test_recurrent_results_may_be_given(gpu, rng):
    from tensorcore.kernels.cuda import recurrent

    x, kernel, h, mask = (gpu.asarray(a) for a in _sequence(rng, 4, 3, 2, 5))
    out = gpu.empty((3, 2, 5)), gpu.empty((3, 2, 5))
    found = recurrent.lstm_sequence(x, kernel, h, h, mask, out=out)
    assert found[0] is out[0] and found[1] is out[1]
    check(out[0], recurrent.lstm_sequence(x, kernel, h, h, mask)[0].get())


def test_recurrent_of_views(gpu, rng):
    """Arrays that are not contiguous give what their copies give."""
    from tensorcore.kernels.cuda import recurrent

    arrays = [gpu.asarray(array) for array in _sequence(rng, 4, 3, 2, 5)]
    x, kernel, h, mask = (gpu.repeat(a, 2, axis=-1)[..., ::2] for a in arrays)
    assert not x.flags.c_contiguous
    found = recurrent.lstm_sequence(x, kernel, h, h, mask)
    expected = recurrent.lstm_sequence(*arrays[:3], arrays[2], arrays[3])
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.get(), other.get())


# Convolution and pooling -----------------------------------------------------------------------


def convolution_reference(x, w, g, strides, padding, dilation, groups):
    """conv2d(x, w) and the gradients for x and w, filter tap by filter tap."""
    n, height, width, _ = x.shape
    kh, kw, cg, o = w.shape
    axes = list(enumerate(((height, kh), (width, kw))))
    pads = [windows.pads(s, k, strides[i], dilation[i], padding, i) for i, (s, k) in axes]
    oh, ow = (windows.output_size(s, k, strides[i], dilation[i], padding, i) for i, (s, k) in axes)
    padded = np.pad(x, ((0, 0), *pads, (0, 0)))
    y = np.zeros((n, oh, ow, o))
    if g is None:
        return y.shape
    dx, dw, og = np.zeros_like(padded), np.zeros_like(w), o // groups
    for i in range(kh):
        for j in range(kw):
            rows = slice(i * dilation[0], i * dilation[0] + (oh - 1) * strides[0] + 1, strides[0])
            columns = slice(
                j * dilation[1], j * dilation[1] + (ow - 1) * strides[1] + 1, strides[1]
            )
            for q in range(groups):
                c, out = slice(q * cg, (q + 1) * cg), slice(q * og, (q + 1) * og)
                part = padded[:, rows, columns, c]
                y[..., out] += part @ w[i, j, :, out]
                dx[:, rows, columns, c] += g[..., out] @ w[i, j, :, out].T
                dw[i, j, :, out] += np.einsum("nhwc,nhwo->co", part, g[..., out])
    (top, _), (left, _) = pads
    return y, dx[:, top : top + height, left : left + width], dw


CONVOLUTIONS = {
    "same": ((2, 7, 9, 5), (3, 3, 5, 6), (1, 1), "SAME", (1, 1), 1),
    "strided": ((2, 8, 9, 4), (3, 2, 4, 70), (2, 3), "VALID", (1, 1), 1),
    "padded": ((1, 9, 8, 6), (3, 3, 3, 4), (2, 1), ((1, 2), (0, 1)), (2, 2), 2),
    "depthwise": ((2, 6, 6, 8), (3, 3, 1, 16), (1, 1), "SAME", (1, 1), 8),
    "product": ((3, 5, 4, 7), (1, 1, 7, 3), (1, 1), "VALID", (1, 1), 1),
    "grouped": ((1, 20, 20, 40), (3, 3, 20, 36), (2, 2), "SAME", (1, 1), 2),
    "split": ((2, 33, 17, 3), (5, 5, 3, 8), (2, 2), "SAME", (1, 1), 1),
    "empty": ((0, 5, 5, 2), (3, 3, 2, 4), (1, 1), "SAME", (1, 1), 1),
}


@every_float
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_conv2d(gpu, rng, dtype, case):
    _check_convolution(gpu, rng, dtype, case)


@pytest.mark.parametrize("dtype", [F32, F16], ids=ids)
@pytest.mark.parametrize("case", ["same", "padded", "split"])
def test_conv2d_on_schedules(gpu, rng, schedule, case, dtype):
    _check_convolution(gpu, rng, dtype, case)


def _check_convolution(gpu, rng, dtype, case, scale=1.0):
    from tensorcore.kernels.cuda import convolution

    x_shape, w_shape, *rest = CONVOLUTIONS[case]
    names = ("strides", "padding", "dilation", "groups")
    attributes = dict(zip(names, rest, strict=True))
    x = normal(rng, x_shape, dtype)
    w = normal(rng, w_shape, dtype)
    g = normal(rng, convolution_reference(x, w, None, **attributes), dtype)
    y, dx, dw = convolution_reference(wide(x), wide(w), wide(g), **attributes)
    device_x, device_w, device_g = (gpu.asarray(a) for a in (x, w, g))
    check(convolution.conv2d(device_x, device_w, **attributes), y, dtype, scale)
    result = convolution.conv2d_input_gradient(
        device_g, device_w, input_shape=x_shape, **attributes
    )
    check(result, dx, dtype, scale)
    result = convolution.conv2d_filter_gradient(
        device_x, device_g, filter_shape=w_shape, **attributes
    )
    check(result, dw, dtype, scale)


@pytest.mark.parametrize("dtype", [F32, F16], ids=ids)
@pytest.mark.parametrize("case", ["same", "strided", "padded", "product", "empty"])
@pytest.mark.parametrize("way", ["own", "im2col"])
def test_ways_to_convolve_agree(gpu, rng, monkeypatch, way, case, dtype):
    from tensorcore.kernels.cuda import convolution, im2col

    taken = []
    plain = im2col.conv2d
    monkeypatch.setattr(im2col, "conv2d", lambda *args: taken.append(plain(*args)))
    monkeypatch.setattr(convolution, "_product", lambda *args: pytest.fail("a plain product"))
    monkeypatch.setenv("TENSORCORE_CONV", way)
    _check_convolution(gpu, rng, dtype, case)
    groups, empty = CONVOLUTIONS[case][-1], case == "empty"
    assert bool(taken) == (way == "im2col" and groups == 1 and not empty)


@pytest.mark.parametrize("case", ["same", "strided", "grouped", "split"])
def test_conv2d_in_tf32(gpu, rng, monkeypatch, case):
    from tensorcore.kernels import precision

    monkeypatch.setattr(precision._Chosen, "precision", "tf32")
    monkeypatch.setenv("TENSORCORE_CONV", "own")
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        _check_convolution(gpu, rng, F32, case)  # it is rounded
    _check_convolution(gpu, rng, F32, case, scale=400)  # by at most 2**-10


def test_unknown_way_to_convolve(gpu, monkeypatch):
    from tensorcore.kernels.cuda import convolution

    attributes = {"strides": (1, 1), "padding": "SAME", "dilation": (1, 1), "groups": 1}
    ones = gpu.ones((1, 1, 1, 1), F32)
    monkeypatch.setenv("TENSORCORE_CONV", "winograd")
    with pytest.raises(ValueError, match=r"'auto', 'own', 'cudnn', 'im2col'.*'winograd'"):
        convolution.conv2d(ones, ones, **attributes)


def test_conv2d_of_views_and_into_outputs(gpu, rng):
    from tensorcore.kernels.cuda import convolution

    attributes = {"strides": (1, 1), "padding": "SAME", "dilation": (1, 1), "groups": 1}
    x = gpu.asarray(normal(rng, (2, 3, 6, 5), F32)).transpose(0, 2, 3, 1)
    w = gpu.asarray(normal(rng, (3, 3, 4, 3), F32)).transpose(0, 1, 3, 2)
    expected, _, _ = convolution_reference(wide(x), wide(w), np.zeros((2, 6, 5, 4)), **attributes)
    into = gpu.empty((2, 4, 6, 5), F32).transpose(0, 2, 3, 1)
    assert convolution.conv2d(x, w, out=into, **attributes) is into
    check(into, expected)


def pooling_reference(x, g, v, window, strides, padding):
    """Maximum, mean, the gathered v, and the gradients of maximum and mean, window by window."""
    _, height, width, _ = x.shape
    axes = list(enumerate((height, width)))
    top, left = (windows.pads(s, window[i], strides[i], 1, padding, i)[0] for i, s in axes)
    results = [np.zeros(g.shape) for _ in range(3)] + [np.zeros(x.shape) for _ in range(2)]
    largest, mean, gathered, d_largest, d_mean = results
    for at in np.ndindex(g.shape):
        b, oh, ow, k = at
        h, w = oh * strides[0] - top, ow * strides[1] - left
        h_end, w_end = min(h + window[0], height), min(w + window[1], width)
        h, w = max(h, 0), max(w, 0)
        cells = x[b, h:h_end, w:w_end, k]
        i, j = divmod(int(np.argmax(cells)), w_end - w)
        largest[at], mean[at], gathered[at] = cells[i, j], cells.mean(), v[b, h + i, w + j, k]
        d_largest[b, h + i, w + j, k] += g[at]
        d_mean[b, h:h_end, w:w_end, k] += g[at] / cells.size
    return results


POOLINGS = {
    "even": ((2, 7, 9, 3), (2, 2), (2, 2), "VALID"),
    "same": ((2, 7, 9, 3), (3, 2), (2, 3), "SAME"),
    "overlapping": ((1, 6, 5, 4), (3, 3), (1, 1), ((1, 2), (0, 1))),
    "global": ((2, 5, 4, 2), (5, 4), (1, 1), "VALID"),
    "empty": ((0, 5, 4, 2), (2, 2), (1, 1), "VALID"),
}


@every_float
@pytest.mark.parametrize("case", POOLINGS)
def test_pooling(gpu, rng, dtype, case):
    from tensorcore.kernels.cuda import pooling

    shape, window, strides, padding = POOLINGS[case]
    attributes = {"window": window, "strides": strides, "padding": padding}
    x = rng.integers(-3, 4, shape).astype(dtype)  # with ties
    if x.size:
        x[0, 1, 1, 0] = np.nan
        x[0, 1, 2, 0] = np.nan
    v = normal(rng, shape, dtype)
    device_x = gpu.asarray(x)
    largest = pooling.max_pool2d(device_x, **attributes)
    g = normal(rng, largest.shape, dtype)
    device_g = gpu.asarray(g)
    expected = pooling_reference(wide(x), wide(g), wide(v), **attributes)
    results = [
        largest,
        pooling.avg_pool2d(device_x, **attributes),
        pooling.max_pool2d_gather(gpu.asarray(v), device_x, **attributes),
        pooling.max_pool2d_gradient(device_g, device_x, **attributes),
        pooling.avg_pool2d_gradient(device_g, input_shape=shape, **attributes),
    ]
    for actual, values in zip(results, expected, strict=True):
        check(actual, values, dtype)


def test_pooling_of_views_and_into_outputs(gpu, rng):
    from tensorcore.kernels.cuda import pooling

    attributes = {"window": (3, 2), "strides": (2, 1), "padding": "SAME"}
    x = gpu.asarray(normal(rng, (2, 3, 6, 5), F32)).transpose(0, 2, 3, 1)
    g = gpu.asarray(normal(rng, (2, 3, 3, 5), F32)).transpose(0, 2, 3, 1)
    v = gpu.asarray(normal(rng, (2, 6, 10, 3), F32))[:, :, ::-2]
    expected = pooling_reference(wide(x), wide(g), wide(v), **attributes)
    into = gpu.empty((2, 3, 3, 5), F32).transpose(0, 2, 3, 1)
    assert pooling.max_pool2d(x, out=into, **attributes) is into
    results = [
        into,
        pooling.avg_pool2d(x, **attributes),
        pooling.max_pool2d_gather(v, x, **attributes),
        pooling.max_pool2d_gradient(g, x, **attributes),
        pooling.avg_pool2d_gradient(g, input_shape=x.shape, **attributes),
    ]
    for actual, values in zip(results, expected, strict=True):
        check(actual, values)


def test_pooling_leaves_images_of_too_many_cells_to_others(gpu, monkeypatch):
    from tensorcore.kernels.cuda import pooling

    monkeypatch.setattr(pooling, "_LARGEST", 19)
    x = g = gpu.ones((1, 5, 4, 1), F32)
    attributes = {"window": (1, 1), "strides": (1, 1), "padding": "VALID"}
    for found in (
        pooling.max_pool2d(x, **attributes),
        pooling.avg_pool2d(x, **attributes),
        pooling.max_pool2d_gather(x, x, **attributes),
        pooling.max_pool2d_gradient(g, x, **attributes),
        pooling.avg_pool2d_gradient(g, input_shape=x.shape, **attributes),
    ):
        assert found is NotImplemented


# Captured in a graph ---------------------------------------------------------------------------


def test_kernels_can_be_captured(gpu, rng):
    """A step without matrix products: nothing in it may wait, copy to the host or allocate
    elsewhere.
    """
    from tensorcore.kernels.cuda import checks, cross_entropy, generated, indexing, random

    add = generated.compile(program(["(x + y)"], F32))
    table = gpu.asarray(normal(rng, (20, 6), F32))
    tokens = gpu.asarray(np.array([3, 1, 3, 19], np.int32))
    labels = gpu.asarray(np.array([0, 5, 2, 2], np.int32))
    counter = gpu.asarray(COUNTER)
    record = checks.new_record()
    ones = gpu.ones(4, gpu.float32)

    def step():
        checks.note_out_of_range(tokens, 0, 20, 1, record)
        x = indexing.take(table, tokens, axis=0)
        noise = random.random_normal(KEY, counter, shape=x.shape, dtype=F32)
        x = add(x, noise)
        g = cross_entropy.sparse_softmax_cross_entropy_gradient(ones, x, labels)
        return indexing.scatter_add(table, tokens, g, axis=0)

    pool = gpu.cuda.MemoryPool()
    stream = gpu.cuda.Stream(non_blocking=True)
    gpu.cuda.get_current_stream().synchronize()
    with stream, gpu.cuda.using_allocator(pool.malloc):
        expected = step().get()
        stream.begin_capture()
        y = step()
        graph = stream.end_capture()
    graph.launch(stream)
    stream.synchronize()
    np.testing.assert_array_equal(y.get(), expected)
    assert record.get()[0] == 0
