"""Compiles CUDA C++ for real GPUs, without any: registers, spills and machine code of each kernel.

    cubin = compile_to_cubin(source, ["row_sum<float>"], arch="sm_90")
    for f in cubin.functions:
        assert f.local == 0 and f.stack == 0, f
    assert "HMMA" in cubin.sass("gemm")

It needs NVRTC, cuobjdump and the CUDA headers, as the nvidia-* wheels or a toolkit; no CuPy.
"""

import ctypes
import functools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import requirements

USAGE = re.compile(r"Function (\S+):\s*REG:(\d+) STACK:(\d+) SHARED:(\d+) LOCAL:(\d+)")


class CompileError(RuntimeError):
    """NVRTC refused the source; the message is its log."""


@dataclass(frozen=True)
class Function:
    """What one kernel takes.  ``stack`` or ``local`` above 0 means that registers were spilled, or
    that an array is indexed by what is only known at run time."""

    name: str  # the name expression, where it was asked for by one; else the symbol
    registers: int  # per thread
    stack: int  # bytes per thread
    local: int  # bytes per thread
    shared: int  # bytes per block, not counting dynamic shared memory


@dataclass(frozen=True)
class Cubin:
    image: bytes
    functions: list[Function]
    log: str  # warnings of NVRTC
    _symbols: dict[str, str] = field(repr=False)  # name expression -> symbol

    def sass(self, name: str) -> str:
        """The machine code of one kernel, as text.  Needs nvdisasm; see sass_unavailable()."""
        symbol = self._symbols.get(name, name)
        known = [self._symbols.get(f.name, f.name) for f in self.functions]
        if symbol not in known:
            names = [f.name for f in self.functions]
            raise KeyError(f"no kernel {name!r} in this cubin; it has {names}")
        return _cuobjdump(self.image, "-sass", "-fun", symbol)


def compile_gate_unavailable() -> str | None:
    """The reason why nothing can be compiled for GPUs here, or None."""
    try:
        _nvrtc()
    except Exception as error:  # pathfinder has an exception of its own for "not found"
        return f"NVRTC: {error}"
    if _find_tool("cuobjdump") is None:
        return "cuobjdump is not installed: pip install nvidia-cuda-cuobjdump"
    if requirements.cuda_headers() is None:
        return "the CUDA headers are missing: pip install nvidia-cuda-runtime nvidia-cuda-crt"
    return None


def sass_unavailable() -> str | None:
    """The reason why Cubin.sass cannot work here, or None."""
    if _find_tool("nvdisasm") is None:
        return "nvdisasm is not installed: pip install nvidia-cuda-nvdisasm"
    return None


def compile_to_cubin(
    source: str,
    name_expressions: Sequence[str] = (),
    arch: str = "sm_90",
    options: Sequence[str] = (),
) -> Cubin:
    """Compile CUDA C++ with NVRTC.

    source: the text of the module.
    name_expressions: the instantiations of its templates that are wanted.
    arch: a real architecture, sm_80 ...
    options: further options of NVRTC; C++17 and the folders of the CUDA headers are given already.

    Raises CompileError with the log of NVRTC.
    """
    given = ("-std=c++17", *_include_options(), f"-arch={arch}", *options)
    with _program(source) as program:
        for expression in name_expressions:
            _check(_nvrtc().nvrtcAddNameExpression(program, expression.encode()))
        arguments = (ctypes.c_char_p * len(given))(*[option.encode() for option in given])
        failed = _nvrtc().nvrtcCompileProgram(program, len(given), arguments)
        log = _log(program)
        if failed:
            raise CompileError(f"NVRTC for {arch}:\n{log}")
        symbols = {name: _symbol(program, name) for name in name_expressions}
        image = _image(program)
    return Cubin(image, _functions(image, symbols), log, symbols)


def _include_options() -> list[str]:
    headers = requirements.cuda_headers()
    if headers is None:
        raise CompileError("the CUDA headers are missing: pip install nvidia-cuda-runtime")
    return [f"-I{headers}", f"-I{headers / 'cccl'}"]


# ---- NVRTC --------------------------------------------------------------------------------------


@functools.cache
def _nvrtc() -> ctypes.CDLL:
    from cuda.pathfinder import load_nvidia_dynamic_lib

    library = ctypes.CDLL(load_nvidia_dynamic_lib("nvrtc").abs_path)
    library.nvrtcGetErrorString.restype = ctypes.c_char_p
    return library


def _check(status: int) -> None:
    if status:
        raise CompileError(f"NVRTC: {_nvrtc().nvrtcGetErrorString(status).decode()}")


@contextmanager
def _program(source: str) -> Iterator[ctypes.c_void_p]:
    program = ctypes.c_void_p()
    created = _nvrtc().nvrtcCreateProgram(
        ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None
    )
    _check(created)
    try:
        yield program
    finally:
        _nvrtc().nvrtcDestroyProgram(ctypes.byref(program))


def _log(program: ctypes.c_void_p) -> str:
    size = ctypes.c_size_t()
    _check(_nvrtc().nvrtcGetProgramLogSize(program, ctypes.byref(size)))
    text = ctypes.create_string_buffer(size.value)
    _check(_nvrtc().nvrtcGetProgramLog(program, text))
    return text.value.decode()


def _symbol(program: ctypes.c_void_p, expression: str) -> str:
    name = ctypes.c_char_p()
    _check(_nvrtc().nvrtcGetLoweredName(program, expression.encode(), ctypes.byref(name)))
    return (name.value or b"").decode()


def _image(program: ctypes.c_void_p) -> bytes:
    size = ctypes.c_size_t()
    _check(_nvrtc().nvrtcGetCUBINSize(program, ctypes.byref(size)))
    image = ctypes.create_string_buffer(size.value)
    _check(_nvrtc().nvrtcGetCUBIN(program, image))
    return image.raw


# ---- cuobjdump ----------------------------------------------------------------------------------


@functools.cache
def _find_tool(name: str) -> str | None:
    for root in requirements.package_folders("nvidia"):
        beside = root / "cu13" / "bin" / name
        if beside.is_file():
            return str(beside)
    return shutil.which(name)


def _cuobjdump(image: bytes, *arguments: str) -> str:
    environment = dict(os.environ)
    disassembler = _find_tool("nvdisasm")
    if disassembler is not None:  # cuobjdump looks for it in PATH only
        environment["PATH"] += os.pathsep + str(Path(disassembler).parent)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "kernels.cubin"
        file.write_bytes(image)
        command = [_find_tool("cuobjdump") or "cuobjdump", *arguments, str(file)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise CompileError(f"cuobjdump: {done.stderr.strip()}")
    return done.stdout


def _functions(image: bytes, symbols: dict[str, str]) -> list[Function]:
    expressions = {symbol: expression for expression, symbol in symbols.items()}
    functions = []
    for found in USAGE.findall(_cuobjdump(image, "--dump-resource-usage")):
        symbol = found[0]
        registers, stack, shared, local = (int(number) for number in found[1:])
        name = expressions.get(symbol, symbol)
        functions.append(Function(name, registers, stack, local, shared))
    return functions
