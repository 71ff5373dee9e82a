"""Optimizers, by class or by name: `"adam"` is `Adam()`."""

from __future__ import annotations

from typing import Any

from tensorcore.errors import ArgumentTypeError
from tensorcore.initializers.registry import Registry
from tensorcore.optimizers import schedules
from tensorcore.optimizers.adam import Adam
from tensorcore.optimizers.adam_family import Adamax, AdamW, Lion, Nadam
from tensorcore.optimizers.adaptive import Adadelta, Adagrad, Ftrl
from tensorcore.optimizers.base import Optimizer
from tensorcore.optimizers.loss_scale import LossScaleOptimizer
from tensorcore.optimizers.rmsprop import RMSprop
from tensorcore.optimizers.sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lion",
    "LossScaleOptimizer",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]

_registry = Registry(
    "optimizer", SGD, Adam, AdamW, Adadelta, Adagrad, Adamax, Ftrl, Lion, Nadam, RMSprop
)


def get(identifier: Any) -> Any:
    """The optimizer named by a string, made from a configuration, or given as class or object.

    >>> type(get("adam")).__name__
    'Adam'
    """
    found = _registry.get(identifier)
    if found is not None and not hasattr(found, "apply_gradients"):
        raise ArgumentTypeError(
            'optimizer: expected a name such as "adam" or an object such as '
            f"keras.optimizers.Adam(), received {identifier!r}"
        )
    return found


def serialize(optimizer: Any) -> Any:
    """The optimizer as a name and a configuration."""
    return _registry.serialize(optimizer)


def deserialize(config: Any) -> Any:
    """The optimizer that `serialize` wrote down."""
    return get(config)
