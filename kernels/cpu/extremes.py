"""Greatest and smallest elements along axes that lie side by side; NaN where there is one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from tensorcore.kernels.cpu.intrinsics import select
from tensorcore.kernels.cpu.jit import inline, kernel
from tensorcore.kernels.cpu.piece import Piece

WIDTH = 256  # elements of a row that are compared with those before them at once
COLUMNS = 512  # of a step: what is known of them stays in the nearest cache
ELEMENTS_A_PIECE = 1 << 15


@inline
def _compare(best, x, is_max):
    """best = max(best, x), or min, for each place."""
    for i in range(np.uintp(best.size)):
        value, old = x[i], best[i]
        is_better = value > old if is_max else value < old
        # A NaN is better than any number, and no number is better than that.
        best[i] = select(is_better | (value != value), value, old)


@kernel
def _of_lines(start, stop, x, lines, width, is_max, result):
    """result[b, j] over the lines of x[b, line, j]; steps are groups of columns of each b."""
    groups = (width + COLUMNS - 1) // COLUMNS
    for step in range(start, stop):
        b, first = step // groups, step % groups * COLUMNS
        count = min(COLUMNS, width - first)
        place = b * lines * width + first
        best = result[b * width + first : b * width + first + count]
        for i in range(count):
            best[i] = x[place + i]
        for line in range(1, lines):
            at = place + line * width
            _compare(best, x[at : at + count], is_max)


@kernel
def _of_rows(start, stop, x, length, is_max, result):
    """result[r] of the row r of x."""
    best = np.empty(WIDTH, x.dtype)
    for r in range(start, stop):
        row = x[r * length : (r + 1) * length]
        width = min(WIDTH, length)
        for i in range(width):
            best[i] = row[i]
        for first in range(width, length, width):
            count = min(width, length - first)
            _compare(best[:count], row[first : first + count], is_max)
        while width > 1:
            half = (width + 1) // 2
            _compare(best[: width - half], best[half:width], is_max)
            width = half
        result[r] = best[0]


def pieces(x: Any, axes: Sequence[int], out: Any, is_max: bool) -> list[Piece]:
    """The work for contiguous arrays, and axes without a gap between them."""
    before = math.prod(x.shape[: axes[0]])
    lines = math.prod(x.shape[axes[0] : axes[-1] + 1])
    width = math.prod(x.shape[axes[-1] + 1 :])
    flat, result = x.reshape(-1), out.reshape(-1)
    if width == 1:
        grain = ELEMENTS_A_PIECE / lines
        return [Piece(_of_rows, before, grain, (flat, lines, int(is_max), result))]
    steps = before * -(-width // COLUMNS)
    grain = ELEMENTS_A_PIECE / (lines * min(width, COLUMNS))
    return [Piece(_of_lines, steps, grain, (flat, lines, width, int(is_max), result))]
