"""The graph: operation records kept in the order in which the program called them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorcore.device import Device, default_device, is_array
from tensorcore.errors import TracingError
from tensorcore.graph.symbol import NoData, OpenSymbol, Source, Symbol
from tensorcore.mode import listeners, mode, outside, place
from tensorcore.ops.arithmetic import add
from tensorcore.ops.door import (
    apply,
    as_operand,
    as_scalar,
    host_dtype,
    is_number,
    mismatch,
    wanted_dtype,
)
from tensorcore.ops.record import Op
from tensorcore.ops.transfer import astype
from tensorcore.tensor import Tensor, as_tensor, wrap
from tensorcore.variable import Variable


class Node:
    """One operation of the graph: its record, its inputs, and the variables it writes over.

    Attributes:
        op: the record; None where the value of the one input is assigned to the one variable.
        inputs: symbols and numbers.
        outputs: the symbols of the results.
        writes: the variables whose memory gets the results.
        has_effects: whether it runs at its place even if nobody needs its results, since it may
            refuse values, or does something on the host.
        place: where in the user's model it belongs.
    """

    __slots__ = ("attrs", "has_effects", "inputs", "op", "outputs", "place", "writes")

    def __init__(
        self,
        op: Any,
        inputs: Sequence[Any],
        attrs: dict[str, Any],
        writes: tuple[Variable, ...] = (),
    ) -> None:
        self.op: Any = op
        self.inputs = tuple(inputs)
        self.attrs = attrs
        self.writes = writes
        self.has_effects = op is not None and op.bounds is not None
        self.outputs: tuple[Symbol, ...] = ()
        self.place = place.now()

    def copy(self) -> Node:
        """The same node for another list, whose inputs may be changed there."""
        twin = Node(self.op, self.inputs, self.attrs, self.writes)
        twin.outputs = self.outputs
        twin.place = self.place
        twin.has_effects = self.has_effects
        return twin

    def __repr__(self) -> str:
        name = "assign" if self.op is None else self.op.name
        return f"<Node {name} {[out.shape for out in self.outputs]}>"


class Graph:
    """Collects nodes while a function is traced: `with Graph() as graph: ...`."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.arguments: list[Symbol] = []
        self.blocks: dict[Any, int] = {}  # random stream -> blocks that every run takes
        self.moved: dict[Any, tuple[Any, Any]] = {}  # random stream -> key, counter from here on
        self.host_actions: list[tuple[Callable[[], Any], tuple[Symbol, ...]]] = []
        self.undo_actions: list[Callable[[], Any] | None] = []  # of the host actions
        self.read_on_host: list[Variable] = []
        self.before_run: list[Callable[[], Any]] = []
        self.changed: list[Variable] = []  # variables that change because others are written to
        self._streams: dict[Any, Any] = {}  # random stream -> (blocks, symbols of that place)
        self._constants: dict[tuple[int, int], Symbol] = {}
        self._current: dict[Variable, Symbol] = {}  # the last read of each variable
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
        symbol = Symbol(NoData(tuple(shape), dtype), device, source=source, graph=self)
        self.arguments.append(symbol)
        return symbol

    def symbol_of(self, value: Any, device: Device | None = None) -> Any:
        """The symbol that stands for a tensor, a variable or an array; numbers stay numbers."""
        if isinstance(value, Variable):
            symbol = self._read(value)
            return value.as_read(symbol) if listeners.autocasts else symbol
        value = as_operand(value)
        if isinstance(value, OpenSymbol):
            raise TracingError(
                f"a symbolic tensor of shape {value.shape} (made by keras.Input or tf.placeholder) "
                "is used inside a function that is being traced; call the finished model there"
            )
        if isinstance(value, Symbol):
            return value if value.graph is self else self._from_outside(value)
        if is_number(value):
            return value
        return self._constant(_captured(value, device))

    def _from_outside(self, symbol: Symbol) -> Symbol:
        """What a symbol of another graph is here."""
        made_in = getattr(symbol.graph, "made_in", "another function")
        raise TracingError(
            f"a tensor of shape {symbol.shape} that was traced in {made_in} was kept and is used "
            "here; return it from its function instead"
        )

    def _constant(self, tensor: Tensor) -> Symbol:
        data = tensor.data
        key = (id(tensor), id(data))  # x[i] = v gives a tensor new data
        if key not in self._constants:
            self._kept.append((tensor, data))
            if tensor.is_shared:
                data = tensor.device.copy(data)  # what the variable is now, whatever comes later
            source = Source("constant", data)
            spec = NoData(tensor.shape, tensor.dtype)
            symbol = Symbol(spec, tensor.device, source=source, graph=self)
            symbol.serial = tensor.serial
            self._constants[key] = symbol
        return self._constants[key]

    def _read(self, variable: Variable) -> Symbol:
        """The variable's value at this place of the program: a node of its own, without inputs."""
        if variable not in self._current:
            spec = NoData(variable.shape, variable.dtype)
            source = Source("variable", variable)
            symbol = Symbol(spec, variable.device, source=source, graph=self)
            symbol.serial = variable.serial
            symbol.variable = variable
            node = Node(None, (), {})
            node.outputs = (symbol,)
            self.nodes.append(node)
            self._current[variable] = symbol
        return self._current[variable]

    def _forget(self, variables: Sequence[Variable]) -> None:
        """What shares memory with these variables has to be read anew, after the write."""
        written = {id(base_of(variable)) for variable in variables}
        for variable in [v for v in self._current if id(base_of(v)) in written]:
            del self._current[variable]

    def random_state(self, generator: Any, blocks: int) -> tuple[Symbol, Symbol]:
        """Key and counter of the next blocks of a random stream, which move on at every run."""
        if generator in self.moved:
            key, counter = self.moved[generator]
            self.moved[generator] = key, add(counter, blocks)
            return key, counter
        start = self.blocks.get(generator, 0)
        self.blocks[generator] = start + blocks
        spec = NoData((), np.dtype(np.uint64))
        device = default_device()
        key, counter = Source("key", (generator, 0)), Source("counter", (generator, start))
        return (
            Symbol(spec, device, source=key, graph=self),
            Symbol(spec, device, source=counter, graph=self),
        )

    def stream(self, generator: Any) -> tuple[Any, Any]:
        """Key and counter of the place where a random stream is now."""
        if generator in self.moved:
            return self.moved[generator]
        known = self._streams.get(generator)
        if known is None or known[0] != self.blocks.get(generator, 0):
            known = self.blocks.get(generator, 0), self.random_state(generator, 0)
            self._streams[generator] = known
        return known[1]

    def move_stream(self, generator: Any, key: Symbol, counter: Symbol) -> None:
        """The stream goes on at `counter`, which is known when the graph runs."""
        self.moved[generator] = key, counter

    def host_numbers(
        self,
        function: Callable[[], Sequence[float]],
        count: int,
        dtype: np.dtype,
        reads: Sequence[Variable] = (),
        undo: Callable[[], Any] | None = None,
    ) -> list[Symbol]:
        """Numbers that `function` gives before each run, such as a learning rate, as 0-d tensors.

        Several functions are called in the order of the program.  `reads` are the variables that
        they read, which the graph must not write to.  `undo` is called when the run fails.
        """
        self.check_host_reads(reads)
        spec = NoData((), dtype)
        device = default_device()
        symbols = tuple(
            Symbol(spec, device, source=Source("host", (function, i)), graph=self)
            for i in range(count)
        )
        self.host_actions.append((function, symbols))
        self.undo_actions.append(undo)
        return list(symbols)

    def check_host_reads(self, reads: Sequence[Variable]) -> None:
        """Refuse functions of the host that read what the graph has written to."""
        self.read_on_host.extend(reads)
        written = [variable for node in self.nodes for variable in node.writes]
        if any(variable is read for variable in written for read in reads):
            raise TracingError(
                "an optimizer's learning rate or step count is assigned to in the step that uses "
                "it. Do it between the steps, or run eagerly."
            )

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

    def add_control(
        self,
        op: Op,
        inputs: Sequence[Any],
        attrs: dict[str, Any],
        specs: Sequence[Any],
        device: Device,
        has_effects: bool = False,
    ) -> tuple[Symbol, ...]:
        """A node that holds sub-graphs.

        Args:
            op: its record, a `ControlOp`.
            inputs: tensors.
            attrs: what the record plans it by; "back" is its gradient: of the gradients of the
                results, the inputs and the results; it returns one for each input.
            specs: shape and dtype of each result.
            device: where the results are.
            has_effects: whether it runs although nobody needs the results.
        """
        symbols = [self.symbol_of(value, device) for value in inputs]
        node = Node(op, symbols, attrs)
        node.has_effects = has_effects
        self._finish(node, list(specs), device)
        if "back" in attrs and mode.tapes:
            from tensorcore.graph.control import once

            for tape in mode.tapes:
                tape.record(op, symbols, {"back": once(attrs["back"])}, node.outputs)
        return node.outputs

    def _is_open(self, value: Any) -> bool:
        """Whether the value is not known while tracing."""
        return isinstance(value, (Symbol, Variable))

    def _finish(self, node: Node, said: Any, device: Device) -> Any:
        specs = [said] if hasattr(said, "dtype") else list(said)
        op: Any = node.op
        for spec in specs:
            if None in spec.shape:
                raise TracingError(
                    f"{op.name}: the shape of the result depends on values, so it cannot be "
                    "traced. Use tc.where with a mask of fixed shape, or run eagerly."
                )
        node.outputs = tuple(
            Symbol(
                NoData(tuple(spec.shape), spec.dtype), device, node=node, index=index, graph=self
            )
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
        for index, value in enumerate(inputs):
            operand = as_operand(value)
            if not (isinstance(operand, Tensor) or is_number(operand)):
                dtype = host_dtype(op, index, operand, inputs)
                value = _captured(operand, device, dtype)
            symbol = self.symbol_of(value, device)
            if not isinstance(symbol, Symbol) and not keeps_numbers:
                symbol = self._constant(as_tensor(symbol, device=device))
            symbols.append(symbol)
        return symbols, device

    def _common_dtype(self, op: Op, symbols: list[Any]) -> list[Any]:
        if not op.promote:
            return symbols
        positions = range(len(symbols)) if op.variadic else op.promote
        wanted = wanted_dtype(op, [symbols[index] for index in positions])
        for index in positions:
            value = symbols[index]
            if not isinstance(value, Symbol):
                symbols[index] = as_scalar(op, index, value, wanted)
            elif value.dtype != wanted:
                symbols[index] = astype(value, wanted)
        return symbols

    # Writing ------------------------------------------------------------------------------------

    def assign(self, variable: Variable, value: Any) -> None:
        """The variable's value from here on, written to its memory when the graph runs."""
        if any(variable is read for read in self.read_on_host):
            raise TracingError(
                f"{variable.name}.assign: the step reads this variable before the graph runs, so "
                "it cannot be assigned to inside. Do it between the steps, or run eagerly."
            )
        symbol = self.symbol_of(value, variable.device)
        self.nodes.append(Node(None, (symbol,), {}, (variable,)))
        self._forget([variable])

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
        self._forget(variables)


def _captured(value: Any, device: Device | None, dtype: Any = None) -> Tensor:
    """A value from outside as a tensor; of an array, which may be written to later, a copy."""
    tensor = as_tensor(value, dtype=dtype, device=device)
    return wrap(tensor.device.copy(tensor.data), tensor.device) if is_array(value) else tensor


def base_of(variable: Variable) -> Any:
    """The array that owns a variable's memory; variables in one flat buffer share it."""
    storage = variable.storage
    return storage if storage.base is None else storage.base
