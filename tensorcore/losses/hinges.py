"""Losses of scores whose sign is the answer."""

from __future__ import annotations

from typing import Any

from tensorcore.losses.shapes import as_float_pair, check_same_shape
from tensorcore.ops import reductions
from tensorcore.ops.arithmetic import add, maximum, multiply, square, subtract
from tensorcore.ops.logical import equal, logical_or, where
from tensorcore.ops.reductions import mean, sum


def _margin(name: str, y_true: Any, y_pred: Any) -> Any:
    """max(1 - y_true * y_pred, 0), with labels -1 and 1; 0 and 1 are taken for them."""
    y_true, y_pred = as_float_pair(y_true, y_pred)
    check_same_shape(name, y_true, y_pred)
    binary = reductions.all(logical_or(equal(y_true, 0.0), equal(y_true, 1.0)))
    y_true = where(binary, subtract(multiply(y_true, 2.0), 1.0), y_true)
    return maximum(subtract(1.0, multiply(y_true, y_pred)), 0.0)


def hinge(y_true: Any, y_pred: Any) -> Any:
    """Mean of max(1 - y_true * y_pred, 0) over the last dimension.

    Args:
        y_true: -1 or 1; labels that are all 0 or 1 are taken for these.
        y_pred: scores.

    >>> hinge([[1.0, -1.0]], [[0.5, 2.0]]).tolist()
    [1.75]
    """
    return mean(_margin("hinge", y_true, y_pred), axis=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """Mean of max(1 - y_true * y_pred, 0)**2; labels as those of `hinge`."""
    return mean(square(_margin("squared_hinge", y_true, y_pred)), axis=-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """max(1 + greatest wrong score - right score, 0), for one-hot labels.

    >>> categorical_hinge([[0.0, 1.0]], [[0.5, 0.75]]).tolist()
    [0.75]
    """
    y_true, y_pred = as_float_pair(y_true, y_pred)
    check_same_shape("categorical_hinge", y_true, y_pred)
    right = sum(multiply(y_true, y_pred), axis=-1)
    wrong = reductions.max(multiply(subtract(1.0, y_true), y_pred), axis=-1)
    return maximum(add(subtract(wrong, right), 1.0), 0.0)
