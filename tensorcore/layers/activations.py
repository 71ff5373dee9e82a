"""Activation functions by the names that Keras gives them."""

from __future__ import annotations

from typing import Any

from tensorcore import nn
from tensorcore.initializers.registry import Registry
from tensorcore.ops.arithmetic import (
    abs,
    add,
    clip,
    divide,
    minimum,
    multiply,
    square,
    subtract,
)
from tensorcore.ops.creation import arange
from tensorcore.ops.exponential import exp, sqrt
from tensorcore.ops.joining import split
from tensorcore.ops.logical import greater, greater_equal, less, less_equal, where
from tensorcore.ops.order import flip
from tensorcore.ops.reductions import cumulative_sum, sum
from tensorcore.ops.shaping import reshape
from tensorcore.ops.sorting import sort
from tensorcore.ops.transfer import astype
from tensorcore.tensor import as_tensor

__all__ = [
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]

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


def celu(x: Any, alpha: float = 1.0) -> Any:
    """x where it is positive, else alpha * (exp(x / alpha) - 1)."""
    return multiply(nn.elu(divide(x, alpha)), alpha)


def glu(x: Any, axis: int = -1) -> Any:
    """a * sigmoid(b), for the two halves a and b of x along `axis`.

    >>> glu([[3.0, 0.0]]).tolist()
    [[1.5]]
    """
    first, second = split(as_tensor(x), 2, axis=axis)
    return multiply(first, nn.sigmoid(second))


def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """x where |x| > threshold, else 0."""
    return where(greater(abs(x), threshold), x, 0.0)


def hard_tanh(x: Any) -> Any:
    """x limited to -1 ... 1."""
    return clip(x, -1.0, 1.0)


def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """x moved towards 0 by threshold; 0 where |x| <= threshold."""
    return subtract(x, clip(x, -threshold, threshold))


def sparse_plus(x: Any) -> Any:
    """0 up to -1, (x + 1)**2 / 4 up to 1, then x."""
    middle = multiply(square(add(x, 1.0)), 0.25)
    return where(less_equal(x, -1.0), 0.0, where(less(x, 1.0), middle, x))


def sparse_sigmoid(x: Any) -> Any:
    """(x + 1) / 2, limited to 0 ... 1."""
    return multiply(add(clip(x, -1.0, 1.0), 1.0), 0.5)


def sparsemax(x: Any, axis: int = -1) -> Any:
    """The nearest point to x whose elements are from 0 on and sum to 1.

    Source: Martins and Astudillo, 2016.
    """
    x = as_tensor(x)
    ordered = flip(sort(x, axis=axis), axis=axis)
    sums = cumulative_sum(ordered, axis=axis)
    size = x.shape[axis]
    shape = [1] * len(x.shape)
    shape[axis] = size
    counts = reshape(arange(1, size + 1, dtype=x.dtype, device=x.device), shape)
    inside = astype(greater(subtract(ordered, divide(subtract(sums, 1.0), counts)), 0.0), x.dtype)
    count = sum(inside, axis=axis, keepdims=True)
    threshold = divide(
        subtract(sum(multiply(ordered, inside), axis=axis, keepdims=True), 1.0), count
    )
    return nn.relu(subtract(x, threshold))


def squareplus(x: Any, b: float = 4) -> Any:
    """(x + sqrt(x**2 + b)) / 2, a smooth relu."""
    return multiply(add(x, sqrt(add(square(x), b))), 0.5)


def tanh_shrink(x: Any) -> Any:
    """x - tanh(x)."""
    return subtract(x, tanh(x))


def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """x where it exceeds the threshold, else a default value."""
    return where(greater(x, threshold), x, default_value)


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
    celu=celu,
    glu=glu,
    hard_shrink=hard_shrink,
    hard_tanh=hard_tanh,
    soft_shrink=soft_shrink,
    sparse_plus=sparse_plus,
    sparse_sigmoid=sparse_sigmoid,
    sparsemax=sparsemax,
    squareplus=squareplus,
    tanh_shrink=tanh_shrink,
    threshold=threshold,
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
