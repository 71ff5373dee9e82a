"""Small steps that kernels share before and after a launch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cupy
from tensorcore.kernels.cuda.modules import MOST_BLOCKS


def dense(array: Any) -> Any:
    """The array itself if it is C-contiguous, else a copy that is."""
    return array if array.flags.c_contiguous else cupy.ascontiguousarray(array)


def result_for(out: Any, shape: Sequence[int], dtype: Any, *inputs: Any) -> Any:
    """Where a kernel writes: `out` if it is contiguous and none of the inputs, else a new array."""
    if out is None or not out.flags.c_contiguous:
        return cupy.empty(tuple(shape), dtype)
    for array in inputs:
        if array.data.mem is out.data.mem and cupy.may_share_memory(array, out):
            return cupy.empty(tuple(shape), dtype)
    return out


def deliver(y: Any, out: Any) -> Any:
    """`y`, or `out` with the values of `y` where the caller gave one."""
    if out is None or out is y:
        return y
    out[...] = y
    return out


Launch = tuple[tuple[int, int, int], tuple[int, int, int]]


def launch_for_rows(rows: int, columns: int, inner: int = 1) -> Launch:
    """Grid and block of the kernels built on rows.cuh, which explains them."""
    if inner > 1:
        return (min(-(-rows // 256), MOST_BLOCKS), 1, 1), (1, 256, 1)
    if columns <= 1024:
        return (min(-(-rows // 8), MOST_BLOCKS), 1, 1), (32, 8, 1)
    return (min(rows, MOST_BLOCKS), 1, 1), (256 if columns <= 8192 else 512, 1, 1)


HELD_BYTES = 128  # as in held_rows.cuh
_PIECE_BYTES = 16


def launch_for_held_rows(arrays: Sequence[Any], rows: int, columns: int) -> Launch | None:
    """Grid and block with which threads hold whole rows in aligned pieces; None: they cannot."""
    size = arrays[0].dtype.itemsize
    if columns * size % _PIECE_BYTES or any(a.data.ptr % _PIECE_BYTES for a in arrays):
        return None
    held = HELD_BYTES // max(size, 4)
    if columns <= 32 * held:
        return (min(-(-rows // 8), MOST_BLOCKS), 1, 1), (32, 8, 1)
    if columns <= 256 * held:
        return (min(rows, MOST_BLOCKS), 1, 1), (256, 1, 1)
    return None
