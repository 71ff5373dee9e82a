"""`tf.constant`, `tf.reshape`, ...: tensors made, cut and put together, under TensorFlow's names.

Only names, signatures and defaults are TensorFlow's; the operations are tensorcore's.
"""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.data.texts import Texts, is_text, string
from tensorcore.errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from tensorcore.ops import choosing, creation, indexing, joining, order, repetition, shaping
from tensorcore.ops import logical as logical_ops
from tensorcore.ops.arithmetic import add, multiply
from tensorcore.tensor import Tensor, as_tensor
from tensorcore.tf.dtypes import as_dtype, cast
from tensorcore.tf.shapes import TensorShape

__all__ = [
    "boolean_mask",
    "broadcast_to",
    "concat",
    "constant",
    "convert_to_tensor",
    "expand_dims",
    "eye",
    "fill",
    "gather",
    "gather_nd",
    "identity",
    "is_tensor",
    "linspace",
    "meshgrid",
    "one_hot",
    "ones",
    "ones_like",
    "pad",
    "range",
    "rank",
    "repeat",
    "reshape",
    "reverse",
    "roll",
    "scatter_nd",
    "sequence_mask",
    "shape",
    "size",
    "slice",
    "split",
    "squeeze",
    "stack",
    "tensor_scatter_nd_add",
    "tensor_scatter_nd_update",
    "tile",
    "transpose",
    "unstack",
    "where",
    "zeros",
    "zeros_like",
]

_whole_numbers = builtins.range


def _sizes(shape: Any) -> Any:
    """A shape given as an int, a list with tensors in it, or a tensor."""
    if isinstance(shape, Tensor) and type(shape) is Tensor:
        shape = shape.tolist()
    if isinstance(shape, (list, tuple)):
        return tuple(int(n) if isinstance(n, (Tensor, np.generic)) else n for n in shape)
    return shape


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str = "Const") -> Any:
    """A tensor of Python numbers, lists or arrays; texts become a tensor of `tf.string`.

    Numbers are int32 and float32 unless `dtype` says otherwise; a number that the dtype cannot
    hold exactly as a kind (1.5 as int32) is refused.
    """
    if dtype is string or (dtype is None and is_text(value)):
        return Texts(value)
    kind = None if dtype is None else as_dtype(dtype)
    if kind is not None and dtypes.is_integer(kind):
        _refuse_fractions(value, kind)
    tensor = as_tensor(value, dtype=kind)
    if tensor is value or tensor.is_shared:
        tensor = creation.asarray(tensor, copy=True)
    if shape is None:
        return tensor
    sizes = TensorShape(_sizes(shape))
    if tensor.size == 1 and sizes.num_elements() != 1:
        return shaping.broadcast_to(shaping.reshape(tensor, (1,) * len(sizes)), sizes)
    return reshape(tensor, sizes)


def _refuse_fractions(value: Any, kind: np.dtype) -> None:
    if isinstance(value, (Tensor, np.ndarray, np.generic)) or is_text(value):
        return
    if np.asarray(value).dtype.kind in "fc":
        raise ArgumentTypeError(
            f"Cannot convert {value!r} to EagerTensor of dtype {kind.name}; use "
            f"tf.cast(value, tf.{kind.name}) to cut the fractions off"
        )


def convert_to_tensor(
    value: Any, dtype: Any = None, dtype_hint: Any = None, name: str | None = None
) -> Any:
    """`value` as a tensor; a tensor of another dtype is refused."""
    if isinstance(value, Tensor):
        if dtype is not None and value.dtype != as_dtype(dtype):
            raise InvalidArgumentError(
                f"Tensor conversion requested dtype {as_dtype(dtype).name} for Tensor with dtype "
                f"{value.dtype.name}: {value!r}; use tf.cast"
            )
        return value
    if isinstance(value, Texts):
        return value
    return constant(value, dtype or None)


def is_tensor(x: Any) -> bool:
    """Whether x is a tensor or a variable."""
    return isinstance(x, (Tensor, Texts)) or hasattr(x, "__tensor__")


