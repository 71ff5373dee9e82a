"""The named graph of TensorFlow 1: what will be computed, told apart by names and kept by sessions.

Every call on one of its tensors becomes an `Operation`, a node of `tensorcore.graph.deferred`,
which a session sends through the ordinary door when a result is asked for.
"""

from __future__ import annotations

import contextlib
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import DTypeError, InvalidArgumentError, NotInGraphError
from tensorcore.graph.function import Leaf, rebuild
from tensorcore.ops.door import NUMBERS
from tensorcore.ops.record import Spec
from tensorcore.session.inference import results_of
from tensorcore.session.tensors import GraphTensor, Operation
from tensorcore.tensor import Tensor, as_tensor

_HOME = str(Path(__file__).resolve().parent.parent)
_NAME = re.compile(r"^[A-Za-z0-9.\u0080-\U0010ffff][\w.\\/>-]*$")

# What TensorFlow calls the operations behind Python's operators.
OPERATOR_NAMES = {
    "add": "add",
    "subtract": "sub",
    "multiply": "mul",
    "divide": "truediv",
    "floor_divide": "floordiv",
    "remainder": "mod",
    "power": "pow",
    "negative": "Neg",
    "abs": "Abs",
    "less": "Less",
    "less_equal": "LessEqual",
    "greater": "Greater",
    "greater_equal": "GreaterEqual",
    "bitwise_and": "and",
    "bitwise_or": "or",
    "bitwise_xor": "xor",
    "bitwise_invert": "LogicalNot",
}


class Cut(NamedTuple):
    """A slice whose limits may be tensors."""

    start: Any
    stop: Any
    step: Any


