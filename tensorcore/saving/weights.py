"""Where the weights of a model and the state of its optimizer lie in files.

The paths are those of Keras 3: attributes that hold layers, in alphabetical order, and inside lists
and dicts the class names in snake case, numbered.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from tensorcore.errors import FileFormatError
from tensorcore.layers.naming import to_snake_case
from tensorcore.saving.hdf5 import Reader
from tensorcore.saving.refusals import of_another_model

Part = tuple[str, Any, list[Any]]  # path, layer or optimizer, its own variables


def parts_of(layer: Any, path: str = "", seen: set[int] | None = None) -> Iterator[Part]:
    """The layer and all layers inside with their paths and own variables, each once."""
    seen = set() if seen is None else seen
    if id(layer) in seen:
        return
    seen.add(id(layer))
    inside = layer.weight_parts()
    yield path, layer, layer.own_variables
    for name, part in inside.items():
        yield from _inside(part, _join(path, name), seen)


def _inside(part: Any, path: str, seen: set[int]) -> Iterator[Part]:
    if hasattr(part, "weight_parts"):
        yield from parts_of(part, path, seen)
    elif isinstance(part, (list, tuple, dict)):
        used: dict[str, int] = {}
        for entry in part.values() if isinstance(part, dict) else part:
            if hasattr(entry, "weight_parts"):
                name = to_snake_case(type(entry).__name__)
            elif isinstance(entry, (list, tuple, dict)):
                name = "container"
            elif hasattr(entry, "__tensor__"):
                continue
            else:
                continue
            used[name] = used.get(name, -1) + 1
            numbered = f"{name}_{used[name]}" if used[name] else name
            yield from _inside(entry, _join(path, numbered), seen)
    elif hasattr(part, "variables"):  # a bare list of variables under a name of its own
        yield path, part, list(part.variables)


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


class Bare:
    """Variables that lie under a name in files without being a layer, such as an LSTM's cell."""

    def __init__(self, name: str, variables: list[Any]) -> None:
        self.name = name
        self.variables = variables


def arrays_of(model: Any, with_optimizer: bool) -> dict[str, tuple[str | None, list[np.ndarray]]]:
    """Path -> (name, arrays) of everything that a file keeps."""
    groups = {
        path: (getattr(part, "name", None), [variable.numpy() for variable in variables])
        for path, part, variables in parts_of(model)
    }
    optimizer = getattr(model, "optimizer", None)
    if with_optimizer and optimizer is not None and optimizer.built:
        state = [variable.numpy() for variable in optimizer.saved_variables]
        groups["optimizer"] = (optimizer.name, state)
    return groups


def load_arrays(model: Any, reader: Reader, skip_mismatch: bool = False) -> None:
    """Read the weights of a model; nothing is changed unless all of them fit.

    Raises:
        FileFormatError: an array is missing or has another shape.
    """
    found = []
    for path, part, variables in parts_of(model):
        try:
            found += _read_part(reader, path, part, variables)
        except FileFormatError as problem:
            if not skip_mismatch:
                raise
            warnings.warn(f"load_weights leaves out {part.name}: {problem}", stacklevel=3)
    for variable, values in found:
        variable.assign(values.astype(variable.dtype, copy=False))


def _read_part(reader: Reader, path: str, part: Any, variables: list[Any]) -> list[Any]:
    group = _join(path, "vars")
    stored = reader.count(group)
    if stored != len(variables):
        raise of_another_model(
            f'{reader.what}: {type(part).__name__} "{part.name}" has {len(variables)} arrays, but '
            f'the file has {stored} in "{group}"'
        )
    return [
        (variable, reader.array(f"{group}/{number}", variable.shape))
        for number, variable in enumerate(variables)
    ]


def load_optimizer(model: Any, reader: Reader) -> None:
    """Read the state of the optimizer; a state that does not fit is left out, which is said."""
    optimizer = model.optimizer
    stored = reader.count("optimizer/vars")
    if optimizer is None or not stored:
        return
    optimizer.build(model.trainable_weights)
    variables = optimizer.saved_variables
    if stored != len(variables):
        warnings.warn(
            f"load_model: the optimizer has {len(variables)} variables, but the file has {stored}; "
            "its state is left out, and training goes on as from a fresh optimizer",
            stacklevel=4,
        )
        return
    arrays = [reader.array(f"optimizer/vars/{i}", v.shape) for i, v in enumerate(variables)]
    for variable, values in zip(variables, arrays, strict=True):
        variable.assign(values.astype(variable.dtype, copy=False))
