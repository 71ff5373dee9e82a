"""Convolution by a matrix of all windows ("im2col") and a product of cuBLASLt.

Needs KH KW times the memory of the images, so it is not chosen by itself: it is what the other ways
are checked against and compared with.  One group only.
"""

from __future__ import annotations

from typing import Any

import cupy
from tensorcore.kernels.cuda import blas


def _bordered(s: Any) -> tuple[int, int]:
    """Height and width of the image that holds all windows."""
    height = (s.oh - 1) * s.sh + (s.kh - 1) * s.dh + 1
    width = (s.ow - 1) * s.sw + (s.kw - 1) * s.dw + 1
    return max(height, s.top + s.h), max(width, s.left + s.w)


def _taps(s: Any, bordered: Any) -> Any:
    """For each element of a filter, its place and the pixels (N, OH, OW, C) that it meets."""
    for i in range(s.kh):
        for j in range(s.kw):
            top, left = i * s.dh, j * s.dw
            rows = slice(top, top + (s.oh - 1) * s.sh + 1, s.sh)
            columns = slice(left, left + (s.ow - 1) * s.sw + 1, s.sw)
            yield i, j, bordered[:, rows, columns]


def _columns(x: Any, s: Any) -> Any:
    """The matrix of the windows: (pixels of y, KH KW C)."""
    bordered = cupy.zeros((s.n, *_bordered(s), s.c), x.dtype)
    bordered[:, s.top : s.top + s.h, s.left : s.left + s.w] = x
    columns = cupy.empty((s.n, s.oh, s.ow, s.kh, s.kw, s.c), x.dtype)
    for i, j, pixels in _taps(s, bordered):
        columns[:, :, :, i, j] = pixels
    return columns.reshape(-1, s.kh * s.kw * s.c)


def conv2d(x: Any, w: Any, y: Any, s: Any) -> None:
    """Write the result of the convolution to y."""
    blas.matmul(_columns(x, s), w.reshape(-1, s.o), out=y.reshape(-1, s.o))


def conv2d_input_gradient(g: Any, w: Any, dx: Any, s: Any) -> None:
    """Write the gradient for x to dx; what the taps bring to a pixel is added up in 32 bits."""
    columns = blas.matmul(g.reshape(-1, s.o), w.reshape(-1, s.o).T)
    columns = columns.reshape(s.n, s.oh, s.ow, s.kh, s.kw, s.c)
    bordered = cupy.zeros((s.n, *_bordered(s), s.c), "d" if dx.dtype.itemsize == 8 else "f")
    for i, j, pixels in _taps(s, bordered):
        pixels += columns[:, :, :, i, j]
    dx[...] = bordered[:, s.top : s.top + s.h, s.left : s.left + s.w]


def conv2d_filter_gradient(x: Any, g: Any, dw: Any, s: Any) -> None:
    """Write the gradient for w to dw."""
    blas.matmul(_columns(x, s).T, g.reshape(-1, s.o), out=dw.reshape(-1, s.o))
