"""Convolution over images."""

from __future__ import annotations

from typing import Any

from tensorcore import initializers, nn
from tensorcore.errors import InvalidArgumentError, ShapeError
from tensorcore.kernels.windows import output_size
from tensorcore.layers import activations
from tensorcore.layers.base import InputSpec, Layer, not_there_yet
from tensorcore.layers.dense import known_last
from tensorcore.layers.shaping import check_channels_last
from tensorcore.ops.arithmetic import add


class Conv2D(Layer):
    """Filters slid over images: activation(conv2d(x, kernel) + bias).

    Args:
        filters: number of filters, the channels of the output.
        kernel_size: height and width of the filters, in cells; one int for both.
        strides: steps (height, width), or one int.
        padding: "valid" (no border) or "same" (a border of zeros; size / stride, rounded up).
        data_format: only "channels_last".
        dilation_rate: distance between a filter's cells (height, width), or one int.
        groups: number of groups of channels that are convolved apart.
        activation: name or function.
        use_bias: whether to add a bias.
        kernel_initializer: for the kernel, shape (height, width, channels / groups, filters).
        bias_initializer: for the bias, shape (filters,).
        kernel_regularizer, bias_regularizer, activity_regularizer: must be None for now.
        kernel_constraint, bias_constraint: must be None for now.

    Input: shape (batch, height, width, channels).  Output: shape (batch, new height, new width,
        filters).
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        groups: int = 1,
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
        check_channels_last(self, data_format)
        not_there_yet(
            self,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        if filters <= 0 or groups <= 0 or filters % groups:
            raise InvalidArgumentError(
                "Conv2D: filters must be a positive multiple of groups, received "
                f"filters={filters} and groups={groups}"
            )
        self.filters = int(filters)
        self.kernel_size = pair(self, "kernel_size", kernel_size)
        self.strides = pair(self, "strides", strides)
        self.padding = window_padding(self, padding)
        self.dilation_rate = pair(self, "dilation_rate", dilation_rate)
        self.groups = int(groups)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.input_spec = InputSpec(ndim=4)

    def build(self, input_shape: Any) -> None:
        channels = known_last(self, input_shape)
        if channels % self.groups:
            raise ShapeError(
                f'Conv2D "{self.name}": the channels of its input must be a multiple of '
                f"groups={self.groups}, received shape {tuple(input_shape)}"
            )
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self.add_weight(shape, self.kernel_initializer, name="kernel")
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight((self.filters,), self.bias_initializer, name="bias")
        self.input_spec = InputSpec(ndim=4, axes={-1: channels})

    def call(self, inputs: Any) -> Any:
        y = nn.conv2d(
            inputs,
            self.kernel,
            strides=self.strides,
            padding=self.padding.upper(),
            dilation=self.dilation_rate,
            groups=self.groups,
        )
        if self.bias is not None:
            y = add(y, self.bias)
        return self.activation(y)

    def compute_output_shape(self, input_shape: Any) -> Any:
        sizes = window_shape(
            self, input_shape, self.kernel_size, self.strides, self.dilation_rate, self.padding
        )
        return (input_shape[0], *sizes, self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": "channels_last",
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
        }


def pair(layer: Layer, argument: str, value: Any) -> tuple[int, int]:
    """(height, width) from two positive ints, or from one that stands for both."""
    values = (value, value) if isinstance(value, int) else tuple(value)
    if len(values) != 2 or not all(isinstance(v, int) and v > 0 for v in values):
        raise InvalidArgumentError(
            f"{type(layer).__name__}: {argument} must be a positive int or a pair of them, "
            f"received {value!r}"
        )
    return values


def window_padding(layer: Layer, padding: Any) -> str:
    """ "valid" or "same", in lower case."""
    if not isinstance(padding, str) or padding.lower() not in ("valid", "same"):
        raise InvalidArgumentError(
            f'{type(layer).__name__}: padding must be "valid" or "same", received {padding!r}'
        )
    return padding.lower()


def window_shape(
    layer: Layer, shape: Any, window: Any, strides: Any, dilation: Any, padding: str
) -> tuple[int | None, ...]:
    """Height and width that remain after sliding a window over images of `shape`."""
    sizes: list[int | None] = []
    for axis in (0, 1):
        size = shape[1 + axis]
        if size is not None:
            size = output_size(
                size, window[axis], strides[axis], dilation[axis], padding.upper(), axis
            )
            if size <= 0:
                raise ShapeError(
                    f'{type(layer).__name__} "{layer.name}": a window of {window} does not fit '
                    f"into its input of shape {tuple(shape)}; use a smaller window or "
                    "padding='same'"
                )
        sizes.append(size)
    return tuple(sizes)
