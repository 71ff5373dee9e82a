"""A list of pieces run for several batches in one call, without Python between the batches.

Before each run the numbers of that batch (a learning rate, a random counter, where its rows are
named) are written to their places; the rows of arrays are gathered by a piece like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tensorcore.kernels.cpu import jit, native
from tensorcore.kernels.cpu.bound import PLAIN
from tensorcore.kernels.cpu.compiler import types
from tensorcore.kernels.cpu.jit import kernel
from tensorcore.kernels.cpu.native import REFUSED, TOO_MANY, WAITED, Run, array_at, run_table
from tensorcore.kernels.cpu.piece import Number, Piece
from tensorcore.kernels.cpu.register_products import LINE_BYTES, fetch
from tensorcore.kernels.program import NotReady

ROWS_AHEAD = 4  # that are fetched before they are copied
BYTES_AT_ONCE = 1 << 14  # of gathered rows: what is worth giving to a thread that waits for work
LINE = 8  # numbers of a batch start at multiples of so many bytes


# Gathering ----------------------------------------------------------------------------------------


@kernel
def _gather(start, stop, source, numbers, first, target):
    """target[r] = source[numbers[first + r]]."""
    width = np.uintp(target.shape[1])
    flat = source.reshape(source.size)
    for r in range(start - ROWS_AHEAD, stop):
        # Rows are anywhere in far memory: several are on their way while one is copied.
        if r + ROWS_AHEAD < stop:
            begin = numbers[first + r + ROWS_AHEAD] * source.shape[1]
            for i in range(0, source.shape[1], LINE_BYTES // source.itemsize):
                fetch(flat, begin + i)
        if r < start:
            continue
        row, result = source[np.uintp(numbers[first + r])], target[np.uintp(r)]
        for i in range(width):
            result[i] = row[i]


def gather(source: Any, numbers: Any, first: np.ndarray, target: np.ndarray) -> Piece | None:
    """The rows of `source` with these numbers, from `first` on, as many as `target` has.

    None where loops cannot read or convert them.
    """
    kinds = source.dtype.kind + target.dtype.kind
    can_convert = source.dtype == target.dtype or kinds in ("ff", "if", "uf", "bf", "ii", "uu")
    if not can_convert or not {source.dtype.char, target.dtype.char} <= set(PLAIN):
        return None
    if not (source.flags.c_contiguous and source.dtype.isnative and target.size):
        return None
    rows = len(target)
    width = target.size // rows
    args = (source.reshape(len(source), width), numbers, Number(first), target.reshape(rows, width))
    return Piece(_gather, rows, max(1, BYTES_AT_ONCE // (width * target.itemsize)), args)


# Several batches ----------------------------------------------------------------------------------


@kernel
def _run_batches(table, control, job, alone, values, places):
    """Run the table once for each row of `values`, whose parts go to `places` first.

    A place is (address, where its part starts, bytes).  Returns the number of the last job, and how
    many runs came to their end.
    """
    for batch in range(values.shape[0]):
        for place in range(places.shape[0]):
            address, begin, count = places[place, 0], places[place, 1], places[place, 2]
            target = array_at(address, (count,), np.uint8(0))
            for i in range(count):
                target[i] = values[batch, begin + i]
        # Helpers that lose their CPU again and again are not waited for in all the batches.
        job = run_table(table, control, job, alone or control[WAITED] > TOO_MANY)
        if control[REFUSED] != 0:
            return job, batch
    return job, values.shape[0]


class Batches:
    """Runs pieces for several batches.

    Args:
        pieces: what is run for each batch; each must have an entry (see `native.joined`).
        given: the arrays that get new numbers before each run.

    Raises:
        NotReady: kernels may not be compiled now.
    """

    def __init__(self, pieces: Sequence[Piece], given: Sequence[np.ndarray]) -> None:
        packable = [native.is_packable(piece) for piece in pieces]  # each notes what it misses
        if not all(packable):
            raise NotReady("a kernel of a list for several batches")
        words, bytes_ = (types.Array(t, 2, "C") for t in (types.int64, types.uint8))
        control = types.Array(types.int64, 1, "C")
        jit.compiled(_run_batches, (words, control, types.int64, types.boolean, bytes_, words))
        self._run: Run = native.sequence(pieces)
        self._given = given
        places = []
        begin = 0
        for array in given:
            places.append((array.ctypes.data, begin, array.nbytes))
            begin += -(-array.nbytes // LINE) * LINE
        self._places = np.array(places, np.int64).reshape(-1, 3)
        self._width = begin

    def numbers(self, batches: int) -> tuple[np.ndarray, list[np.ndarray]]:
        """Memory for the numbers of so many batches, and of it a column for each given array."""
        values = np.zeros((batches, self._width), np.uint8)
        columns = [
            values[:, begin : begin + count].view(array.dtype)[:, 0]
            for array, (_, begin, count) in zip(self._given, self._places.tolist(), strict=True)
        ]
        return values, columns

    def __call__(self, values: np.ndarray) -> tuple[int, Any]:
        """Run for all batches; returns how many came to their end, and None if that is all.

        Else a check has refused the next batch; its call, which raises the error, comes with it.
        """
        done = 0

        def work(control: np.ndarray, job: int, alone: bool) -> int:
            nonlocal done
            job, done = _run_batches(self._run.table, control, job, alone, values, self._places)
            return job

        row = native.team().run(work)
        return done, None if row is None else self._run.pieces[row].refuse  # type: ignore[attr-defined]
