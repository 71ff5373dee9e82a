"""Means of precision and recall."""

from __future__ import annotations

from typing import Any

from tensorcore.errors import InvalidArgumentError, ShapeError
from tensorcore.losses.shapes import EPSILON, as_float_pair
from tensorcore.metrics.base import Metric
from tensorcore.metrics.confusion import spread
from tensorcore.ops.arithmetic import abs, add, divide, multiply, subtract
from tensorcore.ops.creation import zeros
from tensorcore.ops.logical import greater, greater_equal, logical_and
from tensorcore.ops.reductions import max, mean, sum
from tensorcore.ops.transfer import astype
from tensorcore.tensor import as_tensor

AVERAGES = (None, "micro", "macro", "weighted")


class FBetaScore(Metric):
    """(1 + beta**2) precision recall / (beta**2 precision + recall), of each class.

    Args:
        average: None for one value a class, "micro" (all classes counted together), "macro" (the
            mean of the classes) or "weighted" (by how many labels each class has).
        beta: how many times recall matters as much as precision.
        threshold: y_pred > threshold means yes; None means that the greatest prediction does.

    Labels and predictions: shape (batch, classes).
    """

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        who = type(self).__name__
        if average not in AVERAGES:
            raise InvalidArgumentError(
                f"{who}: average must be one of {AVERAGES}, received {average!r}"
            )
        if not beta > 0:
            raise InvalidArgumentError(f"{who}: beta must be positive, received {beta!r}")
        if threshold is not None and not 0 < threshold <= 1:
            raise InvalidArgumentError(
                f"{who}: threshold must be above 0 and at most 1, received {threshold!r}"
            )
        self.average = average
        self.beta = beta
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = as_float_pair(y_true, y_pred)
        if len(y_pred.shape) != 2 or tuple(y_true.shape) != tuple(y_pred.shape):
            raise ShapeError(
                f"{self.name}: expected labels and predictions of one shape (batch, classes), "
                f"received {tuple(y_true.shape)} and {tuple(y_pred.shape)}"
            )
        if not self.variables:
            shape = () if self.average == "micro" else (y_pred.shape[-1],)
            for name in ("true_positives", "false_positives", "false_negatives"):
                setattr(self, name, self.add_variable(shape, name=name))
            self.intermediate_weights = self.add_variable(shape, name="intermediate_weights")
        if self.threshold is None:
            greatest = greater_equal(y_pred, max(y_pred, axis=-1, keepdims=True))
            said = logical_and(greatest, greater(abs(y_pred), 1e-9))
        else:
            said = greater(y_pred, self.threshold)
        said = astype(said, y_pred.dtype)
        weight = None
        if sample_weight is not None:
            weight = as_tensor(sample_weight, device=y_pred.device)
            weight = spread(astype(weight, y_pred.dtype), y_pred.shape)
        axis = None if self.average == "micro" else 0
        for variable, values in (
            (self.true_positives, multiply(said, y_true)),
            (self.false_positives, multiply(said, subtract(1.0, y_true))),
            (self.false_negatives, multiply(subtract(1.0, said), y_true)),
            (self.intermediate_weights, y_true),
        ):
            values = values if weight is None else multiply(values, weight)
            self.grow(variable, sum(values, axis=axis))

    def result(self) -> Any:
        if not self.variables:
            return zeros((), dtype=self.dtype)
        hits = self.true_positives.value
        precision = divide(hits, add(add(hits, self.false_positives), EPSILON))
        recall = divide(hits, add(add(hits, self.false_negatives), EPSILON))
        square = self.beta**2
        both = add(add(multiply(precision, square), recall), EPSILON)
        score = multiply(divide(multiply(precision, recall), both), 1.0 + square)
        if self.average == "weighted":
            total = add(sum(self.intermediate_weights), EPSILON)
            return sum(multiply(score, divide(self.intermediate_weights, total)))
        return score if self.average is None else mean(score)

    def get_config(self) -> dict[str, Any]:
        config = {"average": self.average, "beta": self.beta, "threshold": self.threshold}
        return {**super().get_config(), **config}


class F1Score(FBetaScore):
    """2 precision recall / (precision + recall), of each class.

    Args:
        average, threshold: as those of `FBetaScore`.

    >>> metric = F1Score(average="macro")
    >>> round(float(metric([[1, 0], [0, 1]], [[0.9, 0.1], [0.8, 0.2]])), 4)
    0.3333
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["beta"]
        return config
