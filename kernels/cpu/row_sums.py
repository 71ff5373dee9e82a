"""Sums of rows that are chosen by number, held in vector registers.

    sums[j] = sum over p of x[numbers[p], j]

Four sums run side by side, so that an addition need not wait for the one before: those of four
lists, or four that make one.  The order of the additions depends on the number of terms alone, not
on vectors or threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from tensorcore.kernels.cpu.compiler import cgutils, intrinsic, types
from tensorcore.kernels.cpu.jit import inline
from tensorcore.kernels.cpu.vectors import VECTOR_BYTES, VECTORS, _Block

WAYS = 4  # sums side by side


class _Sums(_Block):
    """Instructions that the two kinds of sums share: vectors of columns, four times."""

    def __init__(self, context: Any, builder: Any, x: Any, numbers: Any) -> None:
        self.builder = builder
        self.element = context.get_data_type(x.dtype)
        self.bits = x.dtype.bitwidth
        self.lanes = VECTOR_BYTES * 8 // self.bits
        self.vector = ir.VectorType(self.element, self.lanes)
        self.mask_type = ir.VectorType(ir.IntType(1), self.lanes)
        self.is_signed = numbers.dtype.signed

    def begin(self, vectors: int, masked: bool) -> None:
        """Make the sums, of as many vectors, zero."""
        mask = self._mask() if masked else None
        self.masks = [mask if j == vectors - 1 else None for j in range(vectors)]
        places = [(way, j) for way in range(WAYS) for j in range(vectors)]
        self.sums = {place: cgutils.alloca_once(self.builder, self.vector) for place in places}
        for place in places:
            self.builder.store(self._zero(), self.sums[place])

    def add(self, way: int, place: Any, there: Any = None) -> None:
        """Add the row whose number stands at a place; nothing where no lane is `there`."""
        builder = self.builder
        number = builder.load(builder.gep(self.numbers, [place]))
        if number.type.width < self.x_row.type.width:
            widened = builder.sext if self.is_signed else builder.zext
            number = widened(number, self.x_row.type)
        row = builder.gep(self.x, [builder.add(builder.mul(number, self.x_row), self.column)])
        for j, mask in enumerate(self.masks):
            both = there if mask is None else mask
            if there is not None and mask is not None:
                both = builder.and_(there, mask)
            total = builder.fadd(builder.load(self.sums[way, j]), self._load(row, j, both))
            builder.store(total, self.sums[way, j])

    def after(self, place: Any, count: int) -> Any:
        """A place some further on."""
        return self.builder.add(place, ir.Constant(place.type, count))


# One list -----------------------------------------------------------------------------------------


@intrinsic(prefer_literal=True)
def _sum_list(
    typing: Any,
    vectors: Any,  # literal: vectors of columns
    masked: Any,  # literal: whether only `used` elements of the last vector exist
    x: Any,  # flat array
    column: Any,  # the first of the columns
    x_row: Any,  # how far the next row is in x
    numbers: Any,  # whole numbers, at least one
    first: Any,
    last: Any,
    sums: Any,  # flat array
    sums_start: Any,
    used: Any,
) -> Any:
    """sums = the sum of the rows that numbers[first:last] name; term p is in sum p % 4."""
    integer = types.intp
    signature = types.void(
        vectors, masked, x, integer, integer, numbers, integer, integer, sums, integer, integer
    )

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        block = _List(context, builder, signature, args)
        block.emit(vectors.literal_value, masked.literal_value)
        return context.get_dummy_value()

    return signature, generate


class _List(_Sums):
    """The instructions of `_sum_list`."""

    def __init__(self, context: Any, builder: Any, signature: Any, args: Any) -> None:
        def data(index: int) -> Any:
            return context.make_array(signature.args[index])(context, builder, args[index]).data

        super().__init__(context, builder, signature.args[2], signature.args[5])
        self.x, self.numbers, self.target = (data(i) for i in (2, 5, 8))
        self.column, self.x_row = args[3:5]
        self.first, self.last = args[6:8]
        self.start, self.used = args[9:11]

    def emit(self, vectors: int, masked: bool) -> None:
        builder = self.builder
        self.begin(vectors, masked)
        four = ir.Constant(self.first.type, WAYS)
        groups = builder.sdiv(builder.sub(self.last, self.first), four)
        with cgutils.for_range(builder, groups) as loop:
            group = builder.add(self.first, builder.mul(loop.index, four))
            for way in range(WAYS):
                self.add(way, self.after(group, way))
        rest = builder.add(self.first, builder.mul(groups, four))
        for way in range(WAYS - 1):
            # No branches, which short lists would make the CPU guess wrong: of a row too many
            # nothing is read.
            place = self.after(rest, way)
            is_there = builder.icmp_signed("<", place, self.last)
            nowhere = ir.Constant(place.type, 0)
            self.add(way, builder.select(is_there, place, nowhere), self._spread_bit(is_there))
        target = builder.gep(self.target, [self.start])
        for j, mask in enumerate(self.masks):
            one, two, three, four = (builder.load(self.sums[way, j]) for way in range(WAYS))
            total = builder.fadd(builder.fadd(one, two), builder.fadd(three, four))
            self._store(total, target, j, mask)

    def _spread_bit(self, bit: Any) -> Any:
        """A mask of all lanes or of none."""
        i32 = ir.IntType(32)
        nothing = ir.Constant(self.mask_type, ir.Undefined)
        single = self.builder.insert_element(nothing, bit, ir.Constant(i32, 0))
        zeros = ir.Constant(ir.VectorType(i32, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(single, nothing, zeros)


@inline
def sum_lists(x, width, members, begins, start, stop, sums):
    """The sums of the rows that the lists from start to stop name, one after the other in `sums`.

    List r is members[begins[r] : begins[r + 1]].
    """
    lanes = VECTOR_BYTES // x.itemsize
    begin, step, one = np.uintp(start), np.uintp(width), np.uintp(1)
    column = 0
    # One loop for each width, since choosing between them takes as long as a short list.
    while column < width:
        left = width - column
        place = np.uintp(column)
        if left >= VECTORS * lanes:
            for r in range(begin, np.uintp(stop)):
                _sum_list(
                    VECTORS, False, x, column, width, members, begins[r], begins[r + one],
                    sums, place, 0,
                )  # fmt: skip
                place += step
            column += VECTORS * lanes
        elif left > lanes:
            used = min(left - lanes, lanes)
            for r in range(begin, np.uintp(stop)):
                _sum_list(
                    2, True, x, column, width, members, begins[r], begins[r + one],
                    sums, place, used,
                )  # fmt: skip
                place += step
            column += 2 * lanes
        else:
            for r in range(begin, np.uintp(stop)):
                _sum_list(
                    1, True, x, column, width, members, begins[r], begins[r + one],
                    sums, place, left,
                )  # fmt: skip
                place += step
            column += lanes


# Four lists ---------------------------------------------------------------------------------------


@intrinsic(prefer_literal=True)
def _add_four(
    typing: Any,
    vectors: Any,  # literal: vectors of columns
    masked: Any,  # literal: whether only `used` elements of the last vector exist
    x: Any,  # flat array
    column: Any,  # the first of the columns
    x_row: Any,  # how far the next row is in x
    numbers: Any,  # whole numbers
    firsts: Any,  # tuple: where four lists begin
    count: Any,  # members of each
    sums: Any,  # flat array
    starts: Any,  # tuple: where their sums are
    used: Any,
) -> Any:
    """sums += the sums of the rows that four lists of one length name, each in its order."""
    integer = types.intp
    four = types.UniTuple(integer, WAYS)
    signature = types.void(
        vectors, masked, x, integer, integer, numbers, four, integer, sums, four, integer
    )

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        block = _Four(context, builder, signature, args)
        block.emit(vectors.literal_value, masked.literal_value)
        return context.get_dummy_value()

    return signature, generate


class _Four(_Sums):
    """The instructions of `_add_four`."""

    def __init__(self, context: Any, builder: Any, signature: Any, args: Any) -> None:
        def data(index: int) -> Any:
            return context.make_array(signature.args[index])(context, builder, args[index]).data

        super().__init__(context, builder, signature.args[2], signature.args[5])
        self.x, self.numbers, self.target = (data(i) for i in (2, 5, 8))
        self.column, self.x_row = args[3:5]
        self.firsts = cgutils.unpack_tuple(builder, args[6], WAYS)
        self.count = args[7]
        self.starts = cgutils.unpack_tuple(builder, args[9], WAYS)
        self.used = args[10]

    def emit(self, vectors: int, masked: bool) -> None:
        builder = self.builder
        self.begin(vectors, masked)
        with cgutils.for_range(builder, self.count) as loop:
            for way, first in enumerate(self.firsts):
                self.add(way, builder.add(first, loop.index))
        for j, mask in enumerate(self.masks):
            # All are read before any is written: the last list may stand there several times.
            targets = [builder.gep(self.target, [start]) for start in self.starts]
            before = [self._load(target, j, mask) for target in targets]
            for way, target in enumerate(targets):
                total = builder.fadd(before[way], builder.load(self.sums[way, j]))
                self._store(total, target, j, mask)


@inline
def add_four(x, width, numbers, firsts, count, sums, starts):
    """Add to four sums the rows of `x` (flat, `width` elements a row) that four lists name.

    The list w is numbers[firsts[w] : firsts[w] + count], its sum begins at sums[starts[w]].
    """
    lanes = VECTOR_BYTES // x.itemsize
    column = 0
    while column < width:
        left = width - column
        at = (starts[0] + column, starts[1] + column, starts[2] + column, starts[3] + column)
        if left >= VECTORS * lanes:
            _add_four(VECTORS, False, x, column, width, numbers, firsts, count, sums, at, 0)
            column += VECTORS * lanes
        elif left > lanes:
            used = min(left - lanes, lanes)
            _add_four(2, True, x, column, width, numbers, firsts, count, sums, at, used)
            column += 2 * lanes
        else:
            _add_four(1, True, x, column, width, numbers, firsts, count, sums, at, left)
            column += lanes
