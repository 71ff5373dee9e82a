"""Sizes and padding of sliding windows, as convolution and pooling on both devices need them."""

from __future__ import annotations

from typing import Any

Padding = Any  # "SAME", "VALID", or ((before, after), (before, after))


def pads(
    size: int, window: int, stride: int, dilation: int, padding: Padding, axis: int
) -> tuple[int, int]:
    """How many cells are added before and after an axis of `size` cells.

    "SAME" gives ceil(size / stride) outputs, with the odd cell added after (TensorFlow's rule).
    """
    if padding == "VALID":
        return 0, 0
    if padding == "SAME":
        reach = (window - 1) * dilation + 1
        outputs = -(-size // stride)
        total = max((outputs - 1) * stride + reach - size, 0)
        return total // 2, total - total // 2
    before, after = padding[axis]
    return before, after


def output_size(
    size: int, window: int, stride: int, dilation: int, padding: Padding, axis: int
) -> int:
    """How many windows fit on an axis."""
    before, after = pads(size, window, stride, dilation, padding, axis)
    reach = (window - 1) * dilation + 1
    return (size + before + after - reach) // stride + 1
