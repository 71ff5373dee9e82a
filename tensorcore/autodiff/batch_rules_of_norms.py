"""How layer normalization treats a whole batch, for `vmap`: the rows of all examples are rows.

The operations take one set of weights.  Where each example has its own, they are applied apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tensorcore import dtypes
from tensorcore.ops.arithmetic import add, multiply
from tensorcore.ops.creation import ones, zeros
from tensorcore.ops.normalization import layer_norm, layer_norm_gradient
from tensorcore.ops.record import Op
from tensorcore.ops.reductions import sum
from tensorcore.ops.shaping import reshape

if TYPE_CHECKING:
    from tensorcore.autodiff.batching import Batch


def _weights(x: Any, make: Any) -> Any:
    return make(x.shape[-1:], dtype=dtypes.accumulator(x.dtype), device=x.device)


def _along_rows(batch: Batch, weights: Any, x: Any) -> Any:
    """The weights of each example, seen along its rows."""
    return reshape(batch.whole(weights), (batch.size, *(1,) * (len(x.shape) - 2), x.shape[-1]))


def _layer_norm(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    x = batch.whole(values[0])
    _, gamma, beta = values
    if not batch.holds(gamma) and not batch.holds(beta):
        return layer_norm(x, gamma, beta, **attrs)
    n = layer_norm(x, _weights(x, ones), _weights(x, zeros), **attrs)
    return add(multiply(n, _along_rows(batch, gamma, x)), _along_rows(batch, beta, x))


def _layer_norm_gradient(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    g, x = map(batch.whole, values[:2])
    gamma = values[2]
    if not batch.holds(gamma):
        return layer_norm_gradient(g, x, gamma, **attrs)
    g = multiply(g, _along_rows(batch, gamma, x))
    return layer_norm_gradient(g, x, _weights(x, ones), **attrs)


def _scale_gradient(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    g, x = map(batch.whole, values)
    n = layer_norm(x, _weights(x, ones), _weights(x, zeros), **attrs)
    return sum(multiply(g, n), axis=tuple(range(1, len(x.shape) - 1)))


NORM_RULES: dict[str, Callable[..., Any]] = {
    "layer_norm": _layer_norm,
    "layer_norm_gradient": _layer_norm_gradient,
    "layer_norm_scale_gradient": _scale_gradient,
}
