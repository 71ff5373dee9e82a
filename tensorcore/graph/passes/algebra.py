"""The same values with less work: powers that are products, neutral elements, transposed factors.

A rule takes a node of one operation and returns the symbol that its result is equal to, in all
bits, or changes the node's operation and inputs, or does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorcore.graph.graph import Node
from tensorcore.graph.passes.relations import producers
from tensorcore.graph.symbol import Symbol
from tensorcore.ops.arithmetic import divide, multiply, negative, pow, subtract
from tensorcore.ops.linear import matmul
from tensorcore.ops.shaping import reshape, transpose
from tensorcore.ops.transfer import convert

Made = dict[int, Node]  # the node that computes a symbol, by the symbol's id


def simplify(nodes: Sequence[Node], outputs: Sequence[Symbol]) -> tuple[list[Node], list[Symbol]]:
    """Apply the rules to each node in turn; what is left over is for "prune"."""
    made = producers(nodes)
    equal: dict[int, Symbol] = {}
    kept = []
    for node in nodes:
        node.inputs = tuple(equal.get(id(value), value) for value in node.inputs)
        rule = None if node.writes else RULES.get(id(node.op))
        found = rule(node, made) if rule is not None else None
        if found is None or (found.shape, found.dtype) != _kind(node):
            kept.append(node)
        else:
            equal[id(node.outputs[0])] = found
    return kept, [equal.get(id(symbol), symbol) for symbol in outputs]


def _kind(node: Node) -> Any:
    return node.outputs[0].shape, node.outputs[0].dtype


def _is(value: Any, number: float) -> bool:
    """Whether an input is this number of the program."""
    return not isinstance(value, Symbol) and bool(np.ndim(value) == 0 and value == number)


def _product(node: Node, made: Made) -> Symbol | None:
    """1 x = x."""
    x, y = node.inputs
    return y if _is(x, 1) else x if _is(y, 1) else None


def _quotient(node: Node, made: Made) -> Symbol | None:
    """x / 1 = x."""
    return node.inputs[0] if _is(node.inputs[1], 1) else None


def _difference(node: Node, made: Made) -> Symbol | None:
    """x - 0 = x, also where x is -0; x + 0 is not."""
    return node.inputs[0] if _is(node.inputs[1], 0) else None


def _power(node: Node, made: Made) -> Symbol | None:
    """x^1 = x, and x^2 = x x."""
    x, exponent = node.inputs
    is_same = isinstance(x, Symbol) and (x.shape, x.dtype) == _kind(node)
    if _is(exponent, 2) and is_same:
        node.op, node.inputs = multiply, (x, x)
    return x if _is(exponent, 1) else None


def _negative(node: Node, made: Made) -> Symbol | None:
    """-(-x) = x."""
    inner = made.get(id(node.inputs[0]))
    return inner.inputs[0] if inner is not None and inner.op is negative else None


def _conversion(node: Node, made: Made) -> Symbol | None:
    """x in the dtype that it has; in another one it is not equal, which `simplify` sees."""
    return node.inputs[0]


def _view(node: Node, made: Made) -> Symbol | None:
    """A change of shape, or an order of axes, that changes nothing, or what another one changed."""
    inner = made.get(id(node.inputs[0]))
    if inner is not None and inner.op is node.op and not inner.writes:
        if node.op is transpose:
            axes = _axes(inner), _axes(node)
            node.attrs = {**node.attrs, "axes": tuple(axes[0][axis] for axis in axes[1])}
        node.inputs = inner.inputs
    x = node.inputs[0]
    same = node.op is reshape or _axes(node) == tuple(range(len(x.shape)))
    return x if same else None


def _axes(node: Node) -> tuple[int, ...]:
    ndim = len(node.inputs[0].shape)
    axes = node.attrs["axes"]
    return tuple(range(ndim))[::-1] if axes is None else tuple(axis % ndim for axis in axes)


def _matmul(node: Node, made: Made) -> Symbol | None:
    """A factor whose last two axes are swapped is told to the product instead."""
    for place, flag in enumerate(("transpose_a", "transpose_b")):
        inner = made.get(id(node.inputs[place]))
        if inner is None or inner.op is not transpose or inner.writes:
            continue
        ndim = len(inner.inputs[0].shape)
        if ndim >= 2 and _axes(inner) == (*range(ndim - 2), ndim - 1, ndim - 2):
            inputs = list(node.inputs)
            inputs[place] = inner.inputs[0]
            node.inputs = tuple(inputs)
            node.attrs = {**node.attrs, flag: not node.attrs[flag]}
    return None


RULES: dict[int, Callable[[Node, Made], Symbol | None]] = {
    id(multiply): _product,
    id(divide): _quotient,
    id(subtract): _difference,
    id(pow): _power,
    id(negative): _negative,
    id(convert): _conversion,
    id(reshape): _view,
    id(transpose): _view,
    id(matmul): _matmul,
}
