"""Making, cutting and joining tensors as TensorFlow 1 has it."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

import tensorcore as tc
from tensorcore import dtypes
from tensorcore.errors import ArgumentTypeError, ShapeError
from tensorcore.ops.record import Spec
from tensorcore.session.calls import as_graph_tensor, operation, text_constant
from tensorcore.session.graph import default_graph, graph_of
from tensorcore.session.names import tf_dtype
from tensorcore.session.random import sizes_of, static_sizes
from tensorcore.session.shapes import TensorShape
from tensorcore.session.tensors import STRING, GraphTensor
from tensorcore.session.variables import constant as held
from tensorcore.tensor import as_tensor

string = STRING


def constant(
    value: Any,
    dtype: Any = None,
    shape: Any = None,
    name: str = "Const",
    verify_shape: bool = False,
) -> GraphTensor:
    """A tensor that is `value` in every run; one value fills a `shape`."""
    is_text = dtype is not None and dtype == STRING
    if is_text or (np.asarray(value, object).dtype == object and _is_text(value)):
        return text_constant(value, name, shape)
    if shape is None:
        return held(value, dtype, name)
    array = as_tensor(value, dtype=None if dtype is None else tf_dtype(dtype)).numpy()
    sizes = static_sizes(shape)
    if array.size > int(np.prod(sizes or ())):
        raise ShapeError(f"tf.constant: {array.size} values do not fit into the shape {sizes}")
    flat = array.reshape(-1)
    if flat.size < int(np.prod(sizes or ())):  # the last value fills the rest
        flat = np.concatenate([flat, np.repeat(flat[-1:], int(np.prod(sizes or ())) - flat.size)])
    return held(flat.reshape(sizes), None, name)


def _is_text(value: Any) -> bool:
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return isinstance(value, (str, bytes))


def convert_to_tensor(
    value: Any, dtype: Any = None, name: str | None = None, preferred_dtype: Any = None
) -> Any:
    """A tensor of the graph, a constant if `value` is none yet."""
    if dtype is None and _is_text(value):
        return text_constant(value, name or "Const", None)
    return as_graph_tensor(value, dtype, name or "Const")


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> GraphTensor:
    """A tensor that every run is given through `feed_dict`.

    Args:
        dtype: of the values.
        shape: their sizes, None for unknown ones; None if even their number is unknown.
    """
    kind = STRING if dtype in (STRING, str, "string") else tf_dtype(dtype)
    return default_graph().placeholder(kind, shape, name or "Placeholder")


def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> GraphTensor:
    """A tensor that a run may be given, and that is `input` otherwise."""
    tensor = as_graph_tensor(input)
    if not tensor.static_shape.is_compatible_with(shape):
        raise ShapeError(
            f"tf.placeholder_with_default: the default has shape {tensor.static_shape}, which does "
            f"not fit {TensorShape(shape)}"
        )
    return tensor.graph.add(
        _itself,
        (tensor,),
        name=name or "PlaceholderWithDefault",
        results=Spec(TensorShape(shape).sizes, tensor.dtype),
    )


def _itself(value: Any) -> Any:
    return value


# Filled tensors -----------------------------------------------------------------------------------


def _filled(value: int, kind: str) -> Any:
    def call(shape: Any, dtype: Any = "float32", name: str | None = None) -> Any:
        sizes, wanted = static_sizes(shape), tf_dtype(dtype)
        results = None if sizes is None else Spec(sizes, wanted)
        return graph_of([shape]).add(
            lambda shape: tc.full(sizes_of(shape), value, dtype=wanted),
            (shape if sizes is None else sizes,),
            name=name or kind,
            results=results,
        )

    call.__name__ = call.__qualname__ = kind
    call.__doc__ = f"A tensor of the shape with all elements {value}."
    return call


zeros = _filled(0, "zeros")
ones = _filled(1, "ones")


@operation("Fill")
def fill(dims: Any, value: Any) -> Any:
    """A tensor of the shape with all elements `value`."""
    value = as_tensor(value)
    return tc.broadcast_to(value, sizes_of(dims))


def zeros_like(
    tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True
) -> Any:
    """Zeros of the shape of a tensor."""
    return _like(as_graph_tensor(tensor), 0, dtype, name=name or "zeros_like")


def ones_like(
    tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True
) -> Any:
    """Ones of the shape of a tensor."""
    return _like(as_graph_tensor(tensor), 1, dtype, name=name or "ones_like")


@operation("Fill")
def _like(x: Any, value: int, dtype: Any) -> Any:
    kind = x.dtype if dtype is None else tf_dtype(dtype)
    return tc.full(x.shape, value, dtype=kind, device=x.device)


@operation("eye")
def eye(
    num_rows: Any, num_columns: Any = None, batch_shape: Any = None, dtype: Any = "float32"
) -> Any:
    """The identity matrix."""
    matrix = tc.eye(int(num_rows), num_columns, dtype=tf_dtype(dtype))
    return matrix if batch_shape is None else tc.broadcast_to(matrix, (*batch_shape, *matrix.shape))


def range(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str = "range"
) -> Any:
    """Numbers from `start` (0 if `limit` is None) to below `limit`."""
    low, high = (0, start) if limit is None else (start, limit)
    return _range(low, high, delta, dtype, name=name)


@operation("Range")
def _range(low: Any, high: Any, delta: Any, dtype: Any) -> Any:
    numbers = [v.item() if hasattr(v, "item") else v for v in (low, high, delta)]
    kind = None if dtype is None else tf_dtype(dtype)
    return tc.arange(*numbers, dtype=kind)


@operation("LinSpace")
def linspace(start: Any, stop: Any, num: Any) -> Any:
    """Evenly spaced numbers."""
    return tc.linspace(float(start), float(stop), int(num), dtype=dtypes.float32)


lin_space = linspace


# Shape and dtype ----------------------------------------------------------------------------------


def shape(input: Any, name: str | None = None, out_type: Any = "int32") -> Any:
    """The sizes of a tensor, a tensor that a run computes."""
    tensor = as_graph_tensor(input)
    ndims = tensor.static_shape.ndims
    kind = tf_dtype(out_type)
    return tensor.graph.add(
        lambda x: as_tensor(np.array(x.shape, kind)),
        (tensor,),
        name=name or "Shape",
        results=Spec(None if ndims is None else (ndims,), kind),
    )


@operation("Size")
def size(input: Any, out_type: Any = "int32") -> Any:
    """The number of elements."""
    return as_tensor(np.array(input.size, tf_dtype(out_type)))


@operation("Rank")
def rank(input: Any) -> Any:
    """The number of dimensions."""
    return as_tensor(np.array(input.ndim, np.int32))


def cast(x: Any, dtype: Any, name: str | None = None) -> Any:
    """x in another dtype; floating-point numbers are cut off on the way to integers."""
    tensor, kind = as_graph_tensor(x, name="x"), tf_dtype(dtype)
    if tensor.dtype == kind:
        return tensor
    return tensor.graph.add(
        lambda x: tc.astype(x, kind),
        (tensor,),
        name=name or "Cast",
        results=Spec(tensor.static_shape.sizes, kind),
    )


def to_float(x: Any, name: str = "ToFloat") -> Any:
    """x as float32."""
    return cast(x, "float32", name)


def to_double(x: Any, name: str = "ToDouble") -> Any:
    """x as float64."""
    return cast(x, "float64", name)


def to_int32(x: Any, name: str = "ToInt32") -> Any:
    """x as int32."""
    return cast(x, "int32", name)


def to_int64(x: Any, name: str = "ToInt64") -> Any:
    """x as int64."""
    return cast(x, "int64", name)


@operation("Reshape")
def reshape(tensor: Any, shape: Any) -> Any:
    """The elements in another shape; -1 is computed."""
    return tc.reshape(as_tensor(tensor), sizes_of(shape))


@operation("transpose")
def transpose(a: Any, perm: Any = None, conjugate: bool = False) -> Any:
    """The dimensions in another order, turned around if none is given."""
    return tc.transpose(as_tensor(a), None if perm is None else sizes_of(perm))


matrix_transpose = operation("matrix_transpose")(lambda a: tc.matrix_transpose(a))


def expand_dims(input: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Any:
    """A dimension of size 1 more."""
    return _expand(input, axis if axis is not None else dim, name=name or "ExpandDims")


@operation("ExpandDims")
def _expand(x: Any, axis: int) -> Any:
    return tc.expand_dims(as_tensor(x), int(axis))


def squeeze(input: Any, axis: Any = None, name: str | None = None, squeeze_dims: Any = None) -> Any:
    """Without dimensions of size 1, all of them or those that are named."""
    return _squeezed(input, axis if axis is not None else squeeze_dims, name=name or "Squeeze")


@operation("Squeeze")
def _squeezed(x: Any, axis: Any) -> Any:
    x = as_tensor(x)
    if axis is None or (isinstance(axis, (list, tuple)) and not axis):
        axis = tuple(i for i, size in enumerate(x.shape) if size == 1)
    return tc.squeeze(x, axis=tuple(axis) if isinstance(axis, list) else axis)


# Joining and cutting ------------------------------------------------------------------------------


def concat(values: Any, axis: Any, name: str | None = None) -> Any:
    """Tensors one after the other along a dimension."""
    if isinstance(values, int):
        raise ArgumentTypeError(
            "tf.concat: the tensors come first and the dimension second: tf.concat([a, b], 1)"
        )
    values = list(values) if isinstance(values, (list, tuple)) else [values]
    return _concatenated(values, axis, name=name or "concat")


@operation("ConcatV2")
def _concatenated(values: list[Any], axis: Any) -> Any:
    return tc.concat([as_tensor(value) for value in values], axis=int(axis))


@operation("stack")
def stack(values: Any, axis: int = 0) -> Any:
    """Tensors along a new dimension."""
    return tc.stack([as_tensor(value) for value in values], axis=axis)


pack = stack


@operation("unstack")
def unstack(value: Any, num: int | None = None, axis: int = 0) -> Any:
    """The slices along a dimension, as a list."""
    return list(tc.unstack(as_tensor(value), axis=axis))


unpack = unstack


@operation("split")
def split(value: Any, num_or_size_splits: Any, axis: int = 0, num: int | None = None) -> Any:
    """A number of equal parts along a dimension, or parts of the given sizes."""
    value = as_tensor(value)
    if isinstance(num_or_size_splits, int):
        if value.shape[axis] % num_or_size_splits:
            raise ShapeError(
                f"tf.split: dimension {axis} of size {value.shape[axis]} cannot be split into "
                f"{num_or_size_splits} equal parts"
            )
        return list(tc.split(value, num_or_size_splits, axis=axis))
    ends = np.cumsum(sizes_of(num_or_size_splits))[:-1]
    return list(tc.split(value, [int(end) for end in ends], axis=axis))


@operation("Tile")
def tile(input: Any, multiples: Any) -> Any:
    """The tensor repeated along each dimension."""
    return tc.tile(as_tensor(input), sizes_of(multiples))


@operation("Slice")
def slice(input_: Any, begin: Any, size: Any) -> Any:
    """The part that begins at `begin` and has the sizes `size`; -1 goes to the end."""
    starts, counts = sizes_of(begin), sizes_of(size)
    index = tuple(
        builtins.slice(start, None if count == -1 else start + count)
        for start, count in zip(starts, counts, strict=True)
    )
    return as_tensor(input_)[index]


@operation("GatherV2", "GatherV2")
def gather(params: Any, indices: Any, validate_indices: Any = None, axis: int = 0) -> Any:
    """The slices with the given numbers along a dimension."""
    return tc.take(as_tensor(params), as_tensor(indices), axis=int(axis))


@operation("GatherNd")
def gather_nd(params: Any, indices: Any) -> Any:
    """The elements or slices at the places that the last dimension of `indices` names."""
    params, indices = as_tensor(params), as_tensor(indices)
    depth = indices.shape[-1]
    sizes = params.shape[:depth]
    strides = np.cumprod((1, *sizes[:0:-1]))[::-1].astype(np.int64)
    flat = tc.sum(tc.astype(indices, "int64") * as_tensor(strides.copy()), axis=-1)
    rows = tc.reshape(params, (-1, *params.shape[depth:]))
    return tc.take(rows, flat, axis=0)


@operation("Pad")
def pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0) -> Any:
    """The tensor with elements before and after it in each dimension."""
    widths = [tuple(int(n) for n in pair) for pair in np.asarray(paddings)]
    return tc.pad(as_tensor(tensor), widths, mode=mode.lower(), constant_value=constant_values)


@operation("ReverseV2")
def reverse(tensor: Any, axis: Any) -> Any:
    """The elements in reverse order along dimensions."""
    return tc.flip(as_tensor(tensor), axis=tuple(sizes_of(axis)))


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    """x where the condition is true and y elsewhere; without them the places where it is true."""
    if x is None:
        tensor = as_graph_tensor(condition)
        sizes = (None, tensor.static_shape.ndims)
        return _by_values(_places, [tensor], Spec(sizes, dtypes.int64), name or "Where")
    return _chosen(condition, x, y, name=name or "Select")


@operation("Select")
def _chosen(condition: Any, x: Any, y: Any) -> Any:
    condition, x = as_tensor(condition), as_tensor(x)
    if condition.ndim == 1 and x.ndim > 1:  # in TensorFlow 1 it chooses rows
        condition = tc.reshape(condition, (-1,) + (1,) * (x.ndim - 1))
    return tc.where(condition, x, y)


def _by_values(function: Any, tensors: list[Any], result: Spec, name: str) -> Any:
    """An operation of which only a run can tell how large its result is."""

    def call(*values: Any) -> Any:
        return function(*values)

    call.needs_values = True  # type: ignore[attr-defined]
    return graph_of(tensors).add(call, tensors, name=name, results=result)


def _places(condition: Any) -> Any:
    return tc.astype(tc.stack(tc.nonzero(as_tensor(condition)), axis=-1), dtypes.int64)


def boolean_mask(tensor: Any, mask: Any, name: str = "boolean_mask", axis: Any = None) -> Any:
    """The elements where the mask is true."""
    values, chosen = as_graph_tensor(tensor), as_graph_tensor(mask)
    shape, ndims = values.static_shape.sizes, chosen.static_shape.ndims
    known = None if shape is None or ndims is None else (None, *shape[ndims:])
    return _by_values(_masked, [values, chosen], Spec(known, values.dtype), name)


def _masked(tensor: Any, mask: Any) -> Any:
    return as_tensor(tensor)[as_tensor(mask)]


def one_hot(
    indices: Any,
    depth: Any,
    on_value: Any = None,
    off_value: Any = None,
    axis: Any = None,
    dtype: Any = None,
    name: str | None = None,
) -> Any:
    """A dimension of size `depth` with `on_value` at the index and `off_value` elsewhere."""
    kind = tf_dtype("float32" if dtype is None else dtype)
    on, off = 1 if on_value is None else on_value, 0 if off_value is None else off_value
    return _one_hot(
        indices, depth, on, off, -1 if axis is None else axis, kind, name=name or "one_hot"
    )


@operation("OneHot")
def _one_hot(indices: Any, depth: Any, on: Any, off: Any, axis: int, dtype: Any) -> Any:
    indices = as_tensor(indices)
    # Indices outside of the range give rows without a one, as TensorFlow has it.
    numbers = tc.arange(int(depth), dtype=indices.dtype)
    hits = tc.expand_dims(indices, -1) == numbers
    hits = hits if axis == -1 else tc.moveaxis(hits, -1, axis)
    return tc.where(hits, as_tensor(on, dtype=dtype), as_tensor(off, dtype=dtype))


@operation("BroadcastTo")
def broadcast_to(input: Any, shape: Any) -> Any:
    """The tensor repeated to a shape."""
    return tc.broadcast_to(as_tensor(input), sizes_of(shape))


def stop_gradient(input: Any, name: str | None = None) -> Any:
    """The tensor, which counts as a constant for gradients."""
    tensor = as_graph_tensor(input)
    return tensor.graph.add(_Stop(), (tensor,), name=name or "StopGradient")


class _Stop:
    stops_gradients = True

    def __call__(self, x: Any) -> Any:
        return tc.stop_gradient(x)
