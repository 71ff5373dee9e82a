"""`tf.Variable`."""

from __future__ import annotations

import functools
import weakref
from typing import Any

from tensorcore import variable
from tensorcore.ops.arithmetic import add, subtract
from tensorcore.tensor import Tensor
from tensorcore.tf.arrays import constant
from tensorcore.tf.dtypes import as_dtype

# id of a tensor that `variable[key]` gave -> (it, variable, key)
_origins: dict[int, tuple[Any, Any, Any]] = {}


def _forget(number: int, _: Any) -> None:
    _origins.pop(number, None)


class _AssignToPart:
    """`variable[key].assign(value)`; other tensors have no such attribute."""

    def __init__(self, name: str, change: Any = None) -> None:
        self._name = name
        self._change = change

    def __get__(self, tensor: Any, owner: type) -> Any:
        found = _origins.get(id(tensor))
        if tensor is None or found is None or found[0]() is not tensor:
            raise AttributeError(
                f"'{owner.__name__}' object has no attribute {self._name!r}: only variables and "
                "parts of them, variable[index], can be changed. Make it with tf.Variable(...)"
            )
        return functools.partial(self._assign, found[1], found[2])

    def _assign(self, target: Any, key: Any, value: Any, **options: Any) -> Any:
        """Change the part; returns the variable."""
        target[key] = value if self._change is None else self._change(target.value[key], value)
        return target


for _name, _how in (("assign", None), ("assign_add", add), ("assign_sub", subtract)):
    setattr(Tensor, _name, _AssignToPart(_name, _how))


class Variable(variable.Variable):
    """A variable whose constructor takes TensorFlow's arguments.

    Args:
        initial_value: what `tf.constant` takes, a tensor, or a function that returns it.
        trainable: whether tapes and optimizers take it into account.
        name: shown with ":0"; "Variable" if left out.
        dtype: convert the initial value.
        shape: the initial value must have it.
        validate_shape, caching_device, variable_def, import_scope, constraint, synchronization,
            aggregation: taken and not used.

    >>> Variable(2.0, name="a").assign_add(1.0).numpy().item()
    3.0
    """

    __slots__ = ()

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool | None = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        import_scope: Any = None,
        constraint: Any = None,
        synchronization: Any = None,
        aggregation: Any = None,
        shape: Any = None,
    ) -> None:
        value = initial_value() if callable(initial_value) else initial_value
        if not hasattr(value, "__tensor__"):
            value = constant(value, None if dtype is None else as_dtype(dtype), shape)
        super().__init__(value, trainable is None or trainable, name or "Variable", dtype=dtype)

    def __getitem__(self, key: Any) -> Any:
        part = super().__getitem__(key)
        _origins[id(part)] = (weakref.ref(part, functools.partial(_forget, id(part))), self, key)
        return part

    def read_value(self) -> Any:
        """The current value, a tensor."""
        return self.value
