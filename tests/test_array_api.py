"""The names, signatures and dtype rules of the Python array API standard 2025.12.

The official suite is run by hand (see CONTRIBUTING.md); this keeps what it found from going again.
"""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import dtypes

# As the standard writes them: "/" ends the positional arguments, "*" begins the keywords.
SIGNATURES = """
arange(start, /, stop=None, step=1, *, dtype=None, device=None)
asarray(obj, /, *, dtype=None, device=None, copy=None)
empty(shape, *, dtype=None, device=None)
empty_like(x, /, *, dtype=None, device=None)
eye(n_rows, n_cols=None, /, *, k=0, dtype=None, device=None)
from_dlpack(x, /, *, device=None, copy=None)
full(shape, fill_value, *, dtype=None, device=None)
full_like(x, /, fill_value, *, dtype=None, device=None)
linspace(start, stop, /, num, *, dtype=None, device=None, endpoint=True)
meshgrid(*arrays, indexing='xy')
ones(shape, *, dtype=None, device=None)
ones_like(x, /, *, dtype=None, device=None)
tril(x, /, *, k=0)
triu(x, /, *, k=0)
zeros(shape, *, dtype=None, device=None)
zeros_like(x, /, *, dtype=None, device=None)
astype(x, dtype, /, *, copy=True, device=None)
can_cast(from_, to, /)
finfo(type, /)
iinfo(type, /)
isdtype(dtype, kind)
result_type(*arrays_and_dtypes)
broadcast_arrays(*arrays)
broadcast_shapes(*shapes)
broadcast_to(x, /, shape)
concat(arrays, /, *, axis=0)
expand_dims(x, /, axis)
flip(x, /, *, axis=None)
moveaxis(x, source, destination, /)
permute_dims(x, /, axes)
repeat(x, repeats, /, *, axis=None)
reshape(x, /, shape, *, copy=None)
roll(x, /, shift, *, axis=None)
stack(arrays, /, *, axis=0)
tile(x, repetitions, /)
unstack(x, /, *, axis=0)
argmax(x, /, *, axis=None, keepdims=False)
argmin(x, /, *, axis=None, keepdims=False)
count_nonzero(x, /, *, axis=None, keepdims=False)
searchsorted(x1, x2, /, *, side='left', sorter=None)
where(condition, x1=None, x2=None, /)
isin(x1, x2, /, *, invert=False)
unique_all(x, /)
unique_counts(x, /)
unique_inverse(x, /)
unique_values(x, /)
argsort(x, /, *, axis=-1, descending=False, stable=True)
sort(x, /, *, axis=-1, descending=False, stable=True)
cumulative_prod(x, /, *, axis=None, dtype=None, include_initial=False)
cumulative_sum(x, /, *, axis=None, dtype=None, include_initial=False)
max(x, /, *, axis=None, keepdims=False)
mean(x, /, *, axis=None, keepdims=False)
min(x, /, *, axis=None, keepdims=False)
prod(x, /, *, axis=None, dtype=None, keepdims=False)
std(x, /, *, axis=None, correction=0.0, keepdims=False)
sum(x, /, *, axis=None, dtype=None, keepdims=False)
var(x, /, *, axis=None, correction=0.0, keepdims=False)
all(x, /, *, axis=None, keepdims=False)
any(x, /, *, axis=None, keepdims=False)
diff(x, /, *, axis=-1, n=1, prepend=None, append=None)
take(x, indices, /, *, axis=None)
take_along_axis(x, indices, /, *, axis=-1)
tensordot(x1, x2, /, *, axes=2)
vecdot(x1, x2, /, *, axis=-1)
clip(x, /, min=None, max=None)
linalg.cholesky(x, /, *, upper=False)
linalg.cross(x1, x2, /, *, axis=-1)
linalg.det(x, /)
linalg.diagonal(x, /, *, offset=0)
linalg.eig(x, /)
linalg.eigh(x, /)
linalg.eigvals(x, /)
linalg.eigvalsh(x, /)
linalg.inv(x, /)
linalg.matrix_norm(x, /, *, keepdims=False, ord='fro')
linalg.matrix_power(x, n, /)
linalg.matrix_rank(x, /, *, rtol=None)
linalg.matrix_transpose(x, /)
linalg.outer(x1, x2, /)
linalg.pinv(x, /, *, rtol=None)
linalg.qr(x, /, *, mode='reduced')
linalg.slogdet(x, /)
linalg.solve(x1, x2, /)
linalg.svd(x, /, *, full_matrices=True)
linalg.svdvals(x, /)
linalg.trace(x, /, *, offset=0, dtype=None)
linalg.vector_norm(x, /, *, axis=None, keepdims=False, ord=2)
fft.fft(x, /, *, n=None, axis=-1, norm='backward')
fft.ifft(x, /, *, n=None, axis=-1, norm='backward')
fft.fftn(x, /, *, s=None, axes=None, norm='backward')
fft.ifftn(x, /, *, s=None, axes=None, norm='backward')
fft.rfft(x, /, *, n=None, axis=-1, norm='backward')
fft.irfft(x, /, *, n=None, axis=-1, norm='backward')
fft.rfftn(x, /, *, s=None, axes=None, norm='backward')
fft.irfftn(x, /, *, s=None, axes=None, norm='backward')
fft.hfft(x, /, *, n=None, axis=-1, norm='backward')
fft.ihfft(x, /, *, n=None, axis=-1, norm='backward')
fft.fftfreq(n, /, *, d=1.0, dtype=None, device=None)
fft.rfftfreq(n, /, *, d=1.0, dtype=None, device=None)
fft.fftshift(x, /, *, axes=None)
fft.ifftshift(x, /, *, axes=None)
"""

