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
from tensorcore.kernels.cpu.vectors import multiply

ROWS = 12  # of a piece of work
OPERATIONS_A_THREAD = 1 << 20
PANEL = 64  # columns of C that one piece of work computes, or rows of C^T
FAR_BYTES = 1 << 22
FEW_ROWS = 96  # up to here a block of C^T is turned rather than a panel of B


@kernel
def _by_rows(start, stop, a, a_row, a_step, b, c, rows, columns, depth):
    """Tiles of ROWS rows of C from start to stop."""
    first = start * ROWS
    count = min(stop * ROWS, rows) - first
    multiply(
        a, first * a_row, a_row, a_step, b, 0, columns, c, first * columns, columns, count, columns,
        depth,
    )  # fmt: skip


@kernel
def _by_columns(start, stop, a, a_row, a_step, b, c, rows, columns, depth):
    """Panels of columns of C from start to stop."""
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
def _by_turned_blocks(start, stop, a, b, c, rows, columns, depth):
    """Panels of columns of C = A B^T from start to stop, where A has few rows: C^T = B A^T."""
    turned = np.empty(depth * rows, c.dtype)
    for r in range(np.uintp(rows)):
        for k in range(np.uintp(depth)):
            turned[k * np.uintp(rows) + r] = a[r * np.uintp(depth) + k]
    block = np.empty(PANEL * rows, c.dtype)
    for number in range(start, stop):
        first = number * PANEL
        count = min(PANEL, columns - first)
        multiply(b, first * depth, depth, 1, turned, 0, rows, block, 0, rows, count, rows, depth)
        for r in range(np.uintp(rows)):
            line = c[r * np.uintp(columns) + np.uintp(first) :]
            for j in range(np.uintp(count)):
                line[j] = block[j * np.uintp(rows) + r]


def fits(x1: Any, x2: Any, out: Any) -> bool:
    """Whether these are matrices that the kernels of this file multiply."""
    arrays = (x1, x2, out)
    return (
        all(array.ndim == 2 and array.flags.c_contiguous and array.size for array in arrays)
        and out.dtype.char in "fd"
        and x1.dtype == x2.dtype == out.dtype
    )


def product(x1: Any, x2: Any, out: Any, transpose_a: bool, transpose_b: bool) -> Piece | None:
    """The work that computes a product of matrices into `out`; None where BLAS has to do it."""
    if not fits(x1, x2, out) or (transpose_a and transpose_b):
        return None
    rows, columns = out.shape
    depth = x1.shape[0 if transpose_a else 1]
    a, b, c = x1.reshape(-1), x2.reshape(-1), out.reshape(-1)
    panels = -(-columns // PANEL)
    grain = max(1, OPERATIONS_A_THREAD // (2 * rows * depth * min(PANEL, columns)))
    if transpose_b:
        loop = _by_turned_blocks if rows <= FEW_ROWS else _by_turned_panels
        return Piece(loop, panels, grain, (a, b, c, rows, columns, depth))
    a_row, a_step = (1, rows) if transpose_a else (depth, 1)
    args = (a, a_row, a_step, b, c, rows, columns, depth)
    tiles = -(-rows // ROWS)
    # So that no part of B is read by two threads; many rows do that where B is in far memory.
    is_far = x2.nbytes > FAR_BYTES and rows < columns
    if panels > 1 and (rows <= FEW_ROWS or is_far):
        return Piece(_by_columns, panels, grain, args)
    grain = max(1, OPERATIONS_A_THREAD // (2 * ROWS * depth * columns))
    return Piece(_by_rows, tiles, grain, args)
