"""Pooling: one value for each window, or for the whole sequence."""

from __future__ import annotations

from typing import Any

from tensorcore import nn
from tensorcore.layers.base import InputSpec, Layer
from tensorcore.layers.convolution import pair, window_padding, window_shape
from tensorcore.layers.shaping import check_channels_last
from tensorcore.ops.reductions import mean


class MaxPooling2D(Layer):
    """The maximum of each window of an image.

    Args:
        pool_size: size of the window (height, width), or one int.
        strides: its steps (height, width), or one int; None means `pool_size`.
        padding: "valid" or "same".
        data_format: only "channels_last".

    Input: shape (batch, height, width, channels).  Output: shape (batch, new height, new width,
        channels).
    """

    def __init__(
        self,
        pool_size: Any = (2, 2),
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_channels_last(self, data_format)
        self.pool_size = pair(self, "pool_size", pool_size)
        self.strides = self.pool_size if strides is None else pair(self, "strides", strides)
        self.padding = window_padding(self, padding)
        self.input_spec = InputSpec(ndim=4)

    def call(self, inputs: Any) -> Any:
        return nn.max_pool2d(
            inputs, window=self.pool_size, strides=self.strides, padding=self.padding.upper()
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        sizes = window_shape(self, input_shape, self.pool_size, self.strides, (1, 1), self.padding)
        return (input_shape[0], *sizes, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": "channels_last",
        }


class GlobalAveragePooling1D(Layer):
    """The mean over the steps of a sequence.

    Args:
        data_format: only "channels_last".
        keepdims: keep the dimension of the steps, with size 1.

    Input: shape (batch, steps, features).  Output: shape (batch, features).

    >>> GlobalAveragePooling1D()([[[1.0, 2.0], [3.0, 4.0]]]).tolist()
    [[2.0, 3.0]]
    """

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_channels_last(self, data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=3)

    def call(self, inputs: Any) -> Any:
        return mean(inputs, axis=1, keepdims=self.keepdims)

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, _, features = input_shape
        return (batch, 1, features) if self.keepdims else (batch, features)

    def get_config(self) -> dict[str, Any]:
        config = {"data_format": "channels_last", "keepdims": self.keepdims}
        return {**super().get_config(), **config}
