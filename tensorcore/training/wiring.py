"""How the layers of a functional model are connected, as JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorcore.graph.deferred import Node
from tensorcore.graph.symbol import OpenSymbol
from tensorcore.layers.base import Layer
from tensorcore.layers.inputs import InputLayer
from tensorcore.layers.structure import map_structure
from tensorcore.saving.objects import deserialize_keras_object, serialize_keras_object
from tensorcore.saving.refusals import damaged
from tensorcore.saving.registry import CustomObjectScope
from tensorcore.training import operations
from tensorcore.training.network import Network

KERAS_TENSOR = "__keras_tensor__"


def describe(model: Any, keep_layers: bool = False) -> dict[str, Any]:
    """The configuration of a functional model, in Keras 3's form.

    Args:
        keep_layers: put the layers themselves into it instead of their descriptions, for copies.
    """
    network: Network = model._network
    layers = []
    for operation in network.operations:
        entry, calls = _operation(network, operation, keep_layers)
        entry["name"] = operation.name
        entry["inbound_nodes"] = calls
        layers.append(entry)

    def place(symbol: Any) -> list[Any]:
        operation, call, index = network.place_of(symbol)
        return [operation.name, call + _built_in_calls(operation), index]

    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": layers,
        "input_layers": map_structure(place, model._inputs_struct),
        "output_layers": map_structure(place, model._outputs_struct),
    }


def _built_in_calls(operation: Any) -> int:
    """Functional models count a call from the start: that from their inputs to their outputs."""
    return 1 if hasattr(operation, "_network") else 0


def _operation(network: Network, operation: Any, keep: bool) -> tuple[dict[str, Any], list[Any]]:
    if isinstance(operation, Node):
        if keep:
            args, kwargs = operation.arguments()
            called: Any = {"operation": operation.function}
        else:
            called, args, kwargs = operations.describe(operation)
        return called, [_call(network, args, kwargs, keep)]
    entry = {"operation": operation} if keep else serialize_keras_object(operation)
    if isinstance(operation, InputLayer):
        return entry, []
    calls = []
    for node in network.calls_of(operation):
        args, kwargs = node.arguments()
        calls.append(_call(network, args, kwargs, keep))
    return entry, calls


def _call(network: Network, args: Any, kwargs: Any, keep: bool) -> dict[str, Any]:
    def value(leaf: Any) -> Any:
        if isinstance(leaf, OpenSymbol):
            operation, call, index = network.place_of(leaf)
            history = [operation.name, call + _built_in_calls(operation), index]
            config = {"shape": leaf.shape, "dtype": leaf.dtype.name, "keras_history": history}
            return {"class_name": KERAS_TENSOR, "config": config}
        return leaf if keep else serialize_keras_object(leaf)

    return {"args": map_structure(value, list(args)), "kwargs": map_structure(value, kwargs)}


# Reading ------------------------------------------------------------------------------------------


def connect(config: Mapping[str, Any], custom_objects: Any = None) -> tuple[dict, Any, Any]:
    """Make the layers of a configuration and call them on each other.

    Returns:
        (what is left of the configuration, inputs, outputs).

    Raises:
        FileFormatError: the configuration makes no sense.
    """
    config = dict(config)
    try:
        layers = config.pop("layers")
        inputs, outputs = config.pop("input_layers"), config.pop("output_layers")
        with CustomObjectScope(custom_objects):
            wires = _Wires()
            for entry in layers:
                wires.add(entry)
            wires.call_all()
            return config, wires.symbols(inputs), wires.symbols(outputs)
    except (KeyError, IndexError, AttributeError) as error:
        problem = f"{error} is not there" if isinstance(error, KeyError) else error
        raise damaged(f"the file describes a functional model wrongly: {problem}") from None


class _Wires:
    """Layers by name, and their calls that wait for their inputs."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}
        self._results: dict[tuple[str, int], list[Any]] = {}  # (layer, call) -> symbols
        self._waiting: list[tuple[str, int, Any]] = []

    def add(self, entry: Mapping[str, Any]) -> None:
        name = str(entry["name"] if "name" in entry else entry["config"]["name"])
        operation = entry.get("operation") or operations.operation_from(dict(entry))
        if operation is None:
            operation = deserialize_keras_object(dict(entry))
        if not callable(operation) or isinstance(operation, type):
            raise damaged(f'the model\'s part "{name}" is no layer')
        if name in self._made:
            raise damaged(f'the name "{name}" is used twice in a functional model')
        self._made[name] = operation
        if isinstance(operation, InputLayer):
            self._results[name, 0] = [operation.output]
        first = _built_in_calls(operation)
        for number, call in enumerate(entry["inbound_nodes"]):
            if not isinstance(operation, InputLayer):
                self._waiting.append((name, number + first, call))

    def call_all(self) -> None:
        """Make the calls, each as soon as all it needs is there."""
        while self._waiting:
            left = [wire for wire in self._waiting if not self._try(*wire)]
            if len(left) == len(self._waiting):
                names = sorted({name for name, _, _ in left})
                raise damaged(
                    f"the layers {names} of a functional model wait for each other, or for a layer "
                    "that is not there"
                )
            self._waiting = left

    def _try(self, name: str, number: int, call: Any) -> bool:
        # The calls of a layer happen in their order, since they are counted.
        first = _built_in_calls(self._made[name])
        if number > first and (name, number - 1) not in self._results:
            return False
        args, kwargs = _arguments(call)
        places = [leaf.place for leaf in _tensors([args, kwargs])]
        if any(place[:2] not in self._results for place in places):
            return False
        operation = self._made[name]
        args, kwargs = self._fill(args), self._fill(kwargs)
        result = operation(*args, **kwargs)
        found = _symbols_of(result)
        if not isinstance(operation, Layer):
            found[0].node.name = name
        self._results[name, number] = found
        return True

    def _fill(self, structure: Any) -> Any:
        if isinstance(structure, _Tensor):
            name, call, index = structure.place
            return self._results[name, call][index]
        if isinstance(structure, dict):
            return {key: self._fill(value) for key, value in structure.items()}
        if isinstance(structure, (list, tuple)):
            return type(structure)([self._fill(part) for part in structure])
        return structure

    def symbols(self, places: Any) -> Any:
        """The symbols that `input_layers` or `output_layers` name, in their structure."""
        if isinstance(places, dict):
            return {key: self.symbols(value) for key, value in places.items()}
        if not isinstance(places, (list, tuple)) or not places:
            raise damaged(
                f"the file describes a functional model wrongly: {places!r} names no output"
            )
        if len(places) == 3 and isinstance(places[0], str):
            name, call, index = places
            return self._results[name, call][index]
        found = [self.symbols(place) for place in places]
        return found


