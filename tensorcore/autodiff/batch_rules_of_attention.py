"""How attention treats a whole batch, for `vmap`: the batches of all examples make one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tensorcore.ops.record import Op
from tensorcore.ops.shaping import broadcast_to, reshape

if TYPE_CHECKING:
    from tensorcore.autodiff.batching import Batch


def _attention(batch: Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    size = values[op.inputs.index("query")].shape[0]
    joined = []
    for value in map(batch.whole, values):
        # A mask may have one entry for the whole batch of an example.
        value = broadcast_to(value, (batch.size, size, *value.shape[2:]))
        joined.append(reshape(value, (batch.size * size, *value.shape[2:])))
    results = op(*joined, **attrs)
    return tuple(reshape(y, (batch.size, size, *y.shape[1:])) for y in results)


ATTENTION_RULES: dict[str, Callable[..., Any]] = dict.fromkeys(
    ("attention", "masked_attention", "attention_gradient", "masked_attention_gradient"),
    _attention,
)
