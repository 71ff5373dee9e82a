"""Branches: `cond` and `switch_case`, one node of a traced function that holds a graph a branch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tensorcore import dtypes
from tensorcore.device import Device, to_numpy
from tensorcore.errors import ArgumentTypeError, InvalidArgumentError
from tensorcore.graph.control import ControlOp, is_float, pull_back
from tensorcore.graph.graph import Graph
from tensorcore.graph.plan import Plan
from tensorcore.graph.results import (
    Naming,
    check_kind,
    check_structures,
    settle_dtypes,
    take_apart,
)
from tensorcore.graph.structures import rebuild
from tensorcore.graph.subgraph import Closed, SubGraph, device_of_all, trace_inside
from tensorcore.graph.symbol import Symbol
from tensorcore.mode import mode
from tensorcore.ops.creation import zeros
from tensorcore.tensor import Tensor
from tensorcore.variable import Variable


class _Branches:
    """Runs one of several plans, which the first input chooses."""

    runs_on_host = True

    def __init__(
        self,
        device: Device,
        arrays: Sequence[Any],
        outs: Sequence[Any],
        attrs: dict[str, Any],
        compiling: bool,
    ) -> None:
        self._choice = arrays[0]
        self._runs = []
        for closed, positions in zip(attrs["branches"], attrs["positions"], strict=True):
            given = [arrays[position] for position in positions]
            plan = Plan(closed.graph, closed.outputs, device, given, compiling)
            copies = [
                partial(device.xp.copyto, out, result)
                for out, result in zip(outs, plan.results, strict=True)
            ]
            self._runs.append(device.recorded([*plan.steps, *copies]))

    def __call__(self) -> None:
        self._runs[_branch_number(to_numpy(self._choice).item(), len(self._runs))]()


def _branch_number(choice: Any, count: int) -> int:
    """True is the first branch, False the second; a number out of range is the last."""
    if isinstance(choice, bool):
        return int(not choice)
    return choice if 0 <= choice < count else count - 1


branch = ControlOp("cond", "One of several sub-graphs, which the first input chooses.", _Branches)


def cond(
    pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], *operands: Any
) -> Any:
    """`true_fn(*operands)` if `pred` is true, else `false_fn(*operands)`.

    Args:
        pred: a bool, or a tensor with one element.
        true_fn, false_fn: return tensors or numbers, nested as you like; in a traced function both
            the same structure, shapes and dtypes.
        operands: what they are called with.

    Only the branch that is taken runs: assignments, random numbers and gradients are its own.  In a
    traced function both are traced, and `pred` may be a tensor that is not known yet.

    >>> absolute = tc.function(lambda x: tc.cond(x > 0, lambda: x, lambda: -x))
    >>> float(absolute(tc.asarray(-2.0)))
    2.0
    """
    functions = [_called("cond", fn, operands) for fn in (true_fn, false_fn)]
    known = _known(pred)
    if known is not None:
        return functions[_branch_number(bool(known), 2)]()
    naming = Naming("cond: the result", ("in true_fn", "in false_fn"))
    return choose(truth_of(mode.graph.symbol_of(pred)), functions, naming)


def switch_case(index: Any, branches: Any, *operands: Any, default: Any = None) -> Any:
    """The result of the branch with the number `index`.

    Args:
        index: an int, or an integer tensor with one element.
        branches: functions, or a dict from numbers to functions.
        operands: what they are called with.
        default: for every other number; without it the last branch is taken.

    >>> tc.switch_case(1, [lambda: "zero", lambda: "one"])
    'one'
    """
    table = dict(branches) if isinstance(branches, dict) else dict(enumerate(branches))
    if not table:
        raise InvalidArgumentError("switch_case: expected at least one branch, received none")
    numbers = sorted(table)
    last = default if default is not None else table[numbers[-1]]
    functions = [_called("switch_case", table[n], operands) for n in numbers]
    functions.append(_called("switch_case", last, operands))
    known = _known(index)
    if known is not None:
        number = int(known)
        return functions[numbers.index(number) if number in table else -1]()
    symbol = mode.graph.symbol_of(index)
    if not dtypes.is_integer(symbol.dtype) or symbol.size != 1:
        raise ArgumentTypeError(
            f"switch_case: index must be an integer tensor with one element, received "
            f"{symbol.dtype.name} of shape {symbol.shape}"
        )
    if numbers != list(range(len(numbers))):
        symbol = _position(symbol, numbers)
    elif default is None:
        functions.pop()
    sides = (*(f"in branch {n}" for n in numbers), "in the default")
    return choose(symbol, functions, Naming("switch_case: the result", sides))


def _position(index: Any, numbers: Sequence[int]) -> Any:
    """Where `index` stands among `numbers`; their count if it does not."""
    from tensorcore.ops.logical import equal, where

    position: Any = len(numbers)
    for place, number in enumerate(numbers):
        position = where(equal(index, number), place, position)
    return position


def _called(op_name: str, function: Any, operands: Sequence[Any]) -> Callable[[], Any]:
    if not callable(function):
        raise ArgumentTypeError(
            f"{op_name}: a branch must be a function, received {type(function).__name__}; write "
            "lambda: value"
        )
    return partial(function, *operands) if operands else function


def _known(value: Any) -> Any:
    """The value if it is there now, None if only the run of the graph will say."""
    if isinstance(value, Symbol) and isinstance(mode.graph, Graph):
        return None
    if isinstance(value, Variable) and isinstance(mode.graph, Graph):
        return None
    return value.item() if isinstance(value, Tensor) else value


def truth_of(symbol: Any) -> Any:
    """A condition as a tensor of booleans with one element."""
    if symbol.size != 1:
        raise InvalidArgumentError(
            f"the truth value of a tensor of shape {symbol.shape} is ambiguous; use tc.any(x) or "
            "tc.all(x)"
        )
    if symbol.dtype == dtypes.bool:
        return symbol
    from tensorcore.ops.logical import not_equal

    return not_equal(symbol, 0)


def choose(
    index: Any,
    functions: Sequence[Callable[[], Any]],
    naming: Naming,
    even_out: Callable[[Sequence[Any]], Sequence[Any]] | None = None,
) -> Any:
    """The result of one of several functions, as a node of the graph that is being traced.

    Args:
        index: a boolean (True is the first) or an integer symbol.
        functions: without arguments.
        naming: the words for results that differ.
        even_out: changes what the functions returned, before it is compared.
    """
    graph = mode.graph
    traced = [trace_inside(function, (), "a branch") for function in functions]
    graphs = [sub for sub, _ in traced]
    values = [value for _, value in traced]
    results = []
    for sub, value in zip(graphs, values if even_out is None else even_out(values), strict=True):
        with sub:
            results.append(take_apart(value))
    for side, other in enumerate(results[1:], 1):
        check_structures(results[0], other, side, naming)
    settle_dtypes(results, graphs)
    for side, other in enumerate(results[1:], 1):
        for path, first, second in zip(other.paths, results[0].tensors, other.tensors, strict=True):
            check_kind(path, first, second, side, naming)
    changes = Changes(graphs)
    closed = []
    for sub, result in zip(graphs, results, strict=True):
        with sub:
            outputs = [sub.symbol_of(tensor) for tensor in result.tensors]
            closed.append(Closed(sub, outputs + changes.in_graph(sub)))
    outputs = add_branches(index, closed, graphs)
    changes.happen(graph, outputs[len(results[0].tensors) :])
    return rebuild(results[0].structure, list(outputs))


class Changes:
    """What any of the branches changes: variables, and places of random streams."""

    def __init__(self, graphs: Sequence[SubGraph]) -> None:
        self._variables = list(dict.fromkeys(v for graph in graphs for v in graph.written))
        self._parts = list(dict.fromkeys(v for graph in graphs for v in graph.changed))
        self._streams = list(dict.fromkeys(g for graph in graphs for g in graph.moved))

    def in_graph(self, graph: SubGraph) -> list[Any]:
        """Their values at the end of a branch."""
        variables = [graph._read(variable) for variable in self._variables]
        return variables + [graph._place_of(generator)[1] for generator in self._streams]

    def happen(self, graph: Graph, values: Sequence[Any]) -> None:
        """The values after the node, in the graph around it."""
        for variable, value in zip(self._variables, values, strict=False):
            graph.assign(variable, value)
        graph.changed.extend(self._parts)
        for generator, counter in zip(self._streams, values[len(self._variables) :], strict=True):
            key, _ = graph.stream(generator)
            graph.move_stream(generator, key, counter)


def add_branches(index: Any, closed: Sequence[Closed], graphs: Sequence[SubGraph]) -> Any:
    """The node of finished branches; returns its results."""
    graph = mode.graph
    captured = list({id(s): s for sub in graphs for s in sub.captured}.values())
    place = {id(symbol): 1 + number for number, symbol in enumerate(captured)}
    positions = [[place[id(symbol)] for symbol in sub.captured] for sub in graphs]
    attrs = {
        "branches": list(closed),
        "positions": positions,
        "back": partial(_back, closed, positions),
    }
    specs = [symbol.data for symbol in closed[0].outputs]
    device = device_of_all(closed[0].outputs + captured, index.device)
    effects = any(part.has_effects for part in closed)
    return graph.add_control(branch, [index, *captured], attrs, specs, device, effects)


def _back(
    closed: Sequence[Closed],
    positions: Sequence[Sequence[int]],
    arriving: Sequence[Any],
    inputs: Sequence[Any],
    results: Sequence[Any],
) -> list[Any]:
    """The gradients of a node of branches: branches again."""
    wanted = [n for n, value in enumerate(inputs) if n and is_float(value)]

    def gradients(part: Closed, places: Sequence[int]) -> Callable[[], Any]:
        def run() -> list[Any]:
            found = dict(
                zip(places, pull_back(part, [inputs[n] for n in places], arriving), strict=True)
            )
            return [found[n] if n in found else _zeros(inputs[n]) for n in wanted]

        return run

    functions = [gradients(*pair) for pair in zip(closed, positions, strict=True)]
    sides = ("in one branch", *["in another"] * len(functions))
    found = dict(zip(wanted, choose(inputs[0], functions, Naming("a gradient", sides))))
    return [found.get(n) for n in range(len(inputs))]


def _zeros(like: Any) -> Any:
    return zeros(like.shape, dtype=like.dtype, device=like.device)


__all__ = ["Changes", "choose", "cond", "switch_case", "truth_of"]
