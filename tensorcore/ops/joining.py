"""Tensors joined, cut into parts, and given a border."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tensorcore.errors import InvalidArgumentError, ShapeError
from tensorcore.ops.composing import composed
from tensorcore.ops.record import Spec, op
from tensorcore.ops.shapes import axis_index, same_rank
from tensorcore.ops.shaping import reshape, squeeze
from tensorcore.tensor import as_tensor

# Joining ------------------------------------------------------------------------------------------


def _part(g: Any, i: int, shapes: Any, axis: int) -> Any:
    axis = axis_index("concat", axis, len(shapes[0]))
    start = sum(shape[axis] for shape in shapes[:i])
    return cut(g, axis=axis, start=start, stop=start + shapes[i][axis])


@composed
def concat(arrays: Any, /, *, axis: int | None = 0) -> Any:
    """Tensors joined along an existing dimension.

    Args:
        arrays: tensors whose shapes differ along `axis` only.
        axis: the dimension to join along; None joins the flattened tensors.

    >>> tc.concat([tc.asarray([1, 2]), tc.asarray([3])]).tolist()
    [1, 2, 3]
    """
    if axis is None:
        arrays, axis = [reshape(as_tensor(array), (-1,)) for array in arrays], 0
    return concatenate(arrays, axis=axis)


def _pieces(out: Any, arrays: Any, axis: int) -> list[Any]:
    """The parts of the result that hold the inputs."""
    place = axis % out.ndim
    views, start = [], 0
    for array in arrays:
        stop = start + array.shape[place]
        views.append(out[(slice(None),) * place + (slice(start, stop),)])
        start = stop
    return views


@op(
    name="concat",
    reference=lambda xp, arrays, axis: xp.concatenate(arrays, axis=axis),
    pieces=_pieces,
    gradient=(_part,),
    samples=lambda rng: [
        (([rng.normal(size=(2, 3)), rng.normal(size=(4, 3))],), {}),
        (
            ([rng.normal(size=(2, 3)), rng.normal(size=(2, 0)), rng.normal(size=(2, 1))],),
            {"axis": -1},
        ),
    ],
    promote=("arrays",),
    variadic=True,
)
def concatenate(arrays, /, *, axis=0):
    """Tensors joined along an existing dimension: what `concat` does.

    >>> tc.concat([tc.asarray([1, 2]), tc.asarray([3])]).tolist()
    [1, 2, 3]
    """
    if not arrays:
        raise InvalidArgumentError("concat: expected at least one tensor, received none")
    shapes = [tuple(array.shape) for array in arrays]
    ndim = same_rank("concat", [f"arrays[{i}]" for i in range(len(arrays))], shapes)
    place = axis_index("concat", axis, ndim)
    others = {shape[:place] + shape[place + 1 :] for shape in shapes}
    if len(others) > 1 and not any(None in rest for rest in others):
        raise ShapeError(
            f"concat: shapes may differ along axis {axis} only, received "
            + ", ".join(map(str, shapes))
        )
    sizes = [shape[place] for shape in shapes]
    total = None if None in sizes else sum(sizes)
    return Spec((*shapes[0][:place], total, *shapes[0][place + 1 :]), arrays[0].dtype)


@op(
    reference=lambda xp, arrays, axis: xp.stack(arrays, axis=axis),
    gradient=(lambda g, i, axis, shapes: take_one(g, i, axis, len(shapes[0]) + 1),),
    samples=lambda rng: [
        (([rng.normal(size=(2, 3)), rng.normal(size=(2, 3))],), {}),
        (([rng.normal(size=(2,)), rng.normal(size=(2,))],), {"axis": -1}),
    ],
    promote=("arrays",),
    variadic=True,
)
def stack(arrays, /, *, axis=0):
    """Tensors of one shape joined along a new dimension.

    >>> tc.stack([tc.asarray([1, 2]), tc.asarray([3, 4])]).tolist()
    [[1, 2], [3, 4]]
    """
    if not arrays:
        raise InvalidArgumentError("stack: expected at least one tensor, received none")
    shapes = [tuple(array.shape) for array in arrays]
    if len(set(shapes)) > 1 and not any(None in shape for shape in shapes):
        raise ShapeError(
            f"stack: expected tensors of one shape, received {', '.join(map(str, shapes))}"
        )
    place = axis_index("stack", axis, len(shapes[0]) + 1)
    return Spec((*shapes[0][:place], len(arrays), *shapes[0][place:]), arrays[0].dtype)


def _cut_reference(xp: Any, x: Any, axis: int, start: int, stop: int) -> Any:
    return x[(slice(None),) * (axis % x.ndim) + (slice(start, stop),)]


def _cut_back(g: Any, x_shape: tuple[int, ...], axis: int, start: int, stop: int) -> Any:
    axis = axis % len(x_shape)
    width = [(0, 0)] * len(x_shape)
    width[axis] = (start, x_shape[axis] - stop)
    return pad(g, width)


@op(
    reference=_cut_reference,
    gradient=(_cut_back,),
    samples=lambda rng: [((rng.normal(size=(4, 3)),), {"axis": 0, "start": 1, "stop": 3})],
    is_view=True,
)
def cut(x, /, *, axis, start, stop):
    """The slice [start, stop) along one dimension; 0 <= start <= stop <= size.

    >>> tc.ops.joining.cut(tc.arange(5), axis=0, start=1, stop=3).tolist()
    [1, 2]
    """
    place = axis_index("cut", axis, len(x.shape))
    size = x.shape[place]
    if not 0 <= start <= stop or (size is not None and stop > size):
        raise InvalidArgumentError(
            f"cut: [{start}, {stop}) does not lie within axis {axis} of size {size}"
        )
    return Spec((*x.shape[:place], stop - start, *x.shape[place + 1 :]), x.dtype)


def take_one(x: Any, index: int, axis: int, ndim: int) -> Any:
    """The `index`-th slice along a dimension, without that dimension."""
    place = axis_index("stack", axis, ndim)
    return squeeze(cut(x, axis=place, start=index, stop=index + 1), axis=place)


@composed
def split(x: Any, /, indices_or_sections: Any, *, axis: int = 0) -> list[Any]:
    """The tensor cut into parts along a dimension.

    Args:
        x: tensor of any dtype.
        indices_or_sections: the number of equal parts, or the places at which to cut.
        axis: the dimension to cut.

    >>> [part.tolist() for part in tc.split(tc.arange(4), 2)]
    [[0, 1], [2, 3]]
    """
    place = axis_index("split", axis, len(x.shape))
    size = x.shape[place]
    if isinstance(indices_or_sections, (tuple, list)):
        ends = [min(operator.index(end), size) for end in indices_or_sections]
    else:
        sections = operator.index(indices_or_sections)
        if sections < 1 or size % sections:
            raise InvalidArgumentError(
                f"split: axis {axis} of size {size} cannot be cut into {sections} equal parts"
            )
        ends = [size // sections * i for i in range(1, sections)]
    starts = [0, *ends]
    return [
        cut(x, axis=place, start=start, stop=max(start, stop))
        for start, stop in zip(starts, [*ends, size], strict=True)
    ]


@op(
    reference=lambda xp, x, axis: tuple(part.copy() for part in xp.moveaxis(x, axis, 0)),
    gradient=(lambda g, axis: stack(list(g) if type(g) is tuple else [g], axis=axis),),
    samples=lambda rng: [
        ((rng.normal(size=(2, 3)),), {}),
        ((rng.normal(size=(1, 3)),), {}),
        ((rng.normal(size=(2, 3)),), {"axis": -1}),
    ],
)
def unstack(x, /, *, axis=0):
    """The slices along a dimension, each without that dimension.

    >>> [part.tolist() for part in tc.unstack(tc.asarray([[1, 2], [3, 4]]))]
    [[1, 2], [3, 4]]
    """
    place = axis_index("unstack", axis, len(x.shape))
    shape = tuple(x.shape)
    if shape[place] is None:
        raise ShapeError(f"unstack: dimension {axis} must be known, received shape {shape}")
    return (Spec((*shape[:place], *shape[place + 1 :]), x.dtype),) * shape[place]


# Borders ------------------------------------------------------------------------------------------


def _pad_width(x: Any, pad_width: Any) -> list[tuple[int, int]]:
    ndim = len(x.shape)
    if isinstance(pad_width, int):
        return [(pad_width, pad_width)] * ndim
    width = [(pair, pair) if isinstance(pair, int) else tuple(pair) for pair in pad_width]
    if len(width) != ndim or any(len(pair) != 2 or min(pair) < 0 for pair in width):
        raise InvalidArgumentError(
            f"pad: pad_width needs a pair of non-negative ints for each of {ndim} dimension(s), "
            f"received {pad_width}"
        )
    return width  # type: ignore[return-value]


def _pad_reference(xp: Any, x: Any, pad_width: Any, constant_value: Any) -> Any:
    return xp.pad(x, _pad_width(x, pad_width), mode="constant", constant_values=constant_value)


def _pad_back(g: Any, x_shape: tuple[int, ...], pad_width: Any) -> Any:
    for axis, (before, _) in enumerate(_pad_width(g, pad_width)):
        g = cut(g, axis=axis, start=before, stop=before + x_shape[axis])
    return g


@op(
    name="pad",
    reference=_pad_reference,
    gradient=(_pad_back,),
    samples=lambda rng: [
        ((rng.normal(size=(2, 3)),), {"pad_width": [(1, 0), (0, 2)]}),
        ((rng.normal(size=(2,)),), {"pad_width": 1, "constant_value": 3.0}),
    ],
)
def pad_with(x, /, pad_width, *, constant_value=0):
    """The tensor with a border of one value: what `pad` does by default."""
    width = _pad_width(x, pad_width)
    sizes = zip(x.shape, width, strict=True)
    return Spec(
        tuple(None if n is None else n + before + after for n, (before, after) in sizes), x.dtype
    )


MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


@composed
def pad(x: Any, /, pad_width: Any, *, mode: str = "constant", constant_value: Any = 0) -> Any:
    """The tensor with a border.

    Args:
        x: tensor of any dtype.
        pad_width: cells before and after, a pair for each dimension; one int for all.
        mode: what the border holds: "constant", or the elements next to it: "edge" (the last one),
            "reflect" (mirrored at the last element), "symmetric" (mirrored behind it), "wrap"
            (those of the other end).
        constant_value: the one value of "constant".

    >>> tc.pad(tc.asarray([1, 2]), [(1, 0)]).tolist()
    [0, 1, 2]
    >>> tc.pad(tc.asarray([1, 2, 3]), 1, mode="reflect").tolist()
    [2, 1, 2, 3, 2]
    """
    if mode == "constant":
        return pad_with(x, pad_width, constant_value=constant_value)
    if mode not in MODES:
        raise InvalidArgumentError(
            f"pad: mode must be one of {', '.join(MODES)}, received {mode!r}"
        )
    from tensorcore.ops.indexing import take

    x = as_tensor(x)
    for axis, width in enumerate(_pad_width(x, pad_width)):
        if not any(width):
            continue
        if not x.shape[axis]:
            raise InvalidArgumentError(f"pad: axis {axis} is empty, which leaves only constants")
        numbers = np.pad(np.arange(x.shape[axis]), width, mode=mode)  # type: ignore[call-overload]
        x = take(x, as_tensor(numbers, device=x.device), axis=axis)
    return x
