"""Rows chosen by number: their mean, and adding to them, the gradient of an embedding.

Padded text ends in long runs of one number, which cost one multiplication each.  (A plain look-up
is left to numpy.take, which is fast as it is.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorcore.kernels.cpu.jit import kernel, split

BYTES_FOR_THREADS = 1 << 21
LOOKUPS_A_THREAD = 1 << 15
WIDEST = 512  # columns of a table whose sums fit into fast memory


@kernel
def _take_mean(start, stop, x, indices, result):
    """result[n] = mean over l of x[indices[n, l]]"""
    length = indices.shape[1]
    width = x.shape[1]
    total = np.empty(width, x.dtype)
    scale = x.dtype.type(1) / x.dtype.type(length)
    for n in range(np.uintp(start), np.uintp(stop)):
        chosen = indices[n]
        for i in range(width):
            total[i] = 0
        position = np.uintp(0)
        while position < length:
            index = chosen[position]
            end = position + np.uintp(1)
            if end < length and chosen[end] == index:
                while end < length and chosen[end] == index:
                    end += np.uintp(1)
                row = x[np.uintp(index)]
                times = x.dtype.type(end - position)
                for i in range(width):
                    total[i] += times * row[i]
                position = end
            elif position + np.uintp(4) <= length:
                # Four rows at once: the sums are read and written a quarter as often.
                a = x[np.uintp(index)]
                b = x[np.uintp(chosen[position + np.uintp(1)])]
                c = x[np.uintp(chosen[position + np.uintp(2)])]
                d = x[np.uintp(chosen[position + np.uintp(3)])]
                for i in range(width):
                    total[i] += (a[i] + b[i]) + (c[i] + d[i])
                position += np.uintp(4)
            else:
                row = x[np.uintp(index)]
                for i in range(width):
                    total[i] += row[i]
                position = end
        mean = result[n]
        for i in range(width):
            mean[i] = total[i] * scale


def take_mean(x: Any, indices: Any, *, keepdims: bool, out: Any = None) -> Any:
    """The mean over l of the rows x[indices[n, l]] of a matrix; keepdims keeps the axis of l."""
    rows, length = indices.shape
    width = x.shape[1]
    if out is None or not out.flags.c_contiguous or width > WIDEST or length == 0:
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


@kernel
def _add_lines(start, stop, indices, lines, result):
    """result[indices[n, l]] += lines[n] for all l, in the rows of the result from start to stop.

    Threads divide the rows of the result: the order of the additions to one never changes.
    """
    rows, length = indices.shape
    width = lines.shape[1]
    for n in range(np.uintp(rows)):
        line = lines[n]
        chosen = indices[n]
        position = np.uintp(0)
        while position < length:
            index = chosen[position]
            end = position + np.uintp(1)
            while end < length and chosen[end] == index:
                end += np.uintp(1)
            if start <= index < stop:
                target = result[np.uintp(index)]
                if end == position + np.uintp(1):
                    for i in range(width):
                        target[i] += line[i]
                else:
                    times = result.dtype.type(end - position)
                    for i in range(width):
                        target[i] += times * line[i]
            position = end


def _is_one_line_a_row(indices: Any, updates: Any) -> bool:
    """Whether all updates of a row of indices are the same, as in the gradient of a mean."""
    return indices.ndim == 2 and updates.strides[1] == 0 and indices.shape[1] > 1


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
        if _is_one_line_a_row(indices, updates):
            lines = updates[:, 0].reshape(len(indices), width)
            _add_lines(0, len(target), indices, lines, target)
            return _stored(result, out)
        numbers = indices.ravel()
        arrays = (numbers, updates.ravel().reshape(numbers.size, -1), target)
        if updates.nbytes < BYTES_FOR_THREADS:
            _add_rows(0, width, *arrays)
        else:
            split(_add_rows, width, 16, *arrays)
    return _stored(result, out)


def _stored(result: Any, out: Any) -> Any:
    if out is None or result is out:
        return result
    out[...] = result
    return out
