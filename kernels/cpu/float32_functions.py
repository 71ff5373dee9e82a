"""Functions of float32 without branches and without calls, so that loops over them are vectorised.

Each follows the classic scheme (Cody and Waite, "Software Manual for the Elementary Functions",
1980): reduce the argument, evaluate a polynomial on the small rest, put the result together.  The
polynomials are weighted least-maximum fits of the quotient that each comment names.  Errors are
below 2 units in the last place, over all float32 values including denormal ones; NaN and infinities
give what IEEE 754 asks for.
"""

from __future__ import annotations

import numpy as np
from tensorcore.kernels.cpu.intrinsics import (
    bits,
    copy_sign,
    float_abs,
    float_floor,
    float_of_bits,
    select,
)
from tensorcore.kernels.cpu.jit import inline

F = np.float32
I = np.int32  # noqa: E741 - the counterpart of F

NAN = F(np.nan)
INFINITY = F(np.inf)
LOG2_E = F(1.4426950408889634)
LOG10_E = F(0.4342944819032518)
# log(2) in two parts; the first has so few digits that its products with small integers are exact.
LN2_HIGH = F(0.693359375)
LN2_LOW = F(-2.12194440e-4)
# Adding and subtracting 1.5 * 2^23 rounds to a whole number, which then stands in the low bits.
ROUNDER = F(12582912.0)
ROUNDER_BITS = I(0x4B400000)


@inline
def power_of_two(n):
    """2^n for whole n in [-126, 127]."""
    return float_of_bits(I(I(n + I(127)) << I(23)))


@inline
def expm1_of_small(r):
    """(e^r - 1) for |r| <= log(2) / 2, as r + r^2 P(r), P the fit of (e^r - 1 - r) / r^2."""
    p = F(0.00019845898847448395)
    p = p * r + F(0.001394089275484836)
    p = p * r + F(0.008333389951321312)
    p = p * r + F(0.041666357776802596)
    p = p * r + F(0.16666666365858107)
    p = p * r + F(0.5000000044841617)
    return p * (r * r) + r


@inline
def exp(x):
    """e^x = 2^n e^r with n = round(x / log 2)."""
    x = select(x > F(89.0), F(89.0), x)
    x = select(x < F(-104.0), F(-104.0), x)
    shifted = x * LOG2_E + ROUNDER
    n = I(bits(shifted) - ROUNDER_BITS)
    whole = shifted - ROUNDER
    r = x - whole * LN2_HIGH
    r = r - whole * LN2_LOW
    e = expm1_of_small(r) + F(1.0)
    # In two steps: 2^n alone would overflow or lose the denormal results.
    half = I(n >> I(1))
    return e * power_of_two(half) * power_of_two(I(n - half))


@inline
def exp_of_negative(x):
    """e^x where no x is above 0, in fewer steps: 0 where it would be below 5e-38."""
    shifted = x * LOG2_E + ROUNDER
    n = I(bits(shifted) - ROUNDER_BITS)
    whole = shifted - ROUNDER
    r = x - whole * LN2_HIGH
    r = r - whole * LN2_LOW
    e = expm1_of_small(r) + F(1.0)
    return select(x < F(-86.0), F(0.0), e * power_of_two(n))


@inline
def exp2(x):
    """2^x = 2^n e^(r log 2) with n = round(x)."""
    x = select(x > F(129.0), F(129.0), x)
    x = select(x < F(-151.0), F(-151.0), x)
    shifted = x + ROUNDER
    n = I(bits(shifted) - ROUNDER_BITS)
    r = (x - (shifted - ROUNDER)) * F(0.6931471805599453)
    e = expm1_of_small(r) + F(1.0)
    half = I(n >> I(1))
    return e * power_of_two(half) * power_of_two(I(n - half))


@inline
def expm1(x):
    """e^x - 1 = 2^n (e^r - 1) + (2^n - 1)."""
    argument = x
    x = select(x > F(89.0), F(89.0), x)
    x = select(x < F(-20.0), F(-20.0), x)
    shifted = x * LOG2_E + ROUNDER
    n = I(bits(shifted) - ROUNDER_BITS)
    whole = shifted - ROUNDER
    r = x - whole * LN2_HIGH
    r = r - whole * LN2_LOW
    # Half of all, doubled at the end: 2^128 is not a float32.
    scale = power_of_two(I(n - I(1)))
    y = expm1_of_small(r) * scale + (scale - F(0.5))
    return copy_sign(y + y, argument)


@inline
def log1p_of_small(f):
    """log(1 + f) for 1 + f in [sqrt(1/2), sqrt(2)], as f - f^2 / 2 + f^3 P(f)."""
    p = F(0.06747731549492092)
    p = p * f + F(-0.11677515980538865)
    p = p * f + F(0.11888696531728316)
    p = p * f + F(-0.12405340048016607)
    p = p * f + F(0.14219453097430665)
    p = p * f + F(-0.16668005188335616)
    p = p * f + F(0.20002123456476228)
    p = p * f + F(-0.250000095125863)
    p = p * f + F(0.3333331254112105)
    square = f * f
    return p * f * square + F(-0.5) * square


