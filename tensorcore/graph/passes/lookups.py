"""The mean of looked-up rows is taken while they are read: the rows are never written down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorcore.graph.graph import Node
from tensorcore.graph.made import Made
from tensorcore.graph.passes.relations import producers, use_counts
from tensorcore.graph.symbol import Symbol
from tensorcore.ops.indexing import take
from tensorcore.ops.reductions import mean


def pool_lookups(
    nodes: Sequence[Node], outputs: Sequence[Symbol]
) -> tuple[list[Node], list[Symbol]]:
    """`mean(take(table, indices), axis=1)` of a matrix of indices becomes one node."""
    computed_by = producers(nodes)
    counts = use_counts(nodes, outputs)
    result = []
    for node in nodes:
        look_up = computed_by.get(id(node.inputs[0])) if node.op is mean else None
        if look_up is None or not _fits(look_up, node, counts):
            result.append(node)
            continue
        joined = Node(TAKE_MEAN, look_up.inputs, {"keepdims": node.attrs["keepdims"]})
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
    )


def _reference(xp: Any, x: Any, indices: Any, keepdims: bool) -> Any:
    return mean.reference(xp, xp.take(x, indices, axis=0), axis=(1,), keepdims=keepdims)


TAKE_MEAN = Made(
    "take_mean",
    _reference,
    bounds=lambda x, indices, keepdims: take.bounds(x, indices, axis=0),  # type: ignore[misc]
)
