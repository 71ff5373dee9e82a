"""Activation functions as layers."""

from __future__ import annotations

from typing import Any

from tensorcore.errors import InvalidArgumentError
from tensorcore.layers import activations
from tensorcore.layers.base import Layer
from tensorcore.layers.options import add_kernel, keep
from tensorcore.layers.shapes import InputSpec
from tensorcore.ops.arithmetic import add, minimum, multiply, subtract
from tensorcore.ops.exponential import exp
from tensorcore.ops.logical import where
from tensorcore.ops.reductions import logsumexp


class ElementwiseLayer(Layer):
    """Base of layers whose output has the shape of their input."""

    supports_masking = True

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
        keep(self, activation=activation)

    def call(self, inputs: Any) -> Any:
        return self.activation(inputs)


class Identity(ElementwiseLayer):
    """The input itself."""

    def call(self, inputs: Any) -> Any:
        return inputs


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
        _check_positive(self, max_value=max_value, negative_slope=negative_slope)
        _check_positive(self, threshold=threshold)
        keep(self, max_value=max_value, negative_slope=negative_slope, threshold=threshold)

    def call(self, inputs: Any) -> Any:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(ElementwiseLayer):
    """x where it is positive, else negative_slope * x.

    >>> LeakyReLU(0.5)([-2.0, 3.0]).tolist()
    [-1.0, 3.0]
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        negative_slope = kwargs.pop("alpha", negative_slope)  # its name in Keras 2
        super().__init__(**kwargs)
        if negative_slope is None:
            raise InvalidArgumentError("LeakyReLU: negative_slope must be a number, received None")
        keep(self, negative_slope=negative_slope)

    def call(self, inputs: Any) -> Any:
        return activations.leaky_relu(inputs, negative_slope=self.negative_slope)


class PReLU(ElementwiseLayer):
    """x where it is positive, else alpha * x with a trained alpha.

    Args:
        alpha_initializer: for alpha, which has the shape of a sample.
        alpha_regularizer, alpha_constraint: penalty on alpha; what it is brought back to.
        shared_axes: dimensions that share one alpha; [1, 2] means one for each channel of images.

    Source: He et al., 2015.
    """

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if shared_axes is not None:
            shared_axes = [shared_axes] if isinstance(shared_axes, int) else list(shared_axes)
        keep(
            self,
            alpha_initializer=alpha_initializer,
            alpha_regularizer=alpha_regularizer,
            alpha_constraint=alpha_constraint,
            shared_axes=shared_axes,
        )

    def build(self, input_shape: Any) -> None:
        shape = list(input_shape[1:])
        for axis in self.shared_axes or ():
            shape[axis - 1] = 1
        self.alpha = add_kernel(self, tuple(shape), "alpha")
        axes = {i: n for i, n in enumerate(input_shape) if i and i not in (self.shared_axes or ())}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)

    def call(self, inputs: Any) -> Any:
        return add(activations.relu(inputs), multiply(self.alpha, minimum(inputs, 0.0)))


class ELU(ElementwiseLayer):
    """x where it is positive, else alpha * (exp(x) - 1)."""

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        keep(self, alpha=alpha)

    def call(self, inputs: Any) -> Any:
        return activations.elu(inputs, alpha=self.alpha)


class Softmax(ElementwiseLayer):
    """exp(x) / sum(exp(x)) along a dimension: scores become probabilities.

    Args:
        axis: the dimension, or several.

    The call takes `mask`, True for the places that count; the others get probability 0.
    """

    def __init__(self, axis: Any = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        keep(self, axis=axis)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None:
            return self._over_axis(inputs)
        lowest = -3e4 if inputs.dtype.itemsize == 2 else -1e9
        # Where nothing counts the result is 0.
        return where(mask, self._over_axis(where(mask, inputs, lowest)), 0.0)

    def _over_axis(self, inputs: Any) -> Any:
        if isinstance(self.axis, int):
            return activations.softmax(inputs, axis=self.axis)
        if len(self.axis) == 1:
            return activations.softmax(inputs, axis=self.axis[0])
        axes = tuple(self.axis)
        return exp(subtract(inputs, logsumexp(inputs, axis=axes, keepdims=True)))


class ActivityRegularization(ElementwiseLayer):
    """The input itself, with a penalty on its size that is added to the loss.

    Args:
        l1: factor of the sum of absolute values.
        l2: factor of the sum of squares.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        from tensorcore.regularizers import L1L2

        super().__init__(activity_regularizer=L1L2(l1=l1, l2=l2), **kwargs)
        keep(self, l1=l1, l2=l2)

    def call(self, inputs: Any) -> Any:
        return inputs

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["activity_regularizer"]
        return config


def _check_positive(layer: Layer, **values: float | None) -> None:
    for argument, value in values.items():
        if value is not None and value < 0:
            raise InvalidArgumentError(
                f"{type(layer).__name__}: {argument} must not be negative, received {value!r}"
            )
