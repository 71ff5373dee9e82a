"""Matrix products through cuBLASLt, by ctypes.

cuBLASLt takes the workspace and the stream with every call, so that a product can be captured in a CUDA graph,
which `cupy.matmul` refuses.  It is also the only one of the two that multiplies batches of 16-bit matrices in
their own type.

The library thinks in columns.  A row-major matrix is its own transpose there, so the product that is asked for is
y^T = x2^T x1^T, and transposed views are passed as they are, with the operation flags set.
"""

from __future__ import annotations

import ctypes
import functools
import math
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import cupy
import numpy as np
from cupy.cuda.device import get_device_id

WORKSPACE_BYTES = 32 << 20

# Values of the enumerations in cublasLt.h, library_types.h and cublas_api.h.
_DATA_TYPES = {
    "float32": 0,
    "float64": 1,
    "float16": 2,
    "complex64": 4,
    "complex128": 5,
    "bfloat16": 14,
}
_COMPUTE_32F = 68
_COMPUTE_64F = 70
_COMPUTE_32F_FAST_TF32 = 77
_DESC_TRANSA = 3
_DESC_TRANSB = 4
_LAYOUT_BATCH_COUNT = 5
_LAYOUT_STRIDED_BATCH_OFFSET = 6
_PREF_MAX_WORKSPACE_BYTES = 1
_PREF_MIN_ALIGNMENT_BYTES = (5, 6, 7, 8)  # of A, B, C and D
_MOST_ALIGNMENT = 256  # what the heuristics assume when nothing is said

_MOST_PLANS = 2048

_precision = "float32"
_lock = threading.RLock()
_plans: dict[tuple[Any, ...], _Plan] = {}
_workspaces: dict[tuple[int, int], Any] = {}


def set_precision(precision: str) -> None:
    """How float32 matrices are multiplied.

    Args:
        precision: "float32" for true float32; "tf32" lets tensor cores round the factors to 10 bits.
    """
    global _precision
    if precision not in ("float32", "tf32"):
        raise ValueError(f'precision must be "float32" or "tf32", received {precision!r}')
    _precision = precision


def precision() -> str:
    """What `set_precision` chose."""
    return _precision


def matmul(
    x1: Any, x2: Any, *, transpose_a: bool = False, transpose_b: bool = False, out: Any = None
) -> Any:
    """The matrix product of x1 (..., m, k) and x2 (..., k, n), with NumPy's broadcasting: (..., m, n).

    Vectors are taken as one row (x1) or one column (x2), and the axis of length 1 is left out of the result.

    Args:
        x1: the left factor.
        x2: the right factor, of the same dtype.
        transpose_a: swap the last two axes of x1 first; nothing happens to a vector.
        transpose_b: the same for x2.
        out: where to write, or None.
    """
    if x1.dtype.name not in _DATA_TYPES or x1.dtype != x2.dtype:
        return NotImplemented
    if transpose_a and x1.ndim > 1:
        x1 = x1.swapaxes(-1, -2)
    if transpose_b and x2.ndim > 1:
        x2 = x2.swapaxes(-1, -2)
    a = x1.reshape(1, -1) if x1.ndim == 1 else x1
    b = x2.reshape(-1, 1) if x2.ndim == 1 else x2
    m, k = a.shape[-2:]
    n = b.shape[-1]
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2]) if a.ndim + b.ndim > 4 else ()
    shape = batch + ((m,) if x1.ndim > 1 else ()) + ((n,) if x2.ndim > 1 else ())
    # A result that is not laid out row by row is computed apart and copied.
    direct = out is not None and out.flags.c_contiguous and not _shares_memory(out, a, b)
    y = out if direct else cupy.empty(shape, x1.dtype)
    if y.size == 0:
        pass
    elif k == 0:
        y.fill(0)
    elif _library() is None:
        y[...] = _multiply_without_library(x1, x2)
    else:
        _multiply_batches(a, b, y.reshape((*batch, m, n)), batch)
    if out is None or direct:
        return y
    out[...] = y
    return out


def _multiply_without_library(x1: Any, x2: Any) -> Any:
    if x1.itemsize == 2:
        # CuPy multiplies no batches of bfloat16, and float16 should be accumulated in float32 anyway.
        x1 = x1.astype(cupy.float32)
        x2 = x2.astype(cupy.float32)
    return cupy.matmul(x1, x2)


