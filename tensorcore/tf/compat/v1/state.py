"""Variables, collections and scopes of the default graph."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from tensorcore.errors import InvalidArgumentError
from tensorcore.ops.record import Spec
from tensorcore.session.graph import default_graph, graph_of
from tensorcore.session.groups import (
    global_variables,
    global_variables_initializer,
    variables_initializer,
)
from tensorcore.session.tensors import STRING
from tensorcore.session.variables import LOCAL_VARIABLES, TRAINABLE_VARIABLES, GraphVariable


class Variable(GraphVariable):
    """A value that a session keeps from run to run, see `GraphVariable`."""

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool = True,
        collections: Any = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        expected_shape: Any = None,
        import_scope: Any = None,
        constraint: Any = None,
        **ignored: Any,
    ) -> None:
        if initial_value is None:
            raise InvalidArgumentError("initial_value must be specified.")
        super().__init__(
            initial_value, trainable, collections, name=name, dtype=dtype, constraint=constraint
        )


def assign(
    ref: Any,
    value: Any,
    validate_shape: Any = None,
    use_locking: Any = None,
    name: str | None = None,
) -> Any:
    """The variable after `value` was written into it."""
    return ref.assign(value, name=name)


def assign_add(ref: Any, value: Any, use_locking: Any = None, name: str | None = None) -> Any:
    """The variable after `value` was added."""
    return ref.assign_add(value, name=name)


def assign_sub(ref: Any, value: Any, use_locking: Any = None, name: str | None = None) -> Any:
    """The variable after `value` was subtracted."""
    return ref.assign_sub(value, name=name)


def trainable_variables(scope: str | None = None) -> list[Any]:
    """The variables that optimizers change."""
    return default_graph().get_collection(TRAINABLE_VARIABLES, scope)


def local_variables(scope: str | None = None) -> list[Any]:
    """Variables that are not saved."""
    return default_graph().get_collection(LOCAL_VARIABLES, scope)


def model_variables(scope: str | None = None) -> list[Any]:
    """Variables on the list of that name."""
    return default_graph().get_collection("model_variables", scope)


all_variables = global_variables
initialize_all_variables = global_variables_initializer
initialize_variables = variables_initializer


def is_variable_initialized(variable: GraphVariable) -> Any:
    """Whether the variable has a value in the session."""

    def ask() -> Any:
        from tensorcore.session.session import current_run
        from tensorcore.tensor import as_tensor

        return as_tensor(current_run().session.is_initialized(variable))

    return variable.graph.add(ask, name="is_initialized", results=Spec((), STRING))


def report_uninitialized_variables(var_list: Any = None, name: str | None = None) -> Any:
    """The names of variables that have no value in the session."""
    import numpy as np

    variables = global_variables() if var_list is None else list(var_list)

    def ask() -> Any:
        from tensorcore.session.session import current_run

        session = current_run().session
        missing = [v for v in variables if not session.is_initialized(v)]
        return np.array([v.name.partition(":")[0].encode() for v in missing], object)

    return default_graph().add(
        ask, name=name or "report_uninitialized_variables", results=Spec((None,), STRING)
    )


# Collections and scopes ---------------------------------------------------------------------------


def add_to_collection(name: str, value: Any) -> None:
    """Put a value on a list of the default graph."""
    default_graph().add_to_collection(name, value)


def get_collection(key: str, scope: str | None = None) -> list[Any]:
    """A list of the default graph."""
    return default_graph().get_collection(key, scope)


def get_collection_ref(key: str) -> list[Any]:
    """A list of the default graph itself."""
    return default_graph().get_collection_ref(key)


@contextlib.contextmanager
def name_scope(name: str | None, default_name: str | None = None, values: Any = None) -> Iterator:
    """Operations made inside are called "name/..."."""
    graph = graph_of(values) if values else default_graph()
    with graph.name_scope(name if name is not None else default_name) as scope:
        yield scope


@contextlib.contextmanager
def op_scope(values: Any, name: str | None, default_name: str | None = None) -> Iterator:
    """The older order of `name_scope`'s arguments."""
    with name_scope(name, default_name, values) as scope:
        yield scope


def control_dependencies(control_inputs: Any) -> Any:
    """Operations made inside run after these."""
    return default_graph().control_dependencies(control_inputs)


def device(device_name_or_function: Any) -> Any:
    """Accepted for the sake of the program: a session computes on one device."""
    return default_graph().device(device_name_or_function)


def set_random_seed(seed: int | None) -> None:
    """Let the random operations of the default graph give the same numbers in every session."""
    default_graph().seed = None if seed is None else int(seed)


# The way programs ask TensorFlow 2 for this world -------------------------------------------------


def disable_v2_behavior() -> None:
    """This is TensorFlow 1's world already."""


disable_eager_execution = disable_resource_variables = disable_v2_behavior
enable_resource_variables = disable_v2_behavior


def executing_eagerly() -> bool:
    """False: operations wait for a session."""
    return False
