"""Sub-graphs: a branch, or the body of a loop, as a pure function of tensors.

While such a function is traced, whatever it uses from outside becomes an argument of the
sub-graph: tensors, variables, and the place of a random stream.  What it changes becomes a result:
the new value of a variable that is assigned to, and the place where a stream goes on.  So a
sub-graph can run any number of times, and the gradient of it is the gradient of its operations,
sent through the door once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorcore.device import Device, address
from tensorcore.errors import TracingError
from tensorcore.graph.graph import Graph, Node, base_of
from tensorcore.graph.passes.prune import prune
from tensorcore.graph.symbol import Symbol
from tensorcore.mode import mode
from tensorcore.ops.arithmetic import add
from tensorcore.ops.door import apply
from tensorcore.ops.record import Op, Spec, op
from tensorcore.ops.shaping import reshape
from tensorcore.tensor import Tensor, next_serial
from tensorcore.variable import Variable


@op(
    reference=lambda xp, value, before: value,
    gradient=("none: an assignment passes no gradient on", lambda g: g),
    samples=lambda rng: [],
    is_view=True,
)
def assigned(value, before, /):
    """A variable's value after an assignment; gradients go to the variable, not to the value."""
    return Spec(tuple(value.shape), value.dtype)


class SubGraph(Graph):
    """Collects the nodes of a function that is traced inside another trace.

    Args:
        made_in: what the function is, for messages: "a branch", "the body of a loop".

    Attributes:
        outer: the graph around it.
        captured: the symbols of `outer` that are arguments, after the explicit ones.
        written: the variables that are assigned to, in the order of their last assignment.
    """

    def __init__(self, made_in: str = "a branch") -> None:
        super().__init__()
        self.outer: Graph = mode.graph
        self.made_in = made_in
        self.captured: list[Symbol] = []
        self.written: list[Variable] = []
        self.read_on_host = self.outer.read_on_host
        self.before_run = self.outer.before_run
        self.has_effects = False
        self.results: list[Symbol] = []
        self.stream_arguments: dict[Any, Symbol] = {}  # random stream -> its counter at the start
        self._keys: dict[Any, Symbol] = {}
        self._inner: dict[int, Symbol] = {}  # id of a captured symbol -> the argument

    def __enter__(self) -> SubGraph:
        # Tapes outside are told about the whole, not about each operation inside.
        self._tapes = mode.tapes
        mode.tapes = ()
        super().__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        mode.tapes = self._tapes

    # What comes from outside ----------------------------------------------------------------------

    def _from_outside(self, symbol: Symbol) -> Symbol:
        return self._capture(self.outer.symbol_of(symbol))

    def _capture(self, outside: Symbol) -> Symbol:
        """The argument that stands for a symbol of the graph around this one."""
        if id(outside) not in self._inner:
            if not outside.serial:
                outside.serial = next_serial()
            inner = self.argument(outside.shape, outside.dtype, outside.device)
            inner.serial = outside.serial  # a tape that watches the one follows the other
            self.captured.append(outside)
            self._inner[id(outside)] = inner
        return self._inner[id(outside)]

    def _constant(self, tensor: Tensor) -> Symbol:
        return self._capture(self.outer._constant(tensor))

    def _read(self, variable: Variable) -> Symbol:
        if variable not in self._current:
            inner = self._of_variable(self._capture(self.outer.symbol_of(variable)), variable)
            self._current[variable] = inner
            for other in self.written:
                self._overlay(variable, other)
        return self._current[variable]

    @property
    def own_captures(self) -> list[Symbol]:
        """The arguments that stand for `captured`."""
        return [self._inner[id(outside)] for outside in self.captured]

    @property
    def n_explicit(self) -> int:
        """How many arguments there are before the captured ones."""
        return len(self.arguments) - len(self.captured)

    @staticmethod
    def _of_variable(symbol: Symbol, variable: Variable) -> Symbol:
        symbol.variable = variable
        symbol.serial = variable.serial
        return symbol

    # What is changed ------------------------------------------------------------------------------

    def assign(self, variable: Variable, value: Any) -> None:
        """The variable's value from here on."""
        if any(variable is read for read in self.read_on_host):
            super().assign(variable, value)  # says what is wrong
        before = self._read(variable)
        symbol = apply(assigned, (self.symbol_of(value, variable.device), before), {})
        if symbol.dtype != variable.dtype:
            from tensorcore.ops.transfer import astype

            symbol = astype(symbol, variable.dtype)
        self._current[variable] = self._of_variable(symbol, variable)
        self.written = [known for known in self.written if known is not variable]
        self.written.append(variable)
        for other in list(self._current):
            if other is not variable:
                self._overlay(other, variable)

    def update(
        self,
        op: Op,
        variables: Sequence[Variable],
        inputs: Sequence[Any],
        parts: Sequence[Variable] = (),
    ) -> None:
        """An operation whose results become the values of the variables."""
        results = apply(op, inputs, {})
        results = results if isinstance(results, tuple) else (results,)
        for variable, value in zip(variables, results, strict=True):
            self.assign(variable, value)
        self.changed.extend(parts)

    def _overlay(self, variable: Variable, written: Variable) -> None:
        """Let `variable` see that `written` was assigned to, if they share memory."""
        if base_of(variable) is not base_of(written) or variable is written:
            return
        start = address(written.storage) - address(variable.storage)
        start //= variable.dtype.itemsize
        if start >= variable.size or start + written.size <= 0:
            return
        new = reshape(self._current[written], (-1,))
        if start >= 0 and start + written.size <= variable.size:
            from tensorcore.ops.assignment import written as with_part

            flat = reshape(self._current[variable], (-1,))
            value = with_part(flat, slice(start, start + written.size), new)
        else:
            value = new[-start : -start + variable.size]  # type: ignore[index]
        value = apply(assigned, (reshape(value, variable.shape), self._current[variable]), {})
        self._current[variable] = self._of_variable(value, variable)

    def random_state(self, generator: Any, blocks: int) -> tuple[Any, Any]:
        """Key and counter of the next blocks of a random stream."""
        key, counter = self._place_of(generator)
        self.moved[generator] = key, add(counter, blocks)
        return key, counter

    def _place_of(self, generator: Any) -> tuple[Symbol, Symbol]:
        if generator in self.moved:
            return self.moved[generator]
        if generator not in self.stream_arguments:
            key, counter = self.outer.stream(generator)
            self._keys[generator] = self._capture(key)
            self.stream_arguments[generator] = self._capture(counter)
        return self._keys[generator], self.stream_arguments[generator]

    stream = _place_of

    def host_numbers(
        self,
        function: Callable[[], Sequence[float]],
        count: int,
        dtype: np.dtype,
        reads: Sequence[Variable] = (),
        undo: Callable[[], Any] | None = None,
    ) -> list[Symbol]:
        """Numbers that `function` gives each time the sub-graph runs, where the program says so."""
        from tensorcore.device import default_device
        from tensorcore.graph.control import ask_host

        self.check_host_reads(reads)
        attrs = {"function": function, "undo": undo}
        specs = [Spec((), dtype)] * count
        return list(self.add_control(ask_host, (), attrs, specs, default_device(), True))

    # Nodes ----------------------------------------------------------------------------------------

    def add_control(self, *args: Any, **kwargs: Any) -> tuple[Symbol, ...]:
        """A node of control flow: see `Graph.add_control`."""
        outputs = super().add_control(*args, **kwargs)
        self.has_effects = self.has_effects or self.nodes[-1].has_effects
        return outputs


