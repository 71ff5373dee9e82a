"""The functions that generated kernels call, for every dtype: names as in `tensorcore.ops.scalar`.

Where an own form without branches exists, `float32_functions` or `float64_functions` has it under
the same name and it is taken there.  The rest calls the C library, one element at a time, with the
same special cases as NumPy.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from tensorcore.kernels.cpu import intrinsics
from tensorcore.kernels.cpu.compiler import overload, types
from tensorcore.kernels.cpu.intrinsics import like, select
from tensorcore.kernels.cpu.jit import EXACT, inline

OPTIONS: Any = {"nogil": True, "error_model": "numpy", "fastmath": set(EXACT), "forceinline": True}
LN2 = math.log(2.0)


def _for_kinds(name, *, floats, others):
    """A function with one body for floats and one for integers and booleans."""

    def chosen_at_compile_time(*args):
        raise NotImplementedError(f"{name} is for compiled kernels only")

    def choose(x):
        return floats if isinstance(x, types.Float) else others

    chosen_at_compile_time.__name__ = name
    overload(chosen_at_compile_time, jit_options=OPTIONS)(choose)
    return chosen_at_compile_time


# Logic --------------------------------------------------------------------------------------------


@inline
def logical_and(x, y):
    return (x != 0) & (y != 0)


@inline
def logical_or(x, y):
    return (x != 0) | (y != 0)


@inline
def logical_xor(x, y):
    return (x != 0) != (y != 0)


@inline
def logical_not(x):
    return x == 0


@inline
def isnan(x):
    return x != x


isinf = _for_kinds(
    "isinf", floats=lambda x: intrinsics.float_abs(x) == math.inf, others=lambda x: False
)
isfinite = _for_kinds(
    "isfinite", floats=lambda x: intrinsics.float_abs(x) < math.inf, others=lambda x: True
)
signbit = _for_kinds("signbit", floats=lambda x: intrinsics.bits(x) < 0, others=lambda x: x < 0)


# Rounding, sign, extremes -------------------------------------------------------------------------

floor = _for_kinds("floor", floats=lambda x: intrinsics.float_floor(x), others=lambda x: x)
ceil = _for_kinds("ceil", floats=lambda x: intrinsics.float_ceil(x), others=lambda x: x)
trunc = _for_kinds("trunc", floats=lambda x: intrinsics.float_trunc(x), others=lambda x: x)
rint = _for_kinds("rint", floats=lambda x: intrinsics.float_rint(x), others=lambda x: x)
absolute = _for_kinds("absolute", floats=lambda x: intrinsics.float_abs(x), others=lambda x: abs(x))


@inline
def copysign(x, y):
    return intrinsics.copy_sign(x, y)


@inline
def sign(x):
    rest = select(x == x, like(x, 0), x)
    return select(x > 0, like(x, 1), select(x < 0, like(x, -1), rest))


@inline
def maximum(x, y):
    """The larger one; NaN if either is NaN."""
    return select((x >= y) | (x != x), x, y)


@inline
def minimum(x, y):
    """The smaller one; NaN if either is NaN."""
    return select((x <= y) | (x != x), x, y)


# Division -----------------------------------------------------------------------------------------


@inline
def _float_floor_divide(x, y):
    rest = np.fmod(x, y)
    quotient = (x - rest) / y
    # fmod takes the sign of x; Python's rest takes that of y.
    if rest != 0 and (y < 0) != (rest < 0):
        quotient -= like(x, 1)
    whole = intrinsics.float_floor(quotient)
    if quotient - whole > like(x, 0.5):
        whole += like(x, 1)
    if quotient == 0:
        whole = intrinsics.copy_sign(like(x, 0), x / y)
    return x / y if y == 0 else whole


@inline
def _float_remainder(x, y):
    rest = np.fmod(x, y)
    if rest == 0:
        return intrinsics.copy_sign(like(x, 0), y)
    if (y < 0) != (rest < 0):
        rest += y
    return rest


@inline
def _integer_floor_divide(x, y):
    # A division by 0, or of the smallest integer by -1, stops the process on x86.
    if y == 0:
        return like(x, 0)
    if y < 0 and y + 1 == 0:
        return like(x, -x)
    return like(x, x // y)


@inline
def _integer_remainder(x, y):
    if y == 0 or (y < 0 and y + 1 == 0):
        return like(x, 0)
    return like(x, x % y)


def floor_divide(x, y):
    """The quotient rounded down; for integers 0 where y is 0."""
    raise NotImplementedError


def remainder(x, y):
    """x - y floor(x / y), with the sign of y; for integers 0 where y is 0."""
    raise NotImplementedError


def power(x, y):
    """x to the power y; integers wrap around, and y is not negative there."""
    raise NotImplementedError


@overload(floor_divide, jit_options=OPTIONS)
def _floor_divide(x, y):
    if isinstance(x, types.Float):
        return lambda x, y: _float_floor_divide(x, y)
    return lambda x, y: _integer_floor_divide(x, y)


@overload(remainder, jit_options=OPTIONS)
def _remainder(x, y):
    if isinstance(x, types.Float):
        return lambda x, y: _float_remainder(x, y)
    return lambda x, y: _integer_remainder(x, y)


@inline
def _integer_power(x, y):
    result = like(x, 1)
    factor = x
    while y > 0:
        if y & 1:
            result = like(x, result * factor)
        factor = like(x, factor * factor)
        y = like(y, y >> 1)
    return result


@overload(power, jit_options=OPTIONS)
def _power(x, y):
    if isinstance(x, types.Float):
        return lambda x, y: math.pow(x, y)
    return lambda x, y: _integer_power(x, y)


# Functions of the C library -----------------------------------------------------------------------


@inline
def exp(x):
    return math.exp(x)


@inline
def exp2(x):
    return math.exp2(x)


@inline
def expm1(x):
    return math.expm1(x)


@inline
def log(x):
    return math.log(x)


@inline
def log1p(x):
    return math.log1p(x)


@inline
def log2(x):
    return math.log2(x)


@inline
def log10(x):
    return math.log10(x)


@inline
def sqrt(x):
    return intrinsics.float_sqrt(x)


@inline
def hypot(x, y):
    return math.hypot(x, y)


@inline
def logaddexp(x, y):
    """log(e^x + e^y) = max + log(1 + e^-|x - y|)."""
    if x == y:  # perhaps both infinite, and their difference NaN
        return x + like(x, LN2)
    return maximum(x, y) + math.log1p(math.exp(-intrinsics.float_abs(x - y)))


@inline
def sin(x):
    return math.sin(x)


@inline
def cos(x):
    return math.cos(x)


@inline
def tan(x):
    return math.tan(x)


@inline
def arcsin(x):
    return math.asin(x)


@inline
def arccos(x):
    return math.acos(x)


@inline
def arctan(x):
    return math.atan(x)


@inline
def arctan2(x, y):
    return math.atan2(x, y)


@inline
def sinh(x):
    return math.sinh(x)


@inline
def cosh(x):
    return math.cosh(x)


@inline
def tanh(x):
    return math.tanh(x)


@inline
def arcsinh(x):
    return math.asinh(x)


@inline
def arccosh(x):
    return math.acosh(x)


@inline
def arctanh(x):
    return math.atanh(x)


@inline
def erf(x):
    return math.erf(x)


@inline
def sigmoid(x):
    """1 / (1 + e^-x), from e^-|x| so that nothing overflows."""
    e = math.exp(-intrinsics.float_abs(x))
    return select(x < 0, e, like(x, 1)) / (like(x, 1) + e)


@inline
def softplus(x):
    """log(1 + e^x) = max(x, 0) + log(1 + e^-|x|)."""
    return select(x < 0, like(x, 0), x) + math.log1p(math.exp(-intrinsics.float_abs(x)))


# Bits ---------------------------------------------------------------------------------------------


def bitwise_invert(x):
    """All bits flipped; for booleans, the negation."""
    raise NotImplementedError


@overload(bitwise_invert, jit_options=OPTIONS)
def _bitwise_invert(x):
    if isinstance(x, types.Boolean):
        return lambda x: not x
    return lambda x: ~x


# A shift by the type's width or more is undefined in machine code; NumPy gives 0, or -1 for a
# negative x that is shifted right.


@inline
def left_shift(x, y):
    width = intrinsics.bit_width(x)
    inside = (y >= 0) & (y < width)
    return select(inside, like(x, x << select(inside, y, like(y, 0))), like(x, 0))


@inline
def right_shift(x, y):
    width = intrinsics.bit_width(x)
    inside = (y >= 0) & (y < width)
    shifted = like(x, x >> select(inside, y, like(y, width - 1)))
    # What is left after width - 1 places is the sign bit, which an unsigned number must lose too.
    return select(inside, shifted, like(x, shifted >> 1))
