"""Kernels made from element-wise programs: one loop over all that an expression needs.

A program becomes a Python module with one loop, written to the cache folder so that numba keeps its
machine code next to it, and is compiled for the layouts of its inputs as they occur:

    letter  meaning for an input of the loop           address within (outer, inner)
    F       as large as the result                      o * inner + i
    R       one row, repeated: (C,) meets (N, C)        i
    C       one column, repeated: (N, 1) meets (N, C)   o
    S       one number

Inputs of any other layout are first expanded to F.  numba is imported by `compile`, not before.
"""

from __future__ import annotations

import builtins
import functools
import hashlib
import importlib.util
import math
import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from tensorcore.kernels.cpu import tiers
from tensorcore.kernels.program import SMALL_RUNS, Program

# One loop is faster than NumPy's passes from a few elements on (a call costs 3 us, the passes of a
# program with two operations 7 us); the limit keeps short experiments from waiting for a compiler.
FROM_SIZE = 1024
# The steps of optimizers have this many inputs.  They run for parameters of all sizes, and NumPy
# needs 50 us for the smallest, so they are compiled whatever the size.
INPUTS_OF_UPDATES = 5
THREADS_FROM_SIZE = 1 << 18  # elements that one thread should have at least

SMALL = 1 << 20  # elements, so many that some runs of NumPy's passes take less than compiling

GENERATED = "tensorcore.kernels.cpu.generated_"  # begins the names of modules written here

_loading = threading.Lock()
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
    return (size >= FROM_SIZE or len(arrays) >= INPUTS_OF_UPDATES) and covers(arrays)


def waits(arrays: Sequence[Any], is_exact: bool) -> bool:
    """Whether a run of the reference takes less time than compiling, and that may be put off.

    `is_exact`: the reference gives the bits of the kernel.
    """
    may_wait = tiers.waits() if is_exact else tiers.approximates()
    return may_wait and all(array.size <= SMALL * SMALL_RUNS for array in arrays)


def must_be_same(is_exact: bool) -> bool:
    """Whether even few elements need the kernel, because the reference gives other bits."""
    return not is_exact and tiers.bits_count()


def covers(arrays: Sequence[Any]) -> bool:
    """Whether there can be a kernel for arrays of these dtypes."""
    return all(array.dtype.char in _SUPPORTED for array in arrays)


