"""The area under a curve of rates."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore import nn
from tensorcore.errors import InvalidArgumentError, ShapeError
from tensorcore.losses.shapes import EPSILON
from tensorcore.metrics.confusion import (
    FALSE_ALARMS,
    HITS,
    MISSES,
    RIGHT_NOES,
    ConfusionMetric,
    ratio,
)
from tensorcore.ops import arithmetic
from tensorcore.ops.arithmetic import add, divide, maximum, minimum, multiply, subtract
from tensorcore.ops.creation import zeros
from tensorcore.ops.exponential import log
from tensorcore.ops.logical import equal, greater, logical_and, where
from tensorcore.ops.reductions import mean, sum
from tensorcore.ops.shaping import expand_dims
from tensorcore.tensor import as_tensor

CURVES = ("ROC", "PR", "PRGAIN")
METHODS = ("interpolation", "minoring", "majoring")


class AUC(ConfusionMetric):
    """The area under the curve of two rates over all thresholds.

    Args:
        num_thresholds: how many thresholds stand for all of them.
        curve: "ROC" (recall over the share of false alarms), "PR" (precision over recall) or
            "PRGAIN".
        summation_method: "interpolation" (trapezes; Davis and Goadrich's for "PR"), "minoring" or
            "majoring".
        thresholds: the thresholds themselves instead of their number.
        multi_label: count each of several labels apart, and take the mean.
        num_labels: number of labels; found at the first batch if None.
        label_weights: weights of the labels in that mean.
        from_logits: whether predictions are scores, whose sigmoid is the probability.

    >>> metric = AUC()
    >>> metric.update_state([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9])
    >>> round(float(metric.result()), 4)
    0.75
    """

    counts = (HITS, FALSE_ALARMS, RIGHT_NOES, MISSES)

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Any = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(dtype, name)
        for argument, value, known in (
            ("curve", curve.upper(), CURVES),
            ("summation_method", summation_method.lower(), METHODS),
        ):
            if value not in known:
                raise InvalidArgumentError(
                    f"AUC: {argument} must be one of {known}, received {value!r}"
                )
        self.init_thresholds = thresholds
        if thresholds is not None:
            inner = sorted(thresholds)
        elif num_thresholds > 1:
            inner = [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)]
        else:
            raise InvalidArgumentError(
                f"AUC: num_thresholds must be greater than 1, received {num_thresholds}"
            )
        self.thresholds = [-EPSILON, *inner, 1.0 + EPSILON]
        self.num_thresholds = len(self.thresholds)
        self.curve = curve.upper()
        self.summation_method = summation_method.lower()
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = label_weights
        self.from_logits = from_logits
        self.class_id = self.top_k = None
        self._limits = np.asarray(self.thresholds, np.float32)
        if not multi_label:
            self._make_counts((self.num_thresholds,))
        elif num_labels:
            self._make_counts((self.num_thresholds, num_labels))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        if self.from_logits:
            y_pred = nn.sigmoid(y_pred)
        super().update_state(y_true, y_pred, sample_weight)

    def gather(self, y_true: Any, y_pred: Any, weight: Any) -> None:
        if not self.multi_label:
            if self.label_weights is not None:
                weight = multiply(weight, self._label_weights(y_pred))
            super().gather(y_true, y_pred, weight)
            return
        if len(y_pred.shape) != 2:
            raise ShapeError(
                "AUC: multi_label=True needs predictions of shape (batch, labels), received "
                f"{tuple(y_pred.shape)}"
            )
        if not self.variables:
            self._make_counts((self.num_thresholds, y_pred.shape[1]))
        # (thresholds, samples, labels)
        rows = [expand_dims(x, 0) for x in (y_true, y_pred, weight)]
        self._count(*rows, limits=self._limits[:, None, None], axis=1)

    def _label_weights(self, like: Any) -> Any:
        return as_tensor(np.asarray(self.label_weights, np.float32), device=like.device)

    def result(self) -> Any:
        if not self.variables:
            return zeros((), dtype=self.dtype)
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._total(self._interpolated())
        x, y = self._rates()
        left, right = y[:-1], y[1:]
        if self.summation_method == "interpolation":
            heights = multiply(add(left, right), 0.5)
        else:
            pick = minimum if self.summation_method == "minoring" else maximum
            heights = pick(left, right)
        return self._total(multiply(subtract(x[:-1], x[1:]), heights))

    def _rates(self) -> tuple[Any, Any]:
        hits, alarms = self.true_positives.value, self.false_positives.value
        noes, misses = self.true_negatives.value, self.false_negatives.value
        recall = ratio(hits, add(hits, misses))
        if self.curve == "ROC":
            return ratio(alarms, add(alarms, noes)), recall
        if self.curve == "PR":
            return recall, ratio(hits, add(hits, alarms))
        scale = ratio(add(hits, misses), add(noes, alarms))
        none = equal(hits, 0.0)
        recall_gain = where(none, 0.0, subtract(1.0, multiply(scale, ratio(misses, hits))))
        precision_gain = where(none, 1.0, subtract(1.0, multiply(scale, ratio(alarms, hits))))
        return maximum(recall_gain, 0.0), precision_gain

    def _interpolated(self) -> Any:
        """The pieces of the area under precision over recall (Davis and Goadrich, 2006)."""
        hits, misses = self.true_positives.value, self.false_negatives.value
        answers = add(hits, self.false_positives.value)
        more_hits = subtract(hits[:-1], hits[1:])
        slope = ratio(more_hits, maximum(subtract(answers[:-1], answers[1:]), 0.0))
        start = subtract(hits[1:], multiply(slope, answers[1:]))
        both = logical_and(greater(answers[:-1], 0.0), greater(answers[1:], 0.0))
        growth = where(both, ratio(answers[:-1], maximum(answers[1:], 0.0)), 1.0)
        area = multiply(slope, add(more_hits, multiply(start, log(growth))))
        return ratio(area, maximum(add(hits[1:], misses[1:]), 0.0))

    def _total(self, pieces: Any) -> Any:
        area = sum(pieces, axis=0)
        if not self.multi_label:
            return area
        if self.label_weights is None:
            return mean(area)
        weights = self._label_weights(area)
        return divide(sum(arithmetic.multiply(area, weights)), sum(weights))

    def get_config(self) -> dict[str, Any]:
        config = {
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self.from_logits,
        }
        if self.init_thresholds is not None:
            config["thresholds"] = self.init_thresholds
        return {**super().get_config(), **config}
