"""Sums and means over neighbouring axes, where the lines that NumPy handles are short.

With the kept axes before and after joined, an input is (A, B, C) and B is summed away.  NumPy
handles one short line at a time; here a whole block of lines is added to C sums, or to many sums at
once. Partial sums of short blocks are added up, so that rounding errors grow as slowly as in NumPy.

What is left to NumPy can be made a piece of work, too: `pieces` follows NumPy's order, so that a
sum has the same bits whoever computes it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from tensorcore.kernels.cpu import SUMS_FROM_SIZE, pairwise
from tensorcore.kernels.cpu.jit import SEPARATE, kernel, split
from tensorcore.kernels.cpu.pairwise import sum_in_any_order
from tensorcore.kernels.cpu.piece import Piece

CHUNK = 4096  # lines whose sum is one piece of work
BLOCK = 64  # lines that are added to one partial sum
ELEMENTS_A_THREAD = 1 << 18
ELEMENTS_A_PIECE = 1 << 15  # for a thread that waits for work
# Columns whose sums one step computes in NumPy's order: so many that lines are read in long pieces,
# so few that there are some steps for other threads.
FEWEST_COLUMNS, MOST_COLUMNS = 16, 256


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


@kernel
def _mean_of_rows(start, stop, x, result, divisor):
    """result[a] = sum of the row x[a] / divisor."""
    for a in range(np.uintp(start), np.uintp(stop)):
        row = x[a]
        result[a] = sum_in_any_order(row, 0, row.size) / row.dtype.type(divisor)


# In NumPy's order ---------------------------------------------------------------------------------


@kernel(fastmath=SEPARATE)
def _lines_in_order(start, stop, x, result, divisor, columns):
    """result[c] = sum of the column x[:, c] / divisor, for so many columns a step."""
    lines, width = x.shape
    block = np.empty(columns, x.dtype)
    for step in range(start, stop):
        begin = step * columns
        end = min(begin + columns, width)
        for c in range(end - begin):
            block[c] = 0
        b = 0
        while b + 4 <= lines:
            one, two = x[np.uintp(b), begin:end], x[np.uintp(b + 1), begin:end]
            three, four = x[np.uintp(b + 2), begin:end], x[np.uintp(b + 3), begin:end]
            for c in range(end - begin):
                block[c] = (((block[c] + one[c]) + two[c]) + three[c]) + four[c]
            b += 4
        while b < lines:
            one = x[np.uintp(b), begin:end]
            for c in range(end - begin):
                block[c] += one[c]
            b += 1
        for c in range(end - begin):
            result[begin + c] = block[c] / x.dtype.type(divisor)


def pieces(x: Any, axes: list[int], out: Any, divisor: int) -> list[Piece] | None:
    """The work that sums contiguous x over neighbouring axes, and divides, into `out`.

    None where the axes kept are on both sides.
    """
    before = math.prod(x.shape[: axes[0]])
    after = math.prod(x.shape[axes[-1] + 1 :])
    lines = x.size // (before * after)
    own = is_own(before, lines, after)
    result = out.reshape(-1)
    if after == 1:
        if not own:
            return pairwise.pieces(x.reshape(-1), before, divisor, result, ELEMENTS_A_PIECE)
        grain = max(1, ELEMENTS_A_PIECE // lines)
        return [Piece(_mean_of_rows, before, grain, (x.reshape(before, lines), result, divisor))]
    if before != 1:
        return None
    first = []
    partial = x.reshape(lines, after)
    if own:
        chunks = -(-lines // CHUNK)
        sums = np.empty((1, chunks, after), x.dtype)
        grain = max(1, ELEMENTS_A_PIECE // (min(lines, CHUNK) * after))
        first = [Piece(_sum_of_lines, chunks, grain, (x.reshape(1, lines, after), sums))]
        partial = sums[0]
    return [*first, sum_of_lines(partial, result, divisor)]


def sum_of_lines(x: Any, result: Any, divisor: int) -> Piece:
    """The work that sums x (lines, width) line by line, and divides."""
    columns = columns_a_step(x.shape[1])
    grain = max(1, ELEMENTS_A_PIECE // (columns * len(x)))
    return Piece(_lines_in_order, -(-x.shape[1] // columns), grain, (x, result, divisor, columns))


def columns_a_step(width: int) -> int:
    """How many columns one step sums line by line."""
    return min(max(width // 4 // 16 * 16, FEWEST_COLUMNS), MOST_COLUMNS)


# What Python calls --------------------------------------------------------------------------------


def _pays(before: int, lines: int, after: int) -> bool:
    """Whether our kernels sum faster: long lines and long rows are what NumPy does well."""
    return lines >= 2 and after <= 512 and (after > 1 or (lines <= 512 and before > 1))


def is_own(before: int, lines: int, after: int) -> bool:
    """Whether (before, lines, after) elements are summed in an order of our own, not NumPy's."""
    return before * lines * after >= SUMS_FROM_SIZE and _pays(before, lines, after)


def lines_a_sum(before: int, lines: int, after: int) -> int:
    """How many of the lines of (before, lines, after) elements are added to one partial sum."""
    return BLOCK if is_own(before, lines, after) else lines


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
    return (before, lines, after) if _pays(before, lines, after) else None


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
        split(_mean_of_rows, before, grain, x.reshape(before, lines), result, 1)
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


def sum_to(x: Any, *, shape: Any, out: Any = None) -> Any:
    """The sum over the axes that broadcasting from `shape` has added or stretched."""
    lead = x.ndim - len(shape)
    stretched = [lead + i for i, n in enumerate(shape) if n == 1 and x.shape[lead + i] != 1]
    total = _sum(x, (*range(lead), *stretched), True)
    return _stored(total if total is NotImplemented else total.reshape(shape), out)


def _stored(result: Any, out: Any) -> Any:
    if out is None or result is NotImplemented:
        return result
    out[...] = result
    return out
