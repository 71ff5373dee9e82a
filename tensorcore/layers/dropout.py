"""Layers that are noisy in training and pass their input unchanged otherwise."""

from __future__ import annotations

import math
from typing import Any

from tensorcore import nn
from tensorcore.errors import InvalidArgumentError
from tensorcore.layers.activation import ElementwiseLayer
from tensorcore.layers.options import keep
from tensorcore.layers.shapes import InputSpec
from tensorcore.ops.arithmetic import add, multiply
from tensorcore.ops.logical import greater_equal, where
from tensorcore.random import Generator, default_generator


class Noise(ElementwiseLayer):
    """Base: a strength from 0 on, and a stream of random numbers."""

    strength = "rate"
    most: float = 1.0

    def keep_strength(self, value: Any, seed: int | None, **options: Any) -> None:
        """Check and keep the strength and the seed."""
        name = type(self).__name__
        if isinstance(value, (str, bool)) or not 0 <= value <= self.most:
            limits = "from 0 to 1" if self.most == 1 else "from 0 on"
            hint = "; write it without quotes" if isinstance(value, str) else ""
            raise InvalidArgumentError(
                f"{name}: {self.strength} must be a number {limits}, received {value!r}{hint}"
            )
        keep(self, **{self.strength: value}, seed=seed, **options)
        self._generator = None if seed is None else Generator(seed)

    @property
    def generator(self) -> Generator:
        """The layer's own stream if it has a seed, else the global one."""
        return self._generator or default_generator()


class Dropout(Noise):
    """In training sets each input to 0 with probability `rate` and scales the others by 1 / (1 -
    rate).

    Args:
        rate: from 0 to 1.
        noise_shape: shape of the mask, which is broadcast: (batch, 1, features) drops the same
            features in all steps; None means the shape of the input, None in it that dimension's.
        seed: for a stream of its own; None draws from the global one.

    Outside training the input passes unchanged.  Source: Srivastava et al., 2014.

    >>> Dropout(0.5)([[1.0, 2.0]]).tolist()
    [[1.0, 2.0]]
    """

    def __init__(
        self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        noise_shape = None if noise_shape is None else tuple(noise_shape)
        self.keep_strength(rate, seed, noise_shape=noise_shape)

    def mask_shape(self, shape: Any) -> Any:
        """The shape of the mask for inputs of this shape; None if it is the same."""
        if self.noise_shape is None:
            return None
        return tuple(
            size if wanted is None else wanted
            for size, wanted in zip(shape, self.noise_shape, strict=True)
        )

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if not training or self.rate == 0:
            return inputs
        if self.rate == 1:
            return inputs * 0
        shape = self.mask_shape(inputs.shape)
        if shape is None:
            return nn.dropout(inputs, self.rate, generator=self._generator)
        mask = self.generator.dropout_mask(shape, self.rate, inputs.dtype, inputs.device)
        return multiply(inputs, mask)


class SpatialDropout1D(Dropout):
    """Dropout of whole features of a sequence, in all its steps.

    Args:
        rate, seed: as those of `Dropout`.

    Input: shape (batch, steps, features).  Source: Tompson et al., 2014.
    """

    rank = 1

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, None, seed, **kwargs)
        self._kept = tuple(name for name in self._kept if name != "noise_shape")
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def mask_shape(self, shape: Any) -> Any:
        return (shape[0], *(1,) * self.rank, shape[-1])


class SpatialDropout2D(SpatialDropout1D):
    """Dropout of whole channels of an image.

    Input: shape (batch, height, width, channels).
    """

    rank = 2

    def __init__(
        self, rate: float, data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        from tensorcore.layers.shaping import check_channels_last

        super().__init__(rate, seed, **kwargs)
        check_channels_last(self, data_format)
        keep(self, data_format="channels_last")


class GaussianNoise(Noise):
    """In training adds normal numbers of standard deviation `stddev`."""

    strength = "stddev"
    most = math.inf

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.keep_strength(stddev, seed)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if not training or self.stddev == 0:
            return inputs
        return add(inputs, _normal(self, inputs, 0.0, self.stddev))


class GaussianDropout(Noise):
    """In training multiplies by normal numbers of mean 1 and variance rate / (1 - rate).

    Source: Srivastava et al., 2014.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.keep_strength(rate, seed)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if not training or self.rate == 0:
            return inputs
        return multiply(inputs, _normal(self, inputs, 1.0, math.sqrt(self.rate / (1 - self.rate))))


class AlphaDropout(Dropout):
    """Dropout that keeps mean and variance of inputs that went through selu.

    Args:
        rate, noise_shape, seed: as those of `Dropout`.

    Source: Klambauer et al., 2017.
    """

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if not training or self.rate == 0:
            return inputs
        low = -1.0507009873554805 * 1.6732632423543772  # what selu tends to
        shape = self.mask_shape(inputs.shape) or inputs.shape
        with inputs.device:
            drawn = self.generator.uniform(shape, dtype="float32")
        scale = ((1 - self.rate) * (1 + self.rate * low**2)) ** -0.5
        kept = where(greater_equal(drawn, self.rate), inputs, low)
        return add(multiply(kept, scale), -scale * low * self.rate)


def _normal(layer: Noise, inputs: Any, mean: float, stddev: float) -> Any:
    with inputs.device:
        return layer.generator.normal(inputs.shape, mean, stddev, dtype=inputs.dtype)
