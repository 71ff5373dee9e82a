"""Element-wise operations on one shape become one loop, which reads and writes memory once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.graph.graph import Node
from tensorcore.graph.made import Fused
from tensorcore.graph.passes.relations import Units, use_counts
from tensorcore.graph.symbol import Symbol
from tensorcore.ops import scalar
from tensorcore.ops.elementwise import Elementwise

FLOATS = (dtypes.float32, dtypes.float64)
MOST_INPUTS = 24  # arrays that one loop reads or writes: each takes registers


def fuse(nodes: Sequence[Node], outputs: Sequence[Symbol]) -> tuple[list[Node], list[Symbol]]:
    """Neighbours that compute the same shape in the same float dtype are made one node.

    Inputs may broadcast; 16-bit floats stay apart, since each operation of theirs rounds.
    """
    units = Units(nodes)
    position_of = {id(s): place for place, node in enumerate(nodes) for s in node.outputs}
    kinds = [kind_of(node) for node in nodes]
    for position, node in enumerate(nodes):
        if kinds[position] is None:
            continue
        for value in node.inputs:
            other = position_of.get(id(value))
            if other is None or kinds[other] != kinds[position]:
                continue
            mine, theirs = units.unit(position), units.unit(other)
            if _width(units.members[mine] + units.members[theirs]) <= MOST_INPUTS:
                units.merge(mine, theirs)
    counts = use_counts(nodes, outputs)
    fused = []
    for members in units.ordered():
        if len(members) == 1:
            fused.append(members[0])
        else:
            members.sort(key=lambda node: position_of[id(node.outputs[0])])
            fused.append(joined(members, counts))
    return fused, list(outputs)


def kind_of(node: Node) -> Any:
    """What fused nodes have in common: shape and dtype; None for what is not fused."""
    if not isinstance(node.op, Elementwise) or node.writes or len(node.outputs) != 1:
        return None
    result = node.outputs[0]
    found = {result.dtype} - {dtypes.bool}
    for index, value in enumerate(node.inputs):
        is_condition = node.op.takes == "select" and index == 0
        if not isinstance(value, Symbol):
            continue
        if (value.dtype == dtypes.bool) != is_condition:
            return None
        found.add(value.dtype)
    found.discard(dtypes.bool)
    if len(found) != 1 or (dtype := found.pop()) not in FLOATS:
        return None
    return result.shape, dtype, result.device


def _width(members: Sequence[Node]) -> int:
    """How many symbols the nodes take from others, and hand out at most."""
    own = {id(node.outputs[0]) for node in members}
    return len({id(value) for node in members for value in node.inputs} - own) + len(own) // 2


def joined(members: Sequence[Node], counts: dict[int, int]) -> Node:
    """One node for several, in their order."""
    within: dict[int, int] = {}  # how often the members read a symbol themselves
    for value in (value for node in members for value in node.inputs):
        within[id(value)] = within.get(id(value), 0) + 1
    names: dict[int, str] = {}
    inputs: list[Symbol] = []
    known: dict[int, scalar.Expr] = {}
    compute = np.dtype(np.float32)
    for node in members:
        given = {}
        for name, value in zip(node.op.inputs, node.inputs, strict=True):
            if not isinstance(value, Symbol):
                given[scalar.argument(name)] = _number(value)
                continue
            if value.dtype != dtypes.bool:
                compute = value.dtype
            if id(value) not in known:
                names[id(value)] = f"in{len(inputs)}"
                known[id(value)] = scalar.argument(names[id(value)])
                inputs.append(value)
            given[scalar.argument(name)] = known[id(value)]
        result = scalar.substitute(node.op.expression, given)
        known[id(node.outputs[0])] = result
    results = [
        node.outputs[0]
        for node in members
        if counts.get(id(node.outputs[0]), 0) > within.get(id(node.outputs[0]), 0)
    ]
    op = Fused(
        [node.op.name for node in members],
        [(names[id(value)], value.dtype) for value in inputs],
        compute,
        [known[id(symbol)] for symbol in results],
        [symbol.dtype for symbol in results],
    )
    joined = Node(op, inputs, {})
    joined.outputs = tuple(results)
    joined.place = members[-1].place
    return joined


def _number(value: Any) -> scalar.Expr:
    """A number of the host; 32-bit ones keep their value as Python's floats."""
    return scalar.constant(bool(value) if isinstance(value, (bool, np.bool_)) else float(value))
