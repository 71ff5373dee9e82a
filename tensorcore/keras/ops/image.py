"""`keras.ops.image`: pictures (height, width, channels), alone or many."""

from __future__ import annotations

from typing import Any

import tensorcore as tc
from tensorcore.errors import InvalidArgumentError
from tensorcore.keras.later import refusal
from tensorcore.layers.resizing import resized
from tensorcore.tensor import Tensor, as_tensor

__all__ = ["crop_images", "extract_patches", "pad_images", "resize", "rgb_to_grayscale"]


def _channels_last(data_format: str | None) -> None:
    if data_format not in (None, "channels_last"):
        raise InvalidArgumentError(
            f"ops.image: expected data_format='channels_last', received {data_format!r}"
        )


def resize(
    images: Any,
    size: Any,
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Tensor:
    """Pictures of another size (height, width)."""
    _channels_last(data_format)
    if antialias or crop_to_aspect_ratio or pad_to_aspect_ratio:
        raise InvalidArgumentError(
            "ops.image.resize: antialias and the aspect ratio's options are not there yet"
        )
    tensor = as_tensor(images)
    height, width = (int(n) for n in size)
    new = resized(tensor, height, width, interpolation)
    return new if new.dtype == tensor.dtype else tc.astype(tc.round(new), tensor.dtype)


def rgb_to_grayscale(images: Any, data_format: str | None = None) -> Tensor:
    """0.2989 red + 0.587 green + 0.114 blue, as one channel."""
    _channels_last(data_format)
    tensor = as_tensor(images)
    weights = as_tensor([[0.2989], [0.587], [0.114]], dtype=tensor.dtype, device=tensor.device)
    return tc.matmul(tensor, weights)


def crop_images(
    images: Any,
    top_cropping: int = 0,
    left_cropping: int = 0,
    bottom_cropping: int = 0,
    right_cropping: int = 0,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """The pictures without so many pixels at each side, or of a size from the top left on."""
    _channels_last(data_format)
    tensor = as_tensor(images)
    rows, columns = tensor.shape[-3:-1]
    bottom = rows - bottom_cropping if target_height is None else top_cropping + target_height
    right = columns - right_cropping if target_width is None else left_cropping + target_width
    return tensor[..., top_cropping:bottom, left_cropping:right, :]  # type: ignore[index]


def pad_images(
    images: Any,
    top_padding: int = 0,
    left_padding: int = 0,
    bottom_padding: int = 0,
    right_padding: int = 0,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """The pictures with a black border."""
    _channels_last(data_format)
    tensor = as_tensor(images)
    rows, columns = tensor.shape[-3:-1]
    if target_height is not None:
        bottom_padding = target_height - rows - top_padding
    if target_width is not None:
        right_padding = target_width - columns - left_padding
    border = [(top_padding, bottom_padding), (left_padding, right_padding), (0, 0)]
    return tc.pad(tensor, [(0, 0)] * (tensor.ndim - 3) + border)


def extract_patches(
    images: Any,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The windows of the pictures, each as one row of its pixels: (..., rows, columns, pixels)."""
    _channels_last(data_format)
    if dilation_rate not in (1, (1, 1)) or padding.lower() != "valid":
        raise InvalidArgumentError(
            "ops.image.extract_patches: dilation_rate=1 and padding='valid' are there; received "
            f"{dilation_rate} and {padding!r}"
        )
    tensor = as_tensor(images)
    height, width = (size, size) if isinstance(size, int) else size
    strides = (height, width) if strides is None else strides
    down, right = (strides, strides) if isinstance(strides, int) else strides
    rows, columns = tensor.shape[-3:-1]
    parts = [
        tensor[..., i : rows - height + i + 1 : down, j : columns - width + j + 1 : right, :]  # type: ignore[index]
        for i in range(height)
        for j in range(width)
    ]
    return tc.concat(parts, axis=tensor.ndim - 1)


__getattr__ = refusal(__name__, __all__)
