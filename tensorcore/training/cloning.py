"""Models of the same structure with weights of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorcore.errors import InvalidArgumentError
from tensorcore.layers.base import Layer
from tensorcore.layers.inputs import InputLayer
from tensorcore.saving.archive import parse_json
from tensorcore.saving.objects import SharedObjects, deserialize_keras_object
from tensorcore.training import wiring
from tensorcore.training.functional import Functional
from tensorcore.training.model import Model
from tensorcore.training.sequential import Sequential


def model_from_json(json_string: str, custom_objects: Any = None) -> Model:
    """The model that `model.to_json()` described, with fresh weights."""
    config = parse_json(json_string, "model_from_json")
    with SharedObjects():
        return deserialize_keras_object(config, custom_objects)


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: Callable[[Layer], Layer] | None = None,
) -> Model:
    """A model of the same structure, with fresh weights.

    Args:
        model: the model.
        input_tensors: must be None.
        clone_function: layer -> the layer that takes its place; `from_config` of its
            configuration if None.  InputLayers are not given to it.
    """
    if input_tensors is not None:
        raise InvalidArgumentError(
            "clone_model: input_tensors is not there; call the clone on them: clone(x)"
        )

    def clone(layer: Layer) -> Layer:
        if clone_function is None or isinstance(layer, InputLayer):
            return type(layer).from_config(layer.get_config())
        return clone_function(layer)

    if isinstance(model, Sequential):
        first = [] if model._input_layer is None else [clone(model._input_layer)]
        return Sequential([*first, *map(clone, model.layers)], name=model.name)
    if isinstance(model, Functional):
        wires = wiring.describe(model, keep_layers=True)
        clones = {}
        for entry in wires["layers"]:
            if isinstance(entry["operation"], Layer):
                entry["operation"] = clones[entry["name"]] = clone(entry["operation"])
        _, inputs, outputs = wiring.connect(wires)
        return Functional(inputs, outputs, name=model.name)
    return clone(model)  # type: ignore[return-value]
