"""Comparison, logic, bits and selection, element-wise."""

from __future__ import annotations

from tensorcore.ops import scalar
from tensorcore.ops.elementwise import elementwise

SMALL_INTEGERS = (0, 8)


@elementwise(numpy="equal", computes="bool", takes="any", domain=SMALL_INTEGERS)
def equal(x1, x2):
    """Whether x1 == x2; NaN equals nothing.

    >>> tc.equal(tc.asarray([1, 2]), 2).tolist()
    [False, True]
    """
    return scalar.equal(x1, x2)


@elementwise(numpy="not_equal", computes="bool", takes="any", domain=SMALL_INTEGERS)
def not_equal(x1, x2):
    """Whether x1 != x2.

    >>> tc.not_equal(tc.asarray([1, 2]), 2).tolist()
    [True, False]
    """
    return scalar.not_equal(x1, x2)


@elementwise(numpy="less", computes="bool", takes="real or bool", domain=SMALL_INTEGERS)
def less(x1, x2):
    """Whether x1 < x2.

    >>> tc.less(tc.asarray([1, 2]), 2).tolist()
    [True, False]
    """
    return x1 < x2


@elementwise(numpy="less_equal", computes="bool", takes="real or bool", domain=SMALL_INTEGERS)
def less_equal(x1, x2):
    """Whether x1 <= x2.

    >>> tc.less_equal(tc.asarray([1, 2, 3]), 2).tolist()
    [True, True, False]
    """
    return x1 <= x2


@elementwise(numpy="greater", computes="bool", takes="real or bool", domain=SMALL_INTEGERS)
def greater(x1, x2):
    """Whether x1 > x2.

    >>> tc.greater(tc.asarray([1, 2, 3]), 2).tolist()
    [False, False, True]
    """
    return x2 < x1


@elementwise(numpy="greater_equal", computes="bool", takes="real or bool", domain=SMALL_INTEGERS)
def greater_equal(x1, x2):
    """Whether x1 >= x2.

    >>> tc.greater_equal(tc.asarray([1, 2, 3]), 2).tolist()
    [False, True, True]
    """
    return x2 <= x1


@elementwise(numpy="isnan", computes="bool", takes="any")
def isnan(x):
    """Whether x is NaN.

    >>> tc.isnan(tc.asarray([1.0, float("nan")])).tolist()
    [False, True]
    """
    return scalar.isnan(x)


@elementwise(numpy="isinf", computes="bool", takes="any")
def isinf(x):
    """Whether x is plus or minus infinity.

    >>> tc.isinf(tc.asarray([1.0, float("inf")])).tolist()
    [False, True]
    """
    return scalar.isinf(x)


@elementwise(numpy="isfinite", computes="bool", takes="any")
def isfinite(x):
    """Whether x is neither infinite nor NaN.

    >>> tc.isfinite(tc.asarray([1.0, float("nan")])).tolist()
    [True, False]
    """
    return scalar.isfinite(x)


@elementwise(numpy="signbit", computes="bool", takes="float")
def signbit(x):
    """Whether the sign bit is set: for negative numbers, -0.0, and NaN with that bit.

    >>> tc.signbit(tc.asarray([-0.0, 1.0])).tolist()
    [True, False]
    """
    return scalar.signbit(x)


@elementwise(numpy="logical_and", computes="bool", takes="any", domain="bool")
def logical_and(x1, x2):
    """Whether both are true (not zero).

    >>> tc.logical_and(tc.asarray([True, True]), tc.asarray([True, False])).tolist()
    [True, False]
    """
    return scalar.logical_and(x1, x2)


@elementwise(numpy="logical_or", computes="bool", takes="any", domain="bool")
def logical_or(x1, x2):
    """Whether one or both are true (not zero).

    >>> tc.logical_or(tc.asarray([True, False]), tc.asarray([False, False])).tolist()
    [True, False]
    """
    return scalar.logical_or(x1, x2)


@elementwise(numpy="logical_xor", computes="bool", takes="any", domain="bool")
def logical_xor(x1, x2):
    """Whether exactly one is true (not zero).

    >>> tc.logical_xor(tc.asarray([True, True]), tc.asarray([True, False])).tolist()
    [False, True]
    """
    return scalar.logical_xor(x1, x2)


@elementwise(numpy="logical_not", computes="bool", takes="any", domain="bool")
def logical_not(x):
    """Whether x is false (zero).

    >>> tc.logical_not(tc.asarray([True, False])).tolist()
    [False, True]
    """
    return scalar.logical_not(x)


@elementwise(numpy="bitwise_and", takes="bits", domain=SMALL_INTEGERS)
def bitwise_and(x1, x2):
    """Bits that are set in both.

    >>> tc.bitwise_and(tc.asarray([6, 5]), 3).tolist()
    [2, 1]
    """
    return scalar.bitwise_and(x1, x2)


@elementwise(numpy="bitwise_or", takes="bits", domain=SMALL_INTEGERS)
def bitwise_or(x1, x2):
    """Bits that are set in one or both.

    >>> tc.bitwise_or(tc.asarray([6, 5]), 3).tolist()
    [7, 7]
    """
    return scalar.bitwise_or(x1, x2)


@elementwise(numpy="bitwise_xor", takes="bits", domain=SMALL_INTEGERS)
def bitwise_xor(x1, x2):
    """Bits that are set in exactly one.

    >>> tc.bitwise_xor(tc.asarray([6, 5]), 3).tolist()
    [5, 6]
    """
    return scalar.bitwise_xor(x1, x2)


@elementwise(numpy="invert", takes="bits", domain=SMALL_INTEGERS)
def bitwise_invert(x):
    """All bits turned over.

    >>> tc.bitwise_invert(tc.asarray([0, 5])).tolist()
    [-1, -6]
    """
    return scalar.bitwise_invert(x)


@elementwise(numpy="left_shift", takes="integer", domain=SMALL_INTEGERS)
def bitwise_left_shift(x1, x2):
    """x1 with its bits moved left by x2 places.

    >>> tc.bitwise_left_shift(tc.asarray([1, 3]), 2).tolist()
    [4, 12]
    """
    return scalar.left_shift(x1, x2)


@elementwise(numpy="right_shift", takes="integer", domain=SMALL_INTEGERS)
def bitwise_right_shift(x1, x2):
    """x1 with its bits moved right by x2 places; the sign is kept.

    >>> tc.bitwise_right_shift(tc.asarray([4, -4]), 1).tolist()
    [2, -2]
    """
    return scalar.right_shift(x1, x2)


@elementwise(numpy="where", takes="select", domain=["bool", (-2.5, 2.5), (-2.5, 2.5)])
def where(condition, x1, x2):
    """x1 where the boolean `condition` holds, else x2.

    >>> tc.where(tc.asarray([True, False]), tc.asarray([1.0, 2.0]), 0.0).tolist()
    [1.0, 0.0]
    """
    return scalar.select(condition, x1, x2)
