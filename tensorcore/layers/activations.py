"""Activation functions by the names that Keras gives them."""

from __future__ import annotations

from typing import Any

from tensorcore import nn
from tensorcore.initializers.registry import Registry
from tensorcore.ops.arithmetic import minimum, multiply, subtract
from tensorcore.ops.exponential import exp
from tensorcore.ops.logical import greater_equal, where

elu = nn.elu
gelu = nn.gelu
hard_sigmoid = nn.hard_sigmoid
hard_silu = nn.hard_silu
leaky_relu = nn.leaky_relu
log_sigmoid = nn.log_sigmoid
log_softmax = nn.log_softmax
mish = nn.mish
relu6 = nn.relu6
selu = nn.selu
sigmoid = nn.sigmoid
silu = nn.silu
softmax = nn.softmax
softplus = nn.softplus
softsign = nn.softsign
tanh = nn.tanh
hard_swish = hard_silu
swish = silu
exponential = exp


def linear(x: Any) -> Any:
    """x itself."""
    return x


def relu(
    x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Any:
    """Rectified linear unit: x from `threshold` on, limited to `max_value`; negative_slope (x -
    threshold) below.

    >>> relu([-1.0, 0.5, 9.0], max_value=6.0).tolist()
    [0.0, 0.5, 6.0]
    """
    if negative_slope or threshold:
        below = multiply(negative_slope, subtract(x, threshold))
        y = where(greater_equal(x, threshold), x, below)
    else:
        y = nn.relu(x)
    return y if max_value is None else minimum(y, max_value)


_registry = Registry(
    "activation",
    elu=elu,
    exponential=exponential,
    gelu=gelu,
    hard_sigmoid=hard_sigmoid,
    hard_silu=hard_silu,
    hard_swish=hard_silu,
    leaky_relu=leaky_relu,
    linear=linear,
    log_sigmoid=log_sigmoid,
    log_softmax=log_softmax,
    mish=mish,
    relu=relu,
    relu6=relu6,
    selu=selu,
    sigmoid=sigmoid,
    silu=silu,
    softmax=softmax,
    softplus=softplus,
    softsign=softsign,
    swish=silu,
    tanh=tanh,
)


def get(identifier: Any) -> Any:
    """The activation function named by a string, or the function or layer itself; `linear` for
    None.

    >>> get("relu")([-1.0, 2.0]).tolist()
    [0.0, 2.0]
    """
    if identifier is None:
        return linear
    return _registry.get(identifier)


def serialize(activation: Any) -> str | dict[str, Any]:
    """The name of an activation function."""
    return _registry.serialize(activation)


def deserialize(config: Any) -> Any:
    """The activation that `serialize` wrote down."""
    return get(config)
