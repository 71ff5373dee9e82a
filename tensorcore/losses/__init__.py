"""Losses, by class, function or name: `"mse"` is `mean_squared_error`."""

from __future__ import annotations

from typing import Any

from tensorcore.errors import ArgumentTypeError
from tensorcore.initializers.registry import Registry
from tensorcore.losses.base import Loss, LossFunction
from tensorcore.losses.classes import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
from tensorcore.losses.functions import (
    binary_crossentropy,
    categorical_crossentropy,
    mean_absolute_error,
    mean_squared_error,
    sparse_categorical_crossentropy,
)

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Loss",
    "LossFunction",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "deserialize",
    "get",
    "mean_absolute_error",
    "mean_squared_error",
    "registry",
    "serialize",
    "sparse_categorical_crossentropy",
]

# A class under its own spelling, a function under the name with underscores: the key is the same
# for both,
# and programs that ask by string want the function.
registry = Registry(
    "loss",
    mean_squared_error=mean_squared_error,
    mse=mean_squared_error,
    mean_absolute_error=mean_absolute_error,
    mae=mean_absolute_error,
    binary_crossentropy=binary_crossentropy,
    categorical_crossentropy=categorical_crossentropy,
    sparse_categorical_crossentropy=sparse_categorical_crossentropy,
)
_classes = Registry(
    "loss",
    BinaryCrossentropy,
    CategoricalCrossentropy,
    MeanAbsoluteError,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)


def get(identifier: Any) -> Any:
    """The loss named by a string, made from a configuration, or given as class, object or function.

    >>> get("mse").__name__
    'mean_squared_error'
    """
    return (_classes if isinstance(identifier, dict) else registry).get(identifier)


def as_loss(identifier: Any) -> Loss | None:
    """What `get` finds as a Loss object, functions with the mean over the batch."""
    found = get(identifier)
    if found is None or isinstance(found, Loss):
        return found
    if not callable(found):
        raise ArgumentTypeError(
            f"loss: expected a name, a Loss or a function, received {identifier!r}"
        )
    return LossFunction(found)


def serialize(loss: Any) -> Any:
    """The loss as a name, or a class name with configuration."""
    return _classes.serialize(loss)


def deserialize(config: Any) -> Any:
    """The loss that `serialize` wrote down."""
    return get(config)
