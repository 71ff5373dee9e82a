"""What `compile` says: optimizer, loss and metrics, from strings or objects, for each output."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from tensorcore import losses, metrics, optimizers
from tensorcore.errors import InvalidArgumentError, TrainingError
from tensorcore.saving.objects import serialize_keras_object
from tensorcore.training.outputs import is_configuration, names_of, parts, per_output


class Logged(NamedTuple):
    """A metric under the name that it has in logs: that of its output comes first."""

    name: str
    metric: metrics.Metric

    def result(self) -> Any:
        return self.metric.result()


class Compiled:
    """Optimizer, loss and metrics of a model.

    Metrics given by name are made at the first batch: which accuracy is meant depends on the
    shapes.  What is meant for which output shows then, too.

    Args:
        optimizer: name or object; None for models with their own training step.
        loss: name, function or object; None for models that call `add_loss` or override
            `compute_loss`.  For several outputs a dict by name, a list in their order, or one loss
            for all of them.
        metric_list: list of names, functions and objects.  For several outputs a dict by name or
            a list with one entry (or list of entries) an output.
        weighted_metrics: the same; these take sample weights into account.
        loss_weights: factors of the outputs' losses, as dict or list; or one number.
        output_names: gives the names of the model's outputs, or None if they have none.
    """

    def __init__(
        self,
        optimizer: Any,
        loss: Any,
        metric_list: Any = None,
        weighted_metrics: Any = None,
        loss_weights: Any = None,
        output_names: Callable[[], Sequence[str] | None] = lambda: None,
    ) -> None:
        self.given = {
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metric_list,
            "weighted_metrics": weighted_metrics,
        }
        self.given_loss = loss
        self.optimizer = optimizers.get(optimizer)
        self._output_names = output_names
        # Unknown names are refused by compile, not by the first batch.
        for item in _items(loss):
            losses.as_loss(item)
        for item in [*_items(metric_list), *_items(weighted_metrics)]:
            metrics.get(item)
        self._losses: list[Any] | None = None
        self._weights: list[Any] = []
        self._trackers: list[metrics.Mean] = []
        self._made: list[tuple[Logged, int, bool]] | None = None

    def scale_loss(self) -> None:
        """Let the optimizer scale the loss, as float16 needs it."""
        if self.optimizer is not None and not isinstance(
            self.optimizer, optimizers.LossScaleOptimizer
        ):
            self.optimizer = optimizers.LossScaleOptimizer(self.optimizer)

    # Loss -----------------------------------------------------------------------------------------

    def loss(self, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The loss of a batch: the sum over the outputs, each with its weight."""
        names = names_of(y_pred, self._output_names())
        if self._losses is None:
            self._prepare_losses(names)
        if len(names) == 1:
            (function,), (weight,) = self._losses, self._weights  # type: ignore[misc]
            y, y_pred = _single(y, names), _single(y_pred, names)
            value = function(y, y_pred, _single(sample_weight, names))
            return value if weight is None else value * weight
        return self._sum_of_losses(names, y, y_pred, sample_weight)

    def _prepare_losses(self, names: Sequence[str]) -> None:
        given = per_output("loss", self.given["loss"], names)
        self._losses = [losses.as_loss(item) for item in given]
        self._weights = per_output("loss_weights", self.given["loss_weights"], names)
        if len(names) > 1:
            self._trackers = [
                metrics.Mean(name=f"{name}_loss")
                for name, loss in zip(names, self._losses, strict=True)
                if loss is not None
            ]

    def _sum_of_losses(self, names: Sequence[str], y: Any, y_pred: Any, weight: Any) -> Any:
        used = [loss is not None for loss in self._losses]  # type: ignore[union-attr]
        labels = parts("y", y, names, used)
        weights = parts("sample_weight", weight, names, None)
        total = None
        trackers = iter(self._trackers)
        predictions = parts("the outputs", y_pred, names, None)
        for number, function in enumerate(self._losses):  # type: ignore[arg-type]
            if function is None:
                continue
            value = function(labels[number], predictions[number], weights[number])
            next(trackers).update_state(value, sample_weight=int(predictions[number].shape[0]))
            factor = self._weights[number]
            value = value if factor is None else value * factor
            total = value if total is None else total + value
        return total

    @property
    def has_loss(self) -> bool:
        """Whether `compile` was given a loss."""
        return self.given["loss"] is not None

    # Metrics --------------------------------------------------------------------------------------

    @property
    def metrics(self) -> list[metrics.Metric]:
        """The metric objects; those given by name are there after the first batch."""
        if self._made is not None:
            return [*self._trackers, *(logged.metric for logged, _, _ in self._made)]
        given = [*_items(self.given["metrics"]), *_items(self.given["weighted_metrics"])]
        return [item for item in given if isinstance(item, metrics.Metric)]

    @property
    def logged(self) -> list[Any]:
        """What appears in logs: things with `name` and `result`."""
        if self._made is not None:
            return [*self._trackers, *(logged for logged, _, _ in self._made)]
        return [*self._trackers, *self.metrics]

    def update_metrics(self, y: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch into account."""
        if not (self.given["metrics"] or self.given["weighted_metrics"]):
            return
        if y is None:
            raise TrainingError(
                "the metrics need labels, but the data has none: give y, or leave metrics out of "
                "compile"
            )
        names = names_of(y_pred, self._output_names())
        predictions = [_single(y_pred, names)]
        if len(names) > 1:
            predictions = parts("the outputs", y_pred, names, None)
        labels = parts("y", y, names, None) if len(names) > 1 else [_single(y, names)]
        weights = parts("sample_weight", sample_weight, names, None)
        if self._made is None:
            self._made = self._make_metrics(names, labels, predictions)
        for logged, number, is_weighted in self._made:
            if labels[number] is None:
                raise TrainingError(f'the metric "{logged.name}" needs labels, but there are none')
            weight = weights[number]
            if is_weighted and weight is not None:
                logged.metric.update_state(
                    labels[number], predictions[number], sample_weight=weight
                )
            else:
                logged.metric.update_state(labels[number], predictions[number])

    def _make_metrics(self, names: Any, labels: Any, predictions: Any) -> Any:
        made = []
        for argument in ("metrics", "weighted_metrics"):
            wanted = self.given[argument]
            by_output = [wanted] if len(names) == 1 else per_output(argument, wanted, names)
            if len(names) == 1 and isinstance(wanted, Mapping) and not is_configuration(wanted):
                by_output = per_output(argument, wanted, names)
            for number, items in enumerate(by_output):
                for item in _items(items):
                    y_shape = () if labels[number] is None else tuple(labels[number].shape)
                    metric = metrics.as_metric(item, y_shape, tuple(predictions[number].shape))
                    name = metric.name if len(names) == 1 else f"{names[number]}_{metric.name}"
                    made.append((Logged(name, metric), number, argument == "weighted_metrics"))
        return made

    def get_config(self, model: Any) -> dict[str, Any]:
        """What a model file keeps of it."""
        return {
            "optimizer": serialize_keras_object(self.optimizer),
            **{key: serialize_keras_object(value) for key, value in self.given.items()},
            "run_eagerly": model.run_eagerly,
            "steps_per_execution": 1,
            "jit_compile": False,
        }


def _items(value: Any) -> list[Any]:
    """The losses or metrics in nested lists and dicts."""
    if value is None:
        return []
    if is_configuration(value) or not isinstance(value, (list, tuple, Mapping)):
        return [value]
    inside = value.values() if isinstance(value, Mapping) else value
    return [item for part in inside for item in _items(part)]


def _single(value: Any, names: Sequence[str]) -> Any:
    """The one value for the one output, which may stand in a list or dict."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((name, inner),) = value.items()
        if name != names[0] and names[0] != "output":
            raise InvalidArgumentError(
                f'the model has one output, "{names[0]}"; received a value for "{name}"'
            )
        return inner
    if isinstance(value, (list, tuple)) and len(value) == 1:
        return value[0]
    return value
