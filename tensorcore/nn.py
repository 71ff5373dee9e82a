"""Functions of neural networks: activations, losses from logits, convolution, pooling, dropout."""

from typing import Any

from tensorcore import missing
from tensorcore.ops.activations import (
    elu,
    gelu,
    hard_sigmoid,
    hard_silu,
    leaky_relu,
    log_sigmoid,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    sigmoid_cross_entropy,
    silu,
    softplus,
    softsign,
)
from tensorcore.ops.attention import scaled_dot_product_attention
from tensorcore.ops.convolution import conv2d, conv2d_filter_gradient, conv2d_input_gradient
from tensorcore.ops.indexing import one_hot
from tensorcore.ops.indexing import take as embedding_lookup
from tensorcore.ops.normalization import layer_norm
from tensorcore.ops.pooling import avg_pool2d, max_pool2d
from tensorcore.ops.softmax import (
    log_softmax,
    softmax,
    softmax_cross_entropy,
    sparse_softmax_cross_entropy,
)
from tensorcore.ops.trigonometric import tanh
from tensorcore.random import dropout

__all__ = [
    "avg_pool2d",
    "conv2d",
    "conv2d_filter_gradient",
    "conv2d_input_gradient",
    "dropout",
    "elu",
    "embedding_lookup",
    "gelu",
    "hard_sigmoid",
    "hard_silu",
    "layer_norm",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "max_pool2d",
    "mish",
    "one_hot",
    "relu",
    "relu6",
    "scaled_dot_product_attention",
    "selu",
    "sigmoid",
    "sigmoid_cross_entropy",
    "silu",
    "softmax",
    "softmax_cross_entropy",
    "softplus",
    "softsign",
    "sparse_softmax_cross_entropy",
    "tanh",
]


def __getattr__(name: str) -> Any:
    raise missing.attribute(__name__, name, __all__)


def __dir__() -> list[str]:
    return sorted(__all__)