def compile(program: Program) -> Callable[..., Any]:
    """A function `(*arrays, out=None)` that computes the program, broadcasting its inputs.

    The result is one array, or a tuple if the program has several outputs.  `out` may be, or hold,
    inputs.
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
        layout = layout_of(tuple([array.shape for array in arrays]), len(self.outputs))
        key = layout.letters
        if out is None:
            outs = [np.empty(layout.shape, dtype) for dtype in self.outputs]
        else:
            outs = [out] if self.single else list(out)
            aliases = _aliases(arrays, outs, layout.shape, self.outputs)
            if aliases is None:
                return self._by_copy(arrays, outs, out)
            key += aliases
        if layout.size:
            loop = self.loops.get(key)
            if loop is None:
                aliases = key[len(layout.letters) :]
                loop = self.loop(layout.letters, aliases)
            flat = [*arrays, *outs]
            for position in layout.arrays:
                flat[position] = flat[position].ravel()  # contiguous, unlike reshape
            for position in layout.numbers:
                array = arrays[position]
                if type(array) is np.ndarray:
                    flat[position] = array.ravel()[0]
            for position in layout.expanded:
                flat[position] = np.broadcast_to(arrays[position], layout.shape).ravel()
            if layout.steps < 2 * layout.grain:
                loop(0, layout.steps, layout.inner, *flat)
            else:
                from tensorcore.kernels.cpu.jit import split

                split(loop, layout.steps, layout.grain, layout.inner, *flat)
        if out is not None:
            return out
        return outs[0] if self.single else tuple(outs)

    def bind(self, *arrays: Any, out: Any) -> Callable[[], None] | None:
        """The same for arrays that stay where they are: a call that looks up nothing any more.

        None where the arrays have to be copied first.
        """
        arrays = condensed(arrays)
        layout = layout_of(tuple([array.shape for array in arrays]), len(self.outputs))
        outs = [out] if self.single else list(out)
        aliases = _aliases(arrays, outs, layout.shape, self.outputs)
        given = [*arrays, *outs]
        flat_already = all(given[position].flags.c_contiguous for position in layout.arrays)
        if aliases is None or layout.expanded or not flat_already:
            return None
        if layout.size == 0:
            return _nothing
        from tensorcore.kernels.cpu.piece import POOL, Number, Piece

        flat = [
            array.reshape(-1)
            if position in layout.arrays
            else Number(array)
            if type(array) is np.ndarray
            else array
            for position, array in enumerate(given)
        ]
        loop = self.loop(layout.letters, aliases)
        return Piece(loop, layout.steps, max(1, layout.grain // POOL), [layout.inner, *flat])

    def loop(self, letters: str, aliases: str) -> Callable[..., None]:
        """The loop for inputs laid out like this, of which some are outputs."""
        key = letters + aliases
        if key not in self.loops:
            self.loops[key] = _load(self.program, letters, aliases)
        return self.loops[key]

    def sources(self) -> list[str]:
        """The text of each loop that was made, for people."""
        made = []
        for key in self.loops:
            letters = key[: len(self.program.inputs)]
            made.append(source(self.program, letters, key[len(letters) :]))
        return made

    def _by_copy(self, arrays: Sequence[Any], outs: list[Any], out: Any) -> Any:
        """For outputs that overlap inputs at other places, or are not contiguous."""
        values = self(*arrays)
        for target, value in zip(outs, [values] if self.single else values, strict=True):
            target[...] = value
        return out


def condensed(arrays: Sequence[Any]) -> tuple[Any, ...]:
    """Arrays that show numbers again and again, as smaller ones that are spread to the same shape.

    One that shows a single number becomes an array of no dimension.
    """
    smaller = tuple(map(_without_repeats, arrays))
    shapes = (np.broadcast_shapes(*map(np.shape, given)) for given in (arrays, smaller))
    return smaller if len(set(shapes)) == 1 else tuple(arrays)


def _without_repeats(array: Any) -> Any:
    if type(array) is not np.ndarray or array.size < 2 or all(array.strides):
        return array
    if not any(array.strides):
        return array[(*(0,) * array.ndim, ...)]
    part = array[tuple(slice(None) if step else slice(1) for step in array.strides)]
    return part if part.flags.c_contiguous else array


def _nothing() -> None:
    """What is to be done for empty arrays."""


# Layouts ------------------------------------------------------------------------------------------


class Layout(NamedTuple):
    """How a loop runs over inputs of certain shapes."""

    shape: tuple[int, ...]  # of the result
    size: int
    letters: str
    arrays: list[int]  # which inputs are flat arrays, and then the outputs
    numbers: list[int]  # which inputs are one number
    expanded: list[int]  # which inputs must first be expanded to the result's shape
    steps: int  # steps of the loop that threads may share
    inner: int  # elements in each, where there is an inner loop
    grain: int  # steps that one thread should have at least


@functools.lru_cache(maxsize=4096)
def layout_of(shapes: tuple[tuple[int, ...], ...], outputs: int) -> Layout:
    shape = np.broadcast_shapes(*shapes)
    size = math.prod(shape)
    grid = (1, size)
    for given in shapes:
        if given != () and math.prod(given) not in (1, size):
            grid = _grid(given, shape)
            break
    letters = ""
    expanded = []
    for position, given in enumerate(shapes):
        count = math.prod(given)
        if given == () or (count == 1 and size != 1):
            letter = "S"
        elif count == size:
            letter = "F"
        elif grid[0] > 1 and _grid(given, shape) == grid:
            letter = "R" if _is_row(given, shape) else "C"
        else:
            letter = "F"
            expanded.append(position)
        letters += letter
    numbers = [position for position, letter in enumerate(letters) if letter == "S"]
    arrays = [position for position in range(len(shapes)) if position not in numbers + expanded]
    arrays += [len(shapes) + number for number in range(outputs)]
    if "R" in letters or "C" in letters:
        outer, inner = grid
        grain = max(1, THREADS_FROM_SIZE // inner)
        return Layout(shape, size, letters, arrays, numbers, expanded, outer, inner, grain)
    return Layout(shape, size, letters, arrays, numbers, expanded, size, size, THREADS_FROM_SIZE)


def _grid(given: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, int]:
    """(outer, inner) such that `given` is one row or one column of it, else (1, size)."""
    size = math.prod(shape)
    count = math.prod(given)
    if _is_row(given, shape):
        return size // count, count
    padded = (1,) * (len(shape) - len(given)) + given
    last = max(axis for axis, length in enumerate(padded) if length != 1)
    if padded[: last + 1] == shape[: last + 1]:
        return count, size // count
    return 1, size


def _is_row(given: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether an array of this shape has the last axes of `shape` and none of the others."""
    padded = (1,) * (len(shape) - len(given)) + given
    first = min(axis for axis, length in enumerate(padded) if length != 1)
    return padded[first:] == shape[first:]