class _Tensor:
    """Stands for the result of a call: (layer, number of the call, number of the output)."""

    def __init__(self, history: Any) -> None:
        name, call, index = history
        self.place = (str(name), int(call), int(index))


def _arguments(call: Any) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a call, also in the form of Keras 2: [[name, call, index, kwargs], ...]."""
    if isinstance(call, list):
        kwargs = dict(call[0][3]) if len(call[0]) > 3 else {}
        tensors = [_Tensor(part[:3]) for part in call]
        return [tensors[0] if len(tensors) == 1 else tensors], kwargs
    return _value(call["args"]), _value(call["kwargs"])


def _value(described: Any) -> Any:
    if isinstance(described, dict) and described.get("class_name") == KERAS_TENSOR:
        return _Tensor(described["config"]["keras_history"])
    if isinstance(described, dict) and "class_name" not in described:
        return {key: _value(part) for key, part in described.items()}
    if isinstance(described, (list, tuple)):
        return type(described)([_value(part) for part in described])
    return deserialize_keras_object(described) if isinstance(described, dict) else described


def _tensors(structure: Any) -> list[_Tensor]:
    if isinstance(structure, _Tensor):
        return [structure]
    if isinstance(structure, dict):
        structure = list(structure.values())
    if isinstance(structure, (list, tuple)):
        return [found for part in structure for found in _tensors(part)]
    return []


def _symbols_of(result: Any) -> list[Any]:
    """All symbols of the call that gave `result`."""
    if isinstance(result, dict):
        result = list(result.values())
    while isinstance(result, (list, tuple)):
        result = result[0]
    return list(result.node.outputs)


__all__ = ["connect", "describe"]
