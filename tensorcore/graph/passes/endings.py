"""What follows a convolution or a product is done with its sums while they are in fast memory."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from tensorcore.graph.graph import Node
from tensorcore.graph.made import Made
from tensorcore.graph.passes.relations import producers, use_counts
from tensorcore.graph.symbol import NoData, Symbol
from tensorcore.kernels.cpu import product_ways
from tensorcore.ops.activations import relu, relu_slope
from tensorcore.ops.arithmetic import add
from tensorcore.ops.convolution import conv2d, conv2d_input_gradient
from tensorcore.ops.linear import matmul
from tensorcore.ops.pooling import max_pool2d, max_pool2d_gradient
from tensorcore.ops.shaping import reshape


def join_endings(
    nodes: Sequence[Node], outputs: Sequence[Symbol]
) -> tuple[list[Node], list[Symbol]]:
    """Convolution, bias and relu become one node, and so do an input's gradient and relu's, be it a
    convolution or a product that sends the gradient back.

    The gradient of relu behind that of a maximum pool goes before it, where there are fewer
    elements: what a window passes on is masked by its maximum, which is relu's result there.
    """
    pools = [node for node in nodes if node.op is max_pool2d]
    nodes, outputs = _rewritten(nodes, outputs, functools.partial(_behind_convolution, pools))
    return _mask_products(nodes, outputs), outputs


def join_product_endings(
    nodes: Sequence[Node], outputs: Sequence[Symbol]
) -> tuple[list[Node], list[Symbol]]:
    """A product with a matrix, its bias and relu become one node, for libraries that do it."""
    return _rewritten(nodes, outputs, _behind_product)


# What takes the place of a node and the one before it: that one, and the new nodes.
Change = tuple[Node, list[Node]]
Rule = Callable[[Node, int, Node], Change | None]


def _rewritten(
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


def _behind_convolution(pools: list[Node], node: Node, place: int, before: Node) -> Change | None:
    value = node.inputs[place]
    if node.op is add and before.op is conv2d and _is_direct(before, before.inputs[1]):
        bias = _bias(node, place)
        if bias is not None:
            return before, [_one(CONV_ADD, before, (*before.inputs, bias), node)]
    if node.op is relu and before.op is CONV_ADD:
        return before, [_one(CONV_ADD_RELU, before, before.inputs, node)]
    if node.op is relu_slope() and place == 0 and isinstance(node.inputs[1], Symbol):
        mask = node.inputs[1]
        if before.op is max_pool2d_gradient and before.inputs[1] is mask:
            return _exchanged(node, before, pools)
        is_gradient = before.op is conv2d_input_gradient
        if is_gradient and _is_direct(before, before.inputs[1]) and mask.shape == value.shape:
            return before, [_one(INPUT_GRADIENT_MASK, before, (*before.inputs, mask), node)]
    return None


def _behind_product(node: Node, place: int, before: Node) -> Change | None:
    if node.op is add and before.op is matmul:
        bias = _bias(node, place)
        x1, x2 = before.inputs
        if bias is not None and len(x1.shape) > 1 and len(x2.shape) == 2:
            return before, [_one(PRODUCT_ADD, before, (x1, x2, bias), node)]
    if node.op is relu and before.op is PRODUCT_ADD:
        return before, [_one(PRODUCT_ADD_RELU, before, before.inputs, node)]
    return None


def _mask_products(nodes: Sequence[Node], outputs: Sequence[Symbol]) -> list[Node]:
    """relu'(g W^T, y) as one node, also where the product is reshaped in between."""
    computed_by = producers(nodes)
    counts = use_counts(nodes, outputs)
    result: list[Node] = []
    for node in nodes:
        product = None
        if node.op is relu_slope() and isinstance(node.inputs[1], Symbol):
            value = node.inputs[0]
            before = product = _only_reader(value, computed_by, counts)
            if before is not None and before.op is reshape:
                product = _only_reader(before.inputs[0], computed_by, counts)
        if product is None or product.op is not matmul or not _is_masked(product):
            result.append(node)
            continue
        result.remove(product)
        mask = node.inputs[1]
        if before is None or product is before:
            result.append(_one(MATMUL_MASK, product, (*product.inputs, mask), node))
            continue
        result.remove(before)
        shape = product.outputs[0].shape
        flat = _like(node, reshape, (mask,), {**before.attrs, "shape": shape}, shape)
        inputs = (*product.inputs, flat.outputs[0])
        masked = _like(node, MATMUL_MASK, inputs, product.attrs, shape)
        result += [flat, masked, _one(reshape, before, masked.outputs, node)]
    return result


def _only_reader(value: Any, computed_by: dict[int, Node], counts: dict[int, int]) -> Node | None:
    """The node that computes a value which is read once."""
    return computed_by.get(id(value)) if counts.get(id(value)) == 1 else None


def _is_masked(product: Node) -> bool:
    """Whether the product is computed by a kernel that masks."""
    g, w = product.inputs
    flags = (product.attrs["transpose_a"], product.attrs["transpose_b"])
    if len(g.shape) != 2 or len(w.shape) != 2 or flags != (False, True):
        return False
    sizes = (g.shape[0], w.shape[0], g.shape[1])
    return g.dtype.char in "fd" and product_ways.is_own(*sizes) and product_ways.masks(g.shape[0])


def _like(node: Node, op: Any, inputs: Sequence[Any], attrs: Any, shape: Any) -> Node:
    """A new node of the node's place and dtype."""
    made = Node(op, tuple(inputs), attrs)
    made.place = node.place
    spec = NoData(shape, node.outputs[0].dtype)
    made.outputs = (Symbol(spec, node.outputs[0].device, node=made),)
    return made


def _bias(node: Node, place: int) -> Symbol | None:
    """The other summand, if it is one number for each column."""
    value, bias = node.inputs[place], node.inputs[1 - place]
    return bias if isinstance(bias, Symbol) and bias.shape == value.shape[-1:] else None


def _is_direct(node: Node, w: Any) -> bool:
    """Whether the convolution is computed by the kernel that has endings."""
    is_depthwise = w.shape[2] == 1 and node.attrs["groups"] == w.shape[3] > 1
    return node.outputs[0].dtype.char in "fd" and not is_depthwise


def _one(op: Any, first: Node, inputs: Sequence[Any], last: Node) -> Node:
    node = Node(op, inputs, first.attrs)
    node.place = last.place
    node.outputs = last.outputs
    return node


def _exchanged(node: Node, before: Node, pools: list[Node]) -> Change | None:
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


def _product_added(xp: Any, x1: Any, x2: Any, bias: Any, **attrs: Any) -> Any:
    return matmul.reference(xp, x1, x2, **attrs) + bias


def _product_added_relu(xp: Any, x1: Any, x2: Any, bias: Any, **attrs: Any) -> Any:
    return xp.maximum(_product_added(xp, x1, x2, bias, **attrs), bias.dtype.type(0))


def _masked_product(xp: Any, g: Any, w: Any, y: Any, **attrs: Any) -> Any:
    zero = g.dtype.type(0)
    return xp.where(y <= zero, zero, matmul.reference(xp, g, w, **attrs))


CONV_ADD = Made("conv2d_add", _added)
CONV_ADD_RELU = Made("conv2d_add_relu", _added_relu)
INPUT_GRADIENT_MASK = Made("conv2d_input_gradient_mask", _masked)
PRODUCT_ADD = Made("matmul_add", _product_added)
PRODUCT_ADD_RELU = Made("matmul_add_relu", _product_added_relu)
MATMUL_MASK = Made("matmul_mask", _masked_product)