def _aliases(
    arrays: Sequence[Any], outs: list[Any], shape: tuple[int, ...], dtypes: Sequence[np.dtype]
) -> str | None:
    """Which outputs are inputs, "0=2;" if output 0 is input 2; None if `outs` cannot be written."""
    number_of: dict[int, int] = {}  # id of the array that owns the memory -> number of the output
    plain = True
    for number, target in enumerate(outs):
        if target.shape != shape or target.dtype != dtypes[number] or not target.flags.c_contiguous:
            return None
        owner = target if target.base is None else target.base
        # Other owners, such as foreign buffers, may stand for the same memory twice.
        plain = plain and type(owner) is np.ndarray and id(owner) not in number_of
        number_of[id(owner)] = number
    text = ""
    for position, array in enumerate(arrays):
        if array.shape == ():  # a number, which is read before anything is written
            continue
        owner = array if array.base is None else array.base
        found = number_of.get(id(owner))
        if found is not None and array is outs[found]:
            text += f"{found}={position};"
        elif found is not None or type(owner) is not np.ndarray:
            plain = False
    return text if plain else _aliases_by_address(arrays, outs)


def _aliases_by_address(arrays: Sequence[Any], outs: list[Any]) -> str | None:
    text = ""
    for number, target in enumerate(outs):
        if any(np.may_share_memory(target, other) for other in outs[:number]):
            return None
        for position, array in enumerate(arrays):
            if array.shape == () or not np.may_share_memory(array, target):
                continue
            if array is not target and not _is_same(array, target):
                return None
            text += f"{number}={position};"
    return text


def _is_same(array: np.ndarray, target: np.ndarray) -> bool:
    """Whether the elements of an input are just those of an output."""
    return (
        array.shape == target.shape
        and array.dtype == target.dtype
        and array.flags.c_contiguous
        and array.__array_interface__["data"] == target.__array_interface__["data"]
    )


# Source -------------------------------------------------------------------------------------------


def source(program: Program, letters: str, aliases: str = "") -> str:
    """The Python module with the loop of `program` for inputs laid out as `letters` say.

    Names that begin with an underscore are the loop's own; `x_` is the array of the input `x`.
    """
    given = parameters_of(program)
    targets = [f"_out{number}" for number in range(len(program.outputs))]
    parameters = ["_start", "_stop", "_inner", *given, *targets]
    for pair in aliases.split(";")[:-1]:
        number, position = pair.split("=")
        # One name for both tells LLVM that they are the same memory, which it could not vectorise
        # else.
        targets[int(number)] = given[int(position)]

    lines = lines_of(program, letters)
    # All results before the first is stored: an output may be an input.
    body = lines.element
    body += [f"{target}[_k] = _result{number}" for number, target in enumerate(targets)]

    # Unsigned positions: for signed ones numba looks whether they count from the end, in every
    # step.
    if "R" in letters or "C" in letters:
        loop = ["for _o in range(np.uintp(_start), np.uintp(_stop)):"]
        loop += indented(lines.row, 1)
        loop += ["    for _i in range(np.uintp(_inner)):"]
        loop += ["        _k = _o * np.uintp(_inner) + _i"]
        loop += indented(body, 2)
    else:
        loop = ["for _k in range(np.uintp(_start), np.uintp(_stop)):"]
        loop += indented(body, 1)
    return module_of(program, loop_name(program), parameters, lines.all + loop)


