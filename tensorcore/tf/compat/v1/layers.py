"""`tf.layers`: layers as functions, whose variables belong to the graph."""

from __future__ import annotations

import math
from typing import Any

import tensorcore as tc
from tensorcore.errors import InvalidArgumentError, ShapeError
from tensorcore.ops.record import Spec
from tensorcore.session.calls import as_graph_tensor, operation
from tensorcore.session.graph import default_graph, graph_of
from tensorcore.session.initializers import ones, zeros
from tensorcore.session.scopes import get_variable, variable_scope
from tensorcore.tf.compat.v1 import arrays, nn


def _scope(name: str | None, default: str, reuse: Any) -> Any:
    """The scope of a layer's variables: named, or the default name with a number."""
    return variable_scope(name, default_name=default, reuse=reuse)


def _features(inputs: Any, what: str) -> int:
    size = inputs.get_shape().as_list()[-1]
    if size is None:
        raise ShapeError(
            f"The last dimension of the inputs to `{what}` should be defined. Found `None`."
        )
    return size


def _finished(outputs: Any, activation: Any) -> Any:
    return outputs if activation is None else activation(outputs)


def dense(
    inputs: Any,
    units: int,
    activation: Any = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = None,
    kernel_regularizer: Any = None,
    bias_regularizer: Any = None,
    activity_regularizer: Any = None,
    kernel_constraint: Any = None,
    bias_constraint: Any = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> Any:
    """activation(inputs kernel + bias) along the last dimension."""
    x = as_graph_tensor(inputs)
    with _scope(name, "dense", reuse):
        kernel = get_variable(
            "kernel",
            [_features(x, "Dense"), units],
            x.dtype,
            kernel_initializer,
            kernel_regularizer,
            trainable,
            constraint=kernel_constraint,
        )
        bias = None
        if use_bias:
            bias = get_variable(
                "bias",
                [units],
                x.dtype,
                bias_initializer or zeros(),
                bias_regularizer,
                trainable,
                constraint=bias_constraint,
            )
        outputs = _projected(x, kernel, name="MatMul")
        outputs = outputs if bias is None else nn.bias_add(outputs, bias)
        return _finished(outputs, activation)


@operation("MatMul")
def _projected(x: Any, kernel: Any) -> Any:
    return tc.matmul(x, kernel)


def conv2d(
    inputs: Any,
    filters: int,
    kernel_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: Any = (1, 1),
    activation: Any = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = None,
    kernel_regularizer: Any = None,
    bias_regularizer: Any = None,
    activity_regularizer: Any = None,
    kernel_constraint: Any = None,
    bias_constraint: Any = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> Any:
    """activation(convolution of images (N, H, W, C) + bias)."""
    x = as_graph_tensor(inputs)
    height, width = (kernel_size,) * 2 if isinstance(kernel_size, int) else tuple(kernel_size)
    with _scope(name, "conv2d", reuse):
        kernel = get_variable(
            "kernel",
            [height, width, _features(x, "Conv2D"), filters],
            x.dtype,
            kernel_initializer,
            kernel_regularizer,
            trainable,
            constraint=kernel_constraint,
        )
        outputs = nn.conv2d(
            x,
            kernel,
            strides,
            padding,
            data_format=data_format,
            dilations=dilation_rate,
        )
        if use_bias:
            bias = get_variable(
                "bias",
                [filters],
                x.dtype,
                bias_initializer or zeros(),
                bias_regularizer,
                trainable,
                constraint=bias_constraint,
            )
            outputs = nn.bias_add(outputs, bias)
        return _finished(outputs, activation)


def max_pooling2d(
    inputs: Any,
    pool_size: Any,
    strides: Any,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Any:
    """The largest element of each window."""
    with default_graph().name_scope(name or "max_pooling2d"):
        return nn.max_pool(inputs, pool_size, strides, padding, data_format)


def average_pooling2d(
    inputs: Any,
    pool_size: Any,
    strides: Any,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Any:
    """The mean of each window."""
    with default_graph().name_scope(name or "average_pooling2d"):
        return nn.avg_pool(inputs, pool_size, strides, padding, data_format)


def flatten(inputs: Any, name: str | None = None, data_format: str = "channels_last") -> Any:
    """All dimensions but the first in one."""
    x = as_graph_tensor(inputs)
    sizes = x.get_shape().as_list()[1:]
    with default_graph().name_scope(name or "flatten"):
        return arrays.reshape(x, [-1, -1 if None in sizes else math.prod(sizes)])


def dropout(
    inputs: Any,
    rate: float = 0.5,
    noise_shape: Any = None,
    seed: int | None = None,
    training: Any = False,
    name: str | None = None,
) -> Any:
    """While `training` each element is 0 with probability `rate`, else divided by 1 - rate."""
    x = as_graph_tensor(inputs)
    with default_graph().name_scope(name or "dropout"):
        if isinstance(training, (bool, int)):
            return nn.dropout(x, 1 - rate, noise_shape, seed) if training else _same(x)
        dropped = nn.dropout(x, 1 - rate, noise_shape, seed)
        return _chosen(training, dropped, x)


@operation("Identity")
def _same(x: Any) -> Any:
    return x


def _chosen(condition: Any, x: Any, y: Any) -> Any:
    """x if the condition is true, else y of the same shape."""
    result = Spec(y.static_shape.sizes, y.dtype)
    return graph_of([condition, x, y]).add(
        tc.where, (condition, x, y), name="cond", kind="Merge", results=result
    )


def batch_normalization(
    inputs: Any,
    axis: int = -1,
    momentum: float = 0.99,
    epsilon: float = 1e-3,
    center: bool = True,
    scale: bool = True,
    beta_initializer: Any = None,
    gamma_initializer: Any = None,
    moving_mean_initializer: Any = None,
    moving_variance_initializer: Any = None,
    training: Any = False,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
    **others: Any,
) -> Any:
    """Brings each channel to mean 0 and variance 1, then to a trained mean and variance.

    While `training`, a number or a tensor, the statistics are those of the batch, and the updates
    of the moving ones join the collection `tf.GraphKeys.UPDATE_OPS`, to be run with the steps.
    """
    if any(value is not None for value in others.values()):
        raise InvalidArgumentError(
            f"tf.layers.batch_normalization: {sorted(others)} are not there; leave them out"
        )
    x = as_graph_tensor(inputs)
    if axis not in (-1, x.get_shape().ndims - 1):
        raise InvalidArgumentError(
            "tf.layers.batch_normalization: the channels come last here (axis=-1), received "
            f"axis={axis}"
        )
    size = [_features(x, "BatchNormalization")]
    with _scope(name, "batch_normalization", reuse):
        gamma = beta = None
        if scale:
            start = gamma_initializer or ones()
            gamma = get_variable("gamma", size, x.dtype, start, trainable=trainable)
        if center:
            start = beta_initializer or zeros()
            beta = get_variable("beta", size, x.dtype, start, trainable=trainable)
        start = moving_mean_initializer or zeros()
        mean = get_variable("moving_mean", size, x.dtype, start, trainable=False)
        start = moving_variance_initializer or ones()
        variance = get_variable("moving_variance", size, x.dtype, start, trainable=False)
        now = (mean, variance)
        if not isinstance(training, (bool, int)) or training:
            now = nn.moments(x, list(range(x.get_shape().ndims - 1)))
            _follow(now, (mean, variance), momentum, training)
            if not isinstance(training, (bool, int)):
                now = tuple(_chosen(training, a, b) for a, b in zip(now, (mean, variance)))
        return nn.batch_normalization(x, *now, beta, gamma, epsilon)


def _follow(now: Any, moving: Any, momentum: float, training: Any) -> None:
    graph = default_graph()
    for value, kept in zip(now, moving, strict=True):
        step = (kept - value) * (1 - momentum)
        if not isinstance(training, (bool, int)):
            step = step * arrays.cast(training, kept.dtype)
        graph.add_to_collection("update_ops", kept.assign_sub(step, name="AssignMovingAvg"))
