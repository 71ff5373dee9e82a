"""Rows chosen by number: their mean, and adding to them, the gradient of an embedding.

Padded text ends in long runs of one number, which cost one multiplication each.  (A plain look-up
is left to numpy.take, which is fast as it is.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorcore.kernels.cpu import reductions
from tensorcore.kernels.cpu.jit import SEPARATE, kernel, split
from tensorcore.kernels.cpu.piece import Piece
from tensorcore.kernels.cpu.row_lists import RowLists
from tensorcore.kernels.cpu.row_sums import WAYS, add_four

BYTES_FOR_THREADS = 1 << 21
LOOKUPS_A_THREAD = 1 << 13
NARROW = 8  # columns from which sorting the look-ups of a row is faster than adding each
FEW = 8  # rows to a look-up, from which it is not


@kernel(fastmath=SEPARATE)
def _take_mean(start, stop, x, indices, block, divisor, result):
    """result[n] = sum over l of x[indices[n, l]] / divisor, in the order of `reductions`.

    Sums of `block` rows are added up.  A step is four lines n.
    """
    lines, length = indices.shape
    width = x.shape[1]
    table, numbers, flat = (
        x.reshape(x.size),
        indices.reshape(indices.size),
        result.reshape(result.size),
    )
    for step in range(start, stop):
        first = step * WAYS
        last = min(first + WAYS, lines) - 1
        # Where there are fewer than four the last is computed several times.
        a, b, c, d = first, min(first + 1, last), min(first + 2, last), last
        for n in range(first, last + 1):
            total = result[n]
            for i in range(np.uintp(width)):
                total[i] = 0
        starts = (a * width, b * width, c * width, d * width)
        for begin in range(0, length, block):
            firsts = (
                a * length + begin,
                b * length + begin,
                c * length + begin,
                d * length + begin,
            )
            add_four(table, width, numbers, firsts, min(block, length - begin), flat, starts)
        for n in range(first, last + 1):
            total = result[n]
            for i in range(np.uintp(width)):
                total[i] /= divisor


def pooled(x: Any, indices: Any, out: Any, divisor: int) -> Piece | None:
    """The work that sums the rows x[indices[n, l]] over l and divides; None if it is not covered.

    The sums have the bits of a look-up followed by `reductions`, but where those sum lines of more
    than CHUNK rows, or rows of one column.
    """
    rows, length = indices.shape
    width = x.shape[1]
    arrays = (x, indices, out)
    if x.dtype.char not in "fd" or not all(a.flags.c_contiguous and a.size for a in arrays):
        return None
    block = reductions.lines_a_sum(rows, length, width)
    args = (x, indices, block, x.dtype.type(divisor), out.reshape(rows, width))
    return Piece(_take_mean, -(-rows // WAYS), max(1, LOOKUPS_A_THREAD // (WAYS * length)), args)


def take_mean(x: Any, indices: Any, *, keepdims: bool, out: Any = None) -> Any:
    """The mean over l of the rows x[indices[n, l]] of a matrix; keepdims keeps the axis of l."""
    return _pooled(x, indices, out, indices.shape[1])


def take_sum(x: Any, indices: Any, *, keepdims: bool, out: Any = None) -> Any:
    """The sum over l of the rows x[indices[n, l]] of a matrix; keepdims keeps the axis of l."""
    return _pooled(x, indices, out, 1)


def _pooled(x: Any, indices: Any, out: Any, divisor: int) -> Any:
    piece = None if out is None else pooled(x, indices, out, divisor)
    if piece is None:
        return NotImplemented
    piece()
    return out


@kernel
def _add_rows(start, stop, indices, updates, result):
    # Columns are divided among the threads: the order of the additions to an element never changes.
    rows = indices.size
    width = stop - start
    total = np.zeros(width, result.dtype)
    n = 0
    while n < rows:
        index = indices[n]
        end = n + 1
        while end < rows and indices[end] == index:
            end += 1
        target = result[np.uintp(index), start:stop]
        if end - n < 4:
            for k in range(n, end):
                update = updates[np.uintp(k), start:stop]
                for i in range(width):
                    target[i] += update[i]
        else:
            # A run of equal indices, as in padded text: its sum stays in fast memory.
            for i in range(width):
                total[i] = 0
            for k in range(n, end):
                update = updates[np.uintp(k), start:stop]
                for i in range(width):
                    total[i] += update[i]
            for i in range(width):
                target[i] += total[i]
        n = end


def scatter_add(x: Any, indices: Any, updates: Any, *, axis: int, out: Any = None) -> Any:
    """A copy of x, with the slices of `updates` added where `indices` say, in their order."""
    if axis % max(x.ndim, 1) != 0 or x.ndim == 0:
        return NotImplemented
    if out is None or not out.flags.c_contiguous or np.may_share_memory(out, updates):
        result = np.array(x, order="C")
    else:
        result = out
        if result is not x:
            np.copyto(result, x)
    if updates.size:
        target = result.reshape(x.shape[0], -1)
        width = target.shape[1]
        if pays_to_sort(indices, updates, len(target), width):
            lists = RowLists(indices, updates.reshape(*indices.shape, width), len(target))
            for piece in (*lists.pieces, lists.add_to(target)):
                piece()
            return _stored(result, out)
        numbers = indices.ravel()
        arrays = (numbers, updates.ravel().reshape(numbers.size, -1), target)
        if updates.nbytes < BYTES_FOR_THREADS:
            _add_rows(0, width, *arrays)
        else:
            split(_add_rows, width, 16, *arrays)
    return _stored(result, out)


def pays_to_sort(indices: Any, updates: Any, rows: int, width: int) -> bool:
    """Whether lists of the look-ups of each row are faster than adding one after the other."""
    if not RowLists.cover(indices, updates) or updates.ndim != indices.ndim + 1:
        return False
    return width >= NARROW and indices.size * FEW >= rows


def _stored(result: Any, out: Any) -> Any:
    if out is None or result is out:
        return result
    out[...] = result
    return out
