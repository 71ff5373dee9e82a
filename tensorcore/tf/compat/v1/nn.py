"""`tf.nn` of TensorFlow 1."""

from __future__ import annotations

from typing import Any

import tensorcore as tc
from tensorcore import dtypes
from tensorcore.errors import InvalidArgumentError
from tensorcore.ops.record import Spec
from tensorcore.session.calls import as_graph_tensor, operation, unary
from tensorcore.session.graph import graph_of
from tensorcore.session.random import RandomCall, sizes_of
from tensorcore.tensor import as_tensor
from tensorcore.tf.compat.v1 import rnn_cell
from tensorcore.tf.compat.v1.math import sigmoid, tanh
from tensorcore.tf.compat.v1.rnn import bidirectional_dynamic_rnn, dynamic_rnn, static_rnn

relu = unary(tc.nn.relu, "Relu")
relu6 = unary(tc.nn.relu6, "Relu6")
elu = unary(tc.nn.elu, "Elu")
selu = unary(tc.nn.selu, "Selu")
softplus = unary(tc.nn.softplus, "Softplus")
softsign = unary(tc.nn.softsign, "Softsign")
swish = unary(tc.nn.silu, "swish")
l2_loss = unary(lambda t: tc.sum(t * t) / 2, "L2Loss")


@operation("LeakyRelu")
def leaky_relu(features: Any, alpha: Any = 0.2) -> Any:
    """x where it is positive, alpha x elsewhere."""
    return tc.nn.leaky_relu(features, alpha)


@operation("CRelu")
def crelu(features: Any, axis: int = -1) -> Any:
    """relu(x) and relu(-x) side by side."""
    return tc.concat([tc.nn.relu(features), tc.nn.relu(-features)], axis=axis)


