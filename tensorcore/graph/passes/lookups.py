"""Looked-up rows are summed or averaged while they are read: they are never written down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorcore.graph.graph import Node
from tensorcore.graph.made import Made
from tensorcore.graph.passes.relations import producers, use_counts
from tensorcore.graph.symbol import Symbol
from tensorcore.ops.indexing import take
from tensorcore.ops.reductions import mean, sum


def pool_lookups(
    nodes: Sequence[Node], outputs: Sequence[Symbol]
) -> tuple[list[Node], list[Symbol]]:
    """`mean(take(table, indices), axis=1)` of a matrix of indices becomes one node, or `sum`."""
    computed_by = producers(nodes)
    counts = use_counts(nodes, outputs)
    result = []
    for node in nodes:
        pools = node.op in (mean, sum)
        look_up = computed_by.get(id(node.inputs[0])) if pools else None
        if look_up is None or not _fits(look_up, node, counts):
            result.append(node)
            continue
        op = TAKE_MEAN if node.op is mean else TAKE_SUM
        joined = Node(op, look_up.inputs, {"keepdims": node.attrs["keepdims"]})
        joined.place = look_up.place
        joined.outputs = node.outputs
        result.remove(look_up)
        result.append(joined)
    return result, list(outputs)


def _fits(look_up: Node, node: Node, counts: dict[int, int]) -> bool:
    if look_up.op is not take or counts[id(look_up.outputs[0])] != 1:
        return False
    table, indices = look_up.inputs
    axis = node.attrs["axis"]
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    return (
        len(table.shape) == len(indices.shape) == 2
        and look_up.attrs["axis"] == 0
        and table.dtype.kind == "f"
        and axes in ((1,), (-2,))
        and node.attrs.get("dtype") in (None, table.dtype)
    )


def _made(name: str, pool: Any) -> Made:
    def reference(xp: Any, x: Any, indices: Any, keepdims: bool) -> Any:
        return pool(xp, xp.take(x, indices, axis=0), keepdims)

    def bounds(x: Any, indices: Any, keepdims: bool) -> Any:
        return take.bounds(x, indices, axis=0)  # type: ignore[misc]

    return Made(name, reference, bounds)


TAKE_MEAN = _made("take_mean", lambda xp, x, keep: mean.reference(xp, x, (1,), keep))
TAKE_SUM = _made("take_sum", lambda xp, x, keep: sum.reference(xp, x, (1,), None, keep))
