"""Layers for pictures (height, width, channels), alone or many: sizes, and changes by chance.

What changes by chance does so in training only, differently for each picture of a batch.
"""

from __future__ import annotations

import math
from typing import Any

from tensorcore import dtypes
from tensorcore.errors import InvalidArgumentError, ShapeError
from tensorcore.layers.base import Layer
from tensorcore.layers.options import keep
from tensorcore.layers.resizing import resized
from tensorcore.layers.shaping import check_channels_last
from tensorcore.layers.warping import FILL_MODES, warped
from tensorcore.ops.arithmetic import add, clip, floor, minimum, multiply, negative, subtract
from tensorcore.ops.creation import arange
from tensorcore.ops.indexing import take
from tensorcore.ops.logical import less_equal, where
from tensorcore.ops.order import flip
from tensorcore.ops.reductions import mean
from tensorcore.ops.shaping import expand_dims, squeeze
from tensorcore.ops.transfer import astype
from tensorcore.ops.trigonometric import cos, sin
from tensorcore.random import Generator, default_generator


class PictureLayer(Layer):
    """Base: pictures come as floating-point batches, a single one as a batch of one."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if inputs.ndim not in (3, 4):
            raise ShapeError(
                f"{self._who()}: expected pictures (height, width, channels) or (N, height, width, "
                f"channels), received shape {tuple(inputs.shape)}"
            )
        if not dtypes.is_inexact(inputs.dtype):
            inputs = astype(inputs, self.compute_dtype)
        if inputs.ndim == 4:
            return self.change(inputs, training)
        return squeeze(self.change(expand_dims(inputs, axis=0), training), axis=0)

    def change(self, images: Any, training: bool | None) -> Any:
        """The new pictures of a batch."""
        raise NotImplementedError


class Resizing(PictureLayer):
    """Pictures of another size, as `keras.layers.Resizing`.

    Args:
        height, width: the new size.
        interpolation: "bilinear" or "nearest".
        crop_to_aspect_ratio: cut the middle out with the new proportions first.

    >>> Resizing(1, 1)([[[1.0], [3.0]]]).tolist()
    [[[2.0]]]
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        for option, default in (
            ("pad_to_aspect_ratio", False),
            ("antialias", False),
            ("fill_mode", "constant"),
            ("fill_value", 0.0),
        ):
            if kwargs.pop(option, default) != default:
                raise InvalidArgumentError(
                    f"Resizing: {option} is not there yet; leave it at {default!r}"
                )
        super().__init__(**kwargs)
        check_channels_last(self, data_format)
        if interpolation not in ("bilinear", "nearest"):
            raise InvalidArgumentError(
                "Resizing: interpolation must be 'bilinear' or 'nearest', received "
                f"{interpolation!r}"
            )
        keep(self, height=height, width=width, interpolation=interpolation)
        keep(self, crop_to_aspect_ratio=crop_to_aspect_ratio, data_format="channels_last")

    def change(self, images: Any, training: bool | None) -> Any:
        if self.crop_to_aspect_ratio:
            images = _with_proportions(images, self.height, self.width)
        return resized(images, self.height, self.width, self.interpolation)


def _with_proportions(images: Any, height: int, width: int) -> Any:
    """The largest middle part of the pictures with the proportions height : width."""
    rows, columns = images.shape[1:3]
    kept_rows = min(rows, int(columns * height / width))
    kept_columns = min(columns, int(rows * width / height))
    return _middle(images, kept_rows, kept_columns)


def _middle(images: Any, height: int, width: int) -> Any:
    top, left = (images.shape[1] - height) // 2, (images.shape[2] - width) // 2
    return images[:, top : top + height, left : left + width, :]


class CenterCrop(PictureLayer):
    """The middle of the pictures; smaller ones are enlarged first, with their proportions.

    Args:
        height, width: the size of the middle part.
    """

    def __init__(
        self, height: int, width: int, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_channels_last(self, data_format)
        keep(self, height=height, width=width, data_format="channels_last")

    def change(self, images: Any, training: bool | None) -> Any:
        if images.shape[1] >= self.height and images.shape[2] >= self.width:
            return _middle(images, self.height, self.width)
        part = _with_proportions(images, self.height, self.width)
        return resized(part, self.height, self.width)


class RandomPicture(PictureLayer):
    """Base of changes by chance: a stream of random numbers, and nothing outside training."""

    def keep_seed(self, seed: int | None) -> None:
        """Keep the seed; None draws from the global stream."""
        keep(self, seed=seed)
        self._generator = None if seed is None else Generator(seed)

    def draw(self, images: Any, low: float = 0.0, high: float = 1.0) -> Any:
        """A number from low to high for each picture, as (N, 1, 1, 1)."""
        stream = self._generator or default_generator()
        shape = (images.shape[0], 1, 1, 1)
        return stream.uniform(shape, low, high, dtype=images.dtype, device=images.device)

    # As in Keras a call by itself is training; `predict` and `evaluate` say that they are not.
    def call(self, inputs: Any, training: bool | None = True) -> Any:
        if training:
            return super().call(inputs, training)
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape)


