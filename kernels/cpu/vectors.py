"""A block of products held in vector registers: what convolutions spend their time in.

    C[r, j] (+)= sum over k of A[r, k] B[k, j]       some rows r and columns j that fit in registers

The loops are written as LLVM instructions through numba, so no compiler is needed beside it.  A
vector wider than the machine's is split by LLVM: the result is right everywhere, and fastest where
the width matches.
"""

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir
from tensorcore.kernels.cpu.compiler import cgutils, intrinsic, types


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
