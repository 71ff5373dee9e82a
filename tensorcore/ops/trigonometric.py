"""Trigonometric and hyperbolic functions and their inverses, element-wise; angles are in
radians.
"""

from __future__ import annotations

from tensorcore.ops import scalar
from tensorcore.ops.elementwise import elementwise


@elementwise(numpy="sin", computes="float")
def sin(x):
    """Sine of an angle in radians.

    >>> float(tc.sin(0.0))
    0.0
    """
    return scalar.sin(x)


@elementwise(numpy="cos", computes="float")
def cos(x):
    """Cosine of an angle in radians.

    >>> float(tc.cos(0.0))
    1.0
    """
    return scalar.cos(x)


@elementwise(numpy="tan", computes="float", domain=(-1.2, 1.2))
def tan(x):
    """Tangent of an angle in radians.

    >>> float(tc.tan(0.0))
    0.0
    """
    return scalar.tan(x)


@elementwise(numpy="arcsin", computes="float", domain=(-0.9, 0.9))
def asin(x):
    """Inverse sine, in [-pi/2, pi/2]; NaN outside [-1, 1].

    >>> float(tc.asin(0.0))
    0.0
    """
    return scalar.arcsin(x)


@elementwise(numpy="arccos", computes="float", domain=(-0.9, 0.9))
def acos(x):
    """Inverse cosine, in [0, pi]; NaN outside [-1, 1].

    >>> float(tc.acos(1.0))
    0.0
    """
    return scalar.arccos(x)


@elementwise(numpy="arctan", computes="float")
def atan(x):
    """Inverse tangent, in [-pi/2, pi/2].

    >>> float(tc.atan(0.0))
    0.0
    """
    return scalar.arctan(x)


@elementwise(numpy="arctan2", computes="float", takes="real", domain=(0.3, 2.0))
def atan2(x1, x2):
    """Angle of the point (x2, x1), in [-pi, pi].

    >>> float(tc.atan2(tc.asarray(0.0), 1.0))
    0.0
    """
    return scalar.arctan2(x1, x2)


@elementwise(numpy="sinh", computes="float")
def sinh(x):
    """Hyperbolic sine, (e**x - e**-x) / 2.

    >>> float(tc.sinh(0.0))
    0.0
    """
    return scalar.sinh(x)


@elementwise(numpy="cosh", computes="float")
def cosh(x):
    """Hyperbolic cosine, (e**x + e**-x) / 2.

    >>> float(tc.cosh(0.0))
    1.0
    """
    return scalar.cosh(x)


@elementwise(numpy="tanh", computes="float")
def tanh(x):
    """Hyperbolic tangent, sinh(x) / cosh(x).

    >>> float(tc.tanh(0.0))
    0.0
    """
    return scalar.tanh(x)


@elementwise(numpy="arcsinh", computes="float")
def asinh(x):
    """Inverse hyperbolic sine.

    >>> float(tc.asinh(0.0))
    0.0
    """
    return scalar.arcsinh(x)


@elementwise(numpy="arccosh", computes="float", domain=(1.2, 3.0))
def acosh(x):
    """Inverse hyperbolic cosine; NaN below 1.

    >>> float(tc.acosh(1.0))
    0.0
    """
    return scalar.arccosh(x)


@elementwise(numpy="arctanh", computes="float", domain=(-0.9, 0.9))
def atanh(x):
    """Inverse hyperbolic tangent; NaN outside [-1, 1].

    >>> float(tc.atanh(0.0))
    0.0
    """
    return scalar.arctanh(x)


@elementwise(computes="float", takes="real")
def erf(x):
    """Error function, 2 / sqrt(pi) times the integral of exp(-t**2) from 0 to x.

    >>> float(tc.erf(0.0))
    0.0
    """
    return scalar.erf(x)
