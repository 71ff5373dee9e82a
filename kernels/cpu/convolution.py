"""Two-dimensional convolution (cross-correlation), its gradients, without unfolding the images.

Letters: N images, H x W cells of C channels, windows of KH x KW cells, OH x OW outputs of O
channels. Every sum is a product of matrices whose rows lie at known places in memory, and is
computed by `vectors.tile`:

    y[(n, oy, ox), o]   = sum over (kh, kw, c)   of  x[(n, oy, ox) + (kh, kw, c)]  w[(kh, kw, c), o]
    dw[(kh, kw, c), o]  = sum over (n, oy, ox)   of  x[(kh, kw, c) + (n, oy, ox)]  g[(n, oy, ox), o]
    dx                  = the first, of g spread out and padded, with w turned round
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorcore.kernels.cpu.jit import kernel, split
from tensorcore.kernels.cpu.vectors import ROWS, VECTOR_BYTES, VECTORS, tile
from tensorcore.kernels.windows import output_size, pads

PRODUCTS_A_THREAD = 1 << 24
G_BLOCK_BYTES = 48 * 1024  # what a pass over part of g should need of the fastest cache
TILES_A_BLOCK = 32  # row blocks between two changes of the columns


@kernel
def _correlate(
    start, stop, x, x_start, x_steps, outputs, w, w_start, y, y_start, y_width, columns, sums
):
    """Rows (n, oy, ox) of y, in tiles of ROWS; `sums` holds the counts and steps of (kh, kw, c)."""
    lanes = VECTOR_BYTES // x.itemsize
    images, height, width = outputs
    counts, a_steps, b_steps = sums
    last = images * height * width - 1
    x_rows = np.empty(ROWS, np.intp)
    y_rows = np.empty(ROWS, np.intp)
    for block in range(start, stop, TILES_A_BLOCK):
        end = min(block + TILES_A_BLOCK, stop)
        j = 0
        while j < columns:
            left = columns - j
            for t in range(block, end):
                for r in range(ROWS):
                    row = min(t * ROWS + r, last)
                    n, cell = divmod(row, height * width)
                    oy, ox = divmod(cell, width)
                    x_rows[r] = x_start + n * x_steps[0] + oy * x_steps[1] + ox * x_steps[2]
                    y_rows[r] = y_start + row * y_width
                b = w_start + j
                if left >= VECTORS * lanes:
                    tile(
                        VECTORS,
                        False,
                        False,
                        x,
                        x_rows,
                        w,
                        b,
                        y,
                        y_rows,
                        j,
                        counts,
                        a_steps,
                        b_steps,
                        0,
                    )
                elif left >= 2 * lanes:
                    tile(
                        2, False, False, x, x_rows, w, b, y, y_rows, j, counts, a_steps, b_steps, 0
                    )
                else:
                    used = min(left, lanes)
                    tile(
                        1,
                        True,
                        False,
                        x,
                        x_rows,
                        w,
                        b,
                        y,
                        y_rows,
                        j,
                        counts,
                        a_steps,
                        b_steps,
                        used,
                    )
            if left >= VECTORS * lanes:
                j += VECTORS * lanes
            elif left >= 2 * lanes:
                j += 2 * lanes
            else:
                j += lanes


@kernel
def _filter_gradient(
    start, stop, x, x_start, x_steps, outputs, window, window_steps, g, g_start, dw, columns
):
    """Rows (kh, kw, c) of dw, in tiles of ROWS, over all images; dw is zero before."""
    lanes = VECTOR_BYTES // x.itemsize
    images, height, width = outputs
    g_width = g.size // (images * height * width)
    dw_width = g_width
    last = window[0] * window[1] * window[2] - 1
    x_rows = np.empty(ROWS, np.intp)
    dw_rows = np.empty(ROWS, np.intp)
    lines = max(1, G_BLOCK_BYTES // (width * g_width * x.itemsize))
    a_steps = (0, x_steps[1], x_steps[2])
    b_steps = (0, width * g_width, g_width)
    for n in range(images):
        for oy in range(0, height, lines):
            counts = (1, min(lines, height - oy), width)
            x_place = x_start + n * x_steps[0] + oy * x_steps[1]
            g_place = g_start + (n * height + oy) * width * g_width
            j = 0
            while j < columns:
                left = columns - j
                for t in range(start, stop):
                    for r in range(ROWS):
                        row = min(t * ROWS + r, last)
                        cell, c = divmod(row, window[2])
                        kh, kw = divmod(cell, window[1])
                        x_rows[r] = x_place + kh * window_steps[0] + kw * window_steps[1] + c
                        dw_rows[r] = g_start + row * dw_width
                    b = g_place + j
                    if left >= VECTORS * lanes:
                        tile(
                            VECTORS,
                            False,
                            True,
                            x,
                            x_rows,
                            g,
                            b,
                            dw,
                            dw_rows,
                            j,
                            counts,
                            a_steps,
                            b_steps,
                            0,
                        )
                    elif left >= 2 * lanes:
                        tile(
                            2,
                            False,
                            True,
                            x,
                            x_rows,
                            g,
                            b,
                            dw,
                            dw_rows,
                            j,
                            counts,
                            a_steps,
                            b_steps,
                            0,
                        )
                    else:
                        used = min(left, lanes)
                        tile(
                            1,
                            True,
                            True,
                            x,
                            x_rows,
                            g,
                            b,
                            dw,
                            dw_rows,
                            j,
                            counts,
                            a_steps,
                            b_steps,
                            used,
                        )
                if left >= VECTORS * lanes:
                    j += VECTORS * lanes
                elif left >= 2 * lanes:
                    j += 2 * lanes
                else:
                    j += lanes


# One channel a group (depthwise): vectors run over the channels -----------------------------------


@kernel
def _depthwise(start, stop, x, w, y, strides, dilation):
    for n in range(np.uintp(start), np.uintp(stop)):
        for oy in range(y.shape[1]):
            for ox in range(y.shape[2]):
                result = y[n, oy, ox]
                for c in range(result.size):
                    result[c] = 0
                for kh in range(w.shape[0]):
                    for kw in range(w.shape[1]):
                        cell = x[
                            n,
                            oy * strides[0] + kh * dilation[0],
                            ox * strides[1] + kw * dilation[1],
                        ]
                        factor = w[kh, kw, 0]
                        for c in range(result.size):
                            result[c] += cell[c] * factor[c]


@kernel
def _depthwise_input(start, stop, g, w, dx, strides, dilation):
    for n in range(np.uintp(start), np.uintp(stop)):
        for oy in range(g.shape[1]):
            for ox in range(g.shape[2]):
                arriving = g[n, oy, ox]
                for kh in range(w.shape[0]):
                    for kw in range(w.shape[1]):
                        cell = dx[
                            n,
                            oy * strides[0] + kh * dilation[0],
                            ox * strides[1] + kw * dilation[1],
                        ]
                        factor = w[kh, kw, 0]
                        for c in range(arriving.size):
                            cell[c] += arriving[c] * factor[c]


@kernel
def _depthwise_filter(start, stop, x, g, dw, strides, dilation):
    for place in range(start, stop):
        kh, kw = divmod(place, dw.shape[1])
        result = dw[kh, kw, 0]
        for n in range(g.shape[0]):
            for oy in range(g.shape[1]):
                for ox in range(g.shape[2]):
                    arriving = g[n, oy, ox]
                    cell = x[
                        n, oy * strides[0] + kh * dilation[0], ox * strides[1] + kw * dilation[1]
                    ]
                    for c in range(result.size):
                        result[c] += arriving[c] * cell[c]


# What Python calls --------------------------------------------------------------------------------


def _computed(array: Any) -> np.ndarray:
    """Contiguous, and float32 for the 16-bit types."""
    if array.dtype.itemsize == 2:
        return array.astype(np.float32, order="C")
    return np.ascontiguousarray(array)


def _delivered(result: np.ndarray, dtype: np.dtype, out: Any) -> np.ndarray:
    if out is result:
        return out
    if out is not None:
        out[...] = result
        return out
    return result if result.dtype == dtype else result.astype(dtype)


def _target(shape: tuple[int, ...], like: np.ndarray, out: Any) -> np.ndarray:
    """`out` if a kernel can write it, else a new array."""
    if out is not None and out.dtype == like.dtype and out.flags.c_contiguous:
        return out
    return np.empty(shape, like.dtype)


def _padded(x: np.ndarray, top_bottom: tuple[int, int], left_right: tuple[int, int]) -> np.ndarray:
    if top_bottom == (0, 0) and left_right == (0, 0):
        return x
    images, height, width, channels = x.shape
    top, left = top_bottom[0], left_right[0]
    result = np.zeros(
        (images, height + sum(top_bottom), width + sum(left_right), channels), x.dtype
    )
    result[:, top : top + height, left : left + width] = x
    return result


def _run_rows(loop: Any, rows: int, products_a_row: int, *args: Any) -> None:
    """Run a kernel over tiles of rows, in several threads if that many products pay for it."""
    tiles = -(-rows // ROWS)
    grain = max(1, PRODUCTS_A_THREAD // (products_a_row * ROWS))
    if tiles < 2 * grain:
        loop(0, tiles, *args)
    else:
        split(loop, tiles, grain, *args)


def _correlation(
    x: np.ndarray,
    w: np.ndarray,
    y: np.ndarray,
    strides: tuple[int, int],
    dilation: tuple[int, int],
    groups: int,
) -> None:
    """y (N, OH, OW, O) from padded x (N, H, W, C) and w (KH, KW, C / groups, O), all contiguous."""
    _, height, width, channels = x.shape
    window_h, window_w, depth, columns = w.shape
    x_steps = (height * width * channels, strides[0] * width * channels, strides[1] * channels)
    if depth == channels and dilation[1] == 1:
        # The cells of one line of the window lie one after the other in x and in w.
        counts = (window_h, 1, window_w * depth)
    else:
        counts = (window_h, window_w, depth)
    sums = (
        counts,
        (dilation[0] * width * channels, dilation[1] * channels, 1),
        (window_w * depth * columns, depth * columns, columns),
    )
    rows = y.size // columns
    for group in range(groups):
        part = columns // groups
        _run_rows(
            _correlate,
            rows,
            window_h * window_w * depth * part,
            x.reshape(-1),
            group * depth,
            x_steps,
            y.shape[:3],
            w.reshape(-1),
            group * part,
            y.reshape(-1),
            group * part,
            columns,
            part,
            sums,
        )


def conv2d(
    x: Any, w: Any, *, strides: Any, padding: Any, dilation: Any, groups: int, out: Any = None
) -> Any:
    """x (N, H, W, C), w (KH, KW, C / groups, O) -> (N, OH, OW, O)."""
    images, height, width, _ = x.shape
    window_h, window_w, depth, columns = w.shape
    dtype = x.dtype
    x, w = _computed(x), _computed(w)
    shape = (
        images,
        output_size(height, window_h, strides[0], dilation[0], padding, 0),
        output_size(width, window_w, strides[1], dilation[1], padding, 1),
        columns,
    )
    y = _target(shape, x, out)
    if y.size == 0 or w.size == 0:
        y[...] = 0
        return _delivered(y, dtype, out)
    x = _padded(
        x,
        pads(height, window_h, strides[0], dilation[0], padding, 0),
        pads(width, window_w, strides[1], dilation[1], padding, 1),
    )
    if depth == 1 and groups == columns and groups > 1:
        grain = max(1, PRODUCTS_A_THREAD * images // (y.size * window_h * window_w))
        split(_depthwise, images, grain, x, w, y, tuple(strides), tuple(dilation))
    else:
        _correlation(x, w, y, strides, dilation, groups)
    return _delivered(y, dtype, out)


def conv2d_input_gradient(
    g: Any,
    w: Any,
    *,
    input_shape: Any,
    strides: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    out: Any = None,
) -> Any:
    """g (N, OH, OW, O), w (KH, KW, C / groups, O) -> input_shape."""
    images, height, width, channels = input_shape
    window_h, window_w, depth, columns = w.shape
    dtype = g.dtype
    g, w = _computed(g), _computed(w)
    top, bottom = pads(height, window_h, strides[0], dilation[0], padding, 0)
    left, right = pads(width, window_w, strides[1], dilation[1], padding, 1)
    if g.size == 0 or w.size == 0 or 0 in input_shape:
        return _delivered(np.zeros(input_shape, g.dtype), dtype, out)
    if depth == 1 and groups == columns and groups > 1:
        padded = np.zeros((images, height + top + bottom, width + left + right, channels), g.dtype)
        grain = max(1, PRODUCTS_A_THREAD * images // (g.size * window_h * window_w))
        split(_depthwise_input, images, grain, g, w, padded, tuple(strides), tuple(dilation))
        inner = padded[:, top : top + height, left : left + width]
        return _delivered(np.ascontiguousarray(inner), dtype, out)
    # Output (oy, ox) stands at (oy, ox) * strides + shift among the zeros.
    spread = np.zeros(
        (
            images,
            height + (window_h - 1) * dilation[0],
            width + (window_w - 1) * dilation[1],
            columns,
        ),
        g.dtype,
    )
    rows = _places(g.shape[1], strides[0], (window_h - 1) * dilation[0] - top, spread.shape[1])
    cells = _places(g.shape[2], strides[1], (window_w - 1) * dilation[1] - left, spread.shape[2])
    spread[:, rows[1], cells[1]] = g[:, rows[0], cells[0]]
    part = columns // groups
    turned = w[::-1, ::-1].reshape(window_h, window_w, depth, groups, part)
    turned = np.ascontiguousarray(turned.transpose(0, 1, 4, 3, 2))
    turned = turned.reshape(window_h, window_w, part, channels)
    dx = _target(tuple(input_shape), g, out)
    _correlation(spread, turned, dx, (1, 1), dilation, groups)
    return _delivered(dx, dtype, out)


def _places(count: int, stride: int, shift: int, size: int) -> tuple[slice, slice]:
    """Which of `count` items, item i at i * stride + shift, stand inside [0, size), and where."""
    first = max(0, -(shift // stride))
    stop = min(count, (size - 1 - shift) // stride + 1)
    if stop <= first:
        return slice(0, 0), slice(0, 0)
    start = first * stride + shift
    return slice(first, stop), slice(start, start + (stop - first - 1) * stride + 1, stride)


def conv2d_filter_gradient(
    x: Any,
    g: Any,
    *,
    filter_shape: Any,
    strides: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    out: Any = None,
) -> Any:
    """x (N, H, W, C), g (N, OH, OW, O) -> filter_shape (KH, KW, C / groups, O)."""
    _, height, width, channels = x.shape
    window_h, window_w, depth, columns = filter_shape
    dtype = x.dtype
    x, g = _computed(x), _computed(g)
    dw = _target(tuple(filter_shape), x, out)
    dw[...] = 0
    if g.size == 0 or dw.size == 0:
        return _delivered(dw, dtype, out)
    x = _padded(
        x,
        pads(height, window_h, strides[0], dilation[0], padding, 0),
        pads(width, window_w, strides[1], dilation[1], padding, 1),
    )
    if depth == 1 and groups == columns and groups > 1:
        grain = max(1, PRODUCTS_A_THREAD // g.size)
        split(
            _depthwise_filter, window_h * window_w, grain, x, g, dw, tuple(strides), tuple(dilation)
        )
        return _delivered(dw, dtype, out)
    _, height, width, channels = x.shape
    part = columns // groups
    for group in range(groups):
        _run_rows(
            _filter_gradient,
            window_h * window_w * depth,
            g.size // groups,
            x.reshape(-1),
            group * depth,
            (height * width * channels, strides[0] * width * channels, strides[1] * channels),
            g.shape[:3],
            (window_h, window_w, depth),
            (dilation[0] * width * channels, dilation[1] * channels),
            g.reshape(-1),
            group * part,
            dw.reshape(-1),
            part,
        )
    return _delivered(dw, dtype, out)
