"""`keras.random`: random tensors from the global stream, a seed, or a `SeedGenerator`."""

from __future__ import annotations

from typing import Any

import tensorcore as tc
from tensorcore import random as own
from tensorcore.keras.later import refusal
from tensorcore.random import Generator
from tensorcore.tensor import Tensor, as_tensor
from tensorcore.training.utils import floatx

__all__ = [
    "SeedGenerator",
    "categorical",
    "dropout",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]


class SeedGenerator(Generator):
    """A stream of random numbers that moves on with every draw.

    >>> first, second = (normal((2,), seed=SeedGenerator(7)) for _ in range(2))
    >>> first.tolist() == second.tolist()
    True
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(seed)
        self.initial_seed = seed
        self.name = name or "seed_generator"

    def next(self, ordered: bool = True) -> Tensor:
        """Two numbers that no later call gets again."""
        return self.bits((2,))

    def get_config(self) -> dict[str, Any]:
        """The seed."""
        return {"seed": self.initial_seed}


def _stream(seed: Any) -> Generator:
    """The global stream, the one given, or a new one: a Python seed gives the same every time."""
    if seed is None:
        return own.default_generator()
    return seed if isinstance(seed, Generator) else Generator(int(seed))


def normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> Tensor:
    """Normal numbers of the given mean and standard deviation."""
    return _stream(seed).normal(tuple(shape), mean, stddev, dtype=dtype or floatx())


def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> Tensor:
    """Normal numbers, those beyond two standard deviations drawn anew."""
    return _stream(seed).truncated_normal(tuple(shape), mean, stddev, dtype=dtype or floatx())


def uniform(
    shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None
) -> Tensor:
    """Uniform numbers in [minval, maxval)."""
    return _stream(seed).uniform(tuple(shape), minval, maxval, dtype=dtype or floatx())


def randint(shape: Any, minval: int, maxval: int, dtype: Any = "int32", seed: Any = None) -> Tensor:
    """Uniform integers from `minval` to `maxval` - 1."""
    return _stream(seed).integers(int(minval), int(maxval), tuple(shape), dtype=dtype)


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Tensor:
    """Class numbers drawn with probabilities softmax(logits), `num_samples` a row.

    The largest of logits + Gumbel noise falls on each class with its probability.
    """
    scores = as_tensor(logits)
    rows, classes = scores.shape
    noise = _stream(seed).uniform((rows, num_samples, classes), 1e-37, 1.0, device=scores.device)
    gumbel = tc.negative(tc.log(tc.negative(tc.log(noise))))
    drawn = tc.argmax(tc.add(tc.expand_dims(scores, axis=1), gumbel), axis=-1)
    return tc.astype(drawn, dtype)


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Tensor:
    """The slices along a dimension in random order."""
    tensor = as_tensor(x)
    order = _stream(seed).permutation(tensor.shape[axis], device=tensor.device)
    return tc.take(tensor, order, axis=axis)


def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Tensor:
    """Elements set to 0 with probability `rate`, the others divided by 1 - rate."""
    tensor = as_tensor(inputs)
    if noise_shape is None:
        return own.dropout(tensor, rate, generator=_stream(seed))
    mask = _stream(seed).dropout_mask(tuple(noise_shape), rate, tensor.dtype, tensor.device)
    return tc.multiply(tensor, mask)


__getattr__ = refusal(__name__, __all__)
