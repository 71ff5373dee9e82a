"""What follows a convolution or a product is done with its sums while they are in fast memory."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from tensorcore.graph.graph import Node
from tensorcore.graph.made import Made
from tensorcore.graph.passes.products import PRODUCT_ADD, PRODUCT_ADD_RELU
from tensorcore.graph.passes.relations import producers, use_counts
from tensorcore.graph.passes.rewriting import (
    Change,
    column_summand,
    joined,
    new_node,
    only_reader,
    rewritten,
)
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
    """Convolution, bias and relu become one node, large products, bias and relu do, and so do an
    input's gradient and relu's, be it a convolution or a product that sends the gradient back.

    The gradient of relu behind that of a maximum pool goes before it, where there are fewer
    elements: what a window passes on is masked by its maximum, which is relu's result there.
    """
    pools = [node for node in nodes if node.op is max_pool2d]
    nodes, outputs = rewritten(nodes, outputs, functools.partial(_behind_convolution, pools))
    nodes = _add_to_products(nodes, outputs)
    nodes, outputs = rewritten(nodes, outputs, _relu_behind_product)
    return _mask_products(nodes, outputs), outputs


def _behind_convolution(pools: list[Node], node: Node, place: int, before: Node) -> Change | None:
    value = node.inputs[place]
    if node.op is add and before.op is conv2d and _is_direct(before, before.inputs[1]):
        bias = column_summand(node, place)
        if bias is not None:
            return before, [joined(CONV_ADD, before, (*before.inputs, bias), node)]
    if node.op is relu and before.op is CONV_ADD:
        return before, [joined(CONV_ADD_RELU, before, before.inputs, node)]
    if node.op is relu_slope() and place == 0 and isinstance(node.inputs[1], Symbol):
        mask = node.inputs[1]
        if before.op is max_pool2d_gradient and before.inputs[1] is mask:
            return _exchanged(node, before, pools)
        is_gradient = before.op is conv2d_input_gradient
        if is_gradient and _is_direct(before, before.inputs[1]) and mask.shape == value.shape:
            return before, [joined(INPUT_GRADIENT_MASK, before, (*before.inputs, mask), node)]
    return None


def _add_to_products(nodes: Sequence[Node], outputs: Sequence[Symbol]) -> list[Node]:
    """A large product and its bias as one node, also where a reshape divides the columns between
    them, as among the heads of attention.
    """
    computed_by = producers(nodes)
    counts = use_counts(nodes, outputs)
    result: list[Node] = []
    for node in nodes:
        change = None
        if node.op is add:
            change = _with_bias(node, 0, computed_by, counts)
            change = change or _with_bias(node, 1, computed_by, counts)
        if change is None:
            result.append(node)
            continue
        gone, fresh = change
        for old in gone:
            result.remove(old)
        result += fresh
    return result


def _with_bias(
    node: Node, place: int, computed_by: dict[int, Node], counts: dict[int, int]
) -> tuple[list[Node], list[Node]] | None:
    """The nodes of a large product whose result is this summand, and those in their place."""
    value, bias = node.inputs[place], node.inputs[1 - place]
    before = product = only_reader(value, computed_by, counts)
    if before is not None and before.op is reshape:
        product = only_reader(before.inputs[0], computed_by, counts)
    if before is None or product is None or product.op is not matmul or not _is_large(product):
        return None
    columns = product.outputs[0].shape[-1:]
    if not isinstance(bias, Symbol) or bias.dtype != value.dtype:
        return None
    if bias.shape != value.shape[-len(bias.shape) :] or bias.data.size != columns[0]:
        return None
    if product is before and bias.shape == columns:
        return [product], [joined(PRODUCT_ADD, product, (*product.inputs, bias), node)]
    if product is before:
        return None
    flat = new_node(node, reshape, (bias,), {**before.attrs, "shape": columns}, columns)
    inputs = (*product.inputs, flat.outputs[0])
    added = new_node(node, PRODUCT_ADD, inputs, product.attrs, product.outputs[0].shape)
    return [product, before], [flat, added, joined(reshape, before, added.outputs, node)]


def _relu_behind_product(node: Node, place: int, before: Node) -> Change | None:
    if node.op is relu and before.op is PRODUCT_ADD:
        return before, [joined(PRODUCT_ADD_RELU, before, before.inputs, node)]
    return None


def _is_large(product: Node) -> bool:
    """Whether the product is computed by the kernel that adds a bias to blocks."""
    x1, x2 = product.inputs
    if not isinstance(x1, Symbol) or len(x1.shape) < 2 or len(x2.shape) != 2:
        return False
    if product.attrs["transpose_a"] or product.outputs[0].dtype.char not in "fd":
        return False
    columns, depth = product.outputs[0].shape[-1], x1.shape[-1]
    sizes = (x1.data.size // max(depth, 1), columns, depth)
    return product_ways.is_blocked(*sizes) and product_ways.is_own(*sizes)


def _mask_products(nodes: Sequence[Node], outputs: Sequence[Symbol]) -> list[Node]:
    """relu'(g W^T, y) as one node, also where the product is reshaped in between."""
    computed_by = producers(nodes)
    counts = use_counts(nodes, outputs)
    result: list[Node] = []
    for node in nodes:
        product = None
        if node.op is relu_slope() and isinstance(node.inputs[1], Symbol):
            value = node.inputs[0]
            before = product = only_reader(value, computed_by, counts)
            if before is not None and before.op is reshape:
                product = only_reader(before.inputs[0], computed_by, counts)
        if product is None or product.op is not matmul or not _is_masked(product):
            result.append(node)
            continue
        result.remove(product)
        mask = node.inputs[1]
        if before is None or product is before:
            result.append(joined(MATMUL_MASK, product, (*product.inputs, mask), node))
            continue
        result.remove(before)
        shape = product.outputs[0].shape
        flat = new_node(node, reshape, (mask,), {**before.attrs, "shape": shape}, shape)
        inputs = (*product.inputs, flat.outputs[0])
        masked = new_node(node, MATMUL_MASK, inputs, product.attrs, shape)
        result += [flat, masked, joined(reshape, before, masked.outputs, node)]
    return result


