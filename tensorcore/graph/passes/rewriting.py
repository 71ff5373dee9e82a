"""What passes share that put one node in the place of two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorcore.device import Device
from tensorcore.graph.graph import Node
from tensorcore.graph.passes.relations import producers, use_counts
from tensorcore.graph.symbol import NoData, Symbol

# What takes the place of a node and the one before it: that one, and the new nodes.
Change = tuple[Node, list[Node]]
Rule = Callable[[Node, int, Node], Change | None]


def rewritten(
    nodes: Sequence[Node], outputs: Sequence[Symbol], rule: Rule
) -> tuple[list[Node], list[Symbol]]:
    """The nodes after `rule` was asked about each with an input that nobody else reads."""
    computed_by = producers(nodes)
    counts = use_counts(nodes, outputs)
    result: list[Node] = []
    for node in nodes:
        change = _change_at(node, computed_by, counts, rule)
        if change is None:
            result.append(node)
            continue
        gone, fresh = change
        result.remove(gone)
        result += fresh
        computed_by.update((id(s), made) for made in fresh for s in made.outputs)
    return result, list(outputs)


def _change_at(
    node: Node, computed_by: dict[int, Node], counts: dict[int, int], rule: Rule
) -> Change | None:
    for place, value in enumerate(node.inputs):
        before = computed_by.get(id(value))
        if before is None or before.op is None or counts[id(value)] != 1 or before.writes:
            continue
        change = rule(node, place, before)
        if change is not None:
            return change
    return None


def only_reader(value: Any, computed_by: dict[int, Node], counts: dict[int, int]) -> Node | None:
    """The node that computes a value which is read once."""
    return computed_by.get(id(value)) if counts.get(id(value)) == 1 else None


def new_node(node: Node, op: Any, inputs: Sequence[Any], attrs: Any, shape: Any) -> Node:
    """A new node of the node's place and dtype."""
    made = Node(op, tuple(inputs), attrs)
    made.place = node.place
    result = node.outputs[0]
    made.outputs = (new_symbol(made, shape, result.dtype, result.device),)
    return made


def new_symbol(node: Node, shape: Sequence[int], dtype: np.dtype, device: Device) -> Symbol:
    """A result of a node that a pass makes."""
    return Symbol(NoData(tuple(shape), dtype), device, node=node)


def column_summand(node: Node, place: int) -> Symbol | None:
    """The other summand, if it is one number for each column."""
    value, bias = node.inputs[place], node.inputs[1 - place]
    return bias if isinstance(bias, Symbol) and bias.shape == value.shape[-1:] else None


def joined(op: Any, first: Node, inputs: Sequence[Any], last: Node) -> Node:
    """A node with the attributes of the first of two, for the results of the last."""
    node = Node(op, inputs, first.attrs)
    node.place = last.place
    node.outputs = last.outputs
    return node
