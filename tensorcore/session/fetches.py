"""What a session is asked for and given: fetches, nested as the program likes, and feeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tensorcore.errors import (
    ArgumentTypeError,
    DTypeError,
    InvalidArgumentError,
    NotInGraphError,
    ShapeError,
)
from tensorcore.session.graph import Graph
from tensorcore.session.shapes import TensorShape
from tensorcore.session.tensors import STRING, GraphTensor, Operation
from tensorcore.tensor import uneven_rows


def gather(graph: Graph, fetch: Any, found: list[Any]) -> Any:
    """Put the tensors that a fetch asks for on the list; returns how to build its answer, for
    `answer`.
    """
    if isinstance(fetch, GraphTensor) and fetch.graph is graph:
        found.append(fetch)
        return len(found) - 1
    if isinstance(fetch, (list, tuple)):
        parts = [gather(graph, part, found) for part in fetch]
        return type(fetch)(*parts) if hasattr(fetch, "_fields") else type(fetch)(parts)
    if isinstance(fetch, Mapping):
        return {key: gather(graph, part, found) for key, part in fetch.items()}
    element = _element(graph, fetch)
    if isinstance(element, GraphTensor):
        found.append(element)
        return len(found) - 1
    if element.function is not None:  # the operation of a placeholder or a variable does nothing
        found.append(element.outputs[0])
    return None


def _element(graph: Graph, fetch: Any) -> Any:
    if fetch is None:
        raise ArgumentTypeError(
            'Argument `fetch` = None has invalid type "NoneType". Cannot be None'
        )
    try:
        return graph.as_graph_element(fetch)
    except NotInGraphError as problem:
        raise InvalidArgumentError(
            f"Argument `fetch` = {fetch} cannot be interpreted as a Tensor. ({problem})"
        ) from None
    except DTypeError as problem:
        raise ArgumentTypeError(
            f'Argument `fetch` = {fetch} has invalid type "{type(fetch).__name__}" must be a '
            f"string or Tensor. ({problem})"
        ) from None


def answer(structure: Any, values: list[Any]) -> Any:
    """The values in the structure of the fetch; None for operations."""
    if isinstance(structure, int):
        return values[structure]
    if isinstance(structure, (list, tuple)):
        parts = [answer(part, values) for part in structure]
        return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)
    if isinstance(structure, dict):
        return {key: answer(part, values) for key, part in structure.items()}
    return None


def feeds_of(graph: Graph, feed_dict: Any) -> dict[GraphTensor, np.ndarray]:
    """The arrays to feed by tensor, in the tensors' dtypes and of shapes that fit."""
    if feed_dict is None:
        return {}
    if not isinstance(feed_dict, Mapping):
        raise ArgumentTypeError(
            "feed_dict must be a dictionary of tensor -> value, received "
            f"{type(feed_dict).__name__}; several fetches go into one list: sess.run([a, b])"
        )
    feeds: dict[GraphTensor, np.ndarray] = {}
    for key, value in feed_dict.items():
        for tensor, part in _pairs(key, value):
            symbol = _fed_tensor(graph, tensor)
            feeds[symbol] = feed_value(symbol, part)
    return feeds


def _pairs(key: Any, value: Any) -> Any:
    """A key may be a tuple of tensors, such as the state of a recurrent cell."""
    if not isinstance(key, (list, tuple)):
        return [(key, value)]
    pairs = []
    for inner, part in zip(key, value, strict=True):
        pairs.extend(_pairs(inner, part))
    return pairs


def _fed_tensor(graph: Graph, key: Any) -> GraphTensor:
    try:
        return graph.as_graph_element(key, allow_operation=False)
    except (NotInGraphError, DTypeError) as problem:
        raise ArgumentTypeError(f"Cannot interpret feed_dict key as Tensor: {problem}") from None


def feed_value(tensor: GraphTensor, value: Any) -> np.ndarray:
    """A value to feed as an array of the tensor's dtype.

    Raises:
        ArgumentTypeError: a tensor of the graph cannot be fed.
        InvalidArgumentError: it cannot be converted.
        ShapeError: it is of another shape than the tensor can have.
    """
    if isinstance(value, (GraphTensor, Operation)):
        raise ArgumentTypeError(
            "The value of a feed cannot be a tf.Tensor object. Acceptable feed values include "
            "Python scalars, strings, lists, numpy ndarrays, or TensorHandles. For reference, the "
            f"tensor object was {value} which was passed to the argument `feed_dict` with key "
            f"{tensor}."
        )
    try:
        array = np.asarray(value, tensor.dtype)
    except (ValueError, TypeError) as problem:
        words = uneven_rows(value) if isinstance(value, (list, tuple)) else None
        if words is not None:
            raise ShapeError(
                f"Cannot feed rows of different lengths for Tensor {tensor.name}, which has shape "
                f"{tensor.static_shape}: {words}. Pad the short ones."
            ) from None
        raise InvalidArgumentError(
            f"Cannot feed a value of type {type(value).__name__} for Tensor {tensor.name}, which "
            f"has dtype {tensor.dtype_name}: {problem}"
        ) from None
    if tensor.dtype == STRING:
        return array
    known = tensor.static_shape.sizes
    if known is not None and array.shape != known and not _fits(array.shape, known):
        raise ShapeError(
            f"Cannot feed value of shape {TensorShape(array.shape)} for Tensor {tensor.name}, "
            f"which has shape {tensor.static_shape}. Give it another shape, for example with "
            f"np.reshape(values, {_reshape_hint(known)})"
        )
    if isinstance(value, int) and tensor.dtype.kind in "iu" and int(array) != value:
        raise ArgumentTypeError(
            f"Type of feed value {value} with type {type(value)} is not compatible with Tensor "
            f"type {tensor.dtype_name}. Try explicitly setting the type of the feed tensor to a "
            "larger type (e.g. int64)."
        )
    return array


def _reshape_hint(sizes: tuple[int | None, ...]) -> str:
    """The shape to reshape values to: one unknown size is found by NumPy."""
    if list(sizes).count(None) > 1:
        return "shape"
    return str(tuple(-1 if size is None else size for size in sizes))


def _fits(shape: tuple[int, ...], known: tuple[int | None, ...]) -> bool:
    return len(shape) == len(known) and all(
        size is None or size == given for given, size in zip(shape, known, strict=True)
    )
