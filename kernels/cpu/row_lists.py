"""For each row of a table the list of those who looked it up: what the gradient of a look-up sums.

The look-ups are sorted by row in two passes, counting and placing, which threads divide by parts of
the look-ups.  A list is in the order of the look-ups whatever the number of parts, and each row is
summed by one thread: the sums are the same for every number of threads.

Where all look-ups of a line of indices bring the same update, as in the gradient of a mean, a run
of one index at the beginning or the end of a line, as in padded text, is one member of a list: a
line of its own, which is a multiple of the update.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from tensorcore.kernels.cpu import threads
from tensorcore.kernels.cpu.jit import inline, kernel
from tensorcore.kernels.cpu.piece import Piece
from tensorcore.kernels.cpu.row_sums import sum_lists

LOOKUPS_A_THREAD = 1 << 13
STEPS = 64  # into which the rows are divided: each has about as much to do
ROW = 8  # what a row costs beside its list, in members
BLOCK_BYTES = 16 * 1024  # of sums that stay in fast memory
PICOSECONDS = 50  # for an element of a member, roughly
LINE = 1 << 12  # of look-ups that come without lines of their own, at most
MOST_LOOKUPS = 1 << 29  # so that numbers of lines have 32 bits
TASK = 10_000_000  # picoseconds that are worth giving to a thread that waits for work


@kernel
def _count(start, stop, indices, runs, spans, counts):
    """counts[part, row] = how many members the part has in the list of the row.

    spans[n] = where the runs of line n end and begin, if runs count as one.
    """
    lines, length = indices.shape
    parts, rows = counts.shape
    for part in range(start, stop):
        mine = counts[part]
        for row in range(rows):
            mine[row] = 0
        for n in range(lines * part // parts, lines * (part + 1) // parts):
            line = indices[n]
            begin, end = 0, length
            if runs:
                while begin + 1 < length and line[begin + 1] == line[0]:
                    begin += 1
                if begin:
                    begin += 1
                    mine[np.uintp(line[0])] += 1
                while end - 1 > begin and line[end - 2] == line[length - 1]:
                    end -= 1
                if end < length:
                    end -= 1
                    mine[np.uintp(line[length - 1])] += 1
                spans[n, 0], spans[n, 1] = begin, end
            for p in range(np.uintp(begin), np.uintp(end)):
                mine[np.uintp(line[p])] += 1


@kernel
def _begin(start, stop, counts, begins):
    """begins[row] = where the list of the row begins, counts[part, row] = where the part adds."""
    parts, rows = counts.shape
    next_place = np.zeros(rows, begins.dtype)
    for part in range(parts):
        for row in range(np.uintp(rows)):
            next_place[row] += counts[part, row]
    total = begins.dtype.type(0)
    for row in range(np.uintp(rows)):
        begins[row] = total
        total += next_place[row]
        next_place[row] = begins[row]
    begins[rows] = total
    for part in range(parts):
        for row in range(np.uintp(rows)):
            count = counts[part, row]
            counts[part, row] = next_place[row]
            next_place[row] += count


@kernel
def _place(start, stop, indices, runs, spans, places, members):
    """Put the numbers of the lines, or of the look-ups if runs do not count as one, into lists."""
    lines, length = indices.shape
    parts = places.shape[0]
    for part in range(start, stop):
        mine = places[part]
        for n in range(lines * part // parts, lines * (part + 1) // parts):
            line = indices[n]
            begin, end = 0, length
            number, step = n * length, 1
            if runs:
                begin, end = spans[n, 0], spans[n, 1]
                number, step = n, 0
                if begin:
                    row = np.uintp(line[0])
                    members[np.uintp(mine[row])] = lines + 2 * n
                    mine[row] += 1
            for p in range(np.uintp(begin), np.uintp(end)):
                row = np.uintp(line[p])
                place = mine[row]
                members[np.uintp(place)] = number
                mine[row] = place + 1
                number += step
            if end < length:
                row = np.uintp(line[length - 1])
                members[np.uintp(mine[row])] = lines + 2 * n + 1
                mine[row] += 1


@kernel
def _multiply(start, stop, updates, length, spans, lines):
    """The updates as lines, and after them for each two lines for its runs, where there are any."""
    count, width = updates.shape
    for n in range(np.uintp(start), np.uintp(stop)):
        update = updates[n]
        line = lines[n]
        for i in range(np.uintp(width)):
            line[i] = update[i]
        if spans[n, 0] > 0:
            times = updates.dtype.type(spans[n, 0])
            line = lines[np.uintp(count) + np.uintp(2) * n]
            for i in range(np.uintp(width)):
                line[i] = times * update[i]
        if spans[n, 1] < length:
            times = updates.dtype.type(length - spans[n, 1])
            line = lines[np.uintp(count) + np.uintp(2) * n + np.uintp(1)]
            for i in range(np.uintp(width)):
                line[i] = times * update[i]


@inline
def row_of_step(begins, step):
    """The first row of a step: steps have about as many members and rows to work on."""
    rows = begins.size - 1
    if step >= STEPS:
        return rows
    wanted = (np.int64(begins[rows]) + ROW * rows) * step // STEPS
    low, high = 0, rows
    while low < high:
        middle = (low + high) // 2
        if np.int64(begins[middle]) + ROW * middle < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def _add_lists(start, stop, lines, members, begins, block, result):
    """result[row] += the sum of the lines in the list of the row."""
    width = lines.shape[1]
    flat = lines.reshape(lines.size)
    sums = np.empty((block, width), result.dtype)
    first, end = row_of_step(begins, start), row_of_step(begins, stop)
    while first < end:
        last = min(first + block, end)
        sum_lists(flat, width, members, begins, first, last, sums.reshape(sums.size))
        for r in range(np.uintp(last - first)):
            target = result[np.uintp(first) + r]
            total = sums[r]
            for i in range(np.uintp(width)):
                target[i] += total[i]
        first = last


def one_update_a_line(indices: Any, updates: Any) -> bool:
    """Whether all updates of a line of indices are the same, as in the gradient of a mean."""
    return indices.ndim == 2 and updates.strides[1] == 0 and indices.shape[1] > 1


class RowLists:
    """The lists of the look-ups `indices` in a table of so many rows, and the updates they add.

    Attributes:
        pieces: the work that makes the lists.
        begins: list r is members[begins[r] : begins[r + 1]].
        members: numbers of lines.
        lines: (n, width) what is summed.
        block: rows whose sums stay in fast memory.
        count, grain: of a piece of work that goes through the rows, see `row_of_step`.
    """

    def __init__(self, indices: Any, updates: Any, rows: int) -> None:
        width = updates.shape[-1]
        runs = one_update_a_line(indices, updates)
        if not runs:
            indices = indices.reshape(-1, math.gcd(indices.size, LINE))
        # The counts of all parts are to be fewer than the look-ups.
        parts = min(threads.usable(), indices.size // max(rows, LOOKUPS_A_THREAD))
        counts = np.empty((max(1, parts), rows), np.int32)
        spans = np.empty((len(indices) if runs else 1, 2), np.int64)
        self.begins = np.empty(rows + 1, np.int32)
        self.members = np.zeros(indices.size, np.int32)
        self.block = max(1, BLOCK_BYTES // (width * updates.itemsize))
        self.count = STEPS
        time = (indices.size + ROW * rows) * width * PICOSECONDS
        self.grain = max(1, STEPS * TASK // time)
        flags = (indices, int(runs), spans)
        self.pieces = [
            Piece(_count, len(counts), 1, (*flags, counts)),
            Piece(_begin, 1, 1, (counts, self.begins)),
            Piece(_place, len(counts), 1, (*flags, counts, self.members)),
        ]
        if not runs:
            self.lines = updates.reshape(-1, width)
            return
        updates = updates[:, 0]
        self.lines = np.empty((3 * len(updates), width), updates.dtype)
        args = (updates, indices.shape[1], spans, self.lines)
        grain = max(1, TASK // (width * PICOSECONDS))
        self.pieces.append(Piece(_multiply, len(updates), grain, args))

    @staticmethod
    def cover(indices: Any, updates: Any) -> bool:
        """Whether these arrays are laid out as the kernels want them."""
        lines = updates[:, 0] if one_update_a_line(indices, updates) else updates
        if updates.dtype.char not in "fd" or not updates.size:
            return False
        is_flat = indices.flags.c_contiguous and lines.flags.c_contiguous
        return is_flat and indices.size < MOST_LOOKUPS

    def add_to(self, result: Any) -> Piece:
        """The work that adds the sums to the rows of the table."""
        args = (self.lines, self.members, self.begins, self.block, result)
        return Piece(_add_lists, self.count, self.grain, args)
