"""Objects as JSON and back, in the form of Keras 3.

Each object is a dict of "module", "class_name", "config" and "registered_name".  Reading makes
objects of known classes only (see `registry.py`); nothing is imported and no code is run.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Mapping
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.device import is_array
from tensorcore.errors import ArgumentTypeError, FileFormatError, InvalidArgumentError
from tensorcore.saving import registry
from tensorcore.saving.refusals import damaged, hostile
from tensorcore.saving.registry import BUILT_IN, CustomObjectScope
from tensorcore.tensor import Tensor, as_tensor

PLAIN = (str, int, float, bool)
_UNKNOWN = (
    "which tensorcore does not know and never imports. If it is yours, give it as "
    "custom_objects={{{0!r}: {0}}}, or decorate it with "
    "@keras.saving.register_keras_serializable(); if not, do not trust the file"
)


class SharedObjects:
    """Objects that are met twice within one model are written once more with the same number, and
    read as one object.
    """

    current: SharedObjects | None = None

    def __enter__(self) -> SharedObjects:
        self.written: dict[int, dict[str, Any]] = {}
        self.read: dict[Any, Any] = {}
        self._outer, SharedObjects.current = SharedObjects.current, self
        return self

    def __exit__(self, *exception: object) -> None:
        SharedObjects.current = self._outer


def serialize_keras_object(thing: Any) -> Any:
    """A description of `thing` in JSON's types (tuples stay tuples).

    Args:
        thing: None, numbers, texts, lists, dicts, slices, arrays, functions with a name, and
            objects with `get_config`.

    >>> from tensorcore.initializers import Zeros
    >>> serialize_keras_object(Zeros())["class_name"]
    'Zeros'
    """
    if thing is None or isinstance(thing, PLAIN):
        return thing
    if isinstance(thing, (list, tuple)):
        return type(thing)([serialize_keras_object(part) for part in thing])
    if isinstance(thing, Mapping):
        return {key: serialize_keras_object(value) for key, value in thing.items()}
    special = _serialize_special(thing)
    return special if special is not None else _serialize_object(thing)


def _serialize_special(thing: Any) -> Any:
    if isinstance(thing, bytes):
        return {"class_name": "__bytes__", "config": {"value": thing.decode("utf-8")}}
    if isinstance(thing, slice):
        parts = {"start": thing.start, "stop": thing.stop, "step": thing.step}
        return {"class_name": "__slice__", "config": parts}
    if thing is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(thing, np.dtype):
        return thing.name
    if isinstance(thing, np.generic):
        return thing.item()
    if isinstance(thing, Tensor) or hasattr(thing, "__tensor__"):
        tensor = as_tensor(thing)
        config = {"value": tensor.tolist(), "dtype": tensor.dtype.name}
        return {"class_name": "__tensor__", "config": config}
    if is_array(thing):
        if thing.ndim == 0:
            return thing.item()
        config = {"value": thing.tolist(), "dtype": thing.dtype.name}
        return {"class_name": "__numpy__", "config": config}
    return None


def _serialize_object(thing: Any) -> dict[str, Any]:
    if isinstance(thing, types.FunctionType) or not hasattr(thing, "get_config"):
        return _serialize_function(thing)
    cls = type(thing)
    config = thing.get_config()
    if not isinstance(config, dict):
        raise ArgumentTypeError(
            f"{cls.__name__}.get_config must return a dict, received {type(config).__name__}"
        )
    built_in = registry.is_built_in(cls)
    name = registry.registered_name(cls)
    described: dict[str, Any] = {
        "module": cls.keras_module if built_in else _module_of(cls),
        "class_name": cls.__name__,
        "config": serialize_keras_object(config),
        "registered_name": None if built_in else name,
    }
    if cls.__name__ == "Functional" and built_in:
        described["registered_name"] = "Functional"
    for key in ("build_config", "compile_config"):
        extra = getattr(thing, f"get_{key}", lambda: None)()
        if extra is not None:
            described[key] = serialize_keras_object(extra)
    return _shared(thing, described)


def _module_of(cls: type) -> str | None:
    return None if cls.__module__ == "__main__" else cls.__module__


def _serialize_function(thing: Any) -> dict[str, Any]:
    name = getattr(thing, "__name__", None)
    if name is None or name == "<lambda>":
        raise ArgumentTypeError(
            f"{thing!r} cannot be written to a model file: it is a lambda, or has neither a name "
            "nor a method get_config. Write a function with a name, and decorate it with "
            "@keras.saving.register_keras_serializable()"
        )
    is_ours = any(thing is value for names in registry.FUNCTIONS for value in names.things())
    return {
        "module": "builtins" if is_ours or thing.__module__ == "__main__" else thing.__module__,
        "class_name": "function",
        "config": name if is_ours else registry.registered_name(thing),
        "registered_name": "function" if is_ours else registry.registered_name(thing),
    }


def _shared(thing: Any, described: dict[str, Any]) -> dict[str, Any]:
    shared = SharedObjects.current
    if shared is not None:
        first = shared.written.setdefault(id(thing), described)
        if first is not described:
            first["shared_object_id"] = described["shared_object_id"] = id(thing)
    return described


# Reading ------------------------------------------------------------------------------------------


def deserialize_keras_object(
    config: Any,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:
    """The object that a description stands for.

    Args:
        config: what `serialize_keras_object` returned, or the like from Keras 3.
        custom_objects: name -> class or function of the user's.
        safe_mode: accepted; code in a description is never run, whatever it says.
        module_objects: further names, for a `config` that is one of them.

    Raises:
        FileFormatError: a class is unknown, or the description makes no sense.
    """
    with CustomObjectScope(custom_objects):
        if isinstance(config, str):
            found = registry.registered_object(config, module_objects=module_objects)
            return config if found is None else found
        return _read(config)


def _read(config: Any) -> Any:
    if config is None or isinstance(config, PLAIN):
        return config
    if isinstance(config, (list, tuple)):
        return [_read(part) for part in config]
    if not isinstance(config, dict):
        raise FileFormatError(f"a description holds {type(config).__name__}, which is not JSON")
    if "class_name" not in config or "config" not in config:
        return {key: _read(value) for key, value in config.items()}
    name = config["class_name"]
    inner = {} if config["config"] is None else config["config"]
    if not isinstance(name, str):
        raise damaged(f"a description has the class name {name!r}; expected a text")
    if name in _SPECIAL:
        return _read_special(name, inner)
    if name == "function":
        return _read_function(config, inner)
    return _read_object(config, name, inner)


_SPECIAL = {
    "__bytes__": lambda c: str(c["value"]).encode("utf-8"),
    "__slice__": lambda c: slice(*(_index(c[key]) for key in ("start", "stop", "step"))),
    "__ellipsis__": lambda c: Ellipsis,
    "__numpy__": lambda c: np.asarray(c["value"], dtypes.as_dtype(c["dtype"])),
    "__tensor__": lambda c: as_tensor(c["value"], dtype=dtypes.as_dtype(c["dtype"])),
    "__lambda__": None,
    "__typespec__": None,
    "DTypePolicy": lambda c: c["name"],
}


def _index(value: Any) -> Any:
    if value is None or isinstance(value, int):
        return value
    raise InvalidArgumentError(f"the bound {value!r}; expected an integer or null")


def _read_special(name: str, inner: Any) -> Any:
    reader: Any = _SPECIAL[name]
    if reader is None:
        raise FileFormatError(
            f"the file holds an object {name}, which is code or a type of another framework and is "
            "never loaded. Write the layer as a class or a function with a name, and give it as "
            "custom_objects"
        )
    try:
        return reader(inner)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        problem = f"the entry {error} is missing" if isinstance(error, KeyError) else error
        raise damaged(f"the file describes {name} wrongly: {problem}") from None


def _read_function(config: dict[str, Any], name: Any) -> Any:
    if not isinstance(name, str):
        raise damaged(f"a function is described by {name!r}; expected its name")
    for key in (config.get("registered_name"), name):
        found = registry.registered_object(key) if isinstance(key, str) else None
        if found is not None:
            return found
    module = config.get("module")
    if module == "builtins" or str(module).startswith("keras"):
        for names in registry.FUNCTIONS:
            if name in names:
                return names.named(name)
    raise FileFormatError(
        f'the file names the function "{name}" of module {module!r}, {_UNKNOWN.format(name)}'
    )


def _read_object(config: dict[str, Any], name: str, inner: Any) -> Any:
    shared, number = SharedObjects.current, config.get("shared_object_id")
    if shared is not None and number is not None and number in shared.read:
        return shared.read[number]
    cls = class_named(name, config.get("module"), config.get("registered_name"))
    if not isinstance(cls, type):
        return cls  # a function of the user's in the place of a class
    if not isinstance(inner, dict):
        raise damaged(f'the file describes "{name}" by {inner!r}; expected a dict')
    made = cls.from_config(_without_defaults(cls, inner))  # type: ignore[attr-defined]
    build = config.get("build_config")
    if build and hasattr(made, "build_from_config") and not made.built:
        made.build_from_config(build)
    compiled = config.get("compile_config")
    if compiled and hasattr(made, "compile_from_config"):
        made.compile_from_config(compiled)
    if shared is not None and number is not None:
        shared.read[number] = made
    return made


# Options of Keras that mean nothing while the option that they belong to is off.
_INERT = {
    "ema_momentum",
    "renorm_momentum",
    "renorm_clipping",
    "ragged",
    "sparse",
    "implementation",
}


def _without_defaults(cls: type, config: dict[str, Any]) -> dict[str, Any]:
    """The configuration without options that are off and that the class does not have."""
    if not registry.is_built_in(cls):
        return dict(config)
    known = _parameters(cls)
    if known is None:
        return dict(config)
    return {
        key: value
        for key, value in config.items()
        if key in known or not (value is None or value is False or key in _INERT)
    }


@functools.lru_cache
def _parameters(cls: type) -> frozenset[str] | None:
    """The names of a constructor's parameters, with those that it hands on to its bases."""
    names: set[str] = set()
    for base in cls.__mro__:
        init = base.__dict__.get("__init__")
        if not isinstance(init, types.FunctionType):
            continue
        parameters = inspect.signature(init).parameters.values()
        if any(p.kind is p.VAR_POSITIONAL for p in parameters):
            return None
        names.update(p.name for p in parameters if p.kind is not p.VAR_KEYWORD)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return frozenset(names)


