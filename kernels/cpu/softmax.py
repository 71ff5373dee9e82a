"""Softmax and its logarithm over one axis, with their gradients.

The last axis is worked on in rows; another axis is moved there by a copy.  A row's maximum is
subtracted first, so that no exponential overflows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tensorcore.kernels.cpu.jit import REORDER, inline, kernel, split
from tensorcore.kernels.cpu.rows import exp, log, row_max, row_sum_of_exp

ELEMENTS_A_THREAD = 1 << 17
ELEMENTS_OF_A_ROW = 40  # that take as long as what is done once for each row


@kernel
def _softmax(start, stop, x, y):
    for n in range(np.uintp(start), np.uintp(stop)):
        row, result = x[n], y[n]
        largest = row_max(row)
        total = row_sum_of_exp(row, largest, result)
        scale = row.dtype.type(1) / total
        for i in range(row.size):
            result[i] *= scale


@kernel
def _log_softmax(start, stop, x, y):
    for n in range(np.uintp(start), np.uintp(stop)):
        row, result = x[n], y[n]
        largest = row_max(row)
        shift = log(row_sum_of_exp(row, largest, result))
        for i in range(row.size):
            result[i] = (row[i] - largest) - shift


@inline(fastmath=REORDER)
def _dot(a, b):
    total = a.dtype.type(0)
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@inline(fastmath=REORDER)
def _sum(a):
    total = a.dtype.type(0)
    for i in range(a.size):
        total += a[i]
    return total


@kernel
def _softmax_gradient(start, stop, g, y, result):
    for n in range(np.uintp(start), np.uintp(stop)):
        arriving, row, out = g[n], y[n], result[n]
        mean = _dot(arriving, row)
        for i in range(row.size):
            out[i] = row[i] * (arriving[i] - mean)


@kernel
def _log_softmax_gradient(start, stop, g, y, result):
    for n in range(np.uintp(start), np.uintp(stop)):
        arriving, row, out = g[n], y[n], result[n]
        total = _sum(arriving)
        for i in range(row.size):
            out[i] = arriving[i] - exp(row[i]) * total


def _on_rows(loop: Callable[..., None], arrays: tuple[Any, ...], axis: int, out: Any) -> Any:
    """Run `loop(start, stop, *arrays, result)` with `axis` last and all others in one."""
    first = arrays[0]
    if first.ndim == 0:
        return NotImplemented
    length = first.shape[axis]
    if axis != -1 and axis != first.ndim - 1:
        moved = tuple(np.moveaxis(array, axis, -1) for array in arrays)
        result = np.moveaxis(_on_rows(loop, moved, -1, None), -1, axis)
        return _stored(result, out)
    direct = out is not None and out.flags.c_contiguous
    result = out if direct else np.empty(first.shape, first.dtype)
    if result.size == 0:
        return _stored(result, out)
    # ravel gives contiguous memory where a reshape alone may not
    rows = [array.ravel().reshape(-1, length) for array in arrays]
    count = result.size // length
    grain = max(1, ELEMENTS_A_THREAD // length)
    if count < 2 * grain:
        loop(0, count, *rows, result.reshape(-1, length))
    else:
        split(loop, count, grain, *rows, result.reshape(-1, length))
    return _stored(result, out)


def _stored(result: np.ndarray, out: Any) -> np.ndarray:
    if out is None or out is result:
        return result
    out[...] = result
    return out


def softmax(x: Any, *, axis: int = -1, out: Any = None) -> Any:
    """e^x / sum(e^x) along `axis`."""
    return _on_rows(_softmax, (x,), axis, out)


def log_softmax(x: Any, *, axis: int = -1, out: Any = None) -> Any:
    """x - log(sum(e^x)) along `axis`."""
    return _on_rows(_log_softmax, (x,), axis, out)


def softmax_gradient(g: Any, y: Any, *, axis: int, out: Any = None) -> Any:
    """y (g - sum(g y)), with y the softmax."""
    return _on_rows(_softmax_gradient, (g, y), axis, out)


def log_softmax_gradient(g: Any, y: Any, *, axis: int, out: Any = None) -> Any:
    """g - e^y sum(g), with y the logarithm of the softmax."""
    return _on_rows(_log_softmax_gradient, (g, y), axis, out)
