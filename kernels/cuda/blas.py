"""Matrix products through cuBLASLt, by ctypes.

cuBLASLt takes the workspace and the stream with every call, so that a product can be captured in a
CUDA graph, which `cupy.matmul` refuses.  It is also the only one of the two that multiplies batches
of 16-bit matrices in their own type.

The library thinks in columns.  A row-major matrix is its own transpose there, so the product that
is asked for is y^T = x2^T x1^T, and transposed views are passed as they are, with the operation
flags set.
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
from tensorcore.kernels.precision import matmul_precision

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
_COMPUTE_32F_FAST = {"bfloat16": 75, "tf32": 77}
_DESC_TRANSA = 3
_DESC_TRANSB = 4
_DESC_EPILOGUE = 7
_DESC_BIAS_POINTER = 8
_LAYOUT_BATCH_COUNT = 5
_LAYOUT_STRIDED_BATCH_OFFSET = 6
_PREF_MAX_WORKSPACE_BYTES = 1
_PREF_MIN_ALIGNMENT_BYTES = (5, 6, 7, 8)  # of A, B, C and D
_MOST_ALIGNMENT = 256  # what the heuristics assume when nothing is said

# What is done with a sum while it is in registers: cublasLtEpilogue_t.
_NOTHING, _ADD, _ADD_RELU = 1, 4, 6
_WITH_ENDINGS = ("float32", "float16", "bfloat16")

_MOST_RECIPES = 4096

_lock = threading.RLock()
_recipes: dict[tuple[Any, ...], Any] = {}
_plans: dict[tuple[int, int, _Product], _Plan] = {}
_workspaces: dict[tuple[int, int], Any] = {}


def matmul(
    x1: Any, x2: Any, *, transpose_a: bool = False, transpose_b: bool = False, out: Any = None
) -> Any:
    """The matrix product of x1 (..., m, k) and x2 (..., k, n), batches broadcast: (..., m, n).

    Vectors are taken as one row (x1) or one column (x2), and the axis of length 1 is left out of
    the result.

    Args:
        x1: the left factor.
        x2: the right factor, of the same dtype.
        transpose_a: swap the last two axes of x1 first; nothing happens to a vector.
        transpose_b: the same for x2.
        out: where to write, or None.
    """
    return _multiplied(x1, x2, None, _NOTHING, transpose_a, transpose_b, out)


def matmul_add(
    x1: Any,
    x2: Any,
    bias: Any,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    out: Any = None,
) -> Any:
    """x1 @ x2 + bias, bias of shape (n,), added before a sum is stored; see `matmul`."""
    return _with_ending(x1, x2, bias, _ADD, transpose_a, transpose_b, out)


def matmul_add_relu(
    x1: Any,
    x2: Any,
    bias: Any,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    out: Any = None,
) -> Any:
    """max(x1 @ x2 + bias, 0); see `matmul_add`."""
    return _with_ending(x1, x2, bias, _ADD_RELU, transpose_a, transpose_b, out)


def _with_ending(
    x1: Any, x2: Any, bias: Any, ending: int, transpose_a: bool, transpose_b: bool, out: Any
) -> Any:
    """The product and its ending in one call, or one after the other where that is not there."""
    if _library() is not None and x1.dtype.name in _WITH_ENDINGS:
        y = _multiplied(x1, x2, bias, ending, transpose_a, transpose_b, out)
        if y is not NotImplemented:
            return y
    y = _multiplied(x1, x2, None, _NOTHING, transpose_a, transpose_b, out)
    if y is not NotImplemented:
        cupy.add(y, bias, out=y)
        if ending == _ADD_RELU:
            cupy.maximum(y, y.dtype.type(0), out=y)
    return y


def _multiplied(
    x1: Any, x2: Any, bias: Any, ending: int, transpose_a: bool, transpose_b: bool, out: Any
) -> Any:
    """The product, and what the library does with its sums; NotImplemented where it does not."""
    device = get_device_id()
    key = (device, x1.dtype, x1.shape, x1.strides, x2.dtype, x2.shape, x2.strides)
    key += (transpose_a, transpose_b, matmul_precision(), ending)
    recipe = _recipes.get(key)
    if recipe is None:
        recipe = _new_recipe(key)
    if recipe is NotImplemented:
        return NotImplemented
    # A result that is not laid out row by row is computed apart and copied.
    if bias is not None and (not recipe.products or not recipe.has_algorithm(device, x1.itemsize)):
        return NotImplemented
    direct = out is not None and out.flags.c_contiguous and not _shares_memory(out, x1, x2)
    y = out if direct else cupy.ndarray(recipe.shape, x1.dtype)
    if not recipe.products:
        y.fill(0)  # nothing to add up, or nothing to write
    elif _library() is None:
        y[...] = _multiply_without_library(
            _transposed(x1, transpose_a), _transposed(x2, transpose_b)
        )
    else:
        if recipe.copies_a:
            x1 = cupy.ascontiguousarray(_transposed(x1, transpose_a))
        if recipe.copies_b:
            x2 = cupy.ascontiguousarray(_transposed(x2, transpose_b))
        a, b, c = x1.data.ptr, x2.data.ptr, y.data.ptr
        lowest_bits = a | b | c | _MOST_ALIGNMENT
        alignment = lowest_bits & -lowest_bits
        plans = recipe.plans.get(alignment)
        if plans is None:
            plans = recipe.prepare(device, alignment)
        stream = cupy.cuda.get_current_stream().ptr
        workspace = _workspace(device, stream)
        added = 0 if bias is None else cupy.ascontiguousarray(bias).data.ptr
        for plan, (offset_a, offset_b, offset_c) in zip(plans, recipe.offsets):
            plan.multiply(a + offset_a, b + offset_b, c + offset_c, added, workspace, stream)
    if out is None or direct:
        return y
    out[...] = y
    return out


def _transposed(x: Any, transpose: bool) -> Any:
    return x.swapaxes(-1, -2) if transpose and x.ndim > 1 else x


def _multiply_without_library(x1: Any, x2: Any) -> Any:
    if x1.itemsize == 2:
        # CuPy multiplies no batches of bfloat16; float16 should be summed in float32 anyway.
        x1 = x1.astype(cupy.float32)
        x2 = x2.astype(cupy.float32)
    return cupy.matmul(x1, x2)


def _shares_memory(out: Any, *arrays: Any) -> bool:
    return any(a.data.mem is out.data.mem and cupy.may_share_memory(a, out) for a in arrays)


# From shapes and strides to products of matrices --------------------------------------------------


class _Product(NamedTuple):
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
    ending: int


class _Recipe:
    """How a product of two arrays is computed: which products of matrices, at which offsets."""

    def __init__(
        self,
        shape: tuple[int, ...],
        products: Sequence[_Product],
        offsets: Sequence[tuple[int, int, int]],
        copies_a: bool,
        copies_b: bool,
    ) -> None:
        self.shape = shape
        self.products = products
        self.offsets = offsets  # in bytes, into the left factor, the right one and the result
        self.copies_a = copies_a
        self.copies_b = copies_b
        self.plans: dict[int, list[_Plan]] = {}
        self.is_known: bool | None = None

    def has_algorithm(self, device: int, alignment: int) -> bool:
        """Whether the library computes these products with their ending."""
        if self.is_known is None:
            try:
                self.prepare(device, alignment)
                self.is_known = True
            except NoAlgorithmError:
                self.is_known = False
        return self.is_known

    def prepare(self, device: int, alignment: int) -> list[_Plan]:
        """The plans for pointers that are multiples of `alignment` bytes."""
        plans = [_plan(device, alignment, product) for product in self.products]
        self.plans[alignment] = plans
        return plans


class _Operand:
    """One factor as the library sees it, in elements.

    The last two axes are stored row by row (or column by column: transposed) with `ld` elements
    from one to the next.  An array of which neither is true has to be copied.
    """

    def __init__(self, shape: Sequence[int], strides: Sequence[int]) -> None:
        rows, columns = shape[-2:]
        down, right = strides[-2:]
        by_rows = (right == 1 or columns == 1) and (down >= columns or rows == 1)
        by_columns = (down == 1 or rows == 1) and (right >= rows or columns == 1)
        self.copies = min(strides) < 0 or not (by_rows or by_columns)
        if self.copies:
            strides = _row_major(shape)
            down, right, by_rows = *strides[-2:], True
        self.transposed = not by_rows
        if by_rows:
            self.ld = max(down, columns) if rows > 1 else columns
        else:
            self.ld = max(right, rows) if columns > 1 else rows
        self.is_dense = all(
            stride == dense
            for size, stride, dense in zip(shape, strides, _row_major(shape))
            if size > 1
        )
        self.batch = [0 if n == 1 else step for n, step in zip(shape[:-2], strides[:-2])]

    def steps(self, dimensions: int) -> list[int]:
        """The steps along the axes of the batch; 0 where the matrices are repeated."""
        return [0] * (dimensions - len(self.batch)) + self.batch


def _row_major(shape: Sequence[int]) -> list[int]:
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


def _new_recipe(key: tuple[Any, ...]) -> Any:
    if len(_recipes) >= _MOST_RECIPES:
        _recipes.clear()  # shapes that never come back must not pile up
    recipe = _recipes[key] = _make_recipe(*key[1:])
    return recipe


def _make_recipe(
    dtype1: np.dtype,
    shape1: tuple[int, ...],
    strides1: tuple[int, ...],
    dtype2: np.dtype,
    shape2: tuple[int, ...],
    strides2: tuple[int, ...],
    transpose_a: bool,
    transpose_b: bool,
    chosen: str,
    ending: int,
) -> Any:
    if dtype1.name not in _DATA_TYPES or dtype1 != dtype2:
        return NotImplemented
    itemsize = dtype1.itemsize
    a_shape, a_strides = _as_matrices(shape1, strides1, itemsize, transpose_a, row=True)
    b_shape, b_strides = _as_matrices(shape2, strides2, itemsize, transpose_b, row=False)
    m, k = a_shape[-2:]
    n = b_shape[-1]
    batch = np.broadcast_shapes(a_shape[:-2], b_shape[:-2])
    shape = (*batch, *((m,) if len(shape1) > 1 else ()), *((n,) if len(shape2) > 1 else ()))
    if k == 0 or 0 in shape:
        return _Recipe(shape, [], [], False, False)
    a, b = _Operand(a_shape, a_strides), _Operand(b_shape, b_strides)
    if batch and len(b_shape) == 2 and a.is_dense and a_shape[:-2] == batch:
        # One matrix for the whole batch: the rows of all of it make one large product.
        m *= math.prod(batch)
        batch = ()
        a = _Operand((m, k), (k, 1))
    sizes, steps = _batch_loops(batch, a.steps(len(batch)), b.steps(len(batch)))
    count = sizes[-1] if sizes else 1
    step_a, step_b = steps[-1] if steps else (0, 0)
    product = _Product(
        dtype1.name,
        m,
        n,
        k,
        count,
        (a.transposed, a.ld),
        (b.transposed, b.ld),
        step_a,
        step_b,
        chosen,
        ending,
    )
    offsets = []
    for number, index in enumerate(np.ndindex(*sizes[:-1])):
        offset_a = sum(i * step[0] for i, step in zip(index, steps))
        offset_b = sum(i * step[1] for i, step in zip(index, steps))
        offset_c = number * count * m * n
        offsets.append((offset_a * itemsize, offset_b * itemsize, offset_c * itemsize))
    return _Recipe(shape, [product] * len(offsets), offsets, a.copies, b.copies)


def _as_matrices(
    shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int, transpose: bool, *, row: bool
) -> tuple[list[int], list[int]]:
    """Shape and strides in elements, with a vector as one row or one column."""
    sizes = list(shape)
    steps = [stride // itemsize for stride in strides]
    if len(sizes) == 1:
        place = 0 if row else 1
        sizes.insert(place, 1)
        steps.insert(place, 0)
    elif transpose:
        sizes[-2:] = sizes[:-3:-1]
        steps[-2:] = steps[:-3:-1]
    return sizes, steps


def _batch_loops(
    batch: Sequence[int], a: Sequence[int], b: Sequence[int]
) -> tuple[list[int], list[tuple[int, int]]]:
    """The batch in as few axes as the strides of both factors allow; one call does the last."""
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


# The library -----------------------------------------------------------------------------------


class NoAlgorithmError(RuntimeError):
    """The library does not compute what it was asked for."""


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

    It is taken from the device itself, not from CuPy's pool, since a graph that was captured keeps
    using it.
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

    def __init__(self, device: int, alignment: int, product: _Product) -> None:
        dtype, m, n, k, count, a, b, step_a, step_b, chosen, ending = product
        self.handle = _handle(device)
        self.function = _library().cublasLtMatmul
        data_type = _DATA_TYPES[dtype]
        double = dtype in ("float64", "complex128")
        if double:
            compute = _COMPUTE_64F
        elif dtype in ("float32", "complex64") and chosen in _COMPUTE_32F_FAST:
            compute = _COMPUTE_32F_FAST[chosen]
        else:
            compute = _COMPUTE_32F
        # The factors of the sum are complex for complex matrices, and float for 16-bit ones.
        parts = 2 if dtype.startswith("complex") else 1
        scale_type = data_type if dtype not in ("float16", "bfloat16") else _DATA_TYPES["float32"]
        number = ctypes.c_double if double else ctypes.c_float
        self.one = (number * parts)(1)
        self.zero = (number * parts)(0)
        # Seen in columns, row-major x2 (k, n) is (n, k): no transposition is needed for y^T (n, m).
        self.description = _describe(compute, scale_type, b[0], a[0], ending)
        self.ending = ending
        self.layouts = (
            _layout(data_type, (n, k) if not b[0] else (k, n), b[1], count, step_b),
            _layout(data_type, (k, m) if not a[0] else (m, k), a[1], count, step_a),
            _layout(data_type, (n, m), n, count, m * n),
        )
        self.heuristic = self._choose(alignment, product)
        self.algorithm = ctypes.byref(self.heuristic)

    def _choose(self, alignment: int, product: _Product) -> _Heuristic:
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
        for attribute in _PREF_MIN_ALIGNMENT_BYTES:
            set_preference(attribute, ctypes.c_uint32(alignment))
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
            raise NoAlgorithmError(f"cuBLASLt has no algorithm for {product}")
        return found

    def multiply(self, a: int, b: int, y: int, bias: int, workspace: int, stream: int) -> None:
        """Start the product of the matrices at a and b, into y; `bias` only where it is added."""
        if self.ending == _NOTHING:
            self._start(a, b, y, workspace, stream)
            return
        with _lock:  # where the bias is belongs to the description, which threads share
            setter = _library().cublasLtMatmulDescSetAttribute
            _set_attribute(setter, self.description, _DESC_BIAS_POINTER, ctypes.c_void_p(bias))
            self._start(a, b, y, workspace, stream)

    def _start(self, a: int, b: int, y: int, workspace: int, stream: int) -> None:
        layout_b, layout_a, layout_y = self.layouts
        status = self.function(
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
            self.algorithm,
            workspace,
            WORKSPACE_BYTES,
            stream,
        )
        _check(status, "cublasLtMatmul")


def _plan(device: int, alignment: int, product: _Product) -> _Plan:
    # Plans are few, as they do not depend on where a matrix comes from, and are kept for good.
    with _lock:
        key = (device, alignment, product)
        plan = _plans.get(key)
        if plan is None:
            plan = _plans[key] = _Plan(device, alignment, product)
    return plan


def _set_attribute(setter: Any, target: ctypes.c_void_p, attribute: int, value: Any) -> None:
    status = setter(target, attribute, ctypes.byref(value), ctypes.sizeof(value))
    _check(status, f"{setter.__name__}({attribute})")


def _describe(
    compute: int, scale_type: int, transpose_a: bool, transpose_b: bool, ending: int
) -> Any:
    library = _library()
    description = ctypes.c_void_p()
    _check(
        library.cublasLtMatmulDescCreate(ctypes.byref(description), compute, scale_type),
        "cublasLtMatmulDescCreate",
    )
    values = {_DESC_TRANSA: transpose_a, _DESC_TRANSB: transpose_b, _DESC_EPILOGUE: ending}
    for attribute, value in values.items():
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