# Element-wise functions: what dtypes they take, and that of the result.
NUMBERS = dtypes.INTEGERS + dtypes.FLOATS + dtypes.COMPLEX
REALS = dtypes.INTEGERS + dtypes.FLOATS
INEXACT = dtypes.FLOATS + dtypes.COMPLEX
BITS = (dtypes.bool, *dtypes.INTEGERS)


def each(names, value):
    return dict.fromkeys(names.split(), value)


UNARY = {
    **each(
        "acos acosh asin asinh atan atanh cos cosh exp expm1 log log10 log1p log2 reciprocal sin "
        "sinh sqrt tan tanh",
        (INEXACT, "same"),
    ),
    **each("conj negative positive round sign square", (NUMBERS, "same")),
    **each("ceil floor trunc", (REALS, "same")),
    **each("abs imag real", (NUMBERS, "real")),
    **each("isfinite isinf isnan", (NUMBERS, "bool")),
    "signbit": (dtypes.FLOATS, "bool"),
    "logical_not": ((dtypes.bool,), "bool"),
    "bitwise_invert": (BITS, "same"),
}
BINARY = {
    **each("add multiply subtract pow", (NUMBERS, "same")),
    "divide": (INEXACT, "same"),
    **each("floor_divide remainder maximum minimum", (REALS, "same")),
    **each("atan2 copysign hypot logaddexp nextafter", (dtypes.FLOATS, "same")),
    **each("equal not_equal", (dtypes.ALL, "bool")),
    **each("greater greater_equal less less_equal", (REALS, "bool")),
    **each("logical_and logical_or logical_xor", ((dtypes.bool,), "bool")),
    **each("bitwise_and bitwise_or bitwise_xor", (BITS, "same")),
    **each("bitwise_left_shift bitwise_right_shift", (dtypes.INTEGERS, "same")),
}
OTHER_NAMES = ["e", "inf", "nan", "newaxis", "pi", "matmul", "nonzero", "squeeze"]

METHODS = (
    "abs add and array_namespace bool complex dlpack dlpack_device eq float floordiv ge getitem gt "
    "index int invert le lshift lt matmul mod mul ne neg or pos pow rshift setitem sub truediv xor "
    "radd rsub rmul rtruediv rfloordiv rmod rpow rmatmul rand ror rxor rlshift rrshift "
    "iadd isub imul itruediv ifloordiv imod ipow imatmul iand ior ixor ilshift irshift"
)


def expected_dtype(dtype, rule):
    return {"same": dtype, "bool": dtypes.bool, "real": dtypes.real_of(dtype)}[rule]


