"""Sums of rows in NumPy's order: up to 128 elements with eight sums at once, of more as two halves.

A row is a list of such parts, of which the kernels know where each begins, and how often two sums
are to be added after it: what the halves of a half give stands on a stack until then.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from tensorcore.kernels.cpu.jit import REORDER, SEPARATE, inline, kernel
from tensorcore.kernels.cpu.piece import Piece

MOST = 128  # elements that are not divided in two
SECTION = 1 << 13  # elements at most that one step sums, so that threads can share a long row
DEEPEST = 64  # halves of halves


class Order(NamedTuple):
    """How the elements of a row are added.

    Attributes:
        bounds: where the parts begin, and where the last one ends.
        additions: how many sums of two are made after each part.
        sections: the first part of each section, and the number of parts.
        joins: the additions after each section.
        longest: elements of the longest part.
    """

    bounds: np.ndarray
    additions: np.ndarray
    sections: np.ndarray
    joins: np.ndarray
    longest: int


@functools.lru_cache(maxsize=1024)
def order(count: int) -> Order:
    """NumPy's order for a row of `count` elements."""
    sections, joins = _halves(count, SECTION)
    bounds, additions, firsts = [0], [], [0]
    for length in sections:
        parts, after = _halves(length, MOST)
        for part in parts:
            bounds.append(bounds[-1] + part)
        additions += after
        firsts.append(len(additions))
    return Order(*map(_numbers, (bounds, additions, firsts, joins)), int(np.diff(bounds).max()))


def straight(count: int) -> Order:
    """The order of a row whose elements are added in one go."""
    return Order(*map(_numbers, ([0, count], [0], [0, 1], [0])), count)


def _numbers(values: Sequence[int]) -> np.ndarray:
    return np.array(values, np.int64)


def _halves(count: int, most: int) -> tuple[list[int], list[int]]:
    """The lengths of the parts of at most so many elements, and the additions after each."""
    if count <= most:
        return [count], [0]
    half = count // 2
    half -= half % 8
    first, after_first = _halves(half, most)
    second, after_second = _halves(count - half, most)
    after_second[-1] += 1
    return first + second, after_first + after_second


@inline(fastmath=SEPARATE)
def sum_of_part(x, first, count):
    """The sum of up to 128 elements."""
    if count < 8:
        total = x.dtype.type(0)
        for i in range(first, first + count):
            total += x[i]
        return total
    a, b, c, d = x[first], x[first + 1], x[first + 2], x[first + 3]
    e, f, g, h = x[first + 4], x[first + 5], x[first + 6], x[first + 7]
    i = first + 8
    end = first + count - count % 8
    while i < end:
        a += x[i]
        b += x[i + 1]
        c += x[i + 2]
        d += x[i + 3]
        e += x[i + 4]
        f += x[i + 5]
        g += x[i + 6]
        h += x[i + 7]
        i += 8
    total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    while i < first + count:
        total += x[i]
        i += 1
    return total


@inline(fastmath=REORDER)
def sum_in_any_order(x, first, count):
    """The sum of elements in vector registers."""
    total = x.dtype.type(0)
    for i in range(first, first + count):
        total += x[i]
    return total


@inline(fastmath=SEPARATE)
def add_up(stack, depth, additions):
    """Add the last two sums on the stack so many times; how many there are then."""
    for _ in range(additions):
        depth -= 1
        stack[depth - 1] += stack[depth]
    return depth


@kernel(fastmath=SEPARATE)
def _rows(start, stop, x, bounds, additions, sections, divisor, result):
    """result[a, s] = sum of section s of the row x[a] / divisor; steps are pairs (a, s)."""
    stack = np.empty(DEEPEST, x.dtype)
    count = sections.size - 1
    for step in range(start, stop):
        a, s = divmod(step, count)
        depth = 0
        for part in range(sections[s], sections[s + 1]):
            begin, end = bounds[part], bounds[part + 1]
            first = np.uintp(a * bounds[-1] + begin)
            stack[depth] = sum_of_part(x, first, np.uintp(end - begin))
            depth = add_up(stack, depth + 1, additions[part])
        result[step] = stack[0] / x.dtype.type(divisor)


@kernel(fastmath=SEPARATE)
def _join(start, stop, sums, joins, divisor, result):
    """result[a] = what the sums of the sections of row a give / divisor."""
    stack = np.empty(DEEPEST, sums.dtype)
    for a in range(start, stop):
        depth = 0
        for s in range(joins.size):
            stack[depth] = sums[a, s]
            depth = add_up(stack, depth + 1, joins[s])
        result[a] = stack[0] / sums.dtype.type(divisor)


class Target(NamedTuple):
    """Where the steps of a loop over sections write their sums, and what is left to do then."""

    sums: np.ndarray
    divisor: int
    joining: list[Piece]


def target(rows: int, how: Order, divisor: int, result: Any) -> Target:
    """For sums of rows, divided, into `result` (rows,)."""
    sections = len(how.joins)
    if sections == 1:
        return Target(result, divisor, [])
    sums = np.empty((rows, sections), result.dtype)
    joining = Piece(_join, rows, max(1, SECTION // sections), (sums, how.joins, divisor, result))
    return Target(sums.reshape(-1), 1, [joining])


def pieces(x: Any, rows: int, divisor: int, result: Any, grain: int) -> list[Piece]:
    """The work that sums the rows of flat x, and divides; `grain` elements are worth a thread."""
    length = x.size // rows
    how = order(length)
    into = target(rows, how, divisor, result)
    args = (x, how.bounds, how.additions, how.sections, into.divisor, into.sums)
    steps = rows * len(how.joins)
    return [Piece(_rows, steps, max(1, grain // min(length, SECTION)), args), *into.joining]
