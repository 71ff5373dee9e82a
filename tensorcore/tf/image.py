"""`tf.image`: pictures as tensors (height, width, channels), alone or many."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore import dtypes, missing, random
from tensorcore.errors import InvalidArgumentError, ShapeError
from tensorcore.layers.resizing import resized
from tensorcore.ops import arithmetic, order, reductions, shaping
from tensorcore.ops.joining import pad
from tensorcore.tensor import Tensor, as_tensor
from tensorcore.tf.arrays import _sizes
from tensorcore.tf.dtypes import as_dtype, cast
from tensorcore.tf.image_colours import (
    hsv_to_rgb,
    powered,
    rgb_to_hsv,
    scaled_saturation,
    turned_hue,
)
from tensorcore.tf.image_measures import extract_patches, image_gradients, psnr, total_variation
from tensorcore.tf.pictures import decode_image, decode_jpeg, decode_png, encode_jpeg, encode_png

__all__ = [
    "ResizeMethod",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "central_crop",
    "convert_image_dtype",
    "crop_to_bounding_box",
    "decode_image",
    "decode_jpeg",
    "decode_png",
    "encode_jpeg",
    "encode_png",
    "extract_patches",
    "flip_left_right",
    "flip_up_down",
    "grayscale_to_rgb",
    "hsv_to_rgb",
    "image_gradients",
    "pad_to_bounding_box",
    "per_image_standardization",
    "psnr",
    "random_brightness",
    "random_contrast",
    "random_crop",
    "random_flip_left_right",
    "random_flip_up_down",
    "random_hue",
    "random_saturation",
    "resize",
    "resize_with_crop_or_pad",
    "resize_with_pad",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "rot90",
    "total_variation",
    "transpose",
]


class ResizeMethod:
    """Ways to resize."""

    BILINEAR = "bilinear"
    NEAREST_NEIGHBOR = "nearest"


def _picture(image: Any, function: str) -> Tensor:
    tensor = as_tensor(image)
    if tensor.ndim not in (3, 4):
        raise ShapeError(
            f"image.{function}: expected (height, width, channels) or (N, height, width, "
            f"channels), received shape {tensor.shape}"
        )
    return tensor


# Sizes --------------------------------------------------------------------------------------------


def resize(
    images: Any,
    size: Any,
    method: str = ResizeMethod.BILINEAR,
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
    name: str | None = None,
) -> Tensor:
    """Pictures of another size: (height, width).

    A new pixel's centre lies at (i + 0.5) * old / new - 0.5 of the old picture; "bilinear" (the
    result is float32) weighs the four pixels around it, "nearest" takes the one it falls into.
    """
    image = _picture(images, "resize")
    height, width = (int(n) for n in _sizes(size))
    old = image.shape[-3:-1]
    if preserve_aspect_ratio:
        scale = min(height / old[0], width / old[1])
        height, width = (max(1, round(n * scale)) for n in old)
    if antialias:
        raise InvalidArgumentError("image.resize: antialias=True is not there yet; leave it out")
    if method == "NEAREST_NEIGHBOR":
        method = ResizeMethod.NEAREST_NEIGHBOR
    if method != ResizeMethod.NEAREST_NEIGHBOR:
        image = cast(image, dtypes.float32)
    return resized(image, height, width, method)


def crop_to_bounding_box(
    image: Any, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Tensor:
    """The part of this size that begins at the offsets."""
    tensor = _picture(image, "crop_to_bounding_box")
    height, width = tensor.shape[-3:-1]
    if offset_height + target_height > height or offset_width + target_width > width:
        raise InvalidArgumentError(
            f"crop_to_bounding_box: height and width must be >= target + offset: {height} x "
            f"{width}, asked for {target_height} x {target_width} at {offset_height}, "
            f"{offset_width}"
        )
    rows = slice(int(offset_height), int(offset_height + target_height))
    columns = slice(int(offset_width), int(offset_width + target_width))
    return tensor[..., rows, columns, :]  # type: ignore[index]


def pad_to_bounding_box(
    image: Any, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Tensor:
    """The picture on a black ground of this size, at the offsets."""
    tensor = _picture(image, "pad_to_bounding_box")
    height, width = tensor.shape[-3:-1]
    below = target_height - offset_height - height
    right = target_width - offset_width - width
    if min(below, right, offset_height, offset_width) < 0:
        raise InvalidArgumentError(
            f"pad_to_bounding_box: {height} x {width} at {offset_height}, {offset_width} does not "
            f"fit into {target_height} x {target_width}"
        )
    border = [(offset_height, below), (offset_width, right), (0, 0)]
    return pad(tensor, [(0, 0)] * (tensor.ndim - 3) + border)


def central_crop(image: Any, central_fraction: float) -> Tensor:
    """The middle of the picture: this share of its height and width."""
    tensor = _picture(image, "central_crop")
    height, width = tensor.shape[-3:-1]
    top = int((height - height * central_fraction) / 2)
    left = int((width - width * central_fraction) / 2)
    return crop_to_bounding_box(tensor, top, left, height - 2 * top, width - 2 * left)


def resize_with_crop_or_pad(image: Any, target_height: int, target_width: int) -> Tensor:
    """The middle of the picture, with black borders where it is smaller."""
    tensor = _picture(image, "resize_with_crop_or_pad")
    height, width = tensor.shape[-3:-1]
    rows, columns = min(height, target_height), min(width, target_width)
    part = crop_to_bounding_box(tensor, (height - rows) // 2, (width - columns) // 2, rows, columns)
    top, left = (target_height - rows) // 2, (target_width - columns) // 2
    return pad_to_bounding_box(part, top, left, target_height, target_width)


def resize_with_pad(
    image: Any, target_height: int, target_width: int, method: str = ResizeMethod.BILINEAR
) -> Tensor:
    """The whole picture, resized with its proportions, on a black ground of this size."""
    tensor = _picture(image, "resize_with_pad")
    height, width = tensor.shape[-3:-1]
    ratio = max(height / target_height, width / target_width)
    rows, columns = int(height / ratio), int(width / ratio)
    small = resize(tensor, (rows, columns), method)
    top, left = (target_height - rows) // 2, (target_width - columns) // 2
    return pad_to_bounding_box(small, top, left, target_height, target_width)


# Turning ------------------------------------------------------------------------------------------


def flip_left_right(image: Any) -> Tensor:
    """The picture in a mirror beside it."""
    return order.flip(_picture(image, "flip_left_right"), axis=-2)


def flip_up_down(image: Any) -> Tensor:
    """The picture in a mirror below it."""
    return order.flip(_picture(image, "flip_up_down"), axis=-3)


def transpose(image: Any, name: str | None = None) -> Tensor:
    """The picture with rows and columns exchanged."""
    return shaping.moveaxis(_picture(image, "transpose"), -3, -2)


def rot90(image: Any, k: int = 1, name: str | None = None) -> Tensor:
    """The picture turned `k` times by 90 degrees to the left."""
    tensor = _picture(image, "rot90")
    for _ in range(k % 4):
        tensor = order.flip(shaping.moveaxis(tensor, -3, -2), axis=-3)
    return tensor


# Colours ------------------------------------------------------------------------------------------


def convert_image_dtype(
    image: Any, dtype: Any, saturate: bool = False, name: str | None = None
) -> Tensor:
    """The values in another dtype's range: 0 to 1 for floats, 0 to the maximum for integers."""
    tensor, kind = as_tensor(image), as_dtype(dtype)
    if tensor.dtype == kind:
        return tensor
    from_integer, to_integer = dtypes.is_integer(tensor.dtype), dtypes.is_integer(kind)
    if from_integer and not to_integer:
        return arithmetic.multiply(cast(tensor, kind), 1.0 / np.iinfo(tensor.dtype).max)
    if not from_integer and to_integer:
        scaled = arithmetic.multiply(tensor, np.iinfo(kind).max + 0.5)
        if saturate:
            scaled = arithmetic.clip(scaled, 0, np.iinfo(kind).max)
        return cast(scaled, kind)
    if from_integer:
        # As a shift: the maximum of one dtype becomes about that of the other.
        factor = (np.iinfo(kind).max + 1) / (np.iinfo(tensor.dtype).max + 1)
        return cast(arithmetic.multiply(cast(tensor, dtypes.float64), factor), kind)
    return cast(tensor, kind)


