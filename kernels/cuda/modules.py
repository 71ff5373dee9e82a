"""The one way a CUDA text is compiled and launched.

    softmax = Text("softmax.cu", ["softmax_rows", "softmax_rows_gradient"])
    softmax.kernel("softmax_rows", "float32")((blocks, 1, 1), (256, 1, 1), x, y, rows, columns)

All kernels of a text are templates over the same types, so one compilation serves a combination of
dtypes. Arguments are converted to the types that the kernel declares: CUDA itself reads as many
bytes as the parameter has, so an int32 that is given for a `long long` would be silently wrong.
"""

from __future__ import annotations

import functools
import re
import sys
import threading
import time
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Any, ClassVar

import cupy
import numpy as np
from cupy.cuda.device import get_device_id

# The C++ name of each dtype in kernels.
C_TYPES = {
    "bool": "bool",
    "int8": "signed char",
    "int16": "short",
    "int32": "int",
    "int64": "long long",
    "uint8": "unsigned char",
    "uint16": "unsigned short",
    "uint32": "unsigned int",
    "uint64": "unsigned long long",
    "float16": "__half",
    "bfloat16": "__nv_bfloat16",
    "float32": "float",
    "float64": "double",
}
FLOATS = ("float32", "float64", "float16", "bfloat16")

OPTIONS = ("--std=c++17",)

# Enough blocks to fill the largest GPU several times; kernels loop over what is beyond the grid.
MOST_BLOCKS = 4096

# The headers of the 16-bit types take longer to parse than a small kernel: included on demand.
_HEADERS = {"__half": "cuda_fp16.h", "__nv_bfloat16": "cuda_bf16.h"}

# Kernels on the disk are loaded faster than any is compiled.
_LOADED_S = 0.03
_NOTICE_AFTER_S = 1.0

_lock = threading.RLock()


