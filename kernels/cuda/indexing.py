"""Reading and adding at indices along an axis."""

from __future__ import annotations

import math
from typing import Any

import cupy
from tensorcore.kernels.cuda.arrays import deliver, dense, result_for
from tensorcore.kernels.cuda.modules import FLOATS, MOST_BLOCKS, Text, blocks_for

_INDICES = ("int32", "int64")
_WORDS = {1: "uint8", 2: "uint16", 4: "uint32", 8: "uint64"}
_IDS = 16  # IDS and COLUMNS of scatter_add.cu
_COLUMNS = 128

# How many ids all blocks together may look at before sorting them first is cheaper.
_MOST_LOOKS = 1 << 28

_take = Text("take.cu", ["take"], [(w, i) for w in _WORDS.values() for i in _INDICES])
_scatter = Text(
    "scatter_add.cu", ["scatter_add", "add_along_axis"], [(f, i) for f in FLOATS for i in _INDICES]
)


def take(x: Any, indices: Any, *, axis: int, out: Any = None) -> Any:
    """The elements of x at `indices` along `axis`.

    The result has the shape x.shape[:axis] + indices.shape + x.shape[axis + 1:].
    """
    if x.itemsize not in _WORDS:
        return NotImplemented
    axis %= x.ndim
    x = dense(x)
    indices = _known_integers(indices)
    outer, n, inner = _split(x.shape, axis)
    shape = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    y = result_for(out, shape, x.dtype, x, indices)
    if y.size:
        # The elements of a row that is long enough travel 8 bytes at a time.
        row_bytes = inner * x.itemsize
        word = 8
        while row_bytes % word or (x.data.ptr | y.data.ptr) % word:
            word //= 2
        kernel = _take.kernel("take", _WORDS[word], indices.dtype.name)
        words = row_bytes // word
        grid = blocks_for(outer * indices.size * words)
        kernel(grid, (256, 1, 1), x, indices, y, outer, n, indices.size, words)
    return deliver(y, out)


def scatter_add(x: Any, indices: Any, updates: Any, *, axis: int, out: Any = None) -> Any:
    """A copy of x to which `updates` (shaped like the result of `take`) are added at `indices`
    along `axis`.

    Updates that meet at one index are added in their order, so the result is the same at every run.
    """
    if x.dtype.name not in FLOATS:
        return NotImplemented
    axis %= x.ndim
    x = dense(x)
    updates = dense(updates)
    ids = _known_integers(indices).ravel()
    outer, n, inner = _split(x.shape, axis)
    # Every element is read and written by one thread, so `out` may be x itself.
    y = result_for(out, x.shape, x.dtype, ids, updates, *(() if out is x else (x,)))
    if y.size:
        tiles = -(-n // _IDS) * -(-(outer * inner) // _COLUMNS)
        order = None
        if tiles * ids.size > _MOST_LOOKS:
            order = cupy.argsort(ids)
            ids = ids[order]
        kernel = _scatter.kernel("scatter_add", x.dtype.name, ids.dtype.name)
        grid = (min(tiles, MOST_BLOCKS), 1, 1)
        arrays = (x, ids, order, updates, y)
        kernel(grid, (_COLUMNS, 1, 1), *arrays, outer, n, ids.size, inner)
    return deliver(y, out)


def add_along_axis(x: Any, indices: Any, updates: Any, *, axis: int, out: Any = None) -> Any:
    """A copy of x with updates[i, j] added at [i, indices[i, j]] (axis 1), in the order of j."""
    if x.dtype.name not in FLOATS:
        return NotImplemented
    axis %= x.ndim
    updates, indices = dense(updates), _known_integers(indices)
    outer, n, inner = _split(x.shape, axis)
    k = indices.shape[axis]
    y = result_for(out, x.shape, x.dtype, indices, updates, *(() if out is x else (x,)))
    if y is not x:
        y[...] = x
    if updates.size:
        kernel = _scatter.kernel("add_along_axis", x.dtype.name, indices.dtype.name)
        grid = blocks_for(outer * inner, _COLUMNS)
        kernel(grid, (_COLUMNS, 1, 1), indices, updates, y, outer, n, k, inner)
    return deliver(y, out)


def _split(shape: tuple[int, ...], axis: int) -> tuple[int, int, int]:
    """The number of elements before the axis, on it, and after it."""
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])


def _known_integers(indices: Any) -> Any:
    indices = dense(indices)
    return indices if indices.dtype.name in _INDICES else indices.astype(cupy.int64)
