"""Pictures moved, turned and zoomed: each new pixel is read at a place of the old picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.ops.arithmetic import add, clip, floor, minimum, multiply, remainder, subtract
from tensorcore.ops.arithmetic import round as nearest_whole
from tensorcore.ops.indexing import take
from tensorcore.ops.logical import greater_equal, less, logical_and, where
from tensorcore.ops.shaping import reshape
from tensorcore.ops.transfer import astype
from tensorcore.tensor import Tensor, as_tensor


def _reflected(place: Any, size: int) -> Any:
    """d c b a | a b c d | d c b a"""
    turned = remainder(place, 2 * size)
    return minimum(turned, subtract(2 * size - 1, turned))


_INSIDE: dict[str, Callable[[Any, int], Any]] = {
    "reflect": _reflected,
    "wrap": remainder,
    "nearest": lambda place, size: clip(place, 0, size - 1),
    "constant": lambda place, size: clip(place, 0, size - 1),
}
FILL_MODES = tuple(_INSIDE)


def warped(
    images: Tensor, matrix: Any, fill_mode: str, fill_value: float, interpolation: str
) -> Tensor:
    """Pictures (N, height, width, channels) read at a0 x + a1 y + a2 and b0 x + b1 y + b2.

    Args:
        images: floating-point pictures.
        matrix: a0, a1, a2, b0, b1, b2, each a number or a tensor (N,).
        fill_mode: what is read beyond the border: "reflect", "wrap", "nearest", or "constant".
        fill_value: the value there for "constant".
        interpolation: "bilinear" or "nearest".
    """
    count, height, width, channels = images.shape
    a0, a1, a2, b0, b1, b2 = (_column(value) for value in matrix)
    x = as_tensor(np.arange(width, dtype=np.float32).reshape(1, 1, width), device=images.device)
    y = as_tensor(np.arange(height, dtype=np.float32).reshape(1, height, 1), device=images.device)
    zero = as_tensor(np.zeros((count, height, width), np.float32), device=images.device)
    across = add(add(add(multiply(a0, x), multiply(a1, y)), a2), zero)
    down = add(add(add(multiply(b0, x), multiply(b1, y)), b2), zero)
    pixels = reshape(images, (count * height * width, channels))
    first = np.arange(count, dtype=np.float32).reshape(count, 1, 1) * height * width
    starts = as_tensor(first.astype(np.int32), device=images.device)

    def read(row: Any, column: Any) -> Any:
        inner_row = astype(_INSIDE[fill_mode](row, height), dtypes.int32)
        inner_column = astype(_INSIDE[fill_mode](column, width), dtypes.int32)
        index = add(add(multiply(inner_row, width), inner_column), starts)
        found = reshape(take(pixels, reshape(index, (-1,)), axis=0), images.shape)
        if fill_mode != "constant":
            return found
        inside = logical_and(_within(row, height), _within(column, width))
        return where(reshape(inside, (count, height, width, 1)), found, fill_value)

    if interpolation == "nearest":
        return read(nearest_whole(down), nearest_whole(across))
    top, left = floor(down), floor(across)
    below, right = _share(down, top, images), _share(across, left, images)
    upper = _mixed(read(top, left), read(top, add(left, 1.0)), right)
    lower = _mixed(read(add(top, 1.0), left), read(add(top, 1.0), add(left, 1.0)), right)
    return _mixed(upper, lower, below)


def _column(value: Any) -> Any:
    return value if isinstance(value, (int, float)) else reshape(value, (-1, 1, 1))


def _within(place: Any, size: int) -> Any:
    return logical_and(greater_equal(place, 0.0), less(place, float(size)))


def _share(place: Any, low: Any, images: Tensor) -> Any:
    return astype(reshape(subtract(place, low), (*images.shape[:3], 1)), images.dtype)


def _mixed(first: Any, second: Any, share: Any) -> Any:
    return add(multiply(first, subtract(1.0, share)), multiply(second, share))
