"""The initializer: a function of shape and dtype, with a configuration."""

from __future__ import annotations

import math
from typing import Any

from tensorcore.kernels.cpu import tiers
from tensorcore.random import Generator, default_generator
from tensorcore.saving.registry import Configurable


class Initializer(Configurable, keras_module="keras.initializers"):
    """Base class: a subclass computes values in `__call__(shape, dtype=None)`.

    Values are made on the CPU, so that a model gets the same weights whatever device it lives on.
    """

    def __call__(self, shape: Any, dtype: Any = None, **ignored: Any) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__}: an initializer needs a method __call__(shape, dtype)"
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal initializer."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """An initializer made from what `get_config` returned."""
        return cls(**config)


class RandomInitializer(Initializer):
    """Base of initializers with a seed: with one, every call gives the same values."""

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed

    def generator(self) -> Generator:
        """The stream to draw from: that of the seed from its start, else the global one."""
        return default_generator() if self.seed is None else Generator(self.seed)

    def normal(
        self, shape: Any, mean: float, stddev: float, dtype: Any, truncated: bool = False
    ) -> Any:
        """Normal numbers, with the same last digits before and after a first training."""
        stream = self.generator()
        draw = stream.truncated_normal if truncated else stream.normal
        with tiers.exactly():
            return draw(shape, mean, stddev, dtype=dtype, device="cpu")

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Number of inputs and outputs of a unit whose weights have this shape, channels last.

    >>> fans((3, 3, 16, 32))
    (144, 288)
    """
    if len(shape) < 2:
        size = shape[0] if shape else 1
        return size, size
    cells = math.prod(shape[:-2])
    return cells * shape[-2], cells * shape[-1]
