"""Products of matrices in registers: faster than BLAS where one of the sizes is small.

    C = A B        A (M, K), B (K, N)           `multiply`
    C = A^T B      A (K, M), B (K, N)           the same, with other steps through A
    C = A B^T      A (M, K), B (N, K)           by panels of B or blocks of C that are turned

Each works on a part of the result, so that threads may share it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorcore.kernels.cpu.jit import kernel
from tensorcore.kernels.cpu.piece import Piece
from tensorcore.kernels.cpu.product_ways import FEW_ROWS
from tensorcore.kernels.cpu.register_products import LINE_BYTES, fetch, multiply, turn
from tensorcore.kernels.cpu.vectors import VECTOR_BYTES

ROWS = 12  # of a piece of work
OPERATIONS_A_THREAD = 1 << 20
PANEL = 64  # columns of C that one piece of work computes, or rows of C^T
FAR_BYTES = 1 << 22


@kernel
def _by_parts(start, stop, a, a_row, a_step, b, c, rows, columns, depth, by_rows):
    """Dozens of rows of C from start to stop, or panels of its columns."""
    if by_rows:
        first = start * ROWS
        count = min(stop * ROWS, rows) - first
        multiply(
            a, first * a_row, a_row, a_step, b, 0, columns, c, first * columns, columns, count,
            columns, depth,
        )  # fmt: skip
    else:
        first = start * PANEL
        count = min(stop * PANEL, columns) - first
        multiply(a, 0, a_row, a_step, b, first, columns, c, first, columns, rows, count, depth)


@kernel
def _by_turned_panels(start, stop, a, b, c, rows, columns, depth):
    """Panels of columns of C = A B^T from start to stop: that part of B is turned first."""
    panel = np.empty(depth * PANEL, c.dtype)
    for number in range(start, stop):
        first = number * PANEL
        count = min(PANEL, columns - first)
        for j in range(np.uintp(count)):
            line = b[(first + j) * depth : (first + j + 1) * depth]
            for k in range(np.uintp(depth)):
                panel[k * np.uintp(count) + j] = line[k]
        multiply(a, 0, depth, 1, panel, 0, count, c, first, columns, rows, count, depth)


@kernel
def _by_turned_blocks(start, stop, a, b, c, y, is_masked, rows, columns, depth):
    """Panels of columns of C = A B^T from start to stop, where A has few rows: C^T = B A^T.

    If masked, C is 0 where Y, as large as C, is not above 0.
    """
    lanes = VECTOR_BYTES // c.itemsize
    turned = np.empty(depth * rows, c.dtype)
    for r in range(np.uintp(rows)):
        for k in range(np.uintp(depth)):
            turned[k * np.uintp(rows) + r] = a[r * np.uintp(depth) + k]
    block = np.empty(PANEL * rows, c.dtype)
    for number in range(start, stop):
        first = number * PANEL
        count = min(PANEL, columns - first)
        for j in range(0, count, ROWS):
            begin = (first + j) * depth
            ahead = begin + 2 * PANEL * depth
            for place in range(ahead, min(ahead + ROWS * depth, b.size), LINE_BYTES // b.itemsize):
                fetch(b, place)
            multiply(
                b, begin, depth, 1, turned, 0, rows, block, j * rows, rows, min(ROWS, count - j),
                rows, depth,
            )  # fmt: skip
        for j in range(0, count, lanes):
            for r in range(0, rows, lanes):
                place = r * columns + first + j
                if j + lanes <= count and r + lanes <= rows:
                    turn(block, j * rows + r, rows, c, place, columns, is_masked != 0, y)
                    continue
                for i in range(min(lanes, rows - r)):
                    for k in range(min(lanes, count - j)):
                        value = block[(j + k) * rows + r + i]
                        if is_masked and y[place + i * columns + k] <= 0:
                            value = c.dtype.type(0)
                        c[place + i * columns + k] = value


def fits(x1: Any, x2: Any, out: Any) -> bool:
    """Whether these are matrices that the kernels of this file multiply."""
    arrays = (x1, x2, out)
    return (
        all(array.ndim == 2 and array.flags.c_contiguous and array.size for array in arrays)
        and out.dtype.char in "fd"
        and x1.dtype == x2.dtype == out.dtype
    )


def product(
    x1: Any, x2: Any, out: Any, transpose_a: bool, transpose_b: bool, mask: Any = None
) -> Piece | None:
    """The work that computes a product of matrices into `out`; None where others have to do it.

    Where the mask, as large as the result, is 0 or less, the result is 0.
    """
    if not fits(x1, x2, out) or (transpose_a and transpose_b):
        return None
    if mask is not None and not (mask.flags.c_contiguous and mask.dtype == out.dtype):
        return None
    rows, columns = out.shape
    depth = x1.shape[0 if transpose_a else 1]
    a, b, c = x1.reshape(-1), x2.reshape(-1), out.reshape(-1)
    panels = -(-columns // PANEL)
    grain = max(1, OPERATIONS_A_THREAD // (2 * rows * depth * min(PANEL, columns)))
    if transpose_b and rows <= FEW_ROWS:
        y = c if mask is None else mask.reshape(-1)
        args = (a, b, c, y, int(mask is not None), rows, columns, depth)
        return Piece(_by_turned_blocks, panels, grain, args)
    if mask is not None:
        return None
    if transpose_b:
        return Piece(_by_turned_panels, panels, grain, (a, b, c, rows, columns, depth))
    a_row, a_step = (1, rows) if transpose_a else (depth, 1)
    args = (a, a_row, a_step, b, c, rows, columns, depth)
    # So that no part of B is read by two threads; many rows do that where B is in far memory.
    is_far = x2.nbytes > FAR_BYTES and rows < columns
    if panels > 1 and (rows <= FEW_ROWS or is_far):
        return Piece(_by_parts, panels, grain, (*args, 0))
    grain = max(1, OPERATIONS_A_THREAD // (2 * ROWS * depth * columns))
    return Piece(_by_parts, -(-rows // ROWS), grain, (*args, 1))