class Graph:
    """Operations, their names and collections: `with Graph().as_default(): ...`.

    Attributes:
        operations: in the order of the program.
        seed: of the random operations, see `tf.set_random_seed`.
        collections: key -> list of what programs put there.
    """

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.seed: int | None = None
        self.collections: dict[str, list[Any]] = {}
        self.variable_store: dict[str, Any] = {}
        self.finalized = False
        self._tensors: dict[str, Any] = {}
        self._by_name: dict[str, Operation] = {}
        self._names_in_use: dict[str, int] = {}
        self._scope = ""
        self._dependencies: tuple[Operation, ...] = ()

    # Names --------------------------------------------------------------------------------------

    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        """`name` within the current name scope, with a number if it is taken."""
        if self._scope:
            name = f"{self._scope}/{name}"
        key = name.lower()
        count = self._names_in_use.get(key, 0)
        if mark_as_used:
            self._names_in_use[key] = count + 1
        if not count:
            return name
        base = key
        while key in self._names_in_use:
            key = f"{base}_{count}"
            count += 1
        if mark_as_used:
            self._names_in_use[key] = 1
        return f"{name}_{count - 1}"

    def _take_name(self, name: str) -> str:
        if name.endswith("/"):  # the name of a scope that was entered just for this operation
            return name[:-1]
        if not _NAME.match(name):
            raise InvalidArgumentError(f"'{name}' is not a valid scope name")
        return self.unique_name(name)

    @contextlib.contextmanager
    def name_scope(self, name: str | None) -> Iterator[str]:
        """Operations made inside are called "name/..."; a name that ends with "/" is taken as it
        is.
        """
        outer = self._scope
        if not name:
            scope = ""
        elif name.endswith("/"):
            scope = name[:-1]
        else:
            scope = self._take_name(name)
        self._scope = scope
        try:
            yield f"{scope}/" if scope else ""
        finally:
            self._scope = outer

    @property
    def current_scope(self) -> str:
        """The name scope that is open, without a last "/"."""
        return self._scope

    # Making operations --------------------------------------------------------------------------

    def add(
        self,
        function: Callable[..., Any],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        name: str,
        kind: str | None = None,
        results: Any = None,
        writes: Sequence[Any] = (),
        reads: Sequence[Any] | None = None,
    ) -> Any:
        """Keep a call for later; returns the tensors of its results, nested as they will be.

        Args:
            function: what a session calls.
            args, kwargs: its arguments, tensors among them, nested as you like.
            name: of the operation, made unique.
            kind: its type; the default is the name.
            results: what has shape and dtype for each result, if a trial cannot find them out; ()
                if there is none, and then the operation is returned.
            writes, reads: see `Operation`.
        """
        if self.finalized:
            raise InvalidArgumentError("Graph is finalized and cannot be modified.")
        full = self._take_name(name)
        operation = Operation(
            self,
            kind or name.rstrip("/").rpartition("/")[2],
            full,
            function,
            args,
            kwargs or {},
            after=self._dependencies,
            writes=writes,
            reads=reads,
        )
        graph_of(operation.inputs)  # refuses tensors of different graphs
        operation.place = _users_line()
        returns: Any = Leaf(0)
        if results is None:
            returns, results = results_of(function, operation.structure, operation.inputs)
        elif hasattr(results, "dtype"):
            results = [results]
        elif len(results) != 1:
            returns = [Leaf(number) for number in range(len(results))]
        operation.returns = returns
        outputs = [
            GraphTensor(self, r.shape, r.dtype, operation=operation, index=i, name=f"{full}:{i}")
            for i, r in enumerate(results)
        ]
        for tensor in outputs:
            self._tensors[tensor.name] = tensor
        # An operation without results has one that nobody sees, by which it is asked for.
        done = GraphTensor(self, (), dtypes.bool, operation=operation, name=f"^{full}")
        operation.outputs = tuple(outputs or [done])
        self.operations.append(operation)
        self._by_name[full] = operation
        return rebuild(returns, outputs) if outputs else operation

    def placeholder(self, dtype: Any, shape: Any, name: str) -> GraphTensor:
        """A tensor that every run has to be given."""
        full = self._take_name(name)
        operation = Operation(self, "Placeholder", full, None, (), {})
        tensor = GraphTensor(self, shape, dtype, name=f"{full}:0")
        tensor.made_by = operation
        self.register(operation, tensor)
        return tensor

    def register(self, operation: Operation, tensor: GraphTensor) -> None:
        """Know a source, a placeholder or a variable, by its name."""
        operation.place = _users_line()
        operation.outputs = (tensor,)
        self.operations.append(operation)
        self._by_name[operation.name] = operation
        self._tensors[tensor.name] = tensor

    def apply(self, op: Any, inputs: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
        """Keep an operation of tensorcore that met one of the graph's tensors."""
        name = OPERATOR_NAMES.get(op.name, op.name)
        operands = list(inputs)
        if op.promote:
            positions = range(len(operands)) if op.variadic else op.promote
            operands = self._of_one_dtype(op, operands, positions)
            if op.name == "divide" and dtypes.is_integer(_dtype_of(operands)):
                operands = [self._cast(value, dtypes.float64) for value in operands]
        return self.add(op, op.grouped(operands), attrs, name=name)

    def _of_one_dtype(self, op: Any, operands: list[Any], positions: Any) -> list[Any]:
        """The operands, other values than tensors brought to the tensors' dtype, as TensorFlow
        does.
        """
        wanted = _dtype_of(operands)
        for position in positions:
            value = operands[position]
            if not isinstance(value, Tensor) and not hasattr(value, "__tensor__"):
                operands[position] = converted(value, wanted)
            elif value.dtype != wanted:
                raise DTypeError(
                    f"Input 'y' of '{OPERATOR_NAMES.get(op.name, op.name)}' Op has type "
                    f"{value.dtype.name} that does not match type {wanted.name} of argument 'x'. "
                    f"Convert one of them, for example with tf.cast(x, tf.{wanted.name})"
                )
        return operands

    def _cast(self, value: Any, dtype: np.dtype) -> Any:
        if isinstance(value, NUMBERS):
            return value
        return self.add(_cast, (value, dtype), name="Cast", results=Spec(_shape_of(value), dtype))

    def index(self, tensor: GraphTensor, index: Any) -> Any:
        """`tensor[index]`."""
        parts = index if isinstance(index, tuple) else (index,)
        parts = tuple(Cut(p.start, p.stop, p.step) if isinstance(p, slice) else p for p in parts)
        return self.add(_take, (tensor, parts), name="strided_slice", kind="StridedSlice")

    @contextlib.contextmanager
    def control_dependencies(self, inputs: Sequence[Any] | None) -> Iterator[None]:
        """Operations made inside run after these."""
        outer = self._dependencies
        if inputs is None:
            self._dependencies = ()
        else:
            needed = [self.as_operation(value) for value in inputs]
            self._dependencies = (*outer, *(op for op in needed if op.function is not None))
        try:
            yield
        finally:
            self._dependencies = outer

    # Finding --------------------------------------------------------------------------------------

    def as_operation(self, value: Any) -> Operation:
        """The operation that a tensor, a variable, a name or an operation stands for."""
        found = self.as_graph_element(value)
        return found if isinstance(found, Operation) else found.op

    def as_graph_element(
        self, value: Any, allow_tensor: bool = True, allow_operation: bool = True
    ) -> Any:
        """The tensor or operation that `value`, which may be a name, stands for.

        Raises:
            NotInGraphError: it is of another graph, or there is none of that name.
        """
        if isinstance(value, str):
            return self._named(value, allow_tensor, allow_operation)
        allowed = isinstance(value, GraphTensor) and allow_tensor
        if not (allowed or (isinstance(value, Operation) and allow_operation)):
            kinds = [("Tensor", allow_tensor), ("Operation", allow_operation)]
            wanted = " or ".join(word for word, is_wanted in kinds if is_wanted)
            raise DTypeError(f"Can not convert a {type(value).__name__} into a {wanted}.")
        if value.graph is not self:
            what = "Operation" if isinstance(value, Operation) else "Tensor"
            raise NotInGraphError(f"{what} {value} is not an element of this graph.")
        return value

    def _named(self, name: str, allow_tensor: bool, allow_operation: bool) -> Any:
        if ":" in name and allow_tensor:
            if name in self._tensors:
                return self._tensors[name]
            operation = name.partition(":")[0]
            refers = f"The name '{name}' refers to a Tensor which does not exist. The operation, "
            if operation in self._by_name:
                count = len(self._by_name[operation].outputs)
                raise NotInGraphError(
                    f"{refers}'{operation}', exists but only has {count} outputs."
                )
            raise NotInGraphError(f"{refers}'{operation}', does not exist in the graph.")
        if not allow_operation:
            raise NotInGraphError(
                f"The name '{name}' looks like an (invalid) Operation name, not a Tensor. Tensor "
                'names must be of the form "<op_name>:<output_index>".'
            )
        if name not in self._by_name:
            raise NotInGraphError(f"The name '{name}' refers to an Operation not in the graph.")
        return self._by_name[name]

    def get_tensor_by_name(self, name: str) -> Any:
        """The tensor called "operation:number"."""
        return self.as_graph_element(name, allow_operation=False)

    def get_operation_by_name(self, name: str) -> Operation:
        """The operation of this name."""
        return self.as_graph_element(name, allow_tensor=False)

    def get_operations(self) -> list[Operation]:
        """All operations, in the order of the program."""
        return list(self.operations)

    # Collections and the rest ---------------------------------------------------------------------

    def add_to_collection(self, name: str, value: Any) -> None:
        """Put a value on the list of this name."""
        self.collections.setdefault(name, []).append(value)

    def add_to_collections(self, names: Any, value: Any) -> None:
        """Put a value on several lists."""
        for name in [names] if isinstance(names, str) else dict.fromkeys(names):
            self.add_to_collection(name, value)

    def get_collection(self, name: str, scope: str | None = None) -> list[Any]:
        """What is on the list; only values whose names match `scope`, if one is given."""
        values = self.collections.get(name, [])
        if scope is None:
            return list(values)
        return [value for value in values if re.match(scope, getattr(value, "name", ""))]

    def get_collection_ref(self, name: str) -> list[Any]:
        """The list itself."""
        return self.collections.setdefault(name, [])

    def clear_collection(self, name: str) -> None:
        """Forget a list."""
        self.collections.pop(name, None)

    def get_all_collection_keys(self) -> list[str]:
        """The names of all lists."""
        return list(self.collections)

    def finalize(self) -> None:
        """Refuse further operations."""
        self.finalized = True

    @contextlib.contextmanager
    def as_default(self) -> Iterator[Graph]:
        """New operations go to this graph."""
        _default.stack.append(self)
        try:
            yield self
        finally:
            _default.stack.remove(self)

    @contextlib.contextmanager
    def device(self, name: Any) -> Iterator[None]:
        """Accepted for the sake of the program: a session computes on one device."""
        yield


class _Default(threading.local):
    def __init__(self) -> None:
        self.stack: list[Graph] = []
        self.bottom = Graph()


_default = _Default()


def default_graph() -> Graph:
    """The graph to which new operations go."""
    return _default.stack[-1] if _default.stack else _default.bottom


def reset_default_graph() -> None:
    """Start with an empty default graph."""
    if _default.stack:
        raise InvalidArgumentError(
            "Do not use tf.reset_default_graph() to clear nested graphs. If you need a cleared "
            "graph, exit the nesting and create a new graph."
        )
    _default.bottom = Graph()


def graph_of(*values: Any) -> Graph:
    """The graph of the tensors among values, nested ones too; without any the default graph."""
    first = None
    for value in _tensors_in(values):
        if first is None:
            first = value
        elif value.graph is not first.graph:
            raise InvalidArgumentError(
                f"{first} must be from the same graph as {value} (graphs are {first.graph} and "
                f"{value.graph})."
            )
    return default_graph() if first is None else first.graph


def _tensors_in(values: Any) -> Iterator[Any]:
    for value in values.values() if isinstance(values, dict) else values:
        if isinstance(value, GraphTensor):
            yield value
        elif isinstance(value, (list, tuple, dict)):
            yield from _tensors_in(value)


def converted(value: Any, dtype: np.dtype) -> Any:
    """A Python value or an array in the dtype of the tensor that it meets."""
    number = value.item() if isinstance(value, np.ndarray) and not value.ndim else value
    if type(number) in NUMBERS:
        kind = {bool: "bool", int: "integer", float: "float", complex: "complex"}[type(number)]
        fits = {
            "bool": ("bool",),
            "integer": ("integer",),
            "float": ("integer", "float"),
            "complex": ("integer", "float", "complex"),
        }
        if kind not in fits[dtypes.KIND[dtype]]:
            raise DTypeError(
                f"Expected {dtype.name}, but got {number!r} of type '{type(number).__name__}'. "
                f"Convert the tensor, for example with tf.cast(x, tf.float32)"
            )
        return number
    return as_tensor(value, dtype=dtype)


def _dtype_of(operands: Sequence[Any]) -> np.dtype:
    return next(value.dtype for value in operands if isinstance(value, GraphTensor))


def _shape_of(value: Any) -> Any:
    return value.static_shape.sizes if isinstance(value, GraphTensor) else value.shape


def _cast(value: Any, dtype: np.dtype) -> Any:
    return as_tensor(value, dtype=dtype)


def _take(tensor: Any, parts: tuple[Any, ...]) -> Any:
    tensor = as_tensor(tensor)
    return tensor[tuple(slice(*p) if isinstance(p, Cut) else p for p in parts)]


def _users_line() -> tuple[str, int]:
    """(file, line) of the program that is building the graph."""
    frame: Any = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HOME):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno
