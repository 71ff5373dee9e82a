"""Sums of what an element-wise program computes, which is not written down for that.

Some results of the program are added up over the last axes (of rows) or over the first ones (of
lines); others may be stored besides.  Terms are added in the order of `reductions.py`, so that a
sum has the bits that it has where its terms are stored first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tensorcore.kernels.cpu import generated, pairwise, reductions
from tensorcore.kernels.cpu.piece import Number, Piece
from tensorcore.kernels.program import Program, Sums


def compile(program: Program, sums: Sums) -> JoinedSums:
    """See `JoinedSums`."""
    return JoinedSums(program, sums)


class JoinedSums:
    """The call `(*arrays, out=results)`."""

    def __init__(self, program: Program, sums: Sums) -> None:
        self.program = program
        self.sums = sums
        self._texts: dict[str, None] = {}

    def __call__(self, *arrays: Any, out: Any) -> Any:
        pieces = self.bind(*arrays, out=out)
        if pieces is None:
            shape = np.broadcast_shapes(*(array.shape for array in arrays))
            full = [np.ascontiguousarray(np.broadcast_to(array, shape)) for array in arrays]
            pieces = self.bind(*full, out=out)
        if pieces is None:  # the results are not contiguous, or there is nothing to add up
            return NotImplemented
        for piece in pieces:
            piece()
        return out

    def bind(self, *arrays: Any, out: Any) -> list[Piece] | None:
        """The pieces of work for arrays that stay where they are."""
        arrays = generated.condensed(arrays)
        outs = [out] if len(self.program.outputs) == 1 else list(out)
        layout = generated.layout_of(tuple([array.shape for array in arrays]), len(outs))
        used = [array for place, array in enumerate(arrays) if place not in layout.numbers]
        if not all(array.flags.c_contiguous for array in (*used, *outs)) or not layout.size:
            return None
        kept = next(o.size for o, kind in zip(outs, self.sums.kinds, strict=True) if kind)
        grid = (kept, layout.size // kept)
        if self.sums.over_first:
            grid = grid[::-1]
        repeats = "R" in layout.letters or "C" in layout.letters
        if layout.expanded or (repeats and (layout.steps, layout.inner) != grid):
            return None
        inputs = [
            Number(array) if place in layout.numbers else array.reshape(-1)
            for place, array in enumerate(arrays)
        ]
        make = self._lines if self.sums.over_first else self._rows
        return make(*grid, layout.letters, inputs, [target.reshape(-1) for target in outs])

    def sources(self) -> list[str]:
        """The text of each loop that was made, for people."""
        return list(self._texts)

    def _rows(
        self, rows: int, length: int, letters: str, inputs: list[Any], outs: list[Any]
    ) -> list[Piece]:
        """The work for sums over the last axes: a row, or a section of it, a step."""
        in_any_order = reductions.is_own(rows, length, 1)
        how = pairwise.straight(length) if in_any_order else pairwise.order(length)
        targets, divisors, joining = list(outs), [], []
        for place, kind in enumerate(self.sums.kinds):
            if kind:
                divisor = length if kind == "mean" else 1
                into = pairwise.target(rows, how, divisor, outs[place])
                targets[place] = into.sums
                divisors.append(into.divisor)
                joining += into.joining
        text = rows_text(self.program, self.sums, letters, in_any_order)
        args = [length, how.bounds, how.additions, how.sections, how.longest]
        args += [*divisors, *inputs, *targets]
        sections = len(how.joins)
        grain = max(1, reductions.ELEMENTS_A_PIECE * sections // length)
        return [Piece(self._loop("rows", text), rows * sections, grain, args), *joining]

    def _lines(
        self, lines: int, width: int, letters: str, inputs: list[Any], outs: list[Any]
    ) -> list[Piece]:
        """The work for sums over the first axes: some lines, or some columns of all, a step."""
        divisors = self._divisors(lines)
        chunk = block = lines
        columns = reductions.columns_a_step(width)
        if reductions.is_own(1, lines, width):
            chunk, block, columns = reductions.CHUNK, reductions.BLOCK, width
        chunks = -(-lines // chunk)
        targets, joining = list(outs), []
        if chunks > 1:
            for place, divisor in zip(_summed(self.sums), divisors, strict=True):
                sums = np.empty((chunks, width), outs[place].dtype)
                targets[place] = sums.reshape(-1)
                joining.append(reductions.sum_of_lines(sums, outs[place], divisor))
            divisors = self._divisors(1)
        text = lines_text(self.program, self.sums, letters)
        args = [width, lines, chunk, block, columns, *divisors, *inputs, *targets]
        grain = max(1, reductions.ELEMENTS_A_PIECE // (min(lines, chunk) * columns))
        steps = chunks * -(-width // columns)
        return [Piece(self._loop("lines", text), steps, grain, args), *joining]

    def _divisors(self, count: int) -> list[int]:
        """What the sums of `count` terms are divided by."""
        return [count if kind == "mean" else 1 for kind in self.sums.kinds if kind]

    def _loop(self, kind: str, text: str) -> Callable[..., None]:
        self._texts[text] = None
        return generated.load(_name(self.program, kind), text)


# Source -------------------------------------------------------------------------------------------


def _name(program: Program, kind: str) -> str:
    return f"{generated.loop_name(program)}_over_{kind}"


def _summed(sums: Sums) -> list[int]:
    return [number for number, kind in enumerate(sums.kinds) if kind]


def _parameters(program: Program, sums: Sums, *names: str) -> list[str]:
    divisors = [f"_divisor{number}" for number in _summed(sums)]
    outs = [f"_out{number}" for number in range(len(program.outputs))]
    return ["_start", "_stop", *names, *divisors, *generated.parameters_of(program), *outs]


def _stores(sums: Sums) -> list[str]:
    return [
        f"_out{number}[_k] = _result{number}" for number, kind in enumerate(sums.kinds) if not kind
    ]


def rows_text(program: Program, sums: Sums, letters: str, in_any_order: bool) -> str:
    """The module with the loop over the sections of rows."""
    lines = generated.lines_of(program, letters)
    function = "sum_in_any_order" if in_any_order else "sum_of_part"
    body = [
        *lines.all,
        *[f"_terms{number} = np.empty(_longest, T)" for number in _summed(sums)],
        *[f"_stack{number} = np.empty(DEEPEST, T)" for number in _summed(sums)],
        "_count = _sections.size - 1",
        "for _step in range(_start, _stop):",
        "    _row, _section = divmod(_step, _count)",
        "    _o = np.uintp(_row)",
        *generated.indented(lines.row, 1),
        "    _depth = 0",
        "    for _part in range(_sections[_section], _sections[_section + 1]):",
        "        _begin, _end = np.uintp(_bounds[_part]), np.uintp(_bounds[_part + 1])",
        "        for _i in range(_begin, _end):",
        "            _k = _o * np.uintp(_inner) + _i",
        *generated.indented(lines.element, 3),
        *[f"            _terms{number}[_i - _begin] = _result{number}" for number in _summed(sums)],
        *generated.indented(_stores(sums), 3),
    ]
    for number in _summed(sums):
        total = f"{function}(_terms{number}, np.uintp(0), _end - _begin)"
        body.append(f"        _stack{number}[_depth] = {total}")
    for number in _summed(sums):
        body.append(f"        _next = add_up(_stack{number}, _depth + 1, _additions[_part])")
    body.append("        _depth = _next")
    for number in _summed(sums):
        body.append(f"    _out{number}[_step] = _stack{number}[0] / T(_divisor{number})")
    names = ("_inner", "_bounds", "_additions", "_sections", "_longest")
    source = f"from tensorcore.kernels.cpu.pairwise import DEEPEST, add_up, {function}"
    name = _name(program, "rows")
    return generated.module_of(program, name, _parameters(program, sums, *names), body, source)


def lines_text(program: Program, sums: Sums, letters: str) -> str:
    """The module with the loop over chunks of lines, and panels of columns in each.

    Within a chunk the lines of a block are added to sums of their own.
    """
    lines = generated.lines_of(program, letters)
    body = [
        *lines.all,
        *[f"_terms{number} = np.empty(_columns, T)" for number in _summed(sums)],
        *[f"_block{number} = np.empty(_columns, T)" for number in _summed(sums)],
        "_panels = -(-_inner // _columns)",
        "for _step in range(_start, _stop):",
        "    _part, _panel = divmod(_step, _panels)",
        "    _left = np.uintp(_panel * _columns)",
        "    _count = np.uintp(min(_columns, _inner - _panel * _columns))",
        "    _end = min((_part + 1) * _chunk, _lines)",
        *[f"    _terms{number}[:_count] = 0" for number in _summed(sums)],
        "    for _first in range(_part * _chunk, _end, _lines_a_block):",
        *[f"        _block{number}[:_count] = 0" for number in _summed(sums)],
        "        for _o in range(np.uintp(_first), np.uintp(min(_first + _lines_a_block, _end))):",
        *generated.indented(lines.row, 3),
        "            for _j in range(_count):",
        "                _i = _left + _j",
        "                _k = _o * np.uintp(_inner) + _i",
        *generated.indented(lines.element, 4),
        *[f"                _block{number}[_j] += _result{number}" for number in _summed(sums)],
        *generated.indented(_stores(sums), 4),
        "        for _j in range(_count):",
        *[f"            _terms{number}[_j] += _block{number}[_j]" for number in _summed(sums)],
        "    for _j in range(_count):",
        "        _i = np.uintp(_part * _inner) + _left + _j",
    ]
    for number in _summed(sums):
        body.append(f"        _out{number}[_i] = _terms{number}[_j] / T(_divisor{number})")
    parameters = _parameters(
        program, sums, "_inner", "_lines", "_chunk", "_lines_a_block", "_columns"
    )
    return generated.module_of(program, _name(program, "lines"), parameters, body)
