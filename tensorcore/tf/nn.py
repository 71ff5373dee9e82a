"""`tf.nn`: activations, losses from logits, convolution and pooling under TensorFlow's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorcore import missing, random
from tensorcore import nn as own
from tensorcore.errors import InvalidArgumentError
from tensorcore.ops import arithmetic, indexing, reductions, shaping
from tensorcore.ops.exponential import log, rsqrt
from tensorcore.tensor import Tensor, as_tensor
from tensorcore.tf import math
from tensorcore.tf.dtypes import cast
from tensorcore.tf.math import in_top_k, l2_normalize, log_softmax, softmax, top_k, zero_fraction

ACTIVATIONS = {
    "elu": own.elu,
    "log_sigmoid": own.log_sigmoid,
    "relu": own.relu,
    "relu6": own.relu6,
    "selu": own.selu,
    "sigmoid": own.sigmoid,
    "silu": own.silu,
    "softplus": own.softplus,
    "softsign": own.softsign,
    "swish": own.silu,
    "tanh": own.tanh,
}


def _activation(name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
    def function(features: Any = None, name: str | None = None, *, x: Any = None) -> Tensor:
        return operation(as_tensor(x if features is None else features))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (operation.__doc__ or "").partition("\n\n")[0]
    return function


globals().update({name: _activation(name, operation) for name, operation in ACTIVATIONS.items()})

__all__ = [
    *ACTIVATIONS,
    "avg_pool",
    "avg_pool2d",
    "bias_add",
    "batch_normalization",
    "compute_average_loss",
    "conv2d",
    "conv2d_transpose",
    "convolution",
    "crelu",
    "dropout",
    "embedding_lookup",
    "gelu",
    "in_top_k",
    "l2_loss",
    "l2_normalize",
    "leaky_relu",
    "log_poisson_loss",
    "log_softmax",
    "max_pool",
    "max_pool2d",
    "moments",
    "scale_regularization_loss",
    "sigmoid_cross_entropy_with_logits",
    "softmax",
    "softmax_cross_entropy_with_logits",
    "sparse_softmax_cross_entropy_with_logits",
    "top_k",
    "weighted_cross_entropy_with_logits",
    "zero_fraction",
]


# Activations with arguments -----------------------------------------------------------------------


def leaky_relu(features: Any, alpha: float = 0.2, name: str | None = None) -> Tensor:
    """x above 0, alpha * x below."""
    return own.leaky_relu(as_tensor(features), alpha)


def gelu(features: Any, approximate: bool = False, name: str | None = None) -> Tensor:
    """x times the share of normal numbers below x; with `approximate` by tanh."""
    return own.gelu(as_tensor(features), approximate=approximate)


def crelu(features: Any, axis: int = -1, name: str | None = None) -> Tensor:
    """relu(x) and relu(-x) side by side."""
    from tensorcore.ops.joining import concat

    x = as_tensor(features)
    return own.relu(concat([x, arithmetic.negative(x)], axis=axis))


# Losses from logits -------------------------------------------------------------------------------


def softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, axis: int = -1, name: str | None = None
) -> Tensor:
    """-sum(labels * log(softmax(logits))) for each sample; labels are probabilities."""
    scores = as_tensor(logits)
    if axis not in (-1, scores.ndim - 1):
        order = [i for i in range(scores.ndim) if i != axis % scores.ndim] + [axis % scores.ndim]
        scores = shaping.transpose(scores, tuple(order))
        labels = shaping.transpose(as_tensor(labels), tuple(order))
    return own.softmax_cross_entropy(scores, cast(labels, scores.dtype))


def sparse_softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, name: str | None = None
) -> Tensor:
    """-log(softmax(logits)[label]) for each sample; labels are integers."""
    return own.sparse_softmax_cross_entropy(as_tensor(logits), as_tensor(labels))


def sigmoid_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """-t log(p) - (1 - t) log(1 - p) with p = sigmoid(logits), for each element."""
    scores = as_tensor(logits)
    return own.sigmoid_cross_entropy(scores, as_tensor(labels, dtype=scores.dtype))


def weighted_cross_entropy_with_logits(
    labels: Any, logits: Any, pos_weight: Any, name: str | None = None
) -> Tensor:
    """The same with the errors on positive labels multiplied by `pos_weight`."""
    x = as_tensor(logits)
    z = as_tensor(labels, dtype=x.dtype)
    weight = arithmetic.add(1.0, arithmetic.multiply(arithmetic.subtract(pos_weight, 1.0), z))
    rest = arithmetic.multiply(weight, own.softplus(arithmetic.negative(x)))
    return arithmetic.add(arithmetic.multiply(arithmetic.subtract(1.0, z), x), rest)


def log_poisson_loss(
    targets: Any, log_input: Any, compute_full_loss: bool = False, name: str | None = None
) -> Tensor:
    """exp(c) - targets * c, with c the logarithm of the prediction."""
    from tensorcore.ops.exponential import exp

    c = as_tensor(log_input)
    z = as_tensor(targets, dtype=c.dtype)
    loss = arithmetic.subtract(exp(c), arithmetic.multiply(z, c))
    if not compute_full_loss:
        return loss
    from tensorcore.ops.logical import greater, where

    stirling = z * log(z) - z + 0.5 * log(2.0 * 3.141592653589793 * z)
    return loss + where(greater(z, 1.0), stirling, 0.0)


def l2_loss(t: Any, name: str | None = None) -> Tensor:
    """Half the sum of squares."""
    return arithmetic.multiply(reductions.sum(arithmetic.square(as_tensor(t))), 0.5)


def compute_average_loss(
    per_example_loss: Any, sample_weight: Any = None, global_batch_size: Any = None
) -> Tensor:
    """The sum of the losses over the number of samples."""
    losses = as_tensor(per_example_loss)
    if sample_weight is not None:
        losses = arithmetic.multiply(losses, as_tensor(sample_weight, dtype=losses.dtype))
    count = losses.shape[0] if global_batch_size is None else int(global_batch_size)
    return arithmetic.divide(reductions.sum(losses), float(count))


def scale_regularization_loss(regularization_loss: Any) -> Tensor:
    """The regularization loss of one device's share; there is one device."""
    return reductions.sum(as_tensor(regularization_loss))


