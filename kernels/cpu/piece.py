"""A piece of work that is bound to its arrays: a loop, how far it runs, and its arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from tensorcore.kernels.cpu.jit import split

POOL = 8  # times the grain: what makes handing work over to a Python thread worth its while


class Number:
    """An argument that is read from an array of one element whenever the loop is called."""

    __slots__ = ("array",)

    def __init__(self, array: np.ndarray) -> None:
        self.array = array.reshape(-1)


class Piece:
    """Calls `loop(start, stop, *args)` for ranges that cover `range(count)`.

    Args:
        loop: a compiled function.
        count: steps of the loop; threads may share them.
        grain: steps that are worth giving to a thread that waits for work: some 10 us; a fraction
            where a step takes longer.
        args: contiguous arrays, whole numbers, and `Number`s.

    Attributes:
        packed: what a list of pieces takes of this one, once it has been made (`native.py`).
    """

    __slots__ = ("args", "count", "grain", "loop", "packed", "_numbers", "_values")

    def __init__(
        self, loop: Callable[..., None], count: int, grain: float, args: Sequence[Any]
    ) -> None:
        self.loop = loop
        self.count = count
        self.grain = grain
        self.args = tuple(args)
        self.packed: Any = None
        self._numbers = [(i, a.array) for i, a in enumerate(args) if isinstance(a, Number)]
        self._values = list(args)

    def __call__(self) -> None:
        values = self._values
        for position, array in self._numbers:
            values[position] = array[0]
        least = max(1, int(POOL * self.grain))
        if self.count < 2 * least:
            self.loop(0, self.count, *values)
        else:
            split(self.loop, self.count, least, *values)


class Check(Piece):
    """A piece that looks at values, and lets nothing after it run where they are refused.

    Args:
        loop: as of any piece; it sets the last of its arguments, an array of one number, to
            whether something is wrong.
        count, args: as of any piece.
        refuse: raises the error, or does nothing where all is well.
    """

    __slots__ = ("found", "refuse")

    def __init__(
        self, loop: Callable[..., None], count: int, args: Sequence[Any], refuse: Callable[[], None]
    ) -> None:
        self.found = np.zeros(1, np.int64)
        self.refuse = refuse
        super().__init__(loop, count, count, (*args, self.found))

    def __call__(self) -> None:
        self.refuse()


def run(
    work: Callable[..., list[Piece]],
    arrays: Sequence[Any],
    shape: Sequence[int],
    out: Any,
    **attrs: Any,
) -> Any:
    """Make pieces of work for any floating-point arrays, and run them; `out`, or a new array.

    Args:
        work: makes the pieces of contiguous arrays of one type, float32 or float64, and of `out`.
        arrays: those of 16 bits are computed in float32.
        shape: of the result.
        out: where it goes, or None.
        attrs: for `work`.
    """
    dtype = arrays[0].dtype
    if dtype.itemsize == 2:
        arrays = [array.astype(np.float32, order="C") for array in arrays]
    else:
        arrays = [np.ascontiguousarray(array) for array in arrays]
    compute = arrays[0].dtype
    direct = out is not None and out.dtype == compute and out.flags.c_contiguous
    result = out if direct else np.empty(tuple(shape), compute)
    if result.size and all(array.size for array in arrays):
        for piece in work(*arrays, out=result, **attrs):
            piece()
    else:
        result[...] = 0
    if direct:
        return out
    if out is not None:
        out[...] = result
        return out
    return result.astype(dtype, copy=False)
