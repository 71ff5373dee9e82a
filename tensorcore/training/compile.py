"""What `compile` says: optimizer, loss and metrics, from strings or objects."""

from __future__ import annotations

from typing import Any

from tensorcore import losses, metrics, optimizers
from tensorcore.errors import InvalidArgumentError, TrainingError
from tensorcore.layers.structure import leaves


class Compiled:
    """Optimizer, loss and metrics of a model.

    Metrics given by name are made at the first batch: which accuracy is meant depends on the
        shapes.

    Args:
        optimizer: name or object; None for models with their own training step.
        loss: name, function or object; None for models that call `add_loss` or override
            `compute_loss`.
        metric_list: list of names, functions and objects.
        weighted_metrics: the same; these take sample weights into account.
    """

    def __init__(
        self, optimizer: Any, loss: Any, metric_list: Any = None, weighted_metrics: Any = None
    ) -> None:
        self.given_loss = loss
        self.optimizer = optimizers.get(optimizer)
        self.loss = losses.as_loss(_only_one("loss", loss))
        self._wanted = [(item, False) for item in _as_list("metrics", metric_list)]
        self._wanted += [(item, True) for item in _as_list("weighted_metrics", weighted_metrics)]
        for item, _ in self._wanted:
            metrics.get(item)  # unknown names are refused by compile, not by the first batch
        self._made: list[tuple[metrics.Metric, bool]] | None = None

    @property
    def metrics(self) -> list[metrics.Metric]:
        """The metric objects; those given by name are there after the first batch."""
        if self._made is not None:
            return [metric for metric, _ in self._made]
        return [item for item, _ in self._wanted if isinstance(item, metrics.Metric)]

    def update_metrics(self, y: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch into account."""
        if not self._wanted:
            return
        if y is None:
            raise TrainingError(
                "the metrics need labels, but the data has none: give y, or leave metrics out of "
                "compile"
            )
        if self._made is None:
            self._made = [
                (metrics.as_metric(item, tuple(y.shape), tuple(y_pred.shape)), is_weighted)
                for item, is_weighted in self._wanted
            ]
        for metric, is_weighted in self._made:
            if is_weighted and sample_weight is not None:
                metric.update_state(y, y_pred, sample_weight=sample_weight)
            else:
                metric.update_state(y, y_pred)


def _only_one(argument: str, value: Any) -> Any:
    if isinstance(value, (list, tuple)) and len(value) == 1:
        return value[0]
    if isinstance(value, (list, tuple)) or (isinstance(value, dict) and "class_name" not in value):
        raise InvalidArgumentError(
            f"compile: {argument} for several outputs is not there yet, received {value!r}"
        )
    return value


def _as_list(argument: str, value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, dict):
        raise InvalidArgumentError(
            f"compile: {argument} by output name is not there yet; give a list, received {value!r}"
        )
    return list(leaves(value))
