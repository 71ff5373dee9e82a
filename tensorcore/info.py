"""What `tensorcore` is able to do, in the words of the array API standard."""

from __future__ import annotations

from typing import Any

from tensorcore import dtypes as types
from tensorcore.device import Device, default_device
from tensorcore.device import device as device_named
from tensorcore.device import devices as all_devices
from tensorcore.errors import InvalidArgumentError
from tensorcore.ops.data_types import KINDS

API_VERSION = "2025.12"

# The standard knows these; float16 and bfloat16 are ours beside them.
_STANDARD = tuple(d for d in types.ALL if d not in (types.float16, types.bfloat16))


class NamespaceInfo:
    """The answers to the standard's questions; `tc.__array_namespace_info__()` gives one.

    >>> tc.__array_namespace_info__().default_dtypes()["real floating"]
    dtype('float32')
    """

    def capabilities(self) -> dict[str, Any]:
        """Which optional parts of the standard there are; at most 64 dimensions."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> Device:
        """Where new tensors are made."""
        return default_device()

    def default_dtypes(self, *, device: Any = None) -> dict[str, Any]:
        """The dtypes of Python's numbers, and of indices; the same on all devices."""
        if device is not None:
            device_named(device)
        return {
            "real floating": types.float32,
            "complex floating": types.complex64,
            "integral": types.int32,
            "indexing": types.int64,
        }

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, Any]:
        """The standard's dtypes by name: all, or those of a kind or a tuple of kinds."""
        if device is not None:
            device_named(device)
        if kind is None:
            return {dtype.name: dtype for dtype in _STANDARD}
        found: dict[str, Any] = {}
        for part in kind if isinstance(kind, tuple) else (kind,):
            if part not in KINDS:
                raise InvalidArgumentError(
                    f"dtypes: unknown kind {part!r}; expected one of {', '.join(KINDS)}"
                )
            found.update({dtype.name: dtype for dtype in KINDS[part] if dtype in _STANDARD})
        return found

    def devices(self) -> tuple[Device, ...]:
        """The devices that can be used in this process."""
        return tuple(all_devices())


def array_namespace_info() -> NamespaceInfo:
    """The object that answers the standard's questions about this namespace."""
    return NamespaceInfo()
