"""`tf.contrib`: what programs used most of it; the rest has an error with the remedy."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tensorcore.errors import MissingNameError
from tensorcore.session.calls import as_graph_tensor
from tensorcore.session.initializers import glorot_normal, glorot_uniform, variance_scaling
from tensorcore.tf.compat.v1 import layers as tf_layers
from tensorcore.tf.compat.v1 import math, nn, rnn_cell
from tensorcore.tf.compat.v1.rnn import static_rnn


def xavier_initializer(
    uniform: bool = True, seed: int | None = None, dtype: Any = "float32"
) -> Any:
    """Glorot's initializer."""
    return glorot_uniform(seed, dtype) if uniform else glorot_normal(seed, dtype)


def variance_scaling_initializer(
    factor: float = 2.0,
    mode: str = "FAN_IN",
    uniform: bool = False,
    seed: int | None = None,
    dtype: Any = "float32",
) -> Any:
    """Random values of variance factor / n."""
    kind = "uniform" if uniform else "truncated_normal"
    return variance_scaling(factor, mode.lower(), kind, seed, dtype)


def fully_connected(
    inputs: Any,
    num_outputs: int,
    activation_fn: Any = nn.relu,
    normalizer_fn: Any = None,
    weights_initializer: Any = None,
    weights_regularizer: Any = None,
    biases_initializer: Any = None,
    scope: Any = None,
    reuse: Any = None,
    trainable: bool = True,
) -> Any:
    """A dense layer, with relu unless another activation is given."""
    if normalizer_fn is not None:
        raise MissingNameError(
            "tf.contrib.layers.fully_connected: normalizer_fn is not there; use tf.layers.dense "
            "and tf.layers.batch_normalization",
            name="normalizer_fn",
        )
    return tf_layers.dense(
        inputs,
        num_outputs,
        activation_fn,
        kernel_initializer=weights_initializer,
        bias_initializer=biases_initializer,
        kernel_regularizer=weights_regularizer,
        trainable=trainable,
        name=scope or None,
        reuse=reuse,
    )


def flatten(inputs: Any, outputs_collections: Any = None, scope: Any = None) -> Any:
    """All dimensions but the first in one."""
    return tf_layers.flatten(inputs, name=scope or "Flatten")


def l2_regularizer(scale: float, scope: Any = None) -> Any:
    """scale * sum(w**2) / 2 of a variable."""
    return lambda weights: nn.l2_loss(as_graph_tensor(weights)) * scale


def sequence_loss(
    logits: Any,
    targets: Any,
    weights: Any,
    average_across_timesteps: bool = True,
    average_across_batch: bool = True,
    name: str | None = None,
) -> Any:
    """The cross-entropy of logits (N, T, classes) with targets (N, T), the mean by weights (N, T).

    Without one of the averages the other dimension stays.
    """
    losses = nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=logits)
    losses = losses * weights
    if average_across_timesteps and average_across_batch:
        return math.reduce_sum(losses) / (math.reduce_sum(weights) + 1e-12)
    if not average_across_timesteps and not average_across_batch:
        return losses
    axis = 1 if average_across_timesteps else 0
    return math.reduce_sum(losses, axis) / (math.reduce_sum(weights, axis) + 1e-12)


class _Part:
    """A module of contrib: what there is of it, and an error for the rest."""

    is_module = True  # for `tensorcore run --check`

    def __init__(self, name: str, members: dict[str, Any], remedy: str) -> None:
        self.__dict__.update(members)
        self.__dict__["_name"] = name
        self.__dict__["_remedy"] = remedy

    def __getattr__(self, name: str) -> Any:
        raise MissingNameError(f"{self._name}.{name} is not there: {self._remedy}", name=name)


layers = _Part(
    "tf.contrib.layers",
    {
        "flatten": flatten,
        "fully_connected": fully_connected,
        "l2_regularizer": l2_regularizer,
        "variance_scaling_initializer": variance_scaling_initializer,
        "xavier_initializer": xavier_initializer,
    },
    "use tf.layers (dense, conv2d, max_pooling2d, batch_normalization)",
)
_CELLS = ("BasicLSTMCell", "BasicRNNCell", "DropoutWrapper", "GRUCell", "LSTMCell", "MultiRNNCell")
rnn = _Part(
    "tf.contrib.rnn",
    {
        **{name: getattr(rnn_cell, name) for name in (*_CELLS, "LSTMStateTuple")},
        "static_rnn": static_rnn,
    },
    "use tf.nn.rnn_cell and tf.nn.dynamic_rnn",
)
seq2seq = _Part(
    "tf.contrib.seq2seq",
    {"sequence_loss": sequence_loss},
    "write decoders with tf.nn.rnn_cell and tf.nn.static_rnn",
)
slim = _Part("tf.contrib.slim", {}, "use tf.layers")
learn = _Part("tf.contrib.learn", {}, "use tf.keras")
framework = _Part("tf.contrib.framework", SimpleNamespace().__dict__, "use tf.train and tf.layers")


def __getattr__(name: str) -> Any:
    raise MissingNameError(
        f"tf.contrib.{name} is not there: contrib was left behind with TensorFlow 1. Use "
        "tf.layers, tf.nn or tf.keras in its place",
        name=name,
    )
