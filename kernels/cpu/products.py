"""Products of matrices in registers: faster than BLAS where one of the sizes is small.

    C = A B        A (M, K), B (K, N)           `multiply`
    C = A^T B      A (K, M), B (K, N)           the same, with other steps through A
    C = A B^T      A (M, K), B (N, K)           by panels of B or blocks of C that are turned

Each works on a part of the result, so that threads may share it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorcore.kernels.cpu.intrinsics import select
from tensorcore.kernels.cpu.jit import inline, kernel
from tensorcore.kernels.cpu.piece import Piece
from tensorcore.kernels.cpu.product_ways import FEW_ROWS, is_blocked
from tensorcore.kernels.cpu.register_products import (
    DEPTH,
    LINE_BYTES,
    add_product,
    fetch,
    lay_rows,
    multiply,
    turn,
    turn_block,
)
from tensorcore.kernels.cpu.vectors import ADD, ADD_RELU, NOTHING, VECTOR_BYTES

ROWS = 12  # of a block
OPERATIONS_A_THREAD = 1 << 20
PANEL = 64  # columns of C that one piece of work computes, or rows of C^T
HEIGHT = 96  # rows of a block of a large product
TALL = 192  # the same where A comes transposed
GROUP = 256  # columns of such a block, where lines of A are laid side by side
FAR = 512  # longer lines are


@kernel
def _by_blocks(start, stop, a, a_row, a_step, b, c, rows, columns, depth):
    """Blocks of C from start to stop: a dozen rows of a panel of columns, panel after panel."""
    blocks = -(-rows // ROWS)
    while start < stop:
        panel, block = divmod(start, blocks)
        first, left = block * ROWS, panel * PANEL
        count = min(blocks - block, stop - start)  # neighbours are one product
        height, width = min(count * ROWS, rows - first), min(PANEL, columns - left)
        multiply(
            a, first * a_row, a_row, a_step, b, left, columns, c, first * columns + left, columns,
            height, width, depth,
        )  # fmt: skip
        start += count


@kernel
def _by_panels(start, stop, a, b, is_turned, c, rows, columns, depth, ending, bias):
    """Blocks of C = A B or A B^T from start to stop; what they need of B is laid side by side."""
    panel = np.empty(depth * PANEL, c.dtype)
    blocks = (rows + HEIGHT - 1) // HEIGHT
    laid = -1
    for step in range(start, stop):
        number, row = step // blocks, step % blocks * HEIGHT
        first = number * PANEL
        count, height = min(PANEL, columns - first), min(HEIGHT, rows - row)
        if number != laid:
            laid = number
            if is_turned:
                turn_block(b, first * depth, depth, count, depth, panel, count)
            else:
                lay_rows(b, first, columns, depth, count, panel)
        place = row * columns + first
        multiply(a, row * depth, depth, 1, panel, 0, count, c, place, columns, height, count, depth)
        _end(c, place, columns, height, count, ending, bias, first)


@kernel
def _by_groups(start, stop, a, b, c, rows, columns, depth, tall, group, ending, bias):
    """Blocks of C = A^T B from start to stop: groups of columns, and so many rows.

    Lines that are far apart would meet in few places of the caches, so they are laid side by side.
    """
    block = np.empty(tall * DEPTH, c.dtype)
    panel = np.empty(PANEL * DEPTH, c.dtype)
    blocks = (rows + tall - 1) // tall
    for step in range(start, stop):
        row, begin = step % blocks * tall, step // blocks * group
        height, width = min(tall, rows - row), min(group, columns - begin)
        for k in range(0, depth, DEPTH):
            d = min(DEPTH, depth - k)
            first, place, a_step = a, k * rows + row, rows
            if rows > FAR:
                lay_rows(a, place, rows, d, height, block)
                first, place, a_step = block, 0, height
            for j in range(begin, begin + width, PANEL):
                count = min(PANEL, begin + width - j)
                second, from_b, b_step = b, k * columns + j, columns
                if columns > FAR:
                    lay_rows(b, from_b, columns, d, count, panel)
                    second, from_b, b_step = panel, 0, count
                to = row * columns + j
                if k == 0:
                    multiply(
                        first, place, 1, a_step, second, from_b, b_step, c, to, columns, height,
                        count, d,
                    )  # fmt: skip
                else:
                    add_product(
                        first, place, 1, a_step, second, from_b, b_step, c, to, columns, height,
                        count, d,
                    )  # fmt: skip
        _end(c, row * columns + begin, columns, height, width, ending, bias, begin)


@inline
def _end(c, start, step, rows, count, ending, bias, first):
    """Add the bias, and put 0 for what is below, while a block of C is in a near cache."""
    if ending == NOTHING:
        return
    zero = c.dtype.type(0)
    numbers = bias[first : first + count]
    for r in range(rows):
        line = c[start + r * step : start + r * step + count]
        for j in range(np.uintp(count)):
            line[j] += numbers[j]
        if ending == ADD_RELU:
            for j in range(np.uintp(count)):
                line[j] = select(line[j] <= 0, zero, line[j])


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
    x1: Any,
    x2: Any,
    out: Any,
    transpose_a: bool,
    transpose_b: bool,
    mask: Any = None,
    bias: Any = None,
    is_relu: bool = False,
) -> Piece | None:
    """The work that computes a product of matrices into `out`; None where others have to do it.

    Where the mask, as large as the result, is 0 or less, the result is 0; or a bias is added to
    each row, and what is below 0 then is 0 if that is asked for.
    """
    if not fits(x1, x2, out) or (transpose_a and transpose_b):
        return None
    for array in (mask, bias):
        if array is not None and not (array.flags.c_contiguous and array.dtype == out.dtype):
            return None
    rows, columns = out.shape
    depth = x1.shape[0 if transpose_a else 1]
    a, b, c = x1.reshape(-1), x2.reshape(-1), out.reshape(-1)
    grain = OPERATIONS_A_THREAD / (2 * rows * depth * min(PANEL, columns))
    if transpose_b and rows <= FEW_ROWS and bias is None:
        y = c if mask is None else mask.reshape(-1)
        args = (a, b, c, y, int(mask is not None), rows, columns, depth)
        return Piece(_by_turned_blocks, -(-columns // PANEL), max(1, int(grain)), args)
    if mask is not None:
        return None
    if is_blocked(rows, columns, depth) or transpose_b:
        ending = (NOTHING, c)
        if bias is not None:
            ending = (ADD_RELU if is_relu else ADD, bias.reshape(-1))
        if transpose_a:
            return _transposed(a, b, c, (rows, columns, depth), ending)
        return _in_panels(a, b, transpose_b, c, (rows, columns, depth), ending)
    if bias is not None:
        return None
    a_row, a_step = (1, rows) if transpose_a else (depth, 1)
    # Panel after panel, so that a thread reads the same part of B, which is a weight mostly, in
    # each step of training, and writes to it when it is updated (`joined_update.py`).
    steps = -(-columns // PANEL) * -(-rows // ROWS)
    grain = OPERATIONS_A_THREAD / (2 * ROWS * depth * min(PANEL, columns))
    return Piece(_by_blocks, steps, grain, (a, a_row, a_step, b, c, rows, columns, depth))


def with_bias(
    x1: Any, x2: Any, bias: Any, out: Any, *, transpose_a: bool, transpose_b: bool, is_relu: bool
) -> Piece | None:
    """The work of a large product, whose left side may have more dimensions, with an ending."""
    if not all(array.flags.c_contiguous for array in (x1, out)):
        return None
    x1, out = x1.reshape(-1, x1.shape[-1]), out.reshape(-1, out.shape[-1])
    return product(x1, x2, out, transpose_a, transpose_b, bias=bias, is_relu=is_relu)


def _in_panels(a: Any, b: Any, is_turned: bool, c: Any, sizes: Any, ending: Any) -> Piece:
    rows, columns, depth = sizes
    steps = -(-rows // HEIGHT) * -(-columns // PANEL)
    operations = 2 * min(rows, HEIGHT) * min(columns, PANEL) * depth
    args = (a, b, int(is_turned), c, *sizes, *ending)
    return Piece(_by_panels, steps, OPERATIONS_A_THREAD / operations, args)


def _transposed(a: Any, b: Any, c: Any, sizes: Any, ending: Any) -> Piece:
    rows, columns, depth = sizes
    # Where lines of A are laid side by side that has to pay for many columns.
    tall, group = (TALL, GROUP) if rows > FAR else (2 * TALL, PANEL)
    steps = -(-rows // tall) * -(-columns // group)
    operations = 2 * min(rows, tall) * min(columns, group) * depth
    args = (a, b, c, *sizes, tall, group, *ending)
    return Piece(_by_groups, steps, OPERATIONS_A_THREAD / operations, args)
