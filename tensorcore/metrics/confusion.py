"""Metrics of yes/no answers: hits and misses, counted for one or several thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorcore.errors import InvalidArgumentError
from tensorcore.losses.shapes import as_float_pair, check_same_shape, weighted
from tensorcore.metrics.base import Metric
from tensorcore.ops.arithmetic import add, divide, multiply, subtract
from tensorcore.ops.logical import equal, greater, greater_equal, where
from tensorcore.ops.reductions import max, sum
from tensorcore.ops.shaping import broadcast_to, expand_dims, reshape
from tensorcore.ops.sorting import topk
from tensorcore.ops.transfer import astype
from tensorcore.tensor import as_tensor

HITS, FALSE_ALARMS = "true_positives", "false_positives"
RIGHT_NOES, MISSES = "true_negatives", "false_negatives"


def ratio(part: Any, whole: Any) -> Any:
    """part / whole, and 0 where the whole is 0."""
    empty = equal(whole, 0.0)
    return where(empty, 0.0, divide(part, where(empty, 1.0, whole)))


def check_thresholds(name: str, thresholds: Any, default: float) -> list[float]:
    """The thresholds as a list of numbers from 0 to 1."""
    found = default if thresholds is None else thresholds
    values = list(found) if isinstance(found, (list, tuple)) else [found]
    if thresholds is not None and not all(0 <= value <= 1 for value in values):
        raise InvalidArgumentError(
            f"{name}: thresholds must be from 0 to 1, received {thresholds!r}"
        )
    return [float(value) for value in values]


class ConfusionMetric(Metric):
    """Base of metrics that count answers y_pred > threshold, apart by what the label says.

    `counts` names what is counted; each count is a variable with one value for each threshold (and
    each label).
    """

    counts: Sequence[str] = ()

    def keep_counts(
        self, thresholds: list[float], class_id: int | None = None, top_k: int | None = None
    ) -> None:
        """Make the variables."""
        self.class_id = class_id
        self.top_k = top_k
        self._limits = np.asarray(thresholds, np.float32)
        self._make_counts((len(thresholds),))

    def _make_counts(self, shape: tuple[int, ...]) -> None:
        for name in self.counts:
            setattr(self, name, self.add_variable(shape, name=name))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch into account.

        Args:
            y_true: labels, 0 or 1.
            y_pred: probabilities, of the same shape.
            sample_weight: one factor a sample, or one a value; ones if None.
        """
        y_true, y_pred = as_float_pair(y_true, y_pred)
        check_same_shape(self.name, y_true, y_pred)
        if self.top_k is not None:
            y_pred = _only_best(y_pred, self.top_k)
        if self.class_id is not None:
            y_true, y_pred = y_true[..., self.class_id], y_pred[..., self.class_id]
        weight = weighted(multiply(y_pred, 0.0) + 1.0, sample_weight)
        self.gather(y_true, y_pred, weight)

    def gather(self, y_true: Any, y_pred: Any, weight: Any) -> None:
        """Count the answers; all arguments have one shape."""
        rows = [reshape(x, (1, -1)) for x in (y_true, y_pred, weight)]
        self._count(*rows, limits=self._limits[:, None], axis=1)

    def _count(self, y_true: Any, y_pred: Any, weight: Any, limits: Any, axis: int) -> None:
        yes = astype(greater(y_true, 0.0), y_pred.dtype)
        said = greater(y_pred, as_tensor(limits.astype(y_pred.dtype), device=y_pred.device))
        said = astype(said, y_pred.dtype)
        kinds = {HITS: (1, 1), FALSE_ALARMS: (0, 1), RIGHT_NOES: (0, 0), MISSES: (1, 0)}
        for name in self.counts:
            label, answer = kinds[name]
            share = multiply(yes if label else subtract(1.0, yes), weight)
            hits = multiply(said if answer else subtract(1.0, said), share)
            self.grow(getattr(self, name), sum(hits, axis=axis))

    def shown(self, values: Any) -> Any:
        """The values as the user gets them: one number where there is one threshold."""
        return values[0] if len(self._limits) == 1 else values


def _only_best(y_pred: Any, k: int) -> Any:
    """The k greatest predictions of each sample; the others as low as can be."""
    least = topk(y_pred, k)[0][..., -1:]
    return where(greater_equal(y_pred, least), y_pred, -1e10)


class _Count(ConfusionMetric):
    """Base of the four plain counts."""

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.init_thresholds = thresholds
        self.thresholds = check_thresholds(type(self).__name__, thresholds, 0.5)
        self.keep_counts(self.thresholds)

    def result(self) -> Any:
        return self.shown(getattr(self, self.counts[0]).value)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "thresholds": self.init_thresholds}


class TruePositives(_Count):
    """How many labels 1 were answered with yes (y_pred > threshold).

    >>> metric = TruePositives()
    >>> metric.update_state([1, 1, 0], [0.9, 0.2, 0.8])
    >>> float(metric.result())
    1.0
    """

    counts = (HITS,)


