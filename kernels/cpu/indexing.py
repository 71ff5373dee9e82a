"""Rows chosen by number: their mean, and adding to them, the gradient of an embedding.

Padded text ends in long runs of one number, which cost one multiplication each.  (A plain look-up
is left to numpy.take, which is fast as it is.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorcore.kernels.cpu.jit import kernel, split
from tensorcore.kernels.cpu.row_lists import RowLists
from tensorcore.kernels.cpu.row_sums import sum_row

BYTES_FOR_THREADS = 1 << 21
LOOKUPS_A_THREAD = 1 << 15
NARROW = 8  # columns from which sorting the look-ups of a row is faster than adding each
FEW = 8  # rows to a look-up, from which it is not


@kernel
def _take_mean(start, stop, x, indices, result):
    """result[n] = mean over l of x[indices[n, l]]; a run at an end of the line is one product."""
    length = indices.shape[1]
    width = x.shape[1]
    table, numbers, means = x.reshape(x.size), indices.reshape(indices.size), result
    flat = means.reshape(means.size)
    divisor = x.dtype.type(length)
    for n in range(start, stop):
        line = indices[n]
        begin, end = 1, length
        while begin < length and line[begin] == line[0]:
            begin += 1
        while end > begin and line[end - 1] == line[length - 1]:
            end -= 1
        sum_row(table, width, numbers, n * length + begin, n * length + end, flat, n * width)
        total = means[n]
        head, tail = x[np.uintp(line[0])], x[np.uintp(line[length - 1])]
        before, after = x.dtype.type(begin), x.dtype.type(length - end)
        for i in range(np.uintp(width)):
            total[i] += before * head[i]
        if end < length:
            for i in range(np.uintp(width)):
                total[i] += after * tail[i]
        for i in range(np.uintp(width)):
            total[i] /= divisor


def take_mean(x: Any, indices: Any, *, keepdims: bool, out: Any = None) -> Any:
    """The mean over l of the rows x[indices[n, l]] of a matrix; keepdims keeps the axis of l."""
    rows, length = indices.shape
    width = x.shape[1]
    if out is None or not out.flags.c_contiguous or length == 0:
        return NotImplemented
    grain = max(1, LOOKUPS_A_THREAD // length)
    split(_take_mean, rows, grain, x, indices, out.reshape(rows, width))
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
