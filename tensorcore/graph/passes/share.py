"""Common sub-expressions: what is computed twice from the same values is computed once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorcore.graph.graph import Node
from tensorcore.graph.symbol import Symbol


def share(nodes: Sequence[Node], outputs: Sequence[Symbol]) -> tuple[list[Node], list[Symbol]]:
    """The nodes without those that repeat an earlier one."""
    replaced: dict[int, Symbol] = {}
    seen: dict[Any, Node] = {}
    kept = []
    for node in nodes:
        node.inputs = tuple(replaced.get(id(value), value) for value in node.inputs)
        key = _key(node)
        if key is None or key not in seen:
            kept.append(node)
            if key is not None:
                seen[key] = node
            continue
        for mine, theirs in zip(node.outputs, seen[key].outputs, strict=True):
            replaced[id(mine)] = theirs
    return kept, [replaced.get(id(symbol), symbol) for symbol in outputs]


def _key(node: Node) -> Any:
    if node.writes or node.op is None or node.op.is_control:
        return None
    inputs = tuple(
        ("symbol", id(value)) if isinstance(value, Symbol) else ("number", type(value), repr(value))
        for value in node.inputs
    )
    key = (node.op.name, inputs, tuple(sorted((k, repr(v)) for k, v in node.attrs.items())))
    return key
