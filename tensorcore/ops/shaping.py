"""Operations that arrange elements anew and compute nothing."""

from __future__ import annotations

import math
import operator
from typing import Any

from tensorcore.errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from tensorcore.ops.record import Spec, op
from tensorcore.ops.reductions import sum as sum_
from tensorcore.ops.shapes import (
    as_shape,
    axes_tuple,
    axis_index,
    broadcast,
    element_count,
    same_rank,
)

# Shape --------------------------------------------------------------------------------------------


@op(
    reference=lambda xp, x, shape: xp.reshape(x, as_shape("reshape", shape)),
    gradient=(lambda g, x_shape: reshape(g, x_shape),),
    samples=lambda rng: [
        ((rng.normal(size=(2, 6)),), {"shape": (3, -1)}),
        ((rng.normal(size=(2, 3)),), {"shape": (6,)}),
        ((rng.normal(size=()),), {"shape": (1, 1)}),
    ],
    is_view=True,
    trusted_on=("cpu",),
)
def reshape(x, /, shape):
    """The same elements, in row-major order, under another shape.

    Args:
        x: tensor of any dtype.
        shape: the new shape; one size may be -1 and is then computed.

    Raises:
        ShapeError: the number of elements differs.

    >>> tc.reshape(tc.arange(6), (2, -1)).tolist()
    [[0, 1, 2], [3, 4, 5]]
    """
    wanted = as_shape("reshape", shape)
    if wanted.count(-1) > 1:
        raise ShapeError(f"reshape: only one size can be -1, received shape {shape}")
    count = element_count(tuple(x.shape))
    known = math.prod(size for size in wanted if size not in (-1, None))
    if count is None or None in wanted:
        return Spec(tuple(None if size in (-1, None) else size for size in wanted), x.dtype)
    if -1 in wanted and known and count % known == 0:
        wanted = tuple(count // known if size == -1 else size for size in wanted)
    if min(wanted, default=0) < 0 or math.prod(wanted) != count:
        raise ShapeError(
            f"reshape: a tensor of shape {tuple(x.shape)} has {count} elements, "
            f"which do not fit shape {tuple(as_shape('reshape', shape))}"
        )
    return Spec(wanted, x.dtype)


def _transpose_axes(x: Any, axes: Any) -> tuple[int, ...]:
    if axes is None:
        return tuple(reversed(range(len(x.shape))))
    order = axes_tuple("transpose", axes, len(x.shape))
    if len(order) != len(x.shape):
        raise ShapeError(
            f"transpose: axes must name each of the {len(x.shape)} dimensions once, received {axes}"
        )
    return order


def _transpose_back(g: Any, axes: Any) -> Any:
    if axes is None:
        return transpose(g)
    order = axes_tuple("transpose", axes, len(axes))
    return transpose(g, tuple(order.index(i) for i in range(len(order))))


@op(
    reference=lambda xp, x, axes: xp.transpose(x, axes),
    gradient=(_transpose_back,),
    samples=lambda rng: [
        ((rng.normal(size=(2, 3)),), {}),
        ((rng.normal(size=(2, 3, 4)),), {"axes": (1, -1, 0)}),
        ((rng.normal(size=()),), {}),
    ],
    is_view=True,
    trusted_on=("cpu",),
)
def transpose(x, /, axes=None):
    """The dimensions in another order; reversed by default.

    Args:
        x: tensor of any dtype.
        axes: for each dimension of the result the dimension of x it comes from.

    >>> tc.transpose(tc.asarray([[1, 2, 3]])).tolist()
    [[1], [2], [3]]
    """
    return Spec(tuple(x.shape[axis] for axis in _transpose_axes(x, axes)), x.dtype)


def permute_dims(x: Any, /, axes: Any) -> Any:
    """The dimensions in another order: `transpose` under the array API's name.

    >>> tc.permute_dims(tc.zeros((2, 3, 4)), (2, 0, 1)).shape
    (4, 2, 3)
    """
    return transpose(x, axes)


def matrix_transpose(x: Any, /) -> Any:
    """The last two dimensions swapped.

    >>> tc.matrix_transpose(tc.zeros((5, 2, 3))).shape
    (5, 3, 2)
    """
    ndim = len(x.shape)
    if ndim < 2:
        raise ShapeError(
            f"matrix_transpose: expected at least 2 dimensions, received shape {tuple(x.shape)}"
        )
    return transpose(x, (*range(ndim - 2), ndim - 1, ndim - 2))


def moveaxis(x: Any, source: Any, destination: Any, /) -> Any:
    """Some dimensions moved to other places, the rest in their order.

    >>> tc.moveaxis(tc.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    ndim = len(x.shape)
    sources = axes_tuple("moveaxis", source, ndim)
    targets = axes_tuple("moveaxis", destination, ndim)
    if len(sources) != len(targets):
        raise InvalidArgumentError(
            f"moveaxis: source {source} and destination {destination} differ in number"
        )
    order = [axis for axis in range(ndim) if axis not in sources]
    for target, axis in sorted(zip(targets, sources, strict=True)):
        order.insert(target, axis)
    return transpose(x, tuple(order))


def _expand_reference(xp: Any, x: Any, axis: Any) -> Any:
    return xp.expand_dims(x, tuple(axis) if isinstance(axis, list) else axis)


@op(
    reference=_expand_reference,
    gradient=(lambda g, x_shape: reshape(g, x_shape),),
    samples=lambda rng: [
        ((rng.normal(size=(2, 3)),), {"axis": 1}),
        ((rng.normal(size=(2,)),), {"axis": (0, -1)}),
    ],
    is_view=True,
    trusted_on=("cpu",),
)
def expand_dims(x, /, axis=0):
    """A dimension of size 1 inserted so that it stands at `axis` of the result.

    >>> tc.expand_dims(tc.zeros((2, 3)), axis=-1).shape
    (2, 3, 1)
    """
    count = len(axis) if isinstance(axis, (tuple, list)) else 1
    ndim = len(x.shape) + count
    places = axes_tuple("expand_dims", axis, ndim)
    sizes = iter(x.shape)
    return Spec(tuple(1 if place in places else next(sizes) for place in range(ndim)), x.dtype)


def _squeeze_reference(xp: Any, x: Any, axis: Any) -> Any:
    return xp.squeeze(x, tuple(axis) if isinstance(axis, list) else axis)


@op(
    reference=_squeeze_reference,
    gradient=(lambda g, x_shape: reshape(g, x_shape),),
    samples=lambda rng: [
        ((rng.normal(size=(2, 1, 3, 1)),), {"axis": 1}),
        ((rng.normal(size=(1, 3, 1)),), {}),
        ((rng.normal(size=(1, 3, 1)),), {"axis": (0, -1)}),
    ],
    is_view=True,
)
def squeeze(x, /, axis=None):
    """Dimensions of size 1 removed: those named, or all.

    >>> tc.squeeze(tc.zeros((1, 3, 1)), axis=0).shape
    (3, 1)
    """
    shape = tuple(x.shape)
    if axis is None and None in shape:
        raise InvalidArgumentError(
            f"squeeze: axis is needed, since shape {shape} has an unknown size"
        )
    if axis is None:
        return Spec(tuple(size for size in shape if size != 1), x.dtype)
    places = axes_tuple("squeeze", axis, len(shape))
    for place in places:
        if shape[place] not in (1, None):
            raise ShapeError(
                f"squeeze: axis {place} of shape {shape} has size {shape[place]}, not 1"
            )
    return Spec(tuple(size for i, size in enumerate(shape) if i not in places), x.dtype)


# Broadcasting -------------------------------------------------------------------------------------


@op(
    reference=lambda xp, x, shape: xp.broadcast_to(x, as_shape("broadcast_to", shape)),
    gradient=(lambda g, x_shape: sum_to(g, shape=x_shape),),
    samples=lambda rng: [
        ((rng.normal(size=(3, 1)),), {"shape": (2, 3, 4)}),
        ((rng.normal(size=()),), {"shape": (2,)}),
    ],
    is_view=True,
    trusted_on=("cpu",),
)
def broadcast_to(x, /, shape):
    """The tensor repeated along dimensions of size 1, and along new ones in front, up to `shape`.

    >>> tc.broadcast_to(tc.asarray([1, 2]), (2, 2)).tolist()
    [[1, 2], [1, 2]]
    """
    wanted = as_shape("broadcast_to", shape)
    own = tuple(x.shape)
    fits = len(own) <= len(wanted) and all(
        size in (1, target, None) or target is None
        for size, target in zip(reversed(own), reversed(wanted), strict=False)
    )
    if not fits:
        raise ShapeError(f"broadcast_to: shape {own} cannot be broadcast to {wanted}")
    return Spec(wanted, x.dtype)


def _sum_to_reference(xp: Any, x: Any, shape: tuple[int, ...]) -> Any:
    lead = x.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(
        index + lead for index, size in enumerate(shape) if size == 1 and x.shape[index + lead] != 1
    )
    return xp.sum(x, axis=axes, keepdims=True, dtype=x.dtype).reshape(shape)


@op(
    reference=_sum_to_reference,
    gradient=(lambda g, x_shape: broadcast_to(g, x_shape),),
    samples=lambda rng: [
        ((rng.normal(size=(2, 3, 4)),), {"shape": (3, 1)}),
        ((rng.normal(size=(2, 3)),), {"shape": ()}),
        ((rng.normal(size=(2, 3)),), {"shape": (2, 3)}),
    ],
)
def sum_to(x, /, *, shape):
    """The sum over the dimensions that broadcasting from `shape` added or stretched.

    >>> tc.sum_to(tc.ones((2, 3)), shape=(1, 3)).tolist()
    [[2.0, 2.0, 2.0]]
    """
    wanted = as_shape("sum_to", shape)
    if None not in wanted and None not in x.shape:
        broadcast_to.rule(Spec(wanted, x.dtype), tuple(x.shape))
    return Spec(wanted, x.dtype)


def broadcast_arrays(*arrays: Any) -> list[Any]:
    """Each tensor broadcast to the shape they have in common.

    >>> [t.shape for t in tc.broadcast_arrays(tc.zeros((3, 1)), tc.zeros(2))]
    [(3, 2), (3, 2)]
    """
    shape = broadcast(
        "broadcast_arrays", {f"arrays[{i}]": tuple(a.shape) for i, a in enumerate(arrays)}
    )
    return [broadcast_to(array, shape) for array in arrays]


@op(
    reference=lambda xp, x, repetitions: xp.tile(x, as_shape("tile", repetitions)),
    gradient=(lambda g, x_shape, repetitions: _tile_back(g, x_shape, repetitions),),
    samples=lambda rng: [
        ((rng.normal(size=(2, 3)),), {"repetitions": (2, 1)}),
        ((rng.normal(size=(3,)),), {"repetitions": (2, 2)}),
        ((rng.normal(size=(2, 3)),), {"repetitions": 2}),
    ],
)
def tile(x, /, repetitions):
    """The tensor laid side by side `repetitions` times along each dimension.

    >>> tc.tile(tc.asarray([1, 2]), 2).tolist()
    [1, 2, 1, 2]
    """
    own, counts = _tile_aligned(tuple(x.shape), repetitions)
    return Spec(
        tuple(None if n is None else n * c for n, c in zip(own, counts, strict=True)), x.dtype
    )


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
    return reshape(sum_(reshape(g, split_shape), axis=tuple(range(0, 2 * len(own), 2))), x_shape)


# Joining and splitting ----------------------------------------------------------------------------


def _part(g: Any, i: int, shapes: Any, axis: int) -> Any:
    axis = axis_index("concat", axis, len(shapes[0]))
    start = sum(shape[axis] for shape in shapes[:i])
    return cut(g, axis=axis, start=start, stop=start + shapes[i][axis])


@op(
    reference=lambda xp, arrays, axis: xp.concatenate(arrays, axis=axis),
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
def concat(arrays, /, *, axis=0):
    """Tensors joined along an existing dimension.

    Args:
        arrays: tensors whose shapes differ along `axis` only.
        axis: the dimension to join along; None joins the flattened tensors.

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

    >>> tc.cut(tc.arange(5), axis=0, start=1, stop=3).tolist()
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


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """The slices along a dimension, each without that dimension.

    >>> [part.tolist() for part in tc.unstack(tc.asarray([[1, 2], [3, 4]]))]
    [[1, 2], [3, 4]]
    """
    place = axis_index("unstack", axis, len(x.shape))
    return tuple(take_one(x, i, place, len(x.shape)) for i in range(x.shape[place]))


# Padding, order -----------------------------------------------------------------------------------


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
    reference=_pad_reference,
    gradient=(_pad_back,),
    samples=lambda rng: [
        ((rng.normal(size=(2, 3)),), {"pad_width": [(1, 0), (0, 2)]}),
        ((rng.normal(size=(2,)),), {"pad_width": 1, "constant_value": 3.0}),
    ],
)
def pad(x, /, pad_width, *, constant_value=0):
    """The tensor with a border of one value.

    Args:
        x: tensor of any dtype.
        pad_width: cells before and after, a pair for each dimension; one int for all.
        constant_value: what the border holds.

    >>> tc.pad(tc.asarray([1, 2]), [(1, 0)]).tolist()
    [0, 1, 2]
    """
    width = _pad_width(x, pad_width)
    sizes = zip(x.shape, width, strict=True)
    return Spec(
        tuple(None if n is None else n + before + after for n, (before, after) in sizes), x.dtype
    )


