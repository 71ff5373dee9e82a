"""Exponentials, logarithms and roots, element-wise."""

from __future__ import annotations

from tensorcore.ops import scalar
from tensorcore.ops.elementwise import elementwise

POSITIVE = (0.2, 3.0)
# Probabilities are kept this far from 0 and 1, where the logarithm has no end.
EPSILON = 1e-7


@elementwise(numpy="exp", computes="float")
def exp(x):
    """Exponential e ** x.

    >>> float(tc.exp(0.0))
    1.0
    """
    return scalar.exp(x)


@elementwise(numpy="exp2", computes="float")
def exp2(x):
    """Power of two, 2 ** x.

    >>> float(tc.exp2(3.0))
    8.0
    """
    return scalar.exp2(x)


@elementwise(numpy="expm1", computes="float")
def expm1(x):
    """e ** x - 1, exact also where x is small.

    >>> float(tc.expm1(0.0))
    0.0
    """
    return scalar.expm1(x)


@elementwise(numpy="log", computes="float", domain=POSITIVE)
def log(x):
    """Natural logarithm; NaN below zero, minus infinity at zero.

    >>> float(tc.log(1.0))
    0.0
    """
    return scalar.log(x)


# At once: a training step makes much of the last digit, so it should be the same in every mode.
@elementwise(computes="float", takes="real", domain=(0.05, 0.95), at_once=True)
def log_probability(p):
    """log(p), where p is kept EPSILON away from 0 and 1.

    >>> round(float(tc.ops.exponential.log_probability(0.0)), 4)
    -16.1181
    """
    return scalar.log(scalar.minimum(scalar.maximum(p, EPSILON), 1.0 - EPSILON))


@elementwise(numpy="log1p", computes="float", domain=(-0.8, 3.0))
def log1p(x):
    """log(1 + x), exact also where x is small.

    >>> float(tc.log1p(0.0))
    0.0
    """
    return scalar.log1p(x)


@elementwise(numpy="log2", computes="float", domain=POSITIVE)
def log2(x):
    """Logarithm to the base 2.

    >>> float(tc.log2(8.0))
    3.0
    """
    return scalar.log2(x)


@elementwise(numpy="log10", computes="float", domain=POSITIVE)
def log10(x):
    """Logarithm to the base 10.

    >>> round(float(tc.log10(100.0)), 4)
    2.0
    """
    return scalar.log10(x)


@elementwise(numpy="sqrt", computes="float", domain=POSITIVE)
def sqrt(x):
    """Square root; NaN below zero.

    >>> float(tc.sqrt(9.0))
    3.0
    """
    return scalar.sqrt(x)


@elementwise(computes="float", domain=POSITIVE)
def rsqrt(x):
    """Reciprocal square root, 1 / sqrt(x).

    >>> float(tc.rsqrt(4.0))
    0.5
    """
    return 1.0 / scalar.sqrt(x)


@elementwise(numpy="logaddexp", computes="float", takes="real")
def logaddexp(x1, x2):
    """log(exp(x1) + exp(x2)), without overflow on the way.

    >>> round(float(tc.logaddexp(tc.asarray(0.0), 0.0)), 4)
    0.6931
    """
    return scalar.logaddexp(x1, x2)
