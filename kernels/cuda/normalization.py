"""Layer normalization over the last dimension, and its gradients.

The statistics of a row are computed again for the gradients: the row has to be read anyway, and
nothing needs to be kept.
"""

from __future__ import annotations

from typing import Any

import cupy
import numpy as np
from tensorcore.kernels.cuda.arrays import (
    deliver,
    dense,
    launch_for_held_rows,
    launch_for_rows,
    result_for,
)
from tensorcore.kernels.cuda.modules import FLOATS, Text

_text = Text(
    "normalization.cu",
    [
        "layer_norm",
        "layer_norm_held",
        "layer_norm_gradient",
        "layer_norm_gradient_held",
        "layer_norm_statistics",
        "layer_norm_scale_gradient",
    ],
    [(name,) for name in FLOATS],
)

_ROWS_IN_A_PART = 64  # of the sum over rows
_MOST_PARTS = 512


def layer_norm(
    x: Any, gamma: Any, beta: Any, *, epsilon: float, centered: bool = True, out: Any = None
) -> Any:
    """gamma (x - mean) / sqrt(variance + epsilon) + beta for each row."""
    x, gamma, beta = dense(x), _wide(gamma, x), _wide(beta, x)
    y = result_for(out, x.shape, x.dtype, x, gamma, beta)
    _run("layer_norm", (x,), (gamma, beta), y, epsilon, centered)
    return deliver(y, out)


def layer_norm_gradient(
    g: Any, x: Any, gamma: Any, *, epsilon: float, centered: bool, out: Any = None
) -> Any:
    """The gradient for x, from that of the result."""
    g, x, gamma = dense(g), dense(x), _wide(gamma, x)
    y = result_for(out, x.shape, x.dtype, g, x, gamma)
    _run("layer_norm_gradient", (g, x), (gamma,), y, epsilon, centered)
    return deliver(y, out)


def layer_norm_scale_gradient(
    g: Any, x: Any, *, epsilon: float, centered: bool, out: Any = None
) -> Any:
    """The gradient for gamma: the sum of g times the normalized x over all rows."""
    g, x = dense(g), dense(x)
    columns = x.shape[-1]
    compute = _compute(x)
    y = result_for(out, (columns,), compute, g, x)
    if x.size == 0:
        y[...] = 0
        return deliver(y, out)
    rows = x.size // columns
    pairs = cupy.empty((rows, 2), compute)
    statistics = _text.kernel("layer_norm_statistics", x.dtype.name)
    statistics(*launch_for_rows(rows, columns), x, pairs, rows, columns, epsilon, centered)
    count = min(-(-rows // _ROWS_IN_A_PART), _MOST_PARTS)
    parts = cupy.empty((count, columns), compute)
    kernel = _text.kernel("layer_norm_scale_gradient", x.dtype.name)
    kernel((-(-columns // 256), count, 1), (256, 1, 1), g, x, pairs, parts, rows, columns)
    y[...] = parts[0] if count == 1 else parts.sum(axis=0)
    return deliver(y, out)


def _compute(x: Any) -> Any:
    """The dtype of the arithmetic."""
    return np.dtype(np.float64 if x.dtype.itemsize == 8 else np.float32)


def _wide(weights: Any, x: Any) -> Any:
    """gamma or beta in the dtype of the arithmetic."""
    return dense(weights.astype(_compute(x), copy=False))


def _run(
    name: str,
    rows_of: tuple[Any, ...],
    weights: tuple[Any, ...],
    y: Any,
    epsilon: float,
    centered: bool,
) -> None:
    """Launch a kernel from rows to rows, the one that keeps them in registers where it can."""
    if y.size == 0:
        return
    columns = y.shape[-1]
    rows = y.size // columns
    launch = launch_for_held_rows((*rows_of, y), rows, columns)
    if launch is None:
        launch = launch_for_rows(rows, columns)
    else:
        name += "_held"
    kernel = _text.kernel(name, y.dtype.name)
    kernel(*launch, *rows_of, *weights, y, rows, columns, epsilon, centered)
