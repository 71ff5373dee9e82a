"""Colours as hue, saturation and value, and what changes them: part of `tf.image`."""

from __future__ import annotations

from typing import Any

from tensorcore import dtypes
from tensorcore.errors import ShapeError
from tensorcore.ops.arithmetic import abs, add, clip, divide, multiply, pow, remainder, subtract
from tensorcore.ops.joining import stack
from tensorcore.ops.logical import equal, less, where
from tensorcore.ops.reductions import max, min
from tensorcore.tensor import Tensor, as_tensor


def _channels(images: Any, function: str) -> tuple[Any, Any, Any]:
    tensor = as_tensor(images)
    if not tensor.ndim or tensor.shape[-1] != 3:
        raise ShapeError(
            f"image.{function}: expected 3 channels in the last dimension, received shape "
            f"{tensor.shape}"
        )
    if not dtypes.is_inexact(tensor.dtype):
        raise dtypes.DTypeError(
            f"image.{function}: expected floats from 0 to 1, received {tensor.dtype.name}; convert "
            "with tf.image.convert_image_dtype(image, tf.float32)"
        )
    return tensor[..., 0], tensor[..., 1], tensor[..., 2]  # type: ignore[index]


def rgb_to_hsv(images: Any, name: str | None = None) -> Tensor:
    """Red, green and blue from 0 to 1 as hue (0 to 1 around the circle), saturation and value."""
    red, green, blue = _channels(images, "rgb_to_hsv")
    tensor = as_tensor(images)
    value, least = max(tensor, axis=-1), min(tensor, axis=-1)
    span = subtract(value, least)
    is_grey = equal(span, 0.0)
    saturation = where(equal(value, 0.0), 0.0, divide(span, where(equal(value, 0.0), 1.0, value)))
    sixth = divide(1.0, multiply(6.0, where(is_grey, 1.0, span)))
    hue = where(
        equal(red, value),
        multiply(sixth, subtract(green, blue)),
        where(
            equal(green, value),
            add(multiply(sixth, subtract(blue, red)), 2.0 / 6.0),
            add(multiply(sixth, subtract(red, green)), 4.0 / 6.0),
        ),
    )
    hue = where(is_grey, 0.0, hue)
    return stack([where(less(hue, 0.0), add(hue, 1.0), hue), saturation, value], axis=-1)


def hsv_to_rgb(images: Any, name: str | None = None) -> Tensor:
    """Hue, saturation and value as red, green and blue."""
    hue, saturation, value = _channels(images, "hsv_to_rgb")
    place = multiply(hue, 6.0)
    shares = (
        subtract(abs(subtract(place, 3.0)), 1.0),
        subtract(2.0, abs(subtract(place, 2.0))),
        subtract(2.0, abs(subtract(place, 4.0))),
    )
    white = subtract(1.0, saturation)
    colours = [
        multiply(add(white, multiply(saturation, clip(share, 0.0, 1.0))), value) for share in shares
    ]
    return stack(colours, axis=-1)


def turned_hue(images: Any, delta: Any) -> Tensor:
    """The hue moved around its circle."""
    hue, saturation, value = _channels(rgb_to_hsv(images), "adjust_hue")
    return hsv_to_rgb(stack([remainder(add(hue, delta), 1.0), saturation, value], axis=-1))


def scaled_saturation(images: Any, factor: Any) -> Tensor:
    """The saturation times a factor, at most 1."""
    hue, saturation, value = _channels(rgb_to_hsv(images), "adjust_saturation")
    return hsv_to_rgb(stack([hue, clip(multiply(saturation, factor), 0.0, 1.0), value], axis=-1))


def powered(images: Any, gamma: float, gain: float) -> Tensor:
    """gain * image ** gamma."""
    return multiply(gain, pow(images, gamma))


__all__ = ["hsv_to_rgb", "rgb_to_hsv"]
