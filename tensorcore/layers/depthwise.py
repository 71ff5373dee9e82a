"""Convolutions that treat each channel apart, and mix the channels afterwards or not at all."""

from __future__ import annotations

from typing import Any

from tensorcore.errors import InvalidArgumentError
from tensorcore.layers.convolution import WindowedLayer, check_filters
from tensorcore.layers.dense import known_last
from tensorcore.layers.options import add_bias
from tensorcore.layers.shapes import InputSpec
from tensorcore.ops.linear import matmul
from tensorcore.ops.shaping import reshape


class ChannelwiseLayer(WindowedLayer):
    """Convolution of each channel with `depth_multiplier` filters of its own."""

    def check_multiplier(self, depth_multiplier: Any) -> None:
        if not isinstance(depth_multiplier, int) or depth_multiplier <= 0:
            raise InvalidArgumentError(
                f"{type(self).__name__}: depth_multiplier must be a positive int, received "
                f"{depth_multiplier!r}"
            )

    def channelwise(self, inputs: Any, kernel: Any) -> Any:
        """Kernel (..., channels, multiplier) over inputs: channels * multiplier channels."""
        *window, channels, multiplier = kernel.shape
        kernel = reshape(kernel, (*window, 1, channels * multiplier))
        return self.convolve(inputs, kernel, groups=channels)


class DepthwiseConvolution(ChannelwiseLayer):
    """Base of DepthwiseConv1D and DepthwiseConv2D."""

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.check_multiplier(depth_multiplier)
        self.keep_window(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            depth_multiplier=depth_multiplier,
            activation=activation,
            use_bias=use_bias,
            depthwise_initializer=depthwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            bias_regularizer=bias_regularizer,
            depthwise_constraint=depthwise_constraint,
            bias_constraint=bias_constraint,
        )

    def build(self, input_shape: Any) -> None:
        channels = known_last(self, input_shape)
        self.kernel = self.add_weight(
            (*self.kernel_size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
            name="kernel",
        )
        self.bias = add_bias(self, (channels * self.depth_multiplier,))
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={-1: channels})

    def call(self, inputs: Any) -> Any:
        return self.finished(self.channelwise(inputs, self.kernel))

    def compute_output_shape(self, input_shape: Any) -> Any:
        channels = input_shape[-1] * self.depth_multiplier
        return (input_shape[0], *self.output_sizes(input_shape), channels)


class DepthwiseConv1D(DepthwiseConvolution):
    """Each channel of a sequence convolved with filters of its own; see `DepthwiseConv2D`."""

    rank = 1


class DepthwiseConv2D(DepthwiseConvolution):
    """Each channel of an image convolved with `depth_multiplier` filters of its own.

    Args:
        kernel_size: height and width of the filters, or one int.
        depth_multiplier: filters for each channel.
        depthwise_initializer: for the kernel, shape (height, width, channels, depth_multiplier).
        strides, padding, dilation_rate, activation and the others: see `Conv2D`.

    >>> import tensorcore as tc
    >>> DepthwiseConv2D(3, depth_multiplier=2)(tc.zeros((1, 5, 5, 4))).shape
    (1, 3, 3, 8)
    """

    rank = 2


class SeparableConvolution(ChannelwiseLayer):
    """Base of SeparableConv1D and SeparableConv2D."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        check_filters(self, filters)
        self.check_multiplier(depth_multiplier)
        self.keep_window(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            filters=int(filters),
            depth_multiplier=depth_multiplier,
            activation=activation,
            use_bias=use_bias,
            depthwise_initializer=depthwise_initializer,
            pointwise_initializer=pointwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            pointwise_regularizer=pointwise_regularizer,
            bias_regularizer=bias_regularizer,
            depthwise_constraint=depthwise_constraint,
            pointwise_constraint=pointwise_constraint,
            bias_constraint=bias_constraint,
        )

    def build(self, input_shape: Any) -> None:
        channels = known_last(self, input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.depthwise_kernel = self.add_weight(
            shape,
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
            name="depthwise_kernel",
        )
        self.pointwise_kernel = self.add_weight(
            (*(1,) * self.rank, channels * self.depth_multiplier, self.filters),
            self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
            name="pointwise_kernel",
        )
        self.bias = add_bias(self, (self.filters,))
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={-1: channels})

    def call(self, inputs: Any) -> Any:
        y = self.channelwise(inputs, self.depthwise_kernel)
        # A window of one cell is a matrix product.
        mixing = reshape(self.pointwise_kernel, self.pointwise_kernel.shape[-2:])
        return self.finished(matmul(y, mixing))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], *self.output_sizes(input_shape), self.filters)


class SeparableConv1D(SeparableConvolution):
    """Convolution of each channel of a sequence apart, then of the channels at each step."""

    rank = 1


class SeparableConv2D(SeparableConvolution):
    """Convolution of each channel of an image apart, then mixing of the channels in each cell.

    Args:
        filters: channels of the output.
        depthwise_initializer: for the first kernel, shape (height, width, channels,
            depth_multiplier).
        pointwise_initializer: for the second, shape (1, 1, channels * depth_multiplier, filters).
        others: see `Conv2D` and `DepthwiseConv2D`.

    Source: Chollet, "Xception", 2017.

    >>> import tensorcore as tc
    >>> SeparableConv2D(8, 3)(tc.zeros((1, 5, 5, 4))).shape
    (1, 3, 3, 8)
    """

    rank = 2


SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
