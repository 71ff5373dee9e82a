"""Leaving out what nobody needs."""

from __future__ import annotations

from collections.abc import Sequence

from tensorcore.graph.graph import Node
from tensorcore.graph.symbol import Symbol


def prune(nodes: Sequence[Node], outputs: Sequence[Symbol]) -> tuple[list[Node], list[Symbol]]:
    """The nodes that an output, a write or an effect depends on, in their order."""
    needed = {id(symbol) for symbol in outputs}
    kept = []
    for node in reversed(nodes):
        if node.writes or node.has_effects or any(id(symbol) in needed for symbol in node.outputs):
            kept.append(node)
            needed.update(id(value) for value in node.inputs if isinstance(value, Symbol))
    kept.reverse()
    return kept, list(outputs)
