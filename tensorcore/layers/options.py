"""The options of layers: given as names, objects or configurations, kept as attributes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorcore import constraints, initializers, regularizers
from tensorcore.layers import activations

_ROOMS = {
    "initializer": initializers,
    "regularizer": regularizers,
    "constraint": constraints,
    "activation": activations,
}


def _room(name: str) -> Any:
    """What the last word of an option's name says about its values."""
    return _ROOMS.get(name.rpartition("_")[2])


def keep(layer: Any, **options: Any) -> None:
    """Make options attributes of the layer, which `get_config` of the layer then tells.

    What ends in initializer, regularizer, constraint or activation may be given by name:

        keep(self, units=3, activation="relu", kernel_initializer="zeros")
    """
    for name, value in options.items():
        room = _room(name)
        setattr(layer, name, value if room is None else room.get(value))
    layer._kept = (*layer._kept, *options)


def described(layer: Any) -> dict[str, Any]:
    """The kept options as a configuration has them."""
    return {name: _described(name, getattr(layer, name)) for name in layer._kept}


def _described(name: str, value: Any) -> Any:
    room = _room(name)
    serialize: Callable[[Any], Any] | None = None if room is None else room.serialize
    return value if serialize is None else serialize(value)


def add_kernel(layer: Any, shape: Any, name: str = "kernel", autocast: bool = True) -> Any:
    """The weight `name`, with the layer's options for it: `<name>_initializer` and so on."""
    return layer.add_weight(
        shape,
        getattr(layer, f"{name}_initializer"),
        regularizer=getattr(layer, f"{name}_regularizer", None),
        constraint=getattr(layer, f"{name}_constraint", None),
        autocast=autocast,
        name=name,
    )


def add_bias(layer: Any, shape: Any) -> Any:
    """The bias, with the layer's options for it; None without `use_bias`."""
    return add_kernel(layer, shape, "bias") if layer.use_bias else None
