"""Layer calls on symbols: one node of an open graph each, as Keras's inbound nodes.

The shapes of the results are found by tracing the layer's `call` for two sizes of every unknown
dimension: what differs is unknown.  Nothing is computed, and no layer has to say its shapes twice.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from tensorcore.errors import MissingAttributeError, TensorcoreError
from tensorcore.graph.deferred import Node, defer, placeholder
from tensorcore.graph.function import flatten, rebuild
from tensorcore.graph.graph import Graph
from tensorcore.graph.symbol import OpenSymbol
from tensorcore.layers.context import context
from tensorcore.layers.structure import leaves, map_structure
from tensorcore.tensor import Tensor

# Sizes that stand for an unknown batch and for other unknown dimensions.  The large ones are for
# layers that need a certain size, such as a convolution without padding.
SIZES = (((2, 5), (3, 7)), ((2, 64), (3, 96)), ((2, 512), (3, 768)))


def call_later(layer: Any, inputs: Any, args: Any, kwargs: Any) -> Any:
    """The open symbols of `layer(inputs, *args, **kwargs)`, as a node that the layer remembers."""
    inputs = map_structure(_as_tensor_of(layer), inputs)
    args = (inputs, *args)
    said = output_spec(layer, args, kwargs) if layer.built else _first_spec(layer, args, kwargs)
    symbol = next(x for x in leaves((list(args), kwargs)) if isinstance(x, OpenSymbol))
    output = defer(layer, args, kwargs, said, symbol.device)
    node = next(leaf.node for leaf in leaves(output))
    layer._inbound_nodes.append(node)
    return output


def _as_tensor_of(layer: Any) -> Callable[[Any], Any]:
    return lambda value: value if isinstance(value, Tensor) else layer._as_input(value)


def _builds_from_one_shape(layer: Any) -> bool:
    return len(inspect.signature(layer.build).parameters) == 1


def _first_spec(layer: Any, args: Any, kwargs: Any) -> Any:
    """Make the weights, and say what the call returns; layers inside are named after this one."""
    before = context.path
    context.path = (*before, layer.name)
    try:
        if _builds_from_one_shape(layer):
            layer._build_for(map_structure(lambda x: tuple(x.shape), args[0]))
        return output_spec(layer, args, kwargs)
    finally:
        context.path = before


def output_spec(layer: Any, args: Any, kwargs: Any) -> Any:
    """What a call returns: shapes and dtypes in the structure of the result.

    A layer may say it itself with a method `compute_output_spec`.
    """
    if hasattr(layer, "compute_output_spec"):
        said = layer.compute_output_spec(*args, **kwargs)
        if said is not None:
            return said
    tensors: list[Any] = []
    structure = flatten((args, kwargs), tensors)
    shapes = [x.shape for x in tensors if isinstance(x, OpenSymbol)]
    if not any(None in shape for shape in shapes):
        return _trace(layer, structure, tensors, (2, 5))
    needs_large = any(None in shape[1:] for shape in shapes)
    for number, (first, second) in enumerate(SIZES):
        try:
            found = _trace(layer, structure, tensors, first)
            return _common(found, _trace(layer, structure, tensors, second))
        except TensorcoreError:
            if not needs_large or number + 1 == len(SIZES):
                raise
    return None  # not reached: the last try returns or raises


def shape_of_output(layer: Any, input_shape: Any) -> Any:
    """The shapes of what a layer returns for inputs of these shapes; its weights are made."""
    inputs = _symbols_of(layer, input_shape)
    said = output_spec(layer, (inputs,), {}) if layer.built else _first_spec(layer, (inputs,), {})
    return map_structure(lambda spec: tuple(spec.shape), said)


def _symbols_of(layer: Any, shape: Any) -> Any:
    """Symbols of shapes that are nested in lists and dicts."""
    if isinstance(shape, dict):
        return {name: _symbols_of(layer, part) for name, part in shape.items()}
    if any(isinstance(part, (list, tuple)) for part in shape):
        return [_symbols_of(layer, part) for part in shape]
    return placeholder(tuple(shape), layer.dtype, device=layer.device)


class _Spec:
    """Shape and dtype as one leaf of a structure."""

    def __init__(self, shape: tuple[Any, ...], dtype: Any) -> None:
        self.shape = shape
        self.dtype = dtype


def _common(first: Any, second: Any) -> Any:
    """The first of two results, with None where their shapes differ."""
    others = iter(list(leaves(second)))

    def meet(spec: Any) -> Any:
        pairs = zip(spec.shape, next(others).shape, strict=True)
        return _Spec(tuple(a if a == b else None for a, b in pairs), spec.dtype)

    return map_structure(meet, first)


def _trace(layer: Any, structure: Any, tensors: list[Any], sizes: tuple[int, int]) -> Any:
    """The shapes and dtypes of a call in which unknown dimensions have these sizes."""
    device = next(x for x in tensors if isinstance(x, OpenSymbol)).device
    collected = {id(part): list(part._losses) for part in layer._flatten_layers()}
    try:
        with Graph() as graph, device:
            symbols = [
                graph.argument(_sized(x.shape, sizes), x.dtype, x.device)
                if isinstance(x, OpenSymbol)
                else x
                for x in tensors
            ]
            args, kwargs = rebuild(structure, symbols)
            result = layer(*args, **kwargs)
    finally:
        for part in layer._flatten_layers():
            part._losses[:] = collected.get(id(part), [])
    return map_structure(lambda x: _Spec(tuple(x.shape), x.dtype), result)


def _sized(shape: tuple[Any, ...], sizes: tuple[int, int]) -> tuple[int, ...]:
    batch, other = sizes
    return tuple(
        size if size is not None else batch if axis == 0 else other
        for axis, size in enumerate(shape)
    )


def first_node(layer: Any, what: str) -> Node:
    """The node of the first call of a layer on symbols, as Keras has it."""
    if layer._inbound_nodes:
        return layer._inbound_nodes[0]
    raise MissingAttributeError(
        f"{layer._who()}.{what}: the layer was never called on a symbolic tensor; call it on "
        "keras.Input(...) or on the output of another layer, or give the model an input shape"
    )


def symbols_in(node: Node) -> Any:
    """The first argument of a call if it holds symbols: what the layer was called on."""
    args, _ = node.arguments()
    return args[0] if args else node.outputs[0]


def result_of(node: Node) -> Any:
    """The symbols that a call returned, in their structure."""
    return rebuild(node.returns, list(node.outputs))


__all__ = ["call_later", "first_node", "output_spec", "result_of", "shape_of_output", "symbols_in"]
