"""The gradient of a large weight matrix or table goes into the optimizer's step by blocks."""

from __future__ import annotations

from collections.abc import Sequence

from tensorcore.graph.graph import Node
from tensorcore.graph.made import JoinedUpdate
from tensorcore.graph.passes.prune import prune
from tensorcore.graph.passes.relations import producers, use_counts
from tensorcore.graph.symbol import NoData, Symbol
from tensorcore.kernels.cpu import product_ways
from tensorcore.ops.elementwise import Elementwise
from tensorcore.ops.indexing import scatter_add
from tensorcore.ops.joining import concatenate
from tensorcore.ops.linear import matmul
from tensorcore.ops.shaping import reshape

# The kinds of segments that take the last two inputs of an operation.
KINDS = {"matmul": "product", "scatter_add": "lookups"}
FROM_SIZE = 1 << 14  # elements of a matrix whose gradient is not worth writing down
# Every block of the gradient reads all of g.  Where g leaves the nearer caches, or the sums are
# long, a product of its own saves more than the memory of the gradient costs.
DEEPEST = 512
LARGEST_G_BYTES = 1 << 20


def join_updates(
    nodes: Sequence[Node], outputs: Sequence[Symbol]
) -> tuple[list[Node], list[Symbol]]:
    """An update whose gradient holds products x^T g takes x and g instead, and for what look-ups
    bring to the rows of a table their indices and updates.
    """
    computed_by = producers(nodes)
    counts = use_counts(nodes, outputs)
    result: list[Node] = []
    gone: set[int] = set()
    for node in nodes:
        pieces = _pieces(node, computed_by, counts)
        sources = [_source(symbol, computed_by, counts) for symbol in pieces]
        if any(sources):
            result += _joined(node, pieces, sources)
            gone.update(id(source) for source in sources if source is not None)
        else:
            result.append(node)
    # What checks indices would stay; the update does that now.
    return prune([node for node in result if id(node) not in gone], outputs)


def _pieces(node: Node, computed_by: dict[int, Node], counts: dict[int, int]) -> list[Symbol]:
    """The flat gradients that an update is made with; none where this is no such update."""
    if not node.writes or not isinstance(node.op, Elementwise):
        return []
    gradient = node.inputs[len(node.writes)]
    joined = computed_by.get(id(gradient))
    if joined is None or counts[id(gradient)] != 1 or gradient.dtype.char not in "fd":
        return []
    return list(joined.inputs) if joined.op is concatenate else [gradient]


def _source(symbol: Symbol, computed_by: dict[int, Node], counts: dict[int, int]) -> Node | None:
    """What computes a flat gradient that is used nowhere else, if its inputs are to be taken."""
    node = computed_by.get(id(symbol))
    while node is not None and node.op is reshape and counts[id(node.outputs[0])] == 1:
        node = computed_by.get(id(node.inputs[0]))
    if node is None or counts[id(node.outputs[0])] != 1:
        return None
    if node.outputs[0].data.size < FROM_SIZE:
        return None
    fits = (node.op is matmul and _is_product(node)) or (
        node.op is scatter_add and _is_sum_of_lookups(node)
    )
    return node if fits else None


def _is_product(node: Node) -> bool:
    """Whether it is x^T g, small enough to be read again and again."""
    x, g = node.inputs
    flags = (node.attrs["transpose_a"], node.attrs["transpose_b"])
    if len(x.shape) != 2 or len(g.shape) != 2 or flags != (True, False):
        return False
    # What BLAS multiplies would have other bits here.
    is_own = product_ways.is_own(x.shape[1], g.shape[1], g.shape[0], transpose_a=True)
    return is_own and g.shape[0] <= DEEPEST and g.data.nbytes <= LARGEST_G_BYTES


def _is_sum_of_lookups(node: Node) -> bool:
    """Whether it adds to the rows of a table of zeros."""
    table, _, updates = node.inputs
    if len(table.shape) != 2 or node.attrs["axis"] not in (0, -2) or not updates.data.size:
        return False
    source = table.source if isinstance(table, Symbol) else None
    return source is not None and source.kind == "constant" and not source.what.any()


def _joined(node: Node, pieces: Sequence[Symbol], sources: Sequence[Node | None]) -> list[Node]:
    """The update in segments, after the concatenations of what is left of the gradient."""
    results = len(node.writes)
    fresh: list[Node] = []
    segments: list[tuple[int, int, str]] = []
    inputs: list[Symbol] = []
    rest: list[Symbol] = []
    place = 0

    def close_rest() -> None:
        if not rest:
            return
        size = sum(symbol.data.size for symbol in rest)
        segments.append((place - size, place, "gradient"))
        if len(rest) == 1:
            inputs.append(rest[0])
        else:
            joined = Node(concatenate, tuple(rest), {"axis": 0})
            spec = NoData((size,), rest[0].dtype)
            joined.outputs = (Symbol(spec, rest[0].device, node=joined),)
            fresh.append(joined)
            inputs.append(joined.outputs[0])
        rest.clear()

    for symbol, source in zip(pieces, sources, strict=True):
        size = symbol.data.size
        if source is None:
            rest.append(symbol)
        else:
            close_rest()
            segments.append((place, place + size, KINDS[source.op.name]))
            inputs += source.inputs[-2:]
        place += size
    close_rest()
    op = JoinedUpdate(node.op, results, segments)
    update = Node(op, (*node.inputs[:results], *inputs, *node.inputs[results + 1 :]), {})
    update.writes = node.writes
    update.outputs = node.outputs
    return [*fresh, update]
