"""Random numbers from a counter: the same key and counter give the same numbers on every device.

The generator is Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC
2011). State is kept in `tensorcore/random.py`; here are pure functions of key and counter.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import DTypeError
from tensorcore.ops.record import Spec, op
from tensorcore.ops.shapes import as_shape

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)  # the golden ratio and sqrt(3) - 1, as 32-bit fractions
LOW = 0xFFFFFFFF


def _words(xp: Any, key: Any, counter: Any, count: int) -> Any:
    """`count` random 32-bit words: word i is number i % 4 of the block counter + i // 4."""
    u64 = xp.uint64
    key, counter = int(key), int(counter)
    blocks = xp.arange(-(-count // 4), dtype=u64) + u64(counter)
    c = [blocks & u64(LOW), blocks >> u64(32), xp.zeros_like(blocks), xp.zeros_like(blocks)]
    k = [key & LOW, key >> 32]
    for _ in range(ROUNDS):
        product0 = c[0] * u64(MULTIPLIERS[0])
        product1 = c[2] * u64(MULTIPLIERS[1])
        c = [
            (product1 >> u64(32)) ^ c[1] ^ u64(k[0]),
            product1 & u64(LOW),
            (product0 >> u64(32)) ^ c[3] ^ u64(k[1]),
            product0 & u64(LOW),
        ]
        k = [(k[i] + KEY_STEPS[i]) & LOW for i in (0, 1)]
    return xp.stack(c, axis=-1).reshape(-1)[:count].astype(xp.uint32)


def _bits_reference(xp: Any, key: Any, counter: Any, shape: Any) -> Any:
    return _words(xp, key, counter, math.prod(shape)).reshape(shape)


def _uniform_reference(xp: Any, key: Any, counter: Any, shape: Any, dtype: Any) -> Any:
    dtype = dtypes.as_dtype(dtype)
    count = math.prod(shape)
    if dtype == dtypes.float64:
        words = _words(xp, key, counter, 2 * count).astype(xp.float64)
        return ((words[0::2] // 32 * 2.0**26 + words[1::2] // 64) * 2.0**-53).reshape(shape)
    bits = {dtypes.float32: 24, dtypes.float16: 11, dtypes.bfloat16: 8}[dtype]
    words = (_words(xp, key, counter, count) >> xp.uint32(32 - bits)).astype(xp.float32)
    return (words * xp.float32(2.0**-bits)).astype(dtype).reshape(shape)


def _normal_reference(xp: Any, key: Any, counter: Any, shape: Any, dtype: Any) -> Any:
    dtype = dtypes.as_dtype(dtype)
    compute = dtypes.accumulator(dtype)
    count = math.prod(shape)
    words = (_words(xp, key, counter, count + count % 2) >> xp.uint32(8)).astype(compute)
    step = compute.type(2.0**-24)
    radius = xp.sqrt(compute.type(-2) * xp.log((words[0::2] + compute.type(1)) * step))
    angle = compute.type(2 * math.pi) * (words[1::2] * step)
    pairs = xp.stack([radius * xp.cos(angle), radius * xp.sin(angle)], axis=-1)
    return pairs.reshape(-1)[:count].reshape(shape).astype(dtype)


def _dropout_reference(xp: Any, key: Any, counter: Any, shape: Any, rate: float, dtype: Any) -> Any:
    dtype = dtypes.as_dtype(dtype)
    kept = _uniform_reference(xp, key, counter, shape, dtypes.float32) >= xp.float32(rate)
    return xp.where(kept, dtype.type(1 / (1 - rate)), dtype.type(0)).astype(dtype)


def _samples(**attrs: Any) -> Any:
    def samples(rng: Any) -> Any:
        state = np.uint64(0x0123456789ABCDEF), np.uint64(5)
        return [(state, {"shape": shape, **attrs}) for shape in ((3, 5), (), (2, 0))]

    return samples


def _float_spec(op_name: str, shape: Any, dtype: Any) -> Spec:
    kind = dtypes.as_dtype(dtype)
    if not dtypes.is_float(kind):
        raise DTypeError(
            f"{op_name}: dtype must be a real floating-point dtype, received {kind.name}"
        )
    return Spec(as_shape(op_name, shape), kind)


RANDOM = "none: random"


@op(reference=_bits_reference, gradient=RANDOM, samples=_samples(), takes_numbers=True)
def random_bits(key, counter, /, *, shape):
    """Uniform random uint32 words.

    Args:
        key: uint64 number that names the stream.
        counter: uint64 number of the first block of four words.
        shape: shape of the result.
    """
    return Spec(as_shape("random_bits", shape), dtypes.uint32)


@op(
    reference=_uniform_reference,
    gradient=RANDOM,
    samples=_samples(dtype="float32"),
    takes_numbers=True,
)
def random_uniform(key, counter, /, *, shape, dtype):
    """Uniform numbers in [0, 1), in steps of 2**-24 (float32) or 2**-53 (float64)."""
    return _float_spec("random_uniform", shape, dtype)


@op(
    reference=_normal_reference,
    gradient=RANDOM,
    samples=_samples(dtype="float32"),
    takes_numbers=True,
)
def random_normal(key, counter, /, *, shape, dtype):
    """Standard normal numbers, by the transform of Box and Muller (1958)."""
    return _float_spec("random_normal", shape, dtype)


@op(
    reference=_dropout_reference,
    gradient=RANDOM,
    samples=_samples(rate=0.4, dtype="float32"),
    takes_numbers=True,
)
def dropout_mask(key, counter, /, *, shape, rate, dtype):
    """Factors for dropout: 0 with probability `rate`, else 1 / (1 - rate)."""
    return _float_spec("dropout_mask", shape, dtype)
