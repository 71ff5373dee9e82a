"""`keras.ops` where Keras's defaults, dtypes or order of arguments are others than ours."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import tensorcore as tc
from tensorcore import dtypes, nn
from tensorcore.errors import InvalidArgumentError
from tensorcore.tensor import Tensor, as_tensor
from tensorcore.training.utils import floatx

__all__ = [
    "arange",
    "argmax",
    "argmin",
    "argsort",
    "array",
    "average",
    "bincount",
    "cast",
    "concatenate",
    "convert_to_tensor",
    "copy",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "dot",
    "dot_product_attention",
    "dtype",
    "einsum",
    "empty",
    "eye",
    "full",
    "full_like",
    "hstack",
    "identity",
    "is_tensor",
    "linspace",
    "meshgrid",
    "multi_hot",
    "ndim",
    "one_hot",
    "ones",
    "ones_like",
    "pad",
    "ravel",
    "round",
    "scatter",
    "scatter_update",
    "segment_sum",
    "shape",
    "size",
    "slice",
    "slice_update",
    "split",
    "take_along_axis",
    "top_k",
    "unstack",
    "vstack",
    "zeros",
    "zeros_like",
]


# What a tensor is ---------------------------------------------------------------------------------


def shape(x: Any) -> tuple[int | None, ...]:
    """The sizes; None for one that a symbolic tensor does not know yet."""
    return tuple(as_tensor(x).shape)


def dtype(x: Any) -> str:
    """The dtype's name."""
    return as_tensor(x).dtype.name


def ndim(x: Any) -> int:
    """The number of dimensions."""
    return as_tensor(x).ndim


def size(x: Any) -> int:
    """The number of elements."""
    return as_tensor(x).size


def is_tensor(x: Any) -> bool:
    """Whether x is a tensor."""
    return isinstance(x, Tensor)


def convert_to_tensor(x: Any, dtype: Any = None, sparse: Any = None, ragged: Any = None) -> Tensor:
    """x as a tensor."""
    return as_tensor(x, dtype=dtype)


def array(x: Any, dtype: Any = None) -> Tensor:
    """x as a tensor."""
    return as_tensor(x, dtype=dtype)


def cast(x: Any, dtype: Any) -> Tensor:
    """The values in another dtype."""
    return tc.astype(as_tensor(x), dtype, copy=False)


def copy(x: Any) -> Tensor:
    """A tensor of its own with the same values."""
    return tc.asarray(x, copy=True)


# New tensors --------------------------------------------------------------------------------------


def zeros(shape: Any, dtype: Any = None) -> Tensor:
    """Zeros."""
    return tc.zeros(shape, dtype=dtype or floatx())


def ones(shape: Any, dtype: Any = None) -> Tensor:
    """Ones."""
    return tc.ones(shape, dtype=dtype or floatx())


def empty(shape: Any, dtype: Any = None) -> Tensor:
    """A tensor whose values are not said."""
    return tc.empty(shape, dtype=dtype or floatx())


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """`fill_value` everywhere."""
    return tc.full(shape, fill_value, dtype=dtype or floatx())


def zeros_like(x: Any, dtype: Any = None) -> Tensor:
    """Zeros in the shape of x."""
    return tc.zeros_like(as_tensor(x), dtype=dtype)


def ones_like(x: Any, dtype: Any = None) -> Tensor:
    """Ones in the shape of x."""
    return tc.ones_like(as_tensor(x), dtype=dtype)


def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """`fill_value` in the shape of x."""
    return tc.full_like(as_tensor(x), fill_value, dtype=dtype)


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Tensor:
    """Numbers from `start` below `stop`, or from 0 below `start`."""
    return tc.arange(start, stop, 1 if step is None else step, dtype=dtype)


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Tensor:
    """Evenly spaced numbers."""
    if retstep or axis != 0:
        raise InvalidArgumentError("linspace: retstep and axis are not there yet; leave them out")
    return tc.linspace(start, stop, num, dtype=dtype or floatx(), endpoint=endpoint)


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """Ones on a diagonal."""
    return tc.eye(N, M, k=k, dtype=dtype or floatx())


