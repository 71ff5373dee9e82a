"""Functions of one variable given by samples: interpolation, convolution."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import DTypeError, InvalidArgumentError, ShapeError
from tensorcore.ops.arithmetic import add, divide, multiply, subtract
from tensorcore.ops.composing import composed
from tensorcore.ops.indexing import take
from tensorcore.ops.joining import pad
from tensorcore.ops.logical import greater, isnan, where
from tensorcore.ops.reductions import sum
from tensorcore.ops.shaping import expand_dims
from tensorcore.ops.sorting import searchsorted
from tensorcore.tensor import as_tensor


@composed
def interp(x: Any, xp: Any, fp: Any, /, *, left: Any = None, right: Any = None) -> Any:
    """Values of the function that goes straight from one of the points (xp, fp) to the next.

    Args:
        x: where to evaluate.
        xp: ascending coordinates of the points, one dimension.
        fp: values at the points; gradients flow to x, xp and fp.
        left: value in front of the first point; by default the first value.
        right: value behind the last point; by default the last value.

    >>> float(tc.interp(1.5, tc.asarray([1.0, 2.0]), tc.asarray([10.0, 20.0])))
    15.0
    """
    points, values = as_tensor(xp), as_tensor(fp)
    x = as_tensor(x, device=points.device)
    if points.ndim != 1 or points.shape != values.shape or points.size == 0:
        raise ShapeError(
            "interp: xp and fp must have one dimension and the same size, received shapes "
            f"{points.shape} and {values.shape}"
        )
    last = points.size - 1
    upper = searchsorted(points, x, side="right")
    upper = where(
        greater(upper, last), last, where(greater(1, upper), builtins.min(1, last), upper)
    )
    lower = subtract(upper, 1) if last else upper
    x0, x1, y0, y1 = (take(p, i, axis=0) for p in (points, values) for i in (lower, upper))
    width = subtract(x1, x0)
    width = where(width == 0, 1, width)
    result = add(y0, multiply(subtract(y1, y0), divide(subtract(x, x0), width)))
    before = values[0] if left is None else left
    behind = values[-1] if right is None else right
    result = where(greater(points[0], x), before, result)
    result = where(greater(x, points[-1]), behind, result)
    return where(isnan(x), x, result) if dtypes.is_inexact(x.dtype) else result


@composed
def convolve(x1: Any, x2: Any, /, mode: str = "full") -> Any:
    """The convolution of two vectors: y[k] = sum of x1[i] x2[k - i].

    Args:
        x1: tensor of one dimension.
        x2: tensor of one dimension.
        mode: "full" (n + m - 1 values), "same" (as many as the longer), "valid" (complete sums).

    >>> tc.convolve(tc.asarray([1, 2, 3]), tc.asarray([1, 1])).tolist()
    [1, 3, 5, 3]
    """
    a, b = as_tensor(x1), as_tensor(x2)
    if a.ndim != 1 or b.ndim != 1 or not a.size or not b.size:
        raise ShapeError(
            "convolve: x1 and x2 must have one dimension and at least one element, received "
            f"shapes {a.shape} and {b.shape}"
        )
    if mode not in ("full", "same", "valid"):
        raise InvalidArgumentError(
            f'convolve: mode must be "full", "same" or "valid", received {mode!r}'
        )
    if a.dtype == dtypes.bool or b.dtype == dtypes.bool:
        raise DTypeError("convolve: x1 and x2 must have a numeric dtype, received bool")
    a, b = (b, a) if b.size > a.size else (a, b)
    n, m = a.size, b.size
    long = pad(a, [(m - 1, m - 1)])
    starts = np.arange(n + m - 1)[:, None] + np.arange(m)[::-1][None, :]
    windows = take(long, as_tensor(starts, device=a.device), axis=0)
    products = multiply(windows, expand_dims(b, 0))
    full = sum(products, axis=-1, dtype=products.dtype)
    if mode == "full":
        return full
    first, count = ((m - 1) // 2, n) if mode == "same" else (m - 1, n - m + 1)
    return full[first : first + count]
