"""The `.h5` files of Keras 2 (and of Keras 3 when asked for one): read, never written."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from tensorcore.errors import FileFormatError
from tensorcore.saving.archive import parse_json
from tensorcore.saving.hdf5 import Reader
from tensorcore.saving.objects import deserialize_keras_object
from tensorcore.saving.refusals import damaged, of_another_model
from tensorcore.saving.weights import parts_of


def is_legacy(reader: Reader) -> bool:
    """Whether the file has the layout of Keras 2."""
    return reader.attribute("", "layer_names") is not None or reader.has("model_weights")


def load_model(reader: Reader, custom_objects: Mapping[str, Any] | None, compile: bool) -> Any:
    """The model with its weights; its optimizer starts anew."""
    text = reader.attribute("", "model_config")
    if not isinstance(text, str):
        raise FileFormatError(
            f"{reader.what} holds weights but no model: make the model, and call "
            "model.load_weights(path)"
        )
    config = parse_json(text, f"{reader.what}: the model's description")
    model = deserialize_keras_object(config, custom_objects)
    if not hasattr(model, "weight_parts"):
        raise damaged(f"{reader.what} describes no model")
    load_weights(model, reader)
    training = reader.attribute("", "training_config")
    if compile and isinstance(training, str):
        _compile(model, parse_json(training, f"{reader.what}: its training"), custom_objects)
    return model


def _compile(model: Any, config: Any, custom_objects: Mapping[str, Any] | None) -> None:
    optimizer = config.get("optimizer_config")
    known = ("loss", "metrics", "weighted_metrics", "loss_weights")
    made = {key: deserialize_keras_object(config.get(key), custom_objects) for key in known}
    made["optimizer"] = deserialize_keras_object(optimizer, custom_objects)
    metrics = made["metrics"]
    if isinstance(metrics, list) and len(metrics) == 1 and isinstance(metrics[0], list):
        made["metrics"] = metrics[0]  # Keras 2 has a list for each output, also for one
    model.compile(**made)


def load_weights(
    model: Any, reader: Reader, by_name: bool = False, skip_mismatch: bool = False
) -> None:
    """Read the weights layer by layer; nothing is changed unless all of them fit."""
    root = "model_weights" if reader.has("model_weights") else ""
    layers = [layer for layer in model.layers if layer.weights]
    names = _texts(reader.attribute(root, "layer_names"))
    stored = {name: _texts(reader.attribute(_path(root, name), "weight_names")) for name in names}
    filled = [name for name in names if stored[name]]
    if by_name:
        pairs = [(layer, layer.name) for layer in layers if layer.name in stored]
    elif len(filled) == len(layers):
        pairs = list(zip(layers, filled, strict=True))
    else:
        raise of_another_model(
            f"{reader.what} has {len(filled)} layers with weights, the model has {len(layers)}: "
            f"{[layer.name for layer in layers]}"
        )
    found = []
    for layer, name in pairs:
        try:
            found += _of_layer(reader, layer, _path(root, name), stored[name])
        except FileFormatError as problem:
            if not skip_mismatch:
                raise
            warnings.warn(f"load_weights leaves out {layer.name}: {problem}", stacklevel=4)
    for variable, values in found:
        variable.assign(values.astype(variable.dtype, copy=False))


def _of_layer(reader: Reader, layer: Any, path: str, names: list[str]) -> list[Any]:
    # Trainable weights of all parts come first, as Keras 2 wrote them.
    own = [variable for _, _, variables in parts_of(layer) for variable in variables]
    variables = [v for v in own if v.trainable] + [v for v in own if not v.trainable]
    if len(names) != len(variables):
        raise of_another_model(
            f'{reader.what}: the layer "{layer.name}" has {len(variables)} weights, but the file '
            f"has {len(names)} for it"
        )
    return [
        (variable, reader.array(_path(path, name), variable.shape))
        for variable, name in zip(variables, names, strict=True)
    ]


def _texts(value: Any) -> list[str]:
    return [str(part) for part in value] if isinstance(value, list) else []


def _path(root: str, name: str) -> str:
    return f"{root}/{name}" if root else name
