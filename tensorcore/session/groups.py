"""Operations that give nothing themselves and make others happen."""

from __future__ import annotations

from typing import Any

from tensorcore.session.graph import default_graph, graph_of
from tensorcore.session.tensors import Operation
from tensorcore.session.variables import GLOBAL_VARIABLES, LOCAL_VARIABLES, GraphVariable


def no_op(name: str | None = None) -> Operation:
    """An operation that does nothing; what it depends on happens when it runs."""
    return default_graph().add(_nothing, name=name or "NoOp", kind="NoOp", results=())


def group(*inputs: Any, name: str | None = None, **ignored: Any) -> Operation:
    """An operation that has run when all of `inputs` have."""
    wanted = [leaf for value in inputs for leaf in _flat(value)]
    graph = wanted[0].graph if wanted else default_graph()
    with graph.control_dependencies(wanted):
        return graph.add(_nothing, name=name or "group_deps", kind="NoOp", results=())


def tuple_of(tensors: Any, name: str | None = None, control_inputs: Any = None) -> list[Any]:
    """The tensors, each given when all of them have been computed."""
    wanted = [value for value in tensors if value is not None]
    graph = graph_of(wanted)
    with graph.control_dependencies([*wanted, *(control_inputs or ())]):
        return [None if value is None else identity(value) for value in tensors]


def identity(value: Any, name: str | None = None) -> Any:
    """The tensor itself, at this place of the program: a variable is read here."""
    from tensorcore.session.variables import constant

    if not hasattr(value, "graph"):
        return constant(value, name=name or "Identity")
    return value.graph.add(_value, (value,), name=name or "Identity")


def variables_initializer(var_list: Any, name: str = "init") -> Operation:
    """The operation that gives variables their initial values."""
    return group(*[variable.initializer for variable in var_list or ()], name=name)


def global_variables_initializer() -> Operation:
    """The operation that gives all variables of the graph their initial values."""
    return variables_initializer(global_variables())


def local_variables_initializer() -> Operation:
    """The same for local variables, which metrics use."""
    return variables_initializer(default_graph().get_collection(LOCAL_VARIABLES))


def global_variables(scope: str | None = None) -> list[GraphVariable]:
    """The variables of the graph."""
    return default_graph().get_collection(GLOBAL_VARIABLES, scope)


def _nothing() -> None:
    return None


def _value(value: Any) -> Any:
    return value


def _flat(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return [leaf for part in value for leaf in _flat(part)]
    return [value]
