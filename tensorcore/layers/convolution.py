"""Convolution over images and sequences, channels last."""

from __future__ import annotations

from typing import Any

from tensorcore import nn
from tensorcore.errors import InvalidArgumentError, ShapeError
from tensorcore.layers.base import Layer
from tensorcore.layers.dense import known_last
from tensorcore.layers.options import add_bias, add_kernel, keep
from tensorcore.layers.shapes import InputSpec
from tensorcore.layers.shaping import check_channels_last
from tensorcore.layers.windows import (
    as_filters,
    as_image,
    channels_hint,
    flat,
    from_image,
    sizes,
    window_padding,
    window_shape,
)
from tensorcore.ops.arithmetic import add


class WindowedLayer(Layer):
    """What all convolutions share: window, strides, padding, activation and bias."""

    rank: int
    paddings: tuple[str, ...] = ("valid", "same")

    def keep_window(
        self,
        kernel_size: Any,
        strides: Any,
        padding: Any,
        data_format: str | None,
        dilation_rate: Any,
        **options: Any,
    ) -> None:
        """Check and keep the arguments of the window, and further options."""
        check_channels_last(self, data_format)
        keep(
            self,
            kernel_size=sizes(self, "kernel_size", kernel_size, self.rank),
            strides=sizes(self, "strides", strides, self.rank),
            padding=window_padding(self, padding, self.paddings),
            data_format="channels_last",
            dilation_rate=sizes(self, "dilation_rate", dilation_rate, self.rank),
            **options,
        )
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _input_hint(self, shape: Any) -> str:
        return channels_hint(shape, self.rank)

    def convolve(self, inputs: Any, kernel: Any, groups: int = 1) -> Any:
        """The convolution alone, of sequences as images of height 1."""
        padding: Any = self.padding.upper()
        if padding == "CAUSAL":
            padding = ((0, 0), ((self.kernel_size[0] - 1) * self.dilation_rate[0], 0))
        y = nn.conv2d(
            as_image(inputs, self.rank),
            as_filters(kernel, self.rank),
            strides=flat(self.strides),
            padding=padding,
            dilation=flat(self.dilation_rate),
            groups=groups,
        )
        return from_image(y, self.rank)

    def finished(self, y: Any) -> Any:
        """y with bias and activation."""
        return self.activation(y if self.bias is None else add(y, self.bias))

    def output_sizes(self, input_shape: Any) -> tuple[int | None, ...]:
        """The sizes of the output between batch and channels."""
        return window_shape(
            self, input_shape, self.kernel_size, self.strides, self.dilation_rate, self.padding
        )


class Convolution(WindowedLayer):
    """Base of Conv1D and Conv2D."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        check_filters(self, filters, groups)
        self.keep_window(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            filters=int(filters),
            groups=int(groups),
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )

    def build(self, input_shape: Any) -> None:
        channels = known_last(self, input_shape)
        if channels % self.groups:
            raise ShapeError(
                f'{type(self).__name__} "{self.name}": the channels of its input must be a '
                f"multiple of groups={self.groups}, received shape {tuple(input_shape)}"
            )
        self.kernel = add_kernel(self, (*self.kernel_size, channels // self.groups, self.filters))
        self.bias = add_bias(self, (self.filters,))
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={-1: channels})

    def call(self, inputs: Any) -> Any:
        return self.finished(self.convolve(inputs, self.kernel, self.groups))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], *self.output_sizes(input_shape), self.filters)


class Conv1D(Convolution):
    """Filters slid over sequences: activation(convolution(x, kernel) + bias).

    Args:
        filters: number of filters, the channels of the output.
        kernel_size: length of the filters, in steps.
        strides: step of the window.
        padding: "valid" (no border), "same" (a border of zeros on both sides) or "causal" (zeros
            before the start only, so that no output sees a later input).
        data_format: only "channels_last".
        dilation_rate: distance between a filter's cells.
        groups, activation and the others: see `Conv2D`.

    Input: shape (batch, steps, channels).  Output: shape (batch, new steps, filters).

    >>> import tensorcore as tc
    >>> Conv1D(8, 3)(tc.zeros((2, 10, 4))).shape
    (2, 8, 8)
    """

    rank = 1
    paddings = ("valid", "same", "causal")


class Conv2D(Convolution):
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
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties on weights and output.
        kernel_constraint, bias_constraint: what the weights are brought back to after each step.

    Input: shape (batch, height, width, channels).  Output: shape (batch, new height, new width,
        filters).

    >>> import tensorcore as tc
    >>> Conv2D(8, 3, padding="same")(tc.zeros((2, 10, 10, 4))).shape
    (2, 10, 10, 8)
    """

    rank = 2


def check_filters(layer: Layer, filters: Any, groups: int = 1) -> None:
    """Refuse numbers of filters that are no positive multiple of groups."""
    if not isinstance(filters, int) or filters <= 0 or groups <= 0 or filters % groups:
        raise InvalidArgumentError(
            f"{type(layer).__name__}: filters must be a positive multiple of groups, received "
            f"filters={filters!r} and groups={groups!r}"
        )


Convolution1D, Convolution2D = Conv1D, Conv2D
