"""Pooling over the two middle axes of images x (N, H, W, C)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cupy
import numpy as np
from tensorcore.kernels import windows
from tensorcore.kernels.cuda.arrays import deliver, dense, result_for
from tensorcore.kernels.cuda.modules import FLOATS, Text, blocks_for

_text = Text(
    "pooling.cu",
    ["max_pool2d", "max_pool2d_cells", "max_pool2d_gradient", "avg_pool2d", "avg_pool2d_gradient"],
    [(name,) for name in FLOATS],
)

# The kernels' struct Windows.
_FIELDS = ("n", "h", "w", "c", "oh", "ow", "kh", "kw", "sh", "sw", "top", "left")
_WINDOWS = np.dtype([(name, np.int32) for name in _FIELDS])
_LARGEST = 2**31 - 1  # of the kernels' numbers, among them that of a cell in its image


def _windows(
    x_shape: Sequence[int], window: Sequence[int], strides: Sequence[int], padding: Any
) -> tuple[Any, tuple[int, ...]]:
    """The struct for the kernels, None where it cannot hold the numbers; the result's shape."""
    n, h, w, c = x_shape
    oh, ow = (
        windows.output_size(size, window[axis], strides[axis], 1, padding, axis)
        for axis, size in enumerate((h, w))
    )
    top, left = (
        windows.pads(size, window[axis], strides[axis], 1, padding, axis)[0]
        for axis, size in enumerate((h, w))
    )
    values = (n, h, w, c, oh, ow, *window, *strides, top, left)
    fits = max(*values, h * w) <= _LARGEST
    return np.array(values, _WINDOWS)[()] if fits else None, (n, oh, ow, c)


def max_pool2d(
    x: Any, *, window: Sequence[int], strides: Sequence[int], padding: Any, out: Any = None
) -> Any:
    """The largest value of each window; NaN counts as the largest."""
    return max_pool2d_gather(x, x, window=window, strides=strides, padding=padding, out=out)


def max_pool2d_gather(
    v: Any, x: Any, *, window: Sequence[int], strides: Sequence[int], padding: Any, out: Any = None
) -> Any:
    """The values of v (shaped like x) where x has the first largest value of each window."""
    struct, shape = _windows(x.shape, window, strides, padding)
    if struct is None:
        return NotImplemented
    same = v is x
    x = dense(x)
    v = x if same else dense(v)
    y = result_for(out, shape, x.dtype, v, x)
    _launch("max_pool2d", y, v, x, y, struct)
    return deliver(y, out)


def max_pool2d_gradient(
    g: Any, x: Any, *, window: Sequence[int], strides: Sequence[int], padding: Any, out: Any = None
) -> Any:
    """The gradient for x of max_pool2d(x): g is added at the first maximum of each window."""
    struct, shape = _windows(x.shape, window, strides, padding)
    if struct is None:
        return NotImplemented
    g, x = dense(g), dense(x)
    y = result_for(out, x.shape, x.dtype, g, x)
    if y.size:
        winners = cupy.empty(shape, cupy.int32)
        _launch("max_pool2d_cells", winners, x, winners, struct, dtype=x.dtype)
        _launch("max_pool2d_gradient", y, g, winners, y, struct)
    return deliver(y, out)


def avg_pool2d(
    x: Any, *, window: Sequence[int], strides: Sequence[int], padding: Any, out: Any = None
) -> Any:
    """The mean of the cells of each window that are inside the image."""
    struct, shape = _windows(x.shape, window, strides, padding)
    if struct is None:
        return NotImplemented
    x = dense(x)
    y = result_for(out, shape, x.dtype, x)
    _launch("avg_pool2d", y, x, y, struct)
    return deliver(y, out)


def avg_pool2d_gradient(
    g: Any,
    *,
    input_shape: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    padding: Any,
    out: Any = None,
) -> Any:
    """The gradient for x (of `input_shape`) of avg_pool2d(x); g is (N, OH, OW, C)."""
    struct, _ = _windows(input_shape, window, strides, padding)
    if struct is None:
        return NotImplemented
    g = dense(g)
    y = result_for(out, input_shape, g.dtype, g)
    _launch("avg_pool2d_gradient", y, g, y, struct)
    return deliver(y, out)


def _launch(name: str, y: Any, *args: Any, dtype: Any = None) -> None:
    """Run a kernel with one thread for each element of y."""
    if y.size:
        kernel = _text.kernel(name, (dtype or y.dtype).name)
        kernel(blocks_for(y.size), (256, 1, 1), *args)
