"""Variables: named tensors whose memory is written to in place, as training needs it."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.device import Device
from tensorcore.device import device as device_named
from tensorcore.errors import DTypeError, ShapeError, TracingError
from tensorcore.mode import dialect, listeners, mode
from tensorcore.operators import Operators
from tensorcore.tensor import Tensor, as_tensor, next_serial, wrap

_unnamed = itertools.count()


def _holders_of_a_fresh_tensor() -> int:
    """What `sys.getrefcount` says of a tensor that only a variable holds (it differs between
    Pythons).
    """

    class Holder:
        value = None

    holder = Holder()
    holder.value = object()  # type: ignore[assignment]
    old = holder.value
    return sys.getrefcount(old)


_UNSHARED = _holders_of_a_fresh_tensor()


class Variable(Operators):
    """A tensor with a name that can be assigned to, and that tapes watch by themselves.

    Args:
        initial_value: what `tc.asarray` takes; its shape and dtype are kept for good.
        trainable: whether optimizers and tapes take it into account.
        name: shown in messages and summaries.
        dtype: convert the initial value.
        device: where it lives; None means the default device (or that of the initial tensor).

    Whoever read the value before an assignment keeps the old values.

    >>> v = Variable([1.0, 2.0], name="v", device="cpu")
    >>> v.assign_add([1.0, 1.0]).numpy()
    array([2., 3.], dtype=float32)
    """

    __slots__ = (
        "name",
        "trainable",
        "serial",
        "_storage",
        "_tensor",
        "path",
        "autocast",  # whether layers read it in the dtype in which they compute
        "regularizer",  # function of the value: a penalty that is part of the model's loss, or None
        "constraint",  # function of the value: what optimizers bring it back to, or None
        "__weakref__",
    )
    __array_priority__ = 100

    def __init__(
        self,
        initial_value: Any,
        trainable: bool = True,
        name: str | None = None,
        *,
        dtype: Any = None,
        device: str | Device | None = None,
    ) -> None:
        where = None if device is None else device_named(device)
        value = as_tensor(initial_value, dtype=dtype, device=where)
        if type(value) is not Tensor:
            raise TracingError(
                "a variable cannot start from a tensor that is being traced; make the variable "
                "outside the function"
            )
        if where is not None:
            value = value.to(where)
        self.name = name or f"variable_{next(_unnamed)}"
        self.path = self.name
        self.trainable = trainable
        self.autocast = False
        self.regularizer: Callable[[Any], Any] | None = None
        self.constraint: Callable[[Any], Any] | None = None
        self.serial = next_serial()
        self._storage = value.device.lasting_copy(value.data)
        self._tensor = wrap(self._storage, value.device, self, self.serial)
        if mode.created is not None:
            mode.created.append(self)

    def __tensor__(self) -> Tensor:
        return self.value  # in a trace a symbol, so that no old value is kept as a constant

    @property
    def value(self) -> Tensor:
        """The current value, a tensor that later assignments do not change."""
        if mode.graph is not None:
            return mode.graph.symbol_of(self)
        return self.as_read(self._tensor) if listeners.autocasts else self._tensor

    def as_read(self, value: Tensor) -> Tensor:
        """The value in the dtype in which the layer around computes, see `mode.autocast`."""
        if not self.autocast or mode.autocast is None or mode.autocast is value.dtype:
            return value
        from tensorcore.ops.transfer import astype

        return astype(value, mode.autocast)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._storage.shape

    @property
    def dtype(self) -> np.dtype:
        return self._storage.dtype

    @property
    def device(self) -> Device:
        return self._tensor.device

    @property
    def ndim(self) -> int:
        return self._storage.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._storage.size

    @property
    def storage(self) -> Any:
        """The array that is written to; whoever reads it sees later values too."""
        return self._storage

    def numpy(self) -> np.ndarray:
        """A copy of the values as a NumPy array."""
        return self.value.numpy()

    def assign(self, value: Any) -> Variable:
        """Write `value`, of the variable's shape, into the variable."""
        new = as_tensor(value, device=self.device)
        if new.device is not self.device:
            new = new.to(self.device)
        if new.shape != self.shape:
            raise ShapeError(
                f"{self.name}.assign: expected shape {self.shape}, received {new.shape}"
            )
        kind, new_kind = dtypes.KIND[self.dtype], dtypes.KIND[new.dtype]
        if kind != new_kind and dtypes.promote(self.dtype, new.dtype) != self.dtype:
            raise DTypeError(
                f"{self.name}.assign: the variable holds {self.dtype.name}, received "
                f"{new.dtype.name}; "
                f"convert the value with tc.astype(value, tc.{self.dtype.name})"
            )
        if mode.graph is not None:
            mode.graph.assign(self, new)
        else:
            self.write(lambda storage: storage.__setitem__(..., new.data))
        return self

    def assign_add(self, delta: Any) -> Variable:
        """Add `delta` to the variable."""
        return self.assign(self.value + delta)  # type: ignore[operator]

    def assign_sub(self, delta: Any) -> Variable:
        """Subtract `delta` from the variable."""
        return self.assign(self.value - delta)  # type: ignore[operator]

    def write(self, writer: Callable[[Any], Any]) -> None:
        """Let `writer` change the variable's array in place."""
        self.device.run(writer, self.begin_write())

    def begin_write(self) -> Any:
        """The memory, ready to be overwritten: what is written is the value at once.

        Whoever still holds the old value (a tape, the user) gets a copy first; in a plain training
        step nobody does, and nothing is copied.
        """
        old = self._tensor
        if sys.getrefcount(old) > _UNSHARED:
            self._tensor = wrap(self._storage, old.device, self, self.serial)
            old.data = old.device.copy(old.data)
            old.variable = None
        return self._storage

    def move_to(self, device: str | Device) -> None:
        """Live on another device from now on, with the same values."""
        where = device_named(device)
        if where is not self.device:
            storage = where.lasting_copy(self._tensor.to(where).data)
            self.begin_write()
            self._storage = storage
            self._tensor = wrap(storage, where, self, self.serial)

    def move_storage(self, storage: Any) -> None:
        """Live in `storage` from now on, an array that holds the same values."""
        self.begin_write()
        self._storage = storage
        self._tensor = wrap(storage, self.device, self, self.serial)

    def to(self, device: str | Device) -> Tensor:
        """The value on another device."""
        return self._tensor.to(device)

    def __len__(self) -> int:
        return len(self._tensor)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.value.__array__(dtype)

    def __hash__(self) -> int:
        return id(self)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __iter__(self) -> Any:
        return iter(self.value)

    def __deepcopy__(self, memo: dict[int, Any]) -> Variable:
        restore, state = self.__reduce__()
        copy = restore(*state)
        memo[id(self)] = copy
        return copy

    def __reduce__(self) -> Any:
        state = (self.numpy(), self.trainable, self.name, self.path, self.device.name)
        return _restore, (*state, self.regularizer, self.constraint)

    def __repr__(self) -> str:
        if dialect.show is not None:
            return dialect.show(self)
        values = np.array2string(self._tensor.numpy(), threshold=100, edgeitems=3)
        what = f"shape={self.shape} dtype={self.dtype.name} device={self.device}"
        return f"<Variable {self.name!r} {what}>\n{values}"


def _restore(
    values: np.ndarray,
    trainable: bool,
    name: str,
    path: str,
    device_name: str,
    regularizer: Any,
    constraint: Any,
) -> Variable:
    variable = Variable(values, trainable, name, device=device_name)
    variable.path = path
    variable.regularizer = regularizer
    variable.constraint = constraint
    return variable
