"""What comes before and after a product of matrices in a layer becomes part of the product.

These are the endings that cuBLASLt has, so the passes run where it is: on a GPU.  On a CPU a second
node costs no launch, and the values of joined sums would not be those of eager operations to the
bit; what large products end in there is in `endings.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorcore import dtypes
from tensorcore.graph.graph import Node
from tensorcore.graph.passes.fuse import kind_of
from tensorcore.graph.passes.product_nodes import (
    PRODUCT_ADD,
    PRODUCT_ADD_GELU,
    PRODUCT_ADD_GELU_KEEPING,
    PRODUCT_ADD_RELU,
    PRODUCT_ADD_RELU_BITS,
    PRODUCT_AND_SUMS,
    PRODUCT_GELU_SLOPE,
    PRODUCT_RELU_SLOPE,
)
from tensorcore.graph.passes.relations import Units, producers, use_counts
from tensorcore.graph.passes.rewriting import (
    Change,
    column_summand,
    joined,
    new_symbol,
    only_reader,
    rewritten,
)
from tensorcore.graph.symbol import Symbol
from tensorcore.kernels.precision import matmul_precision
from tensorcore.ops.activations import gelu_tanh, relu, relu_slope
from tensorcore.ops.arithmetic import add
from tensorcore.ops.linear import matmul
from tensorcore.ops.shaping import reshape, sum_to

FLOATS = (dtypes.float32, dtypes.float16, dtypes.bfloat16)
GELU_SLOPE = "gelu_tanh_vjp_x"  # the operation that is derived from gelu_tanh

Nodes = Sequence[Node]
Outputs = Sequence[Symbol]


def join_product_endings(nodes: Nodes, outputs: Outputs) -> tuple[list[Node], list[Symbol]]:
    """A product with a matrix, its bias, and relu or GELU (approximated) become one node."""
    nodes, outputs = rewritten(nodes, outputs, _behind_product)
    return _with_gelu(nodes, outputs), list(outputs)


def join_product_gradients(nodes: Nodes, outputs: Outputs) -> tuple[list[Node], list[Symbol]]:
    """Products that send gradients back take the slope of the activation there with them, and they
    or those for weights take the sums that are the gradients of biases.
    """
    nodes = _with_slopes(nodes, outputs)
    nodes = _with_sums_of_results(nodes)
    return _with_sums_of_factors(nodes), list(outputs)


def _has_ending(product: Node, ending: str) -> bool:
    """Whether the library computes a product with an ending; see `product_plans.Ending`."""
    from tensorcore.kernels.cuda.product_recipes import has_ending

    x1, x2 = product.inputs[:2]
    flags = {name: product.attrs[name] for name in ("transpose_a", "transpose_b")}
    return product.outputs[0].device.run(has_ending, ending, x1, x2, **flags)


# Forwards -----------------------------------------------------------------------------------------


def _behind_product(node: Node, place: int, before: Node) -> Change | None:
    if node.op is add and before.op is matmul:
        bias = column_summand(node, place)
        x1, x2 = before.inputs
        if bias is not None and len(x1.shape) > 1 and len(x2.shape) == 2:
            return before, [joined(PRODUCT_ADD, before, (x1, x2, bias), node)]
    if node.op is relu and before.op is PRODUCT_ADD:
        return before, [joined(PRODUCT_ADD_RELU, before, before.inputs, node)]
    return None


def _with_gelu(nodes: Nodes, outputs: Outputs) -> list[Node]:
    """gelu(x W + b) as one node, which keeps what goes into GELU where its gradient reads it."""
    computed_by = producers(nodes)
    counts = use_counts(nodes, outputs)
    replaced: dict[int, Node] = {}  # id of a product -> what is there instead
    gone = set()
    for node in nodes:
        if node.op is not gelu_tanh:
            continue
        value = node.inputs[0]
        product = computed_by.get(id(value))
        if product is None or product.op is not PRODUCT_ADD or not _has_gelu(value):
            continue
        if counts[id(value)] == 1:
            op, ending, results = PRODUCT_ADD_GELU, "ADD_GELU", node.outputs
        else:
            results = (*node.outputs, value)
            op, ending = PRODUCT_ADD_GELU_KEEPING, "ADD_GELU_KEEPING"
        if not _has_ending(product, ending):
            continue
        made = joined(op, product, product.inputs, node)
        made.outputs = results
        replaced[id(product)] = made
        gone.add(id(node))
    return [replaced.get(id(node), node) for node in nodes if id(node) not in gone]


def _has_gelu(value: Any) -> bool:
    """Whether the library's GELU may be used: its tanh is too coarse for true float32."""
    if value.dtype == dtypes.float32:
        return matmul_precision() != "float32"
    return value.dtype in FLOATS


# Backwards ----------------------------------------------------------------------------------------


