"""New tensors: constants, ranges, and tensors like others."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.device import Device, default_device
from tensorcore.device import device as device_named
from tensorcore.errors import ArgumentTypeError, InvalidArgumentError
from tensorcore.ops.composing import composed
from tensorcore.ops.shapes import new_shape
from tensorcore.tensor import Tensor, as_tensor, wrap


def _place(device: str | Device | None) -> Device:
    return default_device() if device is None else device_named(device)


@composed
def asarray(
    obj: Any,
    /,
    *,
    dtype: Any = None,
    device: str | Device | None = None,
    copy: bool | None = None,
) -> Tensor:
    """A tensor of `obj`.

    Args:
        obj: a number, nested lists of numbers, an array of NumPy or CuPy, a tensor or a variable.
        dtype: the dtype of the result; None keeps that of arrays, and takes float32 or int32 for
            Python's numbers.
        device: where it goes; None leaves tensors where they are and puts host values on the
            default device.
        copy: True always copies; None copies where needed, so that a NumPy array may share its
            memory; False raises where a copy is needed.

    >>> tc.asarray([1, 2]).dtype, tc.asarray([1.0]).dtype
    (dtype('int32'), dtype('float32'))
    """
    where = None if device is None else device_named(device)
    tensor = as_tensor(obj, dtype=dtype, device=where)
    if where is not None:
        tensor = tensor.to(where)
    shared = tensor is obj or tensor.data is obj or tensor.is_shared
    if copy is False and not shared:
        raise InvalidArgumentError(
            "asarray: copy=False, but the value has to be copied or converted"
        )
    if (tensor.is_shared and copy is not False) or (copy and shared):
        return _copied(tensor)
    return tensor


def _copied(tensor: Tensor) -> Tensor:
    """The same values in memory of their own; tapes see it."""
    from tensorcore.ops.transfer import convert

    return convert(tensor, tensor.dtype)


@composed
def from_dlpack(x: Any, /, *, device: str | Device | None = None, copy: bool | None = None) -> Any:
    """A tensor of an array of any library that speaks DLPack, without a copy where it can be.

    Args:
        x: object with `__dlpack__` and `__dlpack_device__`.
        device: where the tensor goes; None leaves it where the array is.
        copy: True copies always, None only to change the device, False refuses to copy.

    >>> tc.from_dlpack(np.asarray([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """
    if not hasattr(x, "__dlpack__") or not hasattr(x, "__dlpack_device__"):
        raise ArgumentTypeError(
            f"from_dlpack: expected an array that has __dlpack__, received {type(x).__name__}; "
            "for other values use tc.asarray"
        )
    kind, index = x.__dlpack_device__()
    if int(kind) not in _DLPACK_KINDS:
        raise InvalidArgumentError(
            f"from_dlpack: x is on a device of DLPack type {int(kind)}; expected the CPU or CUDA"
        )
    place = device_named(_DLPACK_KINDS[int(kind)].format(index))
    target = place if device is None else device_named(device)
    if copy is False and target is not place:
        raise InvalidArgumentError(
            f"from_dlpack: copy=False, but x is on {place} and has to be copied to {target}"
        )
    tensor = wrap(place.run(place.xp.from_dlpack, x), place)
    if tensor.dtype not in dtypes.KIND:
        raise dtypes.DTypeError(f"from_dlpack: a tensor cannot hold dtype {tensor.dtype}")
    if target is not place:
        return tensor.to(target)
    return _copied(tensor) if copy else tensor


# DLPack's numbers: 1 host memory, 2 CUDA memory, 3 pinned host memory.
_DLPACK_KINDS = {1: "cpu", 2: "gpu:{}", 3: "cpu"}


@composed
def full(
    shape: Any, fill_value: Any, *, dtype: Any = None, device: str | Device | None = None
) -> Tensor:
    """A tensor of the given shape in which every element is `fill_value`.

    >>> tc.full((2,), 7).tolist()
    [7, 7]
    """
    where = _place(device)
    kind = dtypes.as_dtype(
        dtype if dtype is not None else getattr(fill_value, "dtype", type(fill_value))
    )
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    sizes = new_shape("full", shape)
    if value == 0 and any(np.asarray(value, kind).tobytes()):
        # -0.0: CuPy fills with zeros whatever their sign
        return wrap(where.asarray(np.full(sizes, value, kind)), where)
    return wrap(where.run(where.xp.full, sizes, value, kind), where)


@composed
def zeros(shape: Any, *, dtype: Any = None, device: str | Device | None = None) -> Tensor:
    """A tensor of zeros, float32 by default.

    >>> tc.zeros((2, 1)).tolist()
    [[0.0], [0.0]]
    """
    where = _place(device)
    return wrap(
        where.run(where.xp.zeros, new_shape("zeros", shape), dtypes.as_dtype(dtype or "float32")),
        where,
    )


@composed
def ones(shape: Any, *, dtype: Any = None, device: str | Device | None = None) -> Tensor:
    """A tensor of ones, float32 by default.

    >>> tc.ones(2).tolist()
    [1.0, 1.0]
    """
    where = _place(device)
    return wrap(
        where.run(where.xp.ones, new_shape("ones", shape), dtypes.as_dtype(dtype or "float32")),
        where,
    )


@composed
def empty(shape: Any, *, dtype: Any = None, device: str | Device | None = None) -> Tensor:
    """A tensor whose values are not set.

    >>> tc.empty((2, 3)).shape
    (2, 3)
    """
    where = _place(device)
    return wrap(where.empty(new_shape("empty", shape), dtypes.as_dtype(dtype or "float32")), where)


def _like(x: Any, dtype: Any, device: Any) -> tuple[tuple[int, ...], Any, Device]:
    if not hasattr(x, "device"):
        x = as_tensor(x)
    return x.shape, x.dtype if dtype is None else dtype, x.device if device is None else device


@composed
def zeros_like(x: Any, /, *, dtype: Any = None, device: str | Device | None = None) -> Tensor:
    """Zeros in the shape, dtype and place of another tensor.

    >>> tc.zeros_like(tc.ones(2)).tolist()
    [0.0, 0.0]
    """
    shape, kind, where = _like(x, dtype, device)
    return zeros(shape, dtype=kind, device=where)


@composed
def ones_like(x: Any, /, *, dtype: Any = None, device: str | Device | None = None) -> Tensor:
    """Ones in the shape, dtype and place of another tensor.

    >>> tc.ones_like(tc.zeros(2)).tolist()
    [1.0, 1.0]
    """
    shape, kind, where = _like(x, dtype, device)
    return ones(shape, dtype=kind, device=where)


@composed
def full_like(
    x: Any, /, fill_value: Any, *, dtype: Any = None, device: str | Device | None = None
) -> Tensor:
    """`fill_value` in the shape, dtype and place of another tensor.

    >>> tc.full_like(tc.zeros(2), 3).tolist()
    [3.0, 3.0]
    """
    shape, kind, where = _like(x, dtype, device)
    return full(shape, fill_value, dtype=kind, device=where)


@composed
def empty_like(x: Any, /, *, dtype: Any = None, device: str | Device | None = None) -> Tensor:
    """Unset values in the shape, dtype and place of another tensor.

    >>> tc.empty_like(tc.zeros(2)).shape
    (2,)
    """
    shape, kind, where = _like(x, dtype, device)
    return empty(shape, dtype=kind, device=where)


@composed
def arange(
    start: Any,
    /,
    stop: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: str | Device | None = None,
) -> Tensor:
    """Evenly spaced values in [start, stop), or in [0, start) without `stop`.

    >>> tc.arange(3).tolist(), tc.arange(1, 2, 0.5).tolist()
    ([0, 1, 2], [1.0, 1.5])
    """
    if stop is None:
        start, stop = 0, start
    if step == 0:
        raise InvalidArgumentError("arange: step must not be 0")
    if dtype is None:
        dtype = "int32" if all(isinstance(v, int) for v in (start, stop, step)) else "float32"
    kind = dtypes.as_dtype(dtype)
    where = _place(device)
    # Computed on the host, so that all devices agree to the last bit.
    values = np.arange(start, stop, step)
    return wrap(where.asarray(values.astype(kind, copy=False)), where)


@composed
def linspace(
    start: Any,
    stop: Any,
    /,
    num: int,
    *,
    dtype: Any = None,
    device: str | Device | None = None,
    endpoint: bool = True,
) -> Tensor:
    """`num` evenly spaced values from `start` to `stop`.

    >>> tc.linspace(0.0, 1.0, 3).tolist()
    [0.0, 0.5, 1.0]
    """
    kind = dtypes.as_dtype(dtype or "float32")
    where = _place(device)
    values = np.linspace(start, stop, num, endpoint=endpoint)
    return wrap(where.asarray(values.astype(kind)), where)


@composed
def eye(
    n_rows: int,
    n_cols: int | None = None,
    /,
    *,
    k: int = 0,
    dtype: Any = None,
    device: str | Device | None = None,
) -> Tensor:
    """Ones on the k-th diagonal, zeros elsewhere.

    >>> tc.eye(2).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    where = _place(device)
    return wrap(
        where.run(where.xp.eye, n_rows, n_cols, k, dtypes.as_dtype(dtype or "float32")), where
    )
