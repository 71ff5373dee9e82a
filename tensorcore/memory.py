"""Memory of the devices: how much there is, who has it, and what to do when it runs out."""

from __future__ import annotations

import gc
import math
import os
import weakref
from typing import Any, NamedTuple

from tensorcore.device import Device, device
from tensorcore.errors import InvalidArgumentError, OutOfMemoryError
from tensorcore.tensor import Tensor

LARGEST = 3  # tensors that a message lists
SHOWN_FROM = 2**20  # bytes of traced functions

# What holds memory that is in no tensor: plans of traced functions, with `device` and `nbytes`.
plans: weakref.WeakSet[Any] = weakref.WeakSet()

# What is there to be faster only, and gives up its memory of a device where that has run out.
spares: weakref.WeakSet[Any] = weakref.WeakSet()


class MemorySummary(NamedTuple):
    """Memory of one device, in bytes; `str()` gives it in readable units."""

    device: str
    used: int
    pool: int
    free: int
    total: int

    def __str__(self) -> str:
        return (
            f"{self.device}: {mib(self.used)} in use, {mib(self.pool)} held by the pool, "
            f"{mib(self.free)} free of {mib(self.total)}"
        )


def mib(nbytes: float) -> str:
    """Bytes as a text in MiB."""
    return f"{nbytes / 2**20:,.1f} MiB"


def memory_summary(name: str | Device | None = None) -> MemorySummary:
    """How much memory a device has and what holds it.

    On the CPU `used` is the process's resident memory and there is no pool.

    >>> tc.memory_summary("cpu").used > 0
    True
    """
    where = device(name)
    if where.kind == "gpu":
        return where.run(_of_gpu, where)
    page = os.sysconf("SC_PAGE_SIZE")
    with open("/proc/self/statm") as statm:
        resident = int(statm.read().split()[1]) * page
    total = os.sysconf("SC_PHYS_PAGES") * page
    free = os.sysconf("SC_AVPHYS_PAGES") * page
    return MemorySummary("cpu", resident, 0, free, total)


def _of_gpu(where: Device) -> MemorySummary:
    pool = where.xp.get_default_memory_pool()
    free, total = where.xp.cuda.runtime.memGetInfo()
    return MemorySummary(where.name, pool.used_bytes(), pool.total_bytes(), free, total)


def empty_cache(name: str | Device | None = None) -> None:
    """Give memory that no tensor uses back to the system; of a GPU also that of the host through
    which batches came.
    """
    gc.collect()
    where = device(name)
    if where.kind == "gpu":
        with where.xp.cuda.Device(where.index):
            where.xp.get_default_memory_pool().free_all_blocks()
            where.xp.get_default_pinned_memory_pool().free_all_blocks()


def make_room(where: Device) -> None:
    """Give up what can be done without on a device, for an allocation that has failed."""
    for spare in list(spares):
        spare.give_up(where)
    empty_cache(where)


def free_for_arrays(where: Device) -> int:
    """How many bytes a GPU has for new arrays: what is free and what its pool keeps, within the
    limit.
    """
    state = memory_summary(where)
    free = state.free + state.pool - state.used
    limit = where.run(where.xp.get_default_memory_pool().get_limit)
    return min(free, limit - state.used) if limit else free


def set_memory_limit(
    name: str | Device | None = None,
    *,
    nbytes: int | None = None,
    fraction: float | None = None,
) -> None:
    """How much of a GPU's memory tensors may take; beyond that OutOfMemoryError is raised.

    Args:
        name: the GPU; the default device if None.
        nbytes: the limit in bytes; 0 takes the limit away.
        fraction: the limit as a share of the GPU's memory, more than 0 and up to 1.

    Raises:
        InvalidArgumentError: on the CPU, or unless exactly one of `nbytes` and `fraction` is given.
    """
    where = device(name)
    if where.kind != "gpu":
        raise InvalidArgumentError(
            "set_memory_limit: only a GPU's memory can be limited, received the device cpu"
        )
    if (nbytes is None) == (fraction is None):
        raise InvalidArgumentError("set_memory_limit: give either nbytes or fraction")
    if fraction is not None and not 0 < fraction <= 1:
        raise InvalidArgumentError(
            f"set_memory_limit: fraction must be more than 0 and at most 1, received {fraction}"
        )
    if nbytes is not None and nbytes < 0:
        raise InvalidArgumentError(
            f"set_memory_limit: nbytes must be 0 (no limit) or more, received {nbytes}"
        )
    pool = where.xp.get_default_memory_pool()
    where.run(pool.set_limit, size=nbytes, fraction=fraction)


def largest_tensors(where: Device, count: int = LARGEST) -> list[Tensor]:
    """The largest tensors alive on a device, views of one array counted once."""
    found: dict[int, Tensor] = {}
    for value in gc.get_objects():
        if type(value) is Tensor and getattr(value, "device", None) is where:
            base = value.data.base
            found.setdefault(id(value.data if base is None else base), value)
    return sorted(found.values(), key=lambda tensor: -tensor.nbytes)[:count]


def explained(where: Device, error: BaseException) -> OutOfMemoryError:
    """The error for memory that has run out: the state, who has most, and what to do.

    Args:
        where: the device.
        error: what NumPy, numba or CuPy raised.
    """
    problem = " ".join(str(error).split())[:200].rstrip(".")
    state = memory_summary(where)
    largest = ", ".join(_described(tensor) for tensor in largest_tensors(where))
    has_most = f" The largest tensors: {largest}." if largest else ""
    planned = sum(plan.nbytes for plan in list(plans) if plan.device is where)
    if planned >= SHOWN_FROM:
        has_most += f" Traced functions keep {mib(planned)} for what they compute."
    other = ", or run on the CPU" if where.kind == "gpu" else ""
    told = OutOfMemoryError(
        f"out of memory on {where}: {problem}. State: {state}.{has_most} Use a smaller batch "
        f"size, or delete tensors that are no longer needed{other}."
    )
    told.asked = _asked(error)
    told.used = state.used
    told.room = state.used + state.free
    if where.kind == "gpu":
        told.room = where.xp.get_default_memory_pool().get_limit() or state.total
    return told


def _asked(error: Any) -> int:
    """The bytes that an allocation asked for, as far as NumPy's and CuPy's errors tell."""
    if hasattr(error, "shape") and hasattr(error, "dtype"):
        return math.prod(error.shape) * error.dtype.itemsize
    return getattr(error, "_size", 0)


def _described(tensor: Any) -> str:
    name = f"{tensor.variable.name} " if tensor.variable is not None else ""
    return f"{name}{tuple(tensor.shape)} {tensor.dtype.name} ({mib(tensor.nbytes)})"
