"""Products of matrices in registers, and what surrounds them: turning blocks, fetching ahead."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from tensorcore.kernels.cpu.compiler import cgutils, intrinsic, types
from tensorcore.kernels.cpu.jit import inline
from tensorcore.kernels.cpu.vectors import VECTOR_BYTES, VECTORS, _Block

WORD = ir.IntType(64)
LINE_BYTES = 64  # of a cache
HEIGHTS = (6, 4)  # rows that a block of C has; what is left over is divided so that few are empty
DEPTH = 256  # of a block: its part of B stays in the fastest caches while all rows use it


def _product(adds: bool, doc: str) -> Any:
    def typed(
        typing: Any,
        a: Any,  # flat array
        a_start: Any,
        a_row: Any,  # how far the next row is in A
        a_step: Any,  # and the next k
        b: Any,  # flat array
        b_start: Any,
        b_step: Any,
        c: Any,  # flat array
        c_start: Any,
        c_row: Any,
        rows: Any,
        columns: Any,
        depth: Any,
    ) -> Any:
        integer = types.intp
        places = (integer,) * 3
        signature = types.void(a, *places, b, integer, integer, c, integer, integer, *places)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            _Product(context, builder, signature, args).emit(adds)
            return context.get_dummy_value()

        return signature, generate

    typed.__name__ = "add_product" if adds else "multiply"
    typed.__doc__ = doc
    return intrinsic(typed)


multiply = _product(
    False,
    """C[r, j] = sum over k of A[r, k] B[k, j], all in flat arrays.

    Each element is one chain of multiply-adds with k rising, whatever block it falls into: parts of
    a product have the bits that they have in the whole.
    """,
)
add_product = _product(True, "C[r, j] += sum over k of A[r, k] B[k, j], all in flat arrays.")


class _Product(_Block):
    """The instructions of `multiply` and `add_product`."""

    def __init__(self, context: Any, builder: Any, signature: Any, args: Any) -> None:
        def data(index: int) -> Any:
            return context.make_array(signature.args[index])(context, builder, args[index]).data

        self.builder = builder
        self.element = context.get_data_type(signature.args[0].dtype)
        self.bits = signature.args[0].dtype.bitwidth
        self.lanes = VECTOR_BYTES * 8 // self.bits
        self.vector = ir.VectorType(self.element, self.lanes)
        self.a, self.b, self.c = (data(i) for i in (0, 4, 7))
        self.a_start, self.a_row, self.a_step = args[1:4]
        self.b_start, self.b_step = args[5:7]
        self.c_start, self.c_row = args[8:10]
        self.rows, self.columns, self.depth = args[10:13]

    def emit(self, adds: bool) -> None:
        """Blocks of k, in them strips of columns, in them blocks of rows."""
        builder = self.builder
        with cgutils.for_range_slice(
            builder, self._number(0), self.depth, self._number(DEPTH), WORD
        ) as (first, _):
            self.first = first
            self.count = self._least(builder.sub(self.depth, first), DEPTH)
            self.is_sum = builder.icmp_signed(">" if not adds else ">=", first, self._number(0))
            column = self._number(0)
            for vectors in dict.fromkeys((VECTORS, 2)):
                column = self._strips(column, vectors)
            self._rest(column)

    def _strips(self, column: Any, vectors: int) -> Any:
        """As many strips of this width as there are; returns the column after them."""
        builder = self.builder
        width = self._number(vectors * self.lanes)
        count = builder.sdiv(builder.sub(self.columns, column), width)
        with cgutils.for_range(builder, count) as loop:
            self._strip(builder.add(column, builder.mul(loop.index, width)), vectors, None)
        return builder.add(column, builder.mul(count, width))

    def _rest(self, column: Any) -> None:
        builder = self.builder
        with cgutils.for_range_slice(
            builder, column, self.columns, self._number(self.lanes), WORD
        ) as (j, _):
            self.used = builder.sub(self.columns, j)
            self._strip(j, 1, self._mask())

    def _strip(self, column: Any, vectors: int, mask: Any) -> None:
        """All rows of some columns."""
        builder = self.builder
        high, low = map(self._number, HEIGHTS)
        # 6 rows at a time; 8 and 4 rows at the end as fours.
        tall = builder.sdiv(self.rows, high)
        left = builder.srem(self.rows, high)
        is_eight = builder.and_(
            builder.icmp_signed("==", left, self._number(2)),
            builder.icmp_signed(">", tall, self._number(0)),
        )
        is_five = builder.icmp_signed("==", left, self._number(5))
        tall = builder.sub(tall, builder.zext(is_eight, WORD))
        tall = builder.add(tall, builder.zext(is_five, WORD))
        with cgutils.for_range(builder, tall) as loop:
            self._tile(builder.mul(loop.index, high), column, HEIGHTS[0], vectors, mask)
        with cgutils.for_range_slice(builder, builder.mul(tall, high), self.rows, low, WORD) as (
            row,
            _,
        ):
            self._tile(row, column, HEIGHTS[1], vectors, mask)

    def _tile(self, row: Any, column: Any, height: int, vectors: int, mask: Any) -> None:
        """One block of C, held in registers while k runs."""
        builder = self.builder
        masks = [None] * (vectors - 1) + [mask]
        a, c = [], []
        last = builder.sub(self.rows, self._number(1))
        for r in range(height):  # rows that do not exist repeat the last one
            own = self._least(builder.add(row, self._number(r)), last)
            a.append(builder.add(self.a_start, builder.mul(own, self.a_row)))
            place = builder.add(self.c_start, builder.mul(own, self.c_row))
            c.append(builder.gep(self.c, [builder.add(place, column)]))
        sums = {}
        for r in range(height):
            for j in range(vectors):
                sums[r, j] = cgutils.alloca_once(builder, self.vector)
                builder.store(self._zero(), sums[r, j])
        with builder.if_then(self.is_sum):
            for r, j in sums:
                builder.store(self._load(c[r], j, masks[j]), sums[r, j])
        start = builder.add(self.b_start, column)
        with cgutils.for_range(builder, self.count) as loop:
            k = builder.add(self.first, loop.index)
            moved = builder.mul(k, self.a_step)
            b = builder.gep(self.b, [builder.add(start, builder.mul(k, self.b_step))])
            lines = [self._load(b, j, masks[j]) for j in range(vectors)]
            for r in range(height):
                spread = self._spread(builder.load(builder.gep(self.a, [builder.add(a[r], moved)])))
                for j in range(vectors):
                    old = builder.load(sums[r, j])
                    new = self._call("fmuladd", self.vector, [spread, lines[j], old])
                    builder.store(new, sums[r, j])
        for r, j in sums:
            self._store(builder.load(sums[r, j]), c[r], j, masks[j])

    def _number(self, value: int) -> Any:
        return ir.Constant(WORD, value)

    def _least(self, value: Any, limit: Any) -> Any:
        limit = self._number(limit) if isinstance(limit, int) else limit
        return self.builder.select(self.builder.icmp_signed("<", value, limit), value, limit)

    def _spread(self, value: Any) -> Any:
        """A vector with the same value in all lanes."""
        i32 = ir.IntType(32)
        nothing = ir.Constant(self.vector, ir.Undefined)
        single = self.builder.insert_element(nothing, value, ir.Constant(i32, 0))
        zeros = ir.Constant(ir.VectorType(i32, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(single, nothing, zeros)


# Around products ----------------------------------------------------------------------------------


@intrinsic
def turn(
    typing: Any,
    x: Any,  # flat array
    x_start: Any,
    x_row: Any,
    c: Any,  # flat array
    c_start: Any,
    c_row: Any,
    is_masked: Any,
    y: Any,  # flat array; read where the result is written
) -> Any:
    """C[i, j] = X[j, i] for a square of as many rows as a vector has lanes.

    If masked, C is 0 where Y, of the same layout, is not above 0.
    """
    integer = types.intp
    places = (integer, integer)
    signature = types.void(x, *places, c, *places, types.boolean, y)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _Turning(context, builder, signature, args).emit(args[6])
        return context.get_dummy_value()

    return signature, generate


class _Turning(_Block):
    """The instructions of `turn`."""

    def __init__(self, context: Any, builder: Any, signature: Any, args: Any) -> None:
        def data(index: int) -> Any:
            return context.make_array(signature.args[index])(context, builder, args[index]).data

        self.builder = builder
        self.element = context.get_data_type(signature.args[0].dtype)
        self.bits = signature.args[0].dtype.bitwidth
        self.lanes = VECTOR_BYTES * 8 // self.bits
        self.vector = ir.VectorType(self.element, self.lanes)
        self.x, self.c, self.y = (data(i) for i in (0, 3, 7))
        self.x_start, self.x_row = args[1:3]
        self.c_start, self.c_row = args[4:6]

    def emit(self, is_masked: Any) -> None:
        builder = self.builder
        lines = []
        for i in range(self.lanes):
            row = builder.mul(self.x_row, ir.Constant(WORD, i))
            place = builder.gep(self.x, [builder.add(self.x_start, row)])
            lines.append(self._load(place, 0, None))
        # Each step deals the lines of one half between those of the other, like cards.
        half = self.lanes // 2
        for _ in range(half.bit_length()):
            dealt = []
            for i in range(half):
                pair = lines[i], lines[i + half]
                dealt += [self._dealt(*pair, 0), self._dealt(*pair, half)]
            lines = dealt
        for i, line in enumerate(lines):
            row = builder.mul(self.c_row, ir.Constant(WORD, i))
            place = builder.add(self.c_start, row)
            self._store(self._kept(line, place, is_masked), builder.gep(self.c, [place]), 0, None)

    def _dealt(self, first: Any, second: Any, start: int) -> Any:
        """Half of two vectors, element by element in turn."""
        numbers = [start + i // 2 + i % 2 * self.lanes for i in range(self.lanes)]
        kind = ir.VectorType(ir.IntType(32), self.lanes)
        return self.builder.shuffle_vector(first, second, ir.Constant(kind, numbers))

    def _kept(self, line: Any, place: Any, is_masked: Any) -> Any:
        builder = self.builder
        result = cgutils.alloca_once_value(builder, line)
        with builder.if_then(is_masked):
            y = self._load(builder.gep(self.y, [place]), 0, None)
            is_none = builder.fcmp_ordered("<=", y, self._zero())  # NaN passes the gradient
            builder.store(builder.select(is_none, self._zero(), line), result)
        return builder.load(result)


@inline
def turn_block(x, start, step, rows, depth, result, width):
    """result[d, r] = x[r, d], of a flat array, in rows of this width."""
    lanes = VECTOR_BYTES // x.itemsize
    whole_rows, whole_depth = rows // lanes * lanes, depth // lanes * lanes
    for r in range(0, whole_rows, lanes):
        for d in range(0, whole_depth, lanes):
            turn(x, start + r * step + d, step, result, d * width + r, width, False, result)
        for d in range(whole_depth, depth):
            for i in range(r, r + lanes):
                result[d * width + i] = x[start + i * step + d]
    for d in range(depth):
        for r in range(whole_rows, rows):
            result[d * width + r] = x[start + r * step + d]


@inline
def lay_rows(x, start, step, rows, width, result):
    """result[r, j] = x[r, j], with the rows side by side."""
    for r in range(rows):
        line = x[start + r * step : start + r * step + width]
        row = result[r * width : (r + 1) * width]
        for j in range(np.uintp(width)):
            row[j] = line[j]


@intrinsic
def fetch(typing: Any, array: Any, index: Any) -> Any:
    """Begin to bring a place of a flat array, which will be read soon, into the second cache."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        place = builder.bitcast(builder.gep(data, [args[1]]), ir.IntType(8).as_pointer())
        i32 = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, i32, i32, i32])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [place, i32(0), i32(2), i32(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate
