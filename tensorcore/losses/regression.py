"""Losses of predicted numbers and distributions."""

from __future__ import annotations

import math
from typing import Any

from tensorcore import nn
from tensorcore.losses.shapes import EPSILON, as_float_pair, check_broadcast, check_same_shape
from tensorcore.ops.arithmetic import (
    abs,
    add,
    clip,
    divide,
    maximum,
    multiply,
    negative,
    square,
    subtract,
)
from tensorcore.ops.exponential import log, sqrt
from tensorcore.ops.logical import less_equal, where
from tensorcore.ops.reductions import mean, sum


def _pair(name: str, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    y_true, y_pred = as_float_pair(y_true, y_pred)
    check_broadcast(name, y_true, y_pred)
    return y_true, y_pred


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """Mean of (y_true - y_pred)**2 over the last dimension.

    >>> mean_squared_error([[0.0, 2.0]], [[1.0, 1.0]]).tolist()
    [1.0]
    """
    y_true, y_pred = _pair("mean_squared_error", y_true, y_pred)
    return mean(square(subtract(y_true, y_pred)), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """Mean of |y_true - y_pred| over the last dimension.

    >>> mean_absolute_error([[0.0, 2.0]], [[1.0, 4.0]]).tolist()
    [1.5]
    """
    y_true, y_pred = _pair("mean_absolute_error", y_true, y_pred)
    return mean(abs(subtract(y_true, y_pred)), axis=-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """100 times the mean of |y_true - y_pred| / |y_true| over the last dimension.

    >>> mean_absolute_percentage_error([[2.0, 4.0]], [[1.0, 4.0]]).tolist()
    [25.0]
    """
    y_true, y_pred = _pair("mean_absolute_percentage_error", y_true, y_pred)
    share = abs(divide(subtract(y_true, y_pred), maximum(abs(y_true), EPSILON)))
    return multiply(mean(share, axis=-1), 100.0)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """Mean of (log(y_true + 1) - log(y_pred + 1))**2 over the last dimension; negative values count
    as 0.
    """
    y_true, y_pred = _pair("mean_squared_logarithmic_error", y_true, y_pred)
    first, second = (log(add(maximum(y, EPSILON), 1.0)) for y in (y_pred, y_true))
    return mean(square(subtract(first, second)), axis=-1)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """Mean over the last dimension of e**2 / 2 where |e| <= delta, else delta |e| - delta**2 / 2.

    Args:
        y_true, y_pred: e is their difference.
        delta: where the loss passes from a square to a line.

    >>> huber([[0.0, 0.0]], [[1.0, 3.0]]).tolist()
    [1.5]
    """
    y_true, y_pred = _pair("huber", y_true, y_pred)
    error = subtract(y_pred, y_true)
    size = abs(error)
    line = subtract(multiply(size, delta), 0.5 * delta**2)
    return mean(where(less_equal(size, delta), multiply(square(error), 0.5), line), axis=-1)


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """Mean of log(cosh(y_pred - y_true)) over the last dimension: a square near 0, a line far off.

    >>> log_cosh([[0.0]], [[0.0]]).tolist()
    [0.0]
    """
    y_true, y_pred = _pair("log_cosh", y_true, y_pred)
    error = subtract(y_pred, y_true)
    # log(cosh(x)) = x + softplus(-2 x) - log(2), which does not overflow.
    return mean(subtract(add(error, nn.softplus(multiply(error, -2.0))), math.log(2.0)), axis=-1)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Minus the cosine of the angle between labels and predictions along `axis`.

    >>> cosine_similarity([[1.0, 0.0]], [[2.0, 0.0]]).tolist()
    [-1.0]
    """
    y_true, y_pred = _pair("cosine_similarity", y_true, y_pred)
    return negative(sum(multiply(_unit(y_true, axis), _unit(y_pred, axis)), axis=axis))


def _unit(x: Any, axis: int) -> Any:
    return divide(x, sqrt(maximum(sum(square(x), axis=axis, keepdims=True), 1e-24)))


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """Sum of y_true log(y_true / y_pred) over the last dimension, of two distributions."""
    y_true, y_pred = as_float_pair(y_true, y_pred)
    check_same_shape("kl_divergence", y_true, y_pred)
    y_true, y_pred = clip(y_true, EPSILON, 1.0), clip(y_pred, EPSILON, 1.0)
    return sum(multiply(y_true, log(divide(y_true, y_pred))), axis=-1)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """Mean of y_pred - y_true log(y_pred) over the last dimension, for counts.

    >>> poisson([[0.0]], [[2.0]]).tolist()
    [2.0]
    """
    y_true, y_pred = _pair("poisson", y_true, y_pred)
    return mean(subtract(y_pred, multiply(y_true, log(add(y_pred, EPSILON)))), axis=-1)


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Any:
    """1 - 2 sum(y_true y_pred) / (sum(y_true) + sum(y_pred)), for images of probabilities."""
    y_true, y_pred = as_float_pair(y_true, y_pred)
    check_same_shape("dice", y_true, y_pred)
    both = multiply(sum(multiply(y_true, y_pred), axis=axis), 2.0)
    all_of = add(add(sum(y_true, axis=axis), sum(y_pred, axis=axis)), EPSILON)
    return subtract(1.0, divide(both, all_of))


def tversky(
    y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None
) -> Any:
    """1 - t / (t + alpha f + beta g), with t = sum(y_true y_pred), f = sum(y_true (1 - y_pred)) and
    g = sum(y_pred (1 - y_true)).
    """
    y_true, y_pred = as_float_pair(y_true, y_pred)
    check_same_shape("tversky", y_true, y_pred)
    both = sum(multiply(y_true, y_pred), axis=axis)
    first = multiply(sum(multiply(subtract(1.0, y_pred), y_true), axis=axis), alpha)
    second = multiply(sum(multiply(y_pred, subtract(1.0, y_true)), axis=axis), beta)
    return subtract(1.0, divide(both, add(add(add(both, first), second), EPSILON)))
