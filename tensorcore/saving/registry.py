"""Which classes and functions a model file may name.

A file never makes anything be imported.  It names classes of tensorcore, which are listed here when
they are defined, and classes and functions of the user's, who lists them with
`register_keras_serializable` or hands them over as `custom_objects`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from tensorcore.errors import InvalidArgumentError
from tensorcore.missing import known_arguments

BUILT_IN: dict[tuple[str, str], type] = {}  # (Keras module, class name) -> class
FUNCTIONS: list[Any] = []  # the registries whose functions have names, see initializers/registry.py
_registered: dict[str, Any] = {}  # "package>Name" -> class or function of the user's
_names: dict[Any, str] = {}


class _Scope(threading.local):
    objects: Mapping[str, Any] = {}


_scope = _Scope()


class Configurable:
    """Base of everything that a model file can describe: layers, losses, optimizers and so on.

    Subclasses that are part of tensorcore are known to the loader from their definition on, under
    the Keras module that their base class states:

        class Layer(Configurable, keras_module="keras.layers"): ...

    `get_config` returns the arguments that make an equal object.  Values in it are numbers, texts,
    None, lists, dicts, arrays, functions and Configurable objects.
    """

    keras_module = ""

    def __init_subclass__(cls, keras_module: str | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if keras_module is not None:
            cls.keras_module = keras_module
        if cls.__module__.startswith("tensorcore."):
            BUILT_IN[cls.keras_module, cls.__name__] = cls
            init = cls.__dict__.get("__init__")
            if init is not None:
                cls.__init__ = known_arguments(init)  # type: ignore[method-assign]

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal object."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """An object made from what `get_config` returned."""
        return cls(**config)


def is_built_in(cls: type) -> bool:
    """Whether the class is one of tensorcore's."""
    return BUILT_IN.get((getattr(cls, "keras_module", ""), cls.__name__)) is cls


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[Any], Any]:
    """A decorator for classes and functions that model files may name.

    Args:
        package: of whom the name is.
        name: the class's own name if None.

    >>> @register_keras_serializable("docs")
    ... def triple(x):
    ...     return 3 * x
    >>> registered_name(triple)
    'docs>triple'
    """

    def decorate(thing: Any) -> Any:
        if isinstance(thing, type) and not hasattr(thing, "get_config"):
            raise InvalidArgumentError(
                f"register_keras_serializable: class {thing.__name__} needs a method get_config"
            )
        full = f"{package}>{name or thing.__name__}"
        _registered[full] = thing
        _names[thing] = full
        return thing

    return decorate


def registered_name(thing: Any) -> str:
    """The name under which a class or function was registered, else its own."""
    return _names.get(thing, thing.__name__)


def registered_object(
    name: str,
    custom_objects: Mapping[str, Any] | None = None,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:
    """What the user registered or handed over under this name; None if nothing."""
    for known in (custom_objects or {}, _scope.objects, _registered, module_objects or {}):
        if name in known:
            return known[name]
    return None


class CustomObjectScope:
    """A context in which `custom_objects` (name -> class or function) are known to loaders."""

    def __init__(self, custom_objects: Mapping[str, Any] | None) -> None:
        self._objects = dict(custom_objects or {})

    def __enter__(self) -> CustomObjectScope:
        self._before = _scope.objects
        _scope.objects = {**self._before, **self._objects}
        return self

    def __exit__(self, *exception: object) -> None:
        _scope.objects = self._before


custom_object_scope = CustomObjectScope


def get_custom_objects() -> dict[str, Any]:
    """All that the user has registered, by name; can be changed."""
    return _registered
