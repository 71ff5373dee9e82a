"""Conversions: to another dtype, to another device."""

from __future__ import annotations

from typing import Any

from tensorcore import dtypes
from tensorcore.device import Device, to_numpy
from tensorcore.errors import TracingError
from tensorcore.mode import mode
from tensorcore.ops.composing import composed
from tensorcore.ops.record import Op, Spec, op
from tensorcore.tensor import StandIn, wrap
from tensorcore.variable import Variable


def _astype(xp: Any, x: Any, dtype: Any) -> Any:
    dtype = dtypes.as_dtype(dtype)
    return (x.real if x.dtype.kind == "c" and dtype.kind != "c" else x).astype(dtype)


@op(
    reference=_astype,
    into=lambda xp, out, x, dtype: xp.copyto(out, x, casting="unsafe"),
    gradient=(lambda g, x_dtype: convert(g, x_dtype),),
    samples=lambda rng: [
        ((rng.normal(size=(2, 3)),), {"dtype": "float32"}),
        ((rng.normal(size=(2, 3)) * 5,), {"dtype": "int32"}),
    ],
)
def convert(x, /, dtype):
    """The values converted to another dtype: what `astype` does.

    Args:
        x: tensor of any dtype.
        dtype: the new dtype.

    >>> tc.astype(tc.asarray([1.7, -1.7]), tc.int32).tolist()
    [1, -1]
    """
    return Spec(tuple(x.shape), dtypes.as_dtype(dtype))


@composed
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    """The values converted to another dtype; floats to integers are cut off towards zero.

    Args:
        x: tensor of any dtype.
        dtype: the new dtype, as `tc.float32` or as text.
        copy: False gives x itself back if nothing has to be done.
        device: move the result there.

    The imaginary part of complex values is dropped where the new dtype is real.

    >>> tc.astype(tc.asarray([1.7, -1.7]), tc.int32).tolist()
    [1, -1]
    """
    if isinstance(x, Variable):
        x = x.value
    if copy or x.dtype != dtypes.as_dtype(dtype):
        x = convert(x, dtype)
    return x if device is None else x.to(device)


class _ToDevice(Op):
    """The one operation whose output lives elsewhere than its input."""

    def __call__(self, x: Any, *, device: Device) -> Any:
        if isinstance(x, StandIn):
            raise TracingError(
                f'.to("{device}"): a tensor that is being traced stays on its device {x.device}; '
                "move tensors before the function is called, or after it returned"
            )
        array = x.data if device.kind == "gpu" else to_numpy(x.data)
        moved = wrap(device.asarray(array), device)
        for tape in mode.tapes:
            tape.record(self, (x,), {"device": device, "source": x.device}, moved)
        return moved


def _to_device_rule(x, /, *, device, source=None):
    """The tensor on another device; values and dtype stay.  `Tensor.to` calls it."""
    return Spec(tuple(x.shape), x.dtype)


to_device = _ToDevice(
    _to_device_rule,
    name="to_device",
    reference=lambda xp, x, device, source: x.copy(),
    gradient=(lambda g, source: to_device(g, device=source),),
    samples=lambda rng: [],
)
