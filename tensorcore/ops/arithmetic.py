"""Arithmetic, element-wise."""

from __future__ import annotations

from typing import Any

from tensorcore import dtypes
from tensorcore.ops import scalar
from tensorcore.ops.composing import composed
from tensorcore.ops.elementwise import elementwise
from tensorcore.ops.record import Spec, op
from tensorcore.ops.shapes import broadcast

AWAY_FROM_ZERO = (0.3, 2.5)


@elementwise(numpy="add", takes="any")
def add(x1, x2):
    """Sum x1 + x2.

    >>> tc.add(tc.asarray([1.0, 2.0]), 0.5).tolist()
    [1.5, 2.5]
    """
    return x1 + x2


@elementwise(numpy="subtract")
def subtract(x1, x2):
    """Difference x1 - x2.

    >>> tc.subtract(tc.asarray([1.0, 2.0]), 0.5).tolist()
    [0.5, 1.5]
    """
    return x1 - x2


@elementwise(numpy="multiply", takes="any")
def multiply(x1, x2):
    """Product x1 * x2.

    >>> tc.multiply(tc.asarray([1.0, 2.0]), 3).tolist()
    [3.0, 6.0]
    """
    return x1 * x2


@elementwise(numpy="divide", computes="float", domain=[(-2.5, 2.5), AWAY_FROM_ZERO])
def divide(x1, x2):
    """True quotient x1 / x2; integers give float32.

    >>> tc.divide(tc.asarray([1, 2]), 2).tolist()
    [0.5, 1.0]
    """
    return x1 / x2


def _no_slope(g: Any) -> Any:
    from tensorcore.ops.creation import zeros_like

    return zeros_like(g)


@elementwise(takes="real", domain=[(-2.5, 2.5), AWAY_FROM_ZERO], gradient=(_no_slope, _no_slope))
def floor_divide(x1, x2):
    """Quotient rounded towards minus infinity, floor(x1 / x2); where one is infinite, x1 / x2.

    >>> tc.floor_divide(tc.asarray([7, -7]), 2).tolist()
    [3, -4]
    """
    # NumPy gives NaN for inf // 2 and -1 for -1 // inf; the standard wants inf and -0.  The
    # division is by 1 elsewhere, since an integer division by 0 is a trap.
    infinite = scalar.logical_or(scalar.isinf(x1), scalar.isinf(x2))
    quotient = x1 / scalar.select(infinite, x2, 1)
    return scalar.select(infinite, quotient, scalar.floor_divide(x1, x2))


@elementwise(numpy="remainder", takes="real", domain=[(-2.5, 2.5), AWAY_FROM_ZERO])
def remainder(x1, x2):
    """Remainder with the sign of the divisor, x1 - floor(x1 / x2) * x2.

    >>> tc.remainder(tc.asarray([7, -7]), 3).tolist()
    [1, 2]
    """
    return scalar.remainder(x1, x2)


def _pow_by_base(g: Any, x1: Any, x2: Any) -> Any:
    from tensorcore.ops.logical import equal, where

    return multiply(g, where(equal(x2, 0), 0, multiply(x2, pow(x1, subtract(x2, 1)))))


def _pow_by_exponent(g: Any, x1: Any, y: Any) -> Any:
    from tensorcore.ops.exponential import log
    from tensorcore.ops.logical import equal, where

    zero = equal(x1, 0)
    return multiply(g, where(zero, 0, multiply(y, log(where(zero, 1, x1)))))


@elementwise(
    numpy="power",
    domain=[(0.2, 2.5), (-2.0, 2.0)],
    complex_gradient=(_pow_by_base, _pow_by_exponent),
)
def pow(x1, x2):
    """Power x1 ** x2.

    >>> tc.pow(tc.asarray([1.0, 2.0, 3.0]), 2).tolist()
    [1.0, 4.0, 9.0]
    """
    return scalar.power(x1, x2)


@elementwise(numpy="positive")
def positive(x):
    """A copy of the values.

    >>> tc.positive(tc.asarray([1.0, -2.0])).tolist()
    [1.0, -2.0]
    """
    return x


@elementwise(numpy="negative")
def negative(x):
    """Negated value -x.

    >>> tc.negative(tc.asarray([1.0, -2.0])).tolist()
    [-1.0, 2.0]
    """
    return -x


def _abs_of_complex(g: Any, x: Any) -> Any:
    from tensorcore.ops.complex_numbers import conj

    return multiply(g, conj(sign(x)))


@elementwise(
    numpy="absolute",
    computes="real",
    takes="number",
    domain=AWAY_FROM_ZERO,
    complex_gradient=(_abs_of_complex,),
)
def abs(x):
    """Absolute value |x|; of a complex number its magnitude.

    >>> tc.abs(tc.asarray([1.0, -2.0])).tolist()
    [1.0, 2.0]
    """
    return scalar.absolute(x)


def _sign_of_complex(g: Any, x: Any, y: Any) -> Any:
    # z / r depends on z, and on conj(z) through r = |z|
    from tensorcore.ops.complex_numbers import conj, real
    from tensorcore.ops.logical import equal, where

    r = abs(x)
    r = where(equal(r, 0), 1, r)
    return divide(subtract(g, multiply(conj(y), real(multiply(g, y)))), r)


