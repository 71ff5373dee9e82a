"""The tensor: an array, the device that holds it, and what a gradient tape needs to know it by.

Operators and methods come from the operations' records and are attached in
`tensorcore/ops/methods.py`.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.device import CPU, Device, default_device, device_of, is_array, to_numpy
from tensorcore.device import device as device_named
from tensorcore.errors import ArgumentTypeError, DTypeError, InvalidArgumentError, ShapeError
from tensorcore.mode import dialect
from tensorcore.operators import Operators

_serials = itertools.count(1)


class Tensor(Operators):
    """An n-dimensional array of one dtype on one device.

    Attributes:
        shape: tuple of ints.
        dtype: a `numpy.dtype`, see `tensorcore.dtypes`.
        device: where the data is.
        data: the NumPy or CuPy array itself.
        variable: the Variable whose memory this is, or None.
        serial: how tapes know the tensor; 0 until one asks.

    Tensors are made by `tc.asarray`, `tc.zeros`, `tc.random.normal`...  Their memory is never
    written to: `x[i] = v` gives the object x a new array, and tapes see the write.

    >>> import tensorcore as tc
    >>> x = tc.asarray([[1.0, 2.0], [3.0, 4.0]], device="cpu")
    >>> x @ x
    Tensor([[ 7. 10.]
            [15. 22.]], shape=(2, 2), dtype=float32, device=cpu)
    """

    __slots__ = ("data", "device", "serial", "variable", "__weakref__")
    data: Any
    device: Device
    serial: int
    variable: Any
    __array_priority__ = 100  # numpy_array * tensor asks the tensor first

    # What it is -----------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def dtype(self) -> np.dtype:
        return self.data.dtype

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.data.size

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
        return self.data.nbytes

    @property
    def is_shared(self) -> bool:
        """Whether the memory is that of a variable, which may be written to."""
        return self.variable is not None

    def __len__(self) -> int:
        if not self.data.shape:
            raise ArgumentTypeError("len() of a tensor without dimensions")
        return self.data.shape[0]

    # Out of the tensor ----------------------------------------------------------------------------

    def numpy(self) -> np.ndarray:
        """A copy of the values as a NumPy array; waits for the device."""
        host = to_numpy(self.data)
        return host.copy() if host is self.data else host

    def item(self) -> Any:
        """The value of a tensor with one element, as a Python number."""
        if self.size != 1:
            raise InvalidArgumentError(
                f"item() needs a tensor with one element, received shape {self.shape}"
            )
        return to_numpy(self.data).item()

    def tolist(self) -> Any:
        """The values as nested Python lists."""
        return to_numpy(self.data).tolist()

    def to(self, device: str | Device) -> Tensor:
        """The tensor on another device; itself if it is there already.  Gradients flow back through
        it.
        """
        from tensorcore.ops.transfer import to_device

        target = device_named(device)
        return self if target is self.device else to_device(self, device=target)

    def to_device(self, device: str | Device, /, *, stream: Any = None) -> Tensor:
        """`to` under the array API's name; tensorcore chooses the stream."""
        if stream is not None:
            raise InvalidArgumentError("to_device: streams cannot be chosen; leave stream out")
        return self.to(device)

    def __array_namespace__(self, /, *, api_version: str | None = None) -> Any:
        import tensorcore

        if api_version not in (None, "2021.12", "2022.12", "2023.12", "2024.12", "2025.12"):
            raise InvalidArgumentError(
                f"__array_namespace__: unknown version {api_version!r} of the array API standard"
            )
        return tensorcore

    def __dlpack_device__(self) -> tuple[Any, int]:
        return self.data.__dlpack_device__()

    def __dlpack__(
        self,
        /,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[Any, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        # A variable's memory is written to; what is given away must not change.
        data = self.device.copy(self.data) if self.is_shared else self.data
        if self.device is not CPU:
            if dl_device is not None and int(dl_device[0]) == 1 and copy is False:
                raise BufferError(
                    f"__dlpack__: copy=False, but the tensor is on {self.device} and has to be "
                    "copied to the CPU"
                )
            if copy and (dl_device is None or int(dl_device[0]) != 1):
                data, copy = self.device.copy(data), None  # CuPy copies to the CPU only
        return self.device.run(
            data.__dlpack__, stream=stream, max_version=max_version, dl_device=dl_device, copy=copy
        )

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        if self.device is CPU:
            raise AttributeError("a tensor on the CPU has no __cuda_array_interface__")
        return self.data.__cuda_array_interface__

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        host = to_numpy(self.data)
        if host is self.data and copy is not False:
            host = host.copy()
        return host if dtype is None else host.astype(dtype, copy=False)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        if not dtypes.is_integer(self.dtype) or self.ndim:
            raise ArgumentTypeError(
                f"only an integer tensor without dimensions can be an index, received {self.dtype} "
                f"{self.shape}"
            )
        return int(self.item())

    def __bool__(self) -> bool:
        if self.size != 1:
            raise InvalidArgumentError(
                f"the truth value of a tensor of shape {self.shape} is ambiguous; use tc.any(x) or "
                f"tc.all(x)"
            )
        return bool(self.item())

    def __iter__(self) -> Any:
        if not self.shape:
            raise ArgumentTypeError("iteration over a tensor without dimensions")
        return (self[index] for index in range(self.shape[0]))  # type: ignore[index]

    def __hash__(self) -> int:
        return id(self)

    def __reduce__(self) -> Any:
        return _restore, (self.numpy(), self.device.name)

    def __copy__(self) -> Tensor:
        data = self.device.copy(self.data) if self.is_shared else self.data
        return wrap(data, self.device, serial=self.serial)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        return wrap(self.device.copy(self.data), self.device)

    def __repr__(self) -> str:
        if dialect.show is not None:
            return dialect.show(self)
        values = np.array2string(to_numpy(self.data), prefix="Tensor(", threshold=1000, edgeitems=3)
        return (
            f"Tensor({values}, shape={self.shape}, dtype={self.dtype.name}, device={self.device})"
        )

    def __str__(self) -> str:
        return repr(self) if dialect.text is None else dialect.text(self)

    def __format__(self, spec: str) -> str:
        # f"{loss}" and f"{loss:.3f}" show the number.
        return (
            format(self.item(), spec) if self.ndim == 0 or (spec and self.size == 1) else repr(self)
        )


class StandIn(Tensor):
    """A tensor without values of its own: part of a graph, or one example of many.

    `data` is anything with shape, dtype, ndim, size and nbytes.
    """

    __slots__ = ()

    def __init__(self, data: Any, device: Device) -> None:
        self.data = data
        self.device = device
        self.variable = None
        self.serial = 0


def _restore(values: np.ndarray, name: str) -> Tensor:
    return as_tensor(values, device=device_named(name))


def next_serial() -> int:
    """A number that no other tensor has."""
    return next(_serials)


def wrap(array: Any, device: Device, variable: Any = None, serial: int = 0) -> Tensor:
    """The tensor of an array that lives on `device`; NumPy's scalars become arrays without
    dimensions.  `variable` and `serial` are those of `Tensor`.
    """
    if device is CPU and type(array) is not np.ndarray:
        array = np.asarray(array)
    tensor = Tensor()  # a class without __init__ makes objects in half the time
    tensor.data = array
    tensor.device = device
    tensor.variable = variable
    tensor.serial = serial
    return tensor


def as_tensor(value: Any, *, dtype: Any = None, device: Device | None = None) -> Tensor:
    """`value` as a tensor: tensors as they are, arrays with their dtype, Python numbers as float32
    and int32.

    Args:
        value: a tensor, a variable, an array of NumPy or CuPy, a number, or nested lists of them.
        dtype: convert to this dtype; None keeps the value's own.
        device: where host values are put; None means the default device.  Tensors and CuPy arrays
            stay where they are.
    """
    read = getattr(value, "__tensor__", None)
    if read is not None:
        value = read()
    if not isinstance(value, Tensor):
        value = _tensor_of_values(value, dtype, device)
    if dtype is not None and value.dtype != dtypes.as_dtype(dtype):
        from tensorcore.ops.transfer import astype

        return astype(value, dtypes.as_dtype(dtype))
    return value


def _tensor_of_values(value: Any, dtype: Any, device: Device | None) -> Tensor:
    if is_array(value):
        array = value
        if isinstance(value, np.ndarray):
            array = _host_array(value)
        where = device_of(array)
        if where is not CPU or (device in (None, CPU) and (device or default_device()) is CPU):
            return wrap(array, where)
        where = device or default_device()
        return wrap(where.asarray(array), where)
    host = _host_array(_from_python(value, dtype), dtype)
    where = device or default_device()
    return wrap(host if where is CPU else where.asarray(host), where)


def _host_array(array: np.ndarray, dtype: Any = None) -> np.ndarray:
    if dtype is not None:
        return array.astype(dtypes.as_dtype(dtype), copy=False)
    if array.dtype not in dtypes.KIND:
        raise DTypeError(
            f"a tensor cannot hold dtype {array.dtype}; expected numbers or booleans"
            + _remedy_for(array)
        )
    return array


def _remedy_for(array: np.ndarray) -> str:
    if array.dtype.kind in "SUT":
        return (
            ". Give each text a number first: names, numbers = np.unique(labels, "
            "return_inverse=True)"
        )
    if array.dtype == object:
        return "; rows of different lengths have to be padded first"
    return ""


def uneven_rows(value: Any, place: str = "") -> str | None:
    """What is wrong with nested lists that are no array: where lengths differ."""
    lengths = [len(part) if isinstance(part, (list, tuple)) else None for part in value]
    for number, length in enumerate(lengths):
        if length != lengths[0]:
            first, other = (
                "a number" if n is None else f"{n} elements" for n in (lengths[0], length)
            )
            return f"{place}[0] has {first}, {place}[{number}] has {other}"
    if not lengths or lengths[0] is None:
        return None
    found = (uneven_rows(part, f"{place}[{number}]") for number, part in enumerate(value))
    return next((words for words in found if words), None)


def _from_python(value: Any, dtype: Any) -> np.ndarray:
    """An array of Python numbers, in the default dtypes; whatever carries a dtype keeps it, and so
    do the digits of numbers that become another `dtype`.
    """
    if isinstance(value, (list, tuple)) and any(
        isinstance(leaf, Tensor) for leaf in _leaves(value)
    ):
        value = _without_tensors(value)
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        words = uneven_rows(value) if isinstance(value, (list, tuple)) else None
        if words is not None:
            raise ShapeError(
                f"cannot make a tensor of rows of different lengths: {words}. Pad the short ones, "
                "or keep a list of tensors."
            ) from None
        raise InvalidArgumentError(
            f"cannot make a tensor of {type(value).__name__}: {error}"
        ) from None
    if dtype is not None or hasattr(value, "dtype") or _has_dtype(value):
        return array
    if array.dtype == np.int64:
        limits = np.iinfo(np.int32)
        fits = array.size == 0 or (limits.min <= array.min() and array.max() <= limits.max)
        return array.astype(np.int32) if fits else array
    narrow = {np.dtype("float64"): dtypes.float32, np.dtype("complex128"): dtypes.complex64}
    return array.astype(narrow.get(array.dtype, array.dtype), copy=False)


def _leaves(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from _leaves(part)
    else:
        yield value


def _has_dtype(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and any(
        hasattr(leaf, "dtype") for leaf in _leaves(value)
    )


def _without_tensors(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_without_tensors(part) for part in value]
    return to_numpy(value.data) if isinstance(value, Tensor) else value
