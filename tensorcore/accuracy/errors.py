"""The measures of an error, and which rows are asked for."""

from __future__ import annotations

from typing import Any

import numpy as np


def chosen(name: str, only: str | None) -> bool:
    """Whether a name is asked for: all are if nothing is said."""
    return only is None or only in name


def widened(v: np.ndarray) -> np.ndarray:
    """The same values in float64; booleans stay."""
    return v if v.dtype == np.bool_ else v.astype(np.float64)


def ulps(actual: np.ndarray, exact: np.ndarray, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """(errors in ULP, where infinity or NaN is not what it must be)."""
    import ml_dtypes

    info = ml_dtypes.finfo(dtype)
    largest = float(info.max)
    actual = actual.astype(np.float64)
    # Between the largest number and one step more either is a right answer.
    step = 2.0 ** np.floor(np.log2(largest)) * float(info.eps)
    overflows = np.abs(exact) > largest - step
    finite = np.isfinite(exact) & ~overflows & np.isfinite(actual)
    special = ~finite & ~(np.isnan(actual) & np.isnan(exact))
    right = (np.sign(actual) == np.sign(exact)) & (np.abs(actual) >= largest - 2 * step)
    special &= ~(overflows & right)
    exponent = np.floor(np.log2(np.maximum(np.abs(exact), float(info.tiny))))
    spacing = np.exp2(exponent) * float(info.eps)
    error = np.where(finite, np.abs(actual - exact) / spacing, 0.0)
    return np.where(np.isfinite(error), error, 0.0), special


def relative(actual: np.ndarray, exact: np.ndarray) -> float:
    """The greatest difference, relative to the greatest value."""
    both = np.isfinite(exact) & np.isfinite(actual)
    if not both.any():
        return 0.0
    size = float(np.abs(exact[both]).max()) or 1.0
    return float(np.abs(actual[both] - exact[both]).max()) / size
