"""Reductions that leave NaN out."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.ops.arithmetic import divide, multiply, subtract
from tensorcore.ops.composing import composed
from tensorcore.ops.exponential import sqrt
from tensorcore.ops.logical import isnan, where
from tensorcore.ops.record import check_inexact
from tensorcore.ops.reductions import all, max, min, prod, sum
from tensorcore.ops.transfer import astype
from tensorcore.tensor import as_tensor


def _without_nan(op_name: str, x: Any, instead: float) -> tuple[Any, Any]:
    x = as_tensor(x)
    if not dtypes.is_inexact(x.dtype):
        return x, None
    missing = isnan(x)
    return where(missing, x.dtype.type(instead), x), missing


@composed
def nansum(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum of the elements that are not NaN.

    >>> float(tc.nansum(tc.asarray([1.0, float("nan")])))
    1.0
    """
    return sum(_without_nan("nansum", x, 0)[0], axis=axis, keepdims=keepdims)


@composed
def nanprod(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """The product of the elements that are not NaN.

    >>> float(tc.nanprod(tc.asarray([2.0, float("nan")])))
    2.0
    """
    return prod(_without_nan("nanprod", x, 1)[0], axis=axis, keepdims=keepdims)


@composed
def nanmax(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """The greatest element that is not NaN; NaN where all are.

    >>> float(tc.nanmax(tc.asarray([2.0, float("nan")])))
    2.0
    """
    return _nan_extreme("nanmax", max, -np.inf, x, axis, keepdims)


@composed
def nanmin(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """The smallest element that is not NaN; NaN where all are.

    >>> float(tc.nanmin(tc.asarray([2.0, float("nan")])))
    2.0
    """
    return _nan_extreme("nanmin", min, np.inf, x, axis, keepdims)


def _nan_extreme(
    op_name: str, operation: Any, instead: float, x: Any, axis: Any, keepdims: bool
) -> Any:
    values, missing = _without_nan(op_name, x, instead)
    result = operation(values, axis=axis, keepdims=keepdims)
    if missing is None:
        return result
    nothing = all(missing, axis=axis, keepdims=keepdims)
    return where(nothing, result.dtype.type(np.nan), result)


@composed
def nanmean(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean of the elements that are not NaN; NaN where all are.

    >>> float(tc.nanmean(tc.asarray([1.0, 3.0, float("nan")])))
    2.0
    """
    x = as_tensor(x)
    check_inexact("nanmean", "x", x.dtype)
    values, missing = _without_nan("nanmean", x, 0)
    count = sum(astype(~missing, values.dtype), axis=axis, keepdims=keepdims)
    return divide(sum(values, axis=axis, keepdims=keepdims), count)


@composed
def nanvar(x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """The variance of the elements that are not NaN.

    >>> float(tc.nanvar(tc.asarray([1.0, 3.0, float("nan")])))
    1.0
    """
    x = as_tensor(x)
    check_inexact("nanvar", "x", x.dtype)
    centred = subtract(x, nanmean(x, axis=axis, keepdims=True))
    squares = nansum(multiply(centred, centred), axis=axis, keepdims=keepdims)
    count = sum(astype(~isnan(x), x.dtype), axis=axis, keepdims=keepdims)
    return divide(squares, subtract(count, correction))


@composed
def nanstd(x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """The standard deviation of the elements that are not NaN.

    >>> float(tc.nanstd(tc.asarray([1.0, 3.0, float("nan")])))
    1.0
    """
    return sqrt(nanvar(x, axis=axis, correction=correction, keepdims=keepdims))