@op(
    reference=lambda xp, x, axis: xp.flip(x, axes_tuple("flip", axis, x.ndim)),
    gradient=(lambda g, axis: flip(g, axis=axis),),
    samples=lambda rng: [
        ((rng.normal(size=(2, 3)),), {}),
        ((rng.normal(size=(2, 3)),), {"axis": -1}),
    ],
    is_view=True,
)
def flip(x, /, *, axis=None):
    """The elements in reverse order along the named dimensions, or along all.

    >>> tc.flip(tc.arange(3)).tolist()
    [2, 1, 0]
    """
    axes_tuple("flip", axis, len(x.shape))
    return Spec(tuple(x.shape), x.dtype)


def _negated(shift: Any) -> Any:
    return tuple(-s for s in shift) if isinstance(shift, (tuple, list)) else -shift


@op(
    reference=lambda xp, x, shift, axis: xp.roll(x, shift, axis=axis),
    gradient=(lambda g, shift, axis: roll(g, _negated(shift), axis=axis),),
    samples=lambda rng: [
        ((rng.normal(size=(2, 5)),), {"shift": 2, "axis": 1}),
        ((rng.normal(size=(2, 5)),), {"shift": 3}),
        ((rng.normal(size=(2, 5)),), {"shift": (1, -1), "axis": (0, 1)}),
    ],
)
def roll(x, /, shift, *, axis=None):
    """The elements moved on by `shift` places; what leaves at the end comes back in front.

    >>> tc.roll(tc.arange(4), 1).tolist()
    [3, 0, 1, 2]
    """
    if axis is not None:
        axes = axes_tuple("roll", axis, len(x.shape))
        if isinstance(shift, (tuple, list)) and len(shift) != len(axes):
            raise InvalidArgumentError(f"roll: {len(shift)} shifts, but {len(axes)} axes")
    for part in shift if isinstance(shift, (tuple, list)) else (shift,):
        if not isinstance(part, int):
            raise ArgumentTypeError(f"roll: shift must be an int, received {part!r}")
    return Spec(tuple(x.shape), x.dtype)
