"""Transposed convolution: what convolution does to gradients, used to make images larger."""

from __future__ import annotations

from typing import Any

from tensorcore import nn
from tensorcore.errors import InvalidArgumentError
from tensorcore.layers.convolution import WindowedLayer, check_filters
from tensorcore.layers.dense import known_last
from tensorcore.layers.options import add_bias, add_kernel, keep
from tensorcore.layers.shapes import InputSpec
from tensorcore.layers.windows import as_filters, as_image, flat, from_image, sizes


class ConvolutionTranspose(WindowedLayer):
    """Base of Conv1DTranspose and Conv2DTranspose."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        check_filters(self, filters)
        self.keep_window(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            filters=int(filters),
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        if output_padding is not None:
            output_padding = sizes(self, "output_padding", output_padding, self.rank, 0)
            if any(more >= step for more, step in zip(output_padding, self.strides, strict=True)):
                raise InvalidArgumentError(
                    f"{type(self).__name__}: output_padding must be less than strides, received "
                    f"{output_padding} and {self.strides}"
                )
        keep(self, output_padding=output_padding)

    def build(self, input_shape: Any) -> None:
        channels = known_last(self, input_shape)
        self.kernel = add_kernel(self, (*self.kernel_size, self.filters, channels))
        self.bias = add_bias(self, (self.filters,))
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={-1: channels})

    def call(self, inputs: Any) -> Any:
        axes = [self._axis(size, axis) for axis, size in enumerate(inputs.shape[1:-1])]
        new_sizes = flat(tuple(size for size, _ in axes))
        border = tuple(pair for _, pair in axes)
        y = nn.conv2d_input_gradient(
            as_image(inputs, self.rank),
            as_filters(self.kernel, self.rank),
            input_shape=(inputs.shape[0], *new_sizes, self.filters),
            strides=flat(self.strides),
            padding=((0, 0), *border) if self.rank == 1 else border,
            dilation=flat(self.dilation_rate),
            groups=1,
        )
        return self.finished(from_image(y, self.rank))

    def _axis(self, size: int, axis: int) -> tuple[int, tuple[int, int]]:
        """Size of the output, and the border with which convolution leads back to the input."""
        stride = self.strides[axis]
        reach = (self.kernel_size[axis] - 1) * self.dilation_rate[axis] + 1
        more = None if self.output_padding is None else self.output_padding[axis]
        if self.padding == "valid":
            new = (size - 1) * stride + (max(reach, stride) if more is None else reach + more)
            before = 0
        else:
            # Cells of zeros around the input, whose cells are `stride` apart.
            added = stride + reach - 2 if more is None else reach + reach % 2 - 2 + more
            new = (size - 1) * stride + 2 + added - reach
            before = reach - 1 - min(added // 2 + added % 2, reach - 1)
        after = max((size - 1) * stride + reach - new - before, 0)
        return new, (before, after)

    def compute_output_shape(self, input_shape: Any) -> Any:
        new = [
            None if size is None else self._axis(size, axis)[0]
            for axis, size in enumerate(input_shape[1:-1])
        ]
        return (input_shape[0], *new, self.filters)


class Conv1DTranspose(ConvolutionTranspose):
    """Conv1D the other way round: every input step spreads the filters over the output.

    Input: shape (batch, steps, channels).  Output: shape (batch, about steps * strides, filters).
    Arguments: see `Conv2DTranspose`.
    """

    rank = 1


class Conv2DTranspose(ConvolutionTranspose):
    """Conv2D the other way round: every input cell spreads the filters over the output.

    Args:
        filters: the channels of the output.
        kernel_size: height and width of the filters, or one int.
        strides: how many times larger the output is (height, width), or one int.
        padding: "valid" ((size - 1) * stride + kernel cells) or "same" (size * stride).
        output_padding: cells added at the end, less than the stride; None means the sizes above.
        kernel_initializer: for the kernel, shape (height, width, filters, channels).
        others: see `Conv2D`.

    >>> import tensorcore as tc
    >>> Conv2DTranspose(4, 3, strides=2, padding="same")(tc.zeros((1, 5, 5, 2))).shape
    (1, 10, 10, 4)
    """

    rank = 2


Convolution1DTranspose, Convolution2DTranspose = Conv1DTranspose, Conv2DTranspose
