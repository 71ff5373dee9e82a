"""Softmax and log-softmax along any axis, and their gradients."""

from __future__ import annotations

import math
from typing import Any

from tensorcore.kernels.cuda.arrays import (
    deliver,
    dense,
    launch_for_held_rows,
    launch_for_rows,
    result_for,
)
from tensorcore.kernels.cuda.modules import FLOATS, Text

_text = Text(
    "softmax.cu",
    ["softmax", "softmax_held", "softmax_gradient", "softmax_gradient_held"],
    [(name,) for name in FLOATS],
)


def softmax(x: Any, *, axis: int = -1, out: Any = None) -> Any:
    """exp(x) / sum(exp(x)) along `axis`."""
    return _run("softmax", (x,), axis, out, logarithmic=False)


def log_softmax(x: Any, *, axis: int = -1, out: Any = None) -> Any:
    """x - log(sum(exp(x))) along `axis`."""
    return _run("softmax", (x,), axis, out, logarithmic=True)


def softmax_gradient(g: Any, y: Any, *, axis: int = -1, out: Any = None) -> Any:
    """y (g - sum(g y)) for y = softmax(x)."""
    return _run("softmax_gradient", (g, y), axis, out, logarithmic=False)


def log_softmax_gradient(g: Any, y: Any, *, axis: int = -1, out: Any = None) -> Any:
    """g - exp(y) sum(g) for y = log_softmax(x)."""
    return _run("softmax_gradient", (g, y), axis, out, logarithmic=True)


def _run(name: str, arrays: tuple[Any, ...], axis: int, out: Any, *, logarithmic: bool) -> Any:
    shape = arrays[0].shape
    if not shape:
        return NotImplemented
    arrays = tuple(dense(array) for array in arrays)
    y = result_for(out, shape, arrays[0].dtype, *arrays)
    if y.size:
        columns = shape[axis]
        inner = math.prod(shape[axis % len(shape) + 1 :])
        rows = y.size // columns
        held = launch_for_held_rows((*arrays, y), rows, columns) if inner == 1 else None
        if held is not None:
            kernel = _text.kernel(name + "_held", y.dtype.name)
            kernel(*held, *arrays, y, rows, columns, logarithmic)
        else:
            kernel = _text.kernel(name, y.dtype.name)
            grid, block = launch_for_rows(rows, columns, inner)
            kernel(grid, block, *arrays, y, rows, columns, inner, logarithmic)
    return deliver(y, out)