@inline
def normalized(x):
    """(x, 0), or (2^23 x, -23) where x is denormal."""
    tiny = x < F(1.1754943508222875e-38)
    return select(tiny, x * F(8388608.0), x), select(tiny, F(-23.0), F(0.0))


@inline
def exponent_and_fraction(x):
    """(e, f) with x = 2^e (1 + f) and 1 + f in [sqrt(1/2), sqrt(2)], for normal positive x."""
    i = bits(x)
    e = I(I(i - I(0x3F3504F3)) >> I(23))
    return F(e), float_of_bits(I(i - I(e << I(23)))) - F(1.0)


@inline
def log_special(x, y):
    """`y`, the logarithm of x, or what takes its place where x is not a positive number."""
    y = select(x == INFINITY, x, y)
    y = select(x == F(0.0), -INFINITY, y)
    return select(x >= F(0.0), y, NAN)


@inline
def log_of_normal(x):
    """log(x) for positive x that are neither denormal nor infinite."""
    e, f = exponent_and_fraction(x)
    return (log1p_of_small(f) + e * LN2_LOW + f) + e * LN2_HIGH


@inline
def log(x):
    """log(x) = e log(2) + log(1 + f) with x = 2^e (1 + f)."""
    scaled, shift = normalized(x)
    e, f = exponent_and_fraction(scaled)
    e = e + shift
    return log_special(x, (log1p_of_small(f) + e * LN2_LOW + f) + e * LN2_HIGH)


@inline
def log2(x):
    """log2(x) = e + log(1 + f) / log(2)."""
    scaled, shift = normalized(x)
    e, f = exponent_and_fraction(scaled)
    rest = log1p_of_small(f)
    # log2(e) = 1 + 0.4427: the large parts are added last, exactly.
    y = (f + rest) * F(0.4426950408889634)
    return log_special(x, (y + rest) + f + (e + shift))


@inline
def log10(x):
    """log10(x) = e log10(2) + log(1 + f) / log(10)."""
    scaled, shift = normalized(x)
    e, f = exponent_and_fraction(scaled)
    e = e + shift
    rest = log1p_of_small(f)
    # Both constants in two parts: a short one, whose products lose little, and its remainder.
    y = (f + rest) * F(7.00731903251827651129e-4) + e * F(4.605038981195214e-06)
    y = y + rest * F(4.3359375e-1)
    y = y + e * F(0.301025390625)
    return log_special(x, y + f * F(4.3359375e-1))


@inline
def log1p(x):
    """log(1 + x) = log(u) + (x - (u - 1)) / u with u = 1 + x rounded."""
    u = F(1.0) + x
    lost = x - (u - F(1.0))
    y = log_of_normal(u) + lost / u
    y = select(x == INFINITY, x, y)
    y = select(x == F(-1.0), -INFINITY, y)
    y = select(x >= F(-1.0), y, NAN)
    return select(x == F(0.0), x, y)


@inline
def tanh(x):
    """x + x^3 P(x^2) near 0, else sign(x) (1 - 2 / (e^(2 |x|) + 1))."""
    s = x * x
    p = F(-0.005515164175303417)
    p = p * s + F(0.020469420206081092)
    p = p * s + F(-0.053688023228894766)
    p = p * s + F(0.1333083034733486)
    p = p * s + F(-0.3333325984818068)
    near = p * s * x + x
    magnitude = float_abs(x)
    far = F(1.0) - F(2.0) / (exp(magnitude + magnitude) + F(1.0))
    return copy_sign(select(magnitude < F(0.625), near, far), x)


@inline
def erf(x):
    """x + x P(x^2) near 0, else sign(x) (1 - e^-(t + t Q(t))) with t = |x|."""
    t = float_abs(x)
    s = x * x
    p = F(8.316795793957272e-05)
    p = p * s + F(-0.0008130018513381528)
    p = p * s + F(0.0051999073084486635)
    p = p * s + F(-0.02685894184540192)
    p = p * s + F(0.11283687197291702)
    p = p * s + F(-0.3761263318936784)
    p = p * s + F(0.12837916658010481)
    near = p * x + x
    q = F(1.1231561261549527e-05)
    q = q * t + F(-0.00032280343869420735)
    q = q * t + F(0.00364245744087989)
    q = q * t + F(-0.0237620598011026)
    q = q * t + F(0.10623687429786799)
    q = q * t + F(0.6351513182927849)
    q = q * t + F(0.1286484898153753)
    # From 4 on the result is 1; the fit of Q ends there.
    far = select(t < F(4.0), F(1.0) - exp(-(q * t + t)), F(1.0))
    y = select(t < F(0.925), near, copy_sign(far, x))
    return select(x == x, y, x)


