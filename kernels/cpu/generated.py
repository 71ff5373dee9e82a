"""Kernels made from element-wise programs: one loop over all that an expression needs.

A program becomes a Python module with one loop, written to the cache folder so that numba keeps its machine
code next to it, and is compiled for the layouts of its inputs as they occur:

    letter  meaning for an input of the loop           address within (outer, inner)
    F       as large as the result                      o * inner + i
    R       one row, repeated: (C,) meets (N, C)        i
    C       one column, repeated: (N, 1) meets (N, C)   o
    S       one number

Inputs of any other layout are first expanded to F.  numba is imported by `compile`, not before.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorcore.kernels.program import Program

FROM_SIZE = 4096  # elements from which one loop is faster than NumPy's passes
THREADS_FROM_SIZE = 1 << 18  # elements that one thread should have at least

_SUPPORTED = frozenset("?bhilqBHILQfd")  # dtype.char of booleans, integers, float32 and float64


def pays(arrays: Sequence[Any], has_numpy: bool) -> bool:
    """Whether a generated kernel is faster than the reference for these arrays.

    NumPy's own functions (`has_numpy`) are vectorised and need no kernel.
    """
    if has_numpy:
        return False
    size = 0
    for array in arrays:
        if array.size > size:
            size = array.size
    if size < FROM_SIZE:
        return False
    for array in arrays:
        if array.dtype.char not in _SUPPORTED:
            return False
    return True


def compile(program: Program) -> Callable[..., Any]:
    """A function `(*arrays, out=None)` that computes the program, broadcasting its inputs.

    The result is one array, or a tuple if the program has several outputs.  `out` may be, or hold, inputs.
    """
    return _Compiled(program)


class _Compiled:
    """The loops of one program, one for each layout of inputs that has occurred."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.outputs = program.outputs
        self.single = len(program.outputs) == 1
        self.loops: dict[str, Callable[..., None]] = {}
        self.__name__ = program.name

    def __call__(self, *arrays: Any, out: Any = None) -> Any:
        shape = _common_shape(arrays)
        aliases = ""
        if out is None:
            outs = [np.empty(shape, dtype) for dtype in self.outputs]
        else:
            outs = [out] if self.single else list(out)
            found = _aliases(arrays, outs, shape, self.outputs)
            if found is None:
                return self._by_copy(arrays, outs, out)
            aliases = found
        size = outs[0].size
        if size == 0:
            return self._results(outs, out)
        letters, flat, outer, inner = _arrange(arrays, shape, size)
        key = letters + aliases
        loop = self.loops.get(key)
        if loop is None:
            loop = self.loops[key] = _load(self.program, letters, aliases)
        flat.extend([array.reshape(-1) for array in outs])
        grain = THREADS_FROM_SIZE if outer == 1 else max(1, THREADS_FROM_SIZE // inner)
        count = inner if outer == 1 else outer
        if count < 2 * grain:
            loop(0, count, inner, *flat)
        else:
            from tensorcore.kernels.cpu.jit import split

            split(loop, count, grain, inner, *flat)
        return self._results(outs, out)

    def _by_copy(self, arrays: Sequence[Any], outs: list[Any], out: Any) -> Any:
        """For outputs that overlap inputs at other places, or are not contiguous."""
        values = self(*arrays)
        for target, value in zip(outs, [values] if self.single else values, strict=True):
            target[...] = value
        return out

    def _results(self, outs: list[Any], out: Any) -> Any:
        if out is not None:
            return out
        return outs[0] if self.single else tuple(outs)


# Layouts -------------------------------------------------------------------------------------------------


def _common_shape(arrays: Sequence[Any]) -> tuple[int, ...]:
    shape = arrays[0].shape
    for array in arrays:
        if array.shape != shape and array.shape != ():
            return np.broadcast_shapes(*[array.shape for array in arrays])
    return shape


def _aliases(
    arrays: Sequence[Any], outs: list[Any], shape: tuple[int, ...], dtypes: Sequence[np.dtype]
) -> str | None:
    """Which outputs are inputs, as text "0=2;" (output 0 is input 2); None if `outs` cannot be written."""
    text = ""
    for number, target in enumerate(outs):
        if not target.flags.c_contiguous or target.shape != shape or target.dtype != dtypes[number]:
            return None
        for other in outs[:number]:
            if np.may_share_memory(target, other):
                return None
        for position, array in enumerate(arrays):
            if array is target:
                text += f"{number}={position};"
            elif array.size > 1 and np.may_share_memory(array, target):
                same = array.shape == shape and array.dtype == target.dtype
                if not (same and array.flags.c_contiguous and _address(array) == _address(target)):
                    return None
                text += f"{number}={position};"
            elif isinstance(array, np.ndarray) and np.may_share_memory(array, target):
                return None
    return text


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def _arrange(
    arrays: Sequence[Any], shape: tuple[int, ...], size: int
) -> tuple[str, list[Any], int, int]:
    """The letters of the inputs, the inputs as flat arrays or numbers, and the loop's (outer, inner)."""
    letters = []
    flat: list[Any] = []
    partial = []
    for array in arrays:
        if array.shape == shape and shape:
            letters.append("F")
            flat.append(array.reshape(-1))
        elif array.size == 1:
            letters.append("S")
            flat.append(array.reshape(-1)[0] if array.shape else array[()])
        else:
            partial.append(len(flat))
            letters.append("?")
            flat.append(array)
    if not partial:
        return "".join(letters), flat, 1, size
    outer, inner = _grid(flat[partial[0]], shape)
    for position in partial:
        array = flat[position]
        letter = _letter(array, shape, outer, inner)
        letters[position] = letter
        if letter == "F":
            array = np.broadcast_to(array, shape)
        flat[position] = array.reshape(-1)
    return "".join(letters), flat, outer, inner


def _grid(array: Any, shape: tuple[int, ...]) -> tuple[int, int]:
    """(outer, inner) such that `array` is one row or one column of it, if there is such a division."""
    padded = (1,) * (len(shape) - array.ndim) + array.shape
    size = 1
    for length in shape:
        size *= length
    varying = [axis for axis, length in enumerate(padded) if length != 1]
    if padded[varying[0] :] == shape[varying[0] :]:  # a row
        return size // array.size, array.size
    if padded[: varying[-1] + 1] == shape[: varying[-1] + 1]:  # a column
        return array.size, size // array.size
    return 1, size


def _letter(array: Any, shape: tuple[int, ...], outer: int, inner: int) -> str:
    padded = (1,) * (len(shape) - array.ndim) + array.shape
    varying = [axis for axis, length in enumerate(padded) if length != 1]
    if array.size == inner and padded[varying[0] :] == shape[varying[0] :]:
        return "R"
    if array.size == outer and padded[: varying[-1] + 1] == shape[: varying[-1] + 1]:
        return "C"
    return "F"


# Source --------------------------------------------------------------------------------------------------


def source(program: Program, letters: str, aliases: str = "") -> str:
    """The Python module with the loop of `program` for inputs laid out as `letters` say."""
    from tensorcore.kernels.cpu import float32_functions, scalar_functions

    is_flat = not set(letters) & {"R", "C"}
    texts = [text for _, text, _ in program.statements] + list(program.results)
    called = sorted({name for text in texts for name in re.findall(r"([a-z_]\w*)\(", text)})
    lines = [
        f'"""{program.name}: made by tensorcore.kernels.cpu.generated."""',
        "",
        "import numpy as np",
        "",
    ]
    for name in called:
        own = program.compute == np.float32 and hasattr(float32_functions, name)
        module = float32_functions if own else scalar_functions
        getattr(module, name)  # a name that is missing is found here, not inside numba
        lines.append(f"from {module.__name__} import {name}")
    compute = "np.bool_" if program.compute == np.bool_ else f"np.{program.compute.name}"
    names = [name for name, _ in program.inputs]
    target_of = {int(a): int(b) for a, b in (pair.split("=") for pair in aliases.split(";") if pair)}
    outs = [
        f"{names[target_of[i]]}_" if i in target_of else f"out{i}_" for i in range(len(program.outputs))
    ]
    parameters = ["start", "stop", "inner"]
    parameters += [f"{name}_" for name in names]
    parameters += [f"out{i}_" for i in range(len(program.outputs))]
    lines += [
        "from tensorcore.kernels.cpu.jit import kernel",
        "",
        f"T = {compute}",
        "NAN = np.nan",
        "INFINITY = np.inf",
        "",
        "",
        "@kernel",
        f"def {_identifier(program.name)}({', '.join(parameters)}):",
    ]

    def load(name: str, letter: str, dtype: np.dtype) -> str:
        index = {"F": "[k]", "R": "[i]", "C": "[o]", "S": ""}[letter]
        value = f"{name}_{index}"
        # A boolean stays one: it is a condition, unless the program computes with numbers only.
        return f"{name} = {value}" if dtype == np.bool_ else f"{name} = T({value})"

    indent = "    "
    inputs = list(zip(program.inputs, letters, strict=True))
    outside = [load(name, letter, dtype) for (name, dtype), letter in inputs if letter == "S"]
    in_row = [load(name, letter, dtype) for (name, dtype), letter in inputs if letter == "C"]
    inside = [load(name, letter, dtype) for (name, dtype), letter in inputs if letter in "FR"]
    lines += [indent + line for line in outside]
    # Unsigned positions: for signed ones numba looks whether they count from the end, in every step.
    if is_flat:
        lines.append(f"{indent}for k in range(np.uintp(start), np.uintp(stop)):")
    else:
        lines.append(f"{indent}for o in range(np.uintp(start), np.uintp(stop)):")
        indent += "    "
        lines += [indent + line for line in in_row]
        lines.append(f"{indent}for i in range(np.uintp(inner)):")
        lines.append(f"{indent}    k = o * np.uintp(inner) + i")
    indent += "    "
    lines += [indent + line for line in inside]
    for name, text, is_bool in program.statements:
        lines.append(f"{indent}{name} = {text}" if is_bool else f"{indent}{name} = T({text})")
    for number, text in enumerate(program.results):
        lines.append(f"{indent}result{number} = {text}")
    for number, target in enumerate(outs):
        lines.append(f"{indent}{target}[k] = result{number}")
    return "\n".join(lines) + "\n"


def _identifier(name: str) -> str:
    return re.sub(r"\W", "_", name)


# Loading -------------------------------------------------------------------------------------------------


def _load(program: Program, letters: str, aliases: str) -> Callable[..., None]:
    """The loop as a compiled function, from the cache folder if an earlier process left it there."""
    from tensorcore.kernels.cpu import jit

    text = source(program, letters, aliases)
    name = _identifier(program.name)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    module_name = f"tensorcore.kernels.cpu.generated_{name}_{digest}"
    folder = jit.cache_folder()
    if folder is None:
        return _run(text, module_name, name)
    path = folder / "generated" / f"{name[:60]}_{digest}.py"
    try:
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            _write(path, text)
    except OSError:  # the disk is full, for example
        return _run(text, module_name, name)
    spec = importlib.util.spec_from_file_location(module_name, path)
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    sys.modules[module_name] = module
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return getattr(module, name)


def _write(path: Any, text: str) -> None:
    """Write a file so that other processes see all of it or nothing."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
    if path.exists():  # another process was faster; numba compares the file's time
        os.unlink(file.name)
    else:
        os.replace(file.name, path)


def _run(text: str, module_name: str, name: str) -> Callable[..., None]:
    namespace: dict[str, Any] = {"__name__": module_name}
    exec(builtins.compile(text, f"<{module_name}>", "exec"), namespace)
    return namespace[name]
