"""A block of products held in vector registers: what convolutions spend their time in.

    C[r, j] (+)= sum over k of A[r, k] B[k, j]       some rows r and columns j that fit in registers

The loops are written as LLVM instructions through numba, so no compiler is needed beside it.  A
vector wider than the machine's is split by LLVM: the result is right everywhere, and fastest where
the width matches.
"""

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir
from numba.core import cgutils, types
from numba.extending import intrinsic

WORD = ir.IntType(64)


def cpu_features() -> set[str]:
    """The names of the features of this CPU, as LLVM calls them."""
    return {name for name, there in binding.get_host_cpu_features().items() if there}


def _vector_bytes() -> int:
    features = cpu_features()
    if "avx512f" in features:
        return 64
    return 32 if "avx" in features else 16


VECTOR_BYTES = _vector_bytes()
# 6 x 4 sums, 4 columns of B and one element of A fit in AVX-512's 32 registers; 6 x 2 in the 16 of
# AVX.
VECTORS = 4 if VECTOR_BYTES == 64 else 2
ROWS = 6  # of the tiles of convolutions
NOTHING, ADD, ADD_RELU, MASK = 0, 1, 2, 3  # endings of `tile`


@intrinsic(prefer_literal=True)
def tile(
    typing: Any,
    rows: Any,  # literal: rows of C that are held at once
    vectors: Any,  # literal: vectors of columns
    masked: Any,  # literal: whether only `used` elements of the last vector exist
    add: Any,  # literal: whether to add to C rather than to overwrite it
    a: Any,  # flat array
    a_rows: Any,  # the rows' positions in it
    b: Any,  # flat array
    b_start: Any,
    c: Any,  # flat array
    c_rows: Any,  # the rows' positions in it; several rows may be the same one
    c_start: Any,
    counts: Any,  # tuple: k is a triple of indices below these
    a_steps: Any,  # tuple: how far each of them moves in A
    b_steps: Any,  # tuple: and in B
    used: Any,
    first: Any,  # of the rows in the two tables of positions
    ending: Any,  # NOTHING, ADD, ADD_RELU or MASK: what is done with the sums
    extra: Any,  # flat array: numbers for the columns, or a mask laid out as C
    extra_start: Any,  # of the numbers
) -> Any:
    """One block: see above.  A and B are read at `start + i steps[0] + j steps[1] + k steps[2]`.

    Endings: ADD adds a number to each column, ADD_RELU then takes max(0, C), MASK keeps C where the
    mask is not <= 0.
    """
    vectors_count = vectors.literal_value
    is_masked = masked.literal_value
    is_adding = add.literal_value
    integer = types.intp
    triple = types.UniTuple(integer, 3)
    signature = types.void(
        rows,
        vectors,
        masked,
        add,
        a,
        a_rows,
        b,
        integer,
        c,
        c_rows,
        integer,
        triple,
        triple,
        triple,
        integer,
        integer,
        integer,
        extra,
        integer,
    )

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        block = _Block(context, builder, signature, args, rows.literal_value)
        block.emit(vectors_count, is_masked, is_adding)
        return context.get_dummy_value()

    return signature, generate