def blocks_for(work: int, threads: int = 256) -> tuple[int, int, int]:
    """The grid for `work` threads in blocks of `threads`; kernels loop over what is beyond it."""
    return (min(max(-(-work // threads), 1), MOST_BLOCKS), 1, 1)


@functools.cache
def read_text(file: str) -> str:
    """A text of this package with its own includes (`#include "..."`) put in place, each once."""
    return _with_includes(file, set())


def _with_includes(file: str, seen: set[str]) -> str:
    seen.add(file)
    lines = []
    for line in resources.files(__package__).joinpath(file).read_text("utf-8").splitlines():
        match = re.fullmatch(r'#include "(\w+\.cuh)"', line)
        if match is None:
            lines.append(line)
        elif match[1] not in seen:
            lines.append(_with_includes(match[1], seen))
    return "\n".join(lines) + "\n"


def with_headers(source: str, c_types: Sequence[str]) -> str:
    """`source` with the headers of those 16-bit types that are used."""
    used = [f"#include <{header}>" for name, header in _HEADERS.items() if name in c_types]
    return "\n".join([*used, source])


class Waiting:
    """How long the program has waited for a compiler, of which one line tells when it is long."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._has_told = False

    def note(self, title: str, seconds: float) -> None:
        """A kernel took so long to make, or to load from the disk."""
        if seconds < _LOADED_S:
            return
        self._seconds += seconds
        if self._seconds > _NOTICE_AFTER_S and not self._has_told:
            self._has_told = True
            print(
                f"tensorcore: compiling kernels for this GPU, such as {title} (kept for the next "
                "time; `tensorcore warmup --device gpu` compiles the usual ones beforehand)",
                file=sys.stderr,
            )


waiting = Waiting()


def compile_source(source: str, names: Sequence[str], title: str, template: bool) -> list[Any]:
    """The functions `names` of a CUDA text, loaded on the current device.

    Args:
        source: the text.
        names: names of kernels, or template expressions such as `softmax_rows<float>`.
        title: what is being compiled, for the line that is printed when it takes long.
        template: whether the names are template expressions.
    """
    started = time.perf_counter()
    with _lock:
        module = cupy.RawModule(
            code=source, options=OPTIONS, name_expressions=tuple(names) if template else None
        )
        # The driver's function is half a microsecond cheaper to launch than CuPy's RawKernel.
        functions = [module.get_function(name).kernel for name in names]
    waiting.note(title, time.perf_counter() - started)
    return functions


class Text:
    """A `.cu` file of this package whose kernels are templates over the same types.

    Args:
        file: name of the file.
        kernels: names of its kernels.
        types: the combinations of dtype names with which it is used; what the compile gate
            compiles.
    """

    all: ClassVar[dict[str, Text]] = {}

    def __init__(self, file: str, kernels: Sequence[str], types: Sequence[tuple[str, ...]]) -> None:
        self.file = file
        self.kernels = tuple(kernels)
        self.types = tuple(types)
        self._launchers: dict[tuple[str, ...], Launcher] = {}
        Text.all[file] = self

    def kernel(self, name: str, *types: str) -> Launcher:
        """The kernel `name` for the dtypes in `types`; compiled at its first launch on a device."""
        key = (name, *types)
        launcher = self._launchers.get(key)
        if launcher is None:
            launcher = self._launchers[key] = Launcher(self, name, types)
        return launcher

    def source(self, types: Sequence[str]) -> str:
        """The text that is compiled for the dtypes."""
        return with_headers(read_text(self.file), [C_TYPES[name] for name in types])

    def expression(self, name: str, types: Sequence[str]) -> str:
        """The template expression of a kernel."""
        return f"{name}<{', '.join(C_TYPES[dtype] for dtype in types)}>"

    def functions(self, types: tuple[str, ...], device: int) -> dict[str, Any]:
        """All kernels of the text for the dtypes, loaded on `device`, which must be current."""
        return _functions(self.file, types, device)


@functools.cache
def _functions(file: str, types: tuple[str, ...], device: int) -> dict[str, Any]:
    text = Text.all[file]
    expressions = [text.expression(name, types) for name in text.kernels]
    functions = compile_source(
        text.source(types), expressions, f"{file} ({', '.join(types)})", template=True
    )
    return dict(zip(text.kernels, functions, strict=True))


class Launcher:
    """One kernel with its types settled: converts arguments, launches on the current stream."""

    __slots__ = ("_converters", "_functions", "_name", "_text", "_types")

    def __init__(self, text: Text, name: str, types: tuple[str, ...]) -> None:
        self._text = text
        self._name = name
        self._types = types
        self._converters = tuple(
            _converter(text.file, name, parameter)
            for parameter in parameters(read_text(text.file), name, [C_TYPES[t] for t in types])
        )
        self._functions: dict[int, Any] = {}

    def __call__(self, grid: tuple[int, int, int], block: tuple[int, int, int], *args: Any) -> None:
        """Launch with `grid` blocks of `block` threads; arrays must be of the current device."""
        device = get_device_id()
        function = self._functions.get(device)
        if function is None:
            function = self._text.functions(self._types, device)[self._name]
            self._functions[device] = function
        if len(args) != len(self._converters):
            raise TypeError(
                f"{self._name}: takes {len(self._converters)} arguments, received {len(args)}"
            )
        function(grid, block, tuple([f(arg) for f, arg in zip(self._converters, args)]))


def parameters(source: str, name: str, c_types: Sequence[str]) -> list[str]:
    """The types of a kernel's parameters, its template parameters replaced by `c_types`.

    >>> text = "template <typename T> __global__ void f(const T* x, long long n) {}"
    >>> parameters(text, "f", ["float"])
    ['float*', 'long long']
    """
    bounds = r"(?:__launch_bounds__\([^)]*\)\s*)?"
    head = rf"(?:template\s*<([^>]*)>\s*)?__global__\s+void\s+{bounds}{name}\s*\(([^)]*)\)"
    match = re.search(head, source)
    if match is None:
        raise ValueError(f"no kernel named {name} in the text")
    generic = [part.split()[-1] for part in (match[1] or "").split(",") if part.strip()]
    replaced = dict(zip(generic, c_types, strict=True))
    found = []
    for parameter in match[2].split(","):
        words = (
            re.sub(r"\b(const|__restrict__|volatile)\b", " ", parameter).replace("*", " * ").split()
        )
        pointer = "*" if "*" in words else ""
        kind = " ".join(word for word in words[:-1] if word != "*")
        found.append(replaced.get(kind, kind) + pointer)
    return found


def _converter(file: str, kernel: str, parameter: str) -> Callable[[Any], Any]:
    """What gives an argument the right width; arrays are checked for their dtype."""
    if parameter.endswith("*"):
        return _pointer(file, kernel, parameter[:-1])
    # CuPy passes Python's numbers as bool, long long and double.
    python_types = {"bool": bool, "long long": int, "double": float}
    if parameter in python_types:
        return python_types[parameter]
    for dtype, c_type in C_TYPES.items():
        if c_type == parameter:
            return _numpy_dtype(dtype).type
    return lambda value: value  # a struct, given as numpy.void


def _pointer(file: str, kernel: str, c_type: str) -> Callable[[Any], Any]:
    names = [dtype for dtype, known in C_TYPES.items() if known == c_type]
    if not names:
        return lambda array: 0 if array is None else array
    expected = _numpy_dtype(names[0])

    def check(array: Any) -> Any:
        if array is None:
            return 0
        if array.dtype != expected:
            raise TypeError(
                f"{file}: {kernel}: expected a {expected.name} array, received {array.dtype}"
            )
        return array

    return check


def _numpy_dtype(name: str) -> np.dtype:
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)
