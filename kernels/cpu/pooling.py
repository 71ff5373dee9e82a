"""Pooling over windows of (N, H, W, C): the largest value, or the mean, with what gradients need.

Loops run over the channels last, where neighbouring values lie next to each other in memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorcore.kernels.cpu.intrinsics import select
from tensorcore.kernels.cpu.jit import inline, kernel, split
from tensorcore.kernels.windows import output_size, pads

ELEMENTS_A_THREAD = 1 << 18


@inline
def _inside(o, stride, before, window, size):
    """The part of window `o` that lies on the axis, as (start, stop)."""
    start = o * stride - before
    return max(start, 0), min(start + window, size)


@kernel
def _max(start, stop, x, y, window, strides, before):
    for n in range(start, stop):
        for oy in range(y.shape[1]):
            top, bottom = _inside(oy, strides[0], before[0], window[0], x.shape[1])
            for ox in range(y.shape[2]):
                left, right = _inside(ox, strides[1], before[1], window[1], x.shape[2])
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
def _max_gradient(start, stop, g, x, dx, window, strides, before):
    best = np.empty(x.shape[3], x.dtype)
    place = np.empty(x.shape[3], np.int32)
    cells = dx.reshape(dx.shape[0], dx.shape[1] * dx.shape[2], dx.shape[3])
    for n in range(start, stop):
        for oy in range(g.shape[1]):
            top, bottom = _inside(oy, strides[0], before[0], window[0], x.shape[1])
            for ox in range(g.shape[2]):
                left, right = _inside(ox, strides[1], before[1], window[1], x.shape[2])
                _find(x, n, top, bottom, left, right, best, place)
                arriving = g[n, oy, ox]
                for c in range(best.size):
                    if place[c] >= 0:
                        cells[n, np.uintp(place[c]), c] += arriving[c]


@kernel
def _max_gather(start, stop, v, x, y, window, strides, before):
    best = np.empty(x.shape[3], x.dtype)
    place = np.empty(x.shape[3], np.int32)
    cells = v.reshape(v.shape[0], v.shape[1] * v.shape[2], v.shape[3])
    for n in range(start, stop):
        for oy in range(y.shape[1]):
            top, bottom = _inside(oy, strides[0], before[0], window[0], x.shape[1])
            for ox in range(y.shape[2]):
                left, right = _inside(ox, strides[1], before[1], window[1], x.shape[2])
                _find(x, n, top, bottom, left, right, best, place)
                result = y[n, oy, ox]
                for c in range(best.size):
                    result[c] = cells[n, np.uintp(max(place[c], 0)), c] if place[c] >= 0 else 0


@kernel
def _mean(start, stop, x, y, window, strides, before):
    for n in range(start, stop):
        for oy in range(y.shape[1]):
            top, bottom = _inside(oy, strides[0], before[0], window[0], x.shape[1])
            for ox in range(y.shape[2]):
                left, right = _inside(ox, strides[1], before[1], window[1], x.shape[2])
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
def _mean_gradient(start, stop, g, dx, window, strides, before):
    for n in range(start, stop):
        for oy in range(g.shape[1]):
            top, bottom = _inside(oy, strides[0], before[0], window[0], dx.shape[1])
            for ox in range(g.shape[2]):
                left, right = _inside(ox, strides[1], before[1], window[1], dx.shape[2])
                arriving = g[n, oy, ox]
                count = g.dtype.type((bottom - top) * (right - left))
                for iy in range(top, bottom):
                    for ix in range(left, right):
                        cell = dx[n, np.uintp(iy), np.uintp(ix)]
                        for c in range(arriving.size):
                            cell[c] += arriving[c] / count


# What Python calls --------------------------------------------------------------------------------


def _sizes(shape: Any, window: Any, strides: Any, padding: Any) -> tuple[Any, Any]:
    """The shape of the result, and the padding before the two axes."""
    height, width = shape[1], shape[2]
    oh = output_size(height, window[0], strides[0], 1, padding, 0)
    ow = output_size(width, window[1], strides[1], 1, padding, 1)
    top = pads(height, window[0], strides[0], 1, padding, 0)[0]
    left = pads(width, window[1], strides[1], 1, padding, 1)[0]
    return (shape[0], oh, ow, shape[3]), (top, left)


def _computed(array: Any) -> np.ndarray:
    """Contiguous, and float32 for the 16-bit types."""
    if array.dtype.itemsize == 2:
        return array.astype(np.float32, order="C")
    return np.ascontiguousarray(array)


def _run(
    loop: Any, arrays: Any, result: np.ndarray, window: Any, strides: Any, before: Any
) -> None:
    images = result.shape[0]
    args = (*arrays, result, tuple(window), tuple(strides), before)
    elements = max(array.size for array in (*arrays, result))
    if images == 0 or elements < 2 * ELEMENTS_A_THREAD:
        loop(0, images, *args)
    else:
        split(loop, images, max(1, ELEMENTS_A_THREAD * images // elements), *args)


def _forward(
    loop: Any, arrays: Any, dtype: Any, window: Any, strides: Any, padding: Any, out: Any
) -> Any:
    shape, before = _sizes(arrays[0].shape, window, strides, padding)
    arrays = [_computed(array) for array in arrays]
    direct = out is not None and out.flags.c_contiguous and out.dtype == arrays[0].dtype
    result = out if direct else np.empty(shape, arrays[0].dtype)
    _run(loop, arrays, result, window, strides, before)
    return _delivered(result, dtype, out)


def _backward(
    loop: Any,
    arrays: Any,
    shape: Any,
    dtype: Any,
    window: Any,
    strides: Any,
    padding: Any,
    out: Any,
) -> Any:
    before = _sizes(shape, window, strides, padding)[1]
    arrays = [_computed(array) for array in arrays]
    if out is not None and out.flags.c_contiguous and out.dtype == arrays[0].dtype:
        result = out
        result[...] = 0
    else:
        result = np.zeros(tuple(shape), arrays[0].dtype)
    _run(loop, arrays, result, window, strides, before)
    return _delivered(result, dtype, out)


def _delivered(result: np.ndarray, dtype: np.dtype, out: Any) -> np.ndarray:
    if out is result:
        return out
    if out is not None:
        out[...] = result
        return out
    return result if result.dtype == dtype else result.astype(dtype)


def max_pool2d(x: Any, *, window: Any, strides: Any, padding: Any, out: Any = None) -> Any:
    """The largest value of each window; padding never wins, NaN always."""
    return _forward(_max, [x], x.dtype, window, strides, padding, out)


def max_pool2d_gradient(
    g: Any, x: Any, *, window: Any, strides: Any, padding: Any, out: Any = None
) -> Any:
    """g (N, OH, OW, C) at the first maximum of each window, zero elsewhere -> the shape of x."""
    return _backward(_max_gradient, [g, x], x.shape, x.dtype, window, strides, padding, out)


def max_pool2d_gather(
    v: Any, x: Any, *, window: Any, strides: Any, padding: Any, out: Any = None
) -> Any:
    """The values of v (as large as x) where the first maxima of x are -> (N, OH, OW, C)."""
    return _forward(_max_gather, [v, x], x.dtype, window, strides, padding, out)


def avg_pool2d(x: Any, *, window: Any, strides: Any, padding: Any, out: Any = None) -> Any:
    """The mean of the cells of each window that lie inside the image."""
    return _forward(_mean, [x], x.dtype, window, strides, padding, out)


def avg_pool2d_gradient(
    g: Any, *, input_shape: Any, window: Any, strides: Any, padding: Any, out: Any = None
) -> Any:
    """Each element of g shared equally by the cells of its window -> input_shape."""
    return _backward(_mean_gradient, [g], input_shape, g.dtype, window, strides, padding, out)
