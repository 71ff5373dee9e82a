"""Conversions between 16-bit floats and float32 are made by the loops around them.

Mixed precision converts before and after every step that is computed in float32, such as a
normalization.  A loop may as well load 16 bits and compute with 32, and store its result rounded:
the values are the same, and memory is read and written once.
"""

from __future__ import annotations

from collections.abc import Sequence

from tensorcore import dtypes
from tensorcore.graph.graph import Node
from tensorcore.graph.made import Fused
from tensorcore.graph.passes.fuse import joined, kind_of
from tensorcore.graph.passes.relations import use_counts
from tensorcore.graph.symbol import Symbol
from tensorcore.ops import scalar
from tensorcore.ops.transfer import convert

NARROW = (dtypes.float16, dtypes.bfloat16)
WIDE = dtypes.float32


def join_casts(nodes: Sequence[Node], outputs: Sequence[Symbol]) -> tuple[list[Node], list[Symbol]]:
    """Loops in float32 read what was widened for them in 16 bits, and store what is narrowed."""
    counts = use_counts(nodes, outputs)
    widened = {id(n.outputs[0]): n.inputs[0] for n in nodes if _converts(n, NARROW, (WIDE,))}
    kept: list[Node] = []
    place: dict[int, int] = {}  # in `kept`, of the loop that computes a symbol
    for node in nodes:
        if _converts(node, (WIDE,), NARROW) and id(node.inputs[0]) in place:
            where = place[id(node.inputs[0])]
            kept[where] = _storing(_as_loop(kept[where], counts), node)
            place[id(node.outputs[0])] = where
            continue
        if _is_cast(node):
            node = _as_loop(node, counts)
        elif _is_loop(node) and any(id(value) in widened for value in node.inputs):
            node = _reading(_as_loop(node, counts), widened)
        if _is_loop(node):
            place |= {id(symbol): len(kept) for symbol in node.outputs}
        kept.append(node)
    counts = use_counts(kept, outputs)
    return [node for node in (_trimmed(node, counts) for node in kept) if node], list(outputs)


def _converts(node: Node, of: Sequence[object], to: Sequence[object]) -> bool:
    """Whether a node converts an array from one of these dtypes to one of those."""
    return (
        node.op is convert
        and isinstance(node.inputs[0], Symbol)
        and node.inputs[0].dtype in of
        and node.outputs[0].dtype in to
        and not node.writes
    )


def _is_cast(node: Node) -> bool:
    """Whether a node widens 16-bit floats, or rounds to them."""
    return _converts(node, NARROW, (WIDE,)) or _converts(node, (WIDE,), NARROW)


def _is_loop(node: Node) -> bool:
    """Whether a node computes its elements in float32."""
    if type(node.op) is Fused:
        return node.op.compute == WIDE
    kind = kind_of(node)
    return kind is not None and kind[1] == WIDE


def _as_loop(node: Node, counts: dict[int, int]) -> Node:
    """The same with an operation of the kind to which inputs and results can be added."""
    if type(node.op) is Fused:
        return node
    if not _is_cast(node):
        return joined([node], counts)
    inputs = [("in0", node.inputs[0].dtype)]
    results = [scalar.argument("in0")]
    return _made(node, Fused(["convert"], inputs, WIDE, results, [node.outputs[0].dtype]))


def _reading(loop: Node, widened: dict[int, Symbol]) -> Node:
    """The loop with what is widened for it read as it is."""
    inputs = [widened.get(id(value), value) for value in loop.inputs]
    names = zip(loop.op.input_names, (value.dtype for value in inputs), strict=True)
    op = Fused(loop.op.members, list(names), WIDE, loop.op.expressions, loop.op.outputs)
    return _made(loop, op, inputs=inputs)


def _storing(loop: Node, narrowing: Node) -> Node:
    """The loop with one more result: one of its others, rounded to 16 bits."""
    number = [id(symbol) for symbol in loop.outputs].index(id(narrowing.inputs[0]))
    symbol = narrowing.outputs[0]
    op = Fused(
        loop.op.members,
        list(zip(loop.op.input_names, loop.op.input_dtypes, strict=True)),
        WIDE,
        [*loop.op.expressions, loop.op.expressions[number]],
        [*loop.op.outputs, symbol.dtype],
    )
    return _made(loop, op, outputs=(*loop.outputs, symbol))


def _trimmed(node: Node, counts: dict[int, int]) -> Node | None:
    """The node without results that nobody reads any more; None if none is left."""
    if type(node.op) is not Fused:
        return node
    used = [index for index, symbol in enumerate(node.outputs) if counts.get(id(symbol), 0)]
    if len(used) == len(node.outputs):
        return node
    if not used:
        return None
    op = Fused(
        node.op.members,
        list(zip(node.op.input_names, node.op.input_dtypes, strict=True)),
        node.op.compute,
        [node.op.expressions[index] for index in used],
        [node.op.outputs[index] for index in used],
    )
    return _made(node, op, outputs=tuple(node.outputs[index] for index in used))


def _made(node: Node, op: Fused, inputs: Sequence[Symbol] = (), outputs: tuple = ()) -> Node:
    """A node with another operation, at the place of a node."""
    made = Node(op, list(inputs or node.inputs), {})
    made.outputs = tuple(outputs or node.outputs)
    made.place = node.place
    return made