def _is_masked(product: Node) -> bool:
    """Whether the product is computed by a kernel that masks."""
    g, w = product.inputs
    flags = (product.attrs["transpose_a"], product.attrs["transpose_b"])
    if len(g.shape) != 2 or len(w.shape) != 2 or flags != (False, True):
        return False
    sizes = (g.shape[0], w.shape[0], g.shape[1])
    return g.dtype.char in "fd" and product_ways.is_own(*sizes) and product_ways.masks(g.shape[0])


def _is_direct(node: Node, w: Any) -> bool:
    """Whether the convolution is computed by the kernel that has endings."""
    is_depthwise = w.shape[2] == 1 and node.attrs["groups"] == w.shape[3] > 1
    return node.outputs[0].dtype.char in "fd" and not is_depthwise


def _exchanged(node: Node, before: Node, pools: list[Node]) -> Change | None:
    """pool'(relu'(g, p), x) for relu'(pool'(g, x), x), where p is the pool's result."""
    g, x = before.inputs
    for pool in pools:
        if pool.inputs[0] is x and pool.attrs == before.attrs:
            masked = Node(node.op, (g, pool.outputs[0]), {})
            masked.place = node.place
            masked.outputs = (Symbol(NoData(g.shape, g.dtype), g.device, node=masked),)
            inputs = (masked.outputs[0], x)
            return before, [masked, joined(before.op, before, inputs, node)]
    return None


def _added(xp: Any, x: Any, w: Any, bias: Any, **attrs: Any) -> Any:
    return conv2d.reference(xp, x, w, **attrs) + bias


def _added_relu(xp: Any, x: Any, w: Any, bias: Any, **attrs: Any) -> Any:
    return xp.maximum(_added(xp, x, w, bias, **attrs), bias.dtype.type(0))


def _masked(xp: Any, g: Any, w: Any, y: Any, **attrs: Any) -> Any:
    zero = g.dtype.type(0)
    return xp.where(y <= zero, zero, conv2d_input_gradient.reference(xp, g, w, **attrs))


def _masked_product(xp: Any, g: Any, w: Any, y: Any, **attrs: Any) -> Any:
    zero = g.dtype.type(0)
    return xp.where(y <= zero, zero, matmul.reference(xp, g, w, **attrs))


CONV_ADD = Made("conv2d_add", _added)
CONV_ADD_RELU = Made("conv2d_add_relu", _added_relu)
INPUT_GRADIENT_MASK = Made("conv2d_input_gradient_mask", _masked)
MATMUL_MASK = Made("matmul_mask", _masked_product)
