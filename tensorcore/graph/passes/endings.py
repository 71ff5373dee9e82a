"""What follows a convolution is done with its sums while they are in fast memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorcore.graph.graph import Node
from tensorcore.graph.made import Made
from tensorcore.graph.passes.relations import producers, use_counts
from tensorcore.graph.symbol import NoData, Symbol
from tensorcore.ops.activations import relu, relu_slope
from tensorcore.ops.arithmetic import add
from tensorcore.ops.convolution import conv2d, conv2d_input_gradient
from tensorcore.ops.pooling import max_pool2d, max_pool2d_gradient


def join_endings(
    nodes: Sequence[Node], outputs: Sequence[Symbol]
) -> tuple[list[Node], list[Symbol]]:
    """Convolution, bias and relu become one node, and so do an input's gradient and relu's.

    The gradient of relu behind that of a maximum pool goes before it, where there are fewer
    elements: what a window passes on is masked by its maximum, which is relu's result there.
    """
    computed_by = producers(nodes)
    counts = use_counts(nodes, outputs)
    pools = [node for node in nodes if node.op is max_pool2d]
    result: list[Node] = []
    for node in nodes:
        joined = _joined(node, computed_by, counts, pools)
        if joined is None:
            result.append(node)
            continue
        gone, fresh = joined
        result.remove(gone)
        result += fresh
        computed_by.update((id(s), made) for made in fresh for s in made.outputs)
    return result, list(outputs)


def _joined(
    node: Node, computed_by: dict[int, Node], counts: dict[int, int], pools: list[Node]
) -> tuple[Node, list[Node]] | None:
    """The node before that goes, and what takes the place of both."""
    for place, value in enumerate(node.inputs):
        before = computed_by.get(id(value))
        if before is None or before.op is None or counts[id(value)] != 1 or before.writes:
            continue
        if node.op is add and before.op is conv2d and _is_direct(before, before.inputs[1]):
            bias = node.inputs[1 - place]
            if isinstance(bias, Symbol) and bias.shape == value.shape[-1:]:
                return before, [_one(CONV_ADD, before, (*before.inputs, bias), node)]
        if node.op is relu and before.op is CONV_ADD:
            return before, [_one(CONV_ADD_RELU, before, before.inputs, node)]
        if node.op is relu_slope() and place == 0 and isinstance(node.inputs[1], Symbol):
            mask = node.inputs[1]
            if before.op is max_pool2d_gradient and before.inputs[1] is mask:
                return _exchanged(node, before, pools)
            is_gradient = before.op is conv2d_input_gradient
            if is_gradient and _is_direct(before, before.inputs[1]) and mask.shape == value.shape:
                inputs = (*before.inputs, mask)
                return before, [_one(INPUT_GRADIENT_MASK, before, inputs, node)]
    return None


def _is_direct(node: Node, w: Any) -> bool:
    """Whether the convolution is computed by the kernel that has endings."""
    is_depthwise = w.shape[2] == 1 and node.attrs["groups"] == w.shape[3] > 1
    return node.outputs[0].dtype.char in "fd" and not is_depthwise


def _one(op: Made, first: Node, inputs: Sequence[Any], last: Node) -> Node:
    node = Node(op, inputs, first.attrs)
    node.place = last.place
    node.outputs = last.outputs
    return node


def _exchanged(node: Node, before: Node, pools: list[Node]) -> tuple[Node, list[Node]] | None:
    """pool'(relu'(g, p), x) for relu'(pool'(g, x), x), where p is the pool's result."""
    g, x = before.inputs
    for pool in pools:
        if pool.inputs[0] is x and pool.attrs == before.attrs:
            masked = Node(node.op, (g, pool.outputs[0]), {})
            masked.place = node.place
            masked.outputs = (Symbol(NoData(g.shape, g.dtype), g.device, node=masked),)
            inputs = (masked.outputs[0], x)
            return before, [masked, _one(before.op, before, inputs, node)]
    return None


def _added(xp: Any, x: Any, w: Any, bias: Any, **attrs: Any) -> Any:
    return conv2d.reference(xp, x, w, **attrs) + bias


def _added_relu(xp: Any, x: Any, w: Any, bias: Any, **attrs: Any) -> Any:
    return xp.maximum(_added(xp, x, w, bias, **attrs), bias.dtype.type(0))


def _masked(xp: Any, g: Any, w: Any, y: Any, **attrs: Any) -> Any:
    zero = g.dtype.type(0)
    return xp.where(y <= zero, zero, conv2d_input_gradient.reference(xp, g, w, **attrs))


CONV_ADD = Made("conv2d_add", _added)
CONV_ADD_RELU = Made("conv2d_add_relu", _added_relu)
INPUT_GRADIENT_MASK = Made("conv2d_input_gradient_mask", _masked)