def rgb_to_grayscale(images: Any, name: str | None = None) -> Tensor:
    """0.2989 red + 0.587 green + 0.114 blue, as one channel."""
    tensor = as_tensor(images)
    values = convert_image_dtype(tensor, dtypes.float32)
    weights = as_tensor(np.asarray([0.2989, 0.587, 0.114], np.float32), device=tensor.device)
    grey = reductions.sum(arithmetic.multiply(values, weights), axis=-1, keepdims=True)
    return convert_image_dtype(grey, tensor.dtype)


def grayscale_to_rgb(images: Any, name: str | None = None) -> Tensor:
    """The one channel three times."""
    tensor = as_tensor(images)
    return shaping.broadcast_to(tensor, (*tensor.shape[:-1], 3))


def adjust_brightness(image: Any, delta: Any) -> Tensor:
    """The picture with `delta` added to its values on the scale from 0 to 1."""
    tensor = as_tensor(image)
    values = convert_image_dtype(tensor, dtypes.float32)
    return convert_image_dtype(arithmetic.add(values, delta), tensor.dtype, saturate=True)


def adjust_contrast(images: Any, contrast_factor: Any) -> Tensor:
    """(x - mean) * factor + mean, for each channel."""
    tensor = _picture(images, "adjust_contrast")
    values = convert_image_dtype(tensor, dtypes.float32)
    mean = reductions.mean(values, axis=(-3, -2), keepdims=True)
    stretched = arithmetic.add(
        arithmetic.multiply(arithmetic.subtract(values, mean), contrast_factor), mean
    )
    return convert_image_dtype(stretched, tensor.dtype, saturate=True)


