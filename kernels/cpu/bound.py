"""Operations of a plan as pieces of work on arrays that stay where they are.

`bound` knows an operation by its name.  A piece can be shared by threads and run without Python
(`native.py`), which pays for the many small operations of a training step; so even those are here
that NumPy does well.  They are compiled when a graph has run some times.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from tensorcore.kernels.cpu import (
    cross_entropy,
    extremes,
    indexing,
    philox,
    product_ways,
    products,
    reductions,
    small_products,
    softmax,
)
from tensorcore.kernels.cpu.jit import kernel
from tensorcore.kernels.cpu.piece import Check, Number, Piece
from tensorcore.kernels.cpu.row_lists import RowLists

ELEMENTS_A_THREAD = 1 << 15
PLAIN = "?bhilqBHILQfd"  # dtype.char of what loops read and write


def bound(name: str, arrays: Sequence[Any], attrs: dict[str, Any], out: Any) -> list[Piece] | None:
    """The pieces that compute an operation into `out`; None where another way has to be taken."""
    binder = BINDERS.get(name) or _maker(name)
    if binder is None:
        return None
    results = out if type(out) is tuple else (out,)
    if not all(type(a) is np.ndarray and a.size for a in (*arrays, *results)):
        return None
    if not _are_flat(*results):
        return None
    found = binder(*arrays, out=out, **attrs)
    return [found] if isinstance(found, Piece) else found


def _are_flat(*arrays: Any) -> bool:
    return all(array.flags.c_contiguous for array in arrays)


# Copies -------------------------------------------------------------------------------------------


@kernel
def _copy(start, stop, x, y):
    for i in range(np.uintp(start), np.uintp(stop)):
        y[i] = x[i]


@kernel
def _spread(start, stop, x, y):
    for i in range(y.size):
        y[i] = x[0]


def copy(target: Any, x: Any) -> list[Piece] | None:
    """`x` into `target`, of one shape and dtype."""
    same = type(x) is np.ndarray and x.shape == target.shape and x.dtype == target.dtype
    if not same or not x.size or not _are_flat(x, target) or x.dtype.char not in PLAIN:
        return None
    return [Piece(_copy, x.size, ELEMENTS_A_THREAD, (x.reshape(-1), target.reshape(-1)))]


def _convert(x: Any, *, dtype: Any, out: Any) -> Piece | None:
    known = x.dtype.char in PLAIN and out.dtype.char in PLAIN
    # What an integer holds of infinity or NaN, NumPy alone decides.
    if not known or out.dtype == bool or (x.dtype.kind == "f" and out.dtype.kind != "f"):
        return None
    if not _are_flat(x):
        return None
    return Piece(_copy, x.size, ELEMENTS_A_THREAD, (x.reshape(-1), out.reshape(-1)))


# Checks -------------------------------------------------------------------------------------------


@kernel
def _look_for_others(start, stop, x, low, last, found):
    """found[0] = whether an element is not in [low, last]."""
    wrong = 0
    for i in range(np.uintp(start), np.uintp(stop)):
        if x[i] < low or x[i] > last:
            wrong = 1
    found[0] = wrong


def check(x: Any, low: int, high: int, refuse: Callable[[], None]) -> Check | None:
    """A look at the range of integers; `refuse` raises the error."""
    if type(x) is not np.ndarray or x.dtype.kind not in "iu" or not _are_flat(x) or not x.size:
        return None
    # Numbers of the dtype itself: as many as possible are compared at once.
    limits = np.iinfo(x.dtype)
    low, last = max(low, int(limits.min)), min(high - 1, int(limits.max))
    if low > last:
        return None
    args = (x.reshape(-1), x.dtype.type(low), x.dtype.type(last))
    return Check(_look_for_others, x.size, args, refuse)


# Products -----------------------------------------------------------------------------------------


def _matmul(x1: Any, x2: Any, *, transpose_a: bool, transpose_b: bool, out: Any) -> Piece | None:
    if x1.ndim > 2 and x2.ndim == 2 and not transpose_a and _are_flat(x1):  # as one large product
        x1, out = x1.reshape(-1, x1.shape[-1]), out.reshape(-1, out.shape[-1])
    flags = (transpose_a, transpose_b)
    if not products.fits(x1, x2, out):
        return None
    sizes = (*out.shape, x1.shape[0 if transpose_a else 1])
    if product_ways.is_own(*sizes, transpose_a):
        return products.product(x1, x2, out, *flags)
    return small_products.product(x1, x2, out, *flags) if product_ways.is_small(*sizes) else None


def _matmul_add(
    x1: Any, x2: Any, bias: Any, *, transpose_a: bool, transpose_b: bool, out: Any
) -> Piece | None:
    flags = {"transpose_a": transpose_a, "transpose_b": transpose_b}
    return products.with_bias(x1, x2, bias, out, is_relu=False, **flags)


def _matmul_add_relu(
    x1: Any, x2: Any, bias: Any, *, transpose_a: bool, transpose_b: bool, out: Any
) -> Piece | None:
    flags = {"transpose_a": transpose_a, "transpose_b": transpose_b}
    return products.with_bias(x1, x2, bias, out, is_relu=True, **flags)


def _matmul_mask(
    g: Any, w: Any, y: Any, *, transpose_a: bool, transpose_b: bool, out: Any
) -> Piece | None:
    return products.product(g, w, out, transpose_a, transpose_b, mask=y)


# Sums and means -----------------------------------------------------------------------------------


def _reduction(x: Any, axes: Sequence[int], out: Any, divisor: int) -> list[Piece] | None:
    """The sum over the axes, divided: of rows where they come last, of lines where first."""
    if x.dtype.char not in "fd" or out.dtype != x.dtype or not _are_flat(x):
        return None
    axes = [axis for axis in axes if x.shape[axis] != 1] or list(axes[:1])
    if not axes:
        return copy(out.reshape(-1), x.reshape(-1)) if divisor == 1 else None
    if axes[-1] - axes[0] + 1 != len(axes):
        return None
    return reductions.pieces(x, axes, out, divisor)


def _all_axes(x: Any, axis: Any) -> list[int]:
    return list(range(x.ndim)) if axis is None else reductions._axes(axis, x.ndim)


def _sum(x: Any, *, axis: Any, keepdims: bool, dtype: Any = None, out: Any) -> Any:
    axes = _all_axes(x, axis)
    return _reduction(x, axes, out, 1) if axes and dtype in (None, x.dtype) else None


def _mean(x: Any, *, axis: Any, keepdims: bool, out: Any) -> Any:
    axes = _all_axes(x, axis)
    return _reduction(x, axes, out, x.size // out.size) if axes else None


def _sum_to(x: Any, *, shape: Sequence[int], out: Any) -> Any:
    lead = x.ndim - len(shape)
    stretched = (i + lead for i, n in enumerate(shape) if n == 1 and x.shape[i + lead] != 1)
    return _reduction(x, [*range(lead), *stretched], out, 1)


def _extreme(is_max: bool) -> Callable[..., Any]:
    """Binder of the greatest or smallest elements."""

    def bind(x: Any, *, axis: Any, keepdims: bool, out: Any) -> list[Piece] | None:
        axes = _all_axes(x, axis)
        is_known = x.dtype.char in PLAIN.replace("?", "") and x.dtype == out.dtype
        if not axes or not is_known or not _are_flat(x) or axes[-1] - axes[0] + 1 != len(axes):
            return None
        return extremes.pieces(x, axes, out, is_max)

    return bind


@kernel
def _places_of_largest(start, stop, x, result):
    """result[a] = where the first largest element of the row x[a] is, or its first NaN."""
    for a in range(np.uintp(start), np.uintp(stop)):
        row = x[a]
        place = 0
        for b in range(row.size):
            # A NaN is largest; what comes after it is neither larger nor the first.
            if row[b] > row[place] or (row[b] != row[b] and row[place] == row[place]):
                place = b
        result[a] = place


def _argmax(x: Any, *, axis: Any, keepdims: bool, out: Any) -> Piece | None:
    if axis not in (-1, x.ndim - 1) or x.dtype.char not in PLAIN or not _are_flat(x):
        return None
    length = x.shape[-1]
    args = (x.reshape(-1, length), out.reshape(-1))
    grain = max(1, ELEMENTS_A_THREAD // (length + softmax.ELEMENTS_OF_A_ROW))
    return Piece(_places_of_largest, out.size, grain, args)


# The others ---------------------------------------------------------------------------------------


def _of_rows(loop: Any) -> Callable[..., Piece | None]:
    """Binder of a loop (start, stop, *inputs, result) over rows, the last axis of all arrays."""

    def bind(*arrays: Any, axis: int, out: Any) -> Piece | None:
        if axis not in (-1, out.ndim - 1) or out.dtype.char not in "fd" or not _are_flat(*arrays):
            return None
        length = out.shape[-1]
        grain = max(1, softmax.ELEMENTS_A_THREAD // 8 // (length + softmax.ELEMENTS_OF_A_ROW))
        rows = [array.reshape(-1, length) for array in (*arrays, out)]
        return Piece(loop, out.size // length, grain, rows)

    return bind


def _cross_entropy(loop: Any) -> Callable[..., Piece | None]:
    """Binder of a loop over rows of logits; the gradient gets one number a row first."""

    def bind(*arrays: Any, out: Any) -> Any:
        logits = arrays[-2]
        first: list[Piece] = []
        if len(arrays) == 3 and arrays[0].ndim == 1 and arrays[0].strides == (0,):
            numbers = np.empty(arrays[0].shape, arrays[0].dtype)  # one number for all rows
            first = [Piece(_spread, 1, 1, (arrays[0][:1], numbers))]
            arrays = (numbers, *arrays[1:])
        if logits.dtype.char not in "fd" or not _are_flat(*arrays) or logits.ndim < 1:
            return None
        classes = logits.shape[-1]
        count = logits.size // classes
        flat = [
            array.reshape(count, classes) if array.ndim == logits.ndim else array.reshape(-1)
            for array in (*arrays, out)
        ]
        cost = classes + softmax.ELEMENTS_OF_A_ROW
        grain = max(1, cross_entropy.ELEMENTS_A_THREAD // 8 // cost)
        return [*first, Piece(loop, count, grain, flat)]

    return bind


def _dropout_mask(
    key: Any, counter: Any, *, shape: Sequence[int], rate: float, dtype: Any, out: Any
) -> Piece | None:
    if out.dtype.char not in "fd" or out.size % 4 or key.dtype != np.uint64:
        return None
    limit, kept = philox.dropout_numbers(rate, out.dtype)
    args = (Number(key), Number(counter), out.reshape(-1), limit, kept)
    return Piece(philox._dropout, out.size // 4, philox.BLOCKS_A_THREAD // 8, args)


def _take_mean(x: Any, indices: Any, *, keepdims: bool, out: Any) -> Piece | None:
    return indexing.pooled(x, indices, out, indices.shape[1])


def _take_sum(x: Any, indices: Any, *, keepdims: bool, out: Any) -> Piece | None:
    return indexing.pooled(x, indices, out, 1)


def _scatter_add(x: Any, indices: Any, updates: Any, *, axis: int, out: Any) -> Any:
    if x.ndim != 2 or axis != 0 or x.dtype.char not in "fd":
        return None
    start = copy(out, x)
    if start is None or not indexing.pays_to_sort(indices, updates, *x.shape):
        return None
    lists = RowLists(indices, updates, len(x))
    return [*start, *lists.pieces, lists.add_to(out)]


# Modules that make the pieces of their operations themselves; they are imported when needed.
MAKERS = {
    "attention": ("attention", "attention_gradient"),
    "convolution": (
        "conv2d",
        "conv2d_add",
        "conv2d_add_relu",
        "conv2d_input_gradient",
        "conv2d_input_gradient_mask",
        "conv2d_filter_gradient",
    ),
    "normalization": ("layer_norm", "layer_norm_gradient", "layer_norm_scale_gradient"),
    "pooling": (
        "max_pool2d",
        "max_pool2d_gradient",
        "max_pool2d_gather",
        "avg_pool2d",
        "avg_pool2d_gradient",
    ),
}
_module_of = {name: module for module, names in MAKERS.items() for name in names}


def _maker(name: str) -> Callable[..., Any] | None:
    if name not in _module_of:
        return None
    module: Any = importlib.import_module(f"tensorcore.kernels.cpu.{_module_of[name]}")
    return functools.partial(_as_made, module.WORK[name])


def _as_made(work: Any, *arrays: Any, out: Any, **attrs: Any) -> list[Piece] | None:
    """The pieces that a function makes of contiguous arrays of float32 or float64."""
    dtype = arrays[0].dtype
    results = out if type(out) is tuple else (out,)
    if not all(a.dtype == dtype and a.dtype.char in "fd" for a in (*arrays, *results)):
        return None
    return work(*arrays, out=out, **attrs) if _are_flat(*arrays) else None


BINDERS: dict[str, Callable[..., Any]] = {
    "matmul": _matmul,
    "matmul_add": _matmul_add,
    "matmul_add_relu": _matmul_add_relu,
    "matmul_mask": _matmul_mask,
    "sum": _sum,
    "mean": _mean,
    "sum_to": _sum_to,
    "argmax": _argmax,
    "max": _extreme(is_max=True),
    "min": _extreme(is_max=False),
    "convert": _convert,
    "softmax": _of_rows(softmax._softmax),
    "softmax_gradient": _of_rows(softmax._softmax_gradient),
    "log_softmax": _of_rows(softmax._log_softmax),
    "log_softmax_gradient": _of_rows(softmax._log_softmax_gradient),
    "sparse_softmax_cross_entropy": _cross_entropy(cross_entropy._sparse_loss),
    "sparse_softmax_cross_entropy_gradient": _cross_entropy(cross_entropy._sparse_gradient),
    "softmax_cross_entropy": _cross_entropy(cross_entropy._loss),
    "softmax_cross_entropy_gradient": _cross_entropy(cross_entropy._gradient),
    "dropout_mask": _dropout_mask,
    "take_mean": _take_mean,
    "take_sum": _take_sum,
    "scatter_add": _scatter_add,
}