# Convolution and pooling --------------------------------------------------------------------------


def _pair(value: Any, argument: str) -> tuple[int, int]:
    """(height, width) of an int, a pair, or TensorFlow's [1, height, width, 1]."""
    if isinstance(value, int):
        return value, value
    sizes = tuple(int(n) for n in value)
    if len(sizes) == 4:
        if sizes[0] != 1 or sizes[3] != 1:
            raise InvalidArgumentError(
                f"{argument}: steps over samples and channels must be 1, received {list(sizes)}"
            )
        return sizes[1], sizes[2]
    return (sizes[0], sizes[0]) if len(sizes) == 1 else (sizes[0], sizes[1])


def _padding(padding: Any) -> Any:
    if isinstance(padding, str):
        return padding.upper()
    pairs = [tuple(int(n) for n in pair) for pair in padding]
    return (pairs[1], pairs[2]) if len(pairs) == 4 else tuple(pairs)


def _channels_last(data_format: str | None, function: str) -> None:
    if data_format not in (None, "NHWC"):
        raise InvalidArgumentError(
            f"{function}: images are (N, H, W, C) here, received data_format={data_format!r}; "
            "transpose with tf.transpose(x, [0, 2, 3, 1])"
        )


def conv2d(
    input: Any,
    filters: Any = None,
    strides: Any = 1,
    padding: Any = "VALID",
    data_format: str | None = "NHWC",
    dilations: Any = 1,
    name: str | None = None,
    filter: Any = None,
) -> Tensor:
    """Convolution of images (N, H, W, C) with filters (rows, columns, C, filters)."""
    _channels_last(data_format, "conv2d")
    return own.conv2d(
        as_tensor(input),
        as_tensor(filter if filters is None else filters),
        strides=_pair(strides, "strides"),
        padding=_padding(padding),
        dilation=_pair(dilations or 1, "dilations"),
    )


