"""Order statistics and counts: quantile, percentile, median, histogram, bincount."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.device import to_numpy
from tensorcore.errors import InvalidArgumentError, ShapeError
from tensorcore.ops.arithmetic import divide, multiply, subtract
from tensorcore.ops.composing import composed
from tensorcore.ops.creation import linspace, zeros
from tensorcore.ops.indexing import scatter_add, take
from tensorcore.ops.logical import greater, greater_equal, isnan, less_equal, logical_and, where
from tensorcore.ops.reductions import any, max, min, sum
from tensorcore.ops.shapes import axes_tuple
from tensorcore.ops.shaping import moveaxis, reshape
from tensorcore.ops.sorting import check_ordered, searchsorted, sort
from tensorcore.ops.transfer import astype
from tensorcore.tensor import as_tensor

METHODS = ("linear", "lower", "higher", "nearest", "midpoint")

# Quantiles ----------------------------------------------------------------------------------------


@composed
def quantile(
    x: Any, q: Any, /, *, axis: Any = None, keepdims: bool = False, method: str = "linear"
) -> Any:
    """The values below which the fractions q of the elements lie.

    Args:
        x: tensor of a real dtype; integers give float32.  A NaN makes the result NaN.
        q: number or sequence of numbers from 0 to 1, known on the host.
        axis: dimension or dimensions; None for all.
        keepdims: keep those dimensions with size 1.
        method: between two elements: "linear", "lower", "higher", "nearest" or "midpoint".

    Returns:
        If q is a sequence, its results stand along a new first dimension.

    >>> float(tc.quantile(tc.asarray([1.0, 2.0, 4.0]), 0.75))
    3.0
    """
    x = as_tensor(x)
    check_ordered("quantile", "x", x.dtype)
    if method not in METHODS:
        raise InvalidArgumentError(
            f"quantile: method must be one of {', '.join(METHODS)}, received {method!r}"
        )
    fractions = np.asarray(to_numpy(q.data) if hasattr(q, "data") else q, np.float64)
    if fractions.ndim > 1 or not np.all((fractions >= 0) & (fractions <= 1)):
        raise InvalidArgumentError(f"quantile: q must lie between 0 and 1, received {q}")
    x = astype(x, dtypes.floating(x.dtype), copy=False)
    places = axes_tuple("quantile", axis, x.ndim)
    kept = [i for i in range(x.ndim) if i not in places]
    if len(places) != 1:
        x = moveaxis(x, places, tuple(range(len(kept), x.ndim)))
        x = reshape(x, (*x.shape[: len(kept)], -1))
    else:
        x = moveaxis(x, places[0], -1)
    size = x.shape[-1]
    if size == 0:
        raise InvalidArgumentError("quantile: x has no element along axis")
    ordered = sort(x, axis=-1)
    spots = fractions * (size - 1)
    if method in ("lower", "higher", "nearest"):
        spots = {"lower": np.floor, "higher": np.ceil, "nearest": np.rint}[method](spots)
    low = np.floor(spots).astype(np.int64)
    share = np.full_like(spots, 0.5) * (spots != low) if method == "midpoint" else spots - low

    def elements(numbers: np.ndarray) -> Any:
        return take(ordered, as_tensor(numbers, device=x.device), axis=-1)

    first, second = elements(low), elements(np.minimum(low + 1, size - 1))
    weight = as_tensor(np.asarray(share).astype(x.dtype), device=x.device)
    result = where(weight == 0, first, first + (second - first) * weight)
    result = where(
        any(isnan(x), axis=-1, keepdims=fractions.ndim == 1), x.dtype.type(np.nan), result
    )
    if fractions.ndim:
        result = moveaxis(result, -1, 0)
    if not keepdims:
        return result
    lead = result.shape[: fractions.ndim]
    own = iter(result.shape[fractions.ndim :])
    ndim = len(kept) + len(places)
    return reshape(result, (*lead, *(1 if i in places else next(own) for i in range(ndim))))


@composed
def percentile(
    x: Any, q: Any, /, *, axis: Any = None, keepdims: bool = False, method: str = "linear"
) -> Any:
    """`quantile` with q from 0 to 100.

    >>> float(tc.percentile(tc.asarray([1.0, 2.0, 4.0]), 75))
    3.0
    """
    fractions = np.asarray(to_numpy(q.data) if hasattr(q, "data") else q, np.float64) / 100
    return quantile(x, fractions, axis=axis, keepdims=keepdims, method=method)


@composed
def median(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """The middle of the sorted elements; of an even number the mean of the two in the middle.

    >>> float(tc.median(tc.asarray([3.0, 1.0, 2.0, 10.0])))
    2.5
    """
    return quantile(x, 0.5, axis=axis, keepdims=keepdims)


# Counts -------------------------------------------------------------------------------------------


@composed
def bincount(x: Any, /, *, weights: Any = None, minlength: int = 0) -> Any:
    """How often each number from 0 up to the greatest occurs.

    Args:
        x: tensor of one dimension, of integers that are not negative.
        weights: tensor of the shape of x: sum these instead of counting; gradients flow to it.
        minlength: least length of the result.

    >>> tc.bincount(tc.asarray([0, 2, 2])).tolist()
    [1, 0, 2]
    """
    x = as_tensor(x)
    if x.ndim != 1 or not dtypes.is_integer(x.dtype):
        raise ShapeError(
            "bincount: x must be a tensor of integers with one dimension, received "
            f"{x.dtype.name} and shape {x.shape}"
        )
    size = builtins.max(int(max(x)) + 1 if x.size else 0, minlength)
    if weights is None:
        weights = as_tensor(np.ones(x.shape, np.int64), device=x.device)
    else:
        weights = as_tensor(weights, device=x.device)
    if weights.shape != x.shape:
        raise ShapeError(
            f"bincount: weights must have the shape of x {x.shape}, received {weights.shape}"
        )
    start = zeros(size, dtype=weights.dtype, device=x.device)
    return scatter_add(start, x, weights) if x.size else start


@composed
def histogram(
    x: Any, /, bins: Any = 10, *, range: Any = None, weights: Any = None, density: bool = False
) -> tuple[Any, Any]:
    """How many elements lie in each of several intervals.

    Args:
        x: tensor of a real dtype.
        bins: number of intervals of equal width, or a tensor with their edges, ascending.
        range: (lowest, highest) edge; by default those of the elements.
        weights: tensor of the shape of x: sum these instead of counting.
        density: divide by the total and the widths.

    Returns:
        (counts, edges); the last interval contains its upper edge.

    >>> tc.histogram(tc.asarray([1.0, 2.0, 1.5]), 2)[0].tolist()
    [1, 2]
    """
    x = as_tensor(x)
    check_ordered("histogram", "x", x.dtype)
    values = reshape(astype(x, dtypes.floating(x.dtype), copy=False), (-1,))
    if isinstance(bins, int):
        if bins < 1:
            raise InvalidArgumentError(f"histogram: bins must be positive, received {bins}")
        low, high = range if range is not None else _extent(values)
        if not low <= high:
            raise InvalidArgumentError(f"histogram: range must ascend, received ({low}, {high})")
        low, high = (low - 0.5, high + 0.5) if low == high else (low, high)
        edges = linspace(low, high, bins + 1, dtype=values.dtype, device=x.device)
    else:
        edges = as_tensor(bins, device=x.device)
        if edges.ndim != 1 or edges.size < 2:
            raise ShapeError(
                f"histogram: bins must be a number or at least 2 edges, received {edges.shape}"
            )
        edges = astype(edges, values.dtype, copy=False)
    count = edges.size - 1
    inside = logical_and(greater_equal(values, edges[0]), less_equal(values, edges[count]))
    number = subtract(searchsorted(edges, values, side="right"), 1)
    number = where(greater(number, count - 1), count - 1, where(inside, number, 0))
    if weights is None:
        amounts = astype(inside, dtypes.int64)
    else:
        given = reshape(as_tensor(weights, device=x.device), (-1,))
        amounts = where(inside, given, given.dtype.type(0))
    counts = zeros(count, dtype=amounts.dtype, device=x.device)
    counts = scatter_add(counts, number, amounts) if values.size else counts
    if density:
        widths = subtract(edges[1:], edges[:-1])
        counts = divide(astype(counts, values.dtype), multiply(widths, sum(counts)))
    return counts, edges


def _extent(values: Any) -> tuple[float, float]:
    return (float(min(values)), float(max(values))) if values.size else (0.0, 1.0)
