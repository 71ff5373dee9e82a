"""Choosing elements by index, and adding to elements by index."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.device import CPU, is_array
from tensorcore.errors import (
    ArgumentTypeError,
    DTypeError,
    OutOfRangeError,
    ShapeError,
)
from tensorcore.mode import listeners, mode
from tensorcore.ops.door import hand_out
from tensorcore.ops.record import Spec, op
from tensorcore.ops.shapes import axis_index
from tensorcore.tensor import StandIn, Tensor, as_tensor, wrap

# Along one axis -----------------------------------------------------------------------------------


def _check_integer(op_name: str, argument: str, dtype: np.dtype) -> None:
    if not dtypes.is_integer(dtype):
        raise DTypeError(
            f"{op_name}: {argument} must have an integer dtype, received {dtype.name}; "
            f"convert with tc.astype({argument}, tc.int32)"
        )


def _take_message(op_name: str) -> str:
    return op_name + ": index {value} is out of range; expected {low} to {last}"


def _take_bounds(x: Any, indices: Any, axis: int) -> Any:
    message = _take_message("take")
    if axis == 0 and len(x.shape) == 2:
        message += ". In an Embedding input_dim must be greater than every number of the input"
    return [(1, 0, x.shape[axis], message)]


@op(
    reference=lambda xp, x, indices, axis: xp.take(x, indices, axis=axis),
    gradient=(
        lambda g, x_shape, x_dtype, indices, axis: scatter_add(
            _zeros(x_shape, x_dtype, g), indices, g, axis=axis
        ),
        "none: indices",
    ),
    samples=lambda rng: [
        ((rng.normal(size=(5, 3)), np.array([0, 4, 0, 2], np.int32)), {}),
        ((rng.normal(size=(2, 4)), np.array([[1, 1], [3, 0]])), {"axis": 1}),
        ((rng.normal(size=(5,)), np.array(3)), {}),
    ],
    bounds=_take_bounds,
)
def take(x, indices, /, *, axis=0):
    """Slices of x chosen by number along a dimension: an embedding look-up if x is a table.

    Args:
        x: tensor.
        indices: integers of any shape, each from 0 to the size of the dimension minus 1.
        axis: the dimension to choose along.

    Returns:
        Shape x.shape[:axis] + indices.shape + x.shape[axis + 1:].

    Raises:
        OutOfRangeError: an index is negative or too large.

    >>> tc.take(tc.asarray([10, 20, 30]), tc.asarray([2, 0])).tolist()
    [30, 10]
    """
    _check_integer("take", "indices", indices.dtype)
    place = axis_index("take", axis, len(x.shape))
    return Spec((*x.shape[:place], *indices.shape, *x.shape[place + 1 :]), x.dtype)


def _zeros(shape: tuple[int, ...], dtype: Any, like: Any) -> Any:
    from tensorcore.ops.creation import zeros

    return zeros(shape, dtype=dtype, device=like.device)


def _scatter_reference(xp: Any, x: Any, indices: Any, updates: Any, axis: int) -> Any:
    result = xp.array(x, copy=True)
    place = axis % x.ndim
    xp.add.at(result, (slice(None),) * place + (indices,), updates)
    return result


@op(
    reference=_scatter_reference,
    gradient=(
        lambda g: g,
        "none: indices",
        lambda g, indices, axis: take(g, indices, axis=axis),
    ),
    samples=lambda rng: [
        ((rng.normal(size=(5, 3)), np.array([0, 4, 0], np.int32), rng.normal(size=(3, 3))), {}),
        ((rng.normal(size=(2, 4)), np.array([[1, 1]]), rng.normal(size=(2, 1, 2))), {"axis": 1}),
    ],
    promote=("x", "updates"),
    bounds=lambda x, indices, updates, axis: [(1, 0, x.shape[axis], _take_message("scatter_add"))],
)
def scatter_add(x, indices, updates, /, *, axis=0):
    """x with `updates` added at `indices` along a dimension; an index may occur several times.

    Args:
        x: tensor.
        indices: integers of any shape, each from 0 to the size of the dimension minus 1.
        updates: shape x.shape[:axis] + indices.shape + x.shape[axis + 1:].
        axis: the dimension that the indices count.

    >>> tc.scatter_add(tc.zeros(3), tc.asarray([0, 2, 2]), tc.ones(3)).tolist()
    [1.0, 0.0, 2.0]
    """
    _check_integer("scatter_add", "indices", indices.dtype)
    place = axis_index("scatter_add", axis, len(x.shape))
    expected = (*x.shape[:place], *indices.shape, *x.shape[place + 1 :])
    if tuple(updates.shape) != expected and None not in expected:
        raise ShapeError(
            f"scatter_add: updates must have shape {expected}, received {tuple(updates.shape)}"
        )
    return Spec(tuple(x.shape), x.dtype)


def _along_rule(op_name: str, x: Any, indices: Any, axis: int) -> int:
    _check_integer(op_name, "indices", indices.dtype)
    place = axis_index(op_name, axis, len(x.shape))
    rest = [tuple(v.shape[:place]) + tuple(v.shape[place + 1 :]) for v in (x, indices)]
    if rest[0] != rest[1] and not any(None in shape for shape in rest):
        raise ShapeError(
            f"{op_name}: x and indices must have the same shape except along axis {axis}, "
            f"received {tuple(x.shape)} and {tuple(indices.shape)}"
        )
    return place


@op(
    reference=lambda xp, x, indices, axis: xp.take_along_axis(x, indices, axis),
    gradient=(
        lambda g, x_shape, x_dtype, indices, axis: add_along_axis(
            _zeros(x_shape, x_dtype, g), indices, g, axis=axis
        ),
        "none: indices",
    ),
    samples=lambda rng: [
        ((rng.normal(size=(2, 4)), np.array([[0, 3, 3], [1, 1, 2]])), {}),
        ((rng.normal(size=(3, 2)), np.array([[2, 0]])), {"axis": 0}),
    ],
    bounds=lambda x, indices, axis: [(1, 0, x.shape[axis], _take_message("take_along_axis"))],
)
def take_along_axis(x, indices, /, *, axis=-1):
    """Elements chosen along a dimension, row by row: result[i, j] = x[i, indices[i, j]].

    >>> tc.take_along_axis(tc.asarray([[1, 2], [3, 4]]), tc.asarray([[1], [0]])).tolist()
    [[2], [3]]
    """
    _along_rule("take_along_axis", x, indices, axis)
    return Spec(tuple(indices.shape), x.dtype)


def _add_along_reference(xp: Any, x: Any, indices: Any, updates: Any, axis: int) -> Any:
    result = xp.array(x, copy=True)
    place = axis % x.ndim
    grid = list(xp.ogrid[tuple(slice(size) for size in indices.shape)])
    grid[place] = indices
    xp.add.at(result, tuple(grid), updates)
    return result


@op(
    reference=_add_along_reference,
    gradient=(
        lambda g: g,
        "none: indices",
        lambda g, indices, axis: take_along_axis(g, indices, axis=axis),
    ),
    samples=lambda rng: [
        ((rng.normal(size=(2, 4)), np.array([[0, 3, 3], [1, 1, 2]]), rng.normal(size=(2, 3))), {}),
    ],
    promote=("x", "updates"),
    bounds=lambda x, indices, updates, axis: [
        (1, 0, x.shape[axis], _take_message("add_along_axis"))
    ],
)
def add_along_axis(x, indices, updates, /, *, axis=-1):
    """x with `updates` added where `take_along_axis` would read.

    >>> x, indices, updates = tc.zeros((1, 2)), tc.asarray([[1]]), tc.ones((1, 1))
    >>> tc.ops.indexing.add_along_axis(x, indices, updates).tolist()
    [[0.0, 1.0]]
    """
    _along_rule("add_along_axis", x, indices, axis)
    if tuple(updates.shape) != tuple(indices.shape):
        raise ShapeError(
            f"add_along_axis: updates must have the shape of indices {tuple(indices.shape)}, "
            f"received {tuple(updates.shape)}"
        )
    return Spec(tuple(x.shape), x.dtype)


def _one_hot_reference(xp: Any, indices: Any, num_classes: int, dtype: Any, axis: int) -> Any:
    hits = indices[..., None] == xp.arange(num_classes)
    return xp.moveaxis(hits.astype(dtypes.as_dtype(dtype)), -1, axis)


@op(
    reference=_one_hot_reference,
    gradient="none: integer",
    samples=lambda rng: [
        ((np.array([0, 2, 1]),), {"num_classes": 3}),
        ((np.array([[0, 7]], np.int32),), {"num_classes": 4, "axis": 0, "dtype": "float64"}),
    ],
)
def one_hot(indices, /, num_classes, *, dtype="float32", axis=-1):
    """Vectors with a one at each index and zeros elsewhere; an index out of range gives zeros only.

    Args:
        indices: integers of any shape.
        num_classes: length of the vectors.
        dtype: dtype of the result.
        axis: where the new dimension stands.

    >>> tc.nn.one_hot(tc.asarray([0, 2]), 3).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    _check_integer("one_hot", "indices", indices.dtype)
    place = axis_index("one_hot", axis, len(indices.shape) + 1)
    return Spec(
        (*indices.shape[:place], num_classes, *indices.shape[place:]), dtypes.as_dtype(dtype)
    )


