"""Metrics of predicted numbers."""

from __future__ import annotations

from typing import Any

from tensorcore.losses import mean_absolute_error, mean_squared_error
from tensorcore.metrics.base import MeanMetric


class MeanSquaredError(MeanMetric):
    """Mean of (y_true - y_pred)**2."""

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(mean_squared_error, name, dtype)


class MeanAbsoluteError(MeanMetric):
    """Mean of |y_true - y_pred|."""

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(mean_absolute_error, name, dtype)
