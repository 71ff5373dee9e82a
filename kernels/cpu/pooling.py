"""Pooling over windows of (N, H, W, C): the largest value, or the mean, with what gradients need.

Loops run over the channels last, where neighbouring values lie next to each other in memory, and
have no branches there.  All are pieces of work (`piece.py`), as convolutions are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorcore.kernels.cpu.intrinsics import select
from tensorcore.kernels.cpu.jit import inline, kernel
from tensorcore.kernels.cpu.piece import Piece, run
from tensorcore.kernels.windows import output_size, pads

ELEMENTS_A_THREAD = 1 << 15  # what is worth giving to a thread that waits for work


@inline
def _inside(o, stride, before, window, size):
    """The part of window `o` that lies on the axis, as (start, stop)."""
    start = o * stride - before
    return max(start, 0), min(start + window, size)


@kernel
def _max(start, stop, x, y, window_h, window_w, stride_y, stride_x, top_pad, left_pad):
    for n in range(start, stop):
        for oy in range(y.shape[1]):
            top, bottom = _inside(oy, stride_y, top_pad, window_h, x.shape[1])
            for ox in range(y.shape[2]):
                left, right = _inside(ox, stride_x, left_pad, window_w, x.shape[2])
                result = y[n, oy, ox]
                for c in range(result.size):
                    result[c] = -np.inf
                for iy in range(top, bottom):
                    for ix in range(left, right):
                        cell = x[n, np.uintp(iy), np.uintp(ix)]
                        for c in range(result.size):
                            value, best = cell[c], result[c]
                            # NaN is not <= anything, and stays once it is there.
                            wins = (not (value <= best)) & (best == best)
                            result[c] = select(wins, value, best)


@inline
def _find(x, n, top, bottom, left, right, best, place):
    """For each channel the largest value of a window, and the place of its first occurrence."""
    width = x.shape[2]
    for c in range(best.size):
        best[c] = -np.inf
        place[c] = -1
    for iy in range(top, bottom):
        for ix in range(left, right):
            cell = x[n, np.uintp(iy), np.uintp(ix)]
            here = np.int32(iy * width + ix)
            for c in range(best.size):
                value, old = cell[c], best[c]
                wins = ((not (value <= old)) & (old == old)) | (place[c] < 0)
                best[c] = select(wins, value, old)
                place[c] = select(wins, here, place[c])


@kernel
def _max_gradient(start, stop, g, x, dx, window_h, window_w, stride_y, stride_x, top_pad, left_pad):
    best = np.empty(x.shape[3], x.dtype)
    place = np.empty(x.shape[3], np.int32)
    for n in range(start, stop):
        dx[n] = 0
        for oy in range(g.shape[1]):
            top, bottom = _inside(oy, stride_y, top_pad, window_h, x.shape[1])
            for ox in range(g.shape[2]):
                left, right = _inside(ox, stride_x, left_pad, window_w, x.shape[2])
                _find(x, n, top, bottom, left, right, best, place)
                arriving = g[n, oy, ox]
                for iy in range(top, bottom):
                    for ix in range(left, right):
                        cell = dx[n, np.uintp(iy), np.uintp(ix)]
                        here = np.int32(iy * x.shape[2] + ix)
                        for c in range(best.size):
                            wins = place[c] == here
                            cell[c] += select(wins, arriving[c], arriving.dtype.type(0))


@kernel
def _max_gather(start, stop, v, x, y, window_h, window_w, stride_y, stride_x, top_pad, left_pad):
    best = np.empty(x.shape[3], x.dtype)
    place = np.empty(x.shape[3], np.int32)
    cells = v.reshape(v.shape[0], v.shape[1] * v.shape[2], v.shape[3])
    for n in range(start, stop):
        for oy in range(y.shape[1]):
            top, bottom = _inside(oy, stride_y, top_pad, window_h, x.shape[1])
            for ox in range(y.shape[2]):
                left, right = _inside(ox, stride_x, left_pad, window_w, x.shape[2])
                _find(x, n, top, bottom, left, right, best, place)
                result = y[n, oy, ox]
                for c in range(best.size):
                    result[c] = cells[n, np.uintp(max(place[c], 0)), c] if place[c] >= 0 else 0


@kernel
def _mean(start, stop, x, y, window_h, window_w, stride_y, stride_x, top_pad, left_pad):
    for n in range(start, stop):
        for oy in range(y.shape[1]):
            top, bottom = _inside(oy, stride_y, top_pad, window_h, x.shape[1])
            for ox in range(y.shape[2]):
                left, right = _inside(ox, stride_x, left_pad, window_w, x.shape[2])
                result = y[n, oy, ox]
                for c in range(result.size):
                    result[c] = 0
                for iy in range(top, bottom):
                    for ix in range(left, right):
                        cell = x[n, np.uintp(iy), np.uintp(ix)]
                        for c in range(result.size):
                            result[c] += cell[c]
                count = x.dtype.type((bottom - top) * (right - left))
                for c in range(result.size):
                    result[c] /= count


@kernel
def _mean_gradient(start, stop, g, dx, window_h, window_w, stride_y, stride_x, top_pad, left_pad):
    for n in range(start, stop):
        dx[n] = 0
        for oy in range(g.shape[1]):
            top, bottom = _inside(oy, stride_y, top_pad, window_h, dx.shape[1])
            for ox in range(g.shape[2]):
                left, right = _inside(ox, stride_x, left_pad, window_w, dx.shape[2])
                arriving = g[n, oy, ox]
                count = g.dtype.type((bottom - top) * (right - left))
                for iy in range(top, bottom):
                    for ix in range(left, right):
                        cell = dx[n, np.uintp(iy), np.uintp(ix)]
                        for c in range(arriving.size):
                            cell[c] += arriving[c] / count


# The work -----------------------------------------------------------------------------------------


def _pieces(
    loop: Any, arrays: Any, images: Any, window: Any, strides: Any, padding: Any
) -> list[Piece]:
    """One piece: `loop` over the images of these arrays; `images` is the array that is pooled."""
    before = [pads(images.shape[1 + i], window[i], strides[i], 1, padding, i)[0] for i in (0, 1)]
    largest = max(array.size for array in arrays)
    grain = max(1, ELEMENTS_A_THREAD * len(images) // largest)
    return [Piece(loop, len(images), grain, (*arrays, *window, *strides, *before))]


def _max_work(x: Any, *, out: Any, **attrs: Any) -> list[Piece]:
    return _pieces(_max, (x, out), x, **attrs)


def _max_gradient_work(g: Any, x: Any, *, out: Any, **attrs: Any) -> list[Piece]:
    return _pieces(_max_gradient, (g, x, out), x, **attrs)


def _max_gather_work(v: Any, x: Any, *, out: Any, **attrs: Any) -> list[Piece]:
    return _pieces(_max_gather, (v, x, out), x, **attrs)


def _mean_work(x: Any, *, out: Any, **attrs: Any) -> list[Piece]:
    return _pieces(_mean, (x, out), x, **attrs)


def _mean_gradient_work(g: Any, *, input_shape: Any, out: Any, **attrs: Any) -> list[Piece]:
    return _pieces(_mean_gradient, (g, out), out, **attrs)


# What Python calls --------------------------------------------------------------------------------


def _pooled(shape: Any, window: Any, strides: Any, padding: Any) -> tuple[int, ...]:
    """The shape of the result."""
    sizes = [output_size(shape[1 + i], window[i], strides[i], 1, padding, i) for i in (0, 1)]
    return (shape[0], *sizes, shape[3])


def max_pool2d(x: Any, *, out: Any = None, **attrs: Any) -> Any:
    """The largest value of each window; padding never wins, NaN always."""
    return run(_max_work, (x,), _pooled(x.shape, **attrs), out, **attrs)


def max_pool2d_gradient(g: Any, x: Any, *, out: Any = None, **attrs: Any) -> Any:
    """g (N, OH, OW, C) at the first maximum of each window, zero elsewhere -> the shape of x."""
    return run(_max_gradient_work, (g, x), x.shape, out, **attrs)


def max_pool2d_gather(v: Any, x: Any, *, out: Any = None, **attrs: Any) -> Any:
    """The values of v (as large as x) where the first maxima of x are -> (N, OH, OW, C)."""
    return run(_max_gather_work, (v, x), _pooled(x.shape, **attrs), out, **attrs)


def avg_pool2d(x: Any, *, out: Any = None, **attrs: Any) -> Any:
    """The mean of the cells of each window that lie inside the image."""
    return run(_mean_work, (x,), _pooled(x.shape, **attrs), out, **attrs)


def avg_pool2d_gradient(g: Any, *, input_shape: Any, out: Any = None, **attrs: Any) -> Any:
    """Each element of g shared equally by the cells of its window -> input_shape."""
    attrs["input_shape"] = input_shape
    return run(_mean_gradient_work, (g,), input_shape, out, **attrs)


WORK = {
    "max_pool2d": _max_work,
    "max_pool2d_gradient": _max_gradient_work,
    "max_pool2d_gather": _max_gather_work,
    "avg_pool2d": _mean_work,
    "avg_pool2d_gradient": _mean_gradient_work,
}
