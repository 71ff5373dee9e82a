"""Parts of a graph that run on a condition, or again and again: `cond`, `while_loop`, `map_fn`.

The Python function of a branch or a loop is called once, while the graph is built.  The operations
it makes are a `Body`, which an operation outside replays as often as it needs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import tensorcore as tc
from tensorcore.errors import InvalidArgumentError
from tensorcore.graph.deferred import ancestors, replay
from tensorcore.graph.function import flatten, rebuild
from tensorcore.ops.record import Spec
from tensorcore.session.calls import as_graph_tensor
from tensorcore.session.graph import Graph, graph_of
from tensorcore.session.tensors import GraphTensor, Operation
from tensorcore.tensor import as_tensor


class Body:
    """The operations that a function made, from what it was given and what it took from outside."""

    def __init__(
        self, graph: Graph, function: Callable[..., Any], arguments: Sequence[Any]
    ) -> None:
        start = len(graph.operations)
        result = function(*arguments)
        self.inside = {id(operation) for operation in graph.operations[start:]}
        self.outputs: list[Any] = []
        self.structure = flatten(_tensors(result), self.outputs)
        self.arguments = list(arguments)
        every: list[Any] = ancestors(self.outputs, arguments)
        self.nodes = [node for node in every if id(node) in self.inside]
        given = {id(value) for value in self.arguments}
        wanted = [*(x for node in self.nodes for x in node.inputs), *self.outputs]
        outside = [
            x
            for x in wanted
            if isinstance(x, GraphTensor) and id(x.node) not in self.inside and id(x) not in given
        ]
        self.captured = list(dict.fromkeys(outside))
        self.writes = [x for node in self.nodes for x in node.writes]

    def run(self, captured: Sequence[Any], arguments: Sequence[Any] = ()) -> list[Any]:
        """The outputs for values of what is taken from outside and of the arguments."""
        bindings = dict(zip(self.captured, captured, strict=True))
        bindings |= dict(zip(self.arguments, arguments, strict=True))
        found = replay(self.outputs, bindings, nodes=self.nodes)
        return [getattr(value, "value", value) for value in found]


def _tensors(result: Any) -> Any:
    if isinstance(result, dict):
        return {key: _tensors(value) for key, value in result.items()}
    if isinstance(result, (list, tuple)):
        parts = [_tensors(value) for value in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    if isinstance(result, Operation):
        return result.outputs[0]
    return as_graph_tensor(result)


def _spec(sizes: Any, dtype: Any) -> Spec:
    """What is known of a result; the sizes are None if not even the rank is known."""
    return Spec(sizes, dtype)


def _common(first: GraphTensor, second: GraphTensor) -> Spec:
    """What is known of a result that may come from either."""
    a, b = first.static_shape.sizes, second.static_shape.sizes
    if a is None or b is None or len(a) != len(b):
        return _spec(None, first.dtype)
    return _spec(tuple(m if m == n else None for m, n in zip(a, b, strict=True)), first.dtype)


def _made(graph: Graph, call: Any, args: Any, name: str, kind: str, specs: Any, bodies: Any) -> Any:
    writes = [x for body in bodies for x in body.writes]
    found = graph.add(call, args, name=name, kind=kind, results=specs, writes=writes)
    return found if isinstance(found, list) else [found]


# Conditions ---------------------------------------------------------------------------------------


class _Choice:
    """The function of `cond`."""

    is_pure = False

    def __init__(self, bodies: Sequence[Body]) -> None:
        self.bodies = bodies

    def __call__(self, chosen: Any, *captured: Any) -> Any:
        yes, no = (
            functools.partial(body.run, values)
            for body, values in zip(self.bodies, captured, strict=True)
        )
        found = tc.cond(chosen, yes, no)
        return found if len(found) != 1 else found[0]


def cond(
    pred: Any,
    true_fn: Callable[[], Any] | None = None,
    false_fn: Callable[[], Any] | None = None,
    strict: bool = False,
    name: str | None = None,
    fn1: Callable[[], Any] | None = None,
    fn2: Callable[[], Any] | None = None,
) -> Any:
    """What `true_fn` gives if `pred` is true, else what `false_fn` gives; only one of them runs."""
    functions = (true_fn or fn1, false_fn or fn2)
    if not all(map(callable, functions)):
        raise InvalidArgumentError("tf.cond: true_fn and false_fn must be functions")
    condition = as_graph_tensor(pred, "bool", name="pred")
    graph = condition.graph
    with graph.name_scope(name or "cond"):
        bodies = [Body(graph, function, ()) for function in functions]  # type: ignore[arg-type]
        first, second = bodies
        if len(first.outputs) != len(second.outputs):
            raise InvalidArgumentError(
                "tf.cond: true_fn and false_fn must return the same structure, received "
                f"{len(first.outputs)} and {len(second.outputs)} tensors"
            )
        for a, b in zip(first.outputs, second.outputs, strict=True):
            if a.dtype != b.dtype:
                raise InvalidArgumentError(
                    "tf.cond: true_fn and false_fn must return tensors of the same dtype, received "
                    f"{a} and {b}"
                )
        specs = [_common(a, b) for a, b in zip(first.outputs, second.outputs, strict=True)]
        args = (condition, first.captured, second.captured)
        found = _made(graph, _Choice(bodies), args, "Merge", "Merge", specs, bodies)
    return rebuild(first.structure, found)


def case(
    pred_fn_pairs: Any,
    default: Callable[[], Any] | None = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str = "case",
) -> Any:
    """What the function of the first true condition gives, or else what `default` gives."""
    pairs = list(pred_fn_pairs.items() if isinstance(pred_fn_pairs, dict) else pred_fn_pairs)
    if default is None:
        default = pairs.pop()[1]
    for condition, function in reversed(pairs):
        default = _case(condition, function, default, name)
    return default()


def _case(condition: Any, function: Any, otherwise: Any, name: str) -> Callable[[], Any]:
    return lambda: cond(condition, function, otherwise, name=name)


# Loops --------------------------------------------------------------------------------------------


class _Loop:
    """The function of `while_loop`."""

    is_pure = False

    def __init__(self, test: Body, step: Body, limit: int | None) -> None:
        self.test = test
        self.step = step
        self.limit = limit

    def __call__(self, values: list[Any], test: list[Any], step: list[Any]) -> Any:
        found = tc.while_loop(
            lambda *now: self.test.run(test, now)[0],
            lambda *now: self.step.run(step, now),
            values,
            maximum_iterations=self.limit,
        )
        return list(found) if len(values) != 1 else found[0]


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
    maximum_iterations: int | None = None,
    return_same_structure: bool = False,
) -> Any:
    """The loop variables after `body` was applied to them as long as `cond` is true.

    Args:
        cond, body: functions of the loop variables; `body` returns their next values.
        loop_vars: what they start with.
        shape_invariants: shapes of loop variables that grow, None for sizes that change.
        maximum_iterations: stop after so many in any case.
    """
    start: list[Any] = []
    structure = flatten(_tensors(list(loop_vars)), start)
    graph = graph_of(start)
    invariants = [value.static_shape for value in start]
    if shape_invariants is not None:
        invariants = list(shape_invariants)
    with graph.name_scope(name or "while"):
        slots = [
            GraphTensor(graph, shape, value.dtype, name=f"{graph.current_scope}/Identity_{n}:0")
            for n, (value, shape) in enumerate(zip(start, invariants, strict=True))
        ]
        parts = rebuild(structure, slots)
        test = Body(graph, lambda *_: cond(*parts), slots)
        step = Body(graph, lambda *_: body(*parts), slots)
        if len(step.outputs) != len(start):
            raise InvalidArgumentError(
                f"tf.while_loop: the body must return {len(start)} values as there are loop "
                f"variables, received {len(step.outputs)}"
            )
        for before, after in zip(start, step.outputs, strict=True):
            if before.dtype != after.dtype:
                raise InvalidArgumentError(
                    f"tf.while_loop: the loop variable {before.name} has dtype "
                    f"{before.dtype.name}, the body returns {after.dtype.name} for it"
                )
        specs = [
            _spec(GraphTensor(graph, shape, v.dtype).static_shape.sizes, v.dtype)
            for shape, v in zip(invariants, start, strict=True)
        ]
        args = (start, test.captured, step.captured)
        loop = _Loop(test, step, maximum_iterations)
        found = _made(graph, loop, args, "Exit", "Exit", specs, [test, step])
    result = rebuild(structure, found)
    return result[0] if len(result) == 1 and not return_same_structure else result


# Rows ---------------------------------------------------------------------------------------------


class _Rows:
    """The function of `map_fn`, `scan` and `foldl`: the body once for each row."""

    is_pure = False

    def __init__(self, body: Body, rows: int, keeps: str) -> None:
        self.body = body
        self.rows = rows
        self.keeps = keeps  # "results" without a state, "states", or "last"

    def __call__(self, elements: list[Any], state: list[Any], captured: list[Any]) -> Any:
        collected = []
        columns = [tc.unstack(as_tensor(value)) for value in elements]
        for row in zip(*columns, strict=True):
            if self.keeps == "results":
                collected.append(self.body.run(captured, row))
            else:
                # Without an initializer the first row is what it begins with.
                state = self.body.run(captured, [*state, *row]) if state else list(row)
                collected.append(state)
        if self.keeps == "last":
            found = state
        else:
            found = [tc.stack(list(column)) for column in zip(*collected, strict=True)]
        return found if len(found) != 1 else found[0]


def map_fn(
    fn: Callable[..., Any], elems: Any, dtype: Any = None, name: str | None = None, **ignored: Any
) -> Any:
    """`fn` of each row, stacked."""
    return _over_rows(lambda _, row: fn(row), elems, None, "results", name or "map")


def scan(
    fn: Callable[..., Any],
    elems: Any,
    initializer: Any = None,
    name: str | None = None,
    **ignored: Any,
) -> Any:
    """All states of state = fn(state, row), which starts with `initializer` or the first row."""
    return _over_rows(fn, elems, initializer, "states", name or "scan")


def foldl(
    fn: Callable[..., Any],
    elems: Any,
    initializer: Any = None,
    name: str | None = None,
    **ignored: Any,
) -> Any:
    """The last state of state = fn(state, row)."""
    return _over_rows(fn, elems, initializer, "last", name or "foldl")


def _over_rows(fn: Any, elems: Any, initializer: Any, keeps: str, name: str) -> Any:
    elements: list[Any] = []
    rows_structure = flatten(_tensors(elems), elements)
    state: list[Any] = []
    state_structure = None if initializer is None else flatten(_tensors(initializer), state)
    graph = graph_of(elements, state)

    def slot(shape: Any, dtype: Any) -> GraphTensor:
        return GraphTensor(graph, shape, dtype, name=f"{graph.current_scope}/item:0")

    with graph.name_scope(name):
        rows = [slot(_row_shape(value), value.dtype) for value in elements]
        row = rebuild(rows_structure, rows)
        states = [slot(value.static_shape, value.dtype) for value in state]
        before = None if state_structure is None else rebuild(state_structure, states)
        if keeps != "results" and state_structure is None:
            states = [slot(_row_shape(value), value.dtype) for value in elements]
            before = rebuild(rows_structure, states)
        body = Body(graph, lambda *_: fn(before, row), [*states, *rows])
        count = elements[0].static_shape.sizes
        count = None if count is None else count[0]
        specs = [_stacked(x, None if keeps == "last" else (count,)) for x in body.outputs]
        call = _Rows(body, len(rows), keeps)
        args = (elements, state, body.captured)
        found = _made(graph, call, args, "TensorArrayStack", "TensorArrayStack", specs, [body])
    return rebuild(body.structure, found)


def _row_shape(value: GraphTensor) -> Any:
    sizes = value.static_shape.sizes
    return None if sizes is None else sizes[1:]


def _stacked(output: GraphTensor, front: tuple[int | None, ...] | None) -> Spec:
    sizes = output.static_shape.sizes
    if sizes is None:
        return _spec(None, output.dtype)
    return _spec((*(front or ()), *sizes), output.dtype)
