"""Pictures brought to another size."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import InvalidArgumentError, ShapeError
from tensorcore.ops.indexing import take
from tensorcore.ops.linear import einsum
from tensorcore.ops.transfer import astype
from tensorcore.tensor import Tensor, as_tensor


def resized(images: Any, height: int, width: int, method: str = "bilinear") -> Tensor:
    """Pictures (..., height, width, channels) of another size.

    A new pixel's centre lies at (i + 0.5) * old / new - 0.5 of the old picture; "bilinear" (the
    result is floating point) weighs the four pixels around it, "nearest" takes the one it falls
    into.
    """
    image = as_tensor(images)
    if image.ndim < 3:
        raise ShapeError(
            f"resize: expected (height, width, channels) or more dimensions, received shape "
            f"{image.shape}"
        )
    rows, columns = image.shape[-3:-1]
    if method == "nearest":
        picked = take(image, _indices(rows, height, image), axis=image.ndim - 3)
        return take(picked, _indices(columns, width, image), axis=image.ndim - 2)
    if method != "bilinear":
        raise InvalidArgumentError(
            f"resize: method {method!r} is not there yet; there are 'bilinear' and 'nearest'"
        )
    if not dtypes.is_inexact(image.dtype):
        image = astype(image, dtypes.float32)
    by_rows = as_tensor(_bilinear(rows, height).astype(image.dtype), device=image.device)
    by_columns = as_tensor(_bilinear(columns, width).astype(image.dtype), device=image.device)
    tall = einsum("ih,...hwc->...iwc", by_rows, image)
    return einsum("jw,...iwc->...ijc", by_columns, tall)


def _indices(old: int, new: int, like: Tensor) -> Tensor:
    """For each new pixel the old one that its centre falls into."""
    places = np.minimum(((np.arange(new) + 0.5) * (old / new)).astype(np.int64), old - 1)
    return as_tensor(places, device=like.device)


def _bilinear(old: int, new: int) -> np.ndarray:
    """The weights (new, old) of old pixels in new ones."""
    centres = np.maximum((np.arange(new) + 0.5) * (old / new) - 0.5, 0.0)
    low = np.minimum(centres.astype(np.int64), old - 1)
    share = (centres - low).astype(np.float32)
    weights = np.zeros((new, old), np.float32)
    np.add.at(weights, (np.arange(new), low), 1 - share)
    np.add.at(weights, (np.arange(new), np.minimum(low + 1, old - 1)), share)
    return weights