class FalsePositives(_Count):
    """How many labels 0 were answered with yes."""

    counts = (FALSE_ALARMS,)


class TrueNegatives(_Count):
    """How many labels 0 were answered with no."""

    counts = (RIGHT_NOES,)


class FalseNegatives(_Count):
    """How many labels 1 were answered with no."""

    counts = (MISSES,)


class _Rate(ConfusionMetric):
    """Base of Precision and Recall."""

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        self.init_thresholds = thresholds
        default = 0.5 if top_k is None else -1e10
        self.thresholds = check_thresholds(type(self).__name__, thresholds, default)
        self.keep_counts(self.thresholds, class_id, top_k)

    def result(self) -> Any:
        hits, others = (getattr(self, name) for name in self.counts)
        return self.shown(ratio(hits, add(hits, others)))

    def get_config(self) -> dict[str, Any]:
        config = {
            "thresholds": self.init_thresholds,
            "top_k": self.top_k,
            "class_id": self.class_id,
        }
        return {**super().get_config(), **config}


class Precision(_Rate):
    """The share of answers yes that are right.

    Args:
        thresholds: from 0 to 1, one or several; y_pred > threshold means yes; 0.5 if None.
        top_k: look at the k greatest predictions of each sample only.
        class_id: look at this class only.

    >>> metric = Precision()
    >>> metric.update_state([1, 1, 0], [0.9, 0.2, 0.8])
    >>> float(metric.result())
    0.5
    """

    counts = (HITS, FALSE_ALARMS)


class Recall(_Rate):
    """The share of labels 1 that were answered with yes.

    Args:
        thresholds, top_k, class_id: as those of `Precision`.
    """

    counts = (HITS, MISSES)


class _AtConstraint(ConfusionMetric):
    """Base of metrics that give the best rate among thresholds at which another rate is kept."""

    counts = (HITS, FALSE_ALARMS, RIGHT_NOES, MISSES)
    argument = ""

    def keep_value(self, value: float, num_thresholds: int, class_id: int | None) -> None:
        if not 0 <= value <= 1:
            raise InvalidArgumentError(
                f"{type(self).__name__}: {self.argument} must be from 0 to 1, received {value!r}"
            )
        if num_thresholds < 1:
            raise InvalidArgumentError(
                f"{type(self).__name__}: num_thresholds must be positive, received "
                f"{num_thresholds!r}"
            )
        self.value = value
        self.num_thresholds = num_thresholds
        thresholds = [0.5] if num_thresholds == 1 else list(np.linspace(0, 1, num_thresholds))
        self.keep_counts(thresholds, class_id)

    def best(self, kept: Any, wanted: Any) -> Any:
        """The greatest of `wanted` where `kept` reaches the value; 0 if it never does."""
        return max(where(greater_equal(kept, self.value), wanted, 0.0))

    def sensitivity(self) -> Any:
        return ratio(self.true_positives, add(self.true_positives, self.false_negatives))

    def specificity_rate(self) -> Any:
        return ratio(self.true_negatives, add(self.true_negatives, self.false_positives))

    def precision_rate(self) -> Any:
        return ratio(self.true_positives, add(self.true_positives, self.false_positives))

    def get_config(self) -> dict[str, Any]:
        config = {
            self.argument: self.value,
            "num_thresholds": self.num_thresholds,
            "class_id": self.class_id,
        }
        return {**super().get_config(), **config}


class SensitivityAtSpecificity(_AtConstraint):
    """The best sensitivity (recall) at thresholds with at least this specificity."""

    argument = "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        self.keep_value(specificity, num_thresholds, class_id)

    def result(self) -> Any:
        return self.best(self.specificity_rate(), self.sensitivity())


class SpecificityAtSensitivity(_AtConstraint):
    """The best specificity at thresholds with at least this sensitivity."""

    argument = "sensitivity"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        self.keep_value(sensitivity, num_thresholds, class_id)

    def result(self) -> Any:
        return self.best(self.sensitivity(), self.specificity_rate())


class PrecisionAtRecall(_AtConstraint):
    """The best precision at thresholds with at least this recall."""

    argument = "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        self.keep_value(recall, num_thresholds, class_id)

    def result(self) -> Any:
        return self.best(self.sensitivity(), self.precision_rate())


class RecallAtPrecision(_AtConstraint):
    """The best recall at thresholds with at least this precision."""

    argument = "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        self.keep_value(precision, num_thresholds, class_id)

    def result(self) -> Any:
        return self.best(self.precision_rate(), self.sensitivity())


def spread(weight: Any, shape: tuple[int, ...]) -> Any:
    """Weights of the samples for all their values."""
    while len(weight.shape) < len(shape):
        weight = expand_dims(weight, -1)
    return broadcast_to(weight, shape)
