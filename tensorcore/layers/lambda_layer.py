"""A function as a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorcore.errors import ArgumentTypeError
from tensorcore.layers.base import Layer
from tensorcore.layers.options import keep
from tensorcore.saving.objects import deserialize_keras_object, serialize_keras_object


class Lambda(Layer):
    """A function of tensors as a layer; it must not use variables.

    Args:
        function: takes the inputs, and `mask` and `training` if it has such arguments.
        output_shape: accepted; shapes are found by running the function.
        mask: accepted for Keras's signature: a mask for the output.
        arguments: further keyword arguments of the function.

    >>> Lambda(lambda x: x * 2)([[1.0]]).tolist()
    [[2.0]]
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise ArgumentTypeError(f"Lambda: expected a function, received {function!r}")
        self.function = function
        self._mask = mask
        self._output_shape = output_shape
        self.supports_masking = self._careful = mask is not None
        keep(self, arguments=dict(arguments or {}))
        code = getattr(function, "__code__", None)
        self._takes = () if code is None else code.co_varnames[: code.co_argcount]

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        given = {"mask": mask, "training": training}
        further = {name: value for name, value in given.items() if name in self._takes[1:]}
        return self.function(inputs, **{**further, **self.arguments})

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return self._mask(inputs, mask) if callable(self._mask) else self._mask

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "function": serialize_keras_object(self.function)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        function = config["function"]
        if isinstance(function, dict):
            config = {**config, "function": deserialize_keras_object(function, custom_objects)}
        return cls(**config)
