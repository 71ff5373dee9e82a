"""The densely connected layer."""

from __future__ import annotations

from typing import Any

from tensorcore import initializers
from tensorcore.errors import InvalidArgumentError
from tensorcore.layers import activations
from tensorcore.layers.base import InputSpec, Layer, not_there_yet
from tensorcore.ops.arithmetic import add
from tensorcore.ops.linear import matmul


class Dense(Layer):
    """activation(x @ kernel + bias) over the last dimension.

    Args:
        units: size of the output's last dimension.
        activation: name or function; None means none.
        use_bias: whether to add a bias.
        kernel_initializer: for the kernel, shape (inputs, units).
        bias_initializer: for the bias, shape (units,).
        kernel_regularizer, bias_regularizer, activity_regularizer: must be None for now.
        kernel_constraint, bias_constraint: must be None for now.

    Input: shape (batch, ..., inputs).  Output: shape (batch, ..., units).

    >>> layer = Dense(3, activation="relu")
    >>> layer([[1.0, 2.0]]).shape
    (1, 3)
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(units, bool) or int(units) != units or units <= 0:
            raise InvalidArgumentError(f"Dense: units must be a positive int, received {units!r}")
        not_there_yet(
            self,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        self.units = int(units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape: Any) -> None:
        size = known_last(self, input_shape)
        self.kernel = self.add_weight((size, self.units), self.kernel_initializer, name="kernel")
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight((self.units,), self.bias_initializer, name="bias")
        self.input_spec = InputSpec(min_ndim=2, axes={-1: size})

    def call(self, inputs: Any) -> Any:
        y = matmul(inputs, self.kernel)
        if self.bias is not None:
            y = add(y, self.bias)
        return self.activation(y)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
        }


def known_last(layer: Layer, shape: Any) -> int:
    """The size of the last dimension, which weights are made for."""
    if shape[-1] is None:
        raise InvalidArgumentError(
            f'{type(layer).__name__} "{layer.name}": the last dimension of its input must be '
            f"known, received shape {tuple(shape)}"
        )
    return int(shape[-1])
