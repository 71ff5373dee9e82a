"""The loss functions as classes, with options and a reduction."""

from __future__ import annotations

from typing import Any

from tensorcore.losses import functions
from tensorcore.losses.base import LossFunction

MEAN = "sum_over_batch_size"


class MeanSquaredError(LossFunction):
    """Mean of (y_true - y_pred)**2.

    >>> float(MeanSquaredError()([[0.0, 2.0]], [[1.0, 1.0]]))
    1.0
    """

    def __init__(
        self, reduction: str | None = MEAN, name: str | None = "mean_squared_error"
    ) -> None:
        super().__init__(functions.mean_squared_error, reduction, name)


class MeanAbsoluteError(LossFunction):
    """Mean of |y_true - y_pred|."""

    def __init__(
        self, reduction: str | None = MEAN, name: str | None = "mean_absolute_error"
    ) -> None:
        super().__init__(functions.mean_absolute_error, reduction, name)


class BinaryCrossentropy(LossFunction):
    """Cross-entropy of yes/no labels; see `functions.binary_crossentropy` for the arguments."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = MEAN,
        name: str | None = "binary_crossentropy",
    ) -> None:
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(functions.binary_crossentropy, reduction, name, **options)


class CategoricalCrossentropy(LossFunction):
    """Cross-entropy of one-hot labels; see `functions.categorical_crossentropy` for arguments."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = MEAN,
        name: str | None = "categorical_crossentropy",
    ) -> None:
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(functions.categorical_crossentropy, reduction, name, **options)


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
    ) -> None:
        options: dict[str, Any] = {
            "from_logits": from_logits,
            "ignore_class": ignore_class,
            "axis": axis,
        }
        super().__init__(functions.sparse_categorical_crossentropy, reduction, name, **options)
