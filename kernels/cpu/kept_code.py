"""Libraries of machine code kept on disk, beside those that numba keeps itself.

LLVM's code generator is 28 MiB of file pages and 30 ms that a process does not need whose machine
code is all on disk.  numba compiles its runtime in each process, and imports SciPy to see whether
it is there; both are asked here in a way that costs less.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import pathlib
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import llvmlite
from tensorcore.kernels.cpu.compiler import global_compiler_lock, numba

CHECKSUM_BYTES = 32
LENGTH_BYTES = 8
DONT_NEED = 4  # Linux's number for madvise


@global_compiler_lock
def library(folder: pathlib.Path | None, name: str, codegen: Any, make: Callable[[], Any]) -> Any:
    """The finalized library that `make` builds, from the disk if an earlier process built it.

    Args:
        folder: where it is kept; None: nowhere.
        name: says what is in it, and all that it depends on but versions and the CPU.
        codegen: numba's code generator.
        make: builds it, with object caching enabled before it is finalized.
    """
    if folder is None:
        return make()
    depends = repr((name, numba.__version__, llvmlite.__version__, codegen.magic_tuple()))
    digest = hashlib.sha256(depends.encode()).hexdigest()[:16]
    path = folder / "code" / f"{name[:40]}_{digest}.bin"
    data = _read(path)
    if data is not None:
        return codegen.unserialize_library((name, "object", data))
    made = make()
    _write(path, made.serialize_using_object_code()[2])
    return made


def _read(path: pathlib.Path) -> tuple[bytes, bytes] | None:
    """Object code and bitcode; None if there is no such file, or not all of it."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    body = content[CHECKSUM_BYTES:]
    if hashlib.sha256(body).digest() != content[:CHECKSUM_BYTES]:
        return None
    end = LENGTH_BYTES + int.from_bytes(body[:LENGTH_BYTES], "little")
    return body[LENGTH_BYTES:end], body[end:]


def _write(path: pathlib.Path, data: tuple[bytes, bytes]) -> None:
    """Write a file so that other processes see all of it or nothing; a full disk is no error."""
    code, bitcode = data
    body = len(code).to_bytes(LENGTH_BYTES, "little") + code + bitcode
    try:
        path.parent.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(hashlib.sha256(body).digest() + body)
        os.replace(file.name, path)
    except OSError:
        pass


# What numba does in each process ------------------------------------------------------------------


def keep_runtime(folder: Callable[[], pathlib.Path | None]) -> None:
    """Let numba's runtime, which it compiles when the first kernel is loaded, be kept, too."""
    from numba.core.runtime import nrtdynmod

    if getattr(nrtdynmod.compile_nrt_functions, "is_kept", False):
        return

    def compile_nrt_functions(context: Any) -> Any:
        def make() -> Any:
            module, made = nrtdynmod.create_nrt_module(context)
            made.enable_object_caching()
            made.add_ir_module(module)
            made.finalize()
            return made

        return library(folder(), "numba runtime", context.codegen(), make)

    compile_nrt_functions.is_kept = True  # type: ignore[attr-defined]
    nrtdynmod.compile_nrt_functions = compile_nrt_functions


def look_for_scipy_only() -> None:
    """Let numba see that SciPy is there without importing its linear algebra, which is 17 MiB.

    A function that multiplies matrices still imports it when it is compiled.
    """
    if "numba.np.arraymath" in sys.modules or "scipy.linalg" in sys.modules:
        return
    from numba.np import linalg

    importing = linalg.ensure_blas

    def look() -> None:
        if importlib.util.find_spec("scipy") is None:
            raise ImportError("scipy is required for linear algebra")

    linalg.ensure_blas = look
    try:
        from numba.np import arraymath

        arraymath.ensure_blas = importing
    finally:
        linalg.ensure_blas = importing


# What loading LLVM leaves behind ------------------------------------------------------------------


def forget_loading() -> None:
    """Take LLVM out of this process's memory as far as it was only needed to load it.

    Hundreds of constructors all over its 150 MB run when it is loaded, and never again.  The pages
    stay in the system's cache; what is used later is mapped again when it is.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        libc = ctypes.CDLL(None)
        for start, stop in _unchanged_parts("libllvmlite.so"):
            libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(stop - start), DONT_NEED)
    except (OSError, AttributeError):  # without /proc, or with another C library
        pass


def _unchanged_parts(library: str) -> list[tuple[int, int]]:
    """From where to where memory shows a library's file, as it is on the disk."""
    found = []
    text = pathlib.Path("/proc/self/maps").read_text(encoding="utf-8")
    for line in (line for line in text.splitlines() if line.endswith(library)):
        place, rights = line.split()[:2]
        start, stop = (int(end, 16) for end in place.split("-"))
        if "w" not in rights:
            found.append((start, stop))
        elif found and found[-1][1] == start:
            found.pop()  # addresses, which were written while the library was loaded
    return found
