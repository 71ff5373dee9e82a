"""How often predictions are right."""

from __future__ import annotations

from typing import Any

from tensorcore import dtypes
from tensorcore.errors import ShapeError
from tensorcore.losses.shapes import as_float_pair, as_pair, check_same_shape, same_rank
from tensorcore.metrics.base import MeanMetric
from tensorcore.ops import reductions
from tensorcore.ops.choosing import take_along_axis
from tensorcore.ops.logical import equal, greater, less
from tensorcore.ops.reductions import argmax, sum
from tensorcore.ops.shaping import expand_dims, squeeze
from tensorcore.ops.transfer import astype


def accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where label and prediction are equal, else 0.

    >>> accuracy([1, 2], [1, 3]).tolist()
    [1.0, 0.0]
    """
    y_true, y_pred = same_rank(*as_pair(y_true, y_pred))
    check_same_shape("accuracy", y_true, y_pred)
    return astype(equal(y_true, y_pred), dtypes.float32)


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """1 where a label 0 or 1 agrees with `y_pred > threshold`, else 0.

    >>> binary_accuracy([[1.0, 1.0]], [[0.9, 0.2]]).tolist()
    [[1.0, 0.0]]
    """
    y_true, y_pred = as_float_pair(y_true, y_pred)
    check_same_shape("binary_accuracy", y_true, y_pred)
    hits = equal(y_true, astype(greater(y_pred, threshold), y_true.dtype))
    return astype(hits, dtypes.float32)


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the greatest prediction is at the place of the greatest (one-hot) label, else 0.

    >>> categorical_accuracy([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]]).tolist()
    [1.0, 0.0]
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    hint = ""
    if tuple(y_true.shape) in (tuple(y_pred.shape[:-1]), (*y_pred.shape[:-1], 1)):
        hint = ' For integer labels use "accuracy" or "sparse_categorical_accuracy".'
    check_same_shape("categorical_accuracy", y_true, y_pred, hint)
    hits = equal(argmax(y_true, axis=-1), argmax(y_pred, axis=-1))
    return astype(hits, dtypes.float32)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the greatest prediction is at the place that the integer label says, else 0.

    >>> sparse_categorical_accuracy([1, 0], [[0.2, 0.8], [0.3, 0.7]]).tolist()
    [1.0, 0.0]
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    if len(y_true.shape) == len(y_pred.shape) and len(y_true.shape) > 1 and y_true.shape[-1] == 1:
        y_true = squeeze(y_true, -1)
    if tuple(y_true.shape) != tuple(y_pred.shape[:-1]):
        hint = ""
        if tuple(y_true.shape) == tuple(y_pred.shape):
            hint = ' For one-hot labels use "accuracy" or "categorical_accuracy".'
        raise ShapeError(
            f"sparse_categorical_accuracy: for predictions of shape {tuple(y_pred.shape)} expected "
            f"integer labels of shape {tuple(y_pred.shape[:-1])}, received labels of shape "
            f"{tuple(y_true.shape)}.{hint}"
        )
    return astype(equal(argmax(y_pred, axis=-1), y_true), dtypes.float32)


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """1 where the class of the one-hot label is among the k greatest predictions, else 0."""
    y_true, y_pred = as_pair(y_true, y_pred)
    check_same_shape("top_k_categorical_accuracy", y_true, y_pred)
    return _in_top_k(argmax(y_true, axis=-1), y_pred, k)


def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> Any:
    """1 where the integer label is among the k greatest predictions, else 0.

    Args:
        from_sorted_ids: `y_pred` holds classes, the best first, instead of scores.

    >>> sparse_top_k_categorical_accuracy([2, 0], [[0.5, 0.2, 0.3], [0.1, 0.5, 0.4]], k=2).tolist()
    [1.0, 0.0]
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = squeeze(y_true, -1)
    if not from_sorted_ids:
        return _in_top_k(astype(y_true, "int32"), y_pred, k)
    same = equal(expand_dims(astype(y_true, y_pred.dtype), -1), y_pred[..., :k])
    return astype(reductions.any(same, axis=-1), dtypes.float32)


def _in_top_k(labels: Any, scores: Any, k: int) -> Any:
    own = take_along_axis(scores, expand_dims(labels, -1), axis=-1)
    better = sum(astype(greater(scores, own), "int32"), axis=-1)
    return astype(less(better, k), dtypes.float32)


class Accuracy(MeanMetric):
    """The share of predictions that equal their label."""

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanMetric):
    """The share of labels 0 or 1 that agree with `y_pred > threshold`."""

    def __init__(
        self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5
    ) -> None:
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)


class CategoricalAccuracy(MeanMetric):
    """How often the most probable class is that of the one-hot label."""

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetric):
    """How often the most probable class is the integer label.

    >>> metric = SparseCategoricalAccuracy()
    >>> float(metric([1, 0], [[0.2, 0.8], [0.3, 0.7]]))
    0.5
    """

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(MeanMetric):
    """How often the class of the one-hot label is among the k most probable ones."""

    def __init__(
        self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None
    ) -> None:
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)


class SparseTopKCategoricalAccuracy(MeanMetric):
    """How often the integer label is among the k most probable classes."""

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        options = {"k": k, "from_sorted_ids": from_sorted_ids}
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, **options)
