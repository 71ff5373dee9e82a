"""Sums of what an element-wise program computes, which is not written down for that.

Long rows, and many lines, are cut into sections, so that there is work for the whole GPU; a second
launch adds the sums of the sections.  The order of additions depends on the sizes alone.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import cupy
import numpy as np
from cupy.cuda.device import get_device_id
from tensorcore.kernels.cuda.arrays import dense, launch_for_rows
from tensorcore.kernels.cuda.modules import MOST_BLOCKS, compile_source
from tensorcore.kernels.cuda.sum_texts import KINDS, THREADS, write_source
from tensorcore.kernels.program import Program, Sums

_ENOUGH_BLOCKS = 1024  # to fill the largest GPU
_SECTION_OF_ROW = 1 << 13  # elements that are worth a block of their own
_SECTION_OF_LINES = 256  # lines that are


@functools.lru_cache(maxsize=1024)
def compile(program: Program, sums: Sums) -> JoinedSums:
    """The call `(*arrays, out=results)`; programs that are equal share it."""
    return JoinedSums(program, sums)


class _Grid(NamedTuple):
    """How many lines of how many elements there are, and how they are cut."""

    lines: int
    width: int
    sections: int
    section_size: int


class JoinedSums:
    """The kernels of one program and of the sums of some of its results, for each layout."""

    def __init__(self, program: Program, sums: Sums) -> None:
        self.program = program
        self.sums = sums
        self._functions: dict[tuple[int, str], Any] = {}

    def sources(self) -> list[str]:
        """The text of each kernel that was launched, for people."""
        letters = dict.fromkeys(letters for _, letters in self._functions)
        return [write_source(self.program, self.sums, each) for each in letters]

    def __call__(self, *arrays: Any, out: Any) -> Any:
        outs = out if type(out) is tuple else (out,)
        shape = np.broadcast_shapes(*(array.shape for array in arrays))
        if not math.prod(shape) or not all(target.flags.c_contiguous for target in outs):
            return NotImplemented
        given, letters = zip(*(self._placed(array, shape) for array in arrays), strict=True)
        grid = self._cut(shape)
        count = grid.lines if self.sums.over_first else grid.width
        divisors = [count if kind == "mean" else 1 for kind in self.sums.kinds]
        if grid.sections == 1:
            self._launch("".join(letters), grid, given, divisors, outs)
            return out
        targets = list(outs)
        for place, kind in enumerate(self.sums.kinds):
            if kind:
                targets[place] = cupy.ndarray(
                    (grid.sections * outs[place].size,), outs[place].dtype
                )
        self._launch("".join(letters), grid, given, [1] * len(outs), targets)
        for target, divisor, result in zip(targets, divisors, outs, strict=True):
            if target is not result:
                _add_sections(target, grid.sections, divisor, result, self.sums.over_first)
        return out

    def _placed(self, array: Any, shape: tuple[int, ...]) -> tuple[Any, str]:
        """An input as the kernel takes it, and the letter that says where its elements are."""
        if type(array) is not cupy.ndarray:
            return array, "N"
        if not any(array.strides) or array.size == 1:
            return array, "S"
        if array.shape == shape:
            return dense(array), "F"
        border = self.sums.border
        padded = (1,) * (len(shape) - array.ndim) + array.shape
        if math.prod(padded[:border]) == 1 and padded[border:] == shape[border:]:
            return dense(array), "R"
        if math.prod(padded[border:]) == 1 and padded[:border] == shape[:border]:
            return dense(array), "C"
        return cupy.ascontiguousarray(cupy.broadcast_to(array, shape)), "F"

    def _cut(self, shape: tuple[int, ...]) -> _Grid:
        lines, width = math.prod(shape[: self.sums.border]), math.prod(shape[self.sums.border :])
        if self.sums.over_first:
            length, worth = lines, _SECTION_OF_LINES
            others = -(-width // _columns(width))
        else:
            length, worth, others = width, _SECTION_OF_ROW, lines
        sections = max(1, min(length // worth, _ENOUGH_BLOCKS // others))
        size = -(-length // sections)
        return _Grid(lines, width, -(-length // size), size)

    def _launch(
        self, letters: str, grid: _Grid, given: Any, divisors: Sequence[int], outs: Sequence[Any]
    ) -> None:
        if self.sums.over_first:
            columns = _columns(grid.width)
            steps = grid.sections * -(-grid.width // columns)
            blocks, block = (min(steps, MOST_BLOCKS), 1, 1), (columns, THREADS // columns, 1)
        else:
            blocks, block = launch_for_rows(grid.lines * grid.sections, grid.section_size)
            block = (min(block[0], THREADS), block[1], 1)
        number = self.program.compute.type
        numbers = [
            number(divisor) for divisor, kind in zip(divisors, self.sums.kinds, strict=True) if kind
        ]
        self._function(letters)(blocks, block, (*grid, *given, *numbers, *outs))

    def _function(self, letters: str) -> Any:
        key = (get_device_id(), letters)
        if key not in self._functions:
            text = write_source(self.program, self.sums, letters)
            kind = KINDS[self.sums.over_first]
            title = f"{self.program.name} ({kind})"
            self._functions[key] = compile_source(text, [kind], title, template=False)[0]
        return self._functions[key]


def _columns(width: int) -> int:
    """How many neighbouring columns a block adds at once."""
    return 32 if width > 16 else 8


def _add_sections(parts: Any, sections: int, divisor: int, out: Any, over_first: bool) -> None:
    """The sums of sections, added and divided, into `out`."""
    dtype = parts.dtype
    as_it_is = Program("sections", (("x", dtype),), dtype, (), ("x",), (dtype,))
    adding = compile(as_it_is, Sums(("sum",), over_first, 1))
    sizes = (sections, out.size) if over_first else (out.size, sections)
    adding._launch("F", _Grid(*sizes, 1, sections), (parts,), [divisor], (out,))
