"""Variables by name: `get_variable` within `variable_scope`, made once and shared from then on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from tensorcore import dtypes
from tensorcore.errors import InvalidArgumentError
from tensorcore.session.graph import Graph, default_graph
from tensorcore.session.names import tf_dtype
from tensorcore.session.shapes import TensorShape
from tensorcore.session.tensors import GraphTensor
from tensorcore.session.variables import GraphVariable

REGULARIZATION_LOSSES = "regularization_losses"


class _AutoReuse:
    def __repr__(self) -> str:
        return "_ReuseMode.AUTO_REUSE"


AUTO_REUSE = _AutoReuse()


class VariableScope:
    """The prefix of variables' names, whether they are reused, and what they start with."""

    def __init__(
        self,
        name: str = "",
        reuse: Any = False,
        initializer: Any = None,
        regularizer: Any = None,
        dtype: Any = None,
        name_scope: str = "",
    ) -> None:
        self.name = name
        self.reuse = reuse
        self.initializer = initializer
        self.regularizer = regularizer
        self.dtype = dtype
        self.original_name_scope = name_scope

    def reuse_variables(self) -> None:
        """From here on `get_variable` returns variables that exist."""
        self.reuse = True

    def get_variable(self, name: str, *args: Any, **kwargs: Any) -> GraphVariable:
        """The variable of this name in this scope."""
        with _entered(default_graph(), self):
            return get_variable(name, *args, **kwargs)

    def global_variables(self) -> list[Any]:
        """The variables whose names begin with that of the scope."""
        return default_graph().get_collection("variables", self._pattern())

    def trainable_variables(self) -> list[Any]:
        """Those of them that optimizers change."""
        return default_graph().get_collection("trainable_variables", self._pattern())

    def _pattern(self) -> str:
        return f"{self.name}/" if self.name else ""


class _Scopes:
    """What a graph remembers of scopes."""

    def __init__(self) -> None:
        self.stack = [VariableScope()]
        self.counts: dict[str, int] = {}


def _scopes(graph: Graph) -> _Scopes:
    found = graph.collections.get("__variable_scopes")
    if not found:
        found = graph.collections["__variable_scopes"] = [_Scopes()]
    return found[0]


def get_variable_scope() -> VariableScope:
    """The scope that is open."""
    return _scopes(default_graph()).stack[-1]


@contextlib.contextmanager
def _entered(graph: Graph, scope: VariableScope) -> Iterator[VariableScope]:
    stack = _scopes(graph).stack
    stack.append(scope)
    try:
        yield scope
    finally:
        stack.remove(scope)


@contextlib.contextmanager
def variable_scope(
    name_or_scope: Any,
    default_name: str | None = None,
    values: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    custom_getter: Any = None,
    reuse: Any = None,
    dtype: Any = None,
    use_resource: Any = None,
    constraint: Any = None,
    auxiliary_name_scope: bool = True,
) -> Iterator[VariableScope]:
    """Variables that `get_variable` makes inside are called "name/...".

    Args:
        name_or_scope: a name, or a scope that was open before; None for `default_name` made unique.
        initializer, regularizer, dtype: for variables that name none themselves.
        reuse: True to get variables that exist, `AUTO_REUSE` to make them if they do not.
    """
    if partitioner is not None or custom_getter is not None:
        raise InvalidArgumentError(
            "tf.variable_scope: partitioner and custom_getter are not there; leave them out"
        )
    graph = default_graph()
    scopes = _scopes(graph)
    outer = scopes.stack[-1]
    if name_or_scope is None:
        if default_name is None:
            raise InvalidArgumentError("If default_name is None then name_or_scope is required")
        name_or_scope = _unique_scope(scopes, outer, default_name)
    again = isinstance(name_or_scope, VariableScope)
    name = name_or_scope.name if again else _joined(outer.name, name_or_scope)
    base = name_or_scope if again else outer
    scopes.counts[name] = scopes.counts.get(name, 0) + 1
    scope = VariableScope(
        name,
        reuse or outer.reuse or (again and base.reuse),
        initializer or base.initializer,
        regularizer or base.regularizer,
        dtype or base.dtype,
    )
    names = graph.name_scope(name.rpartition("/")[2]) if auxiliary_name_scope and name else None
    with names or contextlib.nullcontext(graph.current_scope) as opened:
        scope.original_name_scope = opened
        with _entered(graph, scope):
            yield scope
    for inner in [key for key in scopes.counts if key.startswith(f"{name}/")]:
        scopes.counts[inner] = 0


