"""The loss functions as classes, with options and a reduction."""

from __future__ import annotations

from typing import Any

from tensorcore.losses import functions, hinges, regression
from tensorcore.losses.base import LossFunction

MEAN = "sum_over_batch_size"


class MeanSquaredError(LossFunction):
    """Mean of (y_true - y_pred)**2.

    >>> float(MeanSquaredError()([[0.0, 2.0]], [[1.0, 1.0]]))
    1.0
    """

    def __init__(
        self,
        reduction: str | None = MEAN,
        name: str | None = "mean_squared_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(regression.mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(LossFunction):
    """Mean of |y_true - y_pred|."""

    def __init__(
        self,
        reduction: str | None = MEAN,
        name: str | None = "mean_absolute_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(regression.mean_absolute_error, reduction, name, dtype)


class MeanAbsolutePercentageError(LossFunction):
    """100 times the mean of |y_true - y_pred| / |y_true|."""

    def __init__(
        self,
        reduction: str | None = MEAN,
        name: str | None = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(regression.mean_absolute_percentage_error, reduction, name, dtype)


class MeanSquaredLogarithmicError(LossFunction):
    """Mean of (log(y_true + 1) - log(y_pred + 1))**2."""

    def __init__(
        self,
        reduction: str | None = MEAN,
        name: str | None = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(regression.mean_squared_logarithmic_error, reduction, name, dtype)


class Huber(LossFunction):
    """A square up to `delta`, a line beyond; see `regression.huber`."""

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = MEAN,
        name: str | None = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(regression.huber, reduction, name, dtype, delta=delta)


class LogCosh(LossFunction):
    """Mean of log(cosh(y_pred - y_true))."""

    def __init__(
        self,
        reduction: str | None = MEAN,
        name: str | None = "log_cosh",
        dtype: Any = None,
    ) -> None:
        super().__init__(regression.log_cosh, reduction, name, dtype)


class CosineSimilarity(LossFunction):
    """Minus the cosine of the angle between labels and predictions."""

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = MEAN,
        name: str | None = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        super().__init__(regression.cosine_similarity, reduction, name, dtype, axis=axis)


class KLDivergence(LossFunction):
    """Sum of y_true log(y_true / y_pred), of two distributions."""

    def __init__(
        self,
        reduction: str | None = MEAN,
        name: str | None = "kl_divergence",
        dtype: Any = None,
    ) -> None:
        super().__init__(regression.kl_divergence, reduction, name, dtype)


class Poisson(LossFunction):
    """Mean of y_pred - y_true log(y_pred), for counts."""

    def __init__(
        self,
        reduction: str | None = MEAN,
        name: str | None = "poisson",
        dtype: Any = None,
    ) -> None:
        super().__init__(regression.poisson, reduction, name, dtype)


class Hinge(LossFunction):
    """Mean of max(1 - y_true * y_pred, 0), for labels -1 and 1."""

    def __init__(
        self,
        reduction: str | None = MEAN,
        name: str | None = "hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(hinges.hinge, reduction, name, dtype)


class SquaredHinge(LossFunction):
    """Mean of max(1 - y_true * y_pred, 0)**2, for labels -1 and 1."""

    def __init__(
        self,
        reduction: str | None = MEAN,
        name: str | None = "squared_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(hinges.squared_hinge, reduction, name, dtype)


class CategoricalHinge(LossFunction):
    """max(1 + greatest wrong score - right score, 0), for one-hot labels."""

    def __init__(
        self,
        reduction: str | None = MEAN,
        name: str | None = "categorical_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(hinges.categorical_hinge, reduction, name, dtype)


class BinaryCrossentropy(LossFunction):
    """Cross-entropy of yes/no labels; see `functions.binary_crossentropy` for the arguments."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = MEAN,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        options: dict[str, Any] = {
            "from_logits": from_logits,
            "label_smoothing": label_smoothing,
            "axis": axis,
        }
        super().__init__(functions.binary_crossentropy, reduction, name, dtype, **options)


class BinaryFocalCrossentropy(LossFunction):
    """Cross-entropy of yes/no labels in which easy ones count less."""

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = MEAN,
        name: str | None = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        options: dict[str, Any] = {
            "apply_class_balancing": apply_class_balancing,
            "alpha": alpha,
            "gamma": gamma,
            "from_logits": from_logits,
            "label_smoothing": label_smoothing,
            "axis": axis,
        }
        super().__init__(functions.binary_focal_crossentropy, reduction, name, dtype, **options)


class CategoricalCrossentropy(LossFunction):
    """Cross-entropy of one-hot labels; see `functions.categorical_crossentropy` for arguments."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = MEAN,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        options: dict[str, Any] = {
            "from_logits": from_logits,
            "label_smoothing": label_smoothing,
            "axis": axis,
        }
        super().__init__(functions.categorical_crossentropy, reduction, name, dtype, **options)


class CategoricalFocalCrossentropy(LossFunction):
    """Cross-entropy of one-hot labels in which easy ones count less."""

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = MEAN,
        name: str | None = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        options: dict[str, Any] = {
            "alpha": alpha,
            "gamma": gamma,
            "from_logits": from_logits,
            "label_smoothing": label_smoothing,
            "axis": axis,
        }
        super().__init__(
            functions.categorical_focal_crossentropy, reduction, name, dtype, **options
        )


class SparseCategoricalCrossentropy(LossFunction):
    """Cross-entropy of integer labels; see `functions.sparse_categorical_crossentropy` for the
    arguments.

    >>> loss = SparseCategoricalCrossentropy(from_logits=True)
    >>> round(float(loss([1], [[0.0, 0.0]])), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = MEAN,
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        options: dict[str, Any] = {
            "from_logits": from_logits,
            "ignore_class": ignore_class,
            "axis": axis,
        }
        super().__init__(
            functions.sparse_categorical_crossentropy, reduction, name, dtype, **options
        )


class Dice(LossFunction):
    """1 minus the share of the overlap of two images; see `regression.dice`."""

    def __init__(
        self,
        reduction: str | None = MEAN,
        name: str | None = "dice",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(regression.dice, reduction, name, dtype, axis=axis)


class Tversky(LossFunction):
    """Dice with weights for both kinds of errors; see `regression.tversky`."""

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = MEAN,
        name: str | None = "tversky",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        options: dict[str, Any] = {"alpha": alpha, "beta": beta, "axis": axis}
        super().__init__(regression.tversky, reduction, name, dtype, **options)
