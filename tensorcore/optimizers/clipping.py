"""Limits for gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorcore.ops.arithmetic import clip, divide, maximum, multiply, square
from tensorcore.ops.exponential import sqrt
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
    norm = sqrt(sum(square(gradient)))
    return divide(multiply(gradient, limit), maximum(norm, limit))


def by_global_norm(gradients: Sequence[Any], limit: float) -> list[Any]:
    """All gradients scaled by one factor so that the norm of all together is at most `limit`."""
    total = sum(square(gradients[0]))
    for gradient in gradients[1:]:
        total = total + sum(square(gradient))
    factor = divide(limit, maximum(sqrt(total), limit))
    return [multiply(gradient, factor) for gradient in gradients]
