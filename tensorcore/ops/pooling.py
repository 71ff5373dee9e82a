"""Pooling in two dimensions, channels last."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import ShapeError
from tensorcore.kernels.windows import pads
from tensorcore.ops.convolution import (
    Pair,
    check_padding,
    check_pair,
    padded,
    window_output,
    windows,
)
from tensorcore.ops.record import Spec, check_inexact, op

ONE = (1, 1)


def _rule(op_name: str, x: Any, window: Any, strides: Any, padding: Any) -> Spec:
    check_inexact(op_name, "x", x.dtype)
    if len(x.shape) != 4:
        raise ShapeError(f"{op_name}: x must have shape (N, H, W, C), received {tuple(x.shape)}")
    check_pair(op_name, "window", window)
    check_pair(op_name, "strides", strides)
    check_padding(op_name, padding)
    out = window_output(op_name, x.shape, window, strides, ONE, padding)
    return Spec((x.shape[0], *out, x.shape[3]), x.dtype)


def _cells(xp: Any, x: Any, window: Pair, strides: Pair, padding: Any, value: Any) -> Any:
    """All cells of all windows: (cells, N, OH, OW, C), in row-major order of the window."""
    out = window_output("pooling", x.shape, window, strides, ONE, padding)
    x = padded(xp, x, window, strides, ONE, padding, value)
    return xp.stack(
        [windows(x, out, r, c, strides) for r in range(window[0]) for c in range(window[1])]
    )


def _winners(xp: Any, x: Any, window: Pair, strides: Pair, padding: Any) -> Any:
    """For each window the number of its first maximum: (N, OH, OW, C)."""
    return xp.argmax(_cells(xp, x, window, strides, padding, -np.inf), axis=0)


def _unpad(xp: Any, x: Any, shape: Any, window: Pair, strides: Pair, padding: Any) -> Any:
    (top, _), (left, _) = (pads(shape[1 + i], window[i], strides[i], 1, padding, i) for i in (0, 1))
    return xp.ascontiguousarray(x[:, top : top + shape[1], left : left + shape[2], :])


def _bordered_zeros(
    xp: Any, shape: Any, dtype: Any, window: Pair, strides: Pair, padding: Any
) -> Any:
    border = [sum(pads(shape[1 + i], window[i], strides[i], 1, padding, i)) for i in (0, 1)]
    return xp.zeros((shape[0], shape[1] + border[0], shape[2] + border[1], shape[3]), dtype)


def _max_reference(xp: Any, x: Any, window: Pair, strides: Pair, padding: Any) -> Any:
    return xp.max(_cells(xp, x, window, strides, padding, -np.inf), axis=0)


def _max_gradient_reference(
    xp: Any, g: Any, x: Any, window: Pair, strides: Pair, padding: Any
) -> Any:
    winners = _winners(xp, x, window, strides, padding)
    result = _bordered_zeros(xp, x.shape, g.dtype, window, strides, padding)
    for cell in range(window[0] * window[1]):
        row, column = divmod(cell, window[1])
        target = windows(result, g.shape[1:3], row, column, strides)
        target += xp.where(winners == cell, g, g.dtype.type(0))
    return _unpad(xp, result, x.shape, window, strides, padding)


def _max_gather_reference(
    xp: Any, v: Any, x: Any, window: Pair, strides: Pair, padding: Any
) -> Any:
    winners = _winners(xp, x, window, strides, padding)
    return xp.take_along_axis(_cells(xp, v, window, strides, padding, 0), winners[None], 0)[0]


_CASES: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((2, 4, 6, 3), {"window": (2, 2), "strides": (2, 2), "padding": "VALID"}),
    ((1, 5, 5, 2), {"window": (3, 2), "strides": (2, 1), "padding": "SAME"}),
    ((1, 4, 5, 2), {"window": (2, 3), "strides": (1, 2), "padding": ((1, 0), (1, 1))}),
]


def _out(shape: Any, attrs: dict[str, Any]) -> tuple[int, ...]:
    return (
        shape[0],
        *window_output("pooling", shape, attrs["window"], attrs["strides"], ONE, attrs["padding"]),
        shape[3],
    )


@op(
    reference=_max_reference,
    gradient=(
        lambda g, x, window, strides, padding: max_pool2d_gradient(
            g, x, window=window, strides=strides, padding=padding
        ),
    ),
    samples=lambda rng: [((rng.normal(size=shape),), attrs) for shape, attrs in _CASES],
)
def max_pool2d(x, /, *, window, strides, padding="VALID"):
    """The maximum of each window of an image, channels last.

    Args:
        x: images, shape (N, H, W, C).
        window: its size (height, width), in cells.
        strides: steps of the window (height, width).
        padding: "VALID", "SAME", or ((top, bottom), (left, right)); cells of the border never win.

    >>> tc.nn.max_pool2d(tc.ones((1, 4, 4, 1)), window=(2, 2), strides=(2, 2)).shape
    (1, 2, 2, 1)
    """
    return _rule("max_pool2d", x, window, strides, padding)


@op(
    reference=_max_gradient_reference,
    gradient=(
        lambda g, x, window, strides, padding: max_pool2d_gather(
            g, x, window=window, strides=strides, padding=padding
        ),
        "none: the position of a maximum has no slope",
    ),
    samples=lambda rng: [
        ((rng.normal(size=_out(shape, attrs)), rng.normal(size=shape)), attrs)
        for shape, attrs in _CASES
    ],
)
def max_pool2d_gradient(in_g, x, /, *, window, strides, padding):
    """The gradient of max_pool2d: each value goes to the first maximum of its window."""
    return Spec(tuple(x.shape), in_g.dtype)


@op(
    reference=_max_gather_reference,
    gradient=(
        lambda g, x, window, strides, padding: max_pool2d_gradient(
            g, x, window=window, strides=strides, padding=padding
        ),
        "none: the position of a maximum has no slope",
    ),
    samples=lambda rng: [
        ((rng.normal(size=shape), rng.normal(size=shape)), attrs) for shape, attrs in _CASES
    ],
)
def max_pool2d_gather(v, x, /, *, window, strides, padding):
    """The values of v where x has the maxima of its windows."""
    return _rule("max_pool2d_gather", x, window, strides, padding)


def _counts(xp: Any, shape: Any, dtype: Any, window: Pair, strides: Pair, padding: Any) -> Any:
    """How many cells of each window lie inside the image: (1, OH, OW, 1)."""
    ones = xp.ones((1, *shape[1:3], 1), dtype)
    return xp.sum(_cells(xp, ones, window, strides, padding, 0), axis=0)


def _average_reference(xp: Any, x: Any, window: Pair, strides: Pair, padding: Any) -> Any:
    compute = dtypes.accumulator(x.dtype)
    cells = _cells(xp, x.astype(compute, copy=False), window, strides, padding, 0)
    counts = _counts(xp, x.shape, compute, window, strides, padding)
    return (xp.sum(cells, axis=0) / counts).astype(x.dtype, copy=False)


def _average_gradient_reference(
    xp: Any, g: Any, input_shape: Any, window: Pair, strides: Pair, padding: Any
) -> Any:
    compute = dtypes.accumulator(g.dtype)
    share = g.astype(compute, copy=False) / _counts(
        xp, input_shape, compute, window, strides, padding
    )
    result = _bordered_zeros(xp, input_shape, compute, window, strides, padding)
    for row in range(window[0]):
        for column in range(window[1]):
            target = windows(result, g.shape[1:3], row, column, strides)
            target += share
    return _unpad(xp, result, input_shape, window, strides, padding).astype(g.dtype, copy=False)


@op(
    reference=_average_reference,
    gradient=(
        lambda g, x_shape, window, strides, padding: avg_pool2d_gradient(
            g, input_shape=x_shape, window=window, strides=strides, padding=padding
        ),
    ),
    samples=lambda rng: [((rng.normal(size=shape),), attrs) for shape, attrs in _CASES],
)
def avg_pool2d(x, /, *, window, strides, padding="VALID"):
    """The mean of each window of an image, channels last; cells of the border do not count.

    >>> tc.nn.avg_pool2d(tc.ones((1, 4, 4, 1)), window=(2, 2), strides=(2, 2)).shape
    (1, 2, 2, 1)
    """
    return _rule("avg_pool2d", x, window, strides, padding)


@op(
    reference=_average_gradient_reference,
    gradient=(
        lambda g, window, strides, padding: avg_pool2d(
            g, window=window, strides=strides, padding=padding
        ),
    ),
    samples=lambda rng: [
        ((rng.normal(size=_out(shape, attrs)),), {**attrs, "input_shape": shape})
        for shape, attrs in _CASES
    ],
)
def avg_pool2d_gradient(in_g, /, *, input_shape, window, strides, padding):
    """The gradient of avg_pool2d: each value is shared by the cells of its window."""
    return Spec(tuple(input_shape), in_g.dtype)
