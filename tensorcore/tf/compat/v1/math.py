"""Arithmetic and reductions of TensorFlow 1."""

from __future__ import annotations

from typing import Any

import tensorcore as tc
from tensorcore import dtypes
from tensorcore.session.calls import as_graph_tensor, binary, operation, unary
from tensorcore.session.names import tf_dtype
from tensorcore.tensor import as_tensor

abs = unary(tc.abs, "Abs")
acos = unary(tc.acos, "Acos")
asin = unary(tc.asin, "Asin")
atan = unary(tc.atan, "Atan")
ceil = unary(tc.ceil, "Ceil")
cos = unary(tc.cos, "Cos")
cosh = unary(tc.cosh, "Cosh")
erf = unary(tc.erf, "Erf")
exp = unary(tc.exp, "Exp")
expm1 = unary(tc.expm1, "Expm1")
floor = unary(tc.floor, "Floor")
is_finite = unary(tc.isfinite, "IsFinite")
is_inf = unary(tc.isinf, "IsInf")
is_nan = unary(tc.isnan, "IsNan")
log = unary(tc.log, "Log")
log1p = unary(tc.log1p, "Log1p")
logical_not = unary(tc.logical_not, "LogicalNot")
negative = unary(tc.negative, "Neg")
reciprocal = unary(tc.reciprocal, "Reciprocal")
round = unary(tc.round, "Round")
rsqrt = unary(tc.rsqrt, "Rsqrt")
sigmoid = unary(tc.nn.sigmoid, "Sigmoid")
sign = unary(tc.sign, "Sign")
sin = unary(tc.sin, "Sin")
sinh = unary(tc.sinh, "Sinh")
sqrt = unary(tc.sqrt, "Sqrt")
square = unary(tc.square, "Square")
tan = unary(tc.tan, "Tan")
tanh = unary(tc.tanh, "Tanh")

add = binary(tc.add, "Add")
atan2 = binary(tc.atan2, "Atan2")
equal = binary(tc.equal, "Equal")
floordiv = binary(tc.floor_divide, "floordiv")
greater = binary(tc.greater, "Greater")
greater_equal = binary(tc.greater_equal, "GreaterEqual")
less = binary(tc.less, "Less")
less_equal = binary(tc.less_equal, "LessEqual")
logical_and = binary(tc.logical_and, "LogicalAnd")
logical_or = binary(tc.logical_or, "LogicalOr")
logical_xor = binary(tc.logical_xor, "LogicalXor")
maximum = binary(tc.maximum, "Maximum")
minimum = binary(tc.minimum, "Minimum")
floormod = mod = binary(tc.remainder, "FloorMod")
multiply = binary(tc.multiply, "Mul")
not_equal = binary(tc.not_equal, "NotEqual")
pow = binary(tc.pow, "Pow")
squared_difference = binary(lambda x, y: tc.square(x - y), "SquaredDifference")
subtract = binary(tc.subtract, "Sub")


def _true_quotient(x: Any, y: Any) -> Any:
    if dtypes.is_integer(x.dtype):
        wide = dtypes.float32 if x.dtype.itemsize < 4 else dtypes.float64
        x, y = tc.astype(x, wide), tc.astype(y, wide)
    return x / y


def _old_quotient(x: Any, y: Any) -> Any:
    return x // y if dtypes.is_integer(x.dtype) else x / y


truediv = divide = binary(_true_quotient, "truediv")
div = binary(_old_quotient, "div")


def realdiv(x: Any, y: Any, name: str | None = None) -> Any:
    """x / y of floating-point numbers."""
    return truediv(x, y, name=name or "RealDiv")


@operation("DivNoNan", "div_no_nan")
def div_no_nan(x: Any, y: Any) -> Any:
    """x / y, and 0 where y is 0."""
    zero = y == 0
    return tc.where(zero, tc.zeros_like(x / tc.where(zero, 1, y)), x / tc.where(zero, 1, y))


@operation("MatMul")
def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
) -> Any:
    """The matrix product of the last two dimensions."""
    return tc.matmul(as_tensor(a), as_tensor(b), transpose_a=transpose_a, transpose_b=transpose_b)


def add_n(inputs: Any, name: str | None = None) -> Any:
    """The sum of tensors of one shape."""
    return _add_n(list(inputs), name=name or "AddN")


@operation("AddN")
def _add_n(inputs: list[Any]) -> Any:
    total = as_tensor(inputs[0])
    for value in inputs[1:]:
        total = total + value
    return total


@operation("Tensordot")
def tensordot(a: Any, b: Any, axes: Any) -> Any:
    """Products summed over the named dimensions."""
    return tc.tensordot(as_tensor(a), as_tensor(b), axes=axes)


@operation("einsum")
def einsum(equation: str, *inputs: Any) -> Any:
    """Products summed as the equation says."""
    return tc.einsum(equation, *inputs)


# Reductions ---------------------------------------------------------------------------------------


def _reduction(function: Any, kind: str, doc: str) -> Any:
    def compute(x: Any, axis: Any, keepdims: bool) -> Any:
        return function(as_tensor(x), axis, keepdims)

    def call(
        input_tensor: Any,
        axis: Any = None,
        keepdims: bool | None = None,
        name: str | None = None,
        reduction_indices: Any = None,
        keep_dims: bool | None = None,
    ) -> Any:
        tensor = as_graph_tensor(input_tensor, name="input_tensor")
        axis = reduction_indices if axis is None else axis
        keep = keepdims if keepdims is not None else keep_dims
        if axis is None:
            # TensorFlow makes a constant of the dimensions, and later ones are counted from there.
            tensor.graph.unique_name("Const")
        elif isinstance(axis, list):
            axis = tuple(axis)
        return tensor.graph.add(compute, (tensor, axis, bool(keep)), name=name or kind, kind=kind)

    call.__name__ = call.__qualname__ = kind.lower()
    call.__doc__ = doc
    return call


