"""How each operation treats a whole batch, for `vmap`.

A rule gets (batch, op, values with shapes, inputs, attributes) and returns the result for all
examples, which stand along dimension 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorcore.autodiff.batch_rules_of_attention import ATTENTION_RULES
from tensorcore.autodiff.batch_rules_of_images import IMAGE_RULES
from tensorcore.autodiff.batch_rules_of_norms import NORM_RULES
from tensorcore.errors import TracingError
from tensorcore.ops.creation import arange
from tensorcore.ops.indexing import Place, add_along_axis, getitem, take_along_axis
from tensorcore.ops.logical import where
from tensorcore.ops.record import Op
from tensorcore.ops.reductions import sum
from tensorcore.ops.shapes import axes_tuple, axis_index
from tensorcore.ops.shaping import broadcast_to, expand_dims, moveaxis, reshape, squeeze

if TYPE_CHECKING:
    from tensorcore.autodiff.batching import Batch


def _data(batch: Batch, value: Any) -> Any:
    return value.whole if batch.holds(value) else value


def elementwise(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    ndim = max(len(value.shape) for value in values)
    aligned = []
    for value, given in zip(values, inputs, strict=True):
        if batch.holds(value) and value.ndim < ndim:
            ones = (1,) * (ndim - value.ndim)
            given = reshape(value.whole, (batch.size, *ones, *value.shape))
        aligned.append(_data(batch, given))
    return op(*aligned, **attrs)


def _reduction(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    (x,) = values
    axes = axes_tuple(op.name, attrs["axis"], x.ndim)
    if not axes:
        return op(expand_dims(x.whole, 1), **{**attrs, "axis": 1, "keepdims": False})
    return op(x.whole, **{**attrs, "axis": tuple(axis + 1 for axis in axes)})


def _position(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    (x,) = values
    if attrs["axis"] is not None:
        axis = axis_index(op.name, attrs["axis"], x.ndim) + 1
        return op(x.whole, axis=axis, keepdims=attrs["keepdims"])
    found = op(reshape(x.whole, (batch.size, -1)), axis=1)
    return reshape(found, (batch.size, *(1,) * x.ndim)) if attrs["keepdims"] else found


def _along_axis(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    """For operations with one axis, or several, that treat all other dimensions alike."""
    axis = attrs.get("axis")
    ndim = values[0].ndim
    places = axes_tuple(op.name, 0 if axis is None and op.name in _VECTOR else axis, ndim)
    is_one = isinstance(axis, int) or len(places) == 1
    moved: Any = places[0] + 1 if is_one else tuple(place + 1 for place in places)
    return op(*map(batch.whole, values), **{**attrs, "axis": moved})


_VECTOR = ("cumulative_sum", "cumulative_prod")  # no axis is needed for one dimension


def _joined(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    ndim = len(values[0].shape) + (op.name == "stack")
    place = axis_index(op.name, attrs["axis"], ndim) + 1
    return op([batch.whole(value) for value in values], axis=place)


def _reshaped(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    shape = op.rule(values[0], **attrs).shape
    return reshape(values[0].whole, (batch.size, *shape))


def _transposed(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    (x,) = values
    axes = attrs["axes"]
    order = range(x.ndim)[::-1] if axes is None else axes_tuple("transpose", axes, x.ndim)
    return op(x.whole, (0, *(axis + 1 for axis in order)))


def _broadcast(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    (x,) = values
    shape = op.rule(x, **attrs).shape
    ones = (1,) * (len(shape) - x.ndim)
    return broadcast_to(reshape(x.whole, (batch.size, *ones, *x.shape)), (batch.size, *shape))


def _summed(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    (x,) = values
    shape = op.rule(x, **attrs).shape
    lead = x.ndim - len(shape)
    axes = [i for i in range(x.ndim) if i < lead or (shape[i - lead] == 1 and x.shape[i] != 1)]
    total = sum(x.whole, axis=tuple(i + 1 for i in axes), dtype=x.dtype) if axes else x.whole
    return reshape(total, (batch.size, *shape))


def _matmul(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    a, b = values
    if not a.shape or not b.shape:
        op.rule(a, b, **attrs)
    vectors = [value.ndim == 1 for value in values]
    batches = max(value.ndim - 2 for value in values)
    arrays = []
    for value, is_vector, place in zip(values, vectors, (-2, -1), strict=True):
        array = _data(batch, value)
        array = expand_dims(array, place) if is_vector else array
        if batch.holds(value):
            own = array.shape[1:]
            ones = (1,) * (max(batches, 0) - (len(own) - 2))
            array = reshape(array, (batch.size, *ones, *own))
        arrays.append(array)
    # A vector has been made the matrix that it stands for: nothing is left to transpose.
    options = {
        "transpose_a": attrs["transpose_a"] and not vectors[0],
        "transpose_b": attrs["transpose_b"] and not vectors[1],
    }
    result = op(*arrays, **options)
    gone = tuple(place for place, is_vector in zip((-2, -1), vectors, strict=True) if is_vector)
    return squeeze(result, gone) if gone else result


def _matrices(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    """For operations on the last two dimensions, which take any others in front."""
    return op(*map(batch.whole, values), **attrs)


def _solved(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    a, b = map(batch.whole, values)
    if len(values[1].shape) == 1:
        return squeeze(op(a, expand_dims(b, -1)), -1)
    return op(a, b)


def _padded(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    (x,) = values
    width = attrs["pad_width"]
    width = [(width, width)] * x.ndim if isinstance(width, int) else list(width)
    return op(x.whole, **{**attrs, "pad_width": [(0, 0), *width]})


def _rolled(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    (x,) = values
    if attrs["axis"] is None:
        flat = op(reshape(x.whole, (batch.size, -1)), attrs["shift"], axis=1)
        return reshape(flat, x.whole.shape)
    axis = attrs["axis"]
    places = axes_tuple("roll", axis, x.ndim)
    moved = tuple(p + 1 for p in places) if isinstance(axis, (tuple, list)) else places[0] + 1
    return op(x.whole, attrs["shift"], axis=moved)


def _taken(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    x, indices = values
    place = axis_index("take", attrs["axis"], len(x.shape))
    if not batch.holds(indices):
        return op(x.whole, indices, axis=place + 1)
    if not batch.holds(x):
        return moveaxis(op(x, indices.whole, axis=place), place, 0)
    rows, numbers = _in_rows(batch, x, indices, place)
    found = take_along_axis(rows, numbers, axis=1)
    rest = _without(x.shape, place)
    return _moved(reshape(found, (batch.size, *indices.shape, *rest)), indices.ndim, place)


def _scattered(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    x, indices, updates = values
    place = axis_index("scatter_add", attrs["axis"], len(x.shape))
    if not batch.holds(indices):
        return op(batch.whole(x), indices, batch.whole(updates), axis=place + 1)
    rows, numbers = _in_rows(batch, x, indices, place)
    ndim = indices.ndim
    added = batch.whole(updates)
    added = moveaxis(added, tuple(range(place + 1, place + 1 + ndim)), tuple(range(1, 1 + ndim)))
    result = add_along_axis(rows, numbers, reshape(added, numbers.shape), axis=1)
    rest = _without(x.shape, place)
    return moveaxis(reshape(result, (batch.size, x.shape[place], *rest)), 1, place + 1)


def _without(shape: Any, place: int) -> tuple[int, ...]:
    return (*shape[:place], *shape[place + 1 :])


def _in_rows(batch: Batch, x: Any, indices: Any, place: int) -> tuple[Any, Any]:
    """x as (examples, size along `place`, all others), and the indices repeated for the others."""
    rows = moveaxis(batch.whole(x), place + 1, 1)
    others = int(np.prod(_without(x.shape, place)))
    rows = reshape(rows, (batch.size, x.shape[place], others))
    numbers = reshape(indices.whole, (batch.size, indices.size, 1))
    return rows, broadcast_to(numbers, (batch.size, indices.size, others))


def _moved(x: Any, count: int, place: int) -> Any:
    """The `count` dimensions behind the examples moved to stand at `place` of an example."""
    found = tuple(range(1, 1 + count))
    return moveaxis(x, found, tuple(place + axis for axis in found)) if count and place else x


def _numbers(batch: Batch, ndim: int, device: Any) -> Any:
    return reshape(arange(batch.size, device=device), (batch.size, *(1,) * ndim))


def _indexed(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    x, *tensors = values
    index, tensors = _whole_index(batch, x, tensors, attrs["index"])
    return op([batch.whole(x), *tensors], index=index)


def _put(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    x, *tensors = values
    index, tensors = _whole_index(batch, x, tensors, attrs["index"])
    return op([batch.whole(x), *tensors], shape=(batch.size, *attrs["shape"]), index=index)


def _written(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    x, value, *tensors = values
    index = attrs["index"]
    masks = [tensor for tensor in tensors if tensor.dtype == np.bool_]
    if any(map(batch.holds, masks)):
        return _masked(batch, x, value, masks, index)
    if batch.holds(value):
        part = getitem.rule([x, *tensors], index=index)
        if masks and value.ndim:
            raise TracingError("vmap: with a boolean index the value must be one number")
        ones = (1,) * (len(part.shape) - value.ndim)
        value = reshape(value.whole, (batch.size, *ones, *value.shape))
    index, tensors = _whole_index(batch, x, tensors, index)
    return op([batch.whole(x), value, *tensors], index=index)


def _masked(batch: Batch, x: Any, value: Any, masks: Any, index: Any) -> Any:
    """x[mask] = number, where the mask is that of each example."""
    if len(index) != 1 or value.ndim:
        raise TracingError(
            "vmap: with a boolean index of each example the value must be one number, and the "
            "index stand alone; otherwise use tc.where"
        )
    whole = batch.whole(x)
    shapes = [
        (*t.shape, *(1,) * (whole.ndim - t.ndim)) for t in map(batch.whole, (masks[0], value))
    ]
    mask = reshape(batch.whole(masks[0]), shapes[0])
    return where(mask, reshape(batch.whole(value), shapes[1]), whole)


def _whole_index(batch: Batch, x: Any, tensors: Any, index: Any) -> Any:
    """The index into all examples."""
    places = [i for i, part in enumerate(index) if type(part) is Place]
    together = not places or places[-1] - places[0] + 1 == len(places)
    if not any(batch.holds(tensor) for tensor in tensors) and together:
        return (slice(None), *index), tensors
    if any(tensor.dtype == np.bool_ for tensor in tensors):
        raise TracingError("vmap: a boolean index gives each example another shape; use tc.where")
    if not together or places[0] != 0:
        raise TracingError("vmap: index tensors of each example must stand first, side by side")
    ndim = max(len(tensor.shape) for tensor in tensors)
    whole = []
    for tensor in tensors:
        if batch.holds(tensor):
            ones = (1,) * (ndim - tensor.ndim)
            tensor = reshape(tensor.whole, (batch.size, *ones, *tensor.shape))
        whole.append(tensor)
    whole.append(_numbers(batch, ndim, x.device))
    return (Place(len(tensors)), *index), whole


def _one_hot(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    (indices,) = values
    axis = axis_index("one_hot", attrs["axis"], indices.ndim + 1) + 1
    return op(indices.whole, **{**attrs, "axis": axis})


def _tiled(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    (x,) = values
    counts = attrs["repetitions"]
    counts = tuple(counts) if isinstance(counts, (tuple, list)) else (counts,)
    ones = (1,) * (len(counts) - x.ndim)
    counts = (1,) * (x.ndim - len(counts)) + counts
    return op(reshape(x.whole, (batch.size, *ones, *x.shape)), repetitions=(1, *counts))


def _searched(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    """For operations that look the first input up in the second, or the other way round."""
    table = 0 if op.name == "searchsorted" else 1
    if batch.holds(values[table]):
        raise TracingError(
            f"vmap: {op.name} looks into one table, and {op.inputs[table]} is different for each "
            "example. Use a loop over the examples with tc.stack."
        )
    return op(*(_data(batch, value) for value in values), **attrs)


RULES: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("real", "imag", "convert", "stop_gradient"), _matrices),
    **dict.fromkeys(("nextafter", "make_complex"), elementwise),
    **dict.fromkeys(("sum", "prod", "mean", "max", "min", "any", "all", "logsumexp"), _reduction),
    **dict.fromkeys(("argmax", "argmin"), _position),
    **dict.fromkeys(
        (
            "cumulative_sum",
            "cumulative_prod",
            "softmax",
            "log_softmax",
            "softmax_gradient",
            "log_softmax_gradient",
            "sort",
            "argsort",
            "flip",
            "cut",
            "fft",
            "ifft",
            "rfft",
            "irfft",
            "take_along_axis",
            "add_along_axis",
            "linear_recurrence",
        ),
        _along_axis,
    ),
    **dict.fromkeys(("concat", "stack"), _joined),
    **dict.fromkeys(("reshape", "expand_dims", "squeeze"), _reshaped),
    "transpose": _transposed,
    "broadcast_to": _broadcast,
    "sum_to": _summed,
    "matmul": _matmul,
    **dict.fromkeys(
        (
            "cholesky",
            "inv",
            "det",
            "slogdet",
            "eigh",
            "eig",
            "svd",
            "qr",
            "pinv",
            "diagonal",
            "with_diagonal",
            "softmax_cross_entropy",
            "softmax_cross_entropy_gradient",
            "sparse_softmax_cross_entropy",
            "sparse_softmax_cross_entropy_gradient",
            "to_device",
        ),
        _matrices,
    ),
    "solve": _solved,
    **dict.fromkeys(("searchsorted", "isin"), _searched),
    **ATTENTION_RULES,
    **IMAGE_RULES,
    **NORM_RULES,
    "one_hot": _one_hot,
    "tile_": _tiled,
    "scatter_add": _scattered,
    "setitem": _written,
    "pad": _padded,
    "roll": _rolled,
    "take": _taken,
    "getitem": _indexed,
    "put_zeros": _put,
}
