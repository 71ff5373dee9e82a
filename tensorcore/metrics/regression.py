"""Metrics of predicted numbers, and losses as metrics."""

from __future__ import annotations

from typing import Any

from tensorcore import losses
from tensorcore.losses.shapes import EPSILON, as_float_pair, check_broadcast
from tensorcore.metrics.base import Mean, MeanMetric
from tensorcore.ops.arithmetic import add, divide, multiply, negative, square, subtract
from tensorcore.ops.exponential import sqrt
from tensorcore.ops.reductions import mean, std, var


class MeanSquaredError(MeanMetric):
    """Mean of (y_true - y_pred)**2."""

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_squared_error, name, dtype)


class MeanAbsoluteError(MeanMetric):
    """Mean of |y_true - y_pred|."""

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(MeanMetric):
    """100 times the mean of |y_true - y_pred| / |y_true|."""

    def __init__(
        self, name: str | None = "mean_absolute_percentage_error", dtype: Any = None
    ) -> None:
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(MeanMetric):
    """Mean of (log(y_true + 1) - log(y_pred + 1))**2."""

    def __init__(
        self, name: str | None = "mean_squared_logarithmic_error", dtype: Any = None
    ) -> None:
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


class LogCoshError(MeanMetric):
    """Mean of log(cosh(y_pred - y_true))."""

    def __init__(self, name: str | None = "logcosh", dtype: Any = None) -> None:
        super().__init__(losses.log_cosh, name, dtype)


class KLDivergence(MeanMetric):
    """Mean of sum(y_true log(y_true / y_pred))."""

    def __init__(self, name: str | None = "kl_divergence", dtype: Any = None) -> None:
        super().__init__(losses.kl_divergence, name, dtype)


class Poisson(MeanMetric):
    """Mean of y_pred - y_true log(y_pred)."""

    def __init__(self, name: str | None = "poisson", dtype: Any = None) -> None:
        super().__init__(losses.poisson, name, dtype)


class Hinge(MeanMetric):
    """Mean of max(1 - y_true * y_pred, 0)."""

    def __init__(self, name: str | None = "hinge", dtype: Any = None) -> None:
        super().__init__(losses.hinge, name, dtype)


class SquaredHinge(MeanMetric):
    """Mean of max(1 - y_true * y_pred, 0)**2."""

    def __init__(self, name: str | None = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(losses.squared_hinge, name, dtype)


class CategoricalHinge(MeanMetric):
    """Mean of max(1 + greatest wrong score - right score, 0)."""

    def __init__(self, name: str | None = "categorical_hinge", dtype: Any = None) -> None:
        super().__init__(losses.categorical_hinge, name, dtype)


class RootMeanSquaredError(Mean):
    """Square root of the mean of (y_true - y_pred)**2.

    >>> float(RootMeanSquaredError()([0.0, 0.0], [3.0, 3.0]))
    3.0
    """

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = as_float_pair(y_true, y_pred)
        check_broadcast(self.name, y_true, y_pred)
        super().update_state(square(subtract(y_true, y_pred)), sample_weight)

    def result(self) -> Any:
        return sqrt(super().result())


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """The cosine of the angle between labels and predictions; the loss is minus that."""
    return negative(losses.cosine_similarity(y_true, y_pred, axis=axis))


class CosineSimilarity(MeanMetric):
    """Mean of the cosine of the angle between labels and predictions."""

    def __init__(
        self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1
    ) -> None:
        super().__init__(cosine_similarity, name, dtype, axis=axis)


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Pearson's correlation of labels and predictions along `axis`.

    >>> round(float(pearson_correlation([1.0, 2.0, 3.0], [2.0, 4.0, 6.0])), 4)
    1.0
    """
    y_true, y_pred = as_float_pair(y_true, y_pred)
    first, second = (_standard(y, axis) for y in (y_true, y_pred))
    return mean(multiply(first, second), axis=axis)


def _standard(y: Any, axis: int) -> Any:
    y = subtract(y, mean(y, axis=axis, keepdims=True))
    return divide(y, std(y, axis=axis, keepdims=True))


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Lin's concordance: how well predictions lie on the line y_true = y_pred."""
    y_true, y_pred = as_float_pair(y_true, y_pred)
    mean_true = mean(y_true, axis=axis, keepdims=True)
    mean_pred = mean(y_pred, axis=axis, keepdims=True)
    # Keras takes both distances from the predictions' mean.
    product = multiply(subtract(y_true, mean_pred), subtract(y_pred, mean_pred))
    spread = add(var(y_true, axis=axis, keepdims=True), var(y_pred, axis=axis, keepdims=True))
    whole = add(add(spread, square(subtract(mean_true, mean_pred))), EPSILON)
    return mean(divide(multiply(product, 2.0), whole), axis=axis)


class PearsonCorrelation(MeanMetric):
    """Mean of Pearson's correlation of labels and predictions."""

    def __init__(
        self, name: str | None = "pearson_correlation", dtype: Any = None, axis: int = -1
    ) -> None:
        super().__init__(pearson_correlation, name, dtype, axis=axis)


class ConcordanceCorrelation(MeanMetric):
    """Mean of Lin's concordance of labels and predictions."""

    def __init__(
        self, name: str | None = "concordance_correlation", dtype: Any = None, axis: int = -1
    ) -> None:
        super().__init__(concordance_correlation, name, dtype, axis=axis)


class BinaryCrossentropy(MeanMetric):
    """Mean cross-entropy of yes/no labels."""

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ) -> None:
        options: dict[str, Any] = {"from_logits": from_logits, "label_smoothing": label_smoothing}
        super().__init__(losses.binary_crossentropy, name, dtype, **options)


class CategoricalCrossentropy(MeanMetric):
    """Mean cross-entropy of one-hot labels."""

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ) -> None:
        options: dict[str, Any] = {
            "from_logits": from_logits,
            "label_smoothing": label_smoothing,
            "axis": axis,
        }
        super().__init__(losses.categorical_crossentropy, name, dtype, **options)


class SparseCategoricalCrossentropy(MeanMetric):
    """Mean cross-entropy of integer labels."""

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        axis: int = -1,
    ) -> None:
        options: dict[str, Any] = {"from_logits": from_logits, "axis": axis}
        super().__init__(losses.sparse_categorical_crossentropy, name, dtype, **options)