# x[...] -------------------------------------------------------------------------------------------


class Place:
    """Stands in an index for the n-th index tensor."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __repr__(self) -> str:
        return f"<index tensor {self.number}>"


def _filled(index: tuple[Any, ...], tensors: Any) -> tuple[Any, ...]:
    return tuple(tensors[part.number] if type(part) is Place else part for part in index)


def index_bounds(first: int) -> Any:
    """The `bounds` of a record whose index tensors begin at input number `first`."""

    def bounds(x: Any, *others: Any, index: tuple[Any, ...]) -> Any:
        tensors = others[first - 1 :]
        counts = [_dimensions(part, tensors) for part in index]
        axis = 0
        for part, count in zip(index, counts, strict=True):
            if part is Ellipsis:
                axis += x.ndim - sum(counts)
            elif type(part) is Place and tensors[part.number].dtype != dtypes.bool:
                size = x.shape[axis]
                message = (
                    f"indexing a tensor of shape {tuple(x.shape)}: index {{value}} is out of "
                    f"bounds for axis {axis} with size {size}"
                )
                yield first + part.number, -size, size, message
            axis += count

    return bounds


def _dimensions(part: Any, tensors: Any) -> int:
    """How many dimensions of x a part of an index stands for."""
    if part is None or part is Ellipsis:
        return 0
    is_mask = type(part) is Place and tensors[part.number].dtype == dtypes.bool
    return tensors[part.number].ndim if is_mask else 1


def _getitem_reference(xp: Any, inputs: Any, index: tuple[Any, ...]) -> Any:
    x, *tensors = inputs
    try:
        return x[_filled(index, tensors)]
    except IndexError as error:
        raise OutOfRangeError(f"indexing a tensor of shape {x.shape}: {error}") from None


def _getitem_gradient(g: Any, i: int, shapes: Any, inputs: Any, index: Any) -> Any:
    if i:
        return None
    return put_zeros([g, *inputs[1:]], shape=shapes[0], index=index)


@op(
    reference=_getitem_reference,
    gradient=(_getitem_gradient,),
    samples=lambda rng: [
        (([rng.normal(size=(4, 3))],), {"index": (slice(1, None, 2),)}),
        (([rng.normal(size=(4, 3))],), {"index": (Ellipsis, -1)}),
        (([rng.normal(size=(4, 3))],), {"index": (None, 2)}),
        (([rng.normal(size=(4, 3)), np.array([0, 0, -1])],), {"index": (Place(0), slice(None))}),
        (
            ([rng.normal(size=(4, 3)), np.array([True, False, True, True])],),
            {"index": (Place(0),)},
        ),
    ],
    variadic=True,
    is_view=True,
    trusted_on=("cpu",),
    bounds=index_bounds(1),
)
def getitem(inputs, /, *, index):
    """x[index] in NumPy's sense; `inputs` are x and the index tensors that `index` refers to."""
    x, *tensors = inputs
    if any(tensor.dtype == dtypes.bool for tensor in tensors):
        return Spec((None,) * len(x.shape), x.dtype)  # depends on the values
    shapes = [tuple(tensor.shape) for tensor in tensors]
    shape = _indexed_shape(tuple(x.shape), shapes, index, 10_007, 2)
    if None in x.shape or any(None in s for s in shapes):
        # What changes with the size that stands in for the unknown is unknown itself.
        other = _indexed_shape(tuple(x.shape), shapes, index, 10_009, 3)
        shape = tuple(a if a == b else None for a, b in zip(shape, other, strict=True))
    return Spec(shape, x.dtype)


