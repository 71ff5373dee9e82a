"""The `.h5` files of Keras 2 (and of Keras 3 when asked for one): how they are read."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping
from typing import Any

from tensorcore.errors import FileFormatError
from tensorcore.saving.archive import parse_json
from tensorcore.saving.hdf5 import Reader
from tensorcore.saving.legacy_writer import in_order
from tensorcore.saving.objects import deserialize_keras_object
from tensorcore.saving.refusals import damaged, of_another_model


def is_legacy(reader: Reader) -> bool:
    """Whether the file has the layout of Keras 2."""
    return reader.attribute("", "layer_names") is not None or reader.has("model_weights")


def load_model(reader: Reader, custom_objects: Mapping[str, Any] | None, compile: bool) -> Any:
    """The model with its weights, and its optimizer with its state."""
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
        _load_optimizer(model, reader)
    return model


def _load_optimizer(model: Any, reader: Reader) -> None:
    """Read the state of the optimizer; one that does not fit is left out, which is said."""
    names = _names(reader, "optimizer_weights", "weight_names")
    if not names or model.optimizer is None:
        return
    model.optimizer.build(model.trainable_weights)
    variables = model.optimizer.saved_variables
    if len(variables) != len(names):
        warnings.warn(
            f"load_model: the optimizer has {len(variables)} variables, but the file has "
            f"{len(names)}; its state is left out, and training goes on as from a fresh optimizer",
            stacklevel=5,
        )
        return
    arrays = [
        reader.array(_path("optimizer_weights", name), variable.shape)
        for variable, name in zip(variables, names, strict=True)
    ]
    for variable, values in zip(variables, arrays, strict=True):
        variable.assign(values.astype(variable.dtype, copy=False))


def _compile(model: Any, config: Any, custom_objects: Mapping[str, Any] | None) -> None:
    optimizer = config.get("optimizer_config")
    homes = {
        "loss": "keras.losses",
        "metrics": "keras.metrics",
        "weighted_metrics": "keras.metrics",
        "loss_weights": None,
    }
    made = {
        key: deserialize_keras_object(_at_home(config.get(key), home), custom_objects)
        for key, home in homes.items()
    }
    made["optimizer"] = deserialize_keras_object(optimizer, custom_objects)
    metrics = made["metrics"]
    if isinstance(metrics, list) and len(metrics) == 1 and isinstance(metrics[0], list):
        made["metrics"] = metrics[0]  # Keras 2 has a list for each output, also for one
    model.compile(**made)


def _at_home(described: Any, module: str | None) -> Any:
    """Descriptions with the module that these files leave out."""
    if isinstance(described, list):
        return [_at_home(part, module) for part in described]
    if not isinstance(described, dict):
        return described
    if "class_name" in described:
        return {"module": module, **described}
    return {key: _at_home(part, module) for key, part in described.items()}


def load_weights(
    model: Any, reader: Reader, by_name: bool = False, skip_mismatch: bool = False
) -> None:
    """Read the weights layer by layer; nothing is changed unless all of them fit."""
    root = "model_weights" if reader.has("model_weights") else ""
    layers = [layer for layer in model.layers if layer.weights]
    names = _names(reader, root, "layer_names")
    stored = {name: _names(reader, _path(root, name), "weight_names") for name in names}
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
    variables = in_order(layer)  # as Keras 2 wrote them
    if len(names) != len(variables):
        raise of_another_model(
            f'{reader.what}: the layer "{layer.name}" has {len(variables)} weights, but the file '
            f"has {len(names)} for it"
        )
    return [
        (variable, reader.array(_path(path, name), variable.shape))
        for variable, name in zip(variables, names, strict=True)
    ]


def _names(reader: Reader, path: str, attribute: str) -> list[str]:
    """A list of names, which long ones are divided: name0, name1..."""
    whole = reader.attribute(path, attribute)
    if whole is not None:
        return _texts(whole)
    found: list[str] = []
    for number in itertools.count():
        part = reader.attribute(path, f"{attribute}{number}")
        if part is None:
            return found
        found += _texts(part)
    return found


def _texts(value: Any) -> list[str]:
    return [str(part) for part in value] if isinstance(value, list) else []


def _path(root: str, name: str) -> str:
    return f"{root}/{name}" if root else name