def zeros(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """A tensor of zeros."""
    return creation.zeros(_sizes(shape), dtype=dtype)


def ones(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """A tensor of ones."""
    return creation.ones(_sizes(shape), dtype=dtype)


def zeros_like(input: Any, dtype: Any = None, name: str | None = None) -> Tensor:
    """Zeros in the shape and dtype of `input`."""
    return creation.zeros_like(input, dtype=dtype)


def ones_like(input: Any, dtype: Any = None, name: str | None = None) -> Tensor:
    """Ones in the shape and dtype of `input`."""
    return creation.ones_like(input, dtype=dtype)


def fill(dims: Any, value: Any, name: str | None = None) -> Tensor:
    """A tensor of the given shape in which every element is `value`."""
    return creation.full(_sizes(dims), value)


def eye(
    num_rows: int,
    num_columns: int | None = None,
    batch_shape: Any = None,
    dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:
    """Ones on the diagonal."""
    matrix = creation.eye(num_rows, num_columns, dtype=dtype)
    if batch_shape is None:
        return matrix
    return shaping.broadcast_to(matrix, (*_sizes(batch_shape), *matrix.shape))


def range(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str = "range"
) -> Tensor:
    """The numbers from `start` below `limit`, or from 0 below `start`.

    >>> range(3).tolist()
    [0, 1, 2]
    """
    given = [v.item() if isinstance(v, Tensor) else v for v in (start, limit, delta)]
    kinds = [v.dtype for v in (start, limit, delta) if hasattr(v, "dtype")]
    kind = dtype if dtype is not None else (kinds[0] if kinds else None)
    first, stop, step = given
    return creation.arange(first, stop, step, dtype=kind)


def linspace(start: Any, stop: Any, num: Any, name: str | None = None, axis: int = 0) -> Tensor:
    """`num` evenly spaced values from `start` to `stop`, both included; float32 unless given."""
    kind = getattr(start, "dtype", dtypes.float32)
    return creation.linspace(float(start), float(stop), int(num), dtype=kind)


def shape(input: Any, out_type: Any = dtypes.int32, name: str | None = None) -> Tensor:
    """The sizes of the dimensions, as an integer tensor."""
    value = input if isinstance(input, Texts) else as_tensor(input)
    return creation.asarray(np.asarray(value.shape, as_dtype(out_type)))


def size(input: Any, out_type: Any = dtypes.int32, name: str | None = None) -> Tensor:
    """The number of elements, as an integer tensor."""
    value = input if isinstance(input, Texts) else as_tensor(input)
    return creation.asarray(np.asarray(value.size, as_dtype(out_type)))


def rank(input: Any, name: str | None = None) -> Tensor:
    """The number of dimensions, as an integer tensor."""
    return creation.asarray(np.asarray(as_tensor(input).ndim, np.int32))


def reshape(tensor: Any, shape: Any, name: str | None = None) -> Any:
    """The same elements under another shape; one size may be -1."""
    if isinstance(tensor, Texts):
        return Texts(tensor.data.reshape(_sizes(shape)))
    return shaping.reshape(as_tensor(tensor), _sizes(shape))


def expand_dims(input: Any, axis: int, name: str | None = None) -> Any:
    """A dimension of size 1 put in."""
    if isinstance(input, Texts):
        return Texts(np.expand_dims(input.data, axis))
    return shaping.expand_dims(as_tensor(input), axis=axis)


def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """The tensor repeated to a larger shape."""
    return shaping.broadcast_to(as_tensor(input), _sizes(shape))


def identity(input: Any, name: str | None = None) -> Any:
    """A tensor of its own with the same values."""
    return input if isinstance(input, Texts) else creation.asarray(as_tensor(input), copy=True)


def squeeze(input: Any, axis: Any = None, name: str | None = None) -> Any:
    """Dimensions of size 1 taken out: those named, or all."""
    tensor = as_tensor(input)
    if axis is None:
        axis = tuple(i for i, n in enumerate(tensor.shape) if n == 1)
    return shaping.squeeze(tensor, axis=tuple(axis) if isinstance(axis, list) else axis)


def transpose(a: Any, perm: Any = None, conjugate: bool = False, name: str = "transpose") -> Tensor:
    """The dimensions in another order, by default reversed."""
    from tensorcore.ops.complex_numbers import conj

    turned = shaping.transpose(as_tensor(a), None if perm is None else tuple(_sizes(perm)))
    return conj(turned) if conjugate else turned


def concat(values: Any, axis: Any, name: str = "concat") -> Any:
    """Tensors joined along a dimension they have."""
    parts = list(values) if isinstance(values, (list, tuple)) else [values]
    if parts and isinstance(parts[0], Texts):
        return Texts(np.concatenate([part.data for part in parts], int(axis)))
    return joining.concat(parts, axis=int(axis))


def stack(values: Any, axis: int = 0, name: str = "stack") -> Any:
    """Tensors of one shape joined along a new dimension."""
    parts = list(values)
    if parts and isinstance(parts[0], Texts):
        return Texts(np.stack([part.data for part in parts], axis))
    return joining.stack([as_tensor(part) for part in parts], axis=axis)


def unstack(value: Any, num: int | None = None, axis: int = 0, name: str = "unstack") -> list[Any]:
    """The slices along a dimension."""
    return list(joining.unstack(as_tensor(value), axis=axis))


def split(
    value: Any, num_or_size_splits: Any, axis: int = 0, num: int | None = None, name: str = "split"
) -> list[Any]:
    """A tensor cut into so many equal parts, or into parts of the given sizes (one may be -1)."""
    tensor = as_tensor(value)
    if isinstance(num_or_size_splits, (int, np.integer)):
        return list(joining.split(tensor, int(num_or_size_splits), axis=axis))
    sizes = [int(n) for n in _sizes(num_or_size_splits)]
    total = tensor.shape[axis]
    if -1 in sizes:
        sizes[sizes.index(-1)] = total - sum(n for n in sizes if n != -1)
    if sum(sizes) != total:
        raise ShapeError(
            f"split: the sizes {sizes} add up to {sum(sizes)}, but axis {axis} has {total}"
        )
    ends = np.cumsum(sizes)[:-1].tolist()
    return list(joining.split(tensor, ends, axis=axis))


def tile(input: Any, multiples: Any, name: str | None = None) -> Tensor:
    """The tensor repeated along each dimension."""
    return repetition.tile(as_tensor(input), tuple(_sizes(multiples)))


def repeat(input: Any, repeats: Any, axis: int | None = None, name: str | None = None) -> Tensor:
    """Each element repeated."""
    return repetition.repeat(as_tensor(input), repeats, axis=axis)


def meshgrid(*args: Any, indexing: str = "xy", name: str | None = None) -> list[Tensor]:
    """Coordinates of a grid."""
    return list(repetition.meshgrid(*map(as_tensor, args), indexing=indexing))


def reverse(tensor: Any, axis: Any, name: str | None = None) -> Tensor:
    """The elements in reverse order along the named dimensions."""
    return order.flip(as_tensor(tensor), axis=tuple(_sizes(axis)) if np.ndim(axis) else axis)


def roll(input: Any, shift: Any, axis: Any, name: str | None = None) -> Tensor:
    """The elements moved along dimensions, what leaves coming in at the other end."""
    return order.roll(as_tensor(input), shift, axis=axis)


def pad(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0, name: Any = None
) -> Tensor:
    """The tensor with a border: of one value, or "REFLECT" or "SYMMETRIC"."""
    width = [tuple(int(n) for n in pair) for pair in _as_lists(paddings)]
    kind = mode.lower()
    if kind == "constant":
        return joining.pad(as_tensor(tensor), width, constant_value=constant_values)
    return joining.pad(as_tensor(tensor), width, mode=kind)


def _as_lists(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def slice(input_: Any, begin: Any, size: Any, name: str | None = None) -> Tensor:
    """The block that starts at `begin`; a size of -1 means up to the end."""
    tensor = as_tensor(input_)
    starts, sizes = _sizes(begin), _sizes(size)
    window = [
        np.s_[first : first + n] if n != -1 else np.s_[first:]
        for first, n in zip(starts, sizes, strict=True)
    ]
    return tensor[tuple(window)]  # type: ignore[index]


def gather(
    params: Any,
    indices: Any,
    validate_indices: Any = None,
    axis: int | None = None,
    batch_dims: int = 0,
    name: str | None = None,
) -> Any:
    """The slices of `params` at the indices, along a dimension (0 by default)."""
    if isinstance(params, Texts):
        return Texts(params.data.take(np.asarray(indices), axis=axis or 0))
    values, places = as_tensor(params), as_tensor(indices)
    if not batch_dims:
        return indexing.take(values, places, axis=axis or 0)
    if batch_dims != 1 or axis not in (None, 1):
        raise InvalidArgumentError(
            f"gather: batch_dims={batch_dims} with axis={axis} is not there yet; batch_dims may "
            "be 0, or 1 with axis=1"
        )
    spread = shaping.reshape(places, (*places.shape, *(1,) * (values.ndim - places.ndim)))
    wide = shaping.broadcast_to(spread, (*places.shape, *values.shape[places.ndim :]))
    return choosing.take_along_axis(values, wide, axis=1)


def gather_nd(params: Any, indices: Any, batch_dims: int = 0, name: str | None = None) -> Tensor:
    """The elements or slices of `params` that the last dimension of `indices` points at."""
    places = as_tensor(indices)
    columns = tuple(places[..., i] for i in _whole_numbers(places.shape[-1]))  # type: ignore[index]
    return as_tensor(params)[columns]  # type: ignore[index]


def scatter_nd(indices: Any, updates: Any, shape: Any, name: str | None = None) -> Tensor:
    """Zeros with `updates` added at the indices."""
    values = as_tensor(updates)
    return tensor_scatter_nd_add(creation.zeros(_sizes(shape), dtype=values.dtype), indices, values)


def tensor_scatter_nd_add(
    tensor: Any, indices: Any, updates: Any, name: str | None = None
) -> Tensor:
    """`tensor` with `updates` added at the indices; equal indices add up."""
    target, values = as_tensor(tensor), as_tensor(updates)
    flat, sizes = _flat_index(target, indices)
    rows = shaping.reshape(target, (-1, *target.shape[sizes:]))
    new = shaping.reshape(values, (-1, *target.shape[sizes:]))
    return shaping.reshape(indexing.scatter_add(rows, flat, new), target.shape)


def tensor_scatter_nd_update(
    tensor: Any, indices: Any, updates: Any, name: str | None = None
) -> Tensor:
    """`tensor` with the values at the indices replaced by `updates`."""
    places = as_tensor(indices)
    columns = tuple(places[..., i] for i in _whole_numbers(places.shape[-1]))  # type: ignore[index]
    from tensorcore.ops.assignment import written

    return written(as_tensor(tensor), columns, as_tensor(updates))


def _flat_index(target: Tensor, indices: Any) -> tuple[Tensor, int]:
    """Positions in the flattened leading dimensions, and how many of these there are."""
    places = as_tensor(indices)
    depth = places.shape[-1]
    flat: Any = 0
    for axis in _whole_numbers(depth):
        flat = add(multiply(flat, target.shape[axis]), places[..., axis])  # type: ignore[index]
    return shaping.reshape(flat, (-1,)), depth


def one_hot(
    indices: Any,
    depth: Any,
    on_value: Any = None,
    off_value: Any = None,
    axis: int | None = None,
    dtype: Any = None,
    name: str | None = None,
) -> Tensor:
    """`on_value` (1) at the place that each index names, `off_value` (0) elsewhere.

    An index outside 0 to depth - 1 gives a row of `off_value`, as in TensorFlow.
    """
    places = as_tensor(indices)
    place = -1 if axis is None else axis
    classes = shaping.expand_dims(places, axis=place)
    numbers = creation.arange(int(depth), dtype=places.dtype)
    if place != -1:
        sizes = [1] * classes.ndim
        sizes[place] = int(depth)
        numbers = shaping.reshape(numbers, tuple(sizes))
    hits = logical_ops.equal(classes, numbers)
    kind = as_dtype(dtype) if dtype is not None else getattr(on_value, "dtype", dtypes.float32)
    if on_value is None and off_value is None:
        return cast(hits, kind)
    on = as_tensor(1 if on_value is None else on_value, dtype=kind)
    off = as_tensor(0 if off_value is None else off_value, dtype=kind)
    return logical_ops.where(hits, on, off)


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """x where the condition holds, y elsewhere; without x and y the places where it holds."""
    if x is None and y is None:
        found = choosing.nonzero(as_tensor(condition))
        return cast(joining.stack(list(found), axis=-1), dtypes.int64)
    mask = cast(condition, dtypes.bool)
    return logical_ops.where(mask, _operand(x), _operand(y))


def _operand(value: Any) -> Any:
    return value if isinstance(value, (int, float, bool, complex)) else as_tensor(value)


def sequence_mask(
    lengths: Any, maxlen: Any = None, dtype: Any = dtypes.bool, name: str | None = None
) -> Tensor:
    """True in the first `lengths` places of each row."""
    counts = as_tensor(lengths)
    width = int(maxlen) if maxlen is not None else int(counts.max().item())  # type: ignore[attr-defined]
    steps = creation.arange(width, dtype=counts.dtype)
    return cast(logical_ops.less(steps, shaping.expand_dims(counts, axis=-1)), dtype)


def boolean_mask(tensor: Any, mask: Any, axis: int | None = None, name: str | None = None) -> Any:
    """The parts of a tensor, along `axis` and the mask's further dimensions, where mask is true."""
    return as_tensor(tensor)[(builtins.slice(None),) * (axis or 0) + (as_tensor(mask),)]
