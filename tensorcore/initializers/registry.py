"""Names of things that programs give as strings: "adam", "mse", "glorot_uniform"."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tensorcore.errors import ArgumentTypeError, InvalidArgumentError
from tensorcore.saving import registry
from tensorcore.saving.objects import deserialize_keras_object, serialize_keras_object


class Registry:
    """What the strings for one kind of thing mean.

    Args:
        kind: what the things are, for messages.
        classes: found under their name, in any case and with or without underscores.
        names: further names, and names of functions.
    """

    def __init__(self, kind: str, *classes: type, **names: Any) -> None:
        self.kind = kind
        registry.FUNCTIONS.append(self)
        self._by_key: dict[str, Any] = {}
        self._shown: dict[str, str] = {}
        for cls in classes:
            self.add(cls.__name__, cls)
        for name, thing in names.items():
            self.add(name, thing)

    def add(self, name: str, thing: Any) -> None:
        """Make `thing` known as `name`."""
        self._by_key[_key(name)] = thing
        self._shown[_key(name)] = name

    def get(self, identifier: Any) -> Any:
        """The thing itself for a string, a class, a configuration, or the thing; None for None."""
        if isinstance(identifier, dict):
            return self._from_dict(identifier)
        if isinstance(identifier, str):
            identifier = self.named(identifier)
        if isinstance(identifier, type):
            return identifier()
        if identifier is None or callable(identifier) or hasattr(identifier, "get_config"):
            return identifier
        raise ArgumentTypeError(
            f"{self.kind}: expected a name, a class or an object, received {identifier!r}"
        )

    def named(self, name: str) -> Any:
        """The class or function of this name; one that the user has listed comes first."""
        found = registry.registered_object(name)
        if found is not None:
            return found
        if _key(name) in self._by_key:
            return self._by_key[_key(name)]
        shown = self._spellings()
        import difflib  # late: needed only when something is wrong

        close = difflib.get_close_matches(_key(name), shown, n=1, cutoff=0.5)
        hint = f' Did you mean "{shown[close[0]]}"?' if close else ""
        known = ", ".join(sorted(set(shown.values())))
        raise InvalidArgumentError(f'unknown {self.kind} "{name}".{hint} Known names: {known}')

    def _spellings(self) -> dict[str, str]:
        """For each key the name as programs write it: `mean_squared_error`, `rmsprop`."""
        from tensorcore.layers.naming import to_snake_case  # late: layers have initializers

        spelled = str.lower if self.kind == "optimizer" else to_snake_case
        return {key: spelled(name) for key, name in self._shown.items()}

    def serialize(self, thing: Any) -> Any:
        """A name for functions, a class name with configuration for objects."""
        if thing is None or isinstance(thing, (str, dict)):
            return thing
        if not hasattr(thing, "get_config") and any(thing is known for known in self.things()):
            return thing.__name__
        return serialize_keras_object(thing)

    def things(self) -> Iterable[Any]:
        """The classes and functions themselves."""
        return self._by_key.values()

    def __contains__(self, name: str) -> bool:
        return _key(name) in self._by_key

    def _from_dict(self, description: dict[str, Any]) -> Any:
        if "class_name" not in description:
            raise InvalidArgumentError(
                f'{self.kind}: a configuration needs "class_name" and "config", received '
                f"{description!r}"
            )
        if "module" in description or str(description["class_name"]).startswith("__"):
            return deserialize_keras_object(description)
        thing = self.named(description["class_name"])
        return thing.from_config(description.get("config") or {})


def _key(name: str) -> str:
    return name.replace("_", "").lower()
