"""Elements repeated: tile, repeat, meshgrid."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import DTypeError, InvalidArgumentError, ShapeError
from tensorcore.ops.composing import composed
from tensorcore.ops.record import Spec, op
from tensorcore.ops.reductions import sum
from tensorcore.ops.shapes import as_shape, axis_index
from tensorcore.ops.shaping import broadcast_to, reshape
from tensorcore.tensor import as_tensor


@op(
    reference=lambda xp, x, repetitions: xp.tile(x, as_shape("tile", repetitions)),
    gradient=(lambda g, x_shape, repetitions: _tile_back(g, x_shape, repetitions),),
    samples=lambda rng: [
        ((rng.normal(size=(2, 3)),), {"repetitions": (2, 1)}),
        ((rng.normal(size=(3,)),), {"repetitions": (2, 2)}),
        ((rng.normal(size=(2, 3)),), {"repetitions": 2}),
        ((rng.normal(size=(2, 3)),), {"repetitions": (0, 1)}),
    ],
)
def tile_(x, /, repetitions):
    """The tensor laid side by side `repetitions` times along each dimension: what `tile` does."""
    own, counts = _tile_aligned(tuple(x.shape), repetitions)
    return Spec(
        tuple(None if n is None else n * c for n, c in zip(own, counts, strict=True)), x.dtype
    )


@composed
def tile(x: Any, repetitions: Any, /) -> Any:
    """The tensor laid side by side `repetitions` times along each dimension.

    Args:
        x: tensor of any dtype.
        repetitions: one count a dimension, aligned at the last; dimensions are added in front.

    >>> tc.tile(tc.asarray([1, 2]), 2).tolist()
    [1, 2, 1, 2]
    """
    return tile_(x, repetitions)


def _tile_aligned(
    shape: tuple[Any, ...], repetitions: Any
) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    counts = as_shape("tile", repetitions)
    if min(counts, default=0) < 0:
        raise InvalidArgumentError(
            f"tile: repetitions must not be negative, received {repetitions}"
        )
    ndim = max(len(shape), len(counts))
    return (1,) * (ndim - len(shape)) + shape, (1,) * (ndim - len(counts)) + counts


def _tile_back(g: Any, x_shape: tuple[int, ...], repetitions: Any) -> Any:
    own, counts = _tile_aligned(x_shape, repetitions)
    split_shape = tuple(size for pair in zip(counts, own, strict=True) for size in pair)
    return reshape(sum(reshape(g, split_shape), axis=tuple(range(0, 2 * len(own), 2))), x_shape)


@composed
def repeat(x: Any, repeats: Any, /, *, axis: int | None = None) -> Any:
    """Each element (each slice along `axis`) repeated next to itself.

    Args:
        x: tensor of any dtype.
        repeats: how often; an int, or a tensor of ints with one count a slice.
        axis: the dimension along which to repeat; None flattens x first.

    >>> tc.repeat(tc.asarray([1, 2]), 2).tolist()
    [1, 1, 2, 2]
    """
    from tensorcore.ops.indexing import take

    x = as_tensor(x)
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    place = axis_index("repeat", axis, x.ndim)
    counts = np.asarray(repeats)
    if dtypes.KIND.get(counts.dtype) != "integer":
        raise DTypeError(f"repeat: repeats must be integers, received {counts.dtype.name}")
    if counts.ndim > 1 or counts.size not in (1, x.shape[place]):
        raise ShapeError(
            f"repeat: repeats must be one int, or {x.shape[place]} of them, one for each slice "
            f"along axis {axis}; received shape {counts.shape}"
        )
    if counts.size and counts.min() < 0:
        raise InvalidArgumentError("repeat: repeats must not be negative")
    numbers = np.repeat(np.arange(x.shape[place]), counts)
    return take(x, as_tensor(numbers, device=x.device), axis=place)


@composed
def meshgrid(*arrays: Any, indexing: str = "xy") -> tuple[Any, ...]:
    """The coordinates of a grid, one tensor a dimension.

    Args:
        arrays: the coordinates along each dimension, of one dimension.
        indexing: "xy" swaps the first two dimensions of the grid, as plots want it; "ij" does not.

    >>> x, y = tc.meshgrid(tc.asarray([1, 2, 3]), tc.asarray([4, 5]))
    >>> x.shape, y.tolist()
    ((2, 3), [[4, 4, 4], [5, 5, 5]])
    """
    if indexing not in ("xy", "ij"):
        raise InvalidArgumentError(
            f'meshgrid: indexing must be "xy" or "ij", received {indexing!r}'
        )
    tensors = [as_tensor(array) for array in arrays]
    for number, tensor in enumerate(tensors):
        if tensor.ndim > 1:
            raise ShapeError(
                f"meshgrid: arrays[{number}] must have one dimension, received shape {tensor.shape}"
            )
    count = len(tensors)
    places = list(range(count))
    if indexing == "xy" and count > 1:
        places[:2] = [1, 0]
    shape = [1] * count
    for place, tensor in zip(places, tensors, strict=True):
        shape[place] = tensor.size
    results = []
    for place, tensor in zip(places, tensors, strict=True):
        own = [1] * count
        own[place] = tensor.size
        results.append(broadcast_to(reshape(tensor, tuple(own)), tuple(shape)))
    return tuple(results)
