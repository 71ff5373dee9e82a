"""From the text of a CUDA module to kernels that the runtime can launch."""

import ctypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import compiler

# Kernels without any of these run as a plain loop over the threads, which is much faster.
COLLECTIVE = re.compile(
    r"\b(__sync\w+|__shfl\w*|__ballot\w*|__any_sync|__all_sync|__reduce_\w+|__match_\w+|__pipeline_\w+|wmma)\b"
)

# extern __shared__ float tile[];  ->  a pointer to the shared memory of the scheduler
DYNAMIC_SHARED = re.compile(
    r"extern\s+__shared__\s+(?:__align__\s*\(\s*\d+\s*\)\s*)?([\w:<> ]+?)\s+(\w+)\s*\[\s*\]\s*;"
)

BOUNDS = r"(?:__launch_bounds__\s*\([^)]*\)\s*)?"
KERNEL = re.compile(rf"__global__\s+{BOUNDS}(?:static\s+|inline\s+)*void\s+{BOUNDS}(\w+)\s*\(")
TEMPLATE_BEFORE = r"template\s*<[^;{]*>\s*(?:static\s+|inline\s+)*__global__[^;{]*\b%s\s*\("

FROM_CUPY = re.compile(r"#include\s*<cupy/")


def plain_kernels(source: str) -> list[str]:
    """The names of the kernels of a module that are not templates."""
    names = []
    for name in dict.fromkeys(KERNEL.findall(source)):
        if not re.search(TEMPLATE_BEFORE % name, source):
            names.append(name)
    return names


def shim_text(source: str, expressions: Sequence[str], definitions: Sequence[str]) -> str:
    """The module as g++ gets it: macros, its text, and an export for each kernel."""
    lines = []
    for definition in definitions:
        name, _, value = definition.partition("=")
        lines.append(f"#define {name} {value or '1'}")
    lines.append('#line 1 "kernel.cu"')
    lines.append(DYNAMIC_SHARED.sub(r"static \1* const \2 = (\1*)shim_dynamic_shared;", source))
    has_collectives = "true" if COLLECTIVE.search(source) else "false"
    for number, expression in enumerate(expressions):
        lines.append(f"SHIM_EXPORT({number}, {has_collectives}, &{expression})")
    return "\n".join(lines) + "\n"


def header_for(source: str, definitions: Sequence[str]) -> str:
    """CuPy's own headers are precompiled, except for cupyx.jit, where a macro changes them."""
    if "CUPY_JIT_MODE" in "".join(definitions) + source:
        return "cuda_shim_for_jit.h"
    return "cuda_shim_for_cupy.h" if FROM_CUPY.search(source) else "cuda_shim.h"


@dataclass(frozen=True)
class CompiledModule:
    """A module in the cache: what stands for a cubin here."""

    path: Path
    expressions: tuple[str, ...]
    is_from_cupy: bool


def compile_module(
    source: str, name_expressions: Sequence[str], options: Sequence[str]
) -> CompiledModule:
    definitions = [option[2:] for option in options if option.startswith("-D")]
    include = [option for option in options if option.startswith("-I")]
    expressions = tuple(dict.fromkeys([*plain_kernels(source), *name_expressions]))
    text = shim_text(source, expressions, definitions)
    path = compiler.compile_kernels(text, header_for(source, definitions), include)
    return CompiledModule(path, expressions, FROM_CUPY.search(source) is not None)


class LoadedModule:
    """A module whose library is loaded, with the functions that have been asked for."""

    def __init__(self, module: CompiledModule, runtime: ctypes.PyDLL):
        self.module = module
        self.library = ctypes.CDLL(str(module.path))
        self._runtime = runtime
        self._functions: dict[str, int] = {}

    def function(self, name: str) -> int:
        """The handle of a kernel, for launchKernel."""
        if name not in self._functions:
            number = self.module.expressions.index(name)
            kernel = ctypes.c_char.in_dll(self.library, f"shim_kernel_{number}")
            lenient = self.module.is_from_cupy or name.startswith("cupy_")
            self._functions[name] = self._runtime.emulator_new_function(
                ctypes.c_void_p(ctypes.addressof(kernel)), name.encode(), int(lenient)
            )
        return self._functions[name]

    def find_global(self, name: str) -> int:
        """The address of a ``__constant__`` variable, or 0."""
        handle = ctypes.c_void_p(self.library._handle)
        return self._runtime.emulator_find_global(handle, name.encode())