@pytest.mark.parametrize("line", SIGNATURES.split("\n")[1:-1])
def test_signature(line):
    path, _, _ = line.partition("(")
    function = tc
    for part in path.split("."):
        function = getattr(function, part)
    found = inspect.signature(function)
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in found.parameters.values()]
    text = str(found.replace(parameters=bare, return_annotation=inspect.Signature.empty))
    assert path + text == line


@pytest.mark.parametrize("name", [*OTHER_NAMES, *UNARY, *BINARY])
def test_name(name):
    assert hasattr(tc, name)


@pytest.mark.parametrize("name", METHODS.split())
def test_method(name):
    assert hasattr(tc.Tensor, f"__{name}__")


def test_what_is_said_of_the_namespace():
    assert tc.__array_api_version__ == "2025.12"
    x = tc.zeros(1)
    assert x.__array_namespace__() is tc
    assert x.__array_namespace__(api_version="2024.12") is tc
    with pytest.raises(ValueError, match="2020"):
        x.__array_namespace__(api_version="2020.01")
    info = tc.__array_namespace_info__()
    assert info.capabilities()["boolean indexing"]
    assert info.default_dtypes()["real floating"] == tc.zeros(1).dtype
    assert info.default_dtypes()["integral"] == tc.asarray(1).dtype
    assert info.default_dtypes()["complex floating"] == tc.asarray(1j).dtype
    assert info.default_dtypes()["indexing"] == tc.argmax(x).dtype
    assert info.default_device() in info.devices()
    assert set(info.dtypes(kind="integral")) == {d.name for d in dtypes.INTEGERS}


CASES = [(n, d, r) for n, (taken, r) in UNARY.items() for d in taken]


@pytest.mark.parametrize(("name", "dtype", "rule"), CASES, ids=lambda v: getattr(v, "name", v))
def test_dtype_of_unary(name, dtype, rule):
    result = getattr(tc, name)(tc.ones((2, 3), dtype=dtype, device="cpu"))
    assert result.dtype == expected_dtype(dtype, rule)
    assert result.shape == (2, 3)


CASES = [(n, d, r) for n, (taken, r) in BINARY.items() for d in taken]


@pytest.mark.parametrize(("name", "dtype", "rule"), CASES, ids=lambda v: getattr(v, "name", v))
def test_dtype_of_binary(name, dtype, rule):
    function = getattr(tc, name)
    x = tc.ones((2, 3), dtype=dtype, device="cpu")
    assert function(x, tc.ones(3, dtype=dtype, device="cpu")).dtype == expected_dtype(dtype, rule)
    number = {"bool": True, "integer": 1, "float": 1.0, "complex": 1j}[dtypes.KIND[dtype]]
    for result in (function(x, number), function(number, x)):
        assert result.dtype == expected_dtype(dtype, rule)
        assert result.shape == (2, 3)


REFUSED = [
    (name, dtype)
    for table in (UNARY, BINARY)
    for name, (taken, _) in table.items()
    for dtype in dtypes.COMPLEX
    if dtype not in taken and not name.startswith("logical")
]


@pytest.mark.parametrize(("name", "dtype"), REFUSED, ids=lambda v: getattr(v, "name", v))
def test_complex_is_refused(name, dtype):
    x = tc.ones(2, dtype=dtype, device="cpu")
    with pytest.raises(TypeError, match=f"{name}: .*{dtype.name}"):
        getattr(tc, name)(*[x] * (2 if name in BINARY else 1))


@pytest.mark.parametrize("second", dtypes.ALL, ids=str)
@pytest.mark.parametrize("first", dtypes.ALL, ids=str)
def test_promotion(first, second):
    x, y = (tc.ones(1, dtype=dtype, device="cpu") for dtype in (first, second))
    assert tc.result_type(x, y) == tc.add(x, y).dtype == tc.add(y, x).dtype
    assert tc.can_cast(first, second) == (tc.result_type(first, second) == second)


def test_sums_of_narrow_integers_are_wide(device):
    for dtype, wide in ((tc.int8, tc.int32), (tc.uint16, tc.uint32), (tc.int64, tc.int64)):
        x = tc.ones((2, 2), dtype=dtype)
        assert tc.sum(x).dtype == tc.prod(x).dtype == tc.cumulative_sum(x, axis=0).dtype == wide
        assert tc.linalg.trace(x).dtype == wide
        assert tc.vecdot(x, x).dtype == dtype


