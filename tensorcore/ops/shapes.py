"""Helpers of the shape rules.  They know dimensions that are not known yet (None)."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from tensorcore.errors import (
    ArgumentTypeError,
    InvalidArgumentError,
    OutOfRangeError,
    ShapeError,
)

Shape = tuple[Any, ...]


def broadcast_dims(first: Any, second: Any) -> Any:
    """The size at which two sizes meet, or -1 if they do not."""
    if first == second:
        return first
    if first == 1:
        return second
    if second == 1:
        return first
    if first is None or second is None:
        return first if second is None else second
    return -1


def broadcast(op_name: str, shapes: dict[str, Shape]) -> Shape:
    """The common shape of named shapes.

    >>> broadcast("add", {"x1": (3, 1), "x2": (None, 1, 4)})
    (None, 3, 4)
    """
    result: list[Any] = []
    for shape in shapes.values():
        if len(shape) > len(result):
            result = [1] * (len(shape) - len(result)) + result
        for position in range(-len(shape), 0):
            met = broadcast_dims(result[position], shape[position])
            if met == -1:
                raise ShapeError(
                    f"{op_name}: shapes do not broadcast: "
                    + ", ".join(f"{name} has shape {shape}" for name, shape in shapes.items())
                    + f"; from the right, axis {position} has different sizes that are not 1. "
                    "Reshape or expand one of them."
                )
            result[position] = met
    return tuple(result)


def axis_index(op_name: str, axis: Any, ndim: int) -> int:
    """`axis` as a non-negative int, counted from the end if negative.

    >>> axis_index("sum", -1, 3)
    2
    """
    try:
        index = operator.index(axis)
    except TypeError:
        raise ArgumentTypeError(f"{op_name}: axis must be an int, received {axis!r}") from None
    if not -ndim <= index < ndim:
        raise OutOfRangeError(
            f"{op_name}: axis {index} is out of range for {ndim} dimension(s); "
            + (
                f"expected {-ndim} to {ndim - 1}"
                if ndim
                else "a tensor without dimensions has no axis"
            )
        )
    return index % ndim


def axes_tuple(op_name: str, axis: Any, ndim: int) -> tuple[int, ...]:
    """`axis` (None for all, an int, or several) as a tuple of distinct non-negative ints."""
    if axis is None:
        return tuple(range(ndim))
    parts = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple(axis_index(op_name, part, ndim) for part in parts)
    if len(set(axes)) != len(axes):
        raise InvalidArgumentError(f"{op_name}: axis {axis} names a dimension twice")
    return axes


def reduced(op_name: str, shape: Shape, axis: Any, keepdims: bool) -> Shape:
    """The shape after a reduction over `axis`."""
    axes = axes_tuple(op_name, axis, len(shape))
    if keepdims:
        return tuple(1 if index in axes else size for index, size in enumerate(shape))
    return tuple(size for index, size in enumerate(shape) if index not in axes)


def element_count(shape: Shape) -> int | None:
    """Number of elements; None where a dimension is not known."""
    return None if None in shape else math.prod(shape)


def as_shape(op_name: str, shape: Any) -> Shape:
    """`shape` (an int or a sequence of ints) as a tuple."""
    parts = (
        shape
        if isinstance(shape, (tuple, list))
        else tuple(shape)
        if hasattr(shape, "__iter__")
        else (shape,)
    )
    try:
        return tuple(None if part is None else operator.index(part) for part in parts)
    except TypeError:
        raise ArgumentTypeError(
            f"{op_name}: a shape consists of ints, received {shape!r}"
        ) from None


def new_shape(op_name: str, shape: Any) -> Shape:
    """`shape` of a new tensor: every dimension known and not negative."""
    sizes = as_shape(op_name, shape)
    if any(size is None or size < 0 for size in sizes):
        raise ShapeError(
            f"{op_name}: the sizes of a new tensor must be 0 or more, received shape {sizes}"
        )
    return sizes


def same_rank(op_name: str, names: Sequence[str], shapes: Sequence[Shape]) -> int:
    """The common number of dimensions of several shapes."""
    ranks = {len(shape) for shape in shapes}
    if len(ranks) != 1:
        text = ", ".join(
            f"{name} has shape {shape}" for name, shape in zip(names, shapes, strict=True)
        )
        raise ShapeError(f"{op_name}: expected the same number of dimensions, but {text}")
    return ranks.pop()
