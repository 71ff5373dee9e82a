"""Sorted order: sort, argsort, topk, searchsorted."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import DTypeError, InvalidArgumentError, ShapeError
from tensorcore.ops.composing import composed
from tensorcore.ops.creation import zeros
from tensorcore.ops.indexing import add_along_axis, take, take_along_axis
from tensorcore.ops.joining import cut
from tensorcore.ops.record import Spec, op
from tensorcore.ops.shapes import axis_index
from tensorcore.tensor import as_tensor


def check_ordered(op_name: str, argument: str, dtype: np.dtype) -> None:
    """Refuse complex numbers, which have no order."""
    if dtypes.KIND[dtype] == "complex":
        raise DTypeError(
            f"{op_name}: {argument} must have a real dtype, received {dtype.name}; complex numbers "
            "have no order"
        )


def comparable(x: Any) -> Any:
    """`x` in a dtype that sorting knows: bfloat16 as float32, which keeps all values and order."""
    return x.astype(np.float32) if x.dtype == dtypes.bfloat16 else x


def _argsort(xp: Any, x: Any, axis: int, descending: bool, stable: bool) -> Any:
    x = comparable(x)
    if x.ndim == 0:
        return xp.zeros((), dtypes.int64)
    if not descending:
        return xp.argsort(x, axis=axis, kind="stable").astype(dtypes.int64, copy=False)
    # Sorted backwards and read backwards, equal elements keep their order.
    order = xp.flip(xp.argsort(xp.flip(x, axis), axis=axis, kind="stable"), axis)
    return (x.shape[axis] - 1 - order).astype(dtypes.int64, copy=False)


def _samples(rng: np.random.Generator) -> Any:
    return [
        ((rng.permutation(12).reshape(3, 4) / 4.0,), {}),
        ((rng.permutation(12).reshape(3, 4) / 4.0,), {"axis": 0, "descending": True}),
        ((rng.permutation(5) / 4.0,), {"stable": False}),
        ((np.zeros((0, 3)),), {"axis": 0}),
    ]


@op(reference=_argsort, gradient="none: integer", samples=_samples)
def argsort(x, /, *, axis=-1, descending=False, stable=True):
    """The positions that sort x along a dimension, int64.

    Args:
        x: tensor of a real dtype; NaN counts as the greatest value.
        axis: the dimension along which to sort.
        descending: the greatest element first.
        stable: equal elements keep their order; they do in any case.

    >>> tc.argsort(tc.asarray([3.0, 1.0, 2.0])).tolist()
    [1, 2, 0]
    """
    check_ordered("argsort", "x", x.dtype)
    if x.shape or axis not in (-1, 0):
        axis_index("argsort", axis, len(x.shape))
    return Spec(tuple(x.shape), dtypes.int64)


def _sort(xp: Any, x: Any, axis: int, descending: bool, stable: bool) -> Any:
    if x.ndim == 0:
        return xp.array(x)
    result = xp.sort(comparable(x), axis=axis).astype(x.dtype, copy=False)
    return xp.flip(result, axis) if descending else result


def _sort_back(g: Any, x: Any, axis: int, descending: bool) -> Any:
    if not g.ndim:
        return g
    order = argsort(x, axis=axis, descending=descending)
    return add_along_axis(zeros(g.shape, dtype=g.dtype, device=g.device), order, g, axis=axis)


@op(reference=_sort, gradient=(_sort_back,), samples=_samples)
def sort(x, /, *, axis=-1, descending=False, stable=True):
    """The elements in ascending or descending order along a dimension.

    Args:
        x: tensor of a real dtype; NaN counts as the greatest value.
        axis: the dimension along which to sort.
        descending: the greatest element first.
        stable: for the standard's sake; equal elements cannot be told apart.

    >>> tc.sort(tc.asarray([3.0, 1.0, 2.0]), descending=True).tolist()
    [3.0, 2.0, 1.0]
    """
    check_ordered("sort", "x", x.dtype)
    if x.shape or axis not in (-1, 0):
        axis_index("sort", axis, len(x.shape))
    return Spec(tuple(x.shape), x.dtype)


@composed
def topk(x: Any, k: int, /, *, axis: int = -1, largest: bool = True) -> tuple[Any, Any]:
    """The k greatest (or smallest) elements along a dimension, sorted, and their positions.

    Args:
        x: tensor of a real dtype.
        k: how many, at most the size of the dimension.
        axis: the dimension to look along.
        largest: False for the smallest.

    >>> values, positions = tc.topk(tc.asarray([3.0, 1.0, 2.0]), 2)
    >>> values.tolist(), positions.tolist()
    ([3.0, 2.0], [0, 2])
    """
    x = as_tensor(x)
    place = axis_index("topk", axis, x.ndim)
    if not 0 <= k <= x.shape[place]:
        raise InvalidArgumentError(f"topk: k={k} does not fit axis {axis} of size {x.shape[place]}")
    order = argsort(x, axis=place, descending=largest)
    order = cut(order, axis=place, start=0, stop=k)
    return take_along_axis(x, order, axis=place), order


def _search(xp: Any, x1: Any, x2: Any, side: str) -> Any:
    x1, x2 = comparable(x1), xp.asarray(comparable(x2))
    return xp.asarray(xp.searchsorted(x1, x2, side=side)).astype(dtypes.int64, copy=False)


@op(
    name="searchsorted",
    reference=_search,
    gradient="none: integer",
    samples=lambda rng: [
        ((np.sort(rng.normal(size=(6,))), rng.normal(size=(2, 3))), {}),
        ((np.array([1.0, 2.0, 2.0, 3.0]), np.array([2.0, 0.0])), {"side": "right"}),
    ],
    promote=("x1", "x2"),
)
def _positions(x1, x2, /, *, side="left"):
    """Where elements belong in a sorted tensor: what `searchsorted` does."""
    check_ordered("searchsorted", "x1", x1.dtype)
    if len(x1.shape) != 1:
        raise ShapeError(f"searchsorted: x1 must have one dimension, received {tuple(x1.shape)}")
    if side not in ("left", "right"):
        raise InvalidArgumentError(
            f'searchsorted: side must be "left" or "right", received {side!r}'
        )
    return Spec(tuple(x2.shape), dtypes.int64)


@composed
def searchsorted(x1: Any, x2: Any, /, *, side: str = "left", sorter: Any = None) -> Any:
    """The positions at which elements have to be put into a sorted tensor to keep it sorted, int64.

    Args:
        x1: sorted tensor of one dimension.
        x2: the elements to put in.
        side: "left" in front of equal elements, "right" behind them.
        sorter: positions that sort x1, if it is not sorted.

    >>> tc.searchsorted(tc.asarray([1.0, 2.0, 3.0]), tc.asarray([2.0, 9.0])).tolist()
    [1, 3]
    """
    if sorter is not None:
        x1 = take(as_tensor(x1), sorter, axis=0)
    return _positions(x1, x2, side=side)
