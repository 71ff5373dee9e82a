"""Sums of rows that are chosen by number, held in vector registers.

    sums[j] = sum over p of x[numbers[p], j]        p from first to last - 1

Four sums run side by side, so that an addition need not wait for the one before.  The order of the
additions depends on the number of terms alone: every kernel that sums rows has the same rounding,
whatever its vectors and threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from tensorcore.kernels.cpu.jit import inline
from tensorcore.kernels.cpu.vectors import VECTOR_BYTES, VECTORS, _Block

WAYS = 4  # sums side by side


@intrinsic(prefer_literal=True)
def _sum_columns(
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
    """The sums of some columns; see above."""
    integer = types.intp
    signature = types.void(
        vectors, masked, x, integer, integer, numbers, integer, integer, sums, integer, integer
    )

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        block = _Columns(context, builder, signature, args)
        block.emit(vectors.literal_value, masked.literal_value)
        return context.get_dummy_value()

    return signature, generate


class _Columns(_Block):
    """The instructions of `_sum_columns`."""

    def __init__(self, context: Any, builder: Any, signature: Any, args: Any) -> None:
        def data(index: int) -> Any:
            return context.make_array(signature.args[index])(context, builder, args[index]).data

        self.builder = builder
        self.element = context.get_data_type(signature.args[2].dtype)
        self.bits = signature.args[2].dtype.bitwidth
        self.lanes = VECTOR_BYTES * 8 // self.bits
        self.vector = ir.VectorType(self.element, self.lanes)
        self.mask_type = ir.VectorType(ir.IntType(1), self.lanes)
        self.x, self.numbers, self.sums = (data(i) for i in (2, 5, 8))
        self.is_signed = signature.args[5].dtype.signed
        self.column, self.x_row = args[3:5]
        self.first, self.last = args[6:8]
        self.sums_start, self.used = args[9:11]

    def emit(self, vectors: int, masked: bool) -> None:
        builder = self.builder
        mask = self._mask() if masked else None
        masks = [mask if j == vectors - 1 else None for j in range(vectors)]
        places = [(way, j) for way in range(WAYS) for j in range(vectors)]
        sums = {place: cgutils.alloca_once(builder, self.vector) for place in places}
        for place in places:
            builder.store(self._zero(), sums[place])
        start = builder.gep(self.x, [self.column])
        four = ir.Constant(self.first.type, WAYS)
        groups = builder.sdiv(builder.sub(self.last, self.first), four)
        with cgutils.for_range(builder, groups) as loop:
            group = builder.add(self.first, builder.mul(loop.index, four))
            for way in range(WAYS):
                row = self._row_at(start, self._after(group, way))
                for j in range(vectors):
                    self._add(sums[way, j], self._load(row, j, masks[j]))
        rest = builder.add(self.first, builder.mul(groups, four))
        for way in range(WAYS - 1):
            # No branches, which short lists would make the CPU guess wrong: of a row too many
            # nothing is read.
            place = self._after(rest, way)
            is_there = builder.icmp_signed("<", place, self.last)
            nowhere = ir.Constant(place.type, 0)
            row = self._row_at(start, builder.select(is_there, place, nowhere))
            for j in range(vectors):
                there = self._spread_bit(is_there)
                there = there if masks[j] is None else builder.and_(there, masks[j])
                self._add(sums[way, j], self._load(row, j, there))
        target = builder.gep(self.sums, [self.sums_start])
        for j in range(vectors):
            one, two, three, four = (builder.load(sums[way, j]) for way in range(WAYS))
            total = builder.fadd(builder.fadd(one, two), builder.fadd(three, four))
            self._store(total, target, j, masks[j])

    def _after(self, place: Any, count: int) -> Any:
        return self.builder.add(place, ir.Constant(place.type, count))

    def _row_at(self, start: Any, place: Any) -> Any:
        """Where the row is whose number stands at a place."""
        number = self.builder.load(self.builder.gep(self.numbers, [place]))
        if number.type.width < self.x_row.type.width:
            widened = self.builder.sext if self.is_signed else self.builder.zext
            number = widened(number, self.x_row.type)
        return self.builder.gep(start, [self.builder.mul(number, self.x_row)])

    def _spread_bit(self, bit: Any) -> Any:
        """A mask of all lanes or of none."""
        i32 = ir.IntType(32)
        nothing = ir.Constant(self.mask_type, ir.Undefined)
        single = self.builder.insert_element(nothing, bit, ir.Constant(i32, 0))
        zeros = ir.Constant(ir.VectorType(i32, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(single, nothing, zeros)

    def _add(self, place: Any, value: Any) -> None:
        self.builder.store(self.builder.fadd(self.builder.load(place), value), place)


@inline
def sum_row(x, width, numbers, first, last, sums, sums_start):
    """sums[sums_start : sums_start + width] = the sum of the rows that numbers[first:last] name.

    `x` and `sums` are flat, `numbers` has an element at least.
    """
    lanes = VECTOR_BYTES // x.itemsize
    column = 0
    while column < width:
        left = width - column
        place = sums_start + column
        if left >= VECTORS * lanes:
            _sum_columns(VECTORS, False, x, column, width, numbers, first, last, sums, place, 0)
            column += VECTORS * lanes
        elif left > lanes:
            used = min(left - lanes, lanes)
            _sum_columns(2, True, x, column, width, numbers, first, last, sums, place, used)
            column += 2 * lanes
        else:
            _sum_columns(1, True, x, column, width, numbers, first, last, sums, place, left)
            column += lanes


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
                _sum_columns(
                    VECTORS, False, x, column, width, members, begins[r], begins[r + one],
                    sums, place, 0,
                )  # fmt: skip
                place += step
            column += VECTORS * lanes
        elif left > lanes:
            used = min(left - lanes, lanes)
            for r in range(begin, np.uintp(stop)):
                _sum_columns(
                    2, True, x, column, width, members, begins[r], begins[r + one],
                    sums, place, used,
                )  # fmt: skip
                place += step
            column += 2 * lanes
        else:
            for r in range(begin, np.uintp(stop)):
                _sum_columns(
                    1, True, x, column, width, members, begins[r], begins[r + one],
                    sums, place, left,
                )  # fmt: skip
                place += step
            column += lanes
