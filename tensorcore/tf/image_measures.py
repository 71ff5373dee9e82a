"""Windows of pictures, their changes from pixel to pixel, and how far two of them are apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tensorcore import dtypes
from tensorcore.errors import InvalidArgumentError, ShapeError
from tensorcore.ops.arithmetic import abs, multiply, square, subtract
from tensorcore.ops.creation import zeros
from tensorcore.ops.exponential import log
from tensorcore.ops.joining import concat, pad
from tensorcore.ops.reductions import mean, sum
from tensorcore.tensor import Tensor, as_tensor
from tensorcore.tf.dtypes import cast


def extract_patches(
    images: Any,
    sizes: Sequence[int],
    strides: Sequence[int],
    rates: Sequence[int],
    padding: str,
    name: str | None = None,
) -> Tensor:
    """Windows of pictures, the pixels of each in one row.

    Args:
        images: (N, height, width, channels).
        sizes, strides, rates: [1, rows, columns, 1]: the windows' size, the steps between them, and
            between the pixels of one.
        padding: "VALID", or "SAME" for windows that reach over the border, where there are zeros.

    Returns:
        (N, rows of windows, columns of windows, rows * columns * channels).
    """
    tensor = as_tensor(images)
    if tensor.ndim != 4:
        raise ShapeError(
            "image.extract_patches: expected (N, height, width, channels), received shape "
            f"{tensor.shape}"
        )
    if padding not in ("VALID", "SAME"):
        raise InvalidArgumentError(
            f'image.extract_patches: padding must be "VALID" or "SAME", received {padding!r}'
        )
    axes = [
        _places(size, reach, step, rate, padding)
        for size, reach, step, rate in zip(
            tensor.shape[1:3], sizes[1:3], strides[1:3], rates[1:3], strict=True
        )
    ]
    (top, down), (left, right) = (axis[0] for axis in axes)
    if top or down or left or right:
        tensor = pad(tensor, ((0, 0), (top, down), (left, right), (0, 0)))
    windows = [
        tensor[:, rows, columns, :]  # type: ignore[index]
        for rows in axes[0][1]
        for columns in axes[1][1]
    ]
    return concat(windows, axis=-1)


def _places(size: int, reach: int, step: int, rate: int, padding: str) -> Any:
    """(zeros before and after, where each pixel of the windows is read) along one dimension."""
    extent = (reach - 1) * rate + 1
    count = -(-size // step) if padding == "SAME" else -(-(size - extent + 1) // step)
    lacking = (count - 1) * step + extent - size if padding == "SAME" else 0
    before = lacking // 2 if lacking > 0 else 0
    after = lacking - before if lacking > 0 else 0
    end = (count - 1) * step + 1
    slices = [slice(i * rate, i * rate + end, step) for i in range(reach)]
    return (before, after), slices


def image_gradients(image: Any) -> tuple[Tensor, Tensor]:
    """(dy, dx): the next pixel minus this one, down and to the right; 0 at the end."""
    tensor = as_tensor(image)
    if tensor.ndim != 4:
        raise ShapeError(
            "image.image_gradients: expected (N, height, width, channels), received shape "
            f"{tensor.shape}"
        )
    results = []
    for axis in (1, 2):
        ahead = [slice(None)] * 4
        behind = [slice(None)] * 4
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        change = subtract(tensor[tuple(ahead)], tensor[tuple(behind)])  # type: ignore[index]
        shape = list(tensor.shape)
        shape[axis] = 1
        last = zeros(tuple(shape), dtype=tensor.dtype, device=tensor.device)
        results.append(concat([change, last], axis=axis))
    return results[0], results[1]


def total_variation(images: Any, name: str | None = None) -> Tensor:
    """The sum of all absolute differences of neighbours, of each picture."""
    tensor = as_tensor(images)
    if tensor.ndim not in (3, 4):
        raise ShapeError(
            "image.total_variation: expected (height, width, channels) or (N, height, width, "
            f"channels), received shape {tensor.shape}"
        )
    down = subtract(tensor[..., 1:, :, :], tensor[..., :-1, :, :])  # type: ignore[index]
    right = subtract(tensor[..., 1:, :], tensor[..., :-1, :])  # type: ignore[index]
    axes = (-3, -2, -1)
    return sum(abs(down), axis=axes) + sum(abs(right), axis=axes)  # type: ignore[operator]


def psnr(a: Any, b: Any, max_val: float, name: str | None = None) -> Tensor:
    """The peak signal-to-noise ratio of pictures, in decibels.

    20 log10(max_val) - 10 log10(mean squared difference).

    Args:
        a, b: (..., height, width, channels).
        max_val: the greatest value that there can be, such as 255 or 1.0.
    """
    from tensorcore.tf.image import convert_image_dtype

    peak = convert_image_dtype(cast(max_val, as_tensor(a).dtype), dtypes.float32)
    first, second = (convert_image_dtype(as_tensor(x), dtypes.float32) for x in (a, b))
    error = mean(square(subtract(first, second)), axis=(-3, -2, -1))
    tenth = 10.0 / math.log(10.0)
    return subtract(multiply(2.0 * tenth, log(peak)), multiply(tenth, log(error)))
