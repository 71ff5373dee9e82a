"""`tf.math`: element-wise functions, reductions and products under TensorFlow's names."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import InvalidArgumentError
from tensorcore.ops import (
    activations,
    arithmetic,
    choosing,
    complex_numbers,
    creation,
    exponential,
    indexing,
    linear,
    logical,
    reductions,
    shaping,
    sorting,
    statistics,
    trigonometric,
)
from tensorcore.ops import sets as set_ops
from tensorcore.ops import softmax as softmax_ops
from tensorcore.tensor import Tensor, as_tensor
from tensorcore.tf.dtypes import as_dtype, cast
from tensorcore.tf.naming import table

OPERATIONS = {
    "abs": arithmetic.abs,
    "acos": trigonometric.acos,
    "acosh": trigonometric.acosh,
    "add": arithmetic.add,
    "angle": complex_numbers.angle,
    "asin": trigonometric.asin,
    "asinh": trigonometric.asinh,
    "atan": trigonometric.atan,
    "atan2": trigonometric.atan2,
    "atanh": trigonometric.atanh,
    "ceil": arithmetic.ceil,
    "conj": complex_numbers.conj,
    "cos": trigonometric.cos,
    "cosh": trigonometric.cosh,
    "divide": arithmetic.divide,
    "equal": logical.equal,
    "erf": trigonometric.erf,
    "exp": exponential.exp,
    "expm1": exponential.expm1,
    "floor": arithmetic.floor,
    "floordiv": arithmetic.floor_divide,
    "floormod": arithmetic.remainder,
    "greater": logical.greater,
    "greater_equal": logical.greater_equal,
    "imag": complex_numbers.imag,
    "is_finite": logical.isfinite,
    "is_inf": logical.isinf,
    "is_nan": logical.isnan,
    "less": logical.less,
    "less_equal": logical.less_equal,
    "log": exponential.log,
    "log1p": exponential.log1p,
    "log_sigmoid": activations.log_sigmoid,
    "logical_and": logical.logical_and,
    "logical_not": logical.logical_not,
    "logical_or": logical.logical_or,
    "logical_xor": logical.logical_xor,
    "maximum": arithmetic.maximum,
    "minimum": arithmetic.minimum,
    "mod": arithmetic.remainder,
    "multiply": arithmetic.multiply,
    "negative": arithmetic.negative,
    "not_equal": logical.not_equal,
    "pow": arithmetic.pow,
    "real": complex_numbers.real,
    "reciprocal": arithmetic.reciprocal,
    "round": arithmetic.round,
    "rsqrt": exponential.rsqrt,
    "sigmoid": activations.sigmoid,
    "sign": arithmetic.sign,
    "sin": trigonometric.sin,
    "sinh": trigonometric.sinh,
    "softplus": activations.softplus,
    "softsign": activations.softsign,
    "sqrt": exponential.sqrt,
    "square": arithmetic.square,
    "subtract": arithmetic.subtract,
    "tan": trigonometric.tan,
    "tanh": trigonometric.tanh,
    "truediv": arithmetic.divide,
}
globals().update(table(OPERATIONS))

__all__ = [
    *OPERATIONS,
    "accumulate_n",
    "add_n",
    "argmax",
    "argmin",
    "bincount",
    "confusion_matrix",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "divide_no_nan",
    "in_top_k",
    "l2_normalize",
    "log_softmax",
    "multiply_no_nan",
    "reduce_all",
    "reduce_any",
    "reduce_euclidean_norm",
    "reduce_logsumexp",
    "reduce_max",
    "reduce_mean",
    "reduce_min",
    "reduce_prod",
    "reduce_std",
    "reduce_sum",
    "reduce_variance",
    "scalar_mul",
    "segment_sum",
    "softmax",
    "squared_difference",
    "top_k",
    "unsorted_segment_sum",
    "zero_fraction",
]


# Reductions ---------------------------------------------------------------------------------------


def _reduction(name: str, operation: Any) -> Any:
    def function(
        input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
    ) -> Tensor:
        tensor = as_tensor(input_tensor)
        result = operation(tensor, axis=_axes(axis), keepdims=keepdims)
        # TensorFlow's sums and products keep the dtype of small integers.
        return result if result.dtype == tensor.dtype else cast(result, tensor.dtype)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`{operation.__name__}` over the named dimensions, or over all."
    return function


def _axes(axis: Any) -> Any:
    if isinstance(axis, (Tensor, np.ndarray)):
        axis = axis.tolist()
    return tuple(axis) if isinstance(axis, list) else axis


reduce_sum = _reduction("reduce_sum", reductions.sum)
reduce_prod = _reduction("reduce_prod", reductions.prod)
reduce_max = _reduction("reduce_max", reductions.max)
reduce_min = _reduction("reduce_min", reductions.min)
reduce_std = _reduction("reduce_std", reductions.std)
reduce_variance = _reduction("reduce_variance", reductions.var)
reduce_logsumexp = _reduction("reduce_logsumexp", reductions.logsumexp)
reduce_all = _reduction("reduce_all", reductions.all)
reduce_any = _reduction("reduce_any", reductions.any)


def reduce_mean(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """The mean; of integers it is an integer, cut towards zero, as TensorFlow has it.

    >>> reduce_mean([1, 2]).tolist()
    1
    """
    tensor = as_tensor(input_tensor)
    if not dtypes.is_integer(tensor.dtype):
        return reductions.mean(tensor, axis=_axes(axis), keepdims=keepdims)
    total = reductions.mean(cast(tensor, dtypes.float64), axis=_axes(axis), keepdims=keepdims)
    return cast(total, tensor.dtype)


def reduce_euclidean_norm(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """The root of the sum of squares."""
    return exponential.sqrt(reduce_sum(arithmetic.square(as_tensor(input_tensor)), axis, keepdims))


def count_nonzero(
    input: Any,
    axis: Any = None,
    keepdims: bool = False,
    dtype: Any = dtypes.int64,
    name: str | None = None,
) -> Tensor:
    """How many elements are not zero."""
    found = reductions.count_nonzero(as_tensor(input), axis=_axes(axis), keepdims=keepdims)
    return cast(found, dtype)


def _arg(name: str, operation: Any) -> Any:
    def function(
        input: Any, axis: Any = None, output_type: Any = dtypes.int64, name: str | None = None
    ) -> Tensor:
        return cast(operation(as_tensor(input), axis=0 if axis is None else int(axis)), output_type)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Where the {name[3:]}imum along a dimension is (the first by default)."
    return function


argmax = _arg("argmax", reductions.argmax)
argmin = _arg("argmin", reductions.argmin)


# Running sums -------------------------------------------------------------------------------------


def _cumulative(operation: Any, start: int) -> Any:
    def function(
        x: Any,
        axis: int = 0,
        exclusive: bool = False,
        reverse: bool = False,
        name: str | None = None,
    ) -> Tensor:
        from tensorcore.ops.joining import concat
        from tensorcore.ops.order import flip

        tensor = as_tensor(x)
        if reverse:
            tensor = flip(tensor, axis=axis)
        result = operation(tensor, axis=axis, dtype=tensor.dtype)
        if exclusive:
            size = tensor.shape[axis]
            first = creation.full_like(indexing.take(tensor, [0], axis=axis), start)
            rest = indexing.take(result, list(range(size - 1)), axis=axis)
            result = concat([first, rest], axis=axis)
        return flip(result, axis=axis) if reverse else result

    return function


cumsum = _cumulative(reductions.cumulative_sum, 0)
cumprod = _cumulative(reductions.cumulative_prod, 1)


# Products and combinations ------------------------------------------------------------------------


def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    output_type: Any = None,
    name: str | None = None,
) -> Tensor:
    """The matrix product of the last two dimensions; both sides must have at least two."""
    first, second = as_tensor(a), as_tensor(b)
    for tensor, word in ((first, "a"), (second, "b")):
        if tensor.ndim < 2:
            raise InvalidArgumentError(
                f"matmul: In[0] and In[1] ndims must be >= 2, {word} has shape {tensor.shape}; use "
                "tf.linalg.matvec or tf.tensordot for vectors [Op:MatMul]"
            )
    if transpose_a or adjoint_a:
        first = shaping.matrix_transpose(complex_numbers.conj(first) if adjoint_a else first)
    if transpose_b or adjoint_b:
        second = shaping.matrix_transpose(complex_numbers.conj(second) if adjoint_b else second)
    product = linear.matmul(first, second)
    return product if output_type is None else cast(product, output_type)


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Tensor:
    """The sum of products over the named dimensions."""
    return linear.tensordot(as_tensor(a), as_tensor(b), axes=axes)


def einsum(equation: str, *inputs: Any, **options: Any) -> Tensor:
    """Einstein's summation."""
    return linear.einsum(equation, *map(as_tensor, inputs))


