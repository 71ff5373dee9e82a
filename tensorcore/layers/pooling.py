"""Pooling: one value for each window, or for the whole image or sequence."""

from __future__ import annotations

from typing import Any

from tensorcore import nn
from tensorcore.layers.base import Layer
from tensorcore.layers.options import keep
from tensorcore.layers.shapes import InputSpec
from tensorcore.layers.shaping import check_channels_last
from tensorcore.layers.windows import (
    as_image,
    channels_hint,
    flat,
    from_image,
    sizes,
    window_padding,
    window_shape,
)
from tensorcore.ops.arithmetic import divide, multiply
from tensorcore.ops.reductions import max, mean, sum
from tensorcore.ops.shaping import expand_dims
from tensorcore.ops.transfer import astype


class Pooling(Layer):
    """Base of layers that slide a window over each channel."""

    rank: int
    pool: Any

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_channels_last(self, data_format)
        pool_size = sizes(self, "pool_size", pool_size, self.rank)
        keep(
            self,
            pool_size=pool_size,
            strides=pool_size if strides is None else sizes(self, "strides", strides, self.rank),
            padding=window_padding(self, padding),
            data_format="channels_last",
        )
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _input_hint(self, shape: Any) -> str:
        return channels_hint(shape, self.rank)

    def call(self, inputs: Any) -> Any:
        y = type(self).pool(
            as_image(inputs, self.rank),
            window=flat(self.pool_size),
            strides=flat(self.strides),
            padding=self.padding.upper(),
        )
        return from_image(y, self.rank)

    def compute_output_shape(self, input_shape: Any) -> Any:
        ones = (1,) * self.rank
        new = window_shape(self, input_shape, self.pool_size, self.strides, ones, self.padding)
        return (input_shape[0], *new, input_shape[-1])


class MaxPooling1D(Pooling):
    """The maximum of each window of a sequence; see `MaxPooling2D`.

    >>> MaxPooling1D()([[[1.0], [3.0], [2.0], [0.0]]]).tolist()
    [[[3.0], [2.0]]]
    """

    rank = 1
    pool = nn.max_pool2d


class MaxPooling2D(Pooling):
    """The maximum of each window of an image.

    Args:
        pool_size: size of the window (height, width), or one int.
        strides: its steps (height, width), or one int; None means `pool_size`.
        padding: "valid" or "same".
        data_format: only "channels_last".

    Input: shape (batch, height, width, channels).  Output: shape (batch, new height, new width,
        channels).
    """

    rank = 2
    pool = nn.max_pool2d


class AveragePooling1D(Pooling):
    """The mean of each window of a sequence; see `AveragePooling2D`."""

    rank = 1
    pool = nn.avg_pool2d

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, **kwargs)


class AveragePooling2D(AveragePooling1D):
    """The mean of each window of an image, without the cells of the border.

    Args:
        pool_size, strides, padding, data_format: as those of `MaxPooling2D`.
    """

    rank = 2


class GlobalPooling(Layer):
    """Base of layers that make one value of each channel."""

    rank: int
    reduce: Any

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_channels_last(self, data_format)
        keep(self, data_format="channels_last", keepdims=keepdims)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _input_hint(self, shape: Any) -> str:
        return channels_hint(shape, self.rank)

    def call(self, inputs: Any) -> Any:
        axes = tuple(range(1, self.rank + 1))
        return type(self).reduce(inputs, axis=axes, keepdims=self.keepdims)

    def compute_output_shape(self, input_shape: Any) -> Any:
        ones = (1,) * self.rank if self.keepdims else ()
        return (input_shape[0], *ones, input_shape[-1])


class GlobalAveragePooling1D(GlobalPooling):
    """The mean over the steps of a sequence that count.

    Args:
        data_format: only "channels_last".
        keepdims: keep the dimension of the steps, with size 1.

    Input: shape (batch, steps, features), and on request `mask`, shape (batch, steps).  Output:
        shape (batch, features).

    >>> GlobalAveragePooling1D()([[[1.0, 2.0], [3.0, 4.0]]]).tolist()
    [[2.0, 3.0]]
    """

    rank = 1
    reduce = mean

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None:
            return super().call(inputs)
        weight = expand_dims(astype(mask, inputs.dtype), -1)
        total = sum(multiply(inputs, weight), axis=1, keepdims=self.keepdims)
        return divide(total, sum(weight, axis=1, keepdims=self.keepdims))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return None


class GlobalAveragePooling2D(GlobalPooling):
    """The mean of each channel of an image.

    >>> GlobalAveragePooling2D()([[[[1.0], [2.0]], [[3.0], [4.0]]]]).tolist()
    [[2.5]]
    """

    rank = 2
    reduce = mean


class GlobalMaxPooling1D(GlobalPooling):
    """The maximum over the steps of a sequence."""

    rank = 1
    reduce = max


class GlobalMaxPooling2D(GlobalPooling):
    """The maximum of each channel of an image."""

    rank = 2
    reduce = max


MaxPool1D, MaxPool2D = MaxPooling1D, MaxPooling2D
AvgPool1D, AvgPool2D = AveragePooling1D, AveragePooling2D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
GlobalMaxPool1D, GlobalMaxPool2D = GlobalMaxPooling1D, GlobalMaxPooling2D
