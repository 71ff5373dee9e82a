"""Layers that only rearrange their input."""

from __future__ import annotations

import math
from typing import Any

from tensorcore.errors import InvalidArgumentError
from tensorcore.layers.base import InputSpec, Layer
from tensorcore.ops.shaping import expand_dims, reshape


class Flatten(Layer):
    """All dimensions but the batch in one: (batch, 28, 28) becomes (batch, 784).

    >>> import tensorcore as tc
    >>> Flatten()(tc.zeros((2, 28, 28))).shape
    (2, 784)
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_channels_last(self, data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Any) -> Any:
        if len(inputs.shape) < 3:
            return expand_dims(inputs, -1) if len(inputs.shape) == 1 else inputs
        return reshape(inputs, (inputs.shape[0], math.prod(inputs.shape[1:])))

    def compute_output_shape(self, input_shape: Any) -> Any:
        rest = input_shape[1:]
        return (input_shape[0], None if None in rest else math.prod(rest))


def check_channels_last(layer: Layer, data_format: str | None) -> None:
    """Refuse images that have their channels first."""
    if data_format not in (None, "channels_last"):
        raise InvalidArgumentError(
            f"{type(layer).__name__}: data_format={data_format!r} is not there; images have shape "
            "(batch, height, width, channels). Move the channels of your data with "
            "tc.moveaxis(images, 1, -1)"
        )
