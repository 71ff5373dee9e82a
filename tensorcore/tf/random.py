"""`tf.random`: random tensors from the global stream, or from a seed of their own."""

from __future__ import annotations

from typing import Any

from tensorcore import dtypes, missing
from tensorcore import random as own
from tensorcore.errors import InvalidArgumentError
from tensorcore.ops import reductions
from tensorcore.random import Generator, set_seed
from tensorcore.tensor import Tensor, as_tensor
from tensorcore.tf.arrays import _sizes
from tensorcore.tf.dtypes import as_dtype, cast

__all__ = [
    "Generator",
    "categorical",
    "gamma",
    "normal",
    "set_seed",
    "shuffle",
    "stateless_normal",
    "stateless_uniform",
    "truncated_normal",
    "uniform",
]

_seeded: dict[int, Generator] = {}


def _stream(seed: Any) -> Any:
    """The global stream, or the one that this seed began; it goes on from call to call."""
    if seed is None:
        return own.default_generator()
    return _seeded.setdefault(int(seed), Generator(int(seed)))


def normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    seed: Any = None,
    name: str | None = None,
) -> Tensor:
    """Normal numbers of the given mean and standard deviation."""
    return _stream(seed).normal(_sizes(shape), mean, stddev, dtype=dtype)


def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    seed: Any = None,
    name: str | None = None,
) -> Tensor:
    """Normal numbers, those beyond two standard deviations drawn anew."""
    return _stream(seed).truncated_normal(_sizes(shape), mean, stddev, dtype=dtype)


def uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = dtypes.float32,
    seed: Any = None,
    name: str | None = None,
) -> Tensor:
    """Uniform numbers in [minval, maxval); integers need `maxval`."""
    kind = as_dtype(dtype)
    stream = _stream(seed)
    if dtypes.is_integer(kind):
        if maxval is None:
            raise InvalidArgumentError("random.uniform: integers need maxval")
        return stream.integers(int(minval), int(maxval), _sizes(shape), dtype=kind)
    high = 1.0 if maxval is None else maxval
    return stream.uniform(_sizes(shape), minval, high, dtype=kind)


def categorical(
    logits: Any,
    num_samples: Any,
    dtype: Any = dtypes.int64,
    seed: Any = None,
    name: str | None = None,
) -> Tensor:
    """Class numbers drawn with probabilities softmax(logits), `num_samples` a row.

    The largest of logits + Gumbel noise falls on each class with its probability.
    """
    from tensorcore.ops.arithmetic import negative
    from tensorcore.ops.exponential import log
    from tensorcore.ops.shaping import expand_dims

    scores = as_tensor(logits)
    rows, classes = scores.shape
    with scores.device:
        noise = _stream(seed).uniform((rows, int(num_samples), classes), 1e-37, 1.0)
    gumbel = negative(log(negative(log(noise))))
    drawn = reductions.argmax(expand_dims(cast(scores, dtypes.float32), axis=1) + gumbel, axis=-1)
    return cast(drawn, dtype)


def shuffle(value: Any, seed: Any = None, name: str | None = None) -> Tensor:
    """The rows in random order."""
    from tensorcore.ops.indexing import take

    tensor = as_tensor(value)
    order = _stream(seed).permutation(tensor.shape[0], device=tensor.device)
    return take(tensor, order, axis=0)


def gamma(
    shape: Any,
    alpha: Any,
    beta: Any = None,
    dtype: Any = dtypes.float32,
    seed: Any = None,
    name: str | None = None,
) -> Tensor:
    """Numbers of the gamma distribution, drawn on the host."""
    import numpy as np

    words = _stream(seed).bits((4,), device="cpu").numpy()
    rng = np.random.default_rng(words)
    shape_parameter = np.asarray(as_tensor(alpha).numpy())
    drawn = rng.gamma(shape_parameter, size=(*_sizes(shape), *shape_parameter.shape))
    if beta is not None:
        drawn = drawn / np.asarray(as_tensor(beta).numpy())
    return as_tensor(drawn.astype(as_dtype(dtype)))


def _stateless(seed: Any) -> Generator:
    first, second = (int(n) for n in as_tensor(seed).tolist())
    return Generator(first * 0x9E3779B97F4A7C15 + second)


def stateless_normal(
    shape: Any,
    seed: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    name: str | None = None,
    alg: str = "auto_select",
) -> Tensor:
    """Normal numbers that depend on the two numbers of `seed` alone."""
    return _stateless(seed).normal(_sizes(shape), mean, stddev, dtype=dtype)


def stateless_uniform(
    shape: Any,
    seed: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = dtypes.float32,
    name: str | None = None,
    alg: str = "auto_select",
) -> Tensor:
    """Uniform numbers that depend on the two numbers of `seed` alone."""
    kind = as_dtype(dtype)
    stream = _stateless(seed)
    if dtypes.is_integer(kind):
        return stream.integers(int(minval), int(maxval), _sizes(shape), dtype=kind)
    return stream.uniform(_sizes(shape), minval, 1.0 if maxval is None else maxval, dtype=kind)


def __getattr__(name: str) -> Any:
    raise missing.attribute(__name__, name, __all__)
