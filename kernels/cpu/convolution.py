"""Two-dimensional convolution (cross-correlation) and its gradients, without unfolding the images.

Letters: N images, H x W cells of C channels, windows of KH x KW cells, OH x OW outputs of O
channels.  All are pieces of work on contiguous arrays (`piece.py`), which run in a plan without
Python between them, and one after the other where an operation is called.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from tensorcore.kernels.cpu import correlation, depthwise, filter_gradient
from tensorcore.kernels.cpu.correlation import Line
from tensorcore.kernels.cpu.jit import kernel
from tensorcore.kernels.cpu.piece import Piece, run
from tensorcore.kernels.cpu.vectors import ADD, ADD_RELU, MASK, NOTHING, ROWS
from tensorcore.kernels.windows import output_size, pads

PRODUCTS_A_THREAD = 1 << 20  # what is worth giving to a thread that waits for work
ELEMENTS_A_THREAD = 1 << 15
Pair = tuple[int, int]


# Copies -------------------------------------------------------------------------------------------


@kernel
def _pad(start, stop, x, padded, top, left):
    """Images into the middle of larger ones."""
    for n in range(np.uintp(start), np.uintp(stop)):
        for y in range(x.shape[1]):
            padded[n, y + top, left : left + x.shape[2]] = x[n, y]


@kernel
def _crop(start, stop, padded, x, top, left):
    """The middle of images."""
    for n in range(np.uintp(start), np.uintp(stop)):
        for y in range(x.shape[1]):
            x[n, y] = padded[n, y + top, left : left + x.shape[2]]


@kernel
def _turn(start, stop, w, order, turned):
    """Cell i of `turned`, (part, groups, depth), is cell order[i] of w, (depth, groups, part)."""
    for i in range(np.uintp(start), np.uintp(stop)):
        cell = w[np.uintp(order[i])]
        for p in range(turned.shape[1]):
            for group in range(turned.shape[2]):
                for c in range(turned.shape[3]):
                    turned[i, p, group, c] = cell[c, group, p]


def _image_grain(size: int, images: int) -> int:
    return max(1, ELEMENTS_A_THREAD * images // size)


def _padded(x: np.ndarray, border: Any) -> tuple[np.ndarray, list[Piece]]:
    """The images with their border, and the work that fills them in."""
    (top, bottom), (left, right) = border
    if not any((top, bottom, left, right)):
        return x, []
    images, height, width, channels = x.shape
    padded = np.zeros((images, height + top + bottom, width + left + right, channels), x.dtype)
    return padded, [Piece(_pad, images, _image_grain(x.size, images), (x, padded, top, left))]


def _border(shape: Any, window: Any, strides: Any, padding: Any, dilation: Any) -> Any:
    return [pads(shape[1 + i], window[i], strides[i], dilation[i], padding, i) for i in (0, 1)]


# The work -----------------------------------------------------------------------------------------


def _correlation(
    x: Any, w: Any, y: Any, table: np.ndarray, products: int, ending: int, extra: Any
) -> Piece:
    blocks = int(table[-1, 0])
    grain = max(1, PRODUCTS_A_THREAD * blocks // max(1, products))
    flat = (x.reshape(-1), w.reshape(-1), y.reshape(-1))
    extra = flat[2] if extra is None else extra.reshape(-1)
    return Piece(correlation.correlate, blocks, grain, (*flat, table, ending, extra))


def _work(g_shape: Any, filter_shape: Any) -> int:
    return math.prod(g_shape) * math.prod(filter_shape[:3])


def _is_depthwise(filter_shape: Any, groups: int) -> bool:
    return filter_shape[2] == 1 and groups == filter_shape[3] and groups > 1


def _forward(
    x: Any,
    w: Any,
    extra: Any = None,
    *,
    strides: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    out: Any,
    ending: int = NOTHING,
) -> list[Piece]:
    border = _border(x.shape, w.shape, strides, padding, dilation)
    work = _work(out.shape, w.shape)
    if _is_depthwise(w.shape, groups):
        x, pieces = _padded(x, border)
        grain = max(1, PRODUCTS_A_THREAD * len(x) // work)
        args = (x, w, out, *strides, *dilation)
        return [*pieces, Piece(depthwise.depthwise, len(x), grain, args)]

    def lines(x: Any, before: Any) -> tuple[Line, Line]:
        first, second = (
            Line(x.shape[1 + i], out.shape[1 + i], w.shape[i], strides[i], before[i], dilation[i])
            for i in (0, 1)
        )
        return first, second

    pieces = []
    chosen = lines(x, (border[0][0], border[1][0]))
    whole = -(-math.prod(out.shape[:3]) // ROWS) * ROWS * w.shape[0] * w.shape[1]
    if correlation.products(len(x), chosen) > whole:  # many sections of few outputs each
        x, pieces = _padded(x, border)
        chosen = lines(x, (0, 0))
    table = correlation.sections(
        len(x), (chosen,), (0,), x.shape[1:], out.shape[1:], w.shape[2], groups
    )
    return [*pieces, _correlation(x, w, out, table, work, ending, extra)]


def _input_gradient(
    g: Any,
    w: Any,
    extra: Any = None,
    *,
    input_shape: Any,
    strides: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    out: Any,
    ending: int = NOTHING,
) -> list[Piece]:
    border = _border(input_shape, w.shape, strides, padding, dilation)
    work = _work(g.shape, w.shape)
    if _is_depthwise(w.shape, groups):
        whole, _ = _padded(out, border)
        grain = max(1, PRODUCTS_A_THREAD * len(g) // work)
        args = (g, w, whole, *strides, *dilation)
        pieces = [Piece(depthwise.input_gradient, len(g), grain, args)]
        if whole is not out:
            (top, _), (left, _) = border
            args = (whole, out, top, left)
            pieces.append(Piece(_crop, len(out), _image_grain(out.size, len(out)), args))
        return pieces
    axes = []
    for i in (0, 1):
        sizes = (input_shape[1 + i], g.shape[1 + i], w.shape[i])
        axes.append(_phases(*sizes, strides[i], border[i][0], dilation[i]))
    window_h, window_w, depth, columns = w.shape
    lines, starts, order = [], [], []
    for tall, rows in axes[0]:
        for wide, cells in axes[1]:
            lines.append((tall, wide))
            starts.append(len(order) * depth * columns)
            order += [kh * window_w + kw for kh in rows for kw in cells]
    cells = window_h * window_w
    part = columns // groups
    turned = np.empty((cells, part, groups, depth), w.dtype)
    given = (w.reshape(cells, depth, groups, part), np.array(order, np.int64), turned)
    grain = max(1, ELEMENTS_A_THREAD * cells // w.size)
    table = correlation.sections(
        len(g), tuple(lines), tuple(starts), g.shape[1:], out.shape[1:], part, groups
    )
    product = _correlation(g, turned, out, table, work, ending, extra)
    return [Piece(_turn, cells, grain, given), product]


def _phases(
    size: int, outputs: int, taps: int, stride: int, before: int, dilation: int
) -> list[tuple[Line, list[int]]]:
    """dx along an axis as correlations with g: one for each place of a cell between two windows.

    Cell `first + t * stride` of the image meets window t + (first + before - k * dilation) / stride
    in its tap k, where this is a whole number; the taps are given backwards, as the windows come.
    """
    found = []
    common = math.gcd(stride, dilation)
    for first in range(min(stride, size)):
        meeting = [k for k in range(taps) if (first + before - k * dilation) % stride == 0][::-1]
        reach = (first + before - meeting[0] * dilation) // stride if meeting else 0
        cells = -(-(size - first) // stride)
        line = Line(outputs, cells, len(meeting), 1, -reach, dilation // common, first, stride)
        found.append((line, meeting))
    return found


def _filter_gradient(
    x: Any,
    g: Any,
    *,
    filter_shape: Any,
    strides: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    out: Any,
) -> list[Piece]:
    x, pieces = _padded(x, _border(x.shape, filter_shape, strides, padding, dilation))
    window = filter_shape[:2]
    if _is_depthwise(filter_shape, groups):
        grain = max(1, PRODUCTS_A_THREAD // g.size)
        args = (x, g, out, *strides, *dilation)
        return [*pieces, Piece(depthwise.filter_gradient, window[0] * window[1], grain, args)]
    sums = filter_gradient.filter_sums(x, g, filter_shape, strides, dilation, groups)
    steps = sums.shares * sums.parts
    grain = max(1, PRODUCTS_A_THREAD * steps // _work(g.shape, filter_shape))
    dw = out.reshape(-1) if sums.shares == 1 else np.empty((sums.shares, out.size), out.dtype)
    args = (x.reshape(-1), g.reshape(-1), dw.reshape(-1), sums.numbers())
    pieces.append(Piece(filter_gradient.filter_gradient, steps, grain, args))
    if sums.shares > 1:
        args = (dw, out.reshape(-1))
        pieces.append(Piece(filter_gradient.add_shares, out.size, ELEMENTS_A_THREAD, args))
    return pieces


# What Python calls --------------------------------------------------------------------------------


def conv2d(
    x: Any, w: Any, *, strides: Any, padding: Any, dilation: Any, groups: int, out: Any = None
) -> Any:
    """x (N, H, W, C), w (KH, KW, C / groups, O) -> (N, OH, OW, O)."""
    height, width = (
        output_size(x.shape[1 + i], w.shape[i], strides[i], dilation[i], padding, i) for i in (0, 1)
    )
    shape = (len(x), height, width, w.shape[3])
    attrs = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups}
    return run(_forward, (x, w), shape, out, **attrs)


def conv2d_input_gradient(
    g: Any, w: Any, *, input_shape: Any, out: Any = None, **attrs: Any
) -> Any:
    """g (N, OH, OW, O), w (KH, KW, C / groups, O) -> input_shape."""
    return run(_input_gradient, (g, w), input_shape, out, input_shape=input_shape, **attrs)


def conv2d_filter_gradient(
    x: Any, g: Any, *, filter_shape: Any, out: Any = None, **attrs: Any
) -> Any:
    """x (N, H, W, C), g (N, OH, OW, O) -> filter_shape (KH, KW, C / groups, O)."""
    return run(_filter_gradient, (x, g), filter_shape, out, filter_shape=filter_shape, **attrs)


def conv2d_add(x: Any, w: Any, bias: Any, *, out: Any, **attrs: Any) -> Any:
    """The convolution and a bias (O,)."""
    return run(_forward, (x, w, bias), out.shape, out, ending=ADD, **attrs)


def conv2d_add_relu(x: Any, w: Any, bias: Any, *, out: Any, **attrs: Any) -> Any:
    """max(convolution + bias, 0)."""
    return run(_forward, (x, w, bias), out.shape, out, ending=ADD_RELU, **attrs)


def conv2d_input_gradient_mask(g: Any, w: Any, y: Any, *, out: Any, **attrs: Any) -> Any:
    """The gradient for the input where y, as large as that, is positive, else 0."""
    return run(_input_gradient, (g, w, y), out.shape, out, ending=MASK, **attrs)


WORK = {
    "conv2d": _forward,
    "conv2d_add": functools.partial(_forward, ending=ADD),
    "conv2d_add_relu": functools.partial(_forward, ending=ADD_RELU),
    "conv2d_input_gradient": _input_gradient,
    "conv2d_input_gradient_mask": functools.partial(_input_gradient, ending=MASK),
    "conv2d_filter_gradient": _filter_gradient,
}
