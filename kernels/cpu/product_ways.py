"""Who multiplies two matrices: decided by what is known when a graph is made.

    small   NumPy's BLAS, in one thread, at once: nothing has to be loaded or compiled
    own     `products.py`, where one side is short, as a batch is, or blocks are long enough
    other   NumPy's BLAS, in pieces that threads share

Each adds up in an order of its own.  What decides sees sizes and whether A is transposed, so a
product has the same bits whether it is made eagerly, by a plan, or by a plan's compiled pieces.
But before any training (`tiers.py`) BLAS makes all products until a plan is compiled.
"""

from __future__ import annotations

import platform

SMALL = 200_000  # multiplications, some 4 us
# A product with a vector of more than this is shared by OpenBLAS's own threads, which wait for each
# other by spinning.
SMALL_VECTOR = 9216
THIN = 512  # rows or depth
LARGE = 1 << 30  # multiplications; from here on BLAS's copies of both matrices pay off


BLOCKED = 1 << 26  # multiplications
IS_X86 = platform.machine().lower() in ("x86_64", "amd64")  # registers are divided for these
NEAR = 1 << 18  # elements of a result that stays near while all of A^T B is added up
SHORT = 64  # rows, columns or depth of what is no product of blocks

FEW_ROWS = 96  # up to here A B^T is made in blocks that are turned, and can be masked on the way


def masks(rows: int) -> bool:
    """Whether own kernels compute A B^T of so many rows and put zeros where they are told."""
    return rows <= FEW_ROWS


def is_small(rows: int, columns: int, depth: int) -> bool:
    """Whether one call of BLAS makes the product before anything else could begin."""
    multiplications = rows * columns * depth
    if rows == 1 or columns == 1:
        return multiplications <= SMALL_VECTOR
    return multiplications <= SMALL


def is_blocked(rows: int, columns: int, depth: int) -> bool:
    """Whether blocks of the result are long enough to pay for laying their parts side by side."""
    return min(rows, columns, depth) >= SHORT and rows * columns * depth >= BLOCKED


def is_own(rows: int, columns: int, depth: int, transpose_a: bool = False) -> bool:
    """Whether kernels of `products.py` multiply (rows, depth) with (depth, columns)."""
    if min(rows, depth) <= THIN and rows * columns * depth <= LARGE:
        return not is_small(rows, columns, depth)
    if transpose_a and rows * columns > NEAR:
        return False
    return IS_X86 and is_blocked(rows, columns, depth)