NAN, INF = float("nan"), float("inf")
SPECIAL = [
    ("floor_divide", INF, 2.0, INF),
    ("floor_divide", INF, -2.0, -INF),
    ("floor_divide", 1.0, -INF, -0.0),
    ("floor_divide", -1.0, INF, -0.0),
    ("floor_divide", 7.0, -2.0, -4.0),
    ("remainder", 1.0, -INF, -INF),
    ("remainder", -1.0, INF, INF),
    ("remainder", INF, 2.0, NAN),
    ("pow", -INF, 0.5, INF),
    ("pow", -0.0, 0.5, 0.0),
    ("pow", -8.0, 0.5, NAN),
    ("divide", 1.0, -0.0, -INF),
    ("atan2", 0.0, -0.0, np.pi),
    ("logaddexp", -INF, -INF, -INF),
    ("copysign", 1.0, -0.0, -1.0),
]


@pytest.mark.parametrize(("name", "x1", "x2", "expected"), SPECIAL)
def test_special_case(name, x1, x2, expected, device):
    for first, second in ((tc.asarray(x1), tc.asarray(x2)), (tc.asarray([x1]), x2)):
        result = getattr(tc, name)(first, second).numpy()
        np.testing.assert_allclose(result.ravel()[0], expected, rtol=1e-6)
        assert np.signbit(result.ravel()[0]) == np.signbit(expected) or np.isnan(expected)


COMPLEX_SPECIAL = [
    ("expm1", complex(INF, 0.0), complex(INF, 0.0)),
    ("expm1", complex(-INF, INF), complex(-1.0, 0.0)),
    ("expm1", complex(-0.0, 0.0), complex(0.0, 0.0)),
    ("tanh", complex(INF, 7.0), complex(1.0, 0.0)),
    ("tanh", complex(0.0, NAN), complex(0.0, NAN)),
    ("log", complex(-0.0, 0.0), complex(-INF, np.pi)),
    ("log", complex(INF, NAN), complex(INF, NAN)),
]


@pytest.mark.parametrize(("name", "x", "expected"), COMPLEX_SPECIAL)
def test_special_case_of_complex(name, x, expected, device):
    result = getattr(tc, name)(tc.asarray(x)).numpy()
    np.testing.assert_allclose(result.real, expected.real, rtol=1e-6)
    np.testing.assert_allclose(np.abs(result.imag), np.abs(expected.imag), rtol=1e-6)


def test_numbers_keep_their_digits_and_signs(device):
    assert tc.asarray(16777217.0, dtype=tc.float64).item() == 16777217.0
    assert np.signbit(tc.full((), -0.0).numpy())
    assert np.signbit(tc.asarray(-0.0).numpy())


def test_exchange_without_a_copy():
    host = np.arange(3.0)
    x = tc.from_dlpack(host)
    assert np.shares_memory(x.data, host)
    assert np.shares_memory(np.from_dlpack(x), host)
    assert not np.shares_memory(tc.from_dlpack(host, copy=True).data, host)
    variable = tc.Variable([1.0, 2.0], device="cpu")
    given = np.from_dlpack(variable.value)
    variable.assign([5.0, 6.0])
    assert given.tolist() == [1.0, 2.0]
    with pytest.raises(TypeError, match="__dlpack__"):
        tc.from_dlpack([1.0])


def test_exchange_between_devices(device):
    x = tc.asarray([1.0, 2.0])
    assert tc.from_dlpack(x).device is device
    assert tc.from_dlpack(x, device="cpu").tolist() == [1.0, 2.0]
    assert x.to_device("cpu").device.kind == "cpu"
    x.__dlpack__(copy=True)
    if device.kind == "gpu":
        with pytest.raises(BufferError, match="copy=False"):
            x.__dlpack__(dl_device=(1, 0), copy=False)
    assert hasattr(x, "__cuda_array_interface__") == (device.kind == "gpu")


def test_in_place_operators_keep_the_dtype(device):
    x = tc.asarray([1, 2])
    before = x
    x += 1
    assert x.tolist() == [2, 3] and before.tolist() == [1, 2]
    with pytest.raises(TypeError, match="in-place"):
        x += 0.5
    with pytest.raises(ValueError, match="in-place"):
        x += tc.ones((3, 2), dtype=tc.int32)
