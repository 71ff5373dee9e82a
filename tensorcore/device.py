"""Devices: the CPU and NVIDIA GPUs, and all that depends on which one holds an array.

This is the only module that knows NumPy arrays from CuPy arrays.  CuPy is imported when a GPU is
first asked for, never by `import tensorcore`.
"""

from __future__ import annotations

import functools
import math
import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorcore.errors import (
    ArgumentTypeError,
    DeviceUnavailableError,
    InvalidArgumentError,
    OutOfMemoryError,
    OutOfRangeError,
)

ALIGNMENT = 64  # bytes: a cache line, and a register of AVX-512
FED_ALIGNMENT = 256  # bytes: where each of the arrays begins that one copy brings to a GPU

_stack = threading.local()  # .devices: what `with tc.device(...)` blocks of this thread say
_default: Device | None = None
_is_automatic = False  # whether "auto" has chosen it
_forked_after_cuda = False


class Device:
    """One place where tensors live and operations run: `Device("cpu")`, `Device("gpu:0")`.

    Devices are singletons, so `is` compares them.  A device is also a context manager: within the
    block new tensors are made there.  Operations follow their data, whatever the block says.
    """

    __slots__ = ("kind", "index", "name")

    def __init__(self, kind: str, index: int) -> None:
        self.kind = kind
        self.index = index
        self.name = "cpu" if kind == "cpu" else f"gpu:{index}"

    def __repr__(self) -> str:
        return f"Device({self.name!r})"

    def __str__(self) -> str:
        return self.name

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return other in (self.name, f"{self.kind}:{self.index}") or (
                other == self.kind and self.index == 0
            )
        return self is other

    def __hash__(self) -> int:
        return hash(self.name)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return device, (self.name,)

    def __enter__(self) -> Device:
        if not hasattr(_stack, "devices"):
            _stack.devices = []
        _stack.devices.append(self)
        return self

    def __exit__(self, *exception: object) -> None:
        _stack.devices.pop()

    # What the operations need ---------------------------------------------------------------------

    @property
    def xp(self) -> Any:
        """The array module of this device: numpy or cupy."""
        return np if self.kind == "cpu" else _cupy()

    def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call `function` with this device current; a failed allocation is retried once after
        freeing.
        """
        if self.kind == "cpu":
            try:
                return function(*args, **kwargs)
            except OutOfMemoryError:
                raise
            except MemoryError as error:
                from tensorcore import memory

                raise memory.explained(self, error) from None
        cupy = _cupy()
        with cupy.cuda.Device(self.index):
            try:
                return function(*args, **kwargs)
            except cupy.cuda.memory.OutOfMemoryError:
                from tensorcore import memory

                memory.make_room(self)
            return self.run_once(function, *args, **kwargs)

    def run_once(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The same without a second try, for what may have changed something when it fails."""
        if self.kind == "cpu":
            return self.run(function, *args, **kwargs)
        cupy = _cupy()
        with cupy.cuda.Device(self.index):
            try:
                return function(*args, **kwargs)
            except cupy.cuda.memory.OutOfMemoryError as error:
                from tensorcore import memory

                raise memory.explained(self, error) from None

    def asarray(self, values: Any, dtype: np.dtype | None = None) -> Any:
        """`values` (an array of any kind, a nested list, a number) as an array of this device."""
        if self.kind == "cpu":
            return np.asarray(to_numpy(values), dtype)
        if isinstance(values, (np.ndarray, np.generic)) and values.ndim == 0 and values == 0:
            # CuPy fills single numbers in, and zeros without their sign; a copy keeps -0.0.
            return self.run(_cupy().asarray, np.reshape(values, (1,)), dtype).reshape(())
        return self.run(_cupy().asarray, values, dtype)

    def copy(self, array: Any) -> Any:
        """A C-contiguous copy of `array`, which lives on this device."""
        return self.run(self.xp.array, array, copy=True, order="C")

    def lasting_copy(self, array: Any) -> Any:
        """A copy in memory that begins at a multiple of 64 bytes, as what lives long should."""
        raw = self.run(self.xp.zeros, array.nbytes + ALIGNMENT, np.uint8)
        copy = aligned_part(raw, array.shape, array.dtype)
        self.run(self.xp.copyto, copy, array)
        return copy

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> Any:
        """An uninitialised array of this device."""
        return self.run(self.xp.empty, shape, dtype)

    def recorded(self, steps: Sequence[Callable[[], Any]]) -> Callable[[], Any]:
        """A call that runs all `steps`, which use the same arrays every time.

        On a GPU they are captured into a CUDA graph at the second run, except those that decide on
        the host what runs (`runs_on_host`), which stand between several such graphs.
        """
        if self.kind == "cpu":
            return functools.partial(_run_all, steps)
        from tensorcore.kernels.cuda.graphs import Replay

        parts: list[Any] = []
        together: list[Any] = []
        for step in steps:
            if not getattr(step, "runs_on_host", False):
                together.append(step)
                continue
            parts += [Replay(together, self.run), step] if together else [step]
            together = []
        if together or not parts:
            parts.append(Replay(together, self.run))
        return parts[0] if len(parts) == 1 else functools.partial(_run_all, parts)

    def feeder(self, places: Sequence[Any]) -> Callable[[Callable[[Any], Any]], Any]:
        """A call that lets a function write into these arrays, which it is given as host arrays.

        On a GPU it writes to page-locked memory, which is copied while the GPU computes; arrays
        that lie in one buffer, each from the next multiple of FED_ALIGNMENT on, are one copy.
        """
        if self.kind == "cpu":
            return lambda fill: fill(places)
        from tensorcore.kernels.cuda.feeding import Feeder

        return self.run(Feeder, places, FED_ALIGNMENT)

    def row_feeder(
        self, places: Sequence[Any], numbers: Sequence[Any]
    ) -> Callable[[Callable[[Any], Any]], Any]:
        """The same for places that get rows of arrays of this GPU; see `Plan.run`."""
        from tensorcore.kernels.cuda.feeding import RowFeeder

        return self.run(RowFeeder, places, numbers, FED_ALIGNMENT)

    def brought(self, array: np.ndarray, dtype: np.dtype) -> Any:
        """A host array on this GPU as `dtype`, which does not wait; it may not change until
        somebody has.
        """
        from tensorcore.kernels.cuda.feeding import brought

        return self.run(brought, array, dtype)

    def synchronize(self) -> None:
        """Wait until all work given to this device is done, and report errors that kernels
        found.
        """
        if self.kind == "gpu":
            self.run(_cupy().cuda.get_current_stream().synchronize)
            raise_found_errors(self)


