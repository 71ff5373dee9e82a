"""Variables of a named graph: each session has its own value of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorcore.errors import DTypeError, InvalidArgumentError, ShapeError
from tensorcore.ops.record import Spec
from tensorcore.session.graph import Graph, converted, default_graph
from tensorcore.session.names import tf_dtype
from tensorcore.session.tensors import GraphTensor, Operation
from tensorcore.tensor import Tensor, as_tensor

GLOBAL_VARIABLES = "variables"
TRAINABLE_VARIABLES = "trainable_variables"
LOCAL_VARIABLES = "local_variables"


class GraphVariable(GraphTensor):
    """A value that a session keeps from run to run.

    Args:
        initial_value: a tensor, what can be made one, or a function that gives it; its shape has to
            be known.
        trainable: whether optimizers change it.
        collections: where it is listed; the graph's variables if None.
        name: "Variable" if None.
        dtype: convert the initial value.

    It starts with its initial value when `initializer` is run.
    """

    is_variable = True

    def __init__(
        self,
        initial_value: Any,
        trainable: bool = True,
        collections: Sequence[str] | None = None,
        *,
        name: str | None = None,
        dtype: Any = None,
        graph: Graph | None = None,
        constraint: Callable[[Any], Any] | None = None,
    ) -> None:
        graph = graph or default_graph()
        with graph.name_scope(name or "Variable") as scope:
            value = self._initial_tensor(graph, initial_value, dtype)
            if not value.static_shape.is_fully_defined():
                raise InvalidArgumentError(
                    f"initial_value must have a shape specified: {value}. Give the sizes of the "
                    "variable as numbers"
                )
            super().__init__(graph, value.static_shape, value.dtype, name=f"{scope[:-1]}:0")
            self.trainable = trainable
            self.constraint = constraint
            self.initial_value = value
            self.made_by = Operation(graph, "VariableV2", scope[:-1], None, (), {})
            graph.register(self.made_by, self)
            self.initializer = graph.add(
                _assign,
                (self, value),
                name="Assign",
                results=Spec(self.data.shape, self.dtype),
                writes=[self],
                reads=[],
            ).op
        lists = [GLOBAL_VARIABLES] if collections is None else list(collections)
        if trainable and TRAINABLE_VARIABLES not in lists:
            lists.append(TRAINABLE_VARIABLES)
        graph.add_to_collections(lists, self)

    @staticmethod
    def _initial_tensor(graph: Graph, initial_value: Any, dtype: Any) -> GraphTensor:
        value = initial_value() if callable(initial_value) else initial_value
        if isinstance(value, GraphVariable):
            value = value.initialized_value()
        if isinstance(value, GraphTensor):
            if dtype is not None and value.dtype != tf_dtype(dtype):
                raise DTypeError(
                    f"the initial value has dtype {value.dtype_name}, the variable shall have "
                    f"{tf_dtype(dtype).name}; convert it with tf.cast"
                )
            return value
        return constant(value, dtype, "initial_value", graph=graph)

    # Values ---------------------------------------------------------------------------------------

    def assign(  # type: ignore[override]
        self, value: Any, use_locking: Any = None, name: str | None = None, read_value: bool = True
    ) -> Any:
        """The variable after `value` was written into it."""
        return self._write(_assign, value, name or "Assign", reads=[])

    def assign_add(  # type: ignore[override]
        self, delta: Any, use_locking: Any = None, name: str | None = None, read_value: bool = True
    ) -> Any:
        """The variable after `delta` was added."""
        return self._write(_assign_add, delta, name or "AssignAdd")

    def assign_sub(  # type: ignore[override]
        self, delta: Any, use_locking: Any = None, name: str | None = None, read_value: bool = True
    ) -> Any:
        """The variable after `delta` was subtracted."""
        return self._write(_assign_sub, delta, name or "AssignSub")

    def _write(self, how: Any, value: Any, name: str, reads: Any = None) -> Any:
        if not isinstance(value, Tensor):
            value = converted(value, self.dtype)
        given = _static_sizes(value)
        mine = self.static_shape.as_list()
        if isinstance(value, Tensor) and value.dtype != self.dtype:
            raise DTypeError(
                f"Input 'value' of 'Assign' Op has type {value.dtype.name} that does not match "
                f"type {self.dtype.name} of argument 'ref', the variable {self.name!r}"
            )
        if given is not None and not self.static_shape.is_compatible_with(given):
            raise ShapeError(
                f"the variable {self.name!r} has shape {mine} and cannot be assigned a value of "
                f"shape {list(given)}"
            )
        result = self.graph.add(
            how,
            (self, value),
            name=name,
            results=Spec(self.data.shape, self.dtype),
            writes=[self],
            reads=reads,
        )
        return result

    def initialized_value(self) -> GraphTensor:
        """The initial value, for that of another variable."""
        return self.initial_value

    def read_value(self) -> GraphTensor:
        """The value at this place of the program."""
        return self.graph.add(
            _itself,
            (self,),
            name="read",
            kind="Identity",
            results=Spec(self.data.shape, self.dtype),
        )

    value = read_value

    def load(self, value: Any, session: Any = None) -> None:
        """Write a value into the variable in a session."""
        from tensorcore.session.session import session_for

        found = session_for(session, "variable", "load")
        array = np.asarray(value, self.dtype)
        if array.shape != self.data.shape:
            raise ShapeError(
                f"the variable {self.name!r} has shape {self.data.shape} and cannot be assigned a "
                f"value of shape {array.shape}"
            )
        found.load(self, array)

    def __repr__(self) -> str:
        return f"<tf.Variable '{self.name}' shape={self.static_shape} dtype={self.dtype_name}_ref>"

    __str__ = __repr__


def constant(
    value: Any, dtype: Any = None, name: str = "Const", graph: Graph | None = None
) -> GraphTensor:
    """A tensor that is `value` in every run."""
    held = as_tensor(value, dtype=None if dtype is None else tf_dtype(dtype))
    return (graph or default_graph()).add(
        _itself, (held,), name=name, kind="Const", results=Spec(held.shape, held.dtype)
    )


def _static_sizes(value: Any) -> Any:
    if isinstance(value, GraphTensor):
        return value.static_shape.sizes
    return np.shape(value) if not isinstance(value, Tensor) else value.shape


def _itself(value: Any) -> Any:
    return value


def _assign(variable: Any, value: Any) -> Any:
    variable.assign(value)
    return variable.value


def _assign_add(variable: Any, delta: Any) -> Any:
    variable.assign_add(delta)
    return variable.value


def _assign_sub(variable: Any, delta: Any) -> Any:
    variable.assign_sub(delta)
    return variable.value
