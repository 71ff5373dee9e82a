"""The gradient of a weight matrix and the step of an optimizer with it, block by block.

A block of the gradient, x^T g or the sums of what look-ups bring to the rows of a table, is used
while it is in fast memory, so that a large matrix of gradients is never written down:

    for each block of rows:   w, state = update(w, state, x^T g)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from tensorcore.kernels.cpu import generated
from tensorcore.kernels.cpu.piece import POOL, Number, Piece
from tensorcore.kernels.cpu.row_lists import RowLists
from tensorcore.kernels.program import Program

BLOCK_BYTES = 24 * 1024  # of the gradient
OPERATIONS_A_THREAD = 1 << 20
PANEL = 64  # columns of a block where the parameters stay in the caches between two steps
CACHE_BYTES = 1 << 21  # of parameters and their state that do
OPERATIONS_OF_UPDATE = 40  # for an element of the gradient, memory counted in


class Segment(NamedTuple):
    """A part of the flat parameters: where it is, and what its gradient is made of.

    "gradient": of itself; "product": of x (M, K) and g (M, N), it is x^T g; "lookups": of indices
    and updates (*indices.shape, N), it is their sum for each row.
    """

    start: int
    stop: int
    kind: str


INPUTS = {"gradient": 1, "product": 2, "lookups": 2}


def compile(program: Program, results: int, segments: Sequence[Segment]) -> JoinedUpdate:
    """See `JoinedUpdate`; the first `results` inputs of the program are written over."""
    return JoinedUpdate(program, results, tuple(segments))


class JoinedUpdate:
    """The call `(*flats, *inputs of the segments, *numbers, out=flats)`."""

    def __init__(self, program: Program, results: int, segments: tuple[Segment, ...]) -> None:
        self.program = program
        self.results = results
        self.segments = segments

    def __call__(self, *arrays: Any, out: Any) -> Any:
        pieces = self.bind(*arrays, out=out)
        if pieces is None:
            return NotImplemented
        for piece in pieces:
            piece()
        return out

    def bind(self, *arrays: Any, out: Any) -> list[Any] | None:
        """The pieces of work for arrays that stay where they are."""
        flats = [out] if self.results == 1 else list(out)
        if not all(flat.flags.c_contiguous for flat in flats):
            return None
        flats = [flat.reshape(-1) for flat in flats]  # a matrix may be updated by itself
        position = self.results
        count = sum(INPUTS[segment.kind] for segment in self.segments)
        given, numbers = arrays[position : position + count], arrays[position + count :]
        ends = [Number(n) if type(n) is np.ndarray else n for n in numbers]
        pieces: list[Any] = []
        taken = 0
        for start, stop, kind in self.segments:
            parts = [flat[start:stop] for flat in flats]
            mine = given[taken : taken + INPUTS[kind]]
            taken += INPUTS[kind]
            if kind == "lookups":
                if not RowLists.cover(*mine):
                    return None
                pieces += self._of_lookups(parts, *mine, ends)
                continue
            if not all(array.flags.c_contiguous for array in mine):
                return None
            if kind == "product":
                pieces.append(self._of_product(parts, *mine, ends))
                continue
            args = [stop - start, *parts, mine[0].reshape(-1), *ends]
            # The outputs are named again after the inputs; they are the same arrays.
            loop = self._plain_loop
            grain = generated.THREADS_FROM_SIZE // POOL
            pieces.append(Piece(loop, stop - start, grain, [*args, *parts]))
        return pieces

    def _of_product(self, parts: list[Any], x: Any, g: Any, ends: list[Any]) -> Piece:
        depth, rows = x.shape
        width = g.shape[1]
        columns = width
        # The thread that multiplied by a panel of columns (see `products`) has it at hand, too.
        if sum(part.nbytes for part in parts) <= CACHE_BYTES:
            columns = min(width, PANEL)
        block = max(6, BLOCK_BYTES // (columns * g.itemsize) // 6 * 6)
        blocks = -(-rows // block)
        work = block * columns * (2 * depth + OPERATIONS_OF_UPDATE)
        args = [rows, block, blocks, columns, x.reshape(-1), g.reshape(-1), width, depth]
        grain = max(1, OPERATIONS_A_THREAD // work)
        steps = blocks * -(-width // columns)
        return Piece(self._product_loop, steps, grain, [*args, *parts, *ends])

    def _of_lookups(
        self, parts: list[Any], indices: Any, updates: Any, ends: list[Any]
    ) -> list[Piece]:
        width = updates.shape[-1]
        lists = RowLists(indices, updates, parts[0].size // width)
        args = [lists.lines, lists.members, lists.begins, lists.block, *parts, *ends]
        return [*lists.pieces, Piece(self._lookups_loop, lists.count, lists.grain, args)]

    @functools.cached_property
    def _plain_loop(self) -> Callable[..., None]:
        letters = "F" * (self.results + 1)
        letters += "S" * (len(self.program.inputs) - len(letters))
        aliases = "".join(f"{number}={number};" for number in range(self.results))
        return generated.compile(self.program).loop(letters, aliases)  # type: ignore[attr-defined]

    @functools.cached_property
    def _product_loop(self) -> Callable[..., None]:
        text = source(self.program, self.results, "product")
        return generated.load(f"{self.program.name}_of_product", text)

    @functools.cached_property
    def _lookups_loop(self) -> Callable[..., None]:
        text = source(self.program, self.results, "lookups")
        return generated.load(f"{self.program.name}_of_lookups", text)

    def sources(self) -> list[str]:
        """The generated texts, for people."""
        kinds = dict.fromkeys(segment.kind for segment in self.segments)
        return [source(self.program, self.results, kind) for kind in kinds if kind != "gradient"]


# Arguments of the loops, how each computes the gradient of the next block, and which lines of the
# parameters it is for.
PARAMETERS = {
    "product": ["_rows", "_block", "_blocks", "_columns", "_x", "_g", "_width", "_depth"],
    "lookups": ["_lines", "_members", "_begins", "_block"],
}
IMPORTS = {
    "product": [
        "from tensorcore.kernels.cpu.register_products import LINE_BYTES, fetch, multiply",
    ],
    "lookups": [
        "from tensorcore.kernels.cpu.row_lists import row_of_step",
        "from tensorcore.kernels.cpu.row_sums import sum_lists",
    ],
}
BLOCKS = {
    "product": [
        "_gradient = np.empty(_block * _columns, _g.dtype)",
        "for _number in range(_start, _stop):",
        "    _panel, _place = divmod(_number, _blocks)",
        "    _first, _left = _place * _block, _panel * _columns",
        "    _count, _used = min(_block, _rows - _first), min(_columns, _width - _left)",
        # What the next block needs of x, some numbers in each of its lines, is fetched meanwhile.
        "    _line = LINE_BYTES // _x.itemsize",
        "    for _k in range(_depth):",
        "        for _r in range(_first + _block, min(_first + 2 * _block, _rows), _line):",
        "            fetch(_x, _k * _rows + _r)",
        "    multiply(_x, _first, 1, _rows, _g, _left, _width,",
        "             _gradient, 0, _used, _count, _used, _depth)",
        "    _lines, _length = (1, _count * _width) if _used == _width else (_count, _used)",
        "    for _line in range(_lines):",
        "        _base = np.uintp((_first + _line) * _width + _left)",
        "        _from = np.uintp(_line * _length)",
    ],
    "lookups": [
        "_width = _lines.shape[1]",
        "_gradient = np.empty(_block * _width, _lines.dtype)",
        "_flat = _lines.reshape(_lines.size)",
        "_begin, _end = row_of_step(_begins, _start), row_of_step(_begins, _stop)",
        "for _first in range(_begin, _end, _block):",
        "    _count = min(_block, _end - _first)",
        "    sum_lists(_flat, _width, _members, _begins, _first, _first + _count, _gradient)",
        "    for _line in range(1):",
        "        _base, _from, _length = np.uintp(_first * _width), np.uintp(0), _count * _width",
    ],
}


def source(program: Program, results: int, kind: str) -> str:
    """The Python module with the loop; names with an underscore are its own."""
    names = [name for name, _ in program.inputs]
    flats, gradient, numbers = names[:results], names[results], names[results + 1 :]
    parameters = ["_start", "_stop", *PARAMETERS[kind]]
    parameters += [*(f"{name}_" for name in flats), *(f"{name}_" for name in numbers)]
    body = [f"{gradient} = T(_gradient[_from + _i])"]
    body += [f"{name} = T({name}_[_base + _i])" for name in flats]
    body += generated.computation_of(program)
    body += [f"{name}_[_base + _i] = _result{number}" for number, name in enumerate(flats)]
    lines = [f"{name} = T({name}_)" for name in numbers] + BLOCKS[kind]
    lines += ["        for _i in range(np.uintp(_length)):", *generated.indented(body, 3)]
    name = f"{program.name}_of_{kind}"
    return generated.module_of(program, name, parameters, lines, *IMPORTS[kind])
