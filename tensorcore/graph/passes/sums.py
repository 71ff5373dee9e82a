"""What element-wise operations compute only to be summed is added up, and not stored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from tensorcore.graph.graph import Node
from tensorcore.graph.made import Fused, FusedSums
from tensorcore.graph.passes.casts import NARROW
from tensorcore.graph.passes.fuse import joined, kind_of
from tensorcore.graph.passes.relations import producers, use_counts
from tensorcore.graph.symbol import Symbol
from tensorcore.ops.reductions import mean, sum
from tensorcore.ops.shaping import sum_to


class _Axes(NamedTuple):
    """The axes that are summed: the last ones from `border` on, or the first ones up to it."""

    summed: tuple[int, ...]
    over_first: bool
    border: int


def join_sums(nodes: Sequence[Node], outputs: Sequence[Symbol]) -> tuple[list[Node], list[Symbol]]:
    """Sums and means over the first or the last axes go into the loop that computes their terms.

    The terms are stored only where somebody else needs them.  Several sums over the same axes of
    what one loop computes go there together.
    """
    computed_by = producers(nodes)
    found: dict[int, list[Node]] = {}  # by the node that computes the terms
    axes_of: dict[int, _Axes] = {}
    for node in nodes:
        axes = _axes(node)
        terms = computed_by.get(id(node.inputs[0])) if axes is not None else None
        if axes is None or terms is None or not _fits(terms, axes):
            continue
        if axes_of.setdefault(id(terms), axes) == axes:
            found.setdefault(id(terms), []).append(node)
    counts = use_counts(nodes, outputs)
    gone = {id(node) for sums in found.values() for node in sums}
    result = []
    for node in nodes:
        if id(node) in found:
            result.append(_with_sums(node, found[id(node)], axes_of[id(node)], counts))
        elif id(node) not in gone:
            result.append(node)
    return result, list(outputs)


def _axes(node: Node) -> _Axes | None:
    """Which axes a node sums, if they are the first or the last ones."""
    if node.op not in (sum, mean, sum_to) or node.writes or node.inputs[0].dtype in NARROW:
        return None  # a sum of 16-bit floats is one of rounded terms
    shape, ndim = node.inputs[0].shape, len(node.inputs[0].shape)
    if node.op is sum_to:
        lead = ndim - len(node.attrs["shape"])
        stretched = (i for i, n in enumerate(node.attrs["shape"], lead) if n == 1)
        axes = [*range(lead), *stretched]
    else:
        axis = node.attrs["axis"]
        given = axis if isinstance(axis, (tuple, list)) else (axis,)
        axes = list(range(ndim)) if axis is None else sorted(i % ndim for i in given)
    summed = tuple(i for i in axes if shape[i] != 1)
    if not summed or node.attrs.get("dtype") not in (None, node.inputs[0].dtype):
        return None
    first, after = summed[0], summed[-1] + 1
    if after - first != len(summed):
        return None
    if math.prod(shape[after:]) == 1:
        return _Axes(summed, over_first=False, border=first)
    return _Axes(summed, True, after) if math.prod(shape[:first]) == 1 else None


def _fits(terms: Node, axes: _Axes) -> bool:
    """Whether a node's loop can run over lines that begin or end at the border of the axes."""
    if terms.writes or not (type(terms.op) is Fused or kind_of(terms) is not None):
        return False
    shape = terms.outputs[0].shape
    if not math.prod(shape):
        return False
    return all(_repeats(value, shape, axes.border) for value in terms.inputs)


def _repeats(value: Any, shape: Sequence[int], border: int) -> bool:
    """Whether an input is as large as the result, one line or one column of it, or a number."""
    if not isinstance(value, Symbol) or math.prod(value.shape) == 1:
        return True
    padded = (1,) * (len(shape) - len(value.shape)) + tuple(value.shape)
    sides = (padded[:border], shape[:border]), (padded[border:], shape[border:])
    return all(mine == whole or math.prod(mine) == 1 for mine, whole in sides)


def _with_sums(node: Node, sums: Sequence[Node], axes: _Axes, counts: dict[int, int]) -> Node:
    """A node that computes elements, and sums of them besides or instead."""
    terms = node if type(node.op) is Fused else joined([node], counts)
    place = {id(symbol): number for number, symbol in enumerate(terms.outputs)}
    read_here = [id(each.inputs[0]) for each in sums]
    results = [
        (number, "", symbol)
        for number, symbol in enumerate(terms.outputs)
        if counts[id(symbol)] > read_here.count(id(symbol))
    ]
    for each in sums:
        kind = "mean" if each.op is mean else "sum"
        results.append((place[id(each.inputs[0])], kind, each.outputs[0]))
    op = FusedSums(
        terms.op,
        [(number, kind) for number, kind, _ in results],
        [symbol.shape for _, _, symbol in results],
        axes.summed,
        axes.over_first,
        axes.border,
    )
    made = Node(op, terms.inputs, {})
    made.outputs = tuple(symbol for _, _, symbol in results)
    made.place = node.place
    return made
