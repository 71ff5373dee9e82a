"""The gradient of a convolution's filter, by blocks that stay in registers.

    dw[(kh, kw, c), o]  =  sum over (n, oy, ox)  of  x[(kh, kw, c) + (n, oy, ox)]  g[(n, oy, ox), o]

The letters are those of `correlation.py`.  The sums are long and dw is small, so threads get shares
of the outputs and sums of their own: x and g are read once.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from tensorcore.kernels.cpu.correlation import TILES, steps
from tensorcore.kernels.cpu.jit import kernel
from tensorcore.kernels.cpu.vectors import NOTHING, ROWS, VECTOR_BYTES, VECTORS, tile

G_BLOCK_BYTES = 48 * 1024  # what a pass over part of g should need of the fastest cache
MOST_SHARES = 16
PRODUCTS_A_SHARE = 1 << 21
MOST_BYTES_OF_SHARES = 1 << 22


class FilterSums(NamedTuple):
    """What `filter_gradient` is told: how the sums are divided, for padded images x."""

    shares: int  # of the outputs; each has sums of its own
    parts: int  # of the tiles of rows
    lines: int  # of g that one pass over the tiles reads
    outputs: tuple[int, int, int]  # N, OH, OW
    columns: int  # of g
    part: int  # columns of a group
    window: tuple[int, int, int]  # KH, KW, depth
    x_steps: tuple[int, int, int]  # to the next image, line, output
    window_steps: tuple[int, int]

    def numbers(self) -> np.ndarray:
        """All fields in a line."""
        return np.array(
            [n for field in self for n in (field if isinstance(field, tuple) else (field,))],
            np.int64,
        )


def filter_sums(
    x: Any, g: Any, filter_shape: Any, strides: Any, dilation: Any, groups: int
) -> FilterSums:
    """How to divide the work: by outputs where dw is small, else by the rows of dw.

    It depends on shapes alone, so that the result does not depend on the number of threads.
    """
    images, height, width, columns = g.shape
    size = math.prod(filter_shape)
    lines = max(1, G_BLOCK_BYTES // (width * columns * g.itemsize))
    blocks = images * -(-height // lines)
    work = g.size * math.prod(filter_shape[:3])
    shares = min(MOST_SHARES, blocks, max(1, work // PRODUCTS_A_SHARE))
    parts = 1
    if shares * size * g.itemsize > MOST_BYTES_OF_SHARES:
        shares = 1
        parts = -(-groups * -(-math.prod(filter_shape[:3]) // ROWS) // TILES)
    x_steps = steps(x.shape[1:], strides[0], strides[1])
    window_steps = steps(x.shape[1:], dilation[0], dilation[1])[1:]
    outputs = (images, height, width)
    window = tuple(filter_shape[:3])
    return FilterSums(
        shares, parts, lines, outputs, columns, columns // groups, window, x_steps, window_steps
    )


@kernel
def filter_gradient(start, stop, x, g, dw, sums):
    """Rows (kh, kw, c) of dw, by tiles; a step is a share of the outputs, or part of the tiles."""
    lanes = VECTOR_BYTES // x.itemsize
    shares, parts, lines = sums[0], sums[1], sums[2]
    images, height, width, g_width, columns = sums[3], sums[4], sums[5], sums[6], sums[7]
    depth = sums[10]
    rows = sums[8] * sums[9] * depth
    tiles = (rows + ROWS - 1) // ROWS
    all_tiles = tiles * (g_width // columns)
    line_blocks = (height + lines - 1) // lines
    blocks = images * line_blocks
    x_rows = np.empty(ROWS, np.intp)
    dw_rows = np.empty(ROWS, np.intp)
    a_steps = (0, sums[12], sums[13])
    b_steps = (0, width * g_width, g_width)
    for step in range(start, stop):
        share, part = divmod(step, parts)
        first_tile, last_tile = all_tiles * part // parts, all_tiles * (part + 1) // parts
        dw_start = share * rows * g_width
        for number in range(first_tile, last_tile):
            group, t = divmod(number, tiles)
            for row in range(t * ROWS, min(t * ROWS + ROWS, rows)):
                place = dw_start + row * g_width + group * columns
                for j in range(columns):
                    dw[np.uintp(place + j)] = 0
        for block in range(blocks * share // shares, blocks * (share + 1) // shares):
            n, line_block = divmod(block, line_blocks)
            oy = line_block * lines
            counts = (1, min(lines, height - oy), width)
            x_place = n * sums[11] + oy * sums[12]
            g_place = (n * height + oy) * width * g_width
            for number in range(first_tile, last_tile):
                group, t = divmod(number, tiles)
                for r in range(ROWS):
                    row = min(t * ROWS + r, rows - 1)
                    cell, c = divmod(row, depth)
                    kh, kw = divmod(cell, sums[9])
                    x_rows[r] = x_place + kh * sums[14] + kw * sums[15] + group * depth + c
                    dw_rows[r] = dw_start + group * columns + row * g_width
                j = 0
                while j < columns:
                    left = columns - j
                    b = g_place + group * columns + j
                    if left >= VECTORS * lanes:
                        tile(
                            ROWS, VECTORS, False, True, x, x_rows, g, b, dw, dw_rows, j,
                            counts, a_steps, b_steps, 0, 0, NOTHING, dw, 0,
                        )  # fmt: skip
                        j += VECTORS * lanes
                    elif left >= 2 * lanes:
                        tile(
                            ROWS, 2, False, True, x, x_rows, g, b, dw, dw_rows, j,
                            counts, a_steps, b_steps, 0, 0, NOTHING, dw, 0,
                        )  # fmt: skip
                        j += 2 * lanes
                    else:
                        tile(
                            ROWS, 1, True, True, x, x_rows, g, b, dw, dw_rows, j,
                            counts, a_steps, b_steps, min(left, lanes), 0, NOTHING, dw, 0,
                        )  # fmt: skip
                        j += lanes


@kernel
def add_shares(start, stop, shares, dw):
    """dw is the sum of the rows of `shares`."""
    for i in range(np.uintp(start), np.uintp(stop)):
        dw[i] = shares[0, i]
    for s in range(np.uintp(1), np.uintp(shares.shape[0])):
        for i in range(np.uintp(start), np.uintp(stop)):
            dw[i] += shares[s, i]
