"""What the emulator needs from the machine, and where it is."""

import functools
import importlib.metadata
import importlib.util
import platform
import shutil
import sys
from pathlib import Path

CUPY_DISTRIBUTION = "cupy-cuda13x"
CUPY_VERSION = "14.2."  # the emulator replaces internals of this version


def unavailable() -> str | None:
    """The reason why the emulator cannot run here, or None where it can."""
    if not sys.platform.startswith("linux") or platform.machine() != "x86_64":
        return f"it needs x86-64 Linux, this is {platform.machine()} {sys.platform}"
    if platform.python_implementation() != "CPython":
        return "it needs CPython"
    for tool in ("g++", "nm", "objdump"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    try:
        version = importlib.metadata.version(CUPY_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return f"{CUPY_DISTRIBUTION} is not installed"
    if not version.startswith(CUPY_VERSION):
        return f"it needs {CUPY_DISTRIBUTION} {CUPY_VERSION}*, {version} is installed"
    if python_headers() is None:
        return "Python.h is missing"
    if cuda_headers() is None:
        return "the CUDA headers are missing: pip install nvidia-cuda-runtime nvidia-cuda-crt"
    return None


@functools.cache
def cuda_headers() -> Path | None:
    """The folder with vector_types.h and cuda_fp16.h, from the wheels of NVIDIA or a toolkit."""
    candidates = [root / "cu13" / "include" for root in package_folders("nvidia")]
    candidates.append(Path("/usr/local/cuda/include"))
    for folder in candidates:
        needed = ("vector_types.h", "cuda_fp16.h", "crt/host_defines.h")
        if all((folder / name).is_file() for name in needed):
            return folder
    return None


@functools.cache
def cupy_headers() -> list[Path]:
    """The folders that CuPy itself passes to the compiler for the kernels it generates."""
    include = package_folders("cupy")[0] / "_core" / "include"
    cccl = include / "cupy" / "_cccl"
    return [include, cccl / "cub", cccl / "thrust", cccl / "libcudacxx"]


def python_headers() -> Path | None:
    """The folder with Python.h."""
    import sysconfig

    folder = Path(sysconfig.get_paths()["include"])
    return folder if (folder / "Python.h").is_file() else None


def package_folders(name: str) -> list[Path]:
    """Where a package lies; several folders for a namespace package."""
    # find_spec of a top-level name does not import it; CuPy must not be imported before install().
    spec = importlib.util.find_spec(name)
    if spec is None or spec.submodule_search_locations is None:
        return []
    return [Path(folder) for folder in spec.submodule_search_locations]
