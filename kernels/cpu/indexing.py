"""Adding to rows by their number: the gradient of an embedding.  (numpy.take is fast as it is.)"""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorcore.kernels.cpu.jit import kernel, split

BYTES_FOR_THREADS = 1 << 21


@kernel
def _add_rows(start, stop, indices, updates, result):
    # Columns are divided among the threads: the order of the additions to an element never changes.
    rows = indices.size
    width = stop - start
    total = np.zeros(width, result.dtype)
    n = 0
    while n < rows:
        index = indices[n]
        end = n + 1
        while end < rows and indices[end] == index:
            end += 1
        target = result[np.uintp(index), start:stop]
        if end - n < 4:
            for k in range(n, end):
                update = updates[np.uintp(k), start:stop]
                for i in range(width):
                    target[i] += update[i]
        else:
            # A run of equal indices, as in padded text: its sum stays in fast memory.
            for i in range(width):
                total[i] = 0
            for k in range(n, end):
                update = updates[np.uintp(k), start:stop]
                for i in range(width):
                    total[i] += update[i]
            for i in range(width):
                target[i] += total[i]
        n = end


def scatter_add(x: Any, indices: Any, updates: Any, *, axis: int, out: Any = None) -> Any:
    """A copy of x, with the slices of `updates` added where `indices` say, in their order."""
    if axis % max(x.ndim, 1) != 0 or x.ndim == 0:
        return NotImplemented
    result = np.array(x, order="C")
    if updates.size:
        numbers = indices.ravel()
        target = result.reshape(x.shape[0], -1)
        rows = updates.ravel().reshape(numbers.size, -1)
        width = target.shape[1]
        if updates.nbytes < BYTES_FOR_THREADS:
            _add_rows(0, width, numbers, rows, target)
        else:
            split(_add_rows, width, 16, numbers, rows, target)
    if out is None:
        return result
    out[...] = result
    return out