def identity(n: int, dtype: Any = None) -> Tensor:
    """The unit matrix."""
    return eye(n, dtype=dtype)


def one_hot(
    x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Tensor:
    """1 at the place that each integer names, 0 elsewhere."""
    return nn.one_hot(as_tensor(x), num_classes, dtype=dtype or floatx(), axis=axis)


def multi_hot(
    inputs: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Tensor:
    """1 at every place that a row of integers names."""
    places = as_tensor(inputs)
    which = -1 if places.ndim == 1 else axis
    each = one_hot(places, num_classes, dtype=dtype)
    return tc.max(each, axis=which - 1 if which < 0 else which)


# Reductions and orders ----------------------------------------------------------------------------


def _whole(name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
    def function(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
        return cast(operation(as_tensor(x), axis=axis, keepdims=keepdims), dtypes.int32)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`{operation.__name__}` as int32, Keras's dtype of indices and counts."
    return function


argmax = _whole("argmax", tc.argmax)
argmin = _whole("argmin", tc.argmin)
count_nonzero = _whole("count_nonzero", tc.count_nonzero)


def argsort(x: Any, axis: int | None = -1) -> Tensor:
    """The places of the sorted elements, int32."""
    tensor = as_tensor(x) if axis is not None else ravel(x)
    return cast(tc.argsort(tensor, axis=-1 if axis is None else axis), dtypes.int32)


def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Running sums, of all elements in a row if no axis is given."""
    tensor = ravel(x) if axis is None else as_tensor(x)
    return tc.cumulative_sum(tensor, axis=axis or 0, dtype=dtype)


def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Running products, of all elements in a row if no axis is given."""
    tensor = ravel(x) if axis is None else as_tensor(x)
    return tc.cumulative_prod(tensor, axis=axis or 0, dtype=dtype)


def average(x: Any, axis: Any = None, weights: Any = None) -> Tensor:
    """The mean, each element with its weight."""
    values = as_tensor(x)
    if weights is None:
        return tc.mean(values, axis=axis)
    factors = as_tensor(weights)
    if factors.ndim != values.ndim:
        sizes = [1] * values.ndim
        sizes[axis] = -1
        factors = tc.reshape(factors, tuple(sizes))
    factors = tc.broadcast_to(factors, values.shape)
    return tc.divide(tc.sum(tc.multiply(values, factors), axis=axis), tc.sum(factors, axis=axis))


def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Tensor:
    """How often each integer occurs."""
    counts = tc.bincount(as_tensor(x), weights=weights, minlength=minlength)
    return counts if weights is not None else cast(counts, dtypes.int32)


def top_k(x: Any, k: int, sorted: bool = True) -> tuple[Tensor, Tensor]:
    """(values, indices) of the k largest elements of the last dimension."""
    values, places = tc.topk(as_tensor(x), k)
    return values, cast(places, dtypes.int32)


def round(x: Any, decimals: int = 0) -> Tensor:
    """The nearest number with so many decimals; halves go to the even one."""
    if not decimals:
        return tc.round(as_tensor(x))
    return tc.divide(tc.round(tc.multiply(as_tensor(x), 10.0**decimals)), 10.0**decimals)


def segment_sum(
    data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """Sums of the rows that have the same id."""
    values, places = as_tensor(data), as_tensor(segment_ids)
    count = int(tc.max(places).item()) + 1 if num_segments is None else num_segments
    with values.device:
        empty_sums = tc.zeros((count, *values.shape[1:]), dtype=values.dtype)
    return tc.scatter_add(empty_sums, places, values)


# Shapes and parts ---------------------------------------------------------------------------------


def ravel(x: Any) -> Tensor:
    """All elements in one dimension."""
    return tc.reshape(as_tensor(x), (-1,))


def concatenate(xs: Any, axis: int | None = 0) -> Tensor:
    """Tensors joined along a dimension they have."""
    return tc.concat(list(xs), axis=axis)


def vstack(xs: Any) -> Tensor:
    """Tensors joined along their first dimension; vectors are rows."""
    rows = [x if x.ndim > 1 else tc.reshape(x, (1, -1)) for x in map(as_tensor, xs)]
    return tc.concat(rows, axis=0)


def hstack(xs: Any) -> Tensor:
    """Tensors joined along their second dimension; vectors along their only one."""
    parts = list(map(as_tensor, xs))
    return tc.concat(parts, axis=0 if parts[0].ndim == 1 else 1)


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """So many equal parts, or parts that end at the given places."""
    return list(tc.split(as_tensor(x), indices_or_sections, axis=axis))


def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Tensor]:
    """The slices along a dimension."""
    return list(tc.unstack(as_tensor(x), axis=axis))


def meshgrid(*x: Any, indexing: str = "xy") -> list[Tensor]:
    """Coordinates of a grid."""
    return list(tc.meshgrid(*map(as_tensor, x), indexing=indexing))


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Tensor:
    """The tensor with a border."""
    tensor = as_tensor(x)
    if isinstance(pad_width, int):
        pad_width = ((pad_width, pad_width),) * tensor.ndim
    if len(pad_width) == 1:
        pad_width = tuple(pad_width) * tensor.ndim
    value = 0 if constant_values is None else constant_values
    return tc.pad(tensor, [tuple(pair) for pair in pad_width], mode=mode, constant_value=value)


def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """For each place the element that its index names."""
    if axis is None:
        return tc.take_along_axis(ravel(x), ravel(indices), axis=0)
    return tc.take_along_axis(as_tensor(x), as_tensor(indices), axis=axis)


def _window(start_indices: Any, shape: Any) -> tuple[Any, ...]:
    starts = [int(n) for n in start_indices]
    return tuple(builtins.slice(first, first + n) for first, n in zip(starts, shape, strict=True))


def slice(inputs: Any, start_indices: Any, shape: Any) -> Tensor:
    """The block of this shape that begins at the indices."""
    return as_tensor(inputs)[_window(start_indices, shape)]  # type: ignore[index]


def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Tensor:
    """`inputs` with the block that begins at the indices replaced."""
    new = as_tensor(updates)
    return tc.written(as_tensor(inputs), _window(start_indices, new.shape), new)


def _columns(indices: Any) -> tuple[Any, ...]:
    return tuple(tc.unstack(as_tensor(indices), axis=-1))


def scatter_update(inputs: Any, indices: Any, updates: Any) -> Tensor:
    """`inputs` with the elements at the indices replaced."""
    return tc.written(as_tensor(inputs), _columns(indices), as_tensor(updates))


def scatter(indices: Any, values: Any, shape: Any) -> Tensor:
    """Zeros with `values` added at the indices; equal indices add up."""
    new, columns = as_tensor(values), _columns(indices)
    flat: Any = 0
    for column, n in zip(columns, shape, strict=False):
        flat = tc.add(tc.multiply(flat, n), column)
    rest = tuple(shape[len(columns) :])
    rows = 1
    for n in shape[: len(columns)]:
        rows *= n
    with new.device:
        empty_rows = tc.zeros((rows, *rest), dtype=new.dtype)
    added = tc.scatter_add(empty_rows, ravel(flat), tc.reshape(new, (-1, *rest)))
    return tc.reshape(added, tuple(shape))


# Products -----------------------------------------------------------------------------------------


def dot(x1: Any, x2: Any) -> Tensor:
    """NumPy's dot: over the last dimension of x1 and the last but one of x2."""
    first, second = as_tensor(x1), as_tensor(x2)
    if not first.ndim or not second.ndim:
        return tc.multiply(first, second)
    return tc.tensordot(first, second, axes=([first.ndim - 1], [max(second.ndim - 2, 0)]))


def einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Tensor:
    """Einstein's summation."""
    return tc.einsum(subscripts, *map(as_tensor, operands))


def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
) -> Tensor:
    """softmax(scale query key^T + bias) value, where `mask` is True.

    It is always computed in the way of flash attention, whatever is asked for. A query whose keys
    are all masked gets 0; Keras gives the mean of all values.
    """
    allowed = bias
    if mask is not None:
        mask = tc.astype(as_tensor(mask), "bool")
        allowed = mask if bias is None else tc.where(mask, as_tensor(bias), -float("inf"))
    return nn.scaled_dot_product_attention(
        query, key, value, mask=allowed, scale=scale, is_causal=is_causal
    )
