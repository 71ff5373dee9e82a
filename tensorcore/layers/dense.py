"""The densely connected layer."""

from __future__ import annotations

from typing import Any

from tensorcore.errors import InvalidArgumentError
from tensorcore.layers.base import Layer
from tensorcore.layers.options import add_bias, add_kernel, keep
from tensorcore.layers.shapes import InputSpec
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
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties on weights and output.
        kernel_constraint, bias_constraint: what the weights are brought back to after each step.

    Input: shape (batch, ..., inputs).  Output: shape (batch, ..., units).

    >>> layer = Dense(3, activation="relu")
    >>> layer([[1.0, 2.0]]).shape
    (1, 3)
    """

    supports_masking = True

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
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        if isinstance(units, (bool, str)) or int(units) != units or units <= 0:
            raise InvalidArgumentError(f"Dense: units must be a positive int, received {units!r}")
        keep(
            self,
            units=int(units),
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape: Any) -> None:
        size = known_last(self, input_shape)
        self.kernel = add_kernel(self, (size, self.units))
        self.bias = add_bias(self, (self.units,))
        self.input_spec = InputSpec(min_ndim=2, axes={-1: size})

    def call(self, inputs: Any) -> Any:
        y = matmul(inputs, self.kernel)
        if self.bias is not None:
            y = add(y, self.bias)
        return self.activation(y)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.units)


def known_last(layer: Layer, shape: Any) -> int:
    """The size of the last dimension, which weights are made for."""
    if shape[-1] is None:
        raise InvalidArgumentError(
            f'{type(layer).__name__} "{layer.name}": the last dimension of its input must be '
            f"known, received shape {tuple(shape)}"
        )
    return int(shape[-1])