@elementwise(numpy="sign", domain=AWAY_FROM_ZERO, complex_gradient=(_sign_of_complex,))
def sign(x):
    """Sign: -1, 0 or 1; NaN stays NaN.  Of a complex number z / |z|.

    >>> tc.sign(tc.asarray([3.0, 0.0, -2.0])).tolist()
    [1.0, 0.0, -1.0]
    """
    return scalar.sign(x)


@elementwise(numpy="square")
def square(x):
    """Square x * x.

    >>> tc.square(tc.asarray([3.0, -2.0])).tolist()
    [9.0, 4.0]
    """
    return x * x


@elementwise(numpy="reciprocal", computes="float", domain=AWAY_FROM_ZERO)
def reciprocal(x):
    """Reciprocal 1 / x.

    >>> tc.reciprocal(tc.asarray([2.0, 4.0])).tolist()
    [0.5, 0.25]
    """
    return 1.0 / x


@elementwise(numpy="maximum", takes="real or bool")
def maximum(x1, x2):
    """The greater of two values; NaN if one is NaN.  Where both are equal the gradient goes to x1.

    >>> tc.maximum(tc.asarray([1.0, 5.0]), 3.0).tolist()
    [3.0, 5.0]
    """
    return scalar.maximum(x1, x2)


@elementwise(numpy="minimum", takes="real or bool")
def minimum(x1, x2):
    """The smaller of two values; NaN if one is NaN.  Where both are equal the gradient goes to x1.

    >>> tc.minimum(tc.asarray([1.0, 5.0]), 3.0).tolist()
    [1.0, 3.0]
    """
    return scalar.minimum(x1, x2)


@elementwise(numpy="copysign", computes="float", takes="real", domain=AWAY_FROM_ZERO)
def copysign(x1, x2):
    """The magnitude of x1 with the sign of x2.

    >>> tc.copysign(tc.asarray([1.0, 2.0]), -0.0).tolist()
    [-1.0, -2.0]
    """
    return scalar.copysign(x1, x2)


@elementwise(numpy="hypot", computes="float", takes="real", domain=AWAY_FROM_ZERO)
def hypot(x1, x2):
    """Length of the hypotenuse, sqrt(x1**2 + x2**2), without overflow on the way.

    >>> float(tc.hypot(tc.asarray(3.0), 4.0))
    5.0
    """
    return scalar.hypot(x1, x2)


@elementwise(numpy="floor", takes="real")
def floor(x):
    """The greatest integer that is not above x.

    >>> tc.floor(tc.asarray([1.5, -1.5])).tolist()
    [1.0, -2.0]
    """
    return scalar.floor(x)


@elementwise(numpy="ceil", takes="real")
def ceil(x):
    """The smallest integer that is not below x.

    >>> tc.ceil(tc.asarray([1.5, -1.5])).tolist()
    [2.0, -1.0]
    """
    return scalar.ceil(x)


@elementwise(numpy="trunc", takes="real")
def trunc(x):
    """The integer nearest to x that lies towards zero.

    >>> tc.trunc(tc.asarray([1.5, -1.5])).tolist()
    [1.0, -1.0]
    """
    return scalar.trunc(x)


@elementwise(numpy="round")
def round(x):
    """The nearest integer; halves go to the even one (IEEE 754).

    >>> tc.round(tc.asarray([0.5, 1.5, 2.5])).tolist()
    [0.0, 2.0, 2.0]
    """
    return scalar.rint(x)


@op(
    reference=lambda xp, x1, x2: xp.nextafter(x1, x2),
    gradient=(lambda g: g, "none: constant between its steps"),
    samples=lambda rng: [((rng.normal(size=(2, 3)), rng.normal(size=(3,))), {})],
    promote=("x1", "x2"),
)
def nextafter(x1, x2, /):
    """The floating-point number next to x1 in the direction of x2.

    >>> float(tc.nextafter(tc.asarray(1.0), 2.0)) - 1.0
    1.1920928955078125e-07
    """
    if not dtypes.is_float(x1.dtype):
        raise dtypes.DTypeError(
            f"nextafter: x1 and x2 must have a real floating-point dtype, received {x1.dtype.name}"
        )
    shape = broadcast("nextafter", {"x1": tuple(x1.shape), "x2": tuple(x2.shape)})
    return Spec(shape, x1.dtype)


@composed
def clip(x: Any, /, min: Any = None, max: Any = None) -> Any:
    """Values limited to the interval from `min` to `max`; either may be None.

    Args:
        x: tensor with a real dtype, which is that of the result.
        min: number, or tensor that broadcasts against x.
        max: number, or tensor that broadcasts against x.

    The gradient is 1 inside the interval and at its ends, 0 outside.

    >>> tc.clip(tc.asarray([-1.0, 0.5, 7.0]), 0.0, 1.0).tolist()
    [0.0, 0.5, 1.0]
    """
    from tensorcore.ops.transfer import astype

    if min is None and max is None:
        return positive(x)
    limited = x if min is None else maximum(x, min)
    limited = limited if max is None else minimum(limited, max)
    dtype = getattr(x, "dtype", limited.dtype)
    return limited if limited.dtype == dtype else astype(limited, dtype)