def _joined(outer: str, name: str) -> str:
    return f"{outer}/{name}" if outer else name


def _unique_scope(scopes: _Scopes, outer: VariableScope, prefix: str) -> str:
    if not scopes.counts.get(_joined(outer.name, prefix), 0):
        return prefix
    number = 1
    while scopes.counts.get(_joined(outer.name, f"{prefix}_{number}"), 0):
        number += 1
    return f"{prefix}_{number}"


def get_variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool | None = None,
    collections: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: Any = None,
    custom_getter: Any = None,
    constraint: Any = None,
    **others: Any,
) -> GraphVariable:
    """The variable `name` of the open scope: made the first time, shared where the scope says so.

    Args:
        name: its name within the scope.
        shape: its sizes; not needed if `initializer` is a value.
        dtype: float32 if None.
        initializer: a function of a shape and a dtype, or a value; Glorot's uniform if None.
        regularizer: a function of the variable, whose result joins the graph's
            `regularization_losses`.
        trainable: whether optimizers change it.

    Raises:
        InvalidArgumentError: it exists and may not be reused, or the other way round; or it is of
            another shape or dtype.
    """
    graph = default_graph()
    scope = get_variable_scope()
    full = _joined(scope.name, name)
    kind = tf_dtype(dtype or scope.dtype or "float32")
    known = graph.variable_store.get(full)
    if known is not None and not scope.reuse:
        file, line = known.op.place
        raise InvalidArgumentError(
            f"Variable {full} already exists, disallowed. Did you mean to set reuse=True or "
            f"reuse=tf.AUTO_REUSE in VarScope? Originally defined at:\n\n  File "
            f'"{file}", line {line}'
        )
    if known is not None:
        return _checked(known, full, shape, kind if dtype is not None else known.dtype)
    if scope.reuse is True:
        raise InvalidArgumentError(
            f"Variable {full} does not exist, or was not created with tf.get_variable(). Did you "
            "mean to set reuse=tf.AUTO_REUSE in VarScope?"
        )
    value = _start(full, shape, kind, initializer or scope.initializer)
    with graph.name_scope(None):
        variable = GraphVariable(
            value,
            trainable is not False,
            collections,
            name=full,
            dtype=kind if callable(value) else None,
            constraint=constraint,
        )
    graph.variable_store[full] = variable
    regularizer = regularizer or scope.regularizer
    if regularizer is not None:
        with graph.name_scope(f"{full}/Regularizer/"):
            loss = regularizer(variable)
        if loss is not None:
            graph.add_to_collection(REGULARIZATION_LOSSES, loss)
    return variable


def _checked(known: GraphVariable, full: str, shape: Any, dtype: Any) -> GraphVariable:
    if shape is not None and not known.static_shape.is_compatible_with(shape):
        raise InvalidArgumentError(
            f"Trying to share variable {full}, but specified shape {TensorShape(shape)} and found "
            f"shape {known.static_shape}."
        )
    if dtype != known.dtype:
        raise InvalidArgumentError(
            f"Trying to share variable {full}, but specified dtype {dtype.name} and found dtype "
            f"{known.dtype.name}_ref."
        )
    return known


def _start(full: str, shape: Any, dtype: Any, initializer: Any) -> Any:
    """The initial value, or a function that gives it."""
    if initializer is not None and not callable(initializer):
        if shape is not None and not TensorShape(shape).is_compatible_with(_shape_of(initializer)):
            raise InvalidArgumentError("If initializer is a constant, do not specify shape.")
        return initializer
    if isinstance(initializer, type):
        initializer = initializer()
    if shape is None or not TensorShape(shape).is_fully_defined():
        if shape is None:
            raise InvalidArgumentError(
                f"Variable {full} did not get an initializer, so its `shape` argument must be "
                "specified."
            )
        raise InvalidArgumentError(
            f"Shape of a new variable ({full}) must be fully defined, but instead was "
            f"{TensorShape(shape)}."
        )
    sizes = TensorShape(shape).as_list()
    if initializer is None:
        from tensorcore.session.initializers import glorot_uniform, zeros

        initializer = glorot_uniform() if dtypes.is_float(dtype) else zeros()
    return lambda: initializer(sizes, dtype=dtype)


def _shape_of(value: Any) -> Any:
    if isinstance(value, GraphTensor):
        return value.static_shape
    import numpy as np

    return np.shape(value)