class _Block:
    """The instructions of one `tile`."""

    def __init__(self, context: Any, builder: Any, signature: Any, args: Any, rows: int) -> None:
        def data(index: int) -> Any:
            return context.make_array(signature.args[index])(context, builder, args[index]).data

        self.builder = builder
        self.rows = rows
        self.element = context.get_data_type(signature.args[4].dtype)
        self.bits = signature.args[4].dtype.bitwidth
        self.lanes = VECTOR_BYTES * 8 // self.bits
        self.vector = ir.VectorType(self.element, self.lanes)
        self.mask_type = ir.VectorType(ir.IntType(1), self.lanes)
        self.a, self.a_rows, self.b, self.c, self.c_rows = (data(i) for i in (4, 5, 6, 8, 9))
        self.b_start, self.c_start, self.used, self.first = (args[i] for i in (7, 10, 14, 15))
        self.ending, self.extra, self.extra_start = args[16], data(17), args[18]
        self.counts, self.a_steps, self.b_steps = (
            cgutils.unpack_tuple(builder, args[i], 3) for i in (11, 12, 13)
        )

    def emit(self, vectors: int, masked: bool, add: bool) -> None:
        builder = self.builder
        a = [builder.gep(self.a, [self._row(self.a_rows, r)]) for r in range(self.rows)]
        c = [
            builder.gep(self.c, [builder.add(self._row(self.c_rows, r), self.c_start)])
            for r in range(self.rows)
        ]
        mask = self._mask() if masked else None
        sums = {}
        for r in range(self.rows):
            for j in range(vectors):
                sums[r, j] = cgutils.alloca_once(builder, self.vector)
                last = mask if j == vectors - 1 else None
                start = self._load(c[r], j, last) if add else self._zero()
                builder.store(start, sums[r, j])
        if not add:
            self._prefetch(c, vectors)
        i32 = ir.IntType(32)
        with cgutils.for_range(builder, self.counts[0]) as outer:
            a_outer = builder.mul(outer.index, self.a_steps[0])
            b_outer = builder.add(self.b_start, builder.mul(outer.index, self.b_steps[0]))
            with cgutils.for_range(builder, self.counts[1]) as middle:
                a_middle = builder.add(a_outer, builder.mul(middle.index, self.a_steps[1]))
                b_middle = builder.add(b_outer, builder.mul(middle.index, self.b_steps[1]))
                with cgutils.for_range(builder, self.counts[2]) as inner:
                    a_place = builder.add(a_middle, builder.mul(inner.index, self.a_steps[2]))
                    b_place = builder.add(b_middle, builder.mul(inner.index, self.b_steps[2]))
                    b = builder.gep(self.b, [b_place])
                    columns = [
                        self._load(b, j, mask if j == vectors - 1 else None) for j in range(vectors)
                    ]
                    for r in range(self.rows):
                        value = builder.load(builder.gep(a[r], [a_place]))
                        single = builder.insert_element(
                            ir.Constant(self.vector, ir.Undefined), value, ir.Constant(i32, 0)
                        )
                        spread = builder.shuffle_vector(
                            single,
                            ir.Constant(self.vector, ir.Undefined),
                            ir.Constant(ir.VectorType(i32, self.lanes), [0] * self.lanes),
                        )
                        for j in range(vectors):
                            old = builder.load(sums[r, j])
                            new = self._call("fmuladd", self.vector, [spread, columns[j], old])
                            builder.store(new, sums[r, j])
        self._finish(sums, c, vectors, mask)

    def _prefetch(self, c: list[Any], vectors: int) -> None:
        """Fetch what the ending reads or writes while the sums are made."""
        builder = self.builder
        byte = ir.IntType(8).as_pointer()
        i32 = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, i32, i32, i32])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        masking = builder.icmp_signed("==", self.ending, ir.Constant(self.ending.type, MASK))
        for r in range(self.rows):
            place = builder.add(self._row(self.c_rows, r), self.c_start)
            start = builder.select(masking, builder.gep(self.extra, [place]), c[r])
            for j in range(vectors):
                line = builder.bitcast(self._place(start, j), byte)
                builder.call(function, [line, *(ir.Constant(i32, n) for n in (0, 3, 1))])

    def _finish(self, sums: dict[Any, Any], c: list[Any], vectors: int, mask: Any) -> None:
        """Store the sums, by a branch for each ending."""
        builder = self.builder
        end = builder.append_basic_block("stored")
        branches = [builder.append_basic_block(f"ending{number}") for number in range(4)]
        switch = builder.switch(self.ending, branches[NOTHING])
        for number, branch in enumerate(branches):
            if number != NOTHING:
                switch.add_case(ir.Constant(self.ending.type, number), branch)
            builder.position_at_end(branch)
            for j in range(vectors):
                last = mask if j == vectors - 1 else None
                if number in (ADD, ADD_RELU):
                    start = builder.gep(self.extra, [self.extra_start])
                    bias = self._load(start, j, last)
                for r in range(self.rows):
                    value = builder.load(sums[r, j])
                    if number in (ADD, ADD_RELU):
                        value = builder.fadd(value, bias)
                    if number == ADD_RELU:
                        value = self._zero_where_not_positive(value, value)
                    if number == MASK:
                        place = builder.add(self._row(self.c_rows, r), self.c_start)
                        other = self._load(builder.gep(self.extra, [place]), j, last)
                        value = self._zero_where_not_positive(other, value)
                    self._store(value, c[r], j, last)
            builder.branch(end)
        builder.position_at_end(end)

    def _zero_where_not_positive(self, judged: Any, value: Any) -> Any:
        """NaN counts as positive."""
        builder = self.builder
        return builder.select(builder.fcmp_ordered("<=", judged, self._zero()), self._zero(), value)

    def _zero(self) -> Any:
        return ir.Constant(self.vector, [0.0] * self.lanes)

    def _row(self, table: Any, r: int) -> Any:
        place = self.builder.add(self.first, ir.Constant(self.first.type, r))
        return self.builder.load(self.builder.gep(table, [place]))

    def _mask(self) -> Any:
        """True in the lanes below `used`."""
        i64 = ir.IntType(64)
        wide = ir.VectorType(i64, self.lanes)
        single = self.builder.insert_element(
            ir.Constant(wide, ir.Undefined), self.used, ir.Constant(ir.IntType(32), 0)
        )
        spread = self.builder.shuffle_vector(
            single,
            ir.Constant(wide, ir.Undefined),
            ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes),
        )
        return self.builder.icmp_signed("<", ir.Constant(wide, list(range(self.lanes))), spread)

    def _place(self, pointer: Any, j: int) -> Any:
        moved = cgutils.gep_inbounds(self.builder, pointer, j * self.lanes)
        return self.builder.bitcast(moved, self.vector.as_pointer())

    def _load(self, pointer: Any, j: int, mask: Any) -> Any:
        place = self._place(pointer, j)
        if mask is None:
            value = self.builder.load(place)
            value.align = self.bits // 8
            return value
        arguments = [place, ir.Constant(ir.IntType(32), self.bits // 8), mask, self._zero()]
        return self._call_memory("load", self.vector, arguments)

    def _store(self, value: Any, pointer: Any, j: int, mask: Any) -> None:
        place = self._place(pointer, j)
        if mask is None:
            self.builder.store(value, place).align = self.bits // 8
            return
        arguments = [value, place, ir.Constant(ir.IntType(32), self.bits // 8), mask]
        self._call_memory("store", ir.VoidType(), arguments)

    def _call(self, name: str, result: Any, arguments: list[Any]) -> Any:
        kind = ir.FunctionType(result, [argument.type for argument in arguments])
        function = cgutils.get_or_insert_function(
            self.builder.module, kind, f"llvm.{name}.v{self.lanes}f{self.bits}"
        )
        return self.builder.call(function, arguments)

    def _call_memory(self, name: str, result: Any, arguments: list[Any]) -> Any:
        kind = ir.FunctionType(result, [argument.type for argument in arguments])
        function = cgutils.get_or_insert_function(
            self.builder.module, kind, f"llvm.masked.{name}.v{self.lanes}f{self.bits}.p0"
        )
        return self.builder.call(function, arguments)


# Products of matrices -----------------------------------------------------------------------------

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
