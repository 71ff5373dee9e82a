"""Limits for gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorcore.ops.arithmetic import abs, clip, divide, maximum, multiply, square
from tensorcore.ops.exponential import sqrt
from tensorcore.ops.logical import greater, where
from tensorcore.ops.reductions import max as max_of
from tensorcore.ops.reductions import sum


def by_value(gradient: Any, limit: float) -> Any:
    """Each element limited to -limit ... limit.

    >>> import tensorcore as tc
    >>> by_value(tc.asarray([3.0, -0.5]), 1.0).tolist()
    [1.0, -0.5]
    """
    return clip(gradient, -limit, limit)


def by_norm(gradient: Any, limit: float) -> Any:
    """The gradient scaled down so that its Euclidean norm is at most `limit`."""
    return multiply(gradient, divide(limit, maximum(_norm([gradient]), limit)))


def by_global_norm(gradients: Sequence[Any], limit: float) -> list[Any]:
    """All gradients scaled by one factor so that the norm of all together is at most `limit`."""
    factor = divide(limit, maximum(_norm(gradients), limit))
    return [multiply(gradient, factor) for gradient in gradients]


def _norm(gradients: Sequence[Any]) -> Any:
    """The Euclidean norm of all together.

    The largest element is divided out first: the squares of exploding gradients, for which clipping
    is there, are beyond float32 from 2e19 on.
    """
    largest = max_of(abs(gradients[0]))
    for gradient in gradients[1:]:
        largest = maximum(largest, max_of(abs(gradient)))
    scale = where(greater(largest, 0.0), largest, 1.0)
    total = sum(square(divide(gradients[0], scale)))
    for gradient in gradients[1:]:
        total = total + sum(square(divide(gradient, scale)))
    return multiply(scale, sqrt(total))
