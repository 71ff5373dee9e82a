"""The graph: operation records kept in the order in which the program called them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorcore.device import Device, default_device
from tensorcore.errors import TracingError
from tensorcore.graph.symbol import NoData, Source, Symbol
from tensorcore.mode import mode
from tensorcore.ops.door import apply, as_operand, is_number, meeting_dtype, mismatch
from tensorcore.ops.record import Op
from tensorcore.ops.transfer import astype
from tensorcore.tensor import Tensor, as_tensor
from tensorcore.variable import Variable


class Node:
    """One operation of the graph: its record, its inputs, and the variables it writes over."""

    __slots__ = ("attrs", "inputs", "op", "outputs", "writes")

    def __init__(
        self,
        op: Op | None,
        inputs: Sequence[Any],
        attrs: dict[str, Any],
        writes: tuple[Variable, ...] = (),
    ) -> None:
        self.op = op  # None: the value of the one input is assigned to the one variable
        self.inputs = tuple(inputs)  # symbols and numbers
        self.attrs = attrs
        self.writes = writes
        self.outputs: tuple[Symbol, ...] = ()

    def __repr__(self) -> str:
        name = "assign" if self.op is None else self.op.name
        return f"<Node {name} {[out.shape for out in self.outputs]}>"


class Graph:
    """Collects nodes while a function is traced: `with Graph() as graph: ...`."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.arguments: list[Symbol] = []
        self.blocks: dict[Any, int] = {}  # random stream -> blocks that one run takes
        self.host_actions: list[tuple[Callable[[], Any], tuple[Symbol, ...]]] = []
        self.changed: list[Variable] = []  # variables that change because others are written to
        self._constants: dict[int, Symbol] = {}
        self._current: dict[Variable, Symbol] = {}  # what a variable's value is at this point
        self._kept: list[Any] = []  # keeps the ids of constants from being used again

    def __enter__(self) -> Graph:
        self._outer = mode.graph
        mode.graph = self
        return self

    def __exit__(self, *exception: object) -> None:
        mode.graph = self._outer

    # Sources ------------------------------------------------------------------------------------

    def argument(self, shape: tuple[int, ...], dtype: np.dtype, device: Device) -> Symbol:
        """The next argument of the traced function."""
        source = Source("argument", len(self.arguments))
        symbol = Symbol(NoData(tuple(shape), dtype), device, source=source)
        self.arguments.append(symbol)
        return symbol

    def symbol_of(self, value: Any, device: Device | None = None) -> Any:
        """The symbol that stands for a tensor, a variable or an array; numbers stay numbers."""
        if isinstance(value, Variable):
            return self._read(value)
        value = as_operand(value)
        if isinstance(value, Symbol):
            return value
        if isinstance(value, Tensor) and value.variable is not None:
            return self._read(value.variable)
        if is_number(value):
            return value
        return self._constant(as_tensor(value, device=device))

    def _constant(self, tensor: Tensor) -> Symbol:
        if id(tensor) not in self._constants:
            self._kept.append(tensor)
            source = Source("constant", tensor.data)
            symbol = Symbol(NoData(tensor.shape, tensor.dtype), tensor.device, source=source)
            symbol.serial = tensor.serial
            self._constants[id(tensor)] = symbol
        return self._constants[id(tensor)]

    def _read(self, variable: Variable) -> Symbol:
        if variable not in self._current:
            spec = NoData(variable.shape, variable.dtype)
            symbol = Symbol(spec, variable.device, source=Source("variable", variable))
            symbol.serial = variable.serial
            symbol.variable = variable
            self._current[variable] = symbol
        return self._current[variable]

    def random_state(self, generator: Any, blocks: int) -> tuple[Symbol, Symbol]:
        """Key and counter of the next blocks of a random stream, which move on at every run."""
        start = self.blocks.get(generator, 0)
        self.blocks[generator] = start + blocks
        spec = NoData((), np.dtype(np.uint64))
        device = default_device()
        key = Symbol(spec, device, source=Source("key", (generator, 0)))
        return key, Symbol(spec, device, source=Source("counter", (generator, start)))

    def host_numbers(
        self, function: Callable[[], Sequence[float]], count: int, dtype: np.dtype
    ) -> list[Symbol]:
        """Numbers that `function` gives before each run, such as a learning rate, as 0-d tensors.

        Several functions are called in the order of the program.
        """
        spec = NoData((), dtype)
        device = default_device()
        symbols = tuple(
            Symbol(spec, device, source=Source("host", (function, i))) for i in range(count)
        )
        self.host_actions.append((function, symbols))
        return list(symbols)

    # Nodes --------------------------------------------------------------------------------------

    def add(self, op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> Any:
        """Called by the door: an operation on symbols becomes a node, one on constants runs now."""
        if not any(self._is_open(value) for value in inputs):
            with outside():
                return apply(op, inputs, attrs)
        symbols, device = self._settle(op, inputs)
        symbols = self._common_dtype(op, symbols)
        specs = [value.data if isinstance(value, Symbol) else value for value in symbols]
        said = op.rule(*op.grouped(specs), **attrs)
        node = Node(op, symbols, attrs)
        output = self._finish(node, said, device)
        for tape in mode.tapes:
            tape.record(op, symbols, attrs, output)
        return output

    def _is_open(self, value: Any) -> bool:
        """Whether the value is not known while tracing."""
        value = as_operand(value)
        return isinstance(value, Symbol) or (
            isinstance(value, Tensor) and value.variable is not None
        )

    def _finish(self, node: Node, said: Any, device: Device) -> Any:
        specs = [said] if hasattr(said, "dtype") else list(said)
        for spec in specs:
            if None in spec.shape:
                raise TracingError(
                    f"{node.op.name}: the shape of the result depends on values, so it cannot be "  # type: ignore[union-attr]
                    "traced. Use tc.where with a mask of fixed shape, or run eagerly."
                )
        node.outputs = tuple(
            Symbol(NoData(tuple(spec.shape), spec.dtype), device, node=node, index=index)
            for index, spec in enumerate(specs)
        )
        self.nodes.append(node)
        return node.outputs[0] if hasattr(said, "dtype") else node.outputs

    def _settle(self, op: Op, inputs: Sequence[Any]) -> tuple[list[Any], Device]:
        device = None
        for value in inputs:
            operand = as_operand(value)
            if isinstance(operand, Tensor):
                if device is None:
                    device = operand.device
                elif operand.device is not device:
                    raise mismatch(op, inputs)
        device = device or default_device()
        keeps_numbers = op.takes_numbers or bool(op.promote)
        symbols = []
        for value in inputs:
            symbol = self.symbol_of(value, device)
            if not isinstance(symbol, Symbol) and not keeps_numbers:
                symbol = self._constant(as_tensor(symbol, device=device))
            symbols.append(symbol)
        return symbols, device

    def _common_dtype(self, op: Op, symbols: list[Any]) -> list[Any]:
        if not op.promote:
            return symbols
        positions = range(len(symbols)) if op.variadic else op.promote
        wanted = op.compute_dtype(meeting_dtype([symbols[index] for index in positions]))
        for index in positions:
            value = symbols[index]
            if not isinstance(value, Symbol):
                symbols[index] = wanted.type(value)
            elif value.dtype != wanted:
                symbols[index] = astype(value, wanted)
        return symbols

    # Writing ------------------------------------------------------------------------------------

    def assign(self, variable: Variable, value: Any) -> None:
        """The variable's value from here on, written to its memory when the graph runs."""
        symbol = self.symbol_of(value, variable.device)
        self.nodes.append(Node(None, (symbol,), {}, (variable,)))
        self._current[variable] = symbol

    def update(
        self,
        op: Op,
        variables: Sequence[Variable],
        inputs: Sequence[Any],
        parts: Sequence[Variable] = (),
    ) -> None:
        """An operation whose results are written over the variables; `parts` are their slices."""
        self.changed.extend(parts)
        symbols, device = self._settle(op, inputs)
        symbols = self._common_dtype(op, symbols)
        specs = [value.data if isinstance(value, Symbol) else value for value in symbols]
        node = Node(op, symbols, {}, tuple(variables))
        self._finish(node, op.rule(*op.grouped(specs)), device)
        written = {id(base_of(variable)) for variable in variables}
        for variable in [v for v in self._current if id(base_of(v)) in written]:
            del self._current[variable]  # read anew, after the write
        for variable, output in zip(variables, node.outputs, strict=True):
            self._current[variable] = output


def base_of(variable: Variable) -> Any:
    """The array that owns a variable's memory; variables in one flat buffer share it."""
    storage = variable.storage
    return storage if storage.base is None else storage.base


class outside:
    """A context in which operations run at once, although a graph is being traced."""

    def __enter__(self) -> None:
        self._graph = mode.graph
        mode.graph = None

    def __exit__(self, *exception: object) -> None:
        mode.graph = self._graph
