"""Values for each output of a model: given by name, in order, or one for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tensorcore.errors import InvalidArgumentError, TrainingError
from tensorcore.layers.structure import leaves


def is_configuration(value: Any) -> bool:
    """Whether a dict describes an object instead of naming outputs."""
    return isinstance(value, Mapping) and "class_name" in value


def names_of(y_pred: Any, known: Sequence[str] | None) -> list[str]:
    """The names of the outputs: sorted keys of a dict, those of the model, or output_0, output_1...

    >>> names_of([1, 2], None), names_of({"a": 1, "b": 2}, None)
    (['output_0', 'output_1'], ['a', 'b'])
    """
    if isinstance(y_pred, Mapping):
        return sorted(y_pred)
    count = len(list(leaves(y_pred)))
    if known is not None and len(known) == count:
        return list(known)
    return ["output"] if count == 1 else [f"output_{number}" for number in range(count)]


def per_output(argument: str, given: Any, names: Sequence[str]) -> list[Any]:
    """What was given to `compile` for each output; None for an output without.

    Raises:
        InvalidArgumentError: an unknown output is named, or the length does not fit.
    """
    if isinstance(given, Mapping) and not is_configuration(given):
        unknown = [name for name in given if name not in names]
        if unknown:
            raise InvalidArgumentError(
                f"compile: {argument} names the outputs {unknown}; the model has {list(names)}: "
                "use these names"
            )
        return [given.get(name) for name in names]
    if isinstance(given, (list, tuple)):
        if len(given) != len(names):
            raise InvalidArgumentError(
                f"compile: {argument} has {len(given)} entries, but the model has {len(names)} "
                f"outputs {list(names)}: give a dict by name, or a list with one entry an output"
            )
        return list(given)
    if argument.endswith("metrics") and given is not None:
        raise InvalidArgumentError(
            f"compile: {argument} of a model with the outputs {list(names)} must be a dict by "
            f"name, or a list with one entry an output; received {given!r}"
        )
    return [given for _ in names]


def parts(argument: str, value: Any, names: Sequence[str], used: Sequence[bool] | None) -> list:
    """The labels or weights of a batch for each output; None for an output without.

    Args:
        argument: "y" or "sample_weight", for messages.
        value: dict by name, list in order, or one value for all.
        names: of the outputs.
        used: which outputs need a value; None if none does.
    """
    if isinstance(value, Mapping):
        unknown = [name for name in value if name not in names]
        if unknown:
            raise InvalidArgumentError(
                f"{argument} has the keys {unknown}; the model has the outputs {list(names)}: use "
                "these names"
            )
        found = [value.get(name) for name in names]
    elif isinstance(value, (list, tuple)):
        if len(value) != len(names):
            raise InvalidArgumentError(
                f"{argument} has {len(value)} parts, but the model has {len(names)} outputs "
                f"{list(names)}"
            )
        found = list(value)
    else:
        if value is not None and argument == "y" and len(names) > 1:
            raise InvalidArgumentError(
                f"y must be a dict by name or a list with one part for each of the outputs "
                f"{list(names)}, received one array of shape {tuple(value.shape)}"
            )
        found = [value for _ in names]
    missing = [n for n, v, u in zip(names, found, used or (), strict=False) if u and v is None]
    if missing:
        raise TrainingError(f"the outputs {missing} have a loss, but {argument} has no values")
    return found