def _limits(layer: Any, name: str, factor: Any, least: float, most: float) -> tuple[float, float]:
    """(lower, upper) of a factor given as one number or two."""
    pair = tuple(factor) if isinstance(factor, (list, tuple)) else (-abs(factor), abs(factor))
    if len(pair) != 2 or not all(least <= n <= most for n in pair):
        raise InvalidArgumentError(
            f"{type(layer).__name__}: {name} must be a number or two numbers from {least:g} to "
            f"{most:g}, received {factor!r}"
        )
    return min(pair), max(pair)


class RandomFlip(RandomPicture):
    """Pictures mirrored with probability one half.

    Args:
        mode: "horizontal", "vertical", or "horizontal_and_vertical", which turns by 180 degrees.
        seed: for a stream of its own.
    """

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_channels_last(self, data_format)
        modes = ("horizontal", "vertical", "horizontal_and_vertical")
        if mode not in modes:
            raise InvalidArgumentError(
                f"RandomFlip: mode must be one of {', '.join(modes)}, received {mode!r}"
            )
        keep(self, mode=mode, data_format="channels_last")
        self.keep_seed(seed)

    def change(self, images: Any, training: bool | None) -> Any:
        axes = {"horizontal": (2,), "vertical": (1,)}.get(self.mode, (1, 2))
        return where(less_equal(self.draw(images), 0.5), flip(images, axis=axes), images)


class RandomCrop(RandomPicture):
    """A window of the pictures, at one random place for the whole batch.

    Outside training, and where pictures are not larger than the window, it is the largest middle
    part with the proportions of the window, resized. (So Keras says, and Keras 2 does; Keras 3.15
    leaves pictures as they are outside training, whatever the size of the layer's output.)

    Args:
        height, width: the size of the window.
        seed: for a stream of its own.

    >>> RandomCrop(2, 2)(tc.ones((1, 4, 4, 3))).shape
    (1, 2, 2, 3)
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_channels_last(self, data_format)
        for name, size in (("height", height), ("width", width)):
            if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                raise InvalidArgumentError(
                    f"RandomCrop: {name} must be a positive int, received {size!r}"
                )
        keep(self, height=height, width=width, data_format="channels_last")
        self.keep_seed(seed)

    def call(self, inputs: Any, training: bool | None = True) -> Any:
        return PictureLayer.call(self, inputs, training)

    def change(self, images: Any, training: bool | None) -> Any:
        rows, columns = images.shape[1:3]
        if not training or rows <= self.height or columns <= self.width:
            part = _with_proportions(images, self.height, self.width)
            return resized(part, self.height, self.width)
        images = self._from(images, 1, self.height)
        return self._from(images, 2, self.width)

    def _from(self, images: Any, axis: int, size: int) -> Any:
        """`size` rows or columns from a random one on."""
        most = images.shape[axis] - size
        stream = self._generator or default_generator()
        start = stream.uniform((), 0.0, most + 1.0, dtype="float32", device=images.device)
        first = minimum(astype(floor(start), dtypes.int32), most)
        places = add(arange(size, dtype=dtypes.int32, device=images.device), first)
        return take(images, places, axis=axis)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-3], self.height, self.width, input_shape[-1])


class _Warp(RandomPicture):
    """Base of moves: how pixels are read between and beyond the old ones."""

    def keep_warp(
        self,
        fill_mode: str,
        interpolation: str,
        seed: int | None,
        fill_value: float,
        data_format: str | None,
    ) -> None:
        """Check and keep the common options."""
        check_channels_last(self, data_format)
        if fill_mode not in FILL_MODES or interpolation not in ("bilinear", "nearest"):
            raise InvalidArgumentError(
                f"{type(self).__name__}: fill_mode must be one of {', '.join(FILL_MODES)}, "
                "interpolation 'bilinear' or 'nearest'; received "
                f"{fill_mode!r} and {interpolation!r}"
            )
        keep(self, fill_mode=fill_mode, interpolation=interpolation, fill_value=fill_value)
        keep(self, data_format="channels_last")
        self.keep_seed(seed)

    def matrix(self, images: Any, height: int, width: int) -> tuple[Any, ...]:
        """a0, a1, a2, b0, b1, b2 of `warped`."""
        raise NotImplementedError

    def change(self, images: Any, training: bool | None) -> Any:
        parts = self.matrix(images, *images.shape[1:3])
        return warped(images, parts, self.fill_mode, self.fill_value, self.interpolation)


class RandomRotation(_Warp):
    """Pictures turned about their middle.

    Args:
        factor: the largest angle as a part of a full turn, or (lowest, highest); positive ones
            turn counter-clockwise.
        fill_mode: "reflect", "wrap", "nearest", or "constant" with `fill_value`.
        interpolation: "bilinear" or "nearest".
        seed: for a stream of its own.
    """

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        keep(self, factor=_limits(self, "factor", factor, -1.0, 1.0))
        self.keep_warp(fill_mode, interpolation, seed, fill_value, data_format)

    def matrix(self, images: Any, height: int, width: int) -> tuple[Any, ...]:
        angle = self.draw(images, *(2 * math.pi * n for n in self.factor))
        c, s = cos(angle), sin(angle)
        x, y = (width - 1) / 2, (height - 1) / 2
        across = subtract(add(x, multiply(s, y)), multiply(c, x))
        down = subtract(subtract(y, multiply(s, x)), multiply(c, y))
        return c, negative(s), across, s, c, down


class RandomZoom(_Warp):
    """Pictures made larger (negative factors) or smaller (positive ones).

    Args:
        height_factor: the largest change of the height, or (lowest, highest); (0.2, 0.3) shows
            20 to 30 % more of the picture's height.
        width_factor: that of the width; None keeps the proportions.
        fill_mode, interpolation, seed, fill_value: as those of `RandomRotation`.
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        keep(self, height_factor=_limits(self, "height_factor", height_factor, -1.0, 1.0))
        if width_factor is not None:
            width_factor = _limits(self, "width_factor", width_factor, -1.0, 1.0)
        keep(self, width_factor=width_factor)
        self.keep_warp(fill_mode, interpolation, seed, fill_value, data_format)

    def matrix(self, images: Any, height: int, width: int) -> tuple[Any, ...]:
        tall = self.draw(images, *(1 + n for n in self.height_factor))
        wide = tall
        if self.width_factor is not None:
            wide = self.draw(images, *(1 + n for n in self.width_factor))
        across = multiply(subtract(1.0, wide), (width - 1) / 2)
        down = multiply(subtract(1.0, tall), (height - 1) / 2)
        return wide, 0.0, across, 0.0, tall, down


