"""The node of a loop: how it is put together, and its gradient, which is a loop backwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tensorcore.errors import GradientError, TracingError
from tensorcore.graph.branching import Changes, truth_of
from tensorcore.graph.control import ControlOp, is_float, pull_back
from tensorcore.graph.loop_steps import History, Loop, LoopStep
from tensorcore.graph.results import (
    Naming,
    Results,
    check_kind,
    check_structures,
    settle_dtypes,
    take_apart,
)
from tensorcore.graph.subgraph import Closed, SubGraph, device_of_all, trace_inside
from tensorcore.graph.symbol import NoData, Symbol
from tensorcore.mode import mode
from tensorcore.ops.arithmetic import add
from tensorcore.ops.creation import zeros
from tensorcore.ops.record import Spec

loop_op = ControlOp("loop", "A sub-graph that runs several times, with a state.", LoopStep)

Body = Callable[[Sequence[Any], Sequence[Any]], Any]


def checked(found: Results, start: Results, naming: Naming, graph: Any = None) -> list[Any]:
    """The tensors of the state after a run, which are like those before it."""
    check_structures(start, found, 1, naming)
    fixed = start._replace(is_weak=[False] * len(start.tensors))
    settle_dtypes([fixed, found], [graph, graph])
    for path, before, after in zip(start.paths, start.tensors, found.tensors, strict=True):
        check_kind(path, before, after, 1, naming)
    return found.tensors


@dataclass(frozen=True)
class _Loop:
    """A loop before it is a node.

    Attributes:
        body: arguments are state, rows, [loaded state,] captures; results are state and results.
        test: arguments are the first `n_tested` of the state, and captures; or None.
        n_state, n_rows, n_loaded: how many arguments of the body they are.
        length, reverse, load, has_count: as in `Loop`.
        body_places, test_places: as in `Loop`.
        has_effects: whether body or test do something besides computing.
    """

    body: Closed
    test: Closed | None
    n_state: int
    n_rows: int
    n_loaded: int
    length: int | None
    reverse: bool
    load: History | None
    has_count: bool
    body_places: tuple[int, ...]
    test_places: tuple[int, ...]

    @property
    def n_results(self) -> int:
        return len(self.body.outputs) - self.n_state

    @property
    def is_dynamic(self) -> bool:
        """Whether only the run says how often the body runs."""
        return self.test is not None or self.has_count

    @property
    def has_effects(self) -> bool:
        return self.body.has_effects or (self.test is not None and self.test.has_effects)


def add_loop(
    start: Results,
    body: Body,
    naming: Naming,
    *,
    test: Callable[[Sequence[Any]], Any] | None = None,
    rows: Sequence[Any] = (),
    length: int | None = None,
    reverse: bool = False,
    count: Any = None,
    load: tuple[History, Sequence[Any], Sequence[Any]] | None = None,
) -> tuple[list[Any], list[Any]]:
    """Trace a loop into a node of the graph.

    Args:
        start: the first state.
        body: (state, rows and loaded state) -> (the next state, tensors to stack).
        naming: the words for a state that changes its kind.
        test: of the state: whether there is a further run.
        rows: tensors, of which each run gets one row.
        length: the (largest) number of runs; None if only `test` or `count` says it.
        reverse: from the last row to the first.
        count: a symbol: how many runs.
        load: states that another loop keeps, tensors like one of them, and what that loop was
            computed from, so that tapes know.

    Returns:
        The last state, and the stacked results.
    """
    graph = mode.graph
    first = [graph.symbol_of(tensor) for tensor in start.tensors]
    stacked = [graph.symbol_of(tensor) for tensor in rows]
    history, examples, origins = load if load is not None else (None, (), ())
    arguments = [*first, *map(_row_of, stacked), *examples]

    def flat(*values: Any) -> Any:
        after, results = body(values[: len(first)], values[len(first) :])
        return take_apart(after), take_apart(list(results)).tensors

    sub, (after, results) = trace_inside(flat, arguments, "the body of a loop")
    with sub:
        state = [sub.symbol_of(tensor) for tensor in checked(after, start, naming, sub)]
        results = [sub.symbol_of(tensor) for tensor in results]
    extra = _changing_captures(sub)
    _move_to_state(sub, len(first), [argument for argument, _, _ in extra])
    changed_from = [outside for _, outside, _ in extra]
    closed = Closed(sub, [*state, *(new for _, _, new in extra), *results])
    tested = None if test is None else _tested(test, first)
    captured = list(
        {id(s): s for s in [*sub.captured, *(tested.captured if tested else ())]}.values()
    )
    captured += [graph.symbol_of(origin) for origin in origins]
    fixed = [s for s in captured if all(s is not c for c in changed_from)]
    state_inputs = [*first, *changed_from]
    inputs = [*state_inputs, *stacked, *([] if count is None else [count]), *fixed]
    place = {id(s): len(inputs) - len(fixed) + n for n, s in enumerate(fixed)}
    place.update((id(s), len(first) + n) for n, s in enumerate(changed_from))
    loop = _Loop(
        body=closed,
        test=None if tested is None else Closed(tested, tested.results),
        n_state=len(state_inputs),
        n_rows=len(stacked),
        n_loaded=len(examples),
        length=length,
        reverse=reverse,
        load=history,
        has_count=count is not None,
        body_places=tuple(place[id(s)] for s in sub.captured),
        test_places=tuple(place[id(s)] for s in (tested.captured if tested else ())),
    )
    outputs = _add_node(loop, inputs)
    Changes([sub]).happen(graph, _new_values(sub, extra, outputs[len(first) :]))
    return list(outputs[: len(first)]), list(outputs[loop.n_state : loop.n_state + len(results)])


def _row_of(symbol: Symbol) -> Symbol:
    """A symbol like one row of another."""
    return Symbol(NoData(symbol.shape[1:], symbol.dtype), symbol.device)


def _changing_captures(sub: SubGraph) -> list[tuple[Symbol, Symbol, Any]]:
    """(argument, symbol outside, new value) of what the body changes: variables and streams."""
    outside = {id(inner): captured for captured, inner in zip(sub.captured, sub.own_captures)}
    found = []
    for variable, value in sub._current.items():
        argument = sub._inner[id(sub.outer.symbol_of(variable))]
        if value is not argument:
            found.append((argument, outside[id(argument)], value))
    for generator, (_, counter) in sub.moved.items():
        argument = sub.stream_arguments[generator]
        if counter is not argument:
            found.append((argument, outside[id(argument)], counter))
    return found


def _move_to_state(sub: SubGraph, position: int, arguments: Sequence[Symbol]) -> None:
    """Let captured arguments stand behind the first `position` arguments instead of at the end."""
    moving = {id(argument) for argument in arguments}
    explicit = sub.arguments[: sub.n_explicit]
    kept = [s for s in sub.own_captures if id(s) not in moving]
    sub.captured = [
        outside for outside, inner in zip(sub.captured, sub.own_captures) if id(inner) not in moving
    ]
    sub.arguments[:] = [*explicit[:position], *arguments, *explicit[position:], *kept]


def _new_values(sub: SubGraph, extra: Any, outputs: Sequence[Any]) -> list[Any]:
    """The values after the loop of what `Changes` knows, in its order."""
    after = {id(new): value for (_, _, new), value in zip(extra, outputs)}
    variables = [after[id(sub._current[variable])] for variable in sub.written]
    return variables + [after.get(id(counter)) for _, counter in sub.moved.values()]


def _tested(test: Callable[[Sequence[Any]], Any], first: Sequence[Any]) -> SubGraph:
    """The sub-graph of the condition; its `results` are the one answer."""

    def answer(*state: Any) -> Any:
        return truth_of(mode.graph.symbol_of(take_apart(test(state)).tensors[0]))

    sub, result = trace_inside(answer, first, "the condition of a loop")
    if sub.written or sub.moved:
        raise TracingError(
            "while_loop: the condition may only compute; draw random numbers and assign to "
            "variables in the body"
        )
    sub.results = [result]
    return sub


# The node -----------------------------------------------------------------------------------------


def _add_node(
    loop: _Loop, inputs: Sequence[Any], histories: dict[Any, Any] | None = None, keeps: bool = False
) -> tuple[Any, ...]:
    """The node of a loop on these inputs; it keeps what a gradient will need if a tape listens.

    Its results are state, stacked results, the number of runs, and the kept states, stacked.
    """
    graph = mode.graph
    histories = {} if histories is None else histories
    symbols = [graph.symbol_of(value) for value in inputs]
    keeps = keeps or any(tape.follows(symbol) for tape in mode.tapes for symbol in symbols)
    load = histories.get(loop.load, loop.load)
    save = History() if keeps and loop.length is None else None
    body = loop.body
    if keeps and save is None:
        body = Closed(body.graph, [*body.outputs, *body.arguments[: loop.n_state]])
    planned = Loop(
        body,
        loop.test,
        loop.n_state,
        loop.n_rows,
        loop.n_results,
        loop.length,
        loop.has_count,
        loop.reverse,
        save,
        load,
        loop.body_places,
        loop.test_places,
    )
    if load is not None:
        load.is_read = True

    def again(values: Sequence[Any], known: dict[Any, Any]) -> tuple[Any, ...]:
        outputs = _add_node(loop, values, known, keeps)
        if save is not None:
            known[save] = mode.graph.nodes[-1].attrs["loop"].save
        return outputs

    attrs = {"loop": planned, "back": partial(_back, loop, save), "again": again}
    outputs = body.outputs
    specs: list[Any] = [NoData(s.shape, s.dtype) for s in outputs[: loop.n_state]]
    stacked = [NoData((loop.length, *s.shape), s.dtype) for s in outputs[loop.n_state :]]
    specs += [*stacked[: loop.n_results], Spec((), np.dtype(np.int32)), *stacked[loop.n_results :]]
    device = device_of_all(
        [*outputs, *symbols], symbols[0].device if symbols else mode.graph.device
    )
    return graph.add_control(loop_op, symbols, attrs, specs, device, loop.has_effects)


def _back(
    loop: _Loop, save: History | None, g: Sequence[Any], inputs: Sequence[Any], y: Sequence[Any]
) -> list[Any]:
    """The gradients of a loop: a loop backwards through the states that were kept."""
    if loop.load is not None:
        raise GradientError(
            "while_loop: second derivatives of a traced loop need to know how often it runs at "
            "most; give it maximum_iterations="
        )
    n_state, n_rows, n_results = loop.n_state, loop.n_rows, loop.n_results
    captures = [inputs[place] for place in loop.body_places]
    kept, of_kept = list(y[n_state + n_results + 1 :]), list(g[n_state + n_results + 1 :])
    of_results = list(g[n_state : n_state + n_results])
    float_state = [n for n in range(n_state) if is_float(inputs[n])]
    float_captures = [n for n, value in enumerate(captures) if is_float(value)]
    float_rows = [n for n in range(n_rows) if is_float(inputs[n_state + n])]
    start = [g[n] for n in float_state]
    start += [_zeros(captures[n]) for n in float_captures]
    groups = [list(inputs[n_state : n_state + n_rows]), of_results, of_kept, kept]

    def body(state: Sequence[Any], rows: Sequence[Any]) -> Any:
        row, results, kept_g, before = _split(rows, [len(group) for group in groups])
        before = before if kept else list(rows[len(rows) - n_state :])
        arriving: list[Any] = [None] * n_state
        for n, gradient in zip(float_state, state):
            arriving[n] = gradient
        found = pull_back(loop.body, [*before, *row, *captures], [*arriving, *results])
        of_state, of_rows, of_captures = _split(found, [n_state, n_rows, len(captures)])
        after = [add(of_state[n], kept_g[n]) if kept_g else of_state[n] for n in float_state]
        sums = state[len(float_state) :]
        after += [add(s, of_captures[n]) for s, n in zip(sums, float_captures, strict=True)]
        return after, [of_rows[n] for n in float_rows]

    final, stacked = add_loop(
        take_apart(start),
        body,
        Naming("a gradient", ("before a run", "after it")),
        rows=[row for group in groups for row in group],
        length=loop.length,
        reverse=not loop.reverse,
        count=y[n_state + n_results] if loop.is_dynamic else None,
        load=None if save is None else (save, inputs[:n_state], inputs),
    )
    gradients: list[Any] = [None] * len(inputs)
    for n, gradient in zip(float_state, final):
        gradients[n] = gradient
    for n, gradient in zip(float_rows, stacked, strict=True):
        gradients[n_state + n] = gradient
    for n, gradient in zip(float_captures, final[len(float_state) :], strict=True):
        gradients[loop.body_places[n]] = gradient
    return gradients


def _split(values: Sequence[Any], sizes: Sequence[int]) -> list[list[Any]]:
    """Consecutive parts of a sequence."""
    parts, start = [], 0
    for size in sizes:
        parts.append(list(values[start : start + size]))
        start += size
    return parts


def _zeros(like: Any) -> Any:
    return zeros(like.shape, dtype=like.dtype, device=like.device)
