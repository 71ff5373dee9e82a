"""Layer normalization over the last dimension, and its gradients.

A row stays in the nearest cache while it is read several times, so its statistics are computed anew
wherever they are needed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorcore.kernels.cpu import reductions
from tensorcore.kernels.cpu.jit import REORDER, inline, kernel
from tensorcore.kernels.cpu.piece import Piece, run

ELEMENTS_A_THREAD = 1 << 14  # what is worth giving to a thread that waits for work
ELEMENTS_OF_SHARE = 1 << 16  # elements whose sums are one piece of work


@inline(fastmath=REORDER)
def _mean(row):
    total = row.dtype.type(0)
    for i in range(row.size):
        total += row[i]
    return total / row.dtype.type(row.size)


@inline(fastmath=REORDER)
def _mean_square(row, center):
    total = row.dtype.type(0)
    for i in range(row.size):
        total += (row[i] - center) * (row[i] - center)
    return total / row.dtype.type(row.size)


@inline
def _statistics(row, epsilon, centered):
    """The mean, or 0, and 1 / sqrt(variance + epsilon)."""
    center = _mean(row) if centered else row.dtype.type(0)
    variance = _mean_square(row, center)
    return center, row.dtype.type(1) / np.sqrt(variance + row.dtype.type(epsilon))


@kernel
def _layer_norm(start, stop, x, gamma, beta, epsilon, centered, y):
    for n in range(np.uintp(start), np.uintp(stop)):
        row, result = x[n], y[n]
        center, r = _statistics(row, epsilon, centered)
        for i in range(row.size):
            result[i] = (row[i] - center) * r * gamma[i] + beta[i]


@inline(fastmath=REORDER)
def _means(g, row, gamma, center, r):
    """The means of h = g gamma and of h times the normalized row."""
    total = row.dtype.type(0)
    product = row.dtype.type(0)
    for i in range(row.size):
        h = g[i] * gamma[i]
        total += h
        product += h * (row[i] - center)
    size = row.dtype.type(row.size)
    return total / size, product * r / size


@kernel
def _layer_norm_gradient(start, stop, g, x, gamma, epsilon, centered, dx):
    for n in range(np.uintp(start), np.uintp(stop)):
        arriving, row, result = g[n], x[n], dx[n]
        center, r = _statistics(row, epsilon, centered)
        total, product = _means(arriving, row, gamma, center, r)
        if not centered:
            total = row.dtype.type(0)
        for i in range(row.size):
            normal = (row[i] - center) * r
            result[i] = r * (arriving[i] * gamma[i] - total - normal * product)


@kernel
def _scale_gradient(start, stop, g, x, epsilon, centered, share, parts):
    """Row `p` of `parts` gets the sum over the rows from p * share on."""
    for p in range(start, stop):
        total = parts[np.uintp(p)]
        total[:] = 0
        for n in range(p * share, min((p + 1) * share, x.shape[0])):
            arriving, row = g[np.uintp(n)], x[np.uintp(n)]
            center, r = _statistics(row, epsilon, centered)
            for i in range(row.size):
                total[i] += arriving[i] * ((row[i] - center) * r)


# The work -----------------------------------------------------------------------------------------


def _to_rows(
    loop: Any, rows: tuple[Any, ...], weights: tuple[Any, ...], out: Any, how: dict[str, Any]
) -> list[Piece]:
    """A loop that makes a row of `out` of each row."""
    columns = out.shape[-1]
    flat = [array.reshape(-1, columns) for array in rows]
    grain = max(1, ELEMENTS_A_THREAD // columns)
    args = (*flat, *weights, *_numbers(**how), out.reshape(-1, columns))
    return [Piece(loop, out.size // columns, grain, args)]


def _numbers(epsilon: float, centered: bool = True) -> tuple[Any, ...]:
    return np.float64(epsilon), int(centered)


def _forward_work(x: Any, gamma: Any, beta: Any, *, out: Any, **how: Any) -> list[Piece]:
    return _to_rows(_layer_norm, (x,), (gamma, beta), out, how)


def _gradient_work(g: Any, x: Any, gamma: Any, *, out: Any, **how: Any) -> list[Piece]:
    return _to_rows(_layer_norm_gradient, (g, x), (gamma,), out, how)


def _scale_gradient_work(g: Any, x: Any, *, out: Any, **how: Any) -> list[Piece]:
    columns = x.shape[-1]
    rows = x.size // columns
    # The shares depend on the shape alone, so that the result does not on the number of threads.
    share = max(1, ELEMENTS_OF_SHARE // columns)
    parts = np.empty((-(-rows // share), columns), x.dtype)
    flat = [array.reshape(-1, columns) for array in (g, x)]
    loop = Piece(_scale_gradient, len(parts), 1, (*flat, *_numbers(**how), share, parts))
    return [loop, *(reductions.pieces(parts, [0], out, 1) or [])]


WORK = {
    "layer_norm": _forward_work,
    "layer_norm_gradient": _gradient_work,
    "layer_norm_scale_gradient": _scale_gradient_work,
}


# What Python calls --------------------------------------------------------------------------------


def layer_norm(x: Any, gamma: Any, beta: Any, *, out: Any = None, **how: Any) -> Any:
    """gamma (x - mean) / sqrt(variance + epsilon) + beta for each row."""
    return _run(_forward_work, (x, gamma, beta), x.shape, out, how)


def layer_norm_gradient(g: Any, x: Any, gamma: Any, *, out: Any = None, **how: Any) -> Any:
    """The gradient for x, from that of the result."""
    return _run(_gradient_work, (g, x, gamma), x.shape, out, how)


def layer_norm_scale_gradient(g: Any, x: Any, *, out: Any = None, **how: Any) -> Any:
    """The gradient for gamma: the sum of g times the normalized x over all rows."""
    return _run(_scale_gradient_work, (g, x), x.shape[-1:], out, how)


def _run(work: Any, arrays: tuple[Any, ...], shape: Any, out: Any, how: dict[str, Any]) -> Any:
    first = arrays[0]
    if not all(array.size and array.dtype == first.dtype for array in arrays):
        return NotImplemented
    return run(work, arrays, shape, out, **how)
