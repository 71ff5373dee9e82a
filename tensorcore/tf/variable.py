"""`tf.Variable`."""

from __future__ import annotations

from typing import Any

from tensorcore import variable
from tensorcore.tf.arrays import constant
from tensorcore.tf.dtypes import as_dtype


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

    def read_value(self) -> Any:
        """The current value, a tensor."""
        return self.value
