"""What converted control flow does when it runs: Python, or nodes where values are traced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from tensorcore.errors import TracingError
from tensorcore.graph.branching import choose, truth_of
from tensorcore.graph.graph import Graph
from tensorcore.graph.loop_nodes import add_loop
from tensorcore.graph.results import Naming, take_apart
from tensorcore.graph.structures import rebuild
from tensorcore.graph.subgraph import trace_inside
from tensorcore.graph.symbol import OpenSymbol, Symbol
from tensorcore.mode import mode
from tensorcore.ops.arithmetic import add, multiply
from tensorcore.ops.creation import zeros
from tensorcore.ops.logical import logical_and, logical_not, logical_or
from tensorcore.tensor import as_tensor
from tensorcore.variable import Variable


class _Undefined:
    """Stands for a name that has no value."""

    def __repr__(self) -> str:
        return "undefined"


UNDEFINED = _Undefined()
OWN_NAMES = {"_result": "the returned value", "_counter": "the counter"}
HIDDEN = ("_result", "_loop_")  # how the names of this package begin


def is_traced(value: Any) -> bool:
    """Whether only the run of the graph will know a value."""
    if not isinstance(mode.graph, Graph):
        return False
    return (isinstance(value, Symbol) and not isinstance(value, OpenSymbol)) or isinstance(
        value, Variable
    )


def value_of(read: Callable[[], Any]) -> Any:
    """The value of a name, or UNDEFINED."""
    try:
        return read()
    except NameError:
        return UNDEFINED


def and_(*values: Callable[[], Any]) -> Any:
    """`a and b`; an element-wise `logical_and` from the first traced value on."""
    result: Any = True
    for read in values:
        if is_traced(result):
            result = logical_and(_truth(result), _truth(read()))
            continue
        result = read()
        if not is_traced(result) and not result:
            return result
    return result


def or_(*values: Callable[[], Any]) -> Any:
    """`a or b`; an element-wise `logical_or` from the first traced value on."""
    result: Any = False
    for read in values:
        if is_traced(result):
            result = logical_or(_truth(result), _truth(read()))
            continue
        result = read()
        if not is_traced(result) and result:
            return result
    return result


def not_(value: Any) -> Any:
    """`not a`."""
    return logical_not(_truth(value)) if is_traced(value) else not value


def _truth(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    return truth_of(as_tensor(value))


def if_expression(test: Any, first: Callable[[], Any], second: Callable[[], Any], line: int) -> Any:
    """`first() if test else second()`."""
    if not is_traced(test):
        return first() if test else second()
    sides = ("if the condition holds", "else")
    naming = Naming(f"the conditional expression in line {line}: its value", sides)
    return choose(truth_of(mode.graph.symbol_of(test)), [first, second], naming)


def if_(
    test: Any,
    then: Callable[[], Any],
    otherwise: Callable[[], Any],
    get: Callable[[], Any],
    set_: Callable[[Any], Any],
    names: Sequence[str],
    n_live: int,
    line: int,
) -> None:
    """An `if` statement.

    Args:
        test: the condition.
        then, otherwise: its blocks, which bind `names` in the function around.
        get, set_: the values of `names`.
        names: what the blocks bind; the first `n_live` are read later.
        line: where it stands.
    """
    if not is_traced(test):
        then() if test else otherwise()
        return
    before = get()
    found: list[Sequence[Any]] = []

    def branch(block: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> Any:
            set_(before)
            block()
            values = get()[:n_live]
            if len(found) == 1:
                _same_names(found[0], values, names, line)
            found.append(values)
            return values

        return run

    naming = _naming(f"the if in line {line}:", names, ("if it holds", "else"))
    condition = truth_of(mode.graph.symbol_of(test))
    result = choose(condition, [branch(then), branch(otherwise)], naming, _even_out)
    set_((*result, *before[n_live:]))


def _same_names(
    first: Sequence[Any], second: Sequence[Any], names: Sequence[str], line: int
) -> None:
    for name, mine, yours in zip(names, first, second, strict=False):
        if (mine is UNDEFINED) != (yours is UNDEFINED) and not name.startswith(HIDDEN):
            raise TracingError(
                f'the if in line {line}: the variable "{name}" has a value in one branch only, '
                "and is used afterwards; set it in both branches, or before"
            )


def _even_out(found: Sequence[Any]) -> list[Any]:
    """Results of two branches, in which what only one of them returns has a stand-in."""
    first, second = found
    return [
        tuple(like(b) if a is UNDEFINED and b is not UNDEFINED else a for a, b in pairs)
        for pairs in (zip(first, second, strict=True), zip(second, first, strict=True))
    ]


def _naming(what: str, names: Sequence[str], sides: Sequence[str]) -> Naming:
    shown = [_shown(name) for name in names]
    return Naming(what, sides, shown)


def _shown(name: str) -> str:
    return OWN_NAMES.get(name, f'the variable "{name}"')


class _Loop(NamedTuple):
    """A loop's state: how to read and set it, and what its names are."""

    get: Callable[[], Any]
    set_: Callable[[Any], Any]
    names: Sequence[str]
    n_live: int
    line: int

    def run(
        self,
        test: Callable[..., Any] | None,
        body: Callable[[Sequence[Any]], Any],
        rows: Sequence[Any] = (),
        length: int | None = None,
        extra: Sequence[Any] = (),
    ) -> None:
        """Make it a node; `extra` is state of its own, that `body` gets and returns."""
        before = self.get()
        start = take_apart((*before[: self.n_live], *extra))
        count = len(extra)

        def enter(values: Sequence[Any]) -> Any:
            whole = rebuild(start.structure, list(values))
            self.set_((*whole[: self.n_live], *before[self.n_live :]))
            return whole[self.n_live :]

        def one_run(values: Sequence[Any], row: Sequence[Any]) -> Any:
            after = body((*enter(values), *row))
            return (*self.get()[: self.n_live], *(after if count else ())), ()

        def tested(values: Sequence[Any]) -> Any:
            own = enter(values)
            return test(*own) if test is not None else True

        names = [*self.names[: self.n_live], *["_counter"] * count]
        naming = _naming(
            f"the loop in line {self.line}:",
            names,
            ("before the loop", "after a run of it"),
        )
        if any(value is UNDEFINED for value in before[: self.n_live]) or any(start.is_weak):
            # One look at what a run gives: for returned values, and numbers that become floats.
            examples = [*start.tensors, *(row[0] for row in rows)]
            n = len(start.tensors)
            _, (after, _) = trace_inside(
                lambda *v: one_run(v[:n], v[n:]), examples, "the body of a loop"
            )
            start = take_apart(self._filled((*before[: self.n_live], *extra), after))
        final, _ = add_loop(
            start, one_run, naming, test=None if test is None else tested, rows=rows, length=length
        )
        enter(final)

    def _filled(self, values: Sequence[Any], after: Sequence[Any]) -> tuple[Any, ...]:
        """The state before the loop, with what nobody reads before it is set, and with numbers in
        the dtype that they have after a run.
        """
        filled = []
        for name, value, later in zip(
            [*self.names[: self.n_live], *["counter"] * len(values)], values, after, strict=False
        ):
            if value is UNDEFINED and name.startswith(HIDDEN):
                value = like(later)
            elif value is UNDEFINED:
                raise TracingError(
                    f'the loop in line {self.line}: the variable "{name}" has no value before the '
                    "loop, which may not run at all, and is used afterwards; set it before"
                )
            elif type(value) in (bool, int) and is_traced(later) and later.shape == ():
                value = as_tensor(value, dtype=later.dtype) if later.dtype.kind != "b" else value
            filled.append(value)
        return tuple(filled)


