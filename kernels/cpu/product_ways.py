"""Who multiplies two matrices: decided by their sizes alone.

    small   NumPy's BLAS, in one thread, at once: nothing has to be loaded or compiled
    own     `products.py`, where one side is short, as a batch is
    large   NumPy's BLAS, in pieces that threads share

Each adds up in an order of its own.  What decides sees no more than the sizes, so a product has the
same bits whether it is made eagerly, by a plan, or by a plan's compiled pieces.  But before any
training (`tiers.py`) BLAS makes all products until a plan is compiled.
"""

from __future__ import annotations

SMALL = 200_000  # multiplications, some 4 us
# A product with a vector of more than this is shared by OpenBLAS's own threads, which wait for each
# other by spinning.
SMALL_VECTOR = 9216
THIN = 512  # rows or depth
LARGE = 1 << 30  # multiplications; from here on BLAS's copies of both matrices pay off


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


def is_own(rows: int, columns: int, depth: int) -> bool:
    """Whether kernels of `products.py` multiply (rows, depth) with (depth, columns)."""
    is_thin = min(rows, depth) <= THIN and rows * columns * depth <= LARGE
    return is_thin and not is_small(rows, columns, depth)
