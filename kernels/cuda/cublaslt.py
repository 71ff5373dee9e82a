"""cuBLASLt by ctypes: the functions and numbers of cublasLt.h that matrix products need."""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import cupy

WORKSPACE_BYTES = 32 << 20

# Values of the enumerations in cublasLt.h, library_types.h and cublas_api.h.
DATA_TYPES = {
    "float32": 0,
    "float64": 1,
    "float16": 2,
    "complex64": 4,
    "complex128": 5,
    "bfloat16": 14,
}
COMPUTE_32F = 68
COMPUTE_64F = 70
COMPUTE_32F_FAST = {"bfloat16": 75, "tf32": 77}
DESC_TRANSA = 3
DESC_TRANSB = 4
DESC_EPILOGUE = 7
DESC_BIAS_POINTER = 8
DESC_AUX_POINTER = 11
DESC_AUX_LD = 12
_LAYOUT_BATCH_COUNT = 5
_LAYOUT_STRIDED_BATCH_OFFSET = 6
_PREF_MAX_WORKSPACE_BYTES = 1
_PREF_MIN_ALIGNMENT_BYTES = (5, 6, 7, 8)  # of A, B, C and D
_NOT_SUPPORTED = 15

_workspaces: dict[tuple[int, int], Any] = {}


class NoAlgorithmError(RuntimeError):
    """The library does not compute what it was asked for."""


class Heuristic(ctypes.Structure):
    """cublasLtMatmulHeuristicResult_t."""

    _fields_ = (
        ("algo", ctypes.c_uint64 * 8),
        ("workspace_bytes", ctypes.c_size_t),
        ("state", ctypes.c_int),
        ("waves", ctypes.c_float),
        ("reserved", ctypes.c_int * 4),
    )


@functools.cache
def library() -> Any:
    """cuBLASLt, or None where it cannot be loaded."""
    try:
        from cuda.pathfinder import load_nvidia_dynamic_lib

        found = ctypes.CDLL(load_nvidia_dynamic_lib("cublasLt").abs_path)
    except (ImportError, OSError, RuntimeError):
        return None
    pointer = ctypes.c_void_p
    size = ctypes.c_size_t
    signatures = {
        "cublasLtCreate": [pointer],
        "cublasLtMatmulDescCreate": [pointer, ctypes.c_int, ctypes.c_int],
        "cublasLtMatmulDescSetAttribute": [pointer, ctypes.c_int, pointer, size],
        "cublasLtMatrixLayoutCreate": [
            pointer,
            ctypes.c_int,
            ctypes.c_uint64,
            ctypes.c_uint64,
            ctypes.c_int64,
        ],
        "cublasLtMatrixLayoutSetAttribute": [pointer, ctypes.c_int, pointer, size],
        "cublasLtMatmulPreferenceCreate": [pointer],
        "cublasLtMatmulPreferenceSetAttribute": [pointer, ctypes.c_int, pointer, size],
        "cublasLtMatmulPreferenceDestroy": [pointer],
        "cublasLtMatmulAlgoGetHeuristic": [pointer] * 7 + [ctypes.c_int, pointer, pointer],
        "cublasLtMatmul": [pointer] * 13 + [pointer, size, pointer],
    }
    for name, arguments in signatures.items():
        function = getattr(found, name)
        function.argtypes = arguments
        function.restype = ctypes.c_int
    return found


@functools.cache
def handle(device: int) -> ctypes.c_void_p:
    """The library's handle on a device, which must be current."""
    made = ctypes.c_void_p()
    check(library().cublasLtCreate(ctypes.byref(made)), "cublasLtCreate")
    return made


def workspace_of(device: int, stream: int) -> int:
    """Scratch memory of one stream: products on two streams may run at the same time.

    It is taken from the device itself, not from CuPy's pool, since a graph that was captured keeps
    using it.
    """
    memory = _workspaces.get((device, stream))
    if memory is None:
        memory = _workspaces[device, stream] = cupy.cuda.Memory(WORKSPACE_BYTES)
    return memory.ptr


def check(status: int, function: str) -> None:
    """Raise what a call of the library returned, unless it succeeded."""
    if status:
        raise RuntimeError(f"{function} failed with cuBLAS status {status}")


def description(compute: int, scale_type: int, numbers: dict[int, Any]) -> ctypes.c_void_p:
    """A new description of products, with `numbers` as its attributes."""
    made = ctypes.c_void_p()
    check(
        library().cublasLtMatmulDescCreate(ctypes.byref(made), compute, scale_type),
        "cublasLtMatmulDescCreate",
    )
    for attribute, value in numbers.items():
        describe(made, attribute, value)
    return made


def describe(target: ctypes.c_void_p, attribute: int, value: Any) -> None:
    """Set an attribute of a description."""
    _set_attribute(library().cublasLtMatmulDescSetAttribute, target, attribute, value)


def layout(data_type: int, shape: tuple[int, int], ld: int, count: int, step: int) -> Any:
    """How `count` matrices lie in memory, `step` elements apart, in columns of `ld` elements."""
    made = ctypes.c_void_p()
    check(
        library().cublasLtMatrixLayoutCreate(ctypes.byref(made), data_type, *shape, ld),
        "cublasLtMatrixLayoutCreate",
    )
    if count > 1:
        setter = library().cublasLtMatrixLayoutSetAttribute
        _set_attribute(setter, made, _LAYOUT_BATCH_COUNT, ctypes.c_int32(count))
        _set_attribute(setter, made, _LAYOUT_STRIDED_BATCH_OFFSET, ctypes.c_int64(step))
    return made


def best_algorithm(device: int, described: Any, layouts: Any, alignment: int) -> Heuristic:
    """What the library would take for A, B and D, whose pointers are multiples of `alignment`.

    It also looks at the pointers of the description, to see how these are aligned.
    """
    preference = ctypes.c_void_p()
    check(
        library().cublasLtMatmulPreferenceCreate(ctypes.byref(preference)),
        "cublasLtMatmulPreferenceCreate",
    )
    setter = library().cublasLtMatmulPreferenceSetAttribute
    limit = ctypes.c_uint64(WORKSPACE_BYTES)
    _set_attribute(setter, preference, _PREF_MAX_WORKSPACE_BYTES, limit)
    for attribute in _PREF_MIN_ALIGNMENT_BYTES:
        _set_attribute(setter, preference, attribute, ctypes.c_uint32(alignment))
    found = Heuristic()
    count = ctypes.c_int()
    a, b, d = layouts
    status = library().cublasLtMatmulAlgoGetHeuristic(
        handle(device),
        described,
        a,
        b,
        d,
        d,
        preference,
        1,
        ctypes.byref(found),
        ctypes.byref(count),
    )
    library().cublasLtMatmulPreferenceDestroy(preference)
    if status == _NOT_SUPPORTED or (not status and not count.value):
        raise NoAlgorithmError("cuBLASLt has no algorithm for this")
    check(status, "cublasLtMatmulAlgoGetHeuristic")
    return found


def _set_attribute(setter: Any, target: ctypes.c_void_p, attribute: int, value: Any) -> None:
    status = setter(target, attribute, ctypes.byref(value), ctypes.sizeof(value))
    check(status, f"{setter.__name__}({attribute})")