def class_named(name: str, module: Any = None, registered: Any = None) -> Any:
    """The class that a description names.

    Raises:
        FileFormatError: it is none of tensorcore's, and the user has not listed it.
    """
    for key in (registered, name):
        found = registry.registered_object(key) if isinstance(key, str) else None
        if found is not None:
            return found
    found = built_in_named(name, module)
    if found is not None:
        if registered not in (None, name):
            raise hostile(
                f'the file gives {module}.{name} the registered name "{registered}", but it is a '
                "class of tensorcore"
            )
        return found
    raise FileFormatError(
        f'the file names the class "{name}" of module {module!r}, {_UNKNOWN.format(name)}'
    )


_ALIASES = {"Model": "Functional"}  # what Keras 2 calls a functional model


def built_in_named(name: str, module: Any = None) -> Any:
    """A class of tensorcore by its Keras module and name; None if there is none.

    Old and inner names of a module ("keras.src.layers.core.dense", "tf_keras.layers") stand for
    the public one; without a module any class of this name is meant.
    """
    found = BUILT_IN.get((str(module), name))
    if found is not None:
        return found
    name = _ALIASES.get(name, name)
    fitting = [cls for (_, known), cls in BUILT_IN.items() if known == name]
    if module is None:
        return fitting[0] if len(fitting) == 1 else None
    parts = str(module).split(".")
    if parts[0] not in ("keras", "tf_keras", "tensorflow", "keras_core", "tensorcore"):
        return None
    for cls in fitting:
        home = getattr(cls, "keras_module", "")
        if home.split(".")[-1] in (*parts, "keras"):
            return cls
    return None