def _indexed_shape(shape: Any, tensor_shapes: Any, index: Any, size: int, tensor_size: int) -> Any:
    """The shape of x[index] where unknown sizes of x and of the index tensors are as given."""
    known = tuple(size if n is None else n for n in shape)
    template = np.broadcast_to(np.empty((), np.bool_), known)
    stand_ins = [
        np.zeros(tuple(tensor_size if n is None else n for n in s), np.intp) for s in tensor_shapes
    ]
    try:
        return template[_filled(index, stand_ins)].shape
    except IndexError as error:
        raise OutOfRangeError(f"indexing a tensor of shape {shape}: {error}") from None


def _put_reference(xp: Any, inputs: Any, shape: tuple[int, ...], index: tuple[Any, ...]) -> Any:
    values, *tensors = inputs
    result = xp.zeros(shape, values.dtype)
    if tensors:
        xp.add.at(result, _filled(index, tensors), values)
    else:
        result[index] = values
    return result


@op(
    reference=_put_reference,
    gradient=(lambda g, i, inputs, index: None if i else getitem([g, *inputs[1:]], index=index),),
    samples=lambda rng: [
        (([rng.normal(size=(2, 3))],), {"shape": (4, 3), "index": (slice(1, None, 2),)}),
        (
            ([rng.normal(size=(3, 3)), np.array([0, 0, -1])],),
            {"shape": (4, 3), "index": (Place(0), slice(None))},
        ),
    ],
    variadic=True,
)
def put_zeros(inputs, /, *, shape, index):
    """Zeros of the given shape with values added at `index`: what `getitem` does, backwards."""
    return Spec(tuple(shape), inputs[0].dtype)