def softmax(logits: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Any:
    """exp(x) / sum(exp(x)) along the last dimension or the one that is named."""
    axis = axis if axis is not None else dim
    return _softmax(logits, -1 if axis is None else axis, name=name or "Softmax")


@operation("Softmax")
def _softmax(x: Any, axis: int) -> Any:
    return tc.nn.softmax(as_tensor(x), axis=axis)


def log_softmax(logits: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Any:
    """The logarithm of softmax."""
    axis = axis if axis is not None else dim
    return _log_softmax(logits, -1 if axis is None else axis, name=name or "LogSoftmax")


@operation("LogSoftmax")
def _log_softmax(x: Any, axis: int) -> Any:
    return tc.nn.log_softmax(as_tensor(x), axis=axis)


# Losses -------------------------------------------------------------------------------------------


def _need_names(function: str, first: Any, labels: Any, logits: Any) -> None:
    if first is not None or labels is None or logits is None:
        raise InvalidArgumentError(
            f"Only call `{function}` with named arguments (labels=..., logits=..., ...)"
        )


def softmax_cross_entropy_with_logits(
    _sentinel: Any = None,
    labels: Any = None,
    logits: Any = None,
    dim: int = -1,
    name: str | None = None,
    axis: Any = None,
) -> Any:
    """-sum(labels log(softmax(logits))) for each row; no gradient goes to the labels."""
    _need_names("softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    axis = dim if axis is None else axis
    return _cross_entropy(
        labels, logits, axis, True, name=name or "softmax_cross_entropy_with_logits"
    )


def softmax_cross_entropy_with_logits_v2(
    labels: Any, logits: Any, axis: Any = None, name: str | None = None, dim: Any = None
) -> Any:
    """-sum(labels log(softmax(logits))) for each row; gradients also go to the labels."""
    axis = axis if axis is not None else dim
    axis = -1 if axis is None else axis
    return _cross_entropy(
        labels, logits, axis, False, name=name or "softmax_cross_entropy_with_logits"
    )


@operation("SoftmaxCrossEntropyWithLogits")
def _cross_entropy(labels: Any, logits: Any, axis: int, stop: bool) -> Any:
    logits = as_tensor(logits)
    labels = as_tensor(labels, dtype=logits.dtype)
    labels = tc.stop_gradient(labels) if stop else labels
    if axis not in (-1, logits.ndim - 1):
        labels, logits = tc.moveaxis(labels, axis, -1), tc.moveaxis(logits, axis, -1)
    return tc.nn.softmax_cross_entropy(logits, labels)


def sparse_softmax_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Any:
    """-log(softmax(logits)) at the label of each row."""
    _need_names("sparse_softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    return _sparse_cross_entropy(labels, logits, name=name or "SparseSoftmaxCrossEntropyWithLogits")


@operation("SparseSoftmaxCrossEntropyWithLogits")
def _sparse_cross_entropy(labels: Any, logits: Any) -> Any:
    return tc.nn.sparse_softmax_cross_entropy(as_tensor(logits), as_tensor(labels))


def sigmoid_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Any:
    """The cross-entropy of independent yes-or-no labels, element by element."""
    _need_names("sigmoid_cross_entropy_with_logits", _sentinel, labels, logits)
    return _sigmoid_cross_entropy(labels, logits, name=name or "logistic_loss")


@operation("logistic_loss")
def _sigmoid_cross_entropy(labels: Any, logits: Any) -> Any:
    logits = as_tensor(logits)
    return tc.nn.sigmoid_cross_entropy(logits, as_tensor(labels, dtype=logits.dtype))


@operation("logistic_loss")
def weighted_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, pos_weight: Any = 1.0, targets: Any = None
) -> Any:
    """The same with the loss of positive labels multiplied by a weight."""
    labels = targets if labels is None else labels
    factor = 1 + (pos_weight - 1) * labels
    away = tc.nn.softplus(-tc.abs(logits)) + tc.nn.relu(-logits)
    return (1 - labels) * logits + factor * away


# Layers -------------------------------------------------------------------------------------------


@operation("BiasAdd")
def bias_add(value: Any, bias: Any, data_format: Any = None) -> Any:
    """value + bias along the last dimension (the channels)."""
    if data_format in ("NCHW", "N...C", "channels_first") and data_format != "N...C":
        bias = tc.reshape(bias, (-1,) + (1,) * (value.ndim - 2))
    return value + bias


@operation("xw_plus_b")
def xw_plus_b(x: Any, weights: Any, biases: Any) -> Any:
    """x weights + biases."""
    return tc.matmul(x, weights) + biases


def conv2d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Any:
    """Convolution of images (N, H, W, C) with filters (h, w, C, features).

    Args:
        strides: four numbers, of which the two in the middle count, or two.
        padding: "SAME" or "VALID".
    """
    _only_nhwc("tf.nn.conv2d", data_format)
    kernel = filter if filters is None else filters
    return _convolved(input, kernel, _two(strides), padding, _two(dilations), name=name or "Conv2D")


@operation("Conv2D")
def _convolved(x: Any, w: Any, strides: Any, padding: str, dilation: Any) -> Any:
    return tc.nn.conv2d(
        as_tensor(x), as_tensor(w), strides=strides, padding=padding.upper(), dilation=dilation
    )


def max_pool(
    value: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Any:
    """The largest element of each window of images (N, H, W, C)."""
    _only_nhwc("tf.nn.max_pool", data_format)
    return _max_pooled(value, _two(ksize), _two(strides), padding, name=name or "MaxPool")


@operation("MaxPool")
def _max_pooled(x: Any, window: Any, strides: Any, padding: str) -> Any:
    return tc.nn.max_pool2d(x, window=window, strides=strides, padding=padding.upper())


def avg_pool(
    value: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Any:
    """The mean of each window of images (N, H, W, C)."""
    _only_nhwc("tf.nn.avg_pool", data_format)
    return _mean_pooled(value, _two(ksize), _two(strides), padding, name=name or "AvgPool")


@operation("AvgPool")
def _mean_pooled(x: Any, window: Any, strides: Any, padding: str) -> Any:
    return tc.nn.avg_pool2d(x, window=window, strides=strides, padding=padding.upper())


def _two(numbers: Any) -> tuple[int, int]:
    """Height and width of what TensorFlow gives for one, two or four dimensions."""
    if numbers is None:
        return (1, 1)
    numbers = [numbers] if isinstance(numbers, int) else list(numbers)
    if len(numbers) == 4:
        numbers = numbers[1:3]
    return (int(numbers[0]), int(numbers[-1]))


def _only_nhwc(what: str, data_format: Any) -> None:
    if data_format not in ("NHWC", "channels_last", None):
        raise InvalidArgumentError(
            f'{what}: images have their channels last here (data_format="NHWC"), received '
            f"{data_format!r}; turn them with tf.transpose(x, [0, 2, 3, 1])"
        )


def dropout(
    x: Any,
    keep_prob: Any = None,
    noise_shape: Any = None,
    seed: int | None = None,
    name: str | None = None,
    rate: Any = None,
) -> Any:
    """Each element is 0 with probability 1 - keep_prob, else divided by keep_prob.

    Args:
        keep_prob: from above 0 to 1, a number or a tensor.
        noise_shape: sizes of 1 where all elements share their fate.
        rate: 1 - keep_prob.
    """
    if keep_prob is None and rate is None:
        raise InvalidArgumentError("You must provide a rate to dropout.")
    tensor = as_graph_tensor(x)
    keep = keep_prob if keep_prob is not None else 1 - rate
    if isinstance(keep, (int, float)) and not 0 < keep <= 1:
        raise InvalidArgumentError(
            f"keep_prob must be a scalar tensor or a float in the range (0, 1], got {keep:g}"
            if rate is None
            else f"rate must be in the range [0, 1), got {rate:g}"
        )
    if isinstance(keep, (int, float)) and keep == 1:
        return tensor
    graph = graph_of([tensor, keep])
    call = RandomCall(_dropped, graph.seed, seed, len(graph.operations))
    result = Spec(tensor.static_shape.sizes, tensor.dtype)
    return graph.add(
        call, (tensor, keep, noise_shape), name=name or "dropout", kind="Mul", results=result
    )


def _dropped(draw: Any, x: Any, keep: Any, noise_shape: Any) -> Any:
    shape = x.shape if noise_shape is None else sizes_of(noise_shape)
    kept = tc.floor(draw.uniform(shape, dtype=x.dtype, device=x.device) + keep)
    return x / keep * kept


def embedding_lookup(
    params: Any,
    ids: Any,
    partition_strategy: str = "mod",
    name: str | None = None,
    validate_indices: bool = True,
    max_norm: Any = None,
) -> Any:
    """The rows of a table with the given numbers."""
    if isinstance(params, (list, tuple)):
        if len(params) != 1:
            raise InvalidArgumentError(
                "tf.nn.embedding_lookup: tables in several parts are not there; use one"
            )
        params = params[0]
    return _looked_up(params, ids, name=name or "embedding_lookup")


@operation("GatherV2")
def _looked_up(table: Any, ids: Any) -> Any:
    return tc.nn.embedding_lookup(table, as_tensor(ids))


def moments(
    x: Any,
    axes: Any,
    shift: Any = None,
    name: str | None = None,
    keep_dims: Any = None,
    keepdims: Any = None,
) -> tuple[Any, Any]:
    """(mean, variance) over dimensions."""
    keep = bool(keepdims if keepdims is not None else keep_dims)
    return _moments(x, tuple(axes), keep, name=name or "moments")


@operation("moments")
def _moments(x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    mean = tc.mean(x, axis=axes, keepdims=True)
    variance = tc.mean(tc.square(x - mean), axis=axes, keepdims=keepdims)
    return (mean if keepdims else tc.squeeze(mean, axis=axes)), variance


@operation("batchnorm")
def batch_normalization(
    x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: Any
) -> Any:
    """(x - mean) / sqrt(variance + epsilon) scale + offset."""
    factor = tc.rsqrt(variance + variance_epsilon)
    factor = factor if scale is None else factor * scale
    shift = -mean * factor
    return x * factor + (shift if offset is None else shift + offset)


def l2_normalize(
    x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None, dim: Any = None
) -> Any:
    """x divided by its norm along a dimension."""
    axis = axis if axis is not None else dim
    return _l2_normalized(x, axis, epsilon, name=name or "l2_normalize")


@operation("l2_normalize")
def _l2_normalized(x: Any, axis: Any, epsilon: float) -> Any:
    axis = tuple(axis) if isinstance(axis, list) else axis
    squares = tc.sum(x * x, axis=axis, keepdims=True)
    return x * tc.rsqrt(tc.maximum(squares, as_tensor(epsilon, dtype=x.dtype)))


@operation("LRN")
def local_response_normalization(
    input: Any, depth_radius: int = 5, bias: float = 1, alpha: float = 1, beta: float = 0.5
) -> Any:
    """Each element divided by what its neighbours along the channels say (Krizhevsky, 2012)."""
    squares = tc.pad(input * input, [(0, 0)] * (input.ndim - 1) + [(depth_radius, depth_radius)])
    width = input.shape[-1]
    total = squares[..., :width]
    for start in range(1, 2 * depth_radius + 1):
        total = total + squares[..., start : start + width]
    return input / (bias + alpha * total) ** beta


lrn = local_response_normalization


@operation("TopKV2")
def top_k(input: Any, k: int = 1, sorted: bool = True) -> Any:
    """(the k largest values along the last dimension, their positions as int32)."""
    values, places = tc.topk(input, int(k))
    return values, tc.astype(places, dtypes.int32)


@operation("InTopK")
def in_top_k(predictions: Any, targets: Any, k: int) -> Any:
    """Whether fewer than k predictions of the row are larger than that of the target."""
    at = tc.take_along_axis(predictions, tc.expand_dims(targets, -1), axis=-1)
    larger = tc.astype(predictions > at, dtypes.int32)
    return tc.sum(larger, axis=-1) < k


def zero_fraction(value: Any, name: str | None = None) -> Any:
    """The share of zeros."""
    return _zero_share(value, name=name or "zero_fraction")


@operation("zero_fraction")
def _zero_share(x: Any) -> Any:
    return tc.mean(tc.astype(x == 0, dtypes.float32))
