"""Functions of float64 without branches and without calls, so that loops over them are vectorised.

The schemes are those of `float32_functions`, with Taylor series, which are short enough on the
reduced arguments.  Errors are below 3 units in the last place.
"""

from __future__ import annotations

import math

import numpy as np
from tensorcore.kernels.cpu.intrinsics import bits, copy_sign, float_abs, float_of_bits, select
from tensorcore.kernels.cpu.jit import inline

NAN = math.nan
INFINITY = math.inf
LOG2_E = 1.4426950408889634
# log(2) in two parts; the first has so few digits that its products with small integers are exact.
LN2_HIGH = float.fromhex("0x1.62e42fee00000p-1")
LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
# Adding and subtracting 1.5 * 2^52 rounds to a whole number, which then stands in the low bits.
ROUNDER = 6755399441055744.0
ROUNDER_BITS = 0x4338000000000000


@inline
def power_of_two(n):
    """2^n for whole n in [-1022, 1023]."""
    return float_of_bits((n + 1023) << 52)


@inline
def expm1_of_small(r):
    """e^r - 1 for |r| <= log(2) / 2."""
    p = 1.0 / 6227020800.0  # 1 / 13!
    p = p * r + 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    return p * (r * r) + r


@inline
def exp(x):
    """e^x = 2^n e^r with n = round(x / log 2)."""
    x = select(x > 710.0, 710.0, x)
    x = select(x < -746.0, -746.0, x)
    shifted = x * LOG2_E + ROUNDER
    n = bits(shifted) - ROUNDER_BITS
    whole = shifted - ROUNDER
    r = x - whole * LN2_HIGH
    r = r - whole * LN2_LOW
    e = expm1_of_small(r) + 1.0
    # In two steps: 2^n alone would overflow or lose the denormal results.
    half = n >> 1
    return e * power_of_two(half) * power_of_two(n - half)


@inline
def exp_of_negative(x):
    """e^x where no x is above 0, in fewer steps: 0 where it would be below 1e-304."""
    shifted = x * LOG2_E + ROUNDER
    n = bits(shifted) - ROUNDER_BITS
    whole = shifted - ROUNDER
    r = x - whole * LN2_HIGH
    r = r - whole * LN2_LOW
    e = expm1_of_small(r) + 1.0
    return select(x < -700.0, 0.0, e * power_of_two(n))


@inline
def expm1(x):
    """e^x - 1 = 2^n (e^r - 1) + (2^n - 1)."""
    argument = x
    x = select(x > 710.0, 710.0, x)
    x = select(x < -40.0, -40.0, x)
    shifted = x * LOG2_E + ROUNDER
    n = bits(shifted) - ROUNDER_BITS
    whole = shifted - ROUNDER
    r = x - whole * LN2_HIGH
    r = r - whole * LN2_LOW
    # Half of all, doubled at the end: 2^1024 is not a float64.
    scale = power_of_two(n - 1)
    y = expm1_of_small(r) * scale + (scale - 0.5)
    return copy_sign(y + y, argument)


@inline
def log1p_of_small(f):
    """log(1 + f) - f for 1 + f in [sqrt(1/2), sqrt(2)], from 2 artanh(s) with s = f / (2 + f)."""
    s = f / (2.0 + f)
    z = s * s
    p = 2.0 / 23.0
    p = p * z + 2.0 / 21.0
    p = p * z + 2.0 / 19.0
    p = p * z + 2.0 / 17.0
    p = p * z + 2.0 / 15.0
    p = p * z + 2.0 / 13.0
    p = p * z + 2.0 / 11.0
    p = p * z + 2.0 / 9.0
    p = p * z + 2.0 / 7.0
    p = p * z + 2.0 / 5.0
    p = p * z + 2.0 / 3.0
    half_square = 0.5 * f * f
    return s * (half_square + p * z) - half_square


@inline
def exponent_and_fraction(x):
    """(e, f) with x = 2^e (1 + f) and 1 + f in [sqrt(1/2), sqrt(2)], for normal positive x."""
    i = bits(x)
    e = (i - 0x3FE6A09E667F3BCD) >> 52
    return np.float64(e), float_of_bits(i - (e << 52)) - 1.0


@inline
def log_of_normal(x):
    """log(x) for positive x that are neither denormal nor infinite."""
    e, f = exponent_and_fraction(x)
    return (log1p_of_small(f) + e * LN2_LOW + f) + e * LN2_HIGH


@inline
def log(x):
    """log(x) = e log(2) + log(1 + f) with x = 2^e (1 + f)."""
    tiny = x < 2.2250738585072014e-308
    e, f = exponent_and_fraction(select(tiny, x * 18014398509481984.0, x))
    e = select(tiny, e - 54.0, e)
    y = (log1p_of_small(f) + e * LN2_LOW + f) + e * LN2_HIGH
    y = select(x == INFINITY, x, y)
    y = select(x == 0.0, -INFINITY, y)
    return select(x >= 0.0, y, NAN)


@inline
def log1p(x):
    """log(1 + x) = log(u) + (x - (u - 1)) / u with u = 1 + x rounded."""
    u = 1.0 + x
    y = log_of_normal(u) + (x - (u - 1.0)) / u
    y = select(x == INFINITY, x, y)
    y = select(x == -1.0, -INFINITY, y)
    y = select(x >= -1.0, y, NAN)
    return select(x == 0.0, x, y)


@inline
def log1p_of_unit(x):
    """log(1 + x) for x in [0, 1]: no special cases."""
    u = 1.0 + x
    return log_of_normal(u) + (x - (u - 1.0)) / u


@inline
def tanh(x):
    """sign(x) e / (e + 2) with e = e^(2 |x|) - 1."""
    magnitude = float_abs(x)
    e = expm1(select(magnitude > 20.0, 40.0, magnitude + magnitude))
    return copy_sign(e / (e + 2.0), x)


@inline
def sigmoid(x):
    """1 / (1 + e^-x), from e^-|x| so that nothing overflows and small results keep their digits."""
    e = exp(-float_abs(x))
    return select(x < 0.0, e, 1.0) / (1.0 + e)


@inline
def softplus(x):
    """log(1 + e^x) = max(x, 0) + log(1 + e^-|x|)."""
    return select(x < 0.0, 0.0, x) + log1p_of_unit(exp(-float_abs(x)))


@inline
def logaddexp(x, y):
    """log(e^x + e^y) = max + log(1 + e^-|x - y|)."""
    largest = select(x > y, x, y)
    # Equal arguments may be infinite, and their difference NaN.
    distance = select(x == y, 0.0, float_abs(x - y))
    return largest + log1p_of_unit(exp(-distance))