def _run_all(steps: Sequence[Callable[[], Any]]) -> None:
    for step in steps:
        step()


CPU = Device("cpu", 0)
_gpus: dict[int, Device] = {}


def device(name: str | Device | None = None) -> Device:
    """The device named `"cpu"`, `"gpu"`, `"gpu:1"` or `"auto"`; without a name, where new tensors
    go now.

    Raises:
        DeviceUnavailableError: a GPU is named and cannot be used; the message carries the reason.

    >>> device("cpu").kind
    'cpu'
    """
    if isinstance(name, Device):
        return name
    if name is None:
        return default_device()
    if not isinstance(name, str):
        raise ArgumentTypeError(
            f'device: expected a name such as "cpu" or "gpu:0", received {name!r}'
        )
    kind, _, index = name.lower().strip("/").removeprefix("device:").partition(":")
    if kind == "auto" and not index:
        return _auto()
    kind = "gpu" if kind == "cuda" else kind
    if (
        kind not in ("cpu", "gpu")
        or (index and not index.isdigit())
        or (kind == "cpu" and index not in ("", "0"))
    ):
        raise InvalidArgumentError(
            f'unknown device {name!r}; expected "cpu", "gpu", "gpu:N" or "auto"'
        )
    return CPU if kind == "cpu" else _gpu(int(index or 0))


def devices() -> list[Device]:
    """The devices that can be used in this process, the CPU first."""
    if gpu_problem() is not None:
        return [CPU]
    return [CPU] + [_gpu(index) for index in range(_cupy().cuda.runtime.getDeviceCount())]


def default_device() -> Device:
    """Where new tensors are made: the innermost `with device(...)`, else the default device."""
    stack = getattr(_stack, "devices", None)
    if stack:
        return stack[-1]
    if _default is None:
        set_default_device(os.environ.get("TENSORCORE_DEVICE") or "auto")
    return _default  # type: ignore[return-value]


def set_default_device(name: str | Device) -> None:
    """Make `name` the device of new tensors; `"auto"` takes the GPU if it works, else the CPU and
    says why.
    """
    global _default, _is_automatic
    _default = device(name)
    _is_automatic = isinstance(name, str) and name.strip().lower() == "auto"


def automatic_device() -> Device | None:
    """The default device if "auto" has chosen it; None if somebody named it."""
    found = default_device()
    return found if _is_automatic and not getattr(_stack, "devices", None) else None


def _auto() -> Device:
    problem = gpu_problem()
    if problem is None:
        return _gpu(0)
    if os.environ.get("TENSORCORE_REQUIRE_GPU") == "1":
        raise DeviceUnavailableError(f"TENSORCORE_REQUIRE_GPU=1, but no GPU can be used: {problem}")
    _say_fallback(problem)
    return CPU


@functools.cache
def _say_fallback(problem: str) -> None:
    print(f"tensorcore: using the CPU: {problem}", file=sys.stderr)


def _gpu(index: int) -> Device:
    problem = gpu_problem()
    if problem is not None:
        raise DeviceUnavailableError(
            f'device "gpu:{index}" cannot be used: {problem}. '
            'Use device "cpu", or "auto" to fall back to it.'
        )
    count = _cupy().cuda.runtime.getDeviceCount()
    if index >= count:
        raise DeviceUnavailableError(
            f'device "gpu:{index}" does not exist: this machine has {count} GPU(s)'
        )
    if index not in _gpus:
        _gpus[index] = Device("gpu", index)
    return _gpus[index]


