"""Metrics, by class, function or name."""

from __future__ import annotations

from typing import Any

from tensorcore import losses
from tensorcore.errors import ArgumentTypeError
from tensorcore.initializers.registry import Registry
from tensorcore.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
)
from tensorcore.metrics.base import Mean, MeanMetric, Metric
from tensorcore.metrics.regression import MeanAbsoluteError, MeanSquaredError

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "Mean",
    "MeanAbsoluteError",
    "MeanMetric",
    "MeanSquaredError",
    "Metric",
    "SparseCategoricalAccuracy",
    "as_metric",
    "binary_accuracy",
    "categorical_accuracy",
    "deserialize",
    "get",
    "serialize",
    "sparse_categorical_accuracy",
]

_registry = Registry(
    "metric",
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    Mean,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalAccuracy,
    acc=Accuracy,
    mse=MeanSquaredError,
    mae=MeanAbsoluteError,
    binary_crossentropy=losses.binary_crossentropy,
    categorical_crossentropy=losses.categorical_crossentropy,
    sparse_categorical_crossentropy=losses.sparse_categorical_crossentropy,
)


def get(identifier: Any) -> Any:
    """The metric named by a string, made from a configuration, or given as class, object or
    function.

    >>> get("mse").name
    'mean_squared_error'
    """
    return _registry.get(identifier)


def as_metric(identifier: Any, y_true_shape: Any, y_pred_shape: Any) -> Metric:
    """The Metric object for an entry of `compile(metrics=[...])`.

    "accuracy" and "acc" become the accuracy that fits the shapes of labels and predictions.

    >>> type(as_metric("accuracy", (32,), (32, 10))).__name__
    'SparseCategoricalAccuracy'
    """
    if isinstance(identifier, str) and identifier.lower() in ("accuracy", "acc"):
        return _accuracy_for(y_true_shape, y_pred_shape)(name=identifier)
    found = get(identifier)
    if isinstance(found, Metric):
        if isinstance(identifier, str):
            found.name = identifier
        return found
    if not callable(found):
        raise ArgumentTypeError(
            f"metric: expected a name, a Metric or a function, received {identifier!r}"
        )
    return MeanMetric(found, name=identifier if isinstance(identifier, str) else None)


def _accuracy_for(y_true_shape: Any, y_pred_shape: Any) -> type[MeanMetric]:
    if y_pred_shape[-1:] == (1,):
        return BinaryAccuracy
    if len(y_true_shape) < len(y_pred_shape) or (y_true_shape[-1] == 1 and y_pred_shape[-1] > 1):
        return SparseCategoricalAccuracy
    return CategoricalAccuracy


def serialize(metric: Any) -> Any:
    """The metric as a name, or a class name with configuration."""
    return _registry.serialize(metric)


def deserialize(config: Any) -> Any:
    """The metric that `serialize` wrote down."""
    return get(config)
