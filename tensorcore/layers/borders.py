"""Layers that make images and sequences larger or smaller: by a border, or by repetition."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore.errors import InvalidArgumentError, ShapeError
from tensorcore.layers.base import Layer
from tensorcore.layers.options import keep
from tensorcore.layers.shapes import InputSpec
from tensorcore.layers.shaping import check_channels_last
from tensorcore.layers.windows import borders, channels_hint, sizes
from tensorcore.ops.arithmetic import add, multiply
from tensorcore.ops.indexing import take
from tensorcore.ops.joining import pad
from tensorcore.ops.repetition import repeat
from tensorcore.tensor import as_tensor


class Spatial(Layer):
    """Base of layers over (batch, ..., channels) that change the sizes in between."""

    rank: int

    def _input_hint(self, shape: Any) -> str:
        return channels_hint(shape, self.rank)

    def new_size(self, size: int, axis: int) -> int:
        """The size of the output in this dimension, counted from 0 after the batch."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Any) -> Any:
        inner = [
            None if size is None else self.new_size(size, axis)
            for axis, size in enumerate(input_shape[1:-1])
        ]
        return (input_shape[0], *inner, input_shape[-1])


class ZeroPadding(Spatial):
    """Base of ZeroPadding1D and ZeroPadding2D."""

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_channels_last(self, data_format)
        found = borders(self, "padding", padding, self.rank)
        keep(self, padding=found[0] if self.rank == 1 else found, data_format="channels_last")
        self._borders = found
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Any) -> Any:
        return pad(inputs, ((0, 0), *self._borders, (0, 0)))

    def new_size(self, size: int, axis: int) -> int:
        return size + sum(self._borders[axis])


class ZeroPadding1D(ZeroPadding):
    """Zeros before and after each sequence.

    Args:
        padding: steps on both sides, or (before, after).

    >>> ZeroPadding1D((0, 2))([[[1.0]]]).tolist()
    [[[1.0], [0.0], [0.0]]]
    """

    rank = 1


class ZeroPadding2D(ZeroPadding):
    """A border of zeros around each image.

    Args:
        padding: cells on all sides, (rows, columns), or ((top, bottom), (left, right)).
        data_format: only "channels_last".
    """

    rank = 2

    def __init__(
        self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(padding, data_format, **kwargs)


class Cropping(Spatial):
    """Base of Cropping1D and Cropping2D."""

    def __init__(self, cropping: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_channels_last(self, data_format)
        found = borders(self, "cropping", cropping, self.rank)
        keep(self, cropping=found[0] if self.rank == 1 else found, data_format="channels_last")
        self._borders = found
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Any) -> Any:
        self.compute_output_shape(tuple(inputs.shape))
        kept = [
            slice(before, size - after)
            for size, (before, after) in zip(inputs.shape[1:-1], self._borders, strict=True)
        ]
        return inputs[(slice(None), *kept)]

    def new_size(self, size: int, axis: int) -> int:
        if size <= sum(self._borders[axis]):
            raise ShapeError(
                f"{self._who()}: cropping={self.cropping} leaves nothing of a dimension of size "
                f"{size}"
            )
        return size - sum(self._borders[axis])


class Cropping1D(Cropping):
    """Sequences without their first and last steps.

    Args:
        cropping: steps on both sides, or (before, after).

    >>> Cropping1D((0, 1))([[[1.0], [2.0], [3.0]]]).tolist()
    [[[1.0], [2.0]]]
    """

    rank = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None:
        super().__init__(cropping, **kwargs)


class Cropping2D(Cropping):
    """Images without their border.

    Args:
        cropping: cells on all sides, (rows, columns), or ((top, bottom), (left, right)).
        data_format: only "channels_last".
    """

    rank = 2

    def __init__(
        self,
        cropping: Any = ((0, 0), (0, 0)),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(cropping, data_format, **kwargs)


class UpSampling1D(Spatial):
    """Each step of a sequence `size` times in a row.

    >>> UpSampling1D(2)([[[1.0], [2.0]]]).tolist()
    [[[1.0], [1.0], [2.0], [2.0]]]
    """

    rank = 1

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        keep(self, size=sizes(self, "size", size, 1)[0])
        self.input_spec = InputSpec(ndim=3)

    def call(self, inputs: Any) -> Any:
        return repeat(inputs, self.size, axis=1)

    def new_size(self, size: int, axis: int) -> int:
        return size * self.size


class UpSampling2D(Spatial):
    """Images `size` times as large.

    Args:
        size: (rows, columns), or one int.
        data_format: only "channels_last".
        interpolation: "nearest" repeats cells, "bilinear" passes evenly from one to the next.
    """

    rank = 2

    def __init__(
        self,
        size: Any = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_channels_last(self, data_format)
        if interpolation not in ("nearest", "bilinear"):
            raise InvalidArgumentError(
                'UpSampling2D: interpolation must be "nearest" or "bilinear", received '
                f"{interpolation!r}"
            )
        keep(
            self,
            size=sizes(self, "size", size, 2),
            data_format="channels_last",
            interpolation=interpolation,
        )
        self.input_spec = InputSpec(ndim=4)

    def call(self, inputs: Any) -> Any:
        for axis, factor in enumerate(self.size, start=1):
            if self.interpolation == "nearest":
                inputs = repeat(inputs, factor, axis=axis)
            else:
                inputs = _stretched(inputs, factor, axis)
        return inputs

    def new_size(self, size: int, axis: int) -> int:
        return size * self.size[axis]


def _stretched(x: Any, factor: int, axis: int) -> Any:
    """x with `factor` cells for each one along the dimension, mixed from the nearest two."""
    size = x.shape[axis]
    # The middle of a new cell, in old cells whose middles are at 0, 1, 2...
    place = np.clip((np.arange(size * factor) + 0.5) / factor - 0.5, 0, size - 1)
    before = np.floor(place).astype(np.int32)
    after = np.minimum(before + 1, size - 1)
    share = (place - before).astype(x.dtype).reshape(-1, *[1] * (len(x.shape) - axis - 1))
    share_after = as_tensor(share, device=x.device)
    share_before = as_tensor(1 - share, device=x.device)
    left = take(x, as_tensor(before, device=x.device), axis=axis)
    right = take(x, as_tensor(after, device=x.device), axis=axis)
    return add(multiply(left, share_before), multiply(right, share_after))
