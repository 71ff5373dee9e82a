"""Loops: `while_loop`, `scan`, `map_fn` and `fori_loop`, one node of a traced function each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorcore.errors import InvalidArgumentError, ShapeError
from tensorcore.graph.graph import Graph
from tensorcore.graph.loop_nodes import add_loop, checked
from tensorcore.graph.results import Naming, Results, take_apart
from tensorcore.graph.structures import rebuild
from tensorcore.mode import mode
from tensorcore.ops.creation import zeros
from tensorcore.ops.joining import stack
from tensorcore.tensor import Tensor


def is_traced() -> bool:
    """Whether control flow becomes nodes of a graph now."""
    return isinstance(mode.graph, Graph)


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    maximum_iterations: int | None = None,
) -> Any:
    """Repeat `loop_vars = body(*loop_vars)` as long as `cond(*loop_vars)` is true.

    Args:
        cond: returns a bool, or a tensor with one element.
        body: returns the loop variables after a run: the same structure, shapes and dtypes.
        loop_vars: a list or tuple of tensors, also nested; or a single tensor or dict, which both
            functions get as one argument.
        maximum_iterations: stop after so many runs.

    Returns:
        The loop variables at the end.

    Gradients flow back through as many runs as there were; the state before each is kept for them.
    Second derivatives of a traced loop need `maximum_iterations`, for which memory is set aside.

    >>> double = tc.function(lambda x: tc.while_loop(lambda v: v < 100.0, lambda v: v * 2.0, x))
    >>> float(double(tc.asarray(3.0)))
    192.0
    """
    start = take_apart(loop_vars)
    spread = isinstance(loop_vars, (list, tuple))

    def call(function: Callable[..., Any], state: Sequence[Any]) -> Any:
        value = rebuild(start.structure, list(state))
        return function(*value) if spread else function(value)

    if not is_traced():
        return _while_eagerly(cond, body, start, call, maximum_iterations)
    naming = Naming("while_loop: loop_vars", ("before the loop", "after a run of the body"))
    final, _ = add_loop(
        start,
        lambda state, rows: (_as_before(call(body, state), start), ()),
        naming,
        test=lambda state: call(cond, state),
        length=maximum_iterations,
    )
    return rebuild(start.structure, final)


def _as_before(value: Any, start: Results) -> Any:
    """What a body returned, in the kind of sequence that the loop variables are."""
    if isinstance(start.structure, (list, tuple)):
        if not isinstance(value, (list, tuple)):
            value = (value,)
        if not hasattr(start.structure, "_fields"):
            return type(start.structure)(value)
    return value


def _while_eagerly(
    cond: Any, body: Any, start: Results, call: Any, maximum_iterations: int | None
) -> Any:
    state = start.tensors
    naming = Naming("while_loop: loop_vars", ("before the loop", "after a run of the body"))
    done = 0
    while (maximum_iterations is None or done < maximum_iterations) and bool(call(cond, state)):
        state = checked(take_apart(_as_before(call(body, state), start)), start, naming)
        done += 1
    return rebuild(start.structure, list(state))


def scan(
    function: Callable[[Any, Any], Any],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
) -> Any:
    """Run over the first dimension of `xs` with a state: `state, y = function(state, x)`.

    Args:
        function: returns (the next state, a result), both nested as you like; a result may be None.
        init: the first state: tensors, nested as you like.
        xs: tensors of one length, nested as you like; None for a plain number of runs.
        length: the number of runs, if `xs` does not say it.
        reverse: from the last element to the first; results stay at the places of their elements.

    Returns:
        (the last state, the results, stacked along a new first dimension).

    >>> total, partial_sums = tc.scan(lambda s, x: (s + x, s + x), 0.0, tc.asarray([1.0, 2.0, 3.0]))
    >>> float(total), partial_sums.tolist()
    (6.0, [1.0, 3.0, 6.0])
    """
    start, rows = take_apart(init), take_apart(xs)
    length = _length_of(rows, length)
    naming = Naming("scan: the state", ("before the loop", "after a run of the function"))
    y_structure: list[Any] = []

    def body(state: Sequence[Any], row: Sequence[Any]) -> Any:
        value = function(rebuild(start.structure, list(state)), rebuild(rows.structure, list(row)))
        if not isinstance(value, (tuple, list)) or len(value) != 2:
            received = "a tensor" if isinstance(value, Tensor) else repr(value)
            raise InvalidArgumentError(
                "scan: the function must return two values, the next state and a result (or "
                f"None), received {received}"
            )
        result = take_apart(value[1])
        y_structure[:] = [result.structure]
        return value[0], result.tensors

    if not is_traced() or length == 0:
        final, stacked = _scan_eagerly(body, start, rows, length, reverse, naming)
    else:
        final, stacked = add_loop(
            start, body, naming, rows=rows.tensors, length=length, reverse=reverse
        )
    return rebuild(start.structure, list(final)), rebuild(y_structure[0], list(stacked))


def _length_of(rows: Results, length: int | None) -> int:
    lengths = {}
    for path, tensor in zip(rows.paths, rows.tensors, strict=True):
        if not tensor.shape:
            raise ShapeError(
                f"scan: xs{path} has no dimension to run over; it has shape {tensor.shape}"
            )
        lengths[tensor.shape[0]] = path
    if length is not None:
        lengths.setdefault(int(length), "length")
    if not lengths:
        raise InvalidArgumentError("scan: without xs it needs length=, the number of runs")
    if len(lengths) > 1:
        raise ShapeError(
            "scan: all of xs must have the same first dimension"
            + (" as length says" if length is not None else "")
            + f", received {sorted(lengths)}"
        )
    return next(iter(lengths))


def _scan_eagerly(
    body: Any, start: Results, rows: Results, length: int, reverse: bool, naming: Naming
) -> tuple[list[Any], list[Any]]:
    if length == 0:
        return _scan_nothing(body, start, rows)
    state, results = start.tensors, []
    for number in range(length):
        index = length - 1 - number if reverse else number
        after, result = body(state, [tensor[index] for tensor in rows.tensors])
        state = checked(take_apart(after), start, naming)
        results.append(result)
    if reverse:
        results.reverse()
    return list(state), [stack(parts) for parts in zip(*results, strict=True)]


def _scan_nothing(body: Any, start: Results, rows: Results) -> tuple[list[Any], list[Any]]:
    """Results without rows: the body is run on zeros to know their shapes."""
    row = [zeros(t.shape[1:], dtype=t.dtype, device=t.device) for t in rows.tensors]
    _, result = body(start.tensors, row)
    empty = [zeros((0, *y.shape), dtype=y.dtype, device=y.device) for y in result]
    return list(start.tensors), empty


def map_fn(function: Callable[[Any], Any], elems: Any) -> Any:
    """`function` of each element along the first dimension, the results stacked.

    Args:
        function: of one element; returns tensors, nested as you like.
        elems: tensors of one length, nested as you like.

    The elements are computed one after the other; where possible `tc.vmap` is faster.

    >>> tc.map_fn(lambda x: x * x, tc.asarray([1.0, 2.0, 3.0])).tolist()
    [1.0, 4.0, 9.0]
    """
    return scan(lambda state, x: (state, function(x)), (), elems)[1]


def fori_loop(lower: Any, upper: Any, body: Callable[[Any, Any], Any], init: Any) -> Any:
    """Repeat `state = body(i, state)` for i from `lower` to `upper` - 1.

    Args:
        lower, upper: ints, or integer tensors with one element.
        body: returns the next state, of the structure, shapes and dtypes of `init`.
        init: the first state: tensors, nested as you like.

    >>> float(tc.fori_loop(0, 4, lambda i, x: x + i, 0.0))
    6.0
    """
    _, state = while_loop(
        lambda i, _: i < upper, lambda i, state: (i + 1, body(i, state)), (lower, init)
    )
    return state


__all__ = ["fori_loop", "map_fn", "scan", "while_loop"]
