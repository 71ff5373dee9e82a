"""Cross-entropy of logits, in one pass over each row, with its gradient.

loss = log(sum(e^x)) - x[label]            for integer labels
loss = sum(t) log(sum(e^x)) - sum(t x)     for targets t that are probabilities
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorcore.kernels.cpu.jit import REORDER, inline, kernel, split
from tensorcore.kernels.cpu.rows import exp, log, row_max, row_sum_of_exp

ELEMENTS_A_THREAD = 1 << 17


@inline(fastmath=REORDER)
def _sum_of_exp(row, largest):
    total = row.dtype.type(0)
    for i in range(row.size):
        total += exp(row[i] - largest)
    return total


@inline(fastmath=REORDER)
def _sum(row):
    total = row.dtype.type(0)
    for i in range(row.size):
        total += row[i]
    return total


@kernel
def _sparse_loss(start, stop, logits, labels, loss):
    for n in range(np.uintp(start), np.uintp(stop)):
        row = logits[n]
        largest = row_max(row)
        loss[n] = log(_sum_of_exp(row, largest)) - (row[np.uintp(labels[n])] - largest)


@kernel
def _sparse_gradient(start, stop, g, logits, labels, result):
    for n in range(np.uintp(start), np.uintp(stop)):
        row, out = logits[n], result[n]
        total = row_sum_of_exp(row, row_max(row), out)
        scale = g[n] / total
        for i in range(row.size):
            out[i] *= scale
        out[np.uintp(labels[n])] -= g[n]


@inline(fastmath=REORDER)
def _loss_of_row(row, targets, largest, shift):
    loss = row.dtype.type(0)
    for i in range(row.size):
        loss -= targets[i] * ((row[i] - largest) - shift)
    return loss


@kernel
def _loss(start, stop, logits, targets, loss):
    for n in range(np.uintp(start), np.uintp(stop)):
        row = logits[n]
        largest = row_max(row)
        loss[n] = _loss_of_row(row, targets[n], largest, log(_sum_of_exp(row, largest)))


@kernel
def _gradient(start, stop, g, logits, targets, result):
    for n in range(np.uintp(start), np.uintp(stop)):
        row, target, out = logits[n], targets[n], result[n]
        total = row_sum_of_exp(row, row_max(row), out)
        scale = _sum(target) / total
        for i in range(row.size):
            out[i] = g[n] * (out[i] * scale - target[i])


def _run(loop: Any, arrays: tuple[Any, ...], logits: Any, shape: tuple[int, ...], out: Any) -> Any:
    """Run `loop(start, stop, *arrays, result)` on arrays of rows and of one number a row."""
    classes = logits.shape[-1] if logits.ndim else 0
    if classes == 0:
        return NotImplemented
    direct = out is not None and out.flags.c_contiguous
    result = out if direct else np.empty(shape, logits.dtype)
    count = logits.size // classes
    flat = []
    for array in (*arrays, result):
        values = array.ravel()
        flat.append(values.reshape(count, classes) if array.ndim == logits.ndim else values)
    grain = max(1, ELEMENTS_A_THREAD // classes)
    if count < 2 * grain:
        loop(0, count, *flat)
    else:
        split(loop, count, grain, *flat)
    if out is None or direct:
        return result
    out[...] = result
    return out


def sparse_softmax_cross_entropy(logits: Any, labels: Any, *, out: Any = None) -> Any:
    """The loss (...) of logits (..., C) and integer labels (...)."""
    return _run(_sparse_loss, (logits, labels), logits, logits.shape[:-1], out)


def sparse_softmax_cross_entropy_gradient(
    g: Any, logits: Any, labels: Any, *, out: Any = None
) -> Any:
    """g (softmax(x) - [i = label]), as large as the logits."""
    return _run(_sparse_gradient, (g, logits, labels), logits, logits.shape, out)


def softmax_cross_entropy(logits: Any, targets: Any, *, out: Any = None) -> Any:
    """The loss (...) of logits (..., C) and targets (..., C)."""
    return _run(_loss, (logits, targets), logits, logits.shape[:-1], out)


def softmax_cross_entropy_gradient(g: Any, logits: Any, targets: Any, *, out: Any = None) -> Any:
    """g (softmax(x) sum(t) - t), as large as the logits."""
    return _run(_gradient, (g, logits, targets), logits, logits.shape, out)
