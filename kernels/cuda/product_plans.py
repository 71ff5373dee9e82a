"""Plans of matrix products: descriptors, an algorithm, and what is done with sums at the end.

The library thinks in columns.  A row-major matrix is its own transpose there, so the product that
is asked for is y^T = x2^T x1^T, and transposed views are passed as they are, with the operation
flags set: our right factor is the library's A, our left one its B, our columns are its rows.
"""

from __future__ import annotations

import ctypes
import threading
from enum import IntEnum
from typing import Any, NamedTuple

from tensorcore.kernels.cuda import cublaslt as lt
from tensorcore.kernels.cuda.cublaslt import NoAlgorithmError

__all__ = ["Alignments", "Ending", "NoAlgorithmError", "Plan", "Product", "plan_for"]


class Ending(IntEnum):
    """What is done with a sum while it is in registers: cublasLtEpilogue_t.

    Names of sums end in SUMS: the vector they go to has one element for each column of ours.
    RELU_AUX is not among them: its mask counts a 0 as positive, where relu's slope is 0 here.
    """

    NOTHING = 1
    ADD = 4
    ADD_RELU = 6
    ADD_GELU = 36
    ADD_GELU_KEEPING = 164  # writes down what goes into GELU
    TIMES_RELU_SLOPE = 136
    TIMES_RELU_SLOPE_SUMS = 152
    TIMES_GELU_SLOPE = 192
    TIMES_GELU_SLOPE_SUMS = 208
    RIGHT_FACTOR_SUMS = 256  # of x2 (k, n) over k, beside the product
    LEFT_FACTOR_SUMS = 512  # of x1 (m, k) over k: one element for each row of ours

    @property
    def has_vector(self) -> bool:
        """Whether there is a vector: a bias that is read, or sums that are written."""
        return bool(self & (4 | 16 | 256 | 512))

    @property
    def has_aux(self) -> bool:
        """Whether there is a second matrix, of the result's shape."""
        return bool(self & 128)

    @property
    def reads_bits(self) -> bool:
        """Whether that matrix has one bit for each element."""
        return self in (Ending.TIMES_RELU_SLOPE, Ending.TIMES_RELU_SLOPE_SUMS)


_lock = threading.RLock()
_plans: dict[tuple[int, Product, Alignments], Plan] = {}


class Product(NamedTuple):
    """`count` products of matrices (m, k) and (k, n); what a plan is made for."""

    dtype: str
    m: int
    n: int
    k: int
    count: int
    a: tuple[bool, int]  # whether it is stored transposed, and the step between its stored rows
    b: tuple[bool, int]
    step_a: int  # elements from one matrix to the next
    step_b: int
    precision: str
    ending: Ending


class Alignments(NamedTuple):
    """Powers of two, in bytes, of which pointers are multiples: algorithms depend on them."""

    matrices: int
    vector: int
    aux: int


class Plan:
    """Descriptors, layouts and the chosen algorithm of one kind of product.

    Attributes:
        keeps_nan: whether its relu does; None as long as nobody has tried.
    """

    def __init__(self, device: int, product: Product, alignments: Alignments) -> None:
        dtype, m, n, k, count, a, b, step_a, step_b, chosen, ending = product
        self.keeps_nan: bool | None = None
        self._handle = lt.handle(device)
        self._function = lt.library().cublasLtMatmul
        data_type = lt.DATA_TYPES[dtype]
        double = dtype in ("float64", "complex128")
        if double:
            compute = lt.COMPUTE_64F
        elif dtype in ("float32", "complex64") and chosen in lt.COMPUTE_32F_FAST:
            compute = lt.COMPUTE_32F_FAST[chosen]
        else:
            compute = lt.COMPUTE_32F
        # The factors of the sum are complex for complex matrices, and float for 16-bit ones.
        parts = 2 if dtype.startswith("complex") else 1
        is_short = dtype in ("float16", "bfloat16")
        number = ctypes.c_double if double else ctypes.c_float
        self._one = (number * parts)(1)
        self._zero = (number * parts)(0)
        numbers: dict[int, Any] = {
            lt.DESC_TRANSA: ctypes.c_int32(b[0]),
            lt.DESC_TRANSB: ctypes.c_int32(a[0]),
            lt.DESC_EPILOGUE: ctypes.c_int32(ending),
        }
        # The pointers change from call to call; here they only say how they are aligned.
        self._has_vector = alignments.vector > 0
        if self._has_vector:
            numbers[lt.DESC_BIAS_POINTER] = ctypes.c_void_p(alignments.vector)
        self._has_aux = ending.has_aux
        if self._has_aux:
            numbers[lt.DESC_AUX_POINTER] = ctypes.c_void_p(alignments.aux)
            numbers[lt.DESC_AUX_LD] = ctypes.c_int64(n)
        scale_type = lt.DATA_TYPES["float32"] if is_short else data_type
        self._description = lt.description(compute, scale_type, numbers)
        # Seen in columns, row-major x2 (k, n) is (n, k): no transposition is needed for y^T (n, m).
        self._layouts = (
            lt.layout(data_type, (n, k) if not b[0] else (k, n), b[1], count, step_b),
            lt.layout(data_type, (k, m) if not a[0] else (m, k), a[1], count, step_a),
            lt.layout(data_type, (n, m), n, count, m * n),
        )
        self._heuristic = lt.best_algorithm(
            device, self._description, self._layouts, alignments.matrices
        )
        self._algorithm = ctypes.byref(self._heuristic)

    def multiply(
        self, a: int, b: int, y: int, vector: int, aux: int, workspace: int, stream: int
    ) -> None:
        """Start the product of the matrices at a and b, into y.

        Args:
            a, b, y: addresses.
            vector: that of a bias, or of where sums go; 0 where the ending has none.
            aux: that of the ending's second matrix, or 0.
            workspace, stream: where scratch memory is, and which stream it belongs to.
        """
        if not self._has_vector and not self._has_aux:
            self._start(a, b, y, workspace, stream)
            return
        with _lock:  # the pointers belong to the description, which threads share
            if self._has_vector:
                lt.describe(self._description, lt.DESC_BIAS_POINTER, ctypes.c_void_p(vector))
            if self._has_aux:
                lt.describe(self._description, lt.DESC_AUX_POINTER, ctypes.c_void_p(aux))
            self._start(a, b, y, workspace, stream)

    def _start(self, a: int, b: int, y: int, workspace: int, stream: int) -> None:
        layout_a, layout_b, layout_y = self._layouts
        status = self._function(
            self._handle,
            self._description,
            self._one,
            b,
            layout_a,
            a,
            layout_b,
            self._zero,
            y,
            layout_y,
            y,
            layout_y,
            self._algorithm,
            workspace,
            lt.WORKSPACE_BYTES,
            stream,
        )
        lt.check(status, "cublasLtMatmul")


def plan_for(device: int, product: Product, alignments: Alignments) -> Plan:
    """The plan of a product; raises NoAlgorithmError where the library does not compute it.

    Plans are few, as they do not depend on where a matrix comes from, and are kept for good.
    """
    with _lock:
        key = (device, product, alignments)
        plan = _plans.get(key)
        if plan is None:
            plan = _plans[key] = Plan(device, product, alignments)
    return plan