@inline
def sigmoid(x):
    """1 / (1 + e^-x), from e^-|x| so that nothing overflows and small results keep their digits."""
    e = exp(-float_abs(x))
    return select(x < F(0.0), e, F(1.0)) / (F(1.0) + e)


@inline
def softplus(x):
    """log(1 + e^x) = max(x, 0) + log(1 + e^-|x|)."""
    return select(x < F(0.0), F(0.0), x) + log1p_of_unit(exp(-float_abs(x)))


@inline
def log1p_of_unit(x):
    """log(1 + x) for x in [0, 1]: no special cases."""
    u = F(1.0) + x
    return log_of_normal(u) + (x - (u - F(1.0))) / u


@inline
def logaddexp(x, y):
    """log(e^x + e^y) = max + log(1 + e^-|x - y|)."""
    largest = select(x > y, x, y)
    # Equal arguments may be infinite, and their difference NaN.
    distance = select(x == y, F(0.0), float_abs(x - y))
    return largest + log1p_of_unit(exp(-distance))


@inline
def cos_sin_of_turns(u):
    """(cos 2 pi u, sin 2 pi u) for u in [0, 1)."""
    shifted = F(4.0) * u + ROUNDER
    quarter = bits(shifted)
    a = (F(4.0) * u - (shifted - ROUNDER)) * F(1.5707963267948966)  # in [-pi / 4, pi / 4]
    s = a * a
    p = F(-0.00019514453860793973)
    p = p * s + F(0.00833215476522546)
    p = p * s + F(-0.1666665451664649)
    sine = p * s * a + a
    q = F(2.4432209476666965e-05)
    q = q * s + F(-0.0013887308117161651)
    q = q * s + F(0.04166664551922431)
    cosine = q * (s * s) + (F(1.0) - F(0.5) * s)
    swap = I(quarter & I(1)) != I(0)
    x = select(swap, sine, cosine)
    y = select(swap, cosine, sine)
    # The quarters 1 and 2 have a negative cosine, the quarters 2 and 3 a negative sine.
    x = select(I(I(quarter + I(1)) & I(2)) != I(0), -x, x)
    y = select(I(quarter & I(2)) != I(0), -y, y)
    return x, y


# Powers -------------------------------------------------------------------------------------------

# log2((1 + s) / (1 - s)) = 2 / log(2) (s + s^3 / 3 + s^5 / 5 + ...)
TWO_BY_LN2 = 2.8853900817779268
LN2 = 0.6931471805599453
DOUBLE_ROUNDER = 6755399441055744.0  # 1.5 * 2^52
DOUBLE_ROUNDER_BITS = 0x4338000000000000


@inline
def log2_in_double(x):
    """log2(x) for x >= 0 with some 38 bits, as float64; NaN for NaN."""
    scaled, shift = normalized(x)
    e, f = exponent_and_fraction(scaled)
    f = np.float64(f)
    s = f / (f + 2.0)
    z = s * s
    p = 1.0 / 13.0
    p = p * z + 1.0 / 11.0
    p = p * z + 1.0 / 9.0
    p = p * z + 1.0 / 7.0
    p = p * z + 1.0 / 5.0
    p = p * z + 1.0 / 3.0
    y = (p * z * s + s) * TWO_BY_LN2 + np.float64(e + shift)
    y = select(x == INFINITY, np.inf, y)
    y = select(x == F(0.0), -np.inf, y)
    return select(x >= F(0.0), y, np.nan)


@inline
def exp2_of_double(t):
    """2^t of a float64 as float32, rounded once."""
    t = select(t > 130.0, 130.0, t)
    t = select(t < -160.0, -160.0, t)
    shifted = t + DOUBLE_ROUNDER
    r = (t - (shifted - DOUBLE_ROUNDER)) * LN2
    p = 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    p = p * (r * r) + r + 1.0
    n = bits(shifted) - DOUBLE_ROUNDER_BITS
    return F(p * float_of_bits((n + 1023) << 52))


@inline
def power(x, y):
    """x^y = 2^(y log2|x|), negative where x is and y is odd; computed in float64."""
    size = float_abs(x)
    result = exp2_of_double(np.float64(y) * log2_in_double(size))
    half = y * F(0.5)
    is_whole = float_floor(y) == y
    is_odd = is_whole & (float_floor(half) != half)
    result = select(is_odd, copy_sign(result, x), result)
    is_defined = (x >= F(0.0)) | is_whole | (size == INFINITY) | (x != x)
    result = select(is_defined, result, NAN)
    is_one = (y == F(0.0)) | (x == F(1.0)) | ((size == F(1.0)) & (float_abs(y) == INFINITY))
    return select(is_one, F(1.0), result)
