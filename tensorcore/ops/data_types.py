"""What is asked about dtypes: their limits, their kinds, and in which one values meet."""

from __future__ import annotations

from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from tensorcore import dtypes
from tensorcore.errors import ArgumentTypeError, DTypeError, InvalidArgumentError
from tensorcore.ops.composing import composed

_PYTHON_NUMBERS = (bool, int, float, complex)

# The kinds of the array API standard -> which dtypes they hold.
KINDS: dict[str, tuple[np.dtype, ...]] = {
    "bool": (dtypes.bool,),
    "signed integer": dtypes.SIGNED,
    "unsigned integer": dtypes.UNSIGNED,
    "integral": dtypes.INTEGERS,
    "real floating": dtypes.FLOATS,
    "complex floating": dtypes.COMPLEX,
    "numeric": dtypes.INTEGERS + dtypes.FLOATS + dtypes.COMPLEX,
}


class FloatLimits(NamedTuple):
    """The limits of a floating-point type, of one component if it is complex.

    Attributes:
        bits: of storage.
        eps: distance from 1 to the next larger number.
        max: greatest finite number.
        min: smallest finite number, -max.
        smallest_normal: smallest positive number with full precision.
        dtype: the real dtype.
    """

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: np.dtype


class IntegerLimits(NamedTuple):
    """The limits of an integer type: bits of storage, greatest and smallest value."""

    bits: int
    max: int
    min: int
    dtype: np.dtype


def _dtype_of(value: Any) -> np.dtype:
    """The dtype of a tensor or variable, or the dtype that `value` names."""
    if hasattr(value, "dtype") and not isinstance(value, (type, np.dtype)):
        return value.dtype
    return dtypes.as_dtype(value)


@composed
def finfo(type: Any, /) -> FloatLimits:
    """The limits of a floating-point dtype.

    Args:
        type: a real or complex floating-point dtype, or a tensor that has one.

    >>> tc.finfo(tc.float16).max
    65504.0
    """
    dtype = _dtype_of(type)
    if not dtypes.is_inexact(dtype):
        raise DTypeError(f"finfo: expected a floating-point dtype, received {dtype.name}")
    # ml_dtypes knows NumPy's types as well as its own.
    limits = ml_dtypes.finfo(dtype) if dtype == dtypes.bfloat16 else np.finfo(dtype)
    return FloatLimits(
        bits=int(limits.bits),
        eps=float(limits.eps),
        max=float(limits.max),
        min=float(limits.min),
        smallest_normal=float(limits.smallest_normal),
        dtype=dtypes.real_of(dtype),
    )


@composed
def iinfo(type: Any, /) -> IntegerLimits:
    """The limits of an integer dtype.

    Args:
        type: an integer dtype, or a tensor that has one.

    >>> tc.iinfo(tc.int8).min
    -128
    """
    dtype = _dtype_of(type)
    if not dtypes.is_integer(dtype):
        raise DTypeError(f"iinfo: expected an integer dtype, received {dtype.name}")
    limits = np.iinfo(dtype)
    return IntegerLimits(int(limits.bits), int(limits.max), int(limits.min), dtype)


@composed
def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a dtype is of a kind.

    Args:
        dtype: what is asked about.
        kind: a dtype, a kind of the standard ("bool", "signed integer", "unsigned integer",
            "integral", "real floating", "complex floating", "numeric"), or a tuple of them.

    >>> tc.isdtype(tc.float32, "real floating"), tc.isdtype(tc.int8, (tc.bool, "integral"))
    (True, True)
    """
    dtype = dtypes.as_dtype(dtype)
    if isinstance(kind, tuple):
        return any(isdtype(dtype, part) for part in kind)
    if isinstance(kind, str):
        if kind not in KINDS:
            raise InvalidArgumentError(
                f"isdtype: unknown kind {kind!r}; expected a dtype or one of {', '.join(KINDS)}"
            )
        return dtype in KINDS[kind]
    return dtype == dtypes.as_dtype(kind)


@composed
def can_cast(from_: Any, to: Any, /) -> bool:
    """Whether promotion may turn values of one dtype into another.

    Args:
        from_: a dtype, or a tensor.
        to: a dtype.

    >>> tc.can_cast(tc.int8, tc.int32), tc.can_cast(tc.float64, tc.float32)
    (True, False)
    """
    to = dtypes.as_dtype(to)
    return dtypes.promote(_dtype_of(from_), to) == to


@composed
def result_type(*arrays_and_dtypes: Any) -> np.dtype:
    """The dtype in which values meet.  Python numbers are weak: they take the others' dtype.

    Args:
        arrays_and_dtypes: tensors, dtypes, Python numbers; at least one that is not a number.

    >>> tc.result_type(tc.int8, tc.int32), tc.result_type(tc.float32, 1.5)
    (dtype('int32'), dtype('float32'))
    """
    strong = [v for v in arrays_and_dtypes if type(v) not in _PYTHON_NUMBERS]
    if not strong:
        raise ArgumentTypeError("result_type: expected at least one tensor or dtype")
    met = _dtype_of(strong[0])
    for value in strong[1:]:
        met = dtypes.promote(met, _dtype_of(value))
    for value in arrays_and_dtypes:
        if type(value) in _PYTHON_NUMBERS:
            met = dtypes.weak(type(value), met)
    return met
