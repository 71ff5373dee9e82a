"""Stand-ins for NVIDIA's libraries, found by the loader that CuPy and this project use."""

import ctypes
import re
import subprocess
import types
from pathlib import Path
from typing import Any

from .. import compiler, requirements

HERE = Path(__file__).parent
COMMON = [HERE / "gemm.cpp"]
FLAGS = ("-O3", f"-I{HERE.parent / 'runtime'}")
SOURCES = {
    "cublas": [HERE / "cublas.cpp", *COMMON],
    "cublasLt": [HERE / "cublaslt.cpp", *COMMON],
    "cudnn": [HERE / "cudnn.cpp", HERE / "cudnn_rnn.cpp"],
    "curand": [HERE / "curand.cpp"],
}
REAL = ("nvrtc",)  # works without a device

UNDEFINED = re.compile(r" U (cu\w+)@?(\S*)")
NEEDED = re.compile(r"NEEDED\s+(\S+)")


def install() -> None:
    """Make ``cuda.pathfinder.load_nvidia_dynamic_lib`` find the stand-ins."""
    import cuda.pathfinder

    really_load = cuda.pathfinder.load_nvidia_dynamic_lib
    missing = cuda.pathfinder.DynamicLibNotFoundError
    loaded: dict[str, Any] = {}

    def load(name: str) -> Any:
        if name in REAL:
            return really_load(name)
        if name not in SOURCES:
            raise missing(f"the GPU emulator has no {name}")
        if name not in loaded:
            path = build(name)
            handle = ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)._handle
            loaded[name] = types.SimpleNamespace(
                abs_path=str(path),
                found_via="emulator",
                was_already_loaded_from_elsewhere=False,
                _handle_uint=handle,
            )
        return loaded[name]

    cuda.pathfinder.load_nvidia_dynamic_lib = load


def build(name: str) -> Path:
    """Compile a stand-in, with the name and symbols that the module of CuPy links to."""
    extension = extension_module(name)
    if extension is None:
        return compiler.compile_library(name, SOURCES[name], FLAGS)
    soname = next(found for found in needed_libraries(extension) if name in found)
    symbols = undefined_symbols(extension)
    folder = compiler.cache_folder()
    key = compiler.digest(repr(symbols))
    stubs = folder / f"{name}-stubs-{key}.cpp"
    versions = folder / f"{name}-versions-{key}.map"
    compiler.write(stubs, stub_text(symbols))
    compiler.write(versions, version_text(symbols))
    flags = (*FLAGS, f"-Wl,-soname,{soname}", f"-Wl,--version-script={versions}")
    return compiler.compile_library(name, [*SOURCES[name], stubs], flags)


def extension_module(name: str) -> Path | None:
    """The module of CuPy that links to the library ``name``."""
    folder = requirements.package_folders("cupy_backends")[0] / "cuda" / "libs"
    return next(folder.glob(f"{name}.cpython-*.so"), None)


def needed_libraries(extension: Path) -> list[str]:
    command = ["objdump", "-p", str(extension)]
    dump = subprocess.run(command, capture_output=True, text=True, check=True)
    return NEEDED.findall(dump.stdout)


def undefined_symbols(extension: Path) -> list[tuple[str, str]]:
    """The symbols that the loader will look for, each with its version."""
    command = ["nm", "-D", "--undefined-only", str(extension)]
    dump = subprocess.run(command, capture_output=True, text=True, check=True)
    return UNDEFINED.findall(dump.stdout)


def stub_text(symbols: list[tuple[str, str]]) -> str:
    """Weak functions that answer "not supported", for all that the stand-in does not define."""
    lines = []
    for name, _ in symbols:
        lines.append(f'extern "C" __attribute__((weak)) int {name}() {{ return 15; }}')
    return "\n".join(lines) + "\n"


def version_text(symbols: list[tuple[str, str]]) -> str:
    versions = sorted({version for _, version in symbols if version})
    return "".join(f"{version} {{ global: *; }};\n" for version in versions)