def _in_floats(image: Any, change: Any, saturate: bool = False) -> Tensor:
    """`change` of the values as floats from 0 to 1, in the dtype of the picture."""
    tensor = as_tensor(image)
    values = tensor if dtypes.is_inexact(tensor.dtype) else convert_image_dtype(tensor, "float32")
    return convert_image_dtype(change(values), tensor.dtype, saturate)


def adjust_hue(image: Any, delta: Any, name: str | None = None) -> Tensor:
    """The colours moved around the circle of hues; `delta` is from -1 to 1, a whole turn."""
    return _in_floats(image, lambda values: turned_hue(values, delta))


def adjust_saturation(image: Any, saturation_factor: Any, name: str | None = None) -> Tensor:
    """Stronger or paler colours: the saturation times a factor."""
    return _in_floats(image, lambda values: scaled_saturation(values, saturation_factor))


def adjust_gamma(image: Any, gamma: float = 1, gain: float = 1) -> Tensor:
    """gain * image ** gamma, of values from 0 to 1."""
    if gamma < 0:
        raise InvalidArgumentError(
            f"image.adjust_gamma: gamma should be a non-negative number, received {gamma!r}"
        )
    return _in_floats(image, lambda values: powered(values, gamma, gain), saturate=True)


def per_image_standardization(image: Any) -> Tensor:
    """(x - mean) / max(standard deviation, 1 / sqrt(number of values)) of each picture."""
    tensor = cast(_picture(image, "per_image_standardization"), dtypes.float32)
    axes = (-3, -2, -1)
    mean = reductions.mean(tensor, axis=axes, keepdims=True)
    least = 1.0 / float(np.sqrt(np.prod(tensor.shape[-3:])))
    spread = arithmetic.maximum(reductions.std(tensor, axis=axes, keepdims=True), least)
    return arithmetic.divide(arithmetic.subtract(tensor, mean), spread)


# By chance ----------------------------------------------------------------------------------------


def _chance(seed: Any, low: float = 0.0, high: float = 1.0) -> float:
    from tensorcore.tf.random import _stream

    return float(_stream(seed).uniform((), low, high, device="cpu"))


def random_flip_left_right(image: Any, seed: Any = None) -> Tensor:
    """The picture, mirrored with probability one half (each of many for itself)."""
    return _randomly(image, flip_left_right, seed)


def random_flip_up_down(image: Any, seed: Any = None) -> Tensor:
    """The picture, turned upside down with probability one half (each of many for itself)."""
    return _randomly(image, flip_up_down, seed)


def _randomly(image: Any, change: Any, seed: Any) -> Tensor:
    from tensorcore.ops.choosing import where

    tensor = _picture(image, change.__name__)
    if tensor.ndim == 3:
        return change(tensor) if _chance(seed) < 0.5 else tensor
    draws = random.uniform((tensor.shape[0], 1, 1, 1), device=tensor.device)
    return where(draws < 0.5, change(tensor), tensor)  # type: ignore[operator]


def random_brightness(image: Any, max_delta: float, seed: Any = None) -> Tensor:
    """`adjust_brightness` by a number between -max_delta and max_delta."""
    return adjust_brightness(image, _chance(seed, -max_delta, max_delta))


def random_contrast(image: Any, lower: float, upper: float, seed: Any = None) -> Tensor:
    """`adjust_contrast` by a number between `lower` and `upper`."""
    return adjust_contrast(image, _chance(seed, lower, upper))


def random_hue(image: Any, max_delta: float, seed: Any = None) -> Tensor:
    """`adjust_hue` by a number between -max_delta and max_delta."""
    return adjust_hue(image, _chance(seed, -max_delta, max_delta))


def random_saturation(image: Any, lower: float, upper: float, seed: Any = None) -> Tensor:
    """`adjust_saturation` by a number between `lower` and `upper`."""
    return adjust_saturation(image, _chance(seed, lower, upper))


def random_crop(value: Any, size: Any, seed: Any = None, name: str | None = None) -> Tensor:
    """A block of this size from anywhere in the tensor."""
    tensor = as_tensor(value)
    sizes = _sizes(size)
    if len(sizes) != tensor.ndim or any(
        n > have for n, have in zip(sizes, tensor.shape, strict=True)
    ):
        raise InvalidArgumentError(
            f"random_crop: need value.shape >= size, received {tensor.shape} and {tuple(sizes)}"
        )
    window = []
    for n, have in zip(sizes, tensor.shape, strict=True):
        start = int(_chance(seed) * (have - n + 1))
        window.append(slice(start, start + n))
    return tensor[tuple(window)]  # type: ignore[index]


def __getattr__(name: str) -> Any:
    raise missing.attribute(__name__, name, __all__)
