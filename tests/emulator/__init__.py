"""A pretend CUDA device for the real CuPy.

Host memory is device memory; the kernels are compiled by g++ and run on fibres.  So a test suite
for GPU code runs on any x86-64 Linux machine, with checks that hardware does not make: writes past
the end of an allocation, uninitialised memory (NaN), missing barriers (``set_schedule_seed``), host
and device pointers mixed up, launches and copies counted.

    from emulator import counting, install
    install()                # before the first `import cupy`
    import cupy
    with counting() as seen:
        cupy.arange(5) + 1
    assert seen.launches == 2 and seen.syncs == 0

Not emulated: asynchrony (work is done when it is submitted), inline PTX, cooperative groups, cuFFT,
cuSOLVER, cuSPARSE, cupy.random.Generator, timing.
"""

import contextlib
import ctypes
import os
import sys
from pathlib import Path

from . import compiler, cupy_patches, libraries, patching, requirements
from . import counters as _counters
from .counters import Counters
from .requirements import unavailable

__all__ = [
    "Counters",
    "counters",
    "counting",
    "fail_allocation",
    "install",
    "is_installed",
    "reset_counters",
    "set_schedule_seed",
    "unavailable",
]

_runtime: ctypes.PyDLL | None = None


def install(
    devices: int = 2,
    memory_limit: int = 8 << 30,
    guard_pages: bool = True,
    nvrtc: bool = False,
) -> None:
    """Give this process pretend devices.  To be called before the first ``import cupy``.

    devices: how many, at most 16.
    memory_limit: bytes on each; beyond that allocations fail as on a full device.
    guard_pages: every array ends at a page that must not be touched, and none is pooled.  Without,
        memory is aligned as on a real device and CuPy pools it.
    nvrtc: the real NVRTC has to accept each kernel first (about 0.1 s each).

    Raises RuntimeError where the emulator cannot run, or where CuPy is already there.
    """
    global _runtime
    if _runtime is not None:
        raise RuntimeError("the GPU emulator is already installed")
    if "cupy" in sys.modules or "cupy_backends" in sys.modules:
        raise RuntimeError("install() the GPU emulator before anything imports cupy")
    reason = unavailable()
    if reason is not None:
        raise RuntimeError(f"the GPU emulator cannot run here: {reason}")
    if not 1 <= devices <= 16:
        raise ValueError(f"devices: expected 1 to 16, got {devices}")
    os.environ["CUPY_ACCELERATORS"] = ""  # CUB is device code compiled into the wheel

    from cupy_backends.cuda.api import driver, runtime

    library = _load_runtime()
    library.emulator_set_memory(ctypes.c_size_t(memory_limit), devices, int(guard_pages))
    modules = cupy_patches.Modules(library)
    library.emulator_set_modules(ctypes.py_object(modules))
    patching.replace_functions(runtime, library, "runtime_")
    patching.replace_functions(driver, library, "driver_")
    libraries.install()

    import cupy

    cupy_patches.patch_compiler(nvrtc)
    cupy_patches.patch_thrust(cupy)
    cupy_patches.patch_random(cupy)
    if guard_pages:
        cupy_patches.patch_allocator(cupy)
    _runtime = library


def is_installed() -> bool:
    return _runtime is not None


def counters() -> Counters:
    """What the devices have done since the start or the last reset."""
    return _counters.read(_installed())


def reset_counters() -> None:
    """All to zero, except for the bytes in use; the peak starts from those."""
    _installed().emulator_reset_counters()


def counting() -> contextlib.AbstractContextManager[Counters]:
    """``with counting() as seen:`` -- afterwards ``seen`` holds what the block did."""
    return _counters.counting(_installed())


def fail_allocation(n: int = 1, count: int = 1) -> None:
    """Make the ``n``-th device allocation from now fail, and ``count - 1`` more after it.

    CuPy's memory pools try again after freeing what they keep, up to three times: use count=3 to
    see their OutOfMemoryError.  count=0 takes a failure back.
    """
    _installed().emulator_fail_allocation(ctypes.c_long(n), ctypes.c_long(count))


def set_schedule_seed(seed: int) -> None:
    """The order of the threads of a block: 0, as they are numbered; else drawn from the seed."""
    _installed().emulator_set_seed(ctypes.c_uint64(seed))


def _installed() -> ctypes.PyDLL:
    if _runtime is None:
        raise RuntimeError("the GPU emulator is not installed: call emulator.install()")
    return _runtime


def _load_runtime() -> ctypes.PyDLL:
    folder = Path(__file__).parent / "runtime"
    flags = ["-O2", *compiler.include_flags(), f"-I{requirements.python_headers()}"]
    path = compiler.compile_library("runtime", sorted(folder.glob("*.cpp")), flags)
    # Global, because kernels and libraries find the scheduler and the memory by symbol.
    library = ctypes.PyDLL(str(path), mode=ctypes.RTLD_GLOBAL)
    library.emulator_new_function.restype = ctypes.c_ssize_t
    library.emulator_find_global.restype = ctypes.c_ssize_t
    return library
