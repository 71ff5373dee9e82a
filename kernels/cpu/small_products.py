"""Small products in a plan's compiled pieces: the call of BLAS that NumPy would make, itself.

NumPy calls gemm for two matrices and gemv where one of them is a vector.  The same call with the
same arguments gives the same bits.  That it is the same is tried once for each kind of product;
where it is not, or where BLAS cannot be found, NumPy keeps the work.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import numpy as np
from llvmlite import ir
from tensorcore.kernels.cpu import blas_threads
from tensorcore.kernels.cpu.compiler import cgutils, intrinsic, types
from tensorcore.kernels.cpu.jit import kernel
from tensorcore.kernels.cpu.piece import Piece

# Of the interface of BLAS for C.
ROW_MAJOR, COLUMN_MAJOR = 101, 102
AS_IT_IS, TRANSPOSED = 111, 112


@intrinsic
def _call(typing: Any, address: Any, arguments: Any) -> Any:
    """Call the C function at an address with numbers and, as whole numbers, addresses."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        values = cgutils.unpack_tuple(builder, args[1], len(arguments))
        kind = ir.FunctionType(ir.VoidType(), [value.type for value in values])
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), values)
        return context.get_dummy_value()

    return types.void(types.int64, arguments), generate


@kernel
def _matrices(start, stop, address, is_wide, a, b, c, rows, columns, depth, a_kind, b_kind):
    """C = A B by gemm."""
    order, first, second = np.int32(ROW_MAJOR), np.int32(a_kind), np.int32(b_kind)
    a_width = rows if a_kind == TRANSPOSED else depth
    b_width = depth if b_kind == TRANSPOSED else columns
    one, zero = c.dtype.type(1), c.dtype.type(0)
    x, y, z = a.ctypes.data, b.ctypes.data, c.ctypes.data
    if is_wide:
        _call(
            address,
            (order, first, second, rows, columns, depth, one, x, a_width, y, b_width, zero, z,
             columns),
        )  # fmt: skip
    else:
        m, n, k = np.int32(rows), np.int32(columns), np.int32(depth)
        widths = (np.int32(a_width), np.int32(b_width))
        _call(
            address,
            (order, first, second, m, n, k, one, x, widths[0], y, widths[1], zero, z, n),
        )  # fmt: skip


@kernel
def _vector(start, stop, address, is_wide, matrix, vector, result, kind, width, depth, length):
    """The sums over `depth` of a matrix with a vector, by gemv."""
    order, transposed = np.int32(kind), np.int32(TRANSPOSED)
    one, zero = result.dtype.type(1), result.dtype.type(0)
    x, y, z = matrix.ctypes.data, vector.ctypes.data, result.ctypes.data
    if is_wide:
        _call(
            address,
            (order, transposed, depth, length, one, x, width, y, np.int64(1), zero, z, np.int64(1)),
        )
    else:
        m, n, line, step = np.int32(depth), np.int32(length), np.int32(width), np.int32(1)
        _call(address, (order, transposed, m, n, one, x, line, y, step, zero, z, step))


def product(x1: Any, x2: Any, out: Any, transpose_a: bool, transpose_b: bool) -> Piece | None:
    """The piece that computes a product of contiguous matrices; None where NumPy has to."""
    rows, columns = out.shape
    depth = x1.shape[0 if transpose_a else 1]
    # NumPy knows a matrix times itself, and two vectors.
    if np.may_share_memory(x1, x2) or rows == columns == 1 or out.dtype.char not in "fd":
        return None
    flags = (transpose_a, transpose_b)
    if not _is_numpys(out.dtype.char, rows, columns, depth, *flags):
        return None
    return _piece(x1, x2, out, depth, *flags)


def _piece(
    x1: Any, x2: Any, out: Any, depth: int, transpose_a: bool, transpose_b: bool
) -> Piece | None:
    rows, columns = out.shape
    is_vector = rows == 1 or columns == 1
    letter = {"f": "s", "d": "d"}[out.dtype.char]
    found = _function(f"cblas_{letter}{'gemv' if is_vector else 'gemm'}")
    if found is None:
        return None
    a, b, c = x1.reshape(-1), x2.reshape(-1), out.reshape(-1)
    if not is_vector:
        kinds = [TRANSPOSED if flag else AS_IT_IS for flag in (transpose_a, transpose_b)]
        return Piece(_matrices, 1, 1, (*found, a, b, c, rows, columns, depth, *kinds))
    if rows == 1:
        a, b, length, is_by_lines = b, a, columns, transpose_b
    else:
        length, is_by_lines = rows, not transpose_a
    # The matrix is stored with the summed dimension in its lines, or across them.
    kind, width = (COLUMN_MAJOR, depth) if is_by_lines else (ROW_MAJOR, length)
    return Piece(_vector, 1, 1, (*found, a, b, c, kind, width, depth, length))


@functools.cache
def _function(name: str) -> tuple[int, int] | None:
    """The address of a function of NumPy's BLAS, and whether it takes 64-bit integers."""
    library = blas_threads.numpys_library()
    if library is None:
        return None
    try:
        handle = ctypes.CDLL(library.filepath)
    except OSError:
        return None
    for prefix in ("scipy_", ""):
        for suffix in ("64_", ""):
            function = getattr(handle, f"{prefix}{name}{suffix}", None)
            if function is not None:
                address = ctypes.cast(function, ctypes.c_void_p).value
                return (address, int(suffix == "64_")) if address else None
    return None


@functools.cache
def _is_numpys(
    char: str, rows: int, columns: int, depth: int, transpose_a: bool, transpose_b: bool
) -> bool:
    """Whether a product of this kind has the bits that NumPy gives it."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((depth, rows) if transpose_a else (rows, depth)).astype(char)
    b = rng.standard_normal((columns, depth) if transpose_b else (depth, columns)).astype(char)
    found = np.empty((rows, columns), char)
    piece = _piece(a, b, found, depth, transpose_a, transpose_b)
    if piece is None:
        return False
    piece()
    expected = np.matmul(a.T if transpose_a else a, b.T if transpose_b else b)
    return found.tobytes() == expected.tobytes()