def _mean(x: Any, axis: Any, keepdims: bool) -> Any:
    if not dtypes.is_inexact(x.dtype):  # TensorFlow stays with integers, and cuts digits off
        wide = tc.mean(tc.astype(x, dtypes.float64), axis=axis, keepdims=keepdims)
        return tc.astype(tc.trunc(wide), x.dtype)
    return tc.mean(x, axis=axis, keepdims=keepdims)


reduce_sum = _reduction(
    lambda x, axis, keep: tc.sum(x, axis=axis, keepdims=keep, dtype=x.dtype),
    "Sum",
    "The sum over dimensions, over all of them if axis is None.",
)
reduce_prod = _reduction(
    lambda x, axis, keep: tc.prod(x, axis=axis, keepdims=keep, dtype=x.dtype),
    "Prod",
    "The product over dimensions.",
)
reduce_mean = _reduction(_mean, "Mean", "The mean over dimensions.")
reduce_max = _reduction(
    lambda x, axis, keep: tc.max(x, axis=axis, keepdims=keep), "Max", "The largest element."
)
reduce_min = _reduction(
    lambda x, axis, keep: tc.min(x, axis=axis, keepdims=keep), "Min", "The smallest element."
)
reduce_all = _reduction(
    lambda x, axis, keep: tc.all(x, axis=axis, keepdims=keep), "All", "Whether all are true."
)
reduce_any = _reduction(
    lambda x, axis, keep: tc.any(x, axis=axis, keepdims=keep), "Any", "Whether one is true."
)
reduce_logsumexp = _reduction(
    lambda x, axis, keep: tc.logsumexp(x, axis=axis, keepdims=keep),
    "ReduceLogSumExp",
    "The logarithm of the sum of exponentials.",
)


def argmax(
    input: Any,
    axis: Any = None,
    name: str | None = None,
    dimension: Any = None,
    output_type: Any = "int64",
) -> Any:
    """The positions of the largest elements along a dimension, the first if none is named."""
    axis = axis if axis is not None else dimension
    return _arg_max(input, 0 if axis is None else axis, output_type, name=name or "ArgMax")


def argmin(
    input: Any,
    axis: Any = None,
    name: str | None = None,
    dimension: Any = None,
    output_type: Any = "int64",
) -> Any:
    """The positions of the smallest elements along a dimension, the first if none is named."""
    axis = axis if axis is not None else dimension
    return _arg_min(input, 0 if axis is None else axis, output_type, name=name or "ArgMin")


@operation("ArgMax")
def _arg_max(x: Any, axis: Any, dtype: Any) -> Any:
    return tc.astype(tc.argmax(as_tensor(x), axis=int(axis)), tf_dtype(dtype))


@operation("ArgMin")
def _arg_min(x: Any, axis: Any, dtype: Any) -> Any:
    return tc.astype(tc.argmin(as_tensor(x), axis=int(axis)), tf_dtype(dtype))


arg_max, arg_min = argmax, argmin


@operation("Cumsum")
def cumsum(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Any:
    """Running sums along a dimension."""
    x = as_tensor(x)
    x = tc.flip(x, axis=axis) if reverse else x
    total = tc.cumulative_sum(x, axis=axis, dtype=x.dtype)
    total = total - x if exclusive else total
    return tc.flip(total, axis=axis) if reverse else total


# Norms --------------------------------------------------------------------------------------------


@operation("clip_by_value")
def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any) -> Any:
    """t limited to a range."""
    t = as_tensor(t)
    low, high = (as_tensor(v, dtype=t.dtype) for v in (clip_value_min, clip_value_max))
    return tc.minimum(tc.maximum(t, low), high)


@operation("clip_by_norm")
def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None) -> Any:
    """t scaled down to a norm, if its own is larger."""
    norm = tc.sqrt(tc.sum(t * t, axis=axes, keepdims=True))
    return t * clip_norm / tc.maximum(norm, as_tensor(clip_norm, dtype=t.dtype))


@operation("global_norm")
def global_norm(t_list: Any) -> Any:
    """The norm of all tensors together; None counts nothing."""
    return tc.sqrt(_add_squares([t for t in t_list if t is not None]))


def _add_squares(tensors: list[Any]) -> Any:
    total = tc.sum(tensors[0] * tensors[0])
    for t in tensors[1:]:
        total = total + tc.sum(t * t)
    return total


def clip_by_global_norm(
    t_list: Any, clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> tuple[list[Any], Any]:
    """(tensors scaled down so that their common norm is at most `clip_norm`, their norm)."""
    norm = global_norm(list(t_list)) if use_norm is None else use_norm
    scale = clip_norm * minimum(1.0 / norm, 1.0 / clip_norm)
    return [None if t is None else multiply(t, scale, name=name) for t in t_list], norm


@operation("norm")
def norm(tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool = False) -> Any:
    """The norm of all elements, or along a dimension."""
    if ord in ("euclidean", 2):
        return tc.sqrt(tc.sum(tensor * tensor, axis=axis, keepdims=keepdims))
    return tc.linalg.vector_norm(tensor, ord=ord, axis=axis, keepdims=keepdims)
