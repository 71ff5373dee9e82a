"""Data types, their promotion, and the defaults float32 and int32.

A dtype is a `numpy.dtype`; bfloat16 comes from `ml_dtypes`.  Promotion follows the Python array API
standard; where the standard is silent (an integer meets a float) the float's dtype wins.  Python
scalars are weak: they take the dtype of the tensor they meet.
"""

from __future__ import annotations

import functools
from typing import Any

import ml_dtypes
import numpy as np

from tensorcore.errors import DTypeError

bool = np.dtype("bool")
int8, int16, int32, int64 = (np.dtype(f"int{bits}") for bits in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64))
float16, float32, float64 = (np.dtype(f"float{bits}") for bits in (16, 32, 64))
bfloat16 = np.dtype(ml_dtypes.bfloat16)
complex64, complex128 = np.dtype("complex64"), np.dtype("complex128")

SIGNED = (int8, int16, int32, int64)
UNSIGNED = (uint8, uint16, uint32, uint64)
INTEGERS = SIGNED + UNSIGNED
FLOATS = (float16, bfloat16, float32, float64)
COMPLEX = (complex64, complex128)
ALL = (bool, *INTEGERS, *FLOATS, *COMPLEX)

# dtype -> "bool" | "integer" | "float" | "complex"; a dict look-up is what the hot path can afford.
KIND = {
    bool: "bool",
    **dict.fromkeys(INTEGERS, "integer"),
    **dict.fromkeys(FLOATS, "float"),
    **dict.fromkeys(COMPLEX, "complex"),
}

_NAMES = {dtype.name: dtype for dtype in ALL}
_PYTHON_TYPES = {"bool": bool, "int": int32, "float": float32, "complex": complex64}


def as_dtype(value: Any) -> np.dtype:
    """The dtype named by a string, a NumPy or Python type, or a dtype.

    >>> as_dtype("float32"), as_dtype(float), as_dtype(np.int64)
    (dtype('float32'), dtype('float32'), dtype('int64'))
    """
    if isinstance(value, np.dtype) and value in KIND:
        return value
    if isinstance(value, str) and value in _NAMES:
        return _NAMES[value]
    if (
        isinstance(value, type)
        and value.__module__ == "builtins"
        and value.__name__ in _PYTHON_TYPES
    ):
        return _PYTHON_TYPES[value.__name__]
    try:
        dtype = np.dtype(value)
    except TypeError:
        dtype = None
    if dtype not in KIND or value is None:
        raise DTypeError(f"unknown dtype {value!r}; expected one of {', '.join(_NAMES)}")
    return dtype


def is_float(dtype: np.dtype) -> Any:
    """Whether `dtype` is a real floating-point type."""
    return KIND[dtype] == "float"


def is_inexact(dtype: np.dtype) -> Any:
    """Whether values of `dtype` can carry a gradient: real or complex floating point."""
    return KIND[dtype] in ("float", "complex")


def is_integer(dtype: np.dtype) -> Any:
    """Whether `dtype` is a signed or unsigned integer type (bool is not)."""
    return KIND[dtype] == "integer"


@functools.cache
def promote(first: np.dtype, second: np.dtype) -> np.dtype:
    """The dtype in which values of two dtypes meet.

    >>> promote(int64, float32), promote(float16, bfloat16), promote(uint8, int8)
    (dtype('float32'), dtype('float32'), dtype('int16'))
    """
    if first == second:
        return first
    first_kind, second_kind = KIND[first], KIND[second]
    inexact = ("float", "complex")
    if first_kind not in inexact and second_kind in inexact:
        return second
    if second_kind not in inexact and first_kind in inexact:
        return first
    if {first, second} == {float16, bfloat16}:
        return float32
    if bfloat16 in (first, second):
        other = second if first == bfloat16 else first
        return np.promote_types(float32, other)
    return np.promote_types(first, second)


def floating(dtype: np.dtype) -> np.dtype:
    """`dtype` itself if it is inexact, else the default float: the dtype in which exp or a mean is
    computed.
    """
    return dtype if KIND[dtype] in ("float", "complex") else float32


def real_of(dtype: np.dtype) -> np.dtype:
    """The dtype of the real part: that of a complex dtype's components, else `dtype` itself."""
    if KIND[dtype] != "complex":
        return dtype
    return float32 if dtype == complex64 else float64


def complex_of(dtype: np.dtype) -> np.dtype:
    """The complex dtype whose components hold `dtype`; complex64 for all but float64."""
    if KIND[dtype] == "complex":
        return dtype
    return complex128 if dtype == float64 else complex64


def weak(kind: type, dtype: np.dtype) -> np.dtype:
    """The dtype in which a tensor of `dtype` meets a Python scalar of type `kind`.

    >>> weak(float, float16), weak(float, int32), weak(int, bool)
    (dtype('float16'), dtype('float32'), dtype('int32'))
    """
    tensor_kind = KIND[dtype]
    if issubclass(kind, _builtin_bool):
        return dtype
    if issubclass(kind, int):
        return int32 if tensor_kind == "bool" else dtype
    if issubclass(kind, float):
        return floating(dtype)
    if tensor_kind == "complex":
        return dtype
    return complex128 if dtype == float64 else complex64


_builtin_bool = type(True)  # noqa: UP003 - `bool` is the dtype here


def accumulator(dtype: np.dtype) -> np.dtype:
    """The dtype in which sums of `dtype` are accumulated: 16-bit floats in float32, all else in
    itself.
    """
    return float32 if dtype in (float16, bfloat16) else dtype
