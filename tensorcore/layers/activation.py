"""Activation functions as layers."""

from __future__ import annotations

from typing import Any

from tensorcore.errors import InvalidArgumentError
from tensorcore.layers import activations
from tensorcore.layers.base import Layer


class ElementwiseLayer(Layer):
    """Base of layers whose output has the shape of their input."""

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape)


class Activation(ElementwiseLayer):
    """An activation function as a layer.

    Args:
        activation: name or function.

    >>> Activation("relu")([-1.0, 2.0]).tolist()
    [0.0, 2.0]
    """

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: Any) -> Any:
        return self.activation(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


class ReLU(ElementwiseLayer):
    """Rectified linear unit: x from `threshold` on, limited to `max_value`.

    Args:
        max_value: upper limit of the output; None means none.
        negative_slope: slope below the threshold.
        threshold: below it the output is negative_slope * (x - threshold).
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for argument, value in (
            ("max_value", max_value),
            ("negative_slope", negative_slope),
            ("threshold", threshold),
        ):
            if value is not None and value < 0:
                raise InvalidArgumentError(
                    f"ReLU: {argument} must not be negative, received {value!r}"
                )
        self.max_value = max_value
        self.negative_slope = negative_slope
        self.threshold = threshold

    def call(self, inputs: Any) -> Any:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }


class Softmax(ElementwiseLayer):
    """exp(x) / sum(exp(x)) along a dimension: scores become probabilities.

    Args:
        axis: the dimension.
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        return activations.softmax(inputs, axis=self.axis)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}
