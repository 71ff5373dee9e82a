"""Random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers", SC 2011).

A block is four 32-bit words, computed from a 128-bit counter and a 64-bit key alone.  Element i of
a stream is word i % 4 of block `counter + i // 4`, so every part of a stream can be computed by
itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorcore.kernels.cpu.float32_functions import cos_sin_of_turns, log_of_normal
from tensorcore.kernels.cpu.intrinsics import float_sqrt, select
from tensorcore.kernels.cpu.jit import inline, kernel, split

# Everything is in 64 bits: numba makes the product of two uint32 a uint64 anyway, and so says it
# openly.
U = np.uint64
LOW = U(0xFFFFFFFF)
WORD = U(32)
MULTIPLIER_0 = U(0xD2511F53)
MULTIPLIER_1 = U(0xCD9E8D57)
WEYL_0 = U(0x9E3779B9)
WEYL_1 = U(0xBB67AE85)

BLOCKS_A_THREAD = 1 << 15


@inline
def philox(block, key_0, key_1):
    """The four words of a block, each in the low half of a uint64."""
    x0 = block & LOW
    x1 = block >> WORD
    x2 = U(0)
    x3 = U(0)
    for _ in range(10):
        product_0 = MULTIPLIER_0 * x0
        product_1 = MULTIPLIER_1 * x2
        x0 = (product_1 >> WORD) ^ x1 ^ key_0
        x1 = product_1 & LOW
        x2 = (product_0 >> WORD) ^ x3 ^ key_1
        x3 = product_0 & LOW
        key_0 = (key_0 + WEYL_0) & LOW
        key_1 = (key_1 + WEYL_1) & LOW
    return x0, x1, x2, x3


@inline
def uniform(word):
    """A float32 in [0, 1) from the upper 24 bits of a word."""
    return np.float32(np.int32(word >> U(8))) * np.float32(2.0**-24)


# Each kernel writes whole blocks; `_whole_blocks` gives them an array that is long enough.


@kernel
def _bits(start, stop, key, counter, out):
    for i in range(np.uintp(start), np.uintp(stop)):
        a, b, c, d = philox(counter + i, key & LOW, key >> WORD)
        out[U(4) * i] = a
        out[U(4) * i + U(1)] = b
        out[U(4) * i + U(2)] = c
        out[U(4) * i + U(3)] = d


@kernel
def _uniform32(start, stop, key, counter, out):
    for i in range(np.uintp(start), np.uintp(stop)):
        a, b, c, d = philox(counter + i, key & LOW, key >> WORD)
        out[U(4) * i] = uniform(a)
        out[U(4) * i + U(1)] = uniform(b)
        out[U(4) * i + U(2)] = uniform(c)
        out[U(4) * i + U(3)] = uniform(d)


@kernel
def _uniform64(start, stop, key, counter, out):
    for i in range(np.uintp(start), np.uintp(stop)):
        a, b, c, d = philox(counter + i, key & LOW, key >> WORD)
        out[U(2) * i] = np.float64(np.int64((a >> U(5)) * U(1 << 26) + (b >> U(6)))) * 2.0**-53
        out[U(2) * i + U(1)] = (
            np.float64(np.int64((c >> U(5)) * U(1 << 26) + (d >> U(6)))) * 2.0**-53
        )


@inline
def normal_pair(first, second):
    """Two normal float32 numbers from two words (Box and Muller 1958)."""
    u = np.float32(np.int32((first >> U(8)) + U(1))) * np.float32(2.0**-24)  # never 0
    r = float_sqrt(np.float32(-2.0) * log_of_normal(u))
    x, y = cos_sin_of_turns(uniform(second))
    return r * x, r * y


@kernel
def _normal32(start, stop, key, counter, out):
    for i in range(np.uintp(start), np.uintp(stop)):
        a, b, c, d = philox(counter + i, key & LOW, key >> WORD)
        x, y = normal_pair(a, b)
        out[U(4) * i] = x
        out[U(4) * i + U(1)] = y
        x, y = normal_pair(c, d)
        out[U(4) * i + U(2)] = x
        out[U(4) * i + U(3)] = y


@inline
def normal_pair_64(first, second):
    """As `normal_pair`, computed in float64 from the same two words."""
    u = np.float64(np.int64((first >> U(8)) + U(1))) * 2.0**-24
    r = np.sqrt(-2.0 * np.log(u))
    angle = np.float64(np.int64(second >> U(8))) * 2.0**-24 * (2.0 * np.pi)
    return r * np.cos(angle), r * np.sin(angle)


@kernel
def _normal64(start, stop, key, counter, out):
    for i in range(np.uintp(start), np.uintp(stop)):
        a, b, c, d = philox(counter + i, key & LOW, key >> WORD)
        x, y = normal_pair_64(a, b)
        out[U(4) * i] = x
        out[U(4) * i + U(1)] = y
        x, y = normal_pair_64(c, d)
        out[U(4) * i + U(2)] = x
        out[U(4) * i + U(3)] = y


@kernel
def _dropout(start, stop, key, counter, out, limit, kept):
    # uniform(word) < rate, as whole numbers: word >> 8 < limit.
    zero = kept - kept
    for i in range(np.uintp(start), np.uintp(stop)):
        a, b, c, d = philox(counter + i, key & LOW, key >> WORD)
        out[U(4) * i] = select((a >> U(8)) < limit, zero, kept)
        out[U(4) * i + U(1)] = select((b >> U(8)) < limit, zero, kept)
        out[U(4) * i + U(2)] = select((c >> U(8)) < limit, zero, kept)
        out[U(4) * i + U(3)] = select((d >> U(8)) < limit, zero, kept)


def _fill(
    loop: Any,
    key: Any,
    counter: Any,
    shape: tuple[int, ...],
    dtype: Any,
    out: Any,
    per_block: int = 4,
    args: tuple[Any, ...] = (),
) -> np.ndarray:
    """Run a kernel that writes `per_block` elements a block, into `out` where that fits."""
    size = 1
    for length in shape:
        size *= length
    blocks = -(-size // per_block)
    fits = blocks * per_block == size
    if fits and (out is None or (out.flags.c_contiguous and out.dtype == dtype)):
        target = np.empty(shape, dtype) if out is None else out
        flat = target.reshape(-1)
    else:
        target = None
        flat = np.empty(blocks * per_block, dtype)
    key = U(key)
    counter = U(counter)
    if blocks < 2 * BLOCKS_A_THREAD:
        loop(0, blocks, key, counter, flat, *args)
    else:
        split(loop, blocks, BLOCKS_A_THREAD, key, counter, flat, *args)
    if target is not None:
        return target
    values = flat[:size].reshape(shape)
    if out is None:
        return values
    out[...] = values
    return out


def random_bits(key: Any, counter: Any, *, shape: tuple[int, ...], out: Any = None) -> np.ndarray:
    """The words of a stream, as uint32."""
    return _fill(_bits, key, counter, shape, np.uint32, out)


def random_uniform(
    key: Any, counter: Any, *, shape: tuple[int, ...], dtype: Any, out: Any = None
) -> np.ndarray:
    """Numbers in [0, 1): multiples of 2^-24, or of 2^-53 for float64, from two words each.

    The 16-bit types take as many bits as they have digits: rounding could give 1.
    """
    dtype = np.dtype(dtype)
    if dtype == np.float32:
        return _fill(_uniform32, key, counter, shape, dtype, out)
    if dtype == np.float64:
        return _fill(_uniform64, key, counter, shape, dtype, out, per_block=2)
    digits = 11 if dtype == np.float16 else 8
    words = _fill(_bits, key, counter, shape, np.uint32, None)
    values = ((words >> np.uint32(32 - digits)) * np.float32(2.0**-digits)).astype(dtype)
    return _stored(values, out)


def random_normal(
    key: Any, counter: Any, *, shape: tuple[int, ...], dtype: Any, out: Any = None
) -> np.ndarray:
    """Normally distributed numbers; elements 2j and 2j + 1 come from the same two words."""
    dtype = np.dtype(dtype)
    if dtype == np.float32:
        return _fill(_normal32, key, counter, shape, dtype, out)
    if dtype == np.float64:
        return _fill(_normal64, key, counter, shape, dtype, out)
    return _stored(_fill(_normal32, key, counter, shape, np.float32, None).astype(dtype), out)


def dropout_mask(
    key: Any, counter: Any, *, shape: tuple[int, ...], rate: float, dtype: Any, out: Any = None
) -> np.ndarray:
    """0 where the uniform float32 of that place is below `rate`, else 1 / (1 - rate)."""
    dtype = np.dtype(dtype)
    limit, kept = dropout_numbers(rate, dtype)
    if dtype == np.float32 or dtype == np.float64:
        return _fill(_dropout, key, counter, shape, dtype, out, args=(limit, kept))
    mask = _fill(_dropout, key, counter, shape, np.float32, None, args=(limit, np.float32(1)))
    return _stored(mask.astype(dtype) * kept, out)


def dropout_numbers(rate: float, dtype: np.dtype) -> tuple[Any, Any]:
    """Which words, shifted right by 8, are below the rate, and the value of what is kept."""
    # float32(rate) <= k 2^-24 is the same as rate 2^24 <= k, rounded up.
    limit = U(int(np.ceil(np.float64(np.float32(rate)) * 2.0**24)))
    return limit, dtype.type(1.0 / (1.0 - rate) if rate < 1 else 0.0)


def _stored(values: np.ndarray, out: Any) -> np.ndarray:
    if out is None:
        return values
    out[...] = values
    return out