def convolution(
    input: Any, filters: Any, strides: Any = None, padding: Any = "VALID", **options: Any
) -> Tensor:
    """`conv2d` under its general name."""
    return conv2d(input, filters, strides or 1, padding, **options)


def conv2d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: Any = "SAME",
    data_format: str | None = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """The gradient of conv2d for its images: filters are (rows, columns, outputs, inputs)."""
    _channels_last(data_format, "conv2d_transpose")
    return own.conv2d_input_gradient(
        as_tensor(input),
        as_tensor(filters),
        input_shape=tuple(int(n) for n in output_shape),
        strides=_pair(strides, "strides"),
        padding=_padding(padding),
        dilation=_pair(dilations or 1, "dilations"),
        groups=1,
    )


def max_pool2d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = "NHWC",
    name: str | None = None,
) -> Tensor:
    """The maximum of each window of an image."""
    _channels_last(data_format, "max_pool2d")
    window, steps = _pair(ksize, "ksize"), _pair(strides, "strides")
    return own.max_pool2d(as_tensor(input), window=window, strides=steps, padding=_padding(padding))


def avg_pool2d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = "NHWC",
    name: str | None = None,
) -> Tensor:
    """The mean of each window of an image."""
    _channels_last(data_format, "avg_pool2d")
    window, steps = _pair(ksize, "ksize"), _pair(strides, "strides")
    return own.avg_pool2d(as_tensor(input), window=window, strides=steps, padding=_padding(padding))


max_pool = max_pool2d
avg_pool = avg_pool2d


# Layers' parts ------------------------------------------------------------------------------------


def bias_add(
    value: Any, bias: Any, data_format: str | None = None, name: str | None = None
) -> Tensor:
    """value + bias, the bias along the last dimension."""
    _channels_last(None if data_format == "N...C" else data_format, "bias_add")
    return arithmetic.add(as_tensor(value), as_tensor(bias))


def dropout(
    x: Any, rate: Any, noise_shape: Any = None, seed: Any = None, name: str | None = None
) -> Tensor:
    """Elements set to 0 with probability `rate`, the others divided by 1 - rate."""
    if noise_shape is not None:
        raise InvalidArgumentError("dropout: noise_shape is not there yet; leave it out")
    generator = None if seed is None else random.Generator(int(seed))
    return random.dropout(as_tensor(x), float(rate), generator=generator)


def embedding_lookup(
    params: Any, ids: Any, max_norm: Any = None, name: str | None = None
) -> Tensor:
    """The rows of a table at the ids."""
    rows = indexing.take(as_tensor(params), as_tensor(ids), axis=0)
    return rows if max_norm is None else math.clip_by_norm(rows, max_norm, axes=-1)


def moments(
    x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """(mean, variance) over the named dimensions."""
    tensor = as_tensor(x)
    over = tuple(axes) if isinstance(axes, (list, tuple)) else (int(axes),)
    return (
        reductions.mean(tensor, axis=over, keepdims=keepdims),
        reductions.var(tensor, axis=over, keepdims=keepdims),
    )


def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    offset: Any,
    scale: Any,
    variance_epsilon: float,
    name: str | None = None,
) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset."""
    factor = rsqrt(arithmetic.add(as_tensor(variance), variance_epsilon))
    if scale is not None:
        factor = arithmetic.multiply(factor, scale)
    y = arithmetic.multiply(arithmetic.subtract(as_tensor(x), mean), factor)
    return y if offset is None else arithmetic.add(y, offset)


def __getattr__(name: str) -> Any:
    raise missing.attribute(__name__, name, __all__)