def _shares_memory(out: Any, *arrays: Any) -> bool:
    return any(a.data.mem is out.data.mem and cupy.may_share_memory(a, out) for a in arrays)


def _multiply_batches(a: Any, b: Any, y: Any, batch: tuple[int, ...]) -> None:
    """y = a @ b for a (..., m, k), b (..., k, n) and C-contiguous y (*batch, m, n)."""
    m, k = a.shape[-2:]
    n = b.shape[-1]
    if batch and b.ndim == 2 and a.flags.c_contiguous:
        # One matrix for the whole batch: the rows of all of it make one large product.
        rows = math.prod(batch) * m
        _multiply(_Matrix.of(a.reshape(rows, k)), _Matrix.of(b), y.reshape(rows, n), 1, 0, 0)
        return
    left = _Matrix.of(a)
    right = _Matrix.of(b)
    sizes, steps = _batch_loops(batch, left.batch_strides(batch), right.batch_strides(batch))
    y = y.reshape(*sizes, m, n)
    count = sizes[-1] if sizes else 1
    step_a, step_b = steps[-1] if steps else (0, 0)
    for index in np.ndindex(*sizes[:-1]):
        offset_a = sum(i * step[0] for i, step in zip(index, steps))
        offset_b = sum(i * step[1] for i, step in zip(index, steps))
        _multiply(left.at(offset_a), right.at(offset_b), y[index], count, step_a, step_b)


def _batch_loops(
    batch: Sequence[int], a: Sequence[int], b: Sequence[int]
) -> tuple[list[int], list[tuple[int, int]]]:
    """The batch in as few axes as the strides of both factors allow; the last one is done in one call."""
    sizes: list[int] = []
    steps: list[tuple[int, int]] = []
    for size, step in zip(batch, zip(a, b)):
        if size == 1:
            continue
        if sizes and steps[-1] == (step[0] * size, step[1] * size):
            sizes[-1] *= size
            steps[-1] = step
        else:
            sizes.append(size)
            steps.append(step)
    return sizes, steps