@functools.cache
def gpu_problem() -> str | None:
    """Why no GPU can be used, in one line; None if one can."""
    try:
        cupy = _import_cupy()
    except ImportError as error:
        if "cupy" in str(error) and not os.path.exists("/dev/nvidiactl"):
            return "no GPU support is installed (CuPy is missing)"
        return (
            f'CuPy cannot be imported ({_one_line(error)}); try: pip install "tensorcore[cuda13]"'
        )
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:  # CuPy raises several unrelated classes here; each means "no GPU"
        return f"the CUDA driver does not answer ({_one_line(error)})"
    return None if count else "the CUDA driver reports no device"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


@functools.cache
def _import_cupy() -> Any:
    from tensorcore.kernels import cache_folders

    os.environ.update(cache_folders.settings_of_cupy())
    import cupy

    return cupy


def _cupy() -> Any:
    if _forked_after_cuda:
        raise DeviceUnavailableError(
            "CUDA cannot be used in a process forked after CUDA was started. Start workers with "
            'multiprocessing.get_context("spawn"), or keep GPU work in the parent process.'
        )
    return _import_cupy()


def _note_fork() -> None:
    global _forked_after_cuda
    _forked_after_cuda = bool(_gpus)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


# Whose array is it --------------------------------------------------------------------------------


def is_array(value: Any) -> bool:
    """Whether `value` is an array of some device (NumPy or CuPy), as kernels take and return
    them.
    """
    return is_array_class(type(value))


def is_array_class(kind: type) -> bool:
    """Whether objects of the class `kind` are such arrays."""
    return issubclass(kind, np.ndarray) or kind.__module__.partition(".")[0] == "cupy"


def device_of(array: Any) -> Device:
    """The device that holds a NumPy or CuPy array."""
    if isinstance(array, (np.ndarray, np.generic)):
        return CPU
    return _gpu(array.device.id)


def address(array: Any) -> int:
    """Where the first element of an array is in the memory of its device."""
    return array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr


def aligned_part(raw: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """An array in a buffer of bytes, from the first multiple of 64 bytes on.

    The buffer must have 64 bytes to spare.
    """
    start = -address(raw) % ALIGNMENT
    nbytes = math.prod(shape) * dtype.itemsize
    return raw[start : start + nbytes].view(dtype).reshape(shape)


def to_numpy(array: Any) -> Any:
    """`array` as NumPy array (a copy for arrays of a GPU, after which errors found there are
    raised).
    """
    if type(array) is np.ndarray or type(array).__module__.partition(".")[0] != "cupy":
        return array
    gpu = _gpu(array.device.id)
    host = gpu.run(array.get)
    raise_found_errors(gpu)
    return host


# Ranges of indices and labels ---------------------------------------------------------------------
# The CPU checks at once.  On a GPU looking at the values would stop the queue, so a kernel writes
# the first bad value into a small record on the device, which is read when the host waits for the
# device anyway.

_range_records: dict[int, Any] = {}
_range_messages: dict[str, int] = {}


def check_range(where: Device, array: Any, low: int, high: int, message: str) -> None:
    """Raise OutOfRangeError(message) if a value of the integer `array` is not in [low, high).

    `message` may use the placeholders {value}, {low} and {last}.  On a GPU the error comes at the
    next wait for the device (`.numpy()`, printing, `synchronize()`).
    """
    if where.kind == "cpu":
        if array.size == 0:
            return
        smallest, largest = int(array.min()), int(array.max())
        if smallest < low or largest >= high:
            value = smallest if smallest < low else largest
            raise OutOfRangeError(_range_error(message, value, low, high))
        return
    number = _range_messages.setdefault(message, len(_range_messages))
    where.run(_check_range_on_gpu, where, array, low, high, number)


# What stands for a number that is not whole where indices and labels are made of floats.
NOT_WHOLE = -(2**31)


def _range_error(message: str, value: int, low: int, high: int) -> str:
    shown = "(a number that is not whole)" if value == NOT_WHOLE else value
    return message.format(value=shown, low=low, last=high - 1)


def _check_range_on_gpu(where: Device, array: Any, low: int, high: int, number: int) -> None:
    from tensorcore.kernels.cuda import checks

    if where.index not in _range_records:
        _range_records[where.index] = checks.new_record()
    checks.note_out_of_range(array, low, high, number, _range_records[where.index])


def raise_found_errors(where: Device) -> None:
    """Raise the first error that a kernel of this GPU has noted since the last look."""
    record = _range_records.get(where.index)
    if record is None:
        return
    found, number, value, low, high = (int(word) for word in record.get())
    if found:
        record.fill(0)
        raise OutOfRangeError(_range_error(list(_range_messages)[number], value, low, high))