class Lines(NamedTuple):
    """The lines of a loop that load the inputs and compute the results, by where they stand."""

    all: list[str]  # before the loop
    row: list[str]  # for each line `_o`
    element: list[str]  # for element `_k`, which stands at `_i` in its line


def lines_of(program: Program, letters: str) -> Lines:
    """What computes `_result0` and so on of `program` for inputs laid out as `letters` say."""
    loads: dict[str, list[str]] = {letter: [] for letter in "FRCS"}
    for (name, dtype), letter in zip(program.inputs, letters, strict=True):
        value = f"{name}_" + {"F": "[_k]", "R": "[_i]", "C": "[_o]", "S": ""}[letter]
        # Booleans are conditions and stay what they are.
        loads[letter].append(f"{name} = {value}" if dtype == np.bool_ else f"{name} = T({value})")
    element = [*loads["F"], *loads["R"], *computation_of(program)]
    return Lines(loads["S"], loads["C"], element)


def computation_of(program: Program) -> list[str]:
    """What computes `_result0` and so on when the inputs have been loaded."""
    lines = [
        f"{name} = {text}" if is_bool else f"{name} = T({text})"
        for name, text, is_bool in program.statements
    ]
    return [*lines, *(f"_result{number} = {text}" for number, text in enumerate(program.results))]


def parameters_of(program: Program) -> list[str]:
    """The names of a loop's input arrays."""
    return [f"{name}_" for name, _ in program.inputs]


def indented(lines: Sequence[str], depth: int) -> list[str]:
    """Lines of Python, so many levels deeper."""
    return ["    " * depth + line for line in lines]


def module_of(
    program: Program, name: str, parameters: Sequence[str], body: Sequence[str], *more: str
) -> str:
    """The text of a module with the loop `name`; `more` are imports that it needs besides."""
    compute = "bool_" if program.compute == np.bool_ else program.compute.name
    lines = [
        f'"""{program.name}: made by tensorcore.kernels.cpu.generated."""',
        "",
        "import numpy as np",
        "",
        *imports(program),
        "from tensorcore.kernels.cpu.jit import SEPARATE, kernel",
        *more,
        "",
        f"T = np.{compute}",
        "NAN = np.nan",
        "INFINITY = np.inf",
        "",
        "",
        "@kernel(fastmath=SEPARATE)",
        f"def {name}({', '.join(parameters)}):",
        *indented(body, 1),
    ]
    return "\n".join(lines) + "\n"


def imports(program: Program) -> list[str]:
    """Where the functions that a program calls are found."""
    from tensorcore.kernels.cpu import float32_functions, float64_functions, scalar_functions

    own = {"float32": float32_functions, "float64": float64_functions}.get(program.compute.name)
    texts = [text for _, text, _ in program.statements] + list(program.results)
    lines = []
    for name in sorted({name for text in texts for name in re.findall(r"([a-z_]\w*)\(", text)}):
        module = own if own is not None and hasattr(own, name) else scalar_functions
        getattr(module, name)  # a name that is missing is found here, not inside numba
        lines.append(f"from {module.__name__} import {name}")
    return lines


def loop_name(program: Program) -> str:
    # Not the bare name, which may be that of a function which the loop calls.
    return re.sub(r"\W", "_", program.name) + "_loop"


# Loading ------------------------------------------------------------------------------------------


def _load(program: Program, letters: str, aliases: str) -> Callable[..., None]:
    """The loop as a compiled function, whose machine code an earlier process may have left."""
    return load(loop_name(program), source(program, letters, aliases))


def load(name: str, text: str) -> Callable[..., Any]:
    """The function `name` of a module that was written for it, compiled and cached on disk."""
    from tensorcore.kernels.cpu import jit

    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    module_name = f"{GENERATED}{name}_{digest}"
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
    return getattr(module_at(module_name, path), name)


def module_at(name: str, path: Any) -> Any:
    """The module that an earlier call of `load`, perhaps in another process, has written."""
    with _loading:
        if name not in sys.modules:  # its machine code is loaded once
            spec = importlib.util.spec_from_file_location(name, path)
            module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
            spec.loader.exec_module(module)  # type: ignore[union-attr]
            sys.modules[name] = module
        return sys.modules[name]


def is_generated(module: str) -> bool:
    """Whether a module of this name was written by `load`."""
    return module.startswith(GENERATED)


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
