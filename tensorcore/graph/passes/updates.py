"""The gradient of a large weight matrix goes into the optimizer's step block by block."""

from __future__ import annotations

from collections.abc import Sequence

from tensorcore.graph.graph import Node
from tensorcore.graph.made import JoinedUpdate
from tensorcore.graph.passes.prune import prune
from tensorcore.graph.passes.relations import producers, use_counts
from tensorcore.graph.symbol import NoData, Symbol
from tensorcore.kernels.cpu import product_ways
from tensorcore.ops.elementwise import Elementwise
from tensorcore.ops.joining import concatenate
from tensorcore.ops.linear import matmul
from tensorcore.ops.shaping import reshape

FROM_SIZE = 1 << 14  # elements of a matrix whose gradient is not worth writing down
# Every block of the gradient reads all of g.  Where g leaves the nearer caches, or the sums are
# long, a product of its own saves more than the memory of the gradient costs.
DEEPEST = 512
LARGEST_G_BYTES = 1 << 20


def join_updates(
    nodes: Sequence[Node], outputs: Sequence[Symbol]
) -> tuple[list[Node], list[Symbol]]:
    """An update whose gradient holds products x^T g takes x and g instead."""
    computed_by = producers(nodes)
    counts = use_counts(nodes, outputs)
    result: list[Node] = []
    for node in nodes:
        pieces = _pieces(node, computed_by, counts)
        products = [_product(symbol, computed_by, counts) for symbol in pieces]
        if any(products):
            result += _joined(node, pieces, products)
        else:
            result.append(node)
    return prune(result, outputs)


def _pieces(node: Node, computed_by: dict[int, Node], counts: dict[int, int]) -> list[Symbol]:
    """The flat gradients that an update is made with; none where this is no such update."""
    if not node.writes or not isinstance(node.op, Elementwise):
        return []
    gradient = node.inputs[len(node.writes)]
    joined = computed_by.get(id(gradient))
    if joined is None or counts[id(gradient)] != 1 or gradient.dtype.char not in "fd":
        return []
    return list(joined.inputs) if joined.op is concatenate else [gradient]


def _product(
    symbol: Symbol, computed_by: dict[int, Node], counts: dict[int, int]
) -> tuple[Symbol, Symbol] | None:
    """x and g of a flat gradient that is x^T g and used nowhere else."""
    node = computed_by.get(id(symbol))
    while node is not None and node.op is reshape and counts[id(node.outputs[0])] == 1:
        node = computed_by.get(id(node.inputs[0]))
    if node is None or node.op is not matmul or counts[id(node.outputs[0])] != 1:
        return None
    x, g = node.inputs
    flags = (node.attrs["transpose_a"], node.attrs["transpose_b"])
    if len(x.shape) != 2 or len(g.shape) != 2 or flags != (True, False):
        return None
    # What BLAS multiplies would have other bits here.
    is_own = product_ways.is_own(x.shape[1], g.shape[1], g.shape[0])
    pays = g.shape[0] <= DEEPEST and g.data.nbytes <= LARGEST_G_BYTES
    return (x, g) if is_own and pays and node.outputs[0].data.size >= FROM_SIZE else None


def _joined(
    node: Node, pieces: Sequence[Symbol], products: Sequence[tuple[Symbol, Symbol] | None]
) -> list[Node]:
    """The update in segments, after the concatenations of what is left of the gradient."""
    results = len(node.writes)
    fresh: list[Node] = []
    segments: list[tuple[int, int, int]] = []
    inputs: list[Symbol] = []
    rest: list[Symbol] = []
    place = 0

    def close_rest() -> None:
        if not rest:
            return
        size = sum(symbol.data.size for symbol in rest)
        segments.append((place - size, place, 1))
        if len(rest) == 1:
            inputs.append(rest[0])
        else:
            joined = Node(concatenate, tuple(rest), {"axis": 0})
            spec = NoData((size,), rest[0].dtype)
            joined.outputs = (Symbol(spec, rest[0].device, node=joined),)
            fresh.append(joined)
            inputs.append(joined.outputs[0])
        rest.clear()

    for symbol, product in zip(pieces, products, strict=True):
        size = symbol.data.size
        if product is None:
            rest.append(symbol)
        else:
            close_rest()
            segments.append((place, place + size, 2))
            inputs += product
        place += size
    close_rest()
    op = JoinedUpdate(node.op, results, segments)
    update = Node(op, (*node.inputs[:results], *inputs, *node.inputs[results + 1 :]), {})
    update.writes = node.writes
    update.outputs = node.outputs
    return [*fresh, update]
