"""Sums and means over neighbouring axes, where the lines that NumPy handles are short.

With the kept axes before and after joined, an input is (A, B, C) and B is summed away.  NumPy
handles one short line at a time; here a whole block of lines is added to C sums, or to many sums at
once. Partial sums of short blocks are added up, so that rounding errors grow as slowly as in NumPy.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from tensorcore.kernels.cpu.jit import REORDER, kernel, split

CHUNK = 4096  # lines whose sum is one piece of work
BLOCK = 64  # lines that are added to one partial sum
ELEMENTS_A_THREAD = 1 << 18


@kernel
def _sum_of_lines(start, stop, x, partial):
    """partial[a, k] = sum over chunk k of the lines x[a, :]; steps are pairs (a, k)."""
    lines, width = x.shape[1], x.shape[2]
    chunks = partial.shape[1]
    block = np.empty(width, x.dtype)
    for step in range(start, stop):
        a, k = divmod(step, chunks)
        result = partial[np.uintp(a), np.uintp(k)]
        for c in range(width):
            result[c] = 0
        end = min((k + 1) * CHUNK, lines)
        for first in range(k * CHUNK, end, BLOCK):
            for c in range(width):
                block[c] = 0
            for b in range(first, min(first + BLOCK, end)):
                line = x[np.uintp(a), np.uintp(b)]
                for c in range(width):
                    block[c] += line[c]
            for c in range(width):
                result[c] += block[c]


@kernel(fastmath=REORDER)
def _sum_of_rows(start, stop, x, result):
    """result[a] = sum of the row x[a]."""
    for a in range(np.uintp(start), np.uintp(stop)):
        row = x[a]
        total = row.dtype.type(0)
        for b in range(row.size):
            total += row[b]
        result[a] = total


def _joined(x: Any, axis: Any) -> tuple[int, int, int] | None:
    """(A, B, C), or None if the axes are not neighbours or a kernel would not be faster."""
    if x.dtype.kind != "f" or not x.flags.c_contiguous:
        return None
    axes = _axes(axis, x.ndim)
    if not axes or axes[-1] - axes[0] + 1 != len(axes):
        return None
    before = math.prod(x.shape[: axes[0]])
    after = math.prod(x.shape[axes[-1] + 1 :])
    lines = x.size // (before * after) if before * after else 0
    # Long lines and long rows are what NumPy does well.
    if lines < 2 or (after == 1 and (lines > 512 or before == 1)) or after > 512:
        return None
    return before, lines, after


def _axes(axis: Any, ndim: int) -> list[int]:
    """The axes in order, counted from 0; none where the reference has to decide or to refuse."""
    given = axis if isinstance(axis, (tuple, list)) else (axis,)
    if not all(type(i) is int and -ndim <= i < ndim for i in given):
        return []
    return sorted(i % ndim for i in given)


def _sum(x: Any, axis: Any, keepdims: bool) -> Any:
    sizes = _joined(x, axis)
    if sizes is None:
        return NotImplemented
    before, lines, after = sizes
    if after == 1:
        result = np.empty(before, x.dtype)
        grain = max(1, ELEMENTS_A_THREAD // lines)
        split(_sum_of_rows, before, grain, x.reshape(before, lines), result)
    else:
        chunks = -(-lines // CHUNK)
        partial = np.empty((before, chunks, after), x.dtype)
        grain = max(1, ELEMENTS_A_THREAD // (min(lines, CHUNK) * after))
        split(_sum_of_lines, before * chunks, grain, x.reshape(sizes), partial)
        result = partial.sum(1) if chunks > 1 else partial
    axes = _axes(axis, x.ndim)
    if keepdims:
        return result.reshape([1 if i in axes else n for i, n in enumerate(x.shape)])
    return result.reshape([n for i, n in enumerate(x.shape) if i not in axes])


def sum(x: Any, *, axis: Any, keepdims: bool, dtype: Any = None, out: Any = None) -> Any:
    """The sum over `axis`."""
    if dtype is not None and dtype != x.dtype:
        return NotImplemented
    return _stored(_sum(x, axis, keepdims), out)


def mean(x: Any, *, axis: Any, keepdims: bool, out: Any = None) -> Any:
    """The mean over `axis`."""
    total = _sum(x, axis, keepdims)
    if total is NotImplemented:
        return total
    total /= x.dtype.type(x.size // total.size)
    return _stored(total, out)


def _stored(result: Any, out: Any) -> Any:
    if out is None or result is NotImplemented:
        return result
    out[...] = result
    return out