_PLAIN = frozenset((int, slice, type(None), type(Ellipsis)))


def index_tensor(x: Any, key: Any) -> Any:
    """x[key], as the tensors' `[]` calls it."""
    if type(x) is Tensor and x.device is CPU and not mode.sees_all:
        parts = key if type(key) is tuple else (key,)
        if all(type(part) in _PLAIN for part in parts):
            # The way past all checks: NumPy knows whether a plain index fits.
            try:
                result = x.data[key]
            except (IndexError, TypeError, ValueError):
                pass  # the long way says what is wrong
            else:
                getitem.runs["cpu", "reference"] += 1
                index = tuple(map(_plain_slice, parts)) if mode.tapes else parts
                return hand_out(getitem, CPU, (x,), {"index": index}, result)
    index, tensors = _parts(x, key)
    return getitem([x, *tensors], index=index)


def straight_item(x: Tensor, key: Any) -> Any:
    """x[key] of a tensor: slices and numbers go straight to NumPy where nobody listens."""
    if type(key) is slice and x.device is CPU and not listeners.threads and x.variable is None:
        try:
            view = x.data[key]
        except (IndexError, TypeError, ValueError):
            return index_tensor(x, key)  # says what is wrong
        tensor = Tensor()  # as `wrap` does it; calling that would take a third of the time
        tensor.data = view
        tensor.device = CPU
        tensor.variable = None
        tensor.serial = 0
        return tensor
    if type(key) is int and x.device is CPU and not listeners.threads and x.variable is None:
        try:
            return wrap(x.data[key], CPU)
        except IndexError:
            return index_tensor(x, key)
    return index_tensor(x, key)


def _parts(x: Any, key: Any) -> tuple[tuple[Any, ...], list[Any]]:
    """A key as an index with places, and the index tensors that stand there."""
    index: list[Any] = []
    tensors: list[Any] = []
    for part in key if isinstance(key, tuple) else (key,):
        if part is None or part is Ellipsis or isinstance(part, slice):
            index.append(_plain_slice(part))
        elif isinstance(part, int) and not isinstance(part, bool):
            index.append(part)
        elif (
            isinstance(part, (list, bool, Tensor)) or hasattr(part, "__tensor__") or is_array(part)
        ):
            _add_index_tensor(part, index, tensors, x)
        else:
            try:
                index.append(operator.index(part))
            except TypeError:
                raise ArgumentTypeError(
                    "a tensor is indexed by ints, slices, None, ... and integer or boolean "
                    f"tensors, received {part!r}"
                ) from None
    return tuple(index), tensors


def _plain_slice(part: Any) -> Any:
    if not isinstance(part, slice):
        return part
    bounds = (part.start, part.stop, part.step)
    return slice(*(None if bound is None else operator.index(bound) for bound in bounds))


def _add_index_tensor(part: Any, index: list[Any], tensors: list[Any], x: Any) -> None:
    tensor = as_tensor(part, device=x.device)
    if isinstance(part, list) and not part:
        tensor = as_tensor(np.zeros(0, np.int64), device=x.device)
    if dtypes.KIND[tensor.dtype] not in ("integer", "bool"):
        raise DTypeError(
            f"an index tensor must hold integers or booleans, received {tensor.dtype.name}"
        )
    if tensor.ndim == 0 and tensor.dtype != dtypes.bool and not isinstance(tensor, StandIn):
        index.append(int(tensor))
        return
    index.append(Place(len(tensors)))
    tensors.append(tensor)
