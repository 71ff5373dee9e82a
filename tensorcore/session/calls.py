"""Functions of values made into functions that put an operation into the graph."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorcore.errors import DTypeError
from tensorcore.session.graph import converted, graph_of
from tensorcore.session.names import tf_dtype
from tensorcore.session.tensors import STRING, GraphTensor
from tensorcore.session.variables import GraphVariable, constant
from tensorcore.tensor import as_tensor


def as_graph_tensor(value: Any, dtype: Any = None, name: str = "Const") -> Any:
    """A tensor of the graph, a constant if `value` is none yet."""
    kind = None if dtype is None else tf_dtype(dtype)
    if isinstance(value, GraphTensor):
        if kind is not None and value.dtype != kind:
            raise DTypeError(
                f"Tensor conversion requested dtype {kind.name} for Tensor with dtype "
                f"{value.dtype_name}: {value}; convert it with tf.cast"
            )
        return value
    if isinstance(value, (list, tuple)) and _has_graph_tensor(value):
        return graph_of(value).add(_packed, (list(value), kind), name="packed", kind="Pack")
    return constant(value, kind, name)


def _has_graph_tensor(values: Any) -> bool:
    if isinstance(values, (list, tuple)):
        return any(map(_has_graph_tensor, values))
    return isinstance(values, GraphTensor)


def _packed(values: list[Any], dtype: Any) -> Any:
    from tensorcore.ops.joining import stack

    return stack(
        [_packed(v, dtype) if isinstance(v, list) else as_tensor(v, dtype=dtype) for v in values]
    )


def operation(kind: str, name: str | None = None) -> Callable[[Callable[..., Any]], Any]:
    """Decorates a function of values: called with tensors of the graph, it is kept for later.

    Args:
        kind: the operation's type.
        name: what it is called unless the call says so; the kind if None.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            said = kwargs.pop("name", None)
            graph = graph_of(args, kwargs)
            return graph.add(function, args, kwargs, name=said or name or kind, kind=kind)

        return call

    return decorate


def unary(op: Any, kind: str) -> Any:
    """An operation of tensorcore with one input, under TensorFlow's name."""

    def call(x: Any, name: str | None = None) -> Any:
        tensor = as_graph_tensor(x, name="x")
        return tensor.graph.add(op, (tensor,), name=name or kind, kind=kind)

    return _documented(call, op, kind)


def binary(op: Any, kind: str) -> Any:
    """An operation of tensorcore with two inputs that must be of one dtype."""

    def call(x: Any, y: Any, name: str | None = None) -> Any:
        x, y = same_dtype(x, y, kind)
        return graph_of([x, y]).add(op, (x, y), name=name or kind, kind=kind)

    return _documented(call, op, kind)


def same_dtype(x: Any, y: Any, kind: str) -> tuple[Any, Any]:
    """Two operands as TensorFlow takes them: values take the dtype of the tensor they meet."""
    if not isinstance(x, GraphTensor) and not isinstance(y, GraphTensor):
        x = as_graph_tensor(x, name="x")
    if not isinstance(x, GraphTensor):
        x = _value(x, y)
    elif not isinstance(y, GraphTensor):
        y = _value(y, x)
    if x.dtype != y.dtype:
        raise DTypeError(
            f"Input 'y' of '{kind}' Op has type {y.dtype.name} that does not match type "
            f"{x.dtype.name} of argument 'x'. Convert one of them, for example with tf.cast(x, "
            f"tf.{x.dtype.name})"
        )
    return x, y


def _value(value: Any, tensor: GraphTensor) -> Any:
    if isinstance(value, (list, tuple)) and _has_graph_tensor(value):
        return as_graph_tensor(value)
    found = converted(value, tensor.dtype)
    return as_tensor(found, dtype=tensor.dtype, device=tensor.device)


def _documented(call: Any, op: Any, kind: str) -> Any:
    call.__name__ = call.__qualname__ = kind.lower()
    call.__doc__ = getattr(op, "__doc__", None)
    return call


def text_constant(value: Any, name: str, shape: Any) -> GraphTensor:
    """A constant of text, which sessions hand out as bytes."""

    def encoded(part: Any) -> Any:
        if isinstance(part, (list, tuple)):
            return [encoded(inner) for inner in part]
        return part.encode() if isinstance(part, str) else part

    from tensorcore.ops.record import Spec
    from tensorcore.session.graph import default_graph

    held = encoded(value)
    sizes = np.shape(np.array(held, object))
    result = np.array(held, object) if sizes else held
    return default_graph().add(lambda: result, name=name, kind="Const", results=Spec(sizes, STRING))


__all__ = [
    "GraphVariable",
    "as_graph_tensor",
    "binary",
    "operation",
    "same_dtype",
    "text_constant",
    "unary",
]
