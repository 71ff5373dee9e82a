"""Random numbers from a key and a counter: equal inputs give equal numbers on every device.

Key and counter are uint64, as NumPy scalars or as 0-d arrays of the device; the latter are read
when the kernel runs, so a captured graph can be replayed with another counter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cupy
import numpy as np
from tensorcore.kernels.cuda.modules import FLOATS, Text, blocks_for

_bits = Text("random_bits.cu", ["random_bits"], [("uint32",)])
_floats = Text(
    "random_floats.cu",
    ["random_uniform", "random_normal", "dropout_mask"],
    [(name,) for name in FLOATS],
)


def random_bits(key: Any, counter: Any, *, shape: Sequence[int], out: Any = None) -> Any:
    """Uniform uint32 words: element i is word i % 4 of Philox block counter + i // 4."""
    return _fill(_bits.kernel("random_bits", "uint32"), key, counter, shape, np.uint32, out)


def random_uniform(
    key: Any, counter: Any, *, shape: Sequence[int], dtype: Any, out: Any = None
) -> Any:
    """Uniform numbers in [0, 1); float64 takes two words an element, the others one."""
    kernel = _floats.kernel("random_uniform", np.dtype(dtype).name)
    per_block = 2 if np.dtype(dtype).itemsize == 8 else 4
    return _fill(kernel, key, counter, shape, dtype, out, per_block=per_block)


def random_normal(
    key: Any, counter: Any, *, shape: Sequence[int], dtype: Any, out: Any = None
) -> Any:
    """Standard normal numbers by Box and Muller: r cos a and r sin a from each two words."""
    kernel = _floats.kernel("random_normal", np.dtype(dtype).name)
    return _fill(kernel, key, counter, shape, dtype, out)


def dropout_mask(
    key: Any, counter: Any, *, shape: Sequence[int], rate: float, dtype: Any, out: Any = None
) -> Any:
    """0 where the uniform float32 number of the element is below `rate`, else 1 / (1 - rate)."""
    kernel = _floats.kernel("dropout_mask", np.dtype(dtype).name)
    # Rounded to the dtype here, where it happens once.
    scale = float(np.dtype(dtype).type(1.0 / (1.0 - rate))) if rate < 1.0 else 0.0
    return _fill(kernel, key, counter, shape, dtype, out, rate, scale)


def _fill(
    kernel: Any,
    key: Any,
    counter: Any,
    shape: Sequence[int],
    dtype: Any,
    out: Any,
    *attributes: float,
    per_block: int = 4,
) -> Any:
    """Run a kernel that writes a flat stream, one thread for each `per_block` elements."""
    y = out if out is not None and out.flags.c_contiguous else cupy.empty(tuple(shape), dtype)
    size = math.prod(shape)
    if size:
        key_at, key = (key, 0) if isinstance(key, cupy.ndarray) else (None, key)
        counter_at, counter = (counter, 0) if isinstance(counter, cupy.ndarray) else (None, counter)
        grid = blocks_for(-(-size // per_block))
        kernel(grid, (256, 1, 1), key_at, counter_at, key, counter, *attributes, y, size)
    if out is None or y is out:
        return y
    out[...] = y
    return out
