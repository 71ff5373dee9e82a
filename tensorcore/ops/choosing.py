"""The standard's `take`, `take_along_axis`, `nonzero` and `where`.

`take` and `take_along_axis` count negative indices from the end.  The operations below them refuse
these, as an embedding must: an id of -1 is a bug.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.device import NOT_WHOLE
from tensorcore.errors import ArgumentTypeError, DTypeError, InvalidArgumentError, ShapeError
from tensorcore.ops import indexing, logical, scalar
from tensorcore.ops.arithmetic import abs, floor
from tensorcore.ops.composing import composed
from tensorcore.ops.elementwise import elementwise
from tensorcore.ops.record import Spec, op
from tensorcore.ops.shapes import axis_index, broadcast
from tensorcore.ops.shaping import broadcast_to
from tensorcore.ops.transfer import convert
from tensorcore.tensor import as_tensor


@elementwise(takes="integer", domain=[(-3, 3), (3, 4)])
def counted_from_front(index, size):
    """Negative indices down to -size, which count from the end, as indices from the front.

    >>> tc.ops.choosing.counted_from_front(tc.asarray([0, -1]), 3).tolist()
    [0, 2]
    """
    from_end = scalar.logical_and(index < 0, -size <= index)
    return scalar.select(from_end, index + size, index)


def whole_numbers(x: Any) -> Any:
    """Floats that stand for indices or labels, as int32.

    What is not whole becomes a number that every check of a range refuses, with the right words, on
    the device and in traced functions too.

    >>> tc.ops.choosing.whole_numbers(tc.asarray([2.0, 0.5])).tolist()
    [2, -2147483648]
    """
    x = as_tensor(x)
    if not dtypes.is_inexact(x.dtype):
        return x if dtypes.is_integer(x.dtype) else convert(x, dtypes.int32)
    x = convert(x, dtypes.accumulator(x.dtype))
    is_whole = logical.logical_and(logical.equal(x, floor(x)), logical.less(abs(x), -NOT_WHOLE))
    return convert(logical.where(is_whole, x, float(NOT_WHOLE)), dtypes.int32)


def _indices(op_name: str, indices: Any, x: Any, size: int) -> Any:
    indices = as_tensor(indices, device=x.device)
    if not dtypes.is_integer(indices.dtype):
        raise DTypeError(
            f"{op_name}: indices must have an integer dtype, received {indices.dtype.name}; "
            "convert with tc.astype(indices, tc.int32)"
        )
    if indices.dtype in dtypes.UNSIGNED:
        return indices
    if indices.dtype != dtypes.int64:
        indices = convert(indices, dtypes.int64)  # the size may not fit their own dtype
    return counted_from_front(indices, size)


@composed
def take(x: Any, indices: Any, /, *, axis: int | None = None) -> Any:
    """Slices of x chosen by number along a dimension.

    Args:
        x: tensor.
        indices: integers, each from -size to size - 1 of the dimension; of any shape.
        axis: the dimension to choose along; may be left out if x has only one.

    Returns:
        Shape x.shape[:axis] + indices.shape + x.shape[axis + 1:].

    Raises:
        OutOfRangeError: an index is out of range.

    >>> tc.take(tc.asarray([10, 20, 30]), tc.asarray([2, 0, -1])).tolist()
    [30, 10, 30]
    """
    x = as_tensor(x)
    if axis is None:
        if x.ndim != 1:
            raise InvalidArgumentError(f"take: axis is needed for a tensor of {x.ndim} dimensions")
        axis = 0
    place = axis_index("take", axis, x.ndim)
    return indexing.take(x, _indices("take", indices, x, x.shape[place]), axis=place)


@composed
def take_along_axis(x: Any, indices: Any, /, *, axis: int = -1) -> Any:
    """Elements chosen along a dimension, row by row: result[i, j] = x[i, indices[i, j]].

    Args:
        x: tensor.
        indices: integers with as many dimensions as x, each from -size to size - 1; the other
            dimensions broadcast against those of x.
        axis: the dimension to choose along.

    >>> tc.take_along_axis(tc.asarray([[1, 2], [3, 4]]), tc.asarray([[1], [-2]])).tolist()
    [[2], [3]]
    """
    x = as_tensor(x)
    place = axis_index("take_along_axis", axis, x.ndim)
    indices = _indices("take_along_axis", indices, x, x.shape[place])
    if indices.ndim != x.ndim:
        raise ShapeError(
            f"take_along_axis: x and indices must have the same number of dimensions, received "
            f"shapes {x.shape} and {indices.shape}"
        )
    rest = [list(t.shape) for t in (x, indices)]
    sizes = [shape.pop(place) for shape in rest]
    met = list(broadcast("take_along_axis", {"x": tuple(rest[0]), "indices": tuple(rest[1])}))
    x, indices = (
        t if tuple(shape) == tuple(met) else broadcast_to(t, (*met[:place], size, *met[place:]))
        for t, shape, size in zip((x, indices), rest, sizes, strict=True)
    )
    return indexing.take_along_axis(x, indices, axis=place)


@op(
    reference=lambda xp, condition: tuple(
        part.astype(dtypes.int64, copy=False) for part in xp.nonzero(condition)
    ),
    gradient="none: integer",
    samples=lambda rng: [
        ((rng.random((3, 4)) < 0.5,), {}),
        ((np.zeros((2, 0), np.bool_),), {}),
        ((np.ones((5,), np.bool_),), {}),
    ],
)
def true_positions(condition, /):
    """Where a boolean tensor is True: for each dimension an int64 tensor with the positions.

    >>> [part.tolist() for part in tc.ops.choosing.true_positions(tc.asarray([[True, False]]))]
    [[0], [0]]
    """
    return (Spec((None,), dtypes.int64),) * len(condition.shape)


@composed
def nonzero(x: Any, /) -> tuple[Any, ...]:
    """The positions of the elements that are not zero, in the order of the elements.

    Args:
        x: tensor of any dtype with at least one dimension.

    Returns:
        One int64 tensor for each dimension; `x[tc.nonzero(x)]` are the elements themselves.

    Raises:
        InvalidArgumentError: x has no dimensions.

    >>> [part.tolist() for part in tc.nonzero(tc.asarray([[0, 3], [5, 0]]))]
    [[0, 1], [1, 0]]
    """
    x = as_tensor(x)
    if x.ndim == 0:
        raise InvalidArgumentError(
            "nonzero: x must have at least one dimension, received a tensor without; a number is "
            "tested with x != 0"
        )
    return true_positions(x if x.dtype == dtypes.bool else logical.not_equal(x, 0))


@composed
def where(condition: Any, x1: Any = None, x2: Any = None, /) -> Any:
    """x1 where the boolean `condition` holds, else x2; with the condition alone `nonzero` of it.

    Args:
        condition: boolean tensor; alone it may have any dtype.
        x1: tensor or number, which broadcasts against the others.  Gradients flow to what was
            chosen.
        x2: the same.

    Returns:
        A tensor of the common shape and dtype; for the condition alone a tuple of positions.

    Raises:
        DTypeError: the condition is not boolean.
        ShapeError: the shapes do not broadcast.

    >>> tc.where(tc.asarray([True, False]), tc.asarray([1.0, 2.0]), 0.0).tolist()
    [1.0, 0.0]
    >>> tc.where(tc.asarray([True, False, True]))[0].tolist()
    [0, 2]
    """
    if x1 is not None and x2 is not None:
        return logical.where(condition, x1, x2)
    if x1 is not None or x2 is not None:
        raise ArgumentTypeError(
            "where: x1 and x2 are given both or not at all: tc.where(condition, x1, x2)"
        )
    return nonzero(condition)