class _Matrix(NamedTuple):
    """The last two axes of an array as cuBLASLt sees them: rows of `ld` elements, perhaps transposed."""

    array: Any
    pointer: int
    transposed: bool
    ld: int

    @classmethod
    def of(cls, array: Any) -> _Matrix:
        """The matrix of an array; copied if neither its rows nor its columns are contiguous."""
        if min(array.strides) < 0:
            array = cupy.ascontiguousarray(array)
        itemsize = array.itemsize
        rows, columns = array.shape[-2:]
        down, right = (stride // itemsize for stride in array.strides[-2:])
        if (right == 1 or columns == 1) and (down >= max(columns, 1) or rows == 1):
            return cls(array, array.data.ptr, False, max(down, columns) if rows > 1 else columns)
        if (down == 1 or rows == 1) and (right >= max(rows, 1) or columns == 1):
            return cls(array, array.data.ptr, True, max(right, rows) if columns > 1 else rows)
        copy = cupy.ascontiguousarray(array)
        return cls(copy, copy.data.ptr, False, columns)

    def batch_strides(self, batch: Sequence[int]) -> tuple[int, ...]:
        """The step in elements along each axis of the batch; 0 where the matrix is repeated."""
        array = self.array
        own = [
            0 if size == 1 else stride // array.itemsize
            for size, stride in zip(array.shape[:-2], array.strides[:-2])
        ]
        return (0,) * (len(batch) - len(own)) + tuple(own)

    def at(self, offset: int) -> _Matrix:
        """The matrix `offset` elements further on."""
        if offset == 0:
            return self
        return self._replace(pointer=self.pointer + offset * self.array.itemsize)


def _multiply(a: _Matrix, b: _Matrix, y: Any, count: int, step_a: int, step_b: int) -> None:
    """`count` products into y (m, n) or (count, m, n), with steps in elements between the factors."""
    m, n = y.shape[-2:]
    k = a.array.shape[-1]
    device = get_device_id()
    pointer = y.data.ptr
    alignments = (_alignment(b.pointer), _alignment(a.pointer), _alignment(pointer))
    key = (device, y.dtype.name, m, n, k, count, a[2:], b[2:], step_a, step_b, alignments, _precision)
    plan = _plans.get(key)
    if plan is None:
        plan = _new_plan(key)
    stream = cupy.cuda.get_current_stream().ptr
    status = plan.multiply(b.pointer, a.pointer, pointer, _workspace(device, stream), stream)
    _check(status, "cublasLtMatmul")


def _alignment(pointer: int) -> int:
    return min(pointer & -pointer, _MOST_ALIGNMENT)


# The library ---------------------------------------------------------------------------------------


class _Heuristic(ctypes.Structure):
    """cublasLtMatmulHeuristicResult_t."""

    _fields_ = (
        ("algo", ctypes.c_uint64 * 8),
        ("workspace_bytes", ctypes.c_size_t),
        ("state", ctypes.c_int),
        ("waves", ctypes.c_float),
        ("reserved", ctypes.c_int * 4),
    )


@functools.cache
def _library() -> Any:
    """cuBLASLt, or None where it cannot be loaded."""
    try:
        from cuda.pathfinder import load_nvidia_dynamic_lib

        library = ctypes.CDLL(load_nvidia_dynamic_lib("cublasLt").abs_path)
    except (ImportError, OSError, RuntimeError):
        return None
    pointer = ctypes.c_void_p
    size = ctypes.c_size_t
    signatures = {
        "cublasLtCreate": [pointer],
        "cublasLtMatmulDescCreate": [pointer, ctypes.c_int, ctypes.c_int],
        "cublasLtMatmulDescSetAttribute": [pointer, ctypes.c_int, pointer, size],
        "cublasLtMatmulDescDestroy": [pointer],
        "cublasLtMatrixLayoutCreate": [
            pointer,
            ctypes.c_int,
            ctypes.c_uint64,
            ctypes.c_uint64,
            ctypes.c_int64,
        ],
        "cublasLtMatrixLayoutSetAttribute": [pointer, ctypes.c_int, pointer, size],
        "cublasLtMatrixLayoutDestroy": [pointer],
        "cublasLtMatmulPreferenceCreate": [pointer],
        "cublasLtMatmulPreferenceSetAttribute": [pointer, ctypes.c_int, pointer, size],
        "cublasLtMatmulPreferenceDestroy": [pointer],
        "cublasLtMatmulAlgoGetHeuristic": [pointer] * 7 + [ctypes.c_int, pointer, pointer],
        "cublasLtMatmul": [pointer] * 13 + [pointer, size, pointer],
    }
    for name, arguments in signatures.items():
        function = getattr(library, name)
        function.argtypes = arguments
        function.restype = ctypes.c_int
    return library


@functools.cache
def _handle(device: int) -> ctypes.c_void_p:
    """The library's handle on a device, which must be current."""
    handle = ctypes.c_void_p()
    _check(_library().cublasLtCreate(ctypes.byref(handle)), "cublasLtCreate")
    return handle


def _workspace(device: int, stream: int) -> int:
    """Scratch memory of one stream: products on two streams may run at the same time.

    It is taken from the device itself, not from CuPy's pool, since a graph that was captured keeps using it.
    """
    memory = _workspaces.get((device, stream))
    if memory is None:
        memory = _workspaces[device, stream] = cupy.cuda.Memory(WORKSPACE_BYTES)
    return memory.ptr


def _check(status: int, function: str) -> None:
    if status:
        raise RuntimeError(f"{function} failed with cuBLAS status {status}")


class _Plan:
    """Descriptors, layouts and the chosen algorithm of one kind of product."""

    def __init__(self, key: tuple[Any, ...]) -> None:
        device, dtype, m, n, k, count, a, b, step_a, step_b, alignments, chosen = key
        self.handle = _handle(device)
        data_type = _DATA_TYPES[dtype]
        double = dtype in ("float64", "complex128")
        if double:
            compute = _COMPUTE_64F
        elif dtype in ("float32", "complex64") and chosen == "tf32":
            compute = _COMPUTE_32F_FAST_TF32
        else:
            compute = _COMPUTE_32F
        # The factors of the sum, in the scale type: complex for complex matrices, float for 16-bit ones.
        parts = 2 if dtype.startswith("complex") else 1
        scale_type = data_type if dtype not in ("float16", "bfloat16") else _DATA_TYPES["float32"]
        number = ctypes.c_double if double else ctypes.c_float
        self.one = (number * parts)(1)
        self.zero = (number * parts)(0)
        # Seen in columns, row-major x2 (k, n) is (n, k): no transposition is needed for y^T (n, m).
        self.description = _describe(compute, scale_type, b[0], a[0])
        self.layouts = (
            _layout(data_type, (n, k) if not b[0] else (k, n), b[1], count, step_b),
            _layout(data_type, (k, m) if not a[0] else (m, k), a[1], count, step_a),
            _layout(data_type, (n, m), n, count, m * n),
        )
        self.heuristic = self._choose(alignments, key)

    def _choose(self, alignments: Sequence[int], key: tuple[Any, ...]) -> _Heuristic:
        library = _library()
        preference = ctypes.c_void_p()
        _check(
            library.cublasLtMatmulPreferenceCreate(ctypes.byref(preference)),
            "cublasLtMatmulPreferenceCreate",
        )
        set_preference = functools.partial(
            _set_attribute, library.cublasLtMatmulPreferenceSetAttribute, preference
        )
        set_preference(_PREF_MAX_WORKSPACE_BYTES, ctypes.c_uint64(WORKSPACE_BYTES))
        for attribute, value in zip(
            _PREF_MIN_ALIGNMENT_BYTES, (*alignments, alignments[-1]), strict=True
        ):
            set_preference(attribute, ctypes.c_uint32(value))
        found = _Heuristic()
        count = ctypes.c_int()
        b, a, y = self.layouts
        status = library.cublasLtMatmulAlgoGetHeuristic(
            self.handle,
            self.description,
            b,
            a,
            y,
            y,
            preference,
            1,
            ctypes.byref(found),
            ctypes.byref(count),
        )
        library.cublasLtMatmulPreferenceDestroy(preference)
        _check(status, "cublasLtMatmulAlgoGetHeuristic")
        if not count.value:
            raise RuntimeError(f"cuBLASLt has no algorithm for the product {key}")
        return found

    def multiply(self, b: int, a: int, y: int, workspace: int, stream: int) -> int:
        """Start the product; the status of the library comes back."""
        layout_b, layout_a, layout_y = self.layouts
        return _library().cublasLtMatmul(
            self.handle,
            self.description,
            self.one,
            b,
            layout_b,
            a,
            layout_a,
            self.zero,
            y,
            layout_y,
            y,
            layout_y,
            ctypes.byref(self.heuristic),
            workspace,
            WORKSPACE_BYTES,
            stream,
        )

    def close(self) -> None:
        """Give the library's objects back."""
        library = _library()
        library.cublasLtMatmulDescDestroy(self.description)
        for layout in self.layouts:
            library.cublasLtMatrixLayoutDestroy(layout)


def _new_plan(key: tuple[Any, ...]) -> _Plan:
    with _lock:
        if len(_plans) >= _MOST_PLANS:
            _plans.pop(next(iter(_plans))).close()
        plan = _plans[key] = _Plan(key)
    return plan


def _set_attribute(setter: Any, target: ctypes.c_void_p, attribute: int, value: Any) -> None:
    status = setter(target, attribute, ctypes.byref(value), ctypes.sizeof(value))
    _check(status, f"{setter.__name__}({attribute})")


def _describe(compute: int, scale_type: int, transpose_a: bool, transpose_b: bool) -> Any:
    library = _library()
    description = ctypes.c_void_p()
    _check(
        library.cublasLtMatmulDescCreate(ctypes.byref(description), compute, scale_type),
        "cublasLtMatmulDescCreate",
    )
    for attribute, value in ((_DESC_TRANSA, transpose_a), (_DESC_TRANSB, transpose_b)):
        _set_attribute(
            library.cublasLtMatmulDescSetAttribute, description, attribute, ctypes.c_int32(value)
        )
    return description


def _layout(data_type: int, shape: tuple[int, int], ld: int, count: int, step: int) -> Any:
    library = _library()
    layout = ctypes.c_void_p()
    _check(
        library.cublasLtMatrixLayoutCreate(ctypes.byref(layout), data_type, *shape, ld),
        "cublasLtMatrixLayoutCreate",
    )
    if count > 1:
        setter = library.cublasLtMatrixLayoutSetAttribute
        _set_attribute(setter, layout, _LAYOUT_BATCH_COUNT, ctypes.c_int32(count))
        _set_attribute(setter, layout, _LAYOUT_STRIDED_BATCH_OFFSET, ctypes.c_int64(step))
    return layout
