"""The arguments with which an object was made, for classes that do not describe themselves."""

from __future__ import annotations

import inspect
from typing import Any

from tensorcore.errors import ArgumentTypeError
from tensorcore.saving.objects import serialize_keras_object


class Arguments:
    """What a constructor was called with.

    Args:
        cls: the class.
        args, kwargs: the arguments.
    """

    __slots__ = ("args", "cls", "kwargs")

    def __init__(self, cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.cls = cls
        self.args = args
        self.kwargs = kwargs

    def complete(self, config: dict[str, Any]) -> dict[str, Any]:
        """`config`, as far as the constructor takes it, and the arguments themselves.

        Raises:
            ArgumentTypeError: an argument cannot be described in JSON.
        """
        signature = inspect.signature(self.cls.__init__)  # type: ignore[misc]
        kinds = [parameter.kind for parameter in signature.parameters.values()]
        takes_any = inspect.Parameter.VAR_KEYWORD in kinds
        found = {k: v for k, v in config.items() if takes_any or k in signature.parameters}
        names = list(signature.parameters)[1:]
        if len(self.args) > len(names) or inspect.Parameter.VAR_POSITIONAL in kinds:
            raise ArgumentTypeError(
                f"{self.cls.__name__}: a class with *args needs a method get_config to be saved"
            )
        for name, value in {**dict(zip(names, self.args, strict=False)), **self.kwargs}.items():
            try:
                serialize_keras_object(value)
            except TypeError as error:
                raise ArgumentTypeError(
                    f"{self.cls.__name__} cannot be described by the argument {name}={value!r}; "
                    f"write a method get_config: {error}"
                ) from None
            found[name] = value
        return found