def like(value: Any) -> Any:
    """Zeros in the structure of a value, for what is never read."""
    found = take_apart(value)
    zero = [zeros(t.shape, dtype=t.dtype, device=t.device) for t in found.tensors]
    return rebuild(found.structure, zero)


def while_(
    test: Callable[[], Any],
    body: Callable[[], Any],
    get: Callable[[], Any],
    set_: Callable[[Any], Any],
    names: Sequence[str],
    n_live: int,
    line: int,
) -> None:
    """A `while` statement; see `if_` for the arguments."""
    while True:
        going_on = test()
        if is_traced(going_on):
            loop = _Loop(get, set_, names, n_live, line)
            loop.run(test, lambda _: body())
            return
        if not going_on:
            return
        body()


def for_(
    items: Any,
    test: Callable[[], Any],
    body: Callable[[Any], Any],
    get: Callable[[], Any],
    set_: Callable[[Any], Any],
    names: Sequence[str],
    n_live: int,
    line: int,
    has_test: bool,
) -> None:
    """A `for` statement; `test` says whether no `break` was met."""
    loop = _Loop(get, set_, names, n_live, line)
    if isinstance(items, TracedRange):

        def counted(own: Sequence[Any]) -> Any:
            body(own[0])
            return (add(own[0], items.step),)

        loop.run(lambda i: and_(lambda: items.contains(i), test), counted, extra=(items.start,))
        return
    if is_traced(items) and getattr(items, "ndim", False):
        symbol = mode.graph.symbol_of(items)
        if symbol.shape[0]:
            loop.run(
                (lambda: test()) if has_test else None,
                lambda row: body(row[0]),
                rows=[symbol],
                length=symbol.shape[0],
            )
        return
    for item in items:
        going_on = test()
        if is_traced(going_on):
            one_run = partial(body, item)
            if_(going_on, one_run, lambda: None, get, set_, names, n_live, line)
            continue
        if not going_on:
            return
        body(item)


class TracedRange(NamedTuple):
    """`range` of traced numbers."""

    start: Any
    stop: Any
    step: Any

    def contains(self, i: Any) -> Any:
        """Whether the counter has not passed the end."""
        from tensorcore.ops.logical import less

        if not is_traced(self.step):
            step = int(self.step)
            return less(i, self.stop) if step > 0 else less(self.stop, i)
        return less(multiply(i, self.step), multiply(self.stop, self.step))


def range_(*args: Any) -> Any:
    """`range`, of traced numbers too."""
    if not any(map(is_traced, args)):
        return range(*args)
    start, stop, step = (0, *args, 1) if len(args) == 1 else (*args, 1)[:3]
    return TracedRange(start, stop, step)
