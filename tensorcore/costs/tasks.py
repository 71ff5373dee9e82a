"""What the nodes of a graph are for the cost model: work of some kind, at some sizes.

Tasks of one family and name are compared by their sizes, so a family says which sizes make a
difference.  A new kernel needs no word here, nor does an operation: what no family takes is
compared with others of its name by the elements that are read and written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tensorcore.graph.made import Fused, JoinedUpdate
from tensorcore.graph.symbol import Symbol
from tensorcore.ops import scalar
from tensorcore.ops.elementwise import Elementwise

# Elements that are read and written in the time of one call of such a function, about.
FUNCTION_CALLS = 8
PLAIN_STATEMENTS = 0.25
# Bytes that are gathered in the time that `fit` takes for a step anyway, about: with Python between
# the steps, and without.
BYTES_BESIDE = 400_000
BYTES_IN_ONE_CALL = 50_000
_FUNCTIONS = re.compile(
    r"\b(exp|expm1|log|log1p|tanh|sigmoid|erf|erfc|power|sin|cos|tan|a?sinh|a?cosh|atanh|atan2?)\("
)


class Task(NamedTuple):
    """A piece of a step's work.

    Attributes:
        family: tasks that are alike.
        name: of the operation; points of the same name are preferred to those of the family.
        sizes: what its speed depends on, each from 1 on.
        work: what its time is in proportion to if its speed stays the same.
        footprint: bytes that the whole step lives in.  The more there are, the less a task finds in
            caches, and the longer the threads that help have slept.
    """

    family: str
    name: str
    sizes: tuple[float, ...]
    work: float
    footprint: float = 1.0


def tasks_of(node: Any) -> list[Task]:
    """The tasks of a node, one after the other."""
    if node.op is None:
        return [_moved(node, "copy")]
    if isinstance(node.op, JoinedUpdate):
        return _segments(node)
    if isinstance(node.op, (Elementwise, Fused)):
        return [_elementwise(node)]
    for pattern, family in FAMILIES:
        if re.search(pattern, node.op.name):
            return [family(node)]
    return [_moved(node, node.op.name)]


def feeding(arrays: Sequence[Any], batch_size: int, is_one_call: bool) -> Task:
    """What `fit` does for a step besides: it takes a batch's rows out of arrays of the host.

    Where the whole step is one call, several steps are run without Python between them.
    """
    whole = sum(array.nbytes for array in arrays)
    row = whole / max(len(arrays[0]), 1)
    name = "steps in one call" if is_one_call else "a step by itself"
    beside = BYTES_IN_ONE_CALL if is_one_call else BYTES_BESIDE
    return Task("fit", name, _sizes(batch_size, row, whole), beside + batch_size * row)


def as_pass(task: Task) -> Task:
    """A task of which nothing is known, as an element-wise pass over the same words."""
    sizes = _sizes(task.work / 2, 2, task.work / 2)
    return Task("elementwise", "elementwise", sizes, task.work, task.footprint)


def _sizes(*values: float) -> tuple[float, ...]:
    return tuple(float(max(value, 1)) for value in values)


def _symbols(node: Any) -> list[Any]:
    return [value for value in node.inputs if isinstance(value, Symbol)]


def _words(symbols: Sequence[Any]) -> float:
    """Elements of 32 bits."""
    return sum(symbol.size * symbol.dtype.itemsize for symbol in symbols) / 4


# Families -----------------------------------------------------------------------------------------


def _moved(node: Any, name: str) -> Task:
    """Anything: elements in and out, and how long the lines are in which they lie."""
    inputs = _symbols(node)
    largest = max([*inputs, *node.outputs], key=lambda symbol: symbol.size, default=None)
    line = largest.shape[-1] if largest is not None and largest.ndim else 1
    read, written = _words(inputs), _words(node.outputs)
    return Task(name, name, _sizes(read, written, line), 1 + read + written)


def _elementwise(node: Any) -> Task:
    """One pass over arrays, by what is done to an element and how often it repeats a row."""
    inputs = _symbols(node)
    shape = max([*inputs, *node.outputs], key=lambda symbol: symbol.size).shape
    elements = max(math.prod(shape), 1)
    words = (_words(inputs) + _words(node.outputs)) / elements
    same = all(symbol.shape == shape or symbol.size == 1 for symbol in inputs)
    return _pass(elements, words, node.op, elements if same else shape[-1])


def _pass(elements: int, words: float, op: Any, line: int) -> Task:
    """Reading and writing so many words an element, and computing the results of `op`."""
    statements, _ = scalar.statements(op.expressions)
    functions = sum(len(_FUNCTIONS.findall(text)) for _, text, _ in statements)
    effort = words + PLAIN_STATEMENTS * len(statements) + FUNCTION_CALLS * functions
    name = "elementwise with functions" if functions else "elementwise"
    return Task("elementwise", name, _sizes(elements, effort, line), elements * effort)


def _product(node: Any) -> Task:
    """Matrices of (rows, depth) and (depth, columns), some of them turned, one or many."""
    first, second = (symbol.shape for symbol in _symbols(node)[:2])
    turns = [bool(node.attrs.get(f"transpose_{side}")) for side in "ab"]
    depth = first[-2 if turns[0] and len(first) > 1 else -1]
    columns = second[-2 if turns[1] else -1] if len(second) > 1 else 1
    products = math.prod(node.outputs[0].shape[:-2]) if len(second) > 2 else 1
    rows = node.outputs[0].size / max(products * columns, 1)
    name = "matmul " + "".join("nt"[turned] for turned in turns)
    sizes = _sizes(products, rows, depth, columns)
    scale = node.outputs[0].dtype.itemsize / 4
    return Task("matmul", name, sizes, 2 * scale * math.prod(sizes))


def _segments(node: Any) -> list[Task]:
    """An optimizer's step on flat parameters: with what makes the gradient, and the step alone."""
    results = len(node.writes) or 1
    given = iter(node.inputs[results:])
    found = []
    for start, stop, kind in node.op.segments:
        size = stop - start
        first = next(given)
        if kind == "gradient":
            found.append(_pass(size, 2 * results + 1, node.op.update, size))
            continue
        second = next(given)
        if kind == "product":
            sizes = _sizes(first.shape[0], first.shape[1], second.shape[1], results)
            work = size * (2 * first.shape[0] + 16 * results)
        else:
            sizes = _sizes(first.size, second.shape[-1], size, results)
            work = first.size * (second.shape[-1] + 4) + 4 * results * size
        found.append(Task(f"update by {kind}", "update", sizes, work))
    return found


