"""Tensors and operations of a named graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorcore.device import default_device
from tensorcore.errors import InvalidArgumentError, TracingError
from tensorcore.graph.deferred import Node, leaves
from tensorcore.graph.symbol import NoData, OpenSymbol
from tensorcore.session.shapes import TensorShape
from tensorcore.variable import Variable

if TYPE_CHECKING:
    from tensorcore.session.graph import Graph

STRING = np.dtype(object)  # the dtype of text, which only constants and placeholders have


class Operation(Node):
    """A named call of a graph, which a session makes when something needs it.

    Attributes:
        graph: where it belongs.
        type: what kind of operation it is, such as "MatMul".
        writes: the variables that it changes.
        reads: those of its variables whose values it needs.
        place: (file, line) of the program that made it.
    """

    __slots__ = ("graph", "place", "reads", "type", "writes")

    def __init__(
        self,
        graph: Graph,
        kind: str,
        name: str,
        function: Any,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        *,
        after: Iterable[Node] = (),
        writes: Sequence[Any] = (),
        reads: Sequence[Any] | None = None,
    ) -> None:
        super().__init__(function, args, kwargs, after)
        self.graph = graph
        self.type = kind
        self.name: str = name
        self.place = ("", 0)
        self.writes = tuple(writes)
        variables = [value for value in self.inputs if getattr(value, "is_variable", False)]
        self.reads = tuple(variables if reads is None else reads)

    def run(self, feed_dict: Any = None, session: Any = None) -> None:
        """Make the call in a session, the one of the `with` block if none is given."""
        from tensorcore.session.session import session_for

        session_for(session, "operation", "run").run(self, feed_dict)

    def compute(self, values: dict[Any, Any]) -> None:
        try:
            args, kwargs = self.arguments(lambda tensor: self._value(tensor, values))
            found = leaves(self.function(*args, **kwargs))
            for symbol, value in zip(self.outputs, found, strict=True):
                values.setdefault(symbol, value)
        except Exception as error:
            file, line = self.place
            error.add_note(f"in the operation '{self.name}', made at {file}, line {line}")
            raise

    def _value(self, tensor: Any, values: dict[Any, Any]) -> Any:
        """What the function is called with: of variables their values now, but for those that it
        changes.
        """
        value = values[tensor] if isinstance(tensor, OpenSymbol) else tensor
        is_read = isinstance(value, Variable) and not any(tensor is x for x in self.writes)
        return value.value if is_read else value

    def __repr__(self) -> str:
        return f"<tf.Operation '{self.name}' type={self.type}>"


class GraphTensor(OpenSymbol):
    """A tensor of a named graph: what an operation will give, or a placeholder.

    Its shape may have unknown sizes, or be unknown altogether.
    """

    __slots__ = ("graph", "made_by", "static_shape")
    is_variable = False
    graph: Any
    name: str

    def __init__(
        self,
        graph: Graph,
        shape: Any,
        dtype: np.dtype,
        *,
        operation: Operation | None = None,
        index: int = 0,
        name: str = "",
    ) -> None:
        self.static_shape = TensorShape(shape)
        spec = NoData(self.static_shape.sizes or (), dtype)
        super().__init__(spec, default_device(), node=operation, index=index, name=name)
        self.graph = graph
        self.made_by = operation

    @property
    def op(self) -> Any:
        """The operation that gives the tensor."""
        return self.made_by

    @property
    def shape(self) -> Any:
        return self.static_shape

    def get_shape(self) -> TensorShape:
        """What is known of the shape."""
        return self.static_shape

    def set_shape(self, shape: Any) -> None:
        """Say more about the shape than the graph knows."""
        given = TensorShape(shape)
        if not self.static_shape.is_compatible_with(given):
            raise InvalidArgumentError(
                f"Tensor {self.name!r} has shape {self.static_shape}, which cannot become {given}"
            )
        if self.static_shape.sizes is not None and given.sizes is not None:
            pairs = zip(self.static_shape.sizes, given.sizes, strict=True)
            given = TensorShape([b if a is None else a for a, b in pairs])
        self.static_shape = given
        self.data = NoData(given.sizes or (), self.dtype)

    def consumers(self) -> list[Operation]:
        """The operations that take the tensor."""
        return [op for op in self.graph.operations if any(x is self for x in op.inputs)]

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        """The value in a session, the one of the `with` block if none is given."""
        from tensorcore.session.session import session_for

        return session_for(session, "tensor", "eval").run(self, feed_dict)

    def defer(self, op: Any, inputs: Any, attrs: Any) -> Any:
        """Called by the door: an operator or an operation met this tensor."""
        return self.graph.apply(op, inputs, attrs)

    @property
    def assign(self) -> Any:
        raise AttributeError(
            f"'Tensor' object has no attribute 'assign': {self.name!r} is no variable, and only "
            f"variables can be changed. Make it with tf.Variable(...) in place of tf.constant"
        )

    assign_add = assign_sub = assign

    def __getitem__(self, index: Any) -> Any:
        return self.graph.index(self, index)

    def __eq__(self, other: Any) -> bool:  # type: ignore[override]
        return self is other  # as TensorFlow 1 has it; tf.equal compares values

    def __ne__(self, other: Any) -> bool:  # type: ignore[override]
        return self is not other

    def __hash__(self) -> int:
        return id(self)

    def _refuse(self, what: str) -> TracingError:
        return TracingError(
            f'{what}: "{self.name}" is a tensor of a graph and has no value by itself. '
            f"Run it in a session: with tf.Session() as sess: print(sess.run(x))"
        )

    def __bool__(self) -> bool:
        raise self._refuse("a Python condition (use tf.cond)")

    def __iter__(self) -> Any:
        raise self._refuse("iteration (use tf.unstack)")

    def __len__(self) -> int:
        raise self._refuse("len() (use x.get_shape() or tf.shape(x))")

    def __repr__(self) -> str:
        return f"<tf.Tensor '{self.name}' shape={self.static_shape} dtype={self.dtype_name}>"

    @property
    def dtype_name(self) -> str:
        """The dtype as TensorFlow calls it."""
        return "string" if self.dtype == STRING else self.dtype.name

    def __str__(self) -> str:
        known = f" shape={self.static_shape}," if self.static_shape.sizes is not None else ""
        return f'Tensor("{self.name}",{known} dtype={self.dtype_name})'

    def __format__(self, how: str) -> str:
        return format(str(self), how)
