"""The gradient of a weight matrix and the step of an optimizer with it, block by block.

A block of the gradient x^T g is used while it is in fast memory, so that a large matrix of
gradients is never written down:

    for each block of rows:   w, state = update(w, state, x^T g)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from tensorcore.kernels.cpu import generated
from tensorcore.kernels.program import Program

BLOCK_BYTES = 24 * 1024  # of the gradient
OPERATIONS_A_THREAD = 1 << 20
OPERATIONS_OF_UPDATE = 40  # for an element of the gradient, memory counted in


class Segment(NamedTuple):
    """A part of the flat parameters: where it is, and how many inputs its gradient has.

    Two inputs x (M, K) and g (M, N) stand for x^T g, one for the gradient itself.
    """

    start: int
    stop: int
    inputs: int


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
        from tensorcore.kernels.cpu.piece import POOL, Number, Piece

        flats = [out] if self.results == 1 else list(out)
        if not all(flat.flags.c_contiguous for flat in flats):
            return None
        flats = [flat.reshape(-1) for flat in flats]  # a matrix may be updated by itself
        position = self.results
        count = sum(segment.inputs for segment in self.segments)
        given, numbers = arrays[position : position + count], arrays[position + count :]
        if not all(array.flags.c_contiguous for array in given):
            return None
        ends = [Number(n) if type(n) is np.ndarray else n for n in numbers]
        pieces = []
        taken = 0
        for start, stop, inputs in self.segments:
            parts = [flat[start:stop] for flat in flats]
            mine = given[taken : taken + inputs]
            taken += inputs
            if inputs == 1:
                args = [stop - start, *parts, mine[0].reshape(-1), *ends]
                # The outputs are named again after the inputs; they are the same arrays.
                loop = self._plain_loop
                pieces.append(
                    Piece(loop, stop - start, generated.THREADS_FROM_SIZE // POOL, [*args, *parts])
                )
                continue
            x, g = mine
            depth, rows = x.shape
            width = g.shape[1]
            block = max(6, BLOCK_BYTES // (width * g.itemsize) // 6 * 6)
            work = block * width * (2 * depth + OPERATIONS_OF_UPDATE)
            args = [rows, block, x.reshape(-1), g.reshape(-1), width, depth, *parts, *ends]
            grain = max(1, OPERATIONS_A_THREAD // work)
            pieces.append(Piece(self._joined_loop, -(-rows // block), grain, args))
        return pieces

    @functools.cached_property
    def _plain_loop(self) -> Callable[..., None]:
        letters = "F" * (self.results + 1)
        letters += "S" * (len(self.program.inputs) - len(letters))
        aliases = "".join(f"{number}={number};" for number in range(self.results))
        return generated.compile(self.program).loop(letters, aliases)  # type: ignore[attr-defined]

    @functools.cached_property
    def _joined_loop(self) -> Callable[..., None]:
        return generated.load(f"{self.program.name}_of_product", source(self.program, self.results))

    def sources(self) -> list[str]:
        """The generated text, for people."""
        return [source(self.program, self.results)]


def source(program: Program, results: int) -> str:
    """The Python module with the loop; names with an underscore are its own."""
    names = [name for name, _ in program.inputs]
    flats, gradient, numbers = names[:results], names[results], names[results + 1 :]
    parameters = ["_start", "_stop", "_rows", "_block", "_x", "_g", "_width", "_depth"]
    parameters += [*(f"{name}_" for name in flats), *(f"{name}_" for name in numbers)]
    body = [f"{gradient} = T(_gradient[_i])"]
    body += [f"{name} = T({name}_[_base + _i])" for name in flats]
    body += [
        f"{name} = {text}" if is_bool else f"{name} = T({text})"
        for name, text, is_bool in program.statements
    ]
    body += [f"_result{number} = {text}" for number, text in enumerate(program.results)]
    body += [f"{name}_[_base + _i] = _result{number}" for number, name in enumerate(flats)]
    lines = [
        f'"""{program.name} of a product: made by tensorcore.kernels.cpu.joined_update."""',
        "",
        "import numpy as np",
        "",
        *generated.imports(program),
        "from tensorcore.kernels.cpu.jit import SEPARATE, kernel",
        "from tensorcore.kernels.cpu.vectors import multiply",
        "",
        f"T = np.{program.compute.name}",
        "NAN = np.nan",
        "INFINITY = np.inf",
        "",
        "",
        "@kernel(fastmath=SEPARATE)",
        f"def {program.name}_of_product({', '.join(parameters)}):",
        *(f"    {name} = T({name}_)" for name in numbers),
        "    _gradient = np.empty(_block * _width, _g.dtype)",
        "    for _number in range(_start, _stop):",
        "        _first = _number * _block",
        "        _count = min(_block, _rows - _first)",
        "        multiply(_x, _first, 1, _rows, _g, 0, _width,",
        "                 _gradient, 0, _width, _count, _width, _depth)",
        "        _base = np.uintp(_first * _width)",
        "        for _i in range(np.uintp(_count * _width)):",
        *(f"            {line}" for line in body),
    ]
    return "\n".join(lines) + "\n"
