"""Open graphs: computations on tensors that are not there yet, kept until there are values.

An open symbol has a dtype and a shape in which dimensions may be unknown (None).  It lives outside
any trace: `placeholder` makes one, and whatever is done to it makes a `Node` and further symbols.
`replay` computes symbols from values: it sends each node through the ordinary door, in the order
of the program, so that the nodes run, are taped, or become part of the graph that is being traced,
as if the program had just said them.  Nothing else executes an open graph.

    x = placeholder((None, 3), "float32")
    y = tc.sum(x * 2.0, axis=-1)                     # y.shape == (None,)
    replay(y, {x: tc.ones((4, 3))})                  # a tensor of shape (4,)

Two ways lead here.  The door hands over operations on open symbols while nothing is traced, which
is how functional models are written.  And a `DeferredGraph` as `mode.graph` takes all operations,
which is the world of TensorFlow 1.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tensorcore import dtypes
from tensorcore.device import Device, default_device
from tensorcore.device import device as device_named
from tensorcore.errors import InvalidArgumentError, TracingError
from tensorcore.graph.function import flatten, rebuild
from tensorcore.graph.symbol import NoData, OpenSymbol, Source
from tensorcore.ops.door import as_operand, host_dtype, is_number, mismatch, wanted_dtype
from tensorcore.ops.record import Op, Spec
from tensorcore.ops.shapes import as_shape
from tensorcore.tensor import Tensor, as_tensor
from tensorcore.variable import Variable

_serials = itertools.count(1)


class Node:
    """One call that waits for values.

    Attributes:
        function: an operation's record, a layer, or any other callable.
        inputs: the tensors and open symbols among the arguments.
        structure: (args, kwargs) with a `Leaf` in the place of each input.  Variables stay there
            as they are, and are read when the node runs.
        outputs: the open symbols that the call returns, in order.
        returns: what the call returns, with a `Leaf` for each output.
        serial: rises in the order of the program.
        after: nodes that have to run before this one although it takes nothing from them.
        name: for messages and model files; None until somebody gives one.
    """

    __slots__ = (
        "after",
        "function",
        "inputs",
        "name",
        "outputs",
        "returns",
        "serial",
        "structure",
    )

    def __init__(
        self,
        function: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        after: Iterable[Node] = (),
    ) -> None:
        self.function = function
        self.inputs: list[Tensor] = []
        self.structure = flatten((tuple(args), dict(kwargs)), self.inputs)
        self.after = tuple(after)
        self.outputs: tuple[OpenSymbol, ...] = ()
        self.returns: Any = None
        self.serial = next(_serials)
        self.name: str | None = None

    def __repr__(self) -> str:
        what = getattr(self.function, "name", None) or getattr(self.function, "__name__", "call")
        return f"<Node {what} {[out.shape for out in self.outputs]}>"

    @property
    def parents(self) -> list[Node]:
        """The nodes that this one needs."""
        nodes = [x.node for x in self.inputs if isinstance(x, OpenSymbol) and x.node is not None]
        return [*nodes, *self.after]

    def arguments(self, value_of: Callable[[Any], Any] = lambda symbol: symbol) -> Any:
        """(args, kwargs) of the call, with `value_of(input)` in the place of each input."""
        return rebuild(self.structure, [value_of(value) for value in self.inputs])

    def compute(self, values: dict[Any, Any]) -> None:
        """Make the call with the values of its inputs, and put those of its outputs down."""

        def value_of(tensor: Any) -> Any:
            return values[tensor] if isinstance(tensor, OpenSymbol) else tensor

        args, kwargs = self.arguments(value_of)
        found = leaves(self.function(*args, **kwargs))
        for symbol, value in zip(self.outputs, found, strict=bool(self.outputs)):
            values.setdefault(symbol, value)


def leaves(structure: Any) -> list[Any]:
    """The values in nested lists, tuples and dicts, in order."""
    if isinstance(structure, dict):
        structure = list(structure.values())
    if isinstance(structure, (list, tuple)):
        return [leaf for part in structure for leaf in leaves(part)]
    return [structure]


def placeholder(
    shape: Sequence[int | None],
    dtype: Any = "float32",
    name: str | None = None,
    device: str | Device | None = None,
) -> OpenSymbol:
    """A tensor that gets its value when the graph is replayed.

    Args:
        shape: its sizes, None where any size will do.
        dtype: its dtype.
        name: for messages.
        device: where its value will be; None means the default device.

    >>> placeholder((None, 2), "int32").shape
    (None, 2)
    """
    where = default_device() if device is None else device_named(device)
    spec = NoData(as_shape("placeholder", shape), dtypes.as_dtype(dtype))
    return OpenSymbol(spec, where, source=Source("input", name), name=name)


def defer(
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    result: Any,
    device: Device,
    after: Iterable[Node] = (),
) -> Any:
    """Keep a call for later; returns the open symbols of its results.

    Args:
        function: what `replay` calls.
        args, kwargs: its arguments: open symbols, tensors, variables and anything else, nested in
            lists, tuples and dicts.
        result: what the call will return: anything with `shape` and `dtype` for a tensor, also
            nested; None for nothing.
        device: where the results will be.
        after: nodes that have to run before it.
    """
    node = Node(function, args, kwargs, after)
    made: list[OpenSymbol] = []

    def symbols(part: Any) -> Any:
        if hasattr(part, "shape") and hasattr(part, "dtype"):
            spec = NoData(tuple(part.shape), part.dtype)
            made.append(OpenSymbol(spec, device, node=node, index=len(made)))
            return made[-1]
        if isinstance(part, dict):
            return {key: symbols(value) for key, value in part.items()}
        return type(part)([symbols(value) for value in part]) if part is not None else None

    output = symbols(result)
    node.outputs = tuple(made)
    node.returns = flatten(output, [])
    return output


def defer_op(op: Op, inputs: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
    """Keep an operation for later: what the door does with open symbols.

    The record's rule says shape and dtype, and refuses what does not fit.
    """
    device = None
    for operand in map(as_operand, inputs):
        if isinstance(operand, Tensor):
            if device is None:
                device = operand.device
            elif operand.device is not device:
                raise mismatch(op, inputs)
    device = device or default_device()
    keeps_numbers = op.takes_numbers or bool(op.promote)
    settled, specs = [], []
    for index, value in enumerate(inputs):
        operand = as_operand(value)
        if not isinstance(operand, Tensor) and not (keeps_numbers and is_number(operand)):
            dtype = host_dtype(op, index, operand, inputs)
            value = operand = as_tensor(operand, dtype=dtype, device=device)
        settled.append(value)
        is_tensor = isinstance(operand, Tensor)
        specs.append(Spec(operand.shape, operand.dtype) if is_tensor else operand)
    if op.promote:
        positions = range(len(specs)) if op.variadic else op.promote
        dtype = wanted_dtype(op, [specs[index] for index in positions])
        for index in positions:
            specs[index] = Spec(getattr(specs[index], "shape", ()), dtype)
    said = op.rule(*op.grouped(specs), **attrs)
    return defer(op, op.grouped(settled), attrs, said, device)


def ancestors(outputs: Any, known: Iterable[Any] = ()) -> list[Node]:
    """The nodes that `outputs` are computed by, in the order of the program.

    Args:
        outputs: open symbols, nested as you like; other values are left out.
        known: symbols whose values will be given, at which the search stops.
    """
    found = leaves(outputs)
    stops = {id(symbol) for symbol in known}
    waiting = [symbol.node for symbol in found if _has_node(symbol) and id(symbol) not in stops]
    nodes: dict[int, Node] = {}
    while waiting:
        node = waiting.pop()
        if node.serial in nodes:
            continue
        nodes[node.serial] = node
        waiting.extend(node.after)
        waiting.extend(x.node for x in node.inputs if _has_node(x) and id(x) not in stops)
    return [nodes[serial] for serial in sorted(nodes)]


def _has_node(value: Any) -> bool:
    return isinstance(value, OpenSymbol) and value.node is not None


class _Values(dict[Any, Any]):
    """Symbol -> value, which says what to do about a symbol that has none."""

    def __missing__(self, symbol: Any) -> Any:
        what = f'"{symbol.name}"' if symbol.name else f"of shape {symbol.shape}"
        raise InvalidArgumentError(
            f"the input {what} has no value: give one for each input that the result needs"
        )


def replay(
    outputs: Any,
    bindings: Mapping[Any, Any],
    *,
    nodes: Sequence[Node] | None = None,
    seen: Callable[[Any, Any], None] | None = None,
) -> Any:
    """The values of open symbols: the nodes they need are run in the order of the program.

    Args:
        outputs: open symbols, nested as you like; what is no open symbol is returned as it is.
        bindings: symbol -> value; any symbol may be given, and what only it needs is not run.
        nodes: what `ancestors(outputs, bindings)` found, for callers that keep it.
        seen: called with each symbol and its value as soon as there is one, the bindings first
            (a tape can be told to watch it).

    Raises:
        InvalidArgumentError: a placeholder that is needed has no value.

    >>> x = placeholder((None,), "float32", device="cpu")
    >>> replay([x * 2.0, x], {x: tc.asarray([1.0, 2.0], device="cpu")})[0].tolist()
    [2.0, 4.0]
    """
    values = _Values(bindings)
    if seen is not None:
        for symbol, value in bindings.items():
            seen(symbol, value)
    for node in ancestors(outputs, bindings) if nodes is None else nodes:
        node.compute(values)
        if seen is not None:
            for symbol in node.outputs:
                seen(symbol, values[symbol])
    found: list[Any] = []
    structure = flatten(outputs, found)
    return rebuild(structure, [values[x] if isinstance(x, OpenSymbol) else x for x in found])


class DeferredGraph:
    """As `mode.graph`: every operation is kept for later, also one on constants."""

    def add(self, op: Op, inputs: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
        """Called by the door."""
        return defer_op(op, inputs, attrs)

    def symbol_of(self, value: Any, device: Device | None = None) -> Any:
        """A variable's value at this place of the program; other values are what they are."""
        if isinstance(value, Variable):
            return defer(_read, (value,), {}, value, value.device)
        return as_operand(value)

    def assign(self, variable: Variable, value: Any) -> Any:
        """An assignment; returns the symbol of the new value, which makes it happen."""
        return defer(_assign, (variable, value), {}, variable, variable.device)

    def random_state(self, generator: Any, blocks: int) -> Any:
        """Key and counter of a random stream, taken anew at every replay."""
        word = Spec((), dtypes.uint64)
        return defer(generator.take, (4 * blocks,), {}, (word, word), default_device())

    def update(self, *args: Any) -> None:
        """Refused: optimizers are deferred as a whole, as a call."""
        raise TracingError(
            "an optimizer's update cannot be kept for later by itself; defer the call of apply"
        )


def _read(variable: Variable) -> Any:
    return variable.value


def _assign(variable: Variable, value: Any) -> Any:
    variable.assign(value)
    return variable.value


def is_open(structure: Any) -> bool:
    """Whether there is an open symbol in nested lists, tuples and dicts."""
    return any(isinstance(leaf, OpenSymbol) for leaf in leaves(structure))


__all__ = [
    "DeferredGraph",
    "Node",
    "OpenSymbol",
    "ancestors",
    "defer",
    "defer_op",
    "is_open",
    "placeholder",
    "replay",
]
