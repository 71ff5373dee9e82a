"""Shapes: the same elements under another shape, repeated, or with their dimensions moved."""

from __future__ import annotations

import math
from typing import Any

from tensorcore import dtypes
from tensorcore.errors import InvalidArgumentError, ShapeError
from tensorcore.ops.composing import composed
from tensorcore.ops.record import Spec, op
from tensorcore.ops.shapes import (
    as_shape,
    axes_tuple,
    broadcast,
    element_count,
)

# Shape --------------------------------------------------------------------------------------------


def _reshaped(xp: Any, x: Any, shape: tuple[int, ...], copy: Any) -> Any:
    result = xp.reshape(x, shape)
    if copy is None or x.size == 0:
        return result
    shared = xp.may_share_memory(result, x)
    if copy and shared:
        return xp.array(result, copy=True)
    if copy is False and not shared:
        raise InvalidArgumentError(
            f"reshape: copy=False, but a tensor of shape {x.shape} that is not contiguous has to "
            "be copied; leave copy out"
        )
    return result


@op(
    reference=lambda xp, x, shape, copy: _reshaped(xp, x, as_shape("reshape", shape), copy),
    gradient=(lambda g, x_shape: reshape(g, x_shape),),
    samples=lambda rng: [
        ((rng.normal(size=(2, 6)),), {"shape": (3, -1)}),
        ((rng.normal(size=(2, 3)),), {"shape": (6,)}),
        ((rng.normal(size=()),), {"shape": (1, 1)}),
    ],
    is_view=True,
    trusted_on=("cpu",),
)
def reshape(x, /, shape, *, copy=None):
    """The same elements, in row-major order, under another shape.

    Args:
        x: tensor of any dtype.
        shape: the new shape; one size may be -1 and is then computed.
        copy: True copies always, None where needed; False refuses what needs a copy.

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


@composed
def permute_dims(x: Any, /, axes: Any) -> Any:
    """The dimensions in another order: `transpose` under the array API's name.

    >>> tc.permute_dims(tc.zeros((2, 3, 4)), (2, 0, 1)).shape
    (4, 2, 3)
    """
    return transpose(x, axes)


@composed
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


@composed
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
def expand_dims(x, /, axis):
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


def _sum_to_axes(x: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    lead = x.ndim - len(shape)
    stretched = (
        index + lead for index, size in enumerate(shape) if size == 1 and x.shape[index + lead] != 1
    )
    return (*range(lead), *stretched)


def _sum_to_reference(xp: Any, x: Any, shape: tuple[int, ...]) -> Any:
    total = dtypes.accumulator(x.dtype)
    sums = xp.sum(x, axis=_sum_to_axes(x, shape), keepdims=True, dtype=total)
    return sums.reshape(shape).astype(x.dtype, copy=False)


def _sum_to_into(xp: Any, out: Any, x: Any, shape: tuple[int, ...]) -> None:
    if dtypes.accumulator(x.dtype) != x.dtype:
        out[...] = _sum_to_reference(xp, x, shape)
        return
    axes = _sum_to_axes(x, shape)
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
    xp.sum(x, axis=axes, keepdims=True, dtype=x.dtype, out=out.reshape(kept))


@op(
    reference=_sum_to_reference,
    into=_sum_to_into,
    gradient=(lambda g, x_shape: broadcast_to(g, x_shape),),
    samples=lambda rng: [
        ((rng.normal(size=(2, 3, 4)),), {"shape": (3, 1)}),
        ((rng.normal(size=(2, 3)),), {"shape": ()}),
        ((rng.normal(size=(2, 3)),), {"shape": (2, 3)}),
    ],
)
def sum_to(x, /, *, shape):
    """The sum over the dimensions that broadcasting from `shape` added or stretched.

    >>> tc.ops.shaping.sum_to(tc.ones((2, 3)), shape=(1, 3)).tolist()
    [[2.0, 2.0, 2.0]]
    """
    wanted = as_shape("sum_to", shape)
    if None not in wanted and None not in x.shape:
        broadcast_to.rule(Spec(wanted, x.dtype), tuple(x.shape))
    return Spec(wanted, x.dtype)


@composed
def broadcast_arrays(*arrays: Any) -> tuple[Any, ...]:
    """Each tensor broadcast to the shape they have in common.

    >>> [t.shape for t in tc.broadcast_arrays(tc.zeros((3, 1)), tc.zeros(2))]
    [(3, 2), (3, 2)]
    """
    shape = broadcast(
        "broadcast_arrays", {f"arrays[{i}]": tuple(a.shape) for i, a in enumerate(arrays)}
    )
    return tuple(broadcast_to(array, shape) for array in arrays)


@composed
def broadcast_shapes(*shapes: Any) -> tuple[Any, ...]:
    """The shape in which tensors of the given shapes meet; None stands for an unknown size.

    >>> tc.broadcast_shapes((3, 1), (2,))
    (3, 2)
    """
    named = {f"shapes[{i}]": as_shape("broadcast_shapes", s) for i, s in enumerate(shapes)}
    return broadcast("broadcast_shapes", named)