class Closed:
    """A sub-graph that is finished: arguments, nodes and results.

    Attributes:
        arguments: symbols of the explicit arguments, then of what was captured.
        outputs: symbols of the results.
        has_effects: whether a run does something besides computing its results.
    """

    def __init__(self, graph: SubGraph, outputs: Sequence[Symbol]) -> None:
        self.graph = graph
        self.outputs = list(outputs)
        self.has_effects = graph.has_effects

    @property
    def arguments(self) -> list[Symbol]:
        return self.graph.arguments

    def __call__(self, values: Sequence[Any]) -> list[Any]:
        """The results for these values, by sending the nodes through the door again."""
        known: dict[int, Any] = {
            id(symbol): value for symbol, value in zip(self.arguments, values, strict=True)
        }
        histories: dict[Any, Any] = {}
        for node in self._needed():
            inputs = [known.get(id(v), v) if isinstance(v, Symbol) else v for v in node.inputs]
            outputs = _again(node, inputs, histories)
            known.update((id(symbol), value) for symbol, value in zip(node.outputs, outputs))
        return [known[id(symbol)] for symbol in self.outputs]

    def _needed(self) -> list[Node]:
        """The nodes that the results depend on; effects do not happen twice."""
        needed, _ = prune(self.graph.nodes, self.outputs)
        wanted = {id(symbol) for symbol in self.outputs}
        kept = []
        for node in reversed(needed):
            if any(id(symbol) in wanted for symbol in node.outputs):
                wanted.update(id(value) for value in node.inputs)
                kept.append(node)
        return kept[::-1]


def _again(node: Node, inputs: Sequence[Any], histories: dict[Any, Any]) -> Sequence[Any]:
    op: Any = node.op
    if op.is_control:
        return op.again(inputs, node, histories)
    result = apply(op, inputs, node.attrs)
    return result if isinstance(result, tuple) else (result,)


def trace_inside(
    function: Callable[..., Any], arguments: Sequence[Any], made_in: str
) -> tuple[SubGraph, Any]:
    """Trace `function` on symbols like `arguments` (anything with shape, dtype and device).

    Returns:
        The sub-graph, which is not closed yet, and what the function returned.
    """
    if not isinstance(mode.graph, Graph):
        raise TracingError("control flow becomes a graph only while a function is traced")
    graph = SubGraph(made_in)
    with graph:
        symbols = [graph.argument(x.shape, x.dtype, x.device) for x in arguments]
        return graph, function(*symbols)


def device_of_all(symbols: Sequence[Any], default: Device) -> Device:
    """The device on which a sub-graph runs: that of the first of its tensors."""
    return next((symbol.device for symbol in symbols if isinstance(symbol, Symbol)), default)