def _with_slopes(nodes: Nodes, outputs: Outputs) -> list[Node]:
    """relu'(g W^T, y) and gelu'(g W^T, z) as one node.

    relu's slope is taken from bits that the layer's own product writes down.
    """
    computed_by = producers(nodes)
    counts = use_counts(nodes, outputs)
    replaced: dict[int, Node] = {}
    gone: set[int] = set()
    for node in nodes:
        product = _product_before_slope(node, computed_by, counts)
        if product is None:
            continue
        at = node.inputs[1]
        activation = "RELU" if node.op is relu_slope() else "GELU"
        if not _has_ending(product, f"TIMES_{activation}_SLOPE"):
            continue
        if node.op is relu_slope():
            layer = computed_by.get(id(at))
            layer = replaced.get(id(layer), layer)
            if layer is None or layer.op not in (PRODUCT_ADD_RELU, PRODUCT_ADD_RELU_BITS):
                continue
            if layer.op is PRODUCT_ADD_RELU:
                shape = (*at.shape[:-1], at.shape[-1] // 8)
                with_bits = joined(PRODUCT_ADD_RELU_BITS, layer, layer.inputs, layer)
                with_bits.outputs = (at, new_symbol(with_bits, shape, dtypes.uint8, at.device))
                replaced[id(layer)] = layer = with_bits
            op, slopes = PRODUCT_RELU_SLOPE, layer.outputs[1]
        else:
            op, slopes = PRODUCT_GELU_SLOPE, at
        made = joined(op, product, (*product.inputs, slopes), node)
        made.attrs = {**product.attrs, "sums": False}
        replaced[id(node)] = made
        gone.add(id(product))
    return [replaced.get(id(node), node) for node in nodes if id(node) not in gone]


def _product_before_slope(
    node: Node, computed_by: dict[int, Node], counts: dict[int, int]
) -> Node | None:
    """The product with a matrix whose result only `node`, a slope, reads."""
    is_gelu = node.op is not None and node.op.name == GELU_SLOPE
    if node.op is not relu_slope() and not is_gelu:
        return None
    value, at = node.inputs
    product = only_reader(value, computed_by, counts)
    if product is None or product.op is not matmul or not isinstance(at, Symbol):
        return None
    x1, x2 = product.inputs
    if len(x1.shape) < 2 or len(x2.shape) != 2 or value.dtype not in FLOATS:
        return None
    if (at.shape, at.dtype) != (value.shape, value.dtype):
        return None
    return None if is_gelu and not _has_gelu(value) else product


def _with_sums_of_results(nodes: Nodes) -> list[Node]:
    """A bias's gradient where a slope has just been multiplied: the sums of that node's columns."""
    slopes = {
        id(node.outputs[0]): node
        for node in nodes
        if node.op in (PRODUCT_RELU_SLOPE, PRODUCT_GELU_SLOPE)
    }
    replaced: dict[int, Node] = {}
    gone: set[int] = set()
    computed_by = producers(nodes)
    for node in nodes:
        value = _summed(node, computed_by)
        slope = slopes.pop(id(value), None)
        activation = "GELU" if slope is not None and slope.op is PRODUCT_GELU_SLOPE else "RELU"
        if slope is None or not _has_ending(slope, f"TIMES_{activation}_SLOPE_SUMS"):
            continue
        made = joined(slope.op, slope, slope.inputs, slope)
        made.attrs = {**slope.attrs, "sums": True}
        made.outputs = (*slope.outputs, *node.outputs)
        replaced[id(slope)] = made
        gone.add(id(node))
    return [replaced.get(id(node), node) for node in nodes if id(node) not in gone]


def _with_sums_of_factors(nodes: Nodes) -> list[Node]:
    """A bias's gradient beside that of the weights: x^T g and the sum of g's rows.

    The library sums a factor as it reads it, if it lies in memory with the summed axis outermost.
    Where an element-wise loop computes g, that loop can sum as well (pass "sums"), and leaves the
    library the choice among all its algorithms.
    """
    computed_by = producers(nodes)
    products = _products_of(nodes, computed_by)
    units = Units(nodes)
    pairs: dict[int, tuple[Node, bool]] = {}  # id of a product -> the sums, whether of its left
    for position, node in enumerate(nodes):
        for at, of_left in products.get(id(_summed(node, computed_by)), ()):
            ending = "LEFT_FACTOR_SUMS" if of_left else "RIGHT_FACTOR_SUMS"
            if id(nodes[at]) in pairs or not _has_ending(nodes[at], ending):
                continue
            if not units.merge(units.unit(at), units.unit(position)):
                continue
            pairs[id(nodes[at])] = (node, of_left)
            break
    result = []
    for members in units.ordered():
        product = next((node for node in members if id(node) in pairs), None)
        if product is None:
            result += members
            continue
        total, of_left = pairs[id(product)]
        made = joined(PRODUCT_AND_SUMS, product, product.inputs, product)
        made.attrs = {**product.attrs, "of_left": of_left}
        made.outputs = (*product.outputs, *total.outputs)
        result.append(made)
    return result


def _products_of(nodes: Nodes, computed_by: dict[int, Node]) -> dict[int, list[tuple[int, bool]]]:
    """For the id of a value the products over its rows: their positions, whether it is the left."""
    found: dict[int, list[tuple[int, bool]]] = {}
    for position, node in enumerate(nodes):
        if node.op is not matmul or any(len(x.shape) != 2 for x in node.inputs):
            continue
        left, right = (_unshaped(value, computed_by) for value in node.inputs)
        if not node.attrs["transpose_b"]:
            found.setdefault(id(right), []).append((position, False))
        if node.attrs["transpose_a"]:
            found.setdefault(id(left), []).append((position, True))
    return found


def _summed(node: Node, computed_by: dict[int, Node]) -> Any:
    """What is summed over all dimensions but the last, and not by the loop that computes it."""
    if node.op is not sum_to or node.outputs[0].dtype not in FLOATS:
        return None
    value = node.inputs[0]
    terms = computed_by.get(id(value))
    if terms is not None and kind_of(terms) is not None:
        return None
    if len(value.shape) < 2 or node.outputs[0].shape != value.shape[-1:]:
        return None
    return _unshaped(value, computed_by)


def _unshaped(value: Any, computed_by: dict[int, Node]) -> Any:
    """The value before it was reshaped to other rows of the same length."""
    while (node := computed_by.get(id(value))) is not None and node.op is reshape:
        if node.inputs[0].shape[-1:] != value.shape[-1:]:
            break
        value = node.inputs[0]
    return value