def add_n(inputs: Any, name: str | None = None) -> Tensor:
    """The sum of a list of tensors."""
    return functools.reduce(arithmetic.add, map(as_tensor, inputs))


accumulate_n = add_n


def scalar_mul(scalar: Any, x: Any, name: str | None = None) -> Tensor:
    """A number times a tensor."""
    return arithmetic.multiply(x, scalar)


def squared_difference(x: Any, y: Any, name: str | None = None) -> Tensor:
    """(x - y) squared."""
    return arithmetic.square(arithmetic.subtract(as_tensor(x), y))


def divide_no_nan(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y, and 0 where y is 0."""
    divisor = as_tensor(y)
    is_zero = logical.equal(divisor, creation.zeros_like(divisor))
    safe = logical.where(is_zero, creation.ones_like(divisor), divisor)
    quotient = arithmetic.divide(as_tensor(x), safe)
    return logical.where(is_zero, creation.zeros_like(quotient), quotient)


def multiply_no_nan(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x * y, and 0 where y is 0, whatever x is."""
    factor, value = as_tensor(y), as_tensor(x)
    is_zero = logical.equal(factor, creation.zeros_like(factor))
    safe = logical.where(is_zero, creation.zeros_like(value), value)
    return arithmetic.multiply(safe, factor)


def l2_normalize(
    x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None
) -> Tensor:
    """x / sqrt(max(sum(x squared), epsilon))."""
    tensor = as_tensor(x)
    squares = reductions.sum(arithmetic.square(tensor), axis=_axes(axis), keepdims=True)
    return arithmetic.multiply(tensor, exponential.rsqrt(arithmetic.maximum(squares, epsilon)))


def clip_by_value(
    t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None
) -> Tensor:
    """Values below the minimum or above the maximum set to these."""
    return arithmetic.clip(as_tensor(t), clip_value_min, clip_value_max)


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Tensor:
    """t scaled down to this norm, if its norm is greater."""
    tensor = as_tensor(t)
    squares = reductions.sum(arithmetic.square(tensor), axis=_axes(axes), keepdims=True)
    norm = exponential.sqrt(squares)
    return arithmetic.divide(
        arithmetic.multiply(tensor, clip_norm), arithmetic.maximum(norm, clip_norm)
    )


def global_norm(t_list: Any, name: str | None = None) -> Tensor:
    """The norm of all tensors together; None is left out."""
    squares = [reductions.sum(arithmetic.square(as_tensor(t))) for t in t_list if t is not None]
    return exponential.sqrt(add_n(squares))


def clip_by_global_norm(
    t_list: Any, clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> tuple[list[Any], Tensor]:
    """All tensors scaled by one factor so that their global norm is at most `clip_norm`."""
    norm = global_norm(t_list) if use_norm is None else as_tensor(use_norm)
    scale = arithmetic.divide(clip_norm, arithmetic.maximum(norm, clip_norm))
    scaled = [None if t is None else arithmetic.multiply(as_tensor(t), scale) for t in t_list]
    return scaled, norm


# Counting and ranking -----------------------------------------------------------------------------


def bincount(
    arr: Any,
    weights: Any = None,
    minlength: Any = None,
    maxlength: Any = None,
    dtype: Any = dtypes.int32,
    name: str | None = None,
    axis: Any = None,
    binary_output: bool = False,
) -> Tensor:
    """How often each integer occurs, or the sum of its weights."""
    values = shaping.reshape(as_tensor(arr), (-1,))
    counts = statistics.bincount(values, weights=weights, minlength=int(minlength or 0))
    if maxlength is not None:
        counts = counts[: int(maxlength)]
    return counts if weights is not None else cast(counts, dtype)


def confusion_matrix(
    labels: Any,
    predictions: Any,
    num_classes: int | None = None,
    weights: Any = None,
    dtype: Any = dtypes.int32,
    name: str | None = None,
) -> Tensor:
    """How often label i (row) was predicted as j (column)."""
    truth, guess = cast(labels, dtypes.int64), cast(predictions, dtypes.int64)
    if num_classes is None:
        largest = arithmetic.maximum(reductions.max(truth), reductions.max(guess))
        num_classes = int(largest.item()) + 1
    pairs = arithmetic.add(arithmetic.multiply(truth, num_classes), guess)
    counts = statistics.bincount(pairs, weights=weights, minlength=num_classes**2)
    return cast(shaping.reshape(counts, (num_classes, num_classes)), as_dtype(dtype))


class TopKV2(NamedTuple):
    """What `top_k` returns."""

    values: Any
    indices: Any


def top_k(input: Any, k: int = 1, sorted: bool = True, name: str | None = None) -> TopKV2:
    """The k largest elements of the last dimension, and their positions as int32."""
    values, places = sorting.topk(as_tensor(input), k)
    return TopKV2(values, cast(places, dtypes.int32))


def in_top_k(targets: Any, predictions: Any, k: int, name: str | None = None) -> Tensor:
    """Whether the target class is among the k best predictions of its row."""
    scores, labels = as_tensor(predictions), as_tensor(targets)
    own = choosing.take_along_axis(scores, shaping.expand_dims(labels, axis=-1), axis=-1)
    better = reductions.sum(cast(logical.greater(scores, own), dtypes.int32), axis=-1)
    return logical.less(better, k)


def zero_fraction(value: Any, name: str | None = None) -> Tensor:
    """The share of elements that are zero."""
    tensor = as_tensor(value)
    zeros = logical.equal(tensor, creation.zeros_like(tensor))
    return reductions.mean(cast(zeros, dtypes.float32))


def unsorted_segment_sum(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Tensor:
    """Sums of the rows that have the same id."""
    values = as_tensor(data)
    empty = creation.zeros((int(num_segments), *values.shape[1:]), dtype=values.dtype)
    return indexing.scatter_add(empty, as_tensor(segment_ids), values)


def segment_sum(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """Sums of neighbouring rows that have the same id; the ids rise."""
    ids = as_tensor(segment_ids)
    return unsorted_segment_sum(data, ids, int(ids[-1].item()) + 1)  # type: ignore[index]


def unique(x: Any, out_idx: Any = dtypes.int32, name: str | None = None) -> Any:
    """(the different values in the order of their first place, where each element is there)."""
    found = set_ops.unique_all(as_tensor(x))
    ranks = sorting.argsort(found.indices)
    inverse = indexing.take(sorting.argsort(ranks), shaping.reshape(found.inverse_indices, (-1,)))
    return indexing.take(found.values, ranks), cast(inverse, out_idx)


def sort(
    values: Any, axis: int = -1, direction: str = "ASCENDING", name: str | None = None
) -> Tensor:
    """The values in order along a dimension."""
    return sorting.sort(as_tensor(values), axis=axis, descending=direction == "DESCENDING")


def argsort(
    values: Any,
    axis: int = -1,
    direction: str = "ASCENDING",
    stable: bool = False,
    name: str | None = None,
) -> Tensor:
    """Where the values in order come from, int32."""
    descending = direction == "DESCENDING"
    return cast(sorting.argsort(as_tensor(values), axis=axis, descending=descending), dtypes.int32)


def softmax(logits: Any, axis: int | None = None, name: str | None = None) -> Tensor:
    """exp(x) / sum(exp(x)) along a dimension, the last by default."""
    return softmax_ops.softmax(as_tensor(logits), axis=-1 if axis is None else axis)


def log_softmax(logits: Any, axis: int | None = None, name: str | None = None) -> Tensor:
    """The logarithm of softmax."""
    return softmax_ops.log_softmax(as_tensor(logits), axis=-1 if axis is None else axis)
