"""Dropout."""

from __future__ import annotations

from typing import Any

from tensorcore import nn
from tensorcore.errors import InvalidArgumentError
from tensorcore.layers.base import Layer, not_there_yet
from tensorcore.random import Generator


class Dropout(Layer):
    """In training sets each input to 0 with probability `rate` and scales the others by 1 / (1 -
    rate).

    Args:
        rate: from 0 to 1.
        noise_shape: must be None for now.
        seed: for a stream of its own; None draws from the global one.

    Outside training the input passes unchanged.  Source: Srivastava et al., 2014.

    >>> Dropout(0.5)([[1.0, 2.0]]).tolist()
    [[1.0, 2.0]]
    """

    def __init__(
        self, rate: float, noise_shape: Any = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if not 0 <= rate <= 1:
            raise InvalidArgumentError(f"Dropout: rate must be from 0 to 1, received {rate!r}")
        not_there_yet(self, noise_shape=noise_shape)
        self.rate = rate
        self.seed = seed
        self._generator = None if seed is None else Generator(seed)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if not training or self.rate == 0:
            return inputs
        if self.rate == 1:
            return inputs * 0
        return nn.dropout(inputs, self.rate, generator=self._generator)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
