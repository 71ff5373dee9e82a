"""Random numbers with a seed: the same on every device, since they come from a key and a counter.

>>> import tensorcore as tc
>>> tc.random.set_seed(7)
>>> a = tc.random.normal((3,))
>>> tc.random.set_seed(7)
>>> bool(tc.all(a == tc.random.normal((3,))))
True
"""

from __future__ import annotations

import math
import os
import threading
from typing import Any

import numpy as np

from tensorcore import dtypes, missing
from tensorcore.device import Device, default_device
from tensorcore.device import device as device_named
from tensorcore.errors import InvalidArgumentError
from tensorcore.mode import mode
from tensorcore.ops import random_bits as ops
from tensorcore.ops.arithmetic import add, multiply
from tensorcore.ops.composing import composed
from tensorcore.ops.shapes import new_shape
from tensorcore.ops.transfer import astype
from tensorcore.tensor import Tensor, as_tensor

WORDS_PER_BLOCK = 4


class Generator:
    """A stream of random numbers: a key made from the seed, and a counter that moves on.

    Args:
        seed: any int; None takes one from the operating system.
    """

    def __init__(self, seed: int | None = None) -> None:
        self.seed(seed)

    def seed(self, seed: int | None = None) -> None:
        """Start the stream that belongs to `seed` anew."""
        if seed is None:
            seed = int.from_bytes(os.urandom(8), "little")
        # splitmix64, so that neighbouring seeds give unrelated keys
        mixed = (int(seed) + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        self._lock = threading.Lock()
        self.state = (mixed ^ (mixed >> 31), 0)

    @property
    def state(self) -> tuple[int, int]:
        """(key, counter): two ints that say exactly where the stream is; can be set."""
        return self._key, self._counter

    @state.setter
    def state(self, value: tuple[int, int]) -> None:
        self._key, self._counter = (int(part) for part in value)

    def take(self, count: int) -> tuple[np.uint64, np.uint64]:
        """Key and counter for `count` words, which no later call gets again.

        While a graph is traced these are symbols, and each run of the graph moves the stream on.
        """
        blocks = -(-count // WORDS_PER_BLOCK)
        if mode.graph is not None:
            return mode.graph.random_state(self, blocks)
        return self.take_blocks(blocks)

    def take_blocks(self, blocks: int) -> tuple[np.uint64, np.uint64]:
        """Key and counter for so many blocks of four words."""
        with self._lock:
            counter = self._counter
            self._counter += blocks
        return np.uint64(self._key), np.uint64(counter & 0xFFFFFFFFFFFFFFFF)

    # Distributions --------------------------------------------------------------------------------

    @composed
    def bits(self, shape: Any, *, device: str | Device | None = None) -> Tensor:
        """Uniform random uint32 words."""
        shape = new_shape("random.bits", shape)
        with _place(device):
            return ops.random_bits(*self.take(math.prod(shape)), shape=shape)

    @composed
    def uniform(
        self,
        shape: Any = (),
        low: float = 0.0,
        high: float = 1.0,
        *,
        dtype: Any = "float32",
        device: str | Device | None = None,
    ) -> Tensor:
        """Uniform numbers in [low, high)."""
        shape, kind = new_shape("random.uniform", shape), dtypes.as_dtype(dtype)
        words = math.prod(shape) * (2 if kind == dtypes.float64 else 1)
        with _place(device):
            values = ops.random_uniform(*self.take(words), shape=shape, dtype=kind)
        return values if (low, high) == (0.0, 1.0) else add(multiply(values, high - low), low)

    @composed
    def normal(
        self,
        shape: Any = (),
        mean: float = 0.0,
        stddev: float = 1.0,
        *,
        dtype: Any = "float32",
        device: str | Device | None = None,
    ) -> Tensor:
        """Normal numbers of the given mean and standard deviation."""
        shape = new_shape("random.normal", shape)
        with _place(device):
            values = ops.random_normal(
                *self.take(math.prod(shape) + 1), shape=shape, dtype=dtypes.as_dtype(dtype)
            )
        return values if (mean, stddev) == (0.0, 1.0) else add(multiply(values, stddev), mean)

    @composed
    def truncated_normal(
        self,
        shape: Any = (),
        mean: float = 0.0,
        stddev: float = 1.0,
        *,
        dtype: Any = "float32",
        device: str | Device | None = None,
    ) -> Tensor:
        """Normal numbers, those farther than two standard deviations from the mean drawn anew."""
        shape, kind = new_shape("random.truncated_normal", shape), dtypes.as_dtype(dtype)
        count = math.prod(shape)
        where = default_device() if device is None else device_named(device)
        # Values outside are skipped.  4.6 % are; the spare part makes a second round very rare.
        kept = np.zeros(0, np.float32 if kind != dtypes.float64 else np.float64)
        while kept.size < count:
            wanted = int((count - kept.size) * 1.06) + 32
            drawn = self.normal((wanted,), dtype=kept.dtype, device="cpu").data
            kept = np.concatenate([kept, drawn[np.abs(drawn) < 2.0]])
        values = as_tensor(kept[:count].reshape(shape).astype(kind), device=where)
        return values if (mean, stddev) == (0.0, 1.0) else add(multiply(values, stddev), mean)

    @composed
    def integers(
        self,
        low: int,
        high: int,
        shape: Any = (),
        *,
        dtype: Any = "int32",
        device: str | Device | None = None,
    ) -> Tensor:
        """Uniform integers from `low` to `high` - 1."""
        shape, kind = new_shape("random.integers", shape), dtypes.as_dtype(dtype)
        if (
            not dtypes.is_integer(kind)
            or not np.iinfo(kind).min <= low < high <= np.iinfo(kind).max + 1
        ):
            raise InvalidArgumentError(
                f"random.integers: expected low < high within the range of {kind.name}, received "
                f"{low} and {high}"
            )
        where = default_device() if device is None else device_named(device)
        # 64 random bits are scaled to the range: the bias is below range / 2**64.
        words = self.bits((math.prod(shape), 2), device="cpu").data.astype(np.uint64)
        wide = (words[:, 0] << np.uint64(32)) | words[:, 1]
        drawn = _multiply_high(wide, high - low) + np.uint64(low & 0xFFFFFFFFFFFFFFFF)
        return as_tensor(drawn.astype(np.int64).astype(kind).reshape(shape), device=where)

    @composed
    def permutation(self, n: int, *, device: str | Device | None = None) -> Tensor:
        """The numbers 0 to n - 1 in random order, int64."""
        where = default_device() if device is None else device_named(device)
        words = self.bits((n, 2), device="cpu").data.astype(np.uint64)
        keys = (words[:, 0] << np.uint64(32)) | words[:, 1]
        return as_tensor(_order_of(keys), device=where)

    def dropout_mask(self, shape: Any, rate: float, dtype: Any, device: Device) -> Tensor:
        """Factors for dropout: 0 with probability `rate`, else 1 / (1 - rate)."""
        with device:
            return ops.dropout_mask(
                *self.take(math.prod(shape)), shape=shape, rate=rate, dtype=dtype
            )


def _order_of(keys: np.ndarray) -> np.ndarray:
    """What `argsort` says of random 64-bit keys, in half its time: NumPy sorts 16 bits by counting.

    The upper 48 bits decide, digit after digit; keys that agree in them hardly ever come.
    """
    digits = [(keys >> np.uint64(shift)).astype(np.uint16) for shift in (16, 32, 48)]
    order = np.argsort(digits[0], kind="stable")
    for digit in digits[1:]:
        order = order[np.argsort(digit[order], kind="stable")]
    ordered = keys[order]
    if (ordered[1:] < ordered[:-1]).any():
        order = np.argsort(keys, kind="stable")
    return order


def _multiply_high(values: np.ndarray, factor: int) -> np.ndarray:
    """The upper 64 bits of the product of 64-bit values and a factor of at most 2**64."""
    if factor == 1 << 64:
        return values
    low_mask, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    high, low = values >> half, values & low_mask
    factor_high, factor_low = np.uint64(factor >> 32), np.uint64(factor & 0xFFFFFFFF)
    middle = high * factor_low + ((low * factor_low) >> half)
    carry = (middle & low_mask) + low * factor_high
    return high * factor_high + (middle >> half) + (carry >> half)


def _place(device: str | Device | None) -> Device:
    return default_device() if device is None else device_named(device)


_global = Generator()


def default_generator() -> Generator:
    """The generator that the functions of this module draw from."""
    return _global


def set_seed(seed: int) -> None:
    """Start the global stream anew, so that a program gives the same numbers at every run."""
    _global.seed(seed)


# The distributions of the global stream; `help(tc.random.normal)` shows the method's text.
bits = _global.bits
uniform = _global.uniform
normal = _global.normal
truncated_normal = _global.truncated_normal
integers = _global.integers
permutation = _global.permutation


@composed
def shuffle(x: Any, /, *, axis: int = 0) -> Tensor:
    """The slices of x along a dimension in random order."""
    from tensorcore.ops.indexing import take

    tensor = as_tensor(x)
    return take(tensor, permutation(tensor.shape[axis], device=tensor.device), axis=axis)


@composed
def dropout(x: Any, rate: float, *, generator: Generator | None = None) -> Tensor:
    """x with each element set to 0 with probability `rate`, the others divided by 1 - rate.

    Args:
        x: floating-point tensor.
        rate: from 0 to below 1.
        generator: the stream to draw from; None means the global one.

    Source: Srivastava et al., 2014.
    """
    if not 0 <= rate < 1:
        raise InvalidArgumentError(f"dropout: rate must be at least 0 and below 1, received {rate}")
    tensor = as_tensor(x)
    if not dtypes.is_inexact(tensor.dtype):
        tensor = astype(tensor, dtypes.float32)
    if rate == 0:
        return tensor
    if None in tensor.shape:  # as many random numbers are needed as there will be elements
        from tensorcore.graph.deferred import defer

        return defer(dropout, (tensor, rate), {"generator": generator}, tensor, tensor.device)
    mask = (generator or _global).dropout_mask(tensor.shape, rate, tensor.dtype, tensor.device)
    return multiply(tensor, mask)


__all__ = [
    "Generator",
    "bits",
    "default_generator",
    "dropout",
    "integers",
    "normal",
    "permutation",
    "set_seed",
    "shuffle",
    "truncated_normal",
    "uniform",
]


def __getattr__(name: str) -> Any:
    raise missing.attribute(__name__, name, __all__)


def __dir__() -> list[str]:
    return sorted(__all__)
