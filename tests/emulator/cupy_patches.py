"""What is replaced inside CuPy: the compiler, its cache, Thrust, and the allocator."""

import ctypes
import json
import math
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from . import compiler, kernels

OUT_OF_MEMORY = 2  # cudaErrorMemoryAllocation

# ---- modules of kernels -------------------------------------------------------------------------
# A "cubin" is a JSON text here: the library in the cache and the names of its kernels.


def to_cubin(module: kernels.CompiledModule) -> bytes:
    return json.dumps([str(module.path), module.expressions, module.is_from_cupy]).encode()


def from_cubin(cubin: bytes) -> kernels.CompiledModule:
    path, expressions, is_from_cupy = json.loads(bytes(cubin))
    return kernels.CompiledModule(Path(path), tuple(expressions), is_from_cupy)


class Modules:
    """Loads modules and looks into them, for the runtime library."""

    def __init__(self, runtime: ctypes.PyDLL):
        self._runtime = runtime
        self._loaded: list[kernels.LoadedModule] = []

    def load(self, cubin: bytes) -> int:
        self._loaded.append(kernels.LoadedModule(from_cubin(cubin), self._runtime))
        return len(self._loaded)  # not 0, which would be a null handle

    def function(self, module: int, name: str) -> int:
        return self._loaded[module - 1].function(name)

    def find_global(self, module: int, name: str) -> int:
        return self._loaded[module - 1].find_global(name)


# ---- the compiler -------------------------------------------------------------------------------


def patch_compiler(nvrtc: bool) -> None:
    """g++ in place of NVRTC; with ``nvrtc`` the real one must accept each kernel first."""
    from cupy.cuda import compiler as cupy_compiler

    program = cupy_compiler._NVRTCProgram
    really_compile = program.compile

    def compile_with_gpp(
        self: Any, options: Sequence[str] = (), log_stream: Any = None
    ) -> tuple[bytes, dict[str, str] | None]:
        if not self.src:
            return b"", None  # CuPy asks for the version of NVRTC this way
        if nvrtc:
            really_compile(self, options, log_stream)
        names = tuple(self.name_expressions or ())
        try:
            module = kernels.compile_module(self.src, names, options)
        except compiler.CompilerError as error:
            raise cupy_compiler.CompileException(
                str(error), self.src, self.name, options, "g++"
            ) from None
        return to_cubin(module), {name: name for name in names} or None

    program.compile = compile_with_gpp
    cupy_compiler._set_kernel_cache_backend(_no_cache(cupy_compiler._KernelCacheBackend))


def _no_cache(base: type) -> Any:
    # CuPy's cache on disk would mix up our "cubins" with real ones; our own cache is enough.
    class NoCache(base):  # type: ignore[misc]
        def load(self, name: str) -> None:
            return None

        def save(self, name: str, payload: bytes, source: str) -> None:
            pass

    return NoCache()


# ---- Thrust -------------------------------------------------------------------------------------
# Device code that is compiled into the wheel, so NumPy takes its place.


def host_view(address: int, dtype: Any, shape: Sequence[int]) -> np.ndarray:
    """The device memory at ``address`` as a NumPy array."""
    dtype = np.dtype(dtype)
    nbytes = math.prod(shape) * dtype.itemsize
    raw = (ctypes.c_byte * nbytes).from_address(address)
    return np.frombuffer(raw, dtype=dtype).reshape(tuple(shape))


def sort(dtype: Any, data: int, keys: int, shape: Sequence[int]) -> None:
    host_view(data, dtype, shape).sort(axis=-1)


def argsort(dtype: Any, indices: int, data: int, keys: int, shape: Sequence[int]) -> None:
    values = host_view(data, dtype, shape)
    order = values.argsort(axis=-1, kind="stable")
    host_view(indices, np.intp, shape)[...] = order
    values[...] = np.take_along_axis(values, order, -1)


def lexsort(dtype: Any, indices: int, keys: int, nkeys: int, n: int) -> None:
    host_view(indices, np.intp, (n,))[...] = np.lexsort(host_view(keys, dtype, (nkeys, n)))


def patch_thrust(cupy: ModuleType) -> None:
    def while_not_capturing(function: Any) -> Any:
        # Thrust waits for the stream in the middle of its work.
        def run(*args: Any) -> None:
            if cupy.cuda.get_current_stream().is_capturing():
                raise RuntimeError("Thrust waits for the stream, which a capture does not allow")
            function(*args)

        return run

    thrust = cupy.cuda.thrust
    thrust.sort = while_not_capturing(sort)
    thrust.argsort = while_not_capturing(argsort)
    thrust.lexsort = while_not_capturing(lexsort)


# ---- cupy.random.Generator ----------------------------------------------------------------------


def patch_random(cupy: ModuleType) -> None:
    """Its kernels are compiled into the wheel; without this their results would be NaN."""

    def refuse(self: Any, seed: Any = None) -> None:
        raise NotImplementedError(
            "the GPU emulator has no cupy.random.Generator; cupy.random.RandomState works"
        )

    cupy.random._bit_generator.BitGenerator.__init__ = refuse


# ---- the allocator ------------------------------------------------------------------------------


class Pool:
    """What `cupy.get_default_memory_pool()` is here: nothing is kept, and limits hold."""

    def __init__(self, cupy: ModuleType) -> None:
        self._runtime = cupy.cuda.runtime
        self._limits: dict[int, int] = {}
        self.malloc: Any = None  # as CuPy's pools have it

    def used_bytes(self) -> int:
        free, total = self._runtime.memGetInfo()
        return total - free

    total_bytes = used_bytes

    def free_bytes(self) -> int:
        return 0

    def free_all_blocks(self, stream: Any = None) -> None:
        pass

    def get_limit(self) -> int:
        return self._limits.get(self._runtime.getDevice(), 0)

    def set_limit(self, size: int | None = None, fraction: float | None = None) -> None:
        if fraction is not None:
            size = int(fraction * self._runtime.memGetInfo()[1])
        self._limits[self._runtime.getDevice()] = size or 0


def patch_allocator(cupy: ModuleType) -> None:
    """One device allocation for every array: a pool would hide ends and reuse from the checks."""
    memory = cupy.cuda.memory
    runtime = cupy.cuda.runtime
    pool = Pool(cupy)

    def allocate(nbytes: int) -> Any:
        limit = pool.get_limit()
        if limit and pool.used_bytes() + nbytes > limit:
            raise memory.OutOfMemoryError(nbytes, pool.used_bytes(), limit)
        try:
            return memory.MemoryPointer(memory.Memory(nbytes), 0)
        except runtime.CUDARuntimeError as error:
            if error.status != OUT_OF_MEMORY:
                raise
            free, total = runtime.memGetInfo()
            raise memory.OutOfMemoryError(nbytes, total - free, total) from None

    pool.malloc = allocate
    cupy.cuda.set_allocator(allocate)
    cupy.cuda.set_pinned_memory_allocator(None)
    cupy.get_default_memory_pool = lambda: pool