def _convolution(node: Any) -> Task:
    """Positions of the output, places of the window, channels in and out."""
    first, second = (symbol.shape for symbol in _symbols(node)[:2])
    result = node.outputs[0].shape
    name = node.op.name
    images, filters = {
        "conv2d_input_gradient": (first, second),
        "conv2d_filter_gradient": (second, result),
    }.get(name, (result, second))
    channels, kernels = filters[-2:]
    sizes = _sizes(math.prod(images[:-1]), math.prod(filters[:-2]), channels, kernels)
    return Task("convolution", name, sizes, 2 * math.prod(sizes))


def _reduction(node: Any) -> Task:
    """Of rows where the last dimension goes, of lines where another one does."""
    x = _symbols(node)[0]
    result = node.outputs[0]
    kept = node.attrs.get("shape", result.shape)
    last = x.ndim and len(kept) and kept[-1] == x.shape[-1] > 1
    if x.size == result.size:
        return _moved(node, "copy")
    family = "reduction of lines" if last else "reduction of rows"
    like_sum = node.op.name in ("sum", "mean", "sum_to")
    width = x.shape[-1] if last else 1
    return Task(
        family,
        "sum" if like_sum else node.op.name,
        _sizes(x.size, result.size, width),
        1 + _words([x, result]),
    )


def _lookups(node: Any) -> Task:
    """Lines of a table, found or added to."""
    table, indices = _symbols(node)[:2]
    lookups = max(indices.size, 1)
    width = table.size / max(table.shape[0], 1) if table.ndim else 1
    work = lookups * (width + 4) + (table.size if node.op.name.startswith("scatter") else 0)
    return Task("lookups", node.op.name, _sizes(lookups, width, table.size), work)


def _recurrence(node: Any) -> Task:
    """Steps of sequences in a batch, by units."""
    x = max(_symbols(node), key=lambda symbol: symbol.ndim)
    steps, batch, units = x.shape[0], x.shape[1], x.shape[-1]
    return Task(
        "recurrence", node.op.name, _sizes(steps, batch, units), steps * batch * units**2 / 4
    )


FAMILIES: tuple[tuple[str, Callable[[Any], Task]], ...] = (
    ("matmul", _product),
    ("^conv2d", _convolution),
    ("^(sum|mean|sum_to|max|min|prod|any|all|argmax|argmin)$", _reduction),
    ("^take|scatter_add", _lookups),
    ("(lstm|gru)_sequence", _recurrence),
)
