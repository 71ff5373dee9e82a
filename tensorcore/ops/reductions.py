"""Reductions: many elements become one."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import DTypeError, InvalidArgumentError
from tensorcore.ops.arithmetic import divide, multiply, square, subtract
from tensorcore.ops.composing import composed
from tensorcore.ops.exponential import exp, sqrt
from tensorcore.ops.logical import equal, not_equal
from tensorcore.ops.record import Spec, check_inexact, op
from tensorcore.ops.shapes import axes_tuple, axis_index, reduced
from tensorcore.ops.transfer import astype
from tensorcore.tensor import as_tensor


def _axis(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis


def _reference(name: str) -> Any:
    def reference(xp: Any, x: Any, axis: Any, keepdims: bool) -> Any:
        return getattr(xp, name)(x, axis=_axis(axis), keepdims=keepdims)

    return reference


def _samples(rng: np.random.Generator, low: float = -2.0, empty: bool = True) -> Any:
    def values(*shape: int) -> Any:
        return rng.uniform(low, 2.0, shape)

    cases = [
        ((values(3, 4),), {}),
        ((values(3, 4),), {"axis": 0}),
        ((values(2, 3, 4),), {"axis": (0, -1)}),
        ((values(2, 3, 4),), {"axis": 1, "keepdims": True}),
        ((values(),), {}),
    ]
    return cases + ([((values(0, 3),), {"axis": 0})] if empty else [])


def _same(name: str, x: Any, axis: Any, keepdims: bool, dtype: Any = None) -> Spec:
    return Spec(reduced(name, tuple(x.shape), axis, keepdims), x.dtype if dtype is None else dtype)


def with_reduced_axes(y: Any, x_shape: tuple[int, ...], axis: Any, keepdims: bool) -> Any:
    """A reduction's result with the reduced dimensions back as size 1, so that it broadcasts
    against x.
    """
    from tensorcore.ops.shaping import reshape

    return y if keepdims else reshape(y, reduced("reduction", x_shape, axis, True))


def _spread(g: Any, x_shape: tuple[int, ...], axis: Any, keepdims: bool) -> Any:
    from tensorcore.ops.shaping import broadcast_to

    return broadcast_to(with_reduced_axes(g, x_shape, axis, keepdims), x_shape)


def _count(x_shape: tuple[int, ...], axis: Any) -> int:
    return math.prod(x_shape[i] for i in axes_tuple("mean", axis, len(x_shape)))


# Sums ---------------------------------------------------------------------------------------------


def _sum_dtype(dtype: np.dtype, wanted: Any) -> np.dtype:
    """Integers narrower than 32 bits are summed in 32 bits, as the array API standard says."""
    if wanted is not None:
        return dtypes.as_dtype(wanted)
    if dtype == dtypes.bool or (dtypes.is_integer(dtype) and dtype.itemsize < 4):
        return dtypes.uint32 if dtype.kind == "u" else dtypes.int32
    return dtype


def _sum_reference(name: str) -> Any:
    def reference(xp: Any, x: Any, axis: Any, dtype: Any, keepdims: bool) -> Any:
        result = _sum_dtype(x.dtype, dtype)
        sums = getattr(xp, name)(
            x, axis=_axis(axis), dtype=dtypes.accumulator(result), keepdims=keepdims
        )
        return sums if sums.dtype == result else sums.astype(result)

    return reference


def _sum_into(xp: Any, out: Any, x: Any, axis: Any, dtype: Any, keepdims: bool) -> None:
    if x.dtype == out.dtype and out.dtype == dtypes.accumulator(out.dtype):
        xp.sum(x, axis=_axis(axis), dtype=out.dtype, keepdims=keepdims, out=out)
    else:
        out[...] = _sum_reference("sum")(xp, x, axis, dtype, keepdims)


@op(
    reference=_sum_reference("sum"),
    straight=lambda x: np.add.reduce(x, axis=None),
    into=_sum_into,
    trusted_on=("cpu",),
    gradient=(lambda g, x_shape, axis, keepdims: _spread(g, x_shape, axis, keepdims),),
    samples=_samples,
)
def sum(x, /, *, axis=None, dtype=None, keepdims=False):
    """Sum of the elements; 16-bit floats are accumulated in float32.

    Args:
        x: tensor of any dtype.
        axis: dimension or dimensions to sum over; None for all.
        dtype: dtype of the result; by default that of x, at least 32 bits for integers.
        keepdims: keep the summed dimensions with size 1.

    >>> tc.sum(tc.asarray([[1.0, 2.0], [3.0, 4.0]]), axis=0).tolist()
    [4.0, 6.0]
    """
    return _same("sum", x, axis, keepdims, _sum_dtype(x.dtype, dtype))


def _mean_into(xp: Any, out: Any, x: Any, axis: Any, keepdims: bool) -> None:
    if x.dtype in (dtypes.float32, dtypes.float64):
        xp.mean(x, axis=_axis(axis), keepdims=keepdims, out=out)
    else:
        out[...] = _mean_reference(xp, x, axis, keepdims)


def _mean_reference(xp: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    result = dtypes.floating(x.dtype)
    return xp.mean(x, axis=_axis(axis), dtype=dtypes.accumulator(result), keepdims=keepdims).astype(
        result
    )


@op(
    reference=_mean_reference,
    into=_mean_into,
    trusted_on=("cpu",),
    gradient=(
        lambda g, x_shape, axis, keepdims: _spread(
            divide(g, builtins.max(_count(x_shape, axis), 1)), x_shape, axis, keepdims
        ),
    ),
    samples=lambda rng: _samples(rng, empty=False),
)
def mean(x, /, *, axis=None, keepdims=False):
    """Arithmetic mean; integers give float32, 16-bit floats are accumulated in float32.

    >>> tc.mean(tc.asarray([[1.0, 2.0], [3.0, 4.0]]), axis=1).tolist()
    [1.5, 3.5]
    """
    return _same("mean", x, axis, keepdims, dtypes.floating(x.dtype))


def _prod_gradient(g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    # The product of the others is that of those in front times that of those behind: no division,
    # which would fail at zeros, and right for derivatives of every order.
    from tensorcore.ops.order import flip
    from tensorcore.ops.shaping import moveaxis, reshape

    axes = axes_tuple("prod", axis, len(x.shape))
    last = tuple(range(len(x.shape) - len(axes), len(x.shape)))
    moved = moveaxis(x, axes, last)
    rows = reshape(moved, (*moved.shape[: len(moved.shape) - len(axes)], _count(x.shape, axes)))
    behind = flip(_products_in_front(flip(rows, axis=-1)), axis=-1)
    others = reshape(multiply(_products_in_front(rows), behind), moved.shape)
    slope = moveaxis(others, last, axes)
    return multiply(with_reduced_axes(g, tuple(x.shape), axis, keepdims), slope)


def _products_in_front(x: Any, axis: int = -1) -> Any:
    """For each element the product of those before it along a dimension."""
    from tensorcore.ops.joining import cut

    products = cumulative_prod(x, axis=axis, include_initial=True)
    return cut(products, axis=axis, start=0, stop=x.shape[axis])


@op(
    reference=_sum_reference("prod"),
    gradient=(_prod_gradient,),
    samples=lambda rng: [
        *_samples(rng, low=0.5),
        ((np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 4.0], [1.0, 2.0, 3.0]]),), {"axis": 1}),
        ((np.array([[2.0, 0.0], [3.0, 4.0]]),), {}),
    ],
)
def prod(x, /, *, axis=None, dtype=None, keepdims=False):
    """Product of the elements.

    >>> float(tc.prod(tc.asarray([2.0, 3.0])))
    6.0
    """
    return _same("prod", x, axis, keepdims, _sum_dtype(x.dtype, dtype))


@composed
def var(x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """Variance, the mean of (x - mean(x))**2, divided by N - correction instead of N.

    >>> float(tc.var(tc.asarray([1.0, 3.0])))
    1.0
    """
    x = as_tensor(x)
    centred = subtract(x, mean(x, axis=axis, keepdims=True))
    total = sum(square(centred), axis=axis, keepdims=keepdims)
    return divide(total, builtins.max(_count(tuple(x.shape), axis) - correction, 0.0))


@composed
def std(x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """Standard deviation, the square root of the variance.

    >>> float(tc.std(tc.asarray([1.0, 3.0])))
    1.0
    """
    return sqrt(var(x, axis=axis, correction=correction, keepdims=keepdims))


# Extremes -----------------------------------------------------------------------------------------


def _extreme_gradient(g: Any, x: Any, y: Any, axis: Any, keepdims: bool) -> Any:
    # Equal extremes share the gradient.
    shape = tuple(x.shape)
    hit = astype(equal(x, with_reduced_axes(y, shape, axis, keepdims)), x.dtype)
    share = divide(hit, sum(hit, axis=axis, keepdims=True))
    return multiply(with_reduced_axes(g, shape, axis, keepdims), share)


def _check_not_empty(name: str, x: Any, axis: Any) -> None:
    if 0 in [x.shape[i] for i in axes_tuple(name, axis, len(x.shape))]:
        raise InvalidArgumentError(
            f"{name}: a tensor of shape {tuple(x.shape)} has no element along axis {axis}"
        )


@op(
    reference=_reference("max"),
    straight=lambda x: np.maximum.reduce(x, axis=None),
    gradient=(_extreme_gradient,),
    samples=lambda rng: _samples(rng, empty=False),
)
def max(x, /, *, axis=None, keepdims=False):
    """Greatest element; NaN if there is one.  Equal extremes share the gradient.

    >>> tc.max(tc.asarray([[1.0, 5.0], [3.0, 4.0]]), axis=1).tolist()
    [5.0, 4.0]
    """
    _check_not_empty("max", x, axis)
    return _same("max", x, axis, keepdims)


@op(
    reference=_reference("min"),
    straight=lambda x: np.minimum.reduce(x, axis=None),
    gradient=(_extreme_gradient,),
    samples=lambda rng: _samples(rng, empty=False),
)
def min(x, /, *, axis=None, keepdims=False):
    """Smallest element; NaN if there is one.  Equal extremes share the gradient.

    >>> tc.min(tc.asarray([[1.0, 5.0], [3.0, 4.0]]), axis=1).tolist()
    [1.0, 3.0]
    """
    _check_not_empty("min", x, axis)
    return _same("min", x, axis, keepdims)


def _argument_reference(name: str) -> Any:
    def reference(xp: Any, x: Any, axis: Any, keepdims: bool) -> Any:
        found = getattr(xp, name)(x, axis=axis)
        if keepdims:
            found = found.reshape(reduced(name, x.shape, axis, True))
        return found.astype(dtypes.int64, copy=False)

    return reference


def _argument_samples(rng: np.random.Generator) -> Any:
    return [
        ((rng.normal(size=(3, 4)),), {}),
        ((rng.normal(size=(3, 4)),), {"axis": 1}),
        ((rng.normal(size=(3, 4)),), {"axis": 0, "keepdims": True}),
    ]


@op(
    reference=_argument_reference("argmax"),
    gradient="none: integer",
    samples=_argument_samples,
)
def argmax(x, /, *, axis=None, keepdims=False):
    """Position of the greatest element (the first of equals), int64.

    Without `axis` it counts in the flattened tensor.

    >>> tc.argmax(tc.asarray([1.0, 5.0, 3.0])).item()
    1
    """
    _check_not_empty("argmax", x, axis)
    return _same("argmax", x, axis, keepdims, dtypes.int64)


@op(
    reference=_argument_reference("argmin"),
    gradient="none: integer",
    samples=_argument_samples,
)
def argmin(x, /, *, axis=None, keepdims=False):
    """Position of the smallest element (the first of equals), int64.

    Without `axis` it counts in the flattened tensor.

    >>> tc.argmin(tc.asarray([1.0, 5.0, 3.0])).item()
    0
    """
    _check_not_empty("argmin", x, axis)
    return _same("argmin", x, axis, keepdims, dtypes.int64)


# Truth --------------------------------------------------------------------------------------------


@op(
    reference=_reference("any"),
    gradient="none: the result is boolean",
    samples=lambda rng: [
        ((rng.random((2, 3)) < 0.3,), {"axis": 0}),
        ((rng.random((0,)) < 0.3,), {}),
    ],
)
def any(x, /, *, axis=None, keepdims=False):
    """Whether at least one element is true (not zero).

    >>> bool(tc.any(tc.asarray([False, True])))
    True
    """
    return _same("any", x, axis, keepdims, dtypes.bool)


@op(
    reference=_reference("all"),
    gradient="none: the result is boolean",
    samples=lambda rng: [
        ((rng.random((2, 3)) < 0.7,), {"axis": 0}),
        ((rng.random((0,)) < 0.3,), {}),
    ],
)
def all(x, /, *, axis=None, keepdims=False):
    """Whether all elements are true (not zero).

    >>> bool(tc.all(tc.asarray([False, True])))
    False
    """
    return _same("all", x, axis, keepdims, dtypes.bool)


# Exponentials and running sums --------------------------------------------------------------------


def _logsumexp_reference(xp: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    dtype = x.dtype
    x = x.astype(dtypes.accumulator(dtype))
    top = xp.max(x, axis=_axis(axis), keepdims=True)
    top = xp.where(xp.isfinite(top), top, top.dtype.type(0))  # inf - inf would be NaN
    total = xp.log(xp.sum(xp.exp(x - top), axis=_axis(axis), keepdims=True)) + top
    shape = reduced("logsumexp", x.shape, axis, keepdims)
    return total.reshape(shape).astype(dtype)


def _logsumexp_gradient(g: Any, x: Any, y: Any, axis: Any, keepdims: bool) -> Any:
    shape = tuple(x.shape)
    weights = exp(subtract(x, with_reduced_axes(y, shape, axis, keepdims)))
    return multiply(with_reduced_axes(g, shape, axis, keepdims), weights)


@op(
    reference=_logsumexp_reference,
    gradient=(_logsumexp_gradient,),
    samples=lambda rng: _samples(rng, empty=False),
)
def logsumexp(x, /, *, axis=None, keepdims=False):
    """log(sum(exp(x))), without overflow: the greatest element is taken out first.

    >>> round(float(tc.logsumexp(tc.asarray([1000.0, 1000.0]))), 3)
    1000.693
    """
    check_inexact("logsumexp", "x", x.dtype)
    _check_not_empty("logsumexp", x, axis)
    return _same("logsumexp", x, axis, keepdims)


def _running_axis(name: str, x: Any, axis: Any) -> int:
    if axis is None:
        if len(x.shape) != 1:
            raise InvalidArgumentError(
                f"{name}: axis is needed for a tensor of {len(x.shape)} dimensions"
            )
        return 0
    return axis_index(name, axis, len(x.shape))


def _cumulative_reference(xp: Any, x: Any, axis: Any, dtype: Any, include_initial: bool) -> Any:
    place = _running_axis("cumulative_sum", x, axis)
    result = _sum_dtype(x.dtype, dtype)
    sums = xp.cumsum(x.astype(dtypes.accumulator(result)), axis=place).astype(result)
    if include_initial:
        shape = (*x.shape[:place], 1, *x.shape[place + 1 :])
        sums = xp.concatenate([xp.zeros(shape, result), sums], axis=place)
    return sums


def _cumulative_gradient(g: Any, x_shape: tuple[int, ...], axis: Any, include_initial: bool) -> Any:
    from tensorcore.ops.joining import cut
    from tensorcore.ops.order import flip

    place = 0 if axis is None else axis_index("cumulative_sum", axis, len(x_shape))
    if include_initial:
        g = cut(g, axis=place, start=1, stop=x_shape[place] + 1)
    return flip(cumulative_sum(flip(g, axis=place), axis=place), axis=place)


@op(
    reference=_cumulative_reference,
    gradient=(_cumulative_gradient,),
    samples=lambda rng: [
        ((rng.normal(size=(5,)),), {}),
        ((rng.normal(size=(2, 4)),), {"axis": 1}),
        ((rng.normal(size=(3, 2)),), {"axis": 0, "include_initial": True}),
    ],
)
def cumulative_sum(x, /, *, axis=None, dtype=None, include_initial=False):
    """Running sums along a dimension.

    Args:
        x: tensor; `axis` may be left out if it has one dimension.
        axis: the dimension along which to sum.
        dtype: dtype of the result, as in `sum`.
        include_initial: put a zero in front, so that the dimension grows by 1.

    >>> tc.cumulative_sum(tc.asarray([1, 2, 3])).tolist()
    [1, 3, 6]
    """
    if x.dtype == dtypes.bool:
        raise DTypeError("cumulative_sum: x must have a numeric dtype, received bool")
    place = _running_axis("cumulative_sum", x, axis)
    size = x.shape[place]
    size = size + 1 if include_initial and size is not None else size
    return Spec((*x.shape[:place], size, *x.shape[place + 1 :]), _sum_dtype(x.dtype, dtype))


def _products_reference(xp: Any, x: Any, axis: Any, dtype: Any, include_initial: bool) -> Any:
    place = _running_axis("cumulative_prod", x, axis)
    result = _sum_dtype(x.dtype, dtype)
    products = xp.cumprod(x.astype(dtypes.accumulator(result)), axis=place).astype(result)
    if include_initial:
        shape = (*x.shape[:place], 1, *x.shape[place + 1 :])
        products = xp.concatenate([xp.ones(shape, result), products], axis=place)
    return products


def _products_gradient(g: Any, x: Any, axis: Any, include_initial: bool) -> Any:
    from tensorcore.ops.joining import cut
    from tensorcore.ops.recurrence import linear_recurrence, shifted

    place = _running_axis("cumulative_prod", x, axis)
    if include_initial:
        g = cut(g, axis=place, start=1, stop=x.shape[place] + 1)
    # Element i is a factor of all products from i on: those in front of it come first, and the
    # rest is the recurrence s[i] = g[i] + x[i + 1] * s[i + 1].  Nothing is divided by x.
    behind = linear_recurrence(shifted(x, place, back=True), g, axis=place, reverse=True)
    return multiply(_products_in_front(x, place), behind)


@op(
    reference=_products_reference,
    gradient=(_products_gradient,),
    samples=lambda rng: [
        ((rng.uniform(0.5, 2.0, (5,)),), {}),
        ((rng.uniform(0.5, 2.0, (2, 4)),), {"axis": 1}),
        ((rng.uniform(0.5, 2.0, (3, 2)),), {"axis": 0, "include_initial": True}),
        ((np.array([[2.0, 0.0, 3.0, 0.0, 4.0], [1.0, 2.0, 3.0, 4.0, 0.0]]),), {"axis": 1}),
        ((np.zeros((2, 0)),), {"axis": 1}),
    ],
)
def cumulative_prod(x, /, *, axis=None, dtype=None, include_initial=False):
    """Running products along a dimension.

    Args:
        x: tensor; `axis` may be left out if it has one dimension.
        axis: the dimension along which to multiply.
        dtype: dtype of the result, as in `prod`.
        include_initial: put a one in front, so that the dimension grows by 1.

    >>> tc.cumulative_prod(tc.asarray([1, 2, 3])).tolist()
    [1, 2, 6]
    """
    if x.dtype == dtypes.bool:
        raise DTypeError("cumulative_prod: x must have a numeric dtype, received bool")
    place = _running_axis("cumulative_prod", x, axis)
    size = x.shape[place]
    size = size + 1 if include_initial and size is not None else size
    return Spec((*x.shape[:place], size, *x.shape[place + 1 :]), _sum_dtype(x.dtype, dtype))


@composed
def count_nonzero(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Number of elements that are not zero, int64.

    >>> tc.count_nonzero(tc.asarray([0, 3, 0, 5])).item()
    2
    """
    return sum(not_equal(x, 0), axis=axis, keepdims=keepdims, dtype=dtypes.int64)


@composed
def diff(x: Any, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Any:
    """The differences between neighbours along a dimension, n times.

    Args:
        x: tensor of a numeric dtype.
        axis: the dimension, whose size shrinks by n.
        n: how often to take differences.
        prepend: tensor put in front of x first.
        append: tensor put behind x first.

    >>> tc.diff(tc.asarray([1, 4, 9])).tolist()
    [3, 5]
    """
    from tensorcore.ops.joining import concat, cut

    x = as_tensor(x)
    place = axis_index("diff", axis, x.ndim)
    if n < 0:
        raise InvalidArgumentError(f"diff: n must not be negative, received {n}")
    parts = [part for part in (prepend, x, append) if part is not None]
    x = concat(parts, axis=place) if len(parts) > 1 else x
    for _ in range(n):
        size = x.shape[place]
        if size == 0:
            break
        later = cut(x, axis=place, start=1, stop=size)
        x = subtract(later, cut(x, axis=place, start=0, stop=size - 1))
    return x
