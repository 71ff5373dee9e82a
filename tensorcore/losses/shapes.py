"""Bringing labels, predictions and sample weights to shapes that fit each other."""

from __future__ import annotations

from typing import Any

from tensorcore import dtypes
from tensorcore.errors import ShapeError
from tensorcore.ops.arithmetic import multiply
from tensorcore.ops.exponential import EPSILON as EPSILON
from tensorcore.ops.shaping import expand_dims, squeeze
from tensorcore.ops.transfer import astype
from tensorcore.tensor import as_tensor


def as_pair(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Labels and predictions as tensors; labels go where the predictions are."""
    y_pred = as_tensor(y_pred)
    y_true = as_tensor(y_true, device=y_pred.device)
    return y_true, y_pred


def as_float_pair(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """The same, in the dtype of the predictions (a floating-point one), and of one rank."""
    y_true, y_pred = as_pair(y_true, y_pred)
    if not dtypes.is_inexact(y_pred.dtype):
        y_pred = astype(y_pred, dtypes.float32)
    if y_true.dtype != y_pred.dtype:
        y_true = astype(y_true, y_pred.dtype)
    return same_rank(y_true, y_pred)


def same_rank(first: Any, second: Any) -> tuple[Any, Any]:
    """Without the last dimension of size 1 that one of the two has and the other has not.

    A vector that meets a column becomes a column, so that (N,) and (N, 1) never broadcast to (N,
    N).
    """
    difference = len(first.shape) - len(second.shape)
    if difference == 1 and first.shape[-1] == 1:
        if len(second.shape) == 1:
            return first, expand_dims(second, -1)
        return squeeze(first, -1), second
    if difference == -1 and second.shape[-1] == 1:
        if len(first.shape) == 1:
            return expand_dims(first, -1), second
        return first, squeeze(second, -1)
    return first, second


def check_same_shape(name: str, y_true: Any, y_pred: Any, hint: str = "") -> None:
    """Refuse labels whose shape is not that of the predictions."""
    if tuple(y_true.shape) != tuple(y_pred.shape):
        raise ShapeError(
            f"{name}: expected labels of the predictions' shape {tuple(y_pred.shape)}, received "
            f"labels of shape {tuple(y_true.shape)}.{hint or _units_hint(y_true, y_pred)}"
        )


def _units_hint(y_true: Any, y_pred: Any) -> str:
    """What to do where the labels have another number of values a sample than the predictions."""
    label, predicted = tuple(y_true.shape), tuple(y_pred.shape)
    if len(label) == len(predicted) - 1:
        label = (*label, 1)
    if not predicted or label[:-1] != predicted[:-1]:
        return ""
    return (
        f" Give the last layer as many units as a label has values, here {label[-1]}, or give "
        f"labels of {predicted[-1]} values each."
    )


def check_broadcast(name: str, y_true: Any, y_pred: Any) -> None:
    """Refuse labels that would fit the predictions by chance only.

    Labels of another shape that happen to broadcast are nearly always a mistake; only size 1 is
    meant.
    """
    fits = len(y_true.shape) == len(y_pred.shape) and all(
        a == b or 1 in (a, b) for a, b in zip(y_true.shape, y_pred.shape, strict=True)
    )
    if not fits:
        check_same_shape(name, y_true, y_pred)


def weighted(values: Any, sample_weight: Any) -> Any:
    """The values multiplied by weights of their shape, or of their leading dimensions."""
    if sample_weight is None:
        return values
    weight = as_tensor(sample_weight, device=values.device)
    if weight.dtype != values.dtype:
        weight = astype(weight, values.dtype)
    if len(weight.shape) == len(values.shape) + 1 and weight.shape[-1] == 1:
        weight = squeeze(weight, -1)
    while len(weight.shape) < len(values.shape):
        weight = expand_dims(weight, -1)
    fits = len(weight.shape) == len(values.shape) and all(
        a in (1, b) for a, b in zip(weight.shape, values.shape, strict=True)
    )
    if not fits:
        raise ShapeError(
            f"sample_weight: expected one weight a sample, shape {tuple(values.shape[:1])}, or one "
            f"a value, shape {tuple(values.shape)}; received shape "
            f"{tuple(as_tensor(sample_weight).shape)}"
        )
    return multiply(values, weight)