class RandomTranslation(_Warp):
    """Pictures moved.

    Args:
        height_factor: the farthest move down as a part of the height, or (lowest, highest).
        width_factor: that to the right.
        fill_mode, interpolation, seed, fill_value: as those of `RandomRotation`.
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        keep(self, height_factor=_limits(self, "height_factor", height_factor, -1.0, 1.0))
        keep(self, width_factor=_limits(self, "width_factor", width_factor, -1.0, 1.0))
        self.keep_warp(fill_mode, interpolation, seed, fill_value, data_format)

    def matrix(self, images: Any, height: int, width: int) -> tuple[Any, ...]:
        down = multiply(self.draw(images, *self.height_factor), float(height))
        across = multiply(self.draw(images, *self.width_factor), float(width))
        return 1.0, 0.0, negative(across), 0.0, 1.0, negative(down)


class RandomContrast(RandomPicture):
    """(x - mean) * c + mean for each channel, c from 1 - lower to 1 + upper.

    Args:
        factor: (lower, upper), or one number: from 1 to 1 + factor, as Keras 3 has it.
        value_range: the values are limited to it.
        seed: for a stream of its own.
    """

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        pair = factor if isinstance(factor, (list, tuple)) else (0.0, factor)
        keep(self, factor=_limits(self, "factor", pair, 0.0, 1.0), value_range=tuple(value_range))
        self.keep_seed(seed)

    def change(self, images: Any, training: bool | None) -> Any:
        scale = self.draw(images, 1 - self.factor[0], 1 + self.factor[1])
        middle = mean(images, axis=(1, 2), keepdims=True)
        return clip(add(multiply(subtract(images, middle), scale), middle), *self.value_range)


class RandomBrightness(RandomPicture):
    """A number added to each picture.

    Args:
        factor: its largest value as a part of the value range, or (lowest, highest).
        value_range: the values are limited to it.
        seed: for a stream of its own.
    """

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        limits = _limits(self, "factor", factor, -1.0, 1.0)
        keep(self, factor=limits, value_range=tuple(value_range))
        self.keep_seed(seed)

    def change(self, images: Any, training: bool | None) -> Any:
        low, high = self.value_range
        more = self.draw(images, *(n * (high - low) for n in self.factor))
        return clip(add(images, more), low, high)
