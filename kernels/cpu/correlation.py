"""The loop of convolutions: sums of products over windows, by blocks that stay in registers.

Letters: N images, H x W cells of C channels, windows of KH x KW cells, OH x OW outputs of O
channels.

    y[(n, oy, ox), o]  =  sum over (kh, kw, c)  of  x[(n, oy, ox) + (kh, kw, c)]  w[(kh, kw, c), o]

This is a product of matrices whose rows lie at known places in memory, which is what `vectors.tile`
computes.  Where windows reach over the edge of an image, the outputs are divided into sections that
reach over it by the same cells: so nothing is padded, and no product with zero is made.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from tensorcore.kernels.cpu.jit import kernel
from tensorcore.kernels.cpu.vectors import ROWS, VECTOR_BYTES, VECTORS, tile

TILES = 32  # of a block: tiles between two changes of the columns, and a step of the loop
BLOCK = ROWS * TILES


class Line(NamedTuple):
    """One axis of a correlation: output o reads the cells o * stride - before + k * dilation."""

    cells: int
    outputs: int
    taps: int  # k runs below this
    stride: int
    before: int
    dilation: int
    first: int = 0  # where output 0 stands in y
    step: int = 1  # and how far the next one is


class Run(NamedTuple):
    """Neighbouring outputs whose windows have the same cells inside the image."""

    start: int
    stop: int
    low: int  # the first of the taps
    high: int  # after the last


@functools.lru_cache(maxsize=512)
def runs(line: Line) -> list[Run]:
    """The outputs of an axis by the taps that lie inside."""
    found: list[Run] = []
    for output in range(line.outputs):
        start = output * line.stride - line.before
        low = max(0, -(start // line.dilation))
        high = min(line.taps, (line.cells - 1 - start) // line.dilation + 1)
        if high <= low:
            low = high = 0
        if found and found[-1][2:] == (low, high):
            found[-1] = found[-1]._replace(stop=output + 1)
        else:
            found.append(Run(output, output + 1, low, high))
    return found


def products(images: int, lines: Sequence[Line]) -> int:
    """Rows of tiles times taps of the sections: what their work is, up to a factor."""
    total = 0
    for run in runs(lines[0]):
        for other in runs(lines[1]):
            rows = images * (run.stop - run.start) * (other.stop - other.start)
            taps = (run.high - run.low) * (other.high - other.low)
            total += -(-rows // ROWS) * ROWS * taps
    return total


class Section(NamedTuple):
    """A row of the table that `correlate` reads: outputs whose sums have the same terms."""

    first_block: int
    rows: int
    height: int
    width: int
    x_start: int
    x_steps: tuple[int, int, int]  # to the next image, line, output
    y_start: int
    y_steps: tuple[int, int, int]
    w_start: int
    counts: tuple[int, int, int]  # of the sums, see `tile`
    a_steps: tuple[int, int]  # the last one is 1
    b_steps: tuple[int, int, int]
    columns: int
    first_column: int  # among those of y

    def numbers(self) -> list[int]:
        """All fields in a line."""
        return [n for field in self for n in (field if isinstance(field, tuple) else (field,))]


@functools.lru_cache(maxsize=512)
def sections(
    images: int,
    lines: tuple[tuple[Line, Line], ...],
    w_starts: tuple[int, ...],
    x_shape: tuple[int, int, int],
    y_shape: tuple[int, int, int],
    depth: int,
    groups: int,
) -> np.ndarray:
    """The table for `correlate`: a row a section; the row after the last has the number of blocks.

    Args:
        images: N.
        lines: height and width of each correlation; several of them may fill one y.
        w_starts: where the filter of each stands in w, (taps, taps, depth, O).
        x_shape, y_shape: height, width and channels.
        depth: channels of x that one output channel reads.
        groups: parts of the channels that are correlated by themselves.
    """
    x_width, channels = x_shape[1:]
    y_width, columns = y_shape[1:]
    part = columns // groups
    found: list[Section] = []
    block = 0
    for (tall, wide), w_start in zip(lines, w_starts, strict=True):
        tap = depth * columns  # from one cell of the filter to the next
        # The cells of one line of the window lie one after the other in x and in w.
        is_joined = depth == channels and wide.dilation == 1
        for down, right in itertools.product(runs(tall), runs(wide)):
            height, width = down.stop - down.start, right.stop - right.start
            taps = (down.high - down.low, right.high - right.low)
            x_first = 0
            if all(taps):
                line = down.start * tall.stride - tall.before + down.low * tall.dilation
                cell = right.start * wide.stride - wide.before + right.low * wide.dilation
                x_first = (line * x_width + cell) * channels
            line = tall.first + down.start * tall.step
            y_first = (line * y_width + wide.first + right.start * wide.step) * columns
            w_first = w_start + (down.low * wide.taps + right.low) * tap
            for group in range(groups):
                section = Section(
                    first_block=block,
                    rows=images * height * width,
                    height=height,
                    width=width,
                    x_start=x_first + group * depth,
                    x_steps=steps(x_shape, tall.stride, wide.stride),
                    y_start=y_first + group * part,
                    y_steps=steps(y_shape, tall.step, wide.step),
                    w_start=w_first + group * part,
                    counts=(taps[0], 1, taps[1] * depth) if is_joined else (*taps, depth),
                    a_steps=steps(x_shape, tall.dilation, wide.dilation)[1:],
                    b_steps=(wide.taps * tap, tap, columns),
                    columns=part,
                    first_column=group * part,
                )
                found.append(section)
                block += -(-section.rows // BLOCK)
    end = [block] + [0] * (len(found[0].numbers()) - 1)
    return np.array([*(section.numbers() for section in found), end], np.int64)


def steps(shape: tuple[int, int, int], down: int, right: int) -> tuple[int, int, int]:
    """How far the next image is, `down` lines, and `right` cells."""
    height, width, channels = shape
    return height * width * channels, down * width * channels, right * channels


@kernel
def correlate(start, stop, x, w, y, table, ending, extra):
    """Blocks of rows (n, oy, ox) of y; `table` has the numbers of a `Section` in each row.

    `ending` says what `tile` does with the sums and `extra`; without an ending that is any array.
    """
    lanes = VECTOR_BYTES // x.itemsize
    x_rows = np.empty(BLOCK, np.intp)
    y_rows = np.empty(BLOCK, np.intp)
    s = 0
    for block in range(start, stop):
        while table[s + 1, 0] <= block:
            s += 1
        rows, height, width = table[s, 1], table[s, 2], table[s, 3]
        first = (block - table[s, 0]) * BLOCK
        tiles = (min(BLOCK, rows - first) + ROWS - 1) // ROWS
        line, ox = divmod(first, width)
        n, oy = divmod(line, height)
        for r in range(tiles * ROWS):
            x_rows[r] = table[s, 4] + n * table[s, 5] + oy * table[s, 6] + ox * table[s, 7]
            y_rows[r] = table[s, 8] + n * table[s, 9] + oy * table[s, 10] + ox * table[s, 11]
            if first + r < rows - 1:  # else the last row is computed once more
                ox += 1
                if ox == width:
                    ox = 0
                    oy += 1
                    if oy == height:
                        oy = 0
                        n += 1
        counts = (table[s, 13], table[s, 14], table[s, 15])
        a_steps = (table[s, 16], table[s, 17], 1)
        b_steps = (table[s, 18], table[s, 19], table[s, 20])
        columns = table[s, 21]
        j = 0
        while j < columns:
            left = columns - j
            b = table[s, 12] + j
            if left >= VECTORS * lanes:
                for t in range(tiles):
                    tile(
                        ROWS, VECTORS, False, False, x, x_rows, w, b, y, y_rows, j,
                        counts, a_steps, b_steps, 0, t * ROWS, ending, extra, table[s, 22] + j,
                    )  # fmt: skip
                j += VECTORS * lanes
            elif left >= 2 * lanes:
                for t in range(tiles):
                    tile(
                        ROWS, 2, False, False, x, x_rows, w, b, y, y_rows, j,
                        counts, a_steps, b_steps, 0, t * ROWS, ending, extra, table[s, 22] + j,
                    )  # fmt: skip
                j += 2 * lanes
            else:
                for t in range(tiles):
                    tile(
                        ROWS, 1, True, False, x, x_rows, w, b, y, y_rows, j,
                        counts, a_steps, b_steps, min(left, lanes), t * ROWS,
                        ending, extra, table[s, 22] + j,
                    )  # fmt: skip
                j += lanes
