"""Whole models as `.h5` files in the layout of Keras 2, which Keras 3 reads and writes too."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import IO, Any

import numpy as np

from tensorcore.errors import InvalidArgumentError
from tensorcore.saving.objects import SharedObjects, serialize_keras_object

LONG_NAMES = {
    "kld": "kl_divergence",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}
MAX_ATTRIBUTE_BYTES = 64512  # larger attributes are divided, as HDF5 wants it


def write_model(model: Any, file: IO[bytes], include_optimizer: bool, keras_version: str) -> None:
    """Write a Sequential or functional model, with its optimizer's state if it is compiled."""
    import h5py

    with SharedObjects():
        described = serialize_keras_object(model)
    if described["class_name"] not in ("Sequential", "Functional"):
        raise InvalidArgumentError(
            f'save: a .h5 file holds Sequential and functional models only, "{model.name}" is a '
            f'{type(model).__name__}; use the ending ".keras"'
        )
    config = {"class_name": described["class_name"], "config": described["config"]}
    with h5py.File(file, "w") as target:
        target.attrs["keras_version"] = keras_version
        target.attrs["backend"] = "tensorflow"
        target.attrs["model_config"] = json.dumps(config).encode()
        _write_weights(target.create_group("model_weights"), model, keras_version)
        if include_optimizer and model.compiled:
            training = {**model.get_compile_config()}
            optimizer = training.pop("optimizer")
            training["loss"] = _with_long_names(training.get("loss"))
            training["optimizer_config"] = {
                "class_name": optimizer["class_name"],
                "config": optimizer["config"],
            }
            target.attrs["training_config"] = json.dumps(training).encode()
            _write_optimizer(target, model.optimizer)


def _with_long_names(loss: Any) -> Any:
    """Losses under their long names: Keras 3 does not find the short ones in such files."""
    if isinstance(loss, dict):
        return {key: _with_long_names(part) for key, part in loss.items()}
    if isinstance(loss, list):
        return [_with_long_names(part) for part in loss]
    return LONG_NAMES.get(loss, loss) if isinstance(loss, str) else loss


def _write_weights(group: Any, model: Any, keras_version: str) -> None:
    layers = list(model.layers)
    _write_names(group, "layer_names", [layer.name for layer in layers])
    group.attrs["backend"] = b"tensorflow"
    group.attrs["keras_version"] = keras_version.encode()
    for layer in sorted(layers, key=lambda layer: layer.name):
        _write_variables(group.create_group(layer.name), in_order(layer))
    _write_variables(group.create_group("top_level_model_weights"), [])


def in_order(layer: Any) -> list[Any]:
    """The variables of a layer and of the layers inside as `get_weights` has them, trainable ones
    first.
    """
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _write_optimizer(target: Any, optimizer: Any) -> None:
    variables = optimizer.saved_variables
    if variables:
        _write_variables(target.create_group("optimizer_weights"), variables, numbered=True)


def _write_variables(group: Any, variables: Sequence[Any], numbered: bool = False) -> None:
    names: list[str] = []
    for number, variable in enumerate(variables):
        name = str(getattr(variable, "path", variable.name)).replace(":", "_")
        if numbered or name in names:
            name = f"{name}_{number}"
        names.append(name)
    _write_names(group, "weight_names", names)
    for name, variable in zip(names, variables, strict=True):
        array = variable.numpy()
        if array.dtype.kind == "V" or array.dtype.name == "bfloat16":
            array = array.astype(np.float32)
        group.create_dataset(name, data=array)


def _write_names(group: Any, name: str, values: Iterable[str]) -> None:
    data = np.asarray([value.encode() for value in values])
    parts = 1
    while any(part.nbytes > MAX_ATTRIBUTE_BYTES for part in np.array_split(data, parts)):
        parts += 1
    if parts == 1:
        group.attrs[name] = data
        return
    for number, part in enumerate(np.array_split(data, parts)):
        group.attrs[f"{name}{number}"] = part
