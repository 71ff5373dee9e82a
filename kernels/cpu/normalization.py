"""Layer normalization over the last dimension, and its gradients.

A row stays in the nearest cache while it is read several times, so its statistics are computed anew
wherever they are needed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorcore.kernels.cpu.jit import REORDER, inline, kernel, split

ELEMENTS_A_THREAD = 1 << 16


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
    for p in range(np.uintp(start), np.uintp(stop)):
        total = parts[p]
        total[:] = 0
        for n in range(p * share, min((p + np.uintp(1)) * share, np.uintp(x.shape[0]))):
            arriving, row = g[n], x[n]
            center, r = _statistics(row, epsilon, centered)
            for i in range(row.size):
                total[i] += arriving[i] * ((row[i] - center) * r)


def layer_norm(
    x: Any, gamma: Any, beta: Any, *, epsilon: float, centered: bool = True, out: Any = None
) -> Any:
    """gamma (x - mean) / sqrt(variance + epsilon) + beta for each row."""
    return _to_rows(_layer_norm, (x,), (gamma, beta), epsilon, centered, out)


def layer_norm_gradient(
    g: Any, x: Any, gamma: Any, *, epsilon: float, centered: bool, out: Any = None
) -> Any:
    """The gradient for x, from that of the result."""
    return _to_rows(_layer_norm_gradient, (g, x), (gamma,), epsilon, centered, out)


def layer_norm_scale_gradient(
    g: Any, x: Any, *, epsilon: float, centered: bool, out: Any = None
) -> Any:
    """The gradient for gamma: the sum of g times the normalized x over all rows."""
    columns = x.shape[-1]
    if x.size == 0:
        return NotImplemented
    rows = x.size // columns
    # The shares depend on the shape alone, so that the result does not on the number of threads.
    share = max(1, ELEMENTS_A_THREAD // columns)
    parts = np.empty((-(-rows // share), columns), x.dtype)
    arguments = (*_as_rows((g, x), columns), float(epsilon), centered, np.uintp(share), parts)
    _divide(_scale_gradient, len(parts), 1, *arguments)
    return parts.sum(axis=0, out=out)


def _to_rows(
    loop: Any,
    rows: tuple[Any, ...],
    weights: tuple[Any, ...],
    epsilon: float,
    centered: bool,
    out: Any,
) -> Any:
    """Run a loop that makes a row of each row."""
    x = rows[-1]
    if x.size == 0 or any(w.dtype != x.dtype for w in weights):
        return NotImplemented
    columns = x.shape[-1]
    direct = out is not None and out.flags.c_contiguous
    y = out if direct else np.empty(x.shape, x.dtype)
    weights = tuple(np.ascontiguousarray(w) for w in weights)
    arguments = (*_as_rows(rows, columns), *weights, float(epsilon), centered)
    grain = max(1, ELEMENTS_A_THREAD // columns)
    _divide(loop, x.size // columns, grain, *arguments, y.reshape(-1, columns))
    if out is None or direct:
        return y
    out[...] = y
    return out


def _as_rows(arrays: tuple[Any, ...], columns: int) -> list[Any]:
    return [array.ravel().reshape(-1, columns) for array in arrays]  # ravel makes it contiguous


def _divide(loop: Any, count: int, grain: int, *arguments: Any) -> None:
    if count < 2 * grain:
        loop(0, count, *arguments)
    else:
        split(loop, count, grain, *arguments)
