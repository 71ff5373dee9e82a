"""How many threads a matrix product gets.

OpenBLAS divides a product of a few million operations among all cores.  On a quiet machine that
gains something; where another process takes one of the cores its threads wait for each other by
spinning, which makes the product ten times slower and more.  So OpenBLAS gets one thread: small
products are made by it alone, large ones in pieces by several threads of ours.  Where even that
takes longer than a single thread would, the machine is busy, and one is used for a while.
"""

from __future__ import annotations

import functools
import time
from typing import Any

import numpy as np
from tensorcore.kernels.cpu import threads

# Multiplications and additions.  Below the first OpenBLAS itself uses one thread; above the second
# several threads are worth a try.
ALONE_FROM = 5e5
ALONE_TO = 2e7
TOO_LONG = 1.5  # times what one thread needs: then the machine is busy
BUSY_S = 0.5  # for how long one thread is used after that; twice as long each time it happens again
LONGEST_BUSY_S = 8.0


class _Machine:
    """What was seen of this machine."""

    rate = 2e10  # operations a second of one thread, at least
    busy_until = 0.0
    busy_for_s = BUSY_S

    @classmethod
    def note(cls, operations: float, start: float, was_shared: bool) -> None:
        """Learn from a product how fast one thread is, or whether several are worth another try."""
        end = time.perf_counter()
        if not was_shared:
            cls.rate = max(cls.rate, operations / (end - start))
        elif end - start > TOO_LONG * operations / cls.rate:
            cls.busy_until = end + cls.busy_for_s
            cls.busy_for_s = min(2 * cls.busy_for_s, LONGEST_BUSY_S)
        else:
            cls.busy_for_s = BUSY_S


@functools.cache
def numpys_library() -> Any:
    """The handle of NumPy's own OpenBLAS, None if it has another one."""
    import threadpoolctl

    found = [
        library
        for library in threadpoolctl.ThreadpoolController().lib_controllers
        if library.internal_api == "openblas"
    ]
    # SciPy, which numba loads, may bring one of its own; they come in no particular order.
    found.sort(key=lambda library: "numpy" not in str(library.filepath))
    return found[0] if found else None


@functools.cache
def controller() -> Any:
    """The handle of NumPy's own OpenBLAS if it uses several threads, else None."""
    library = numpys_library()
    return library if library is not None and library.num_threads > 1 else None


def matmul(x1: Any, x2: Any, out: Any = None) -> Any:
    """np.matmul with the number of threads that suits the product and the machine."""
    operations = 2.0 * x1.size * (x2.shape[-1] if x2.ndim > 1 else 1)
    library = controller() if operations > ALONE_FROM else None
    if library is None:
        return np.matmul(x1, x2, out=out)
    start = time.perf_counter()
    several = 1 if threads.deterministic() else min(threads.usable(), library.num_threads)
    calls: list[Any] = []
    if several > 1 and operations > ALONE_TO:
        # On a busy machine, too: each piece adds up in an order of its own, and what comes out must
        # not depend on what else runs.
        out, calls = _pieces(x1, x2, out, 2 * several)
    if start <= _Machine.busy_until:
        several = 1
    before = library.num_threads
    library.set_num_threads(1)
    try:
        if calls:
            threads.share(calls, several)
        else:
            out = np.matmul(x1, x2, out=out)
    finally:
        library.set_num_threads(before)
    _Machine.note(operations, start, was_shared=bool(calls) and several > 1)
    return out


def _pieces(x1: Any, x2: Any, out: Any, count: int) -> tuple[Any, list[Any]]:
    """The result's array and the calls that fill it: rows, columns or matrices of it each."""
    if x1.ndim < 2 or x2.ndim < 2 or x1.ndim > x2.ndim > 2 or x1.ndim < x2.ndim:
        return out, []
    batch = np.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    shape = (*batch, x1.shape[-2], x2.shape[-1])
    if out is None:
        out = np.empty(shape, np.result_type(x1, x2))
    axis = int(np.argmax(shape)) if x1.ndim == 2 else 0
    count = min(count, shape[axis])
    bounds = [shape[axis] * i // count for i in range(count + 1)]
    calls = []
    for i in range(count):
        rows = slice(bounds[i], bounds[i + 1])
        if x1.ndim > 2:
            second = x2[rows] if x2.ndim > 2 and len(x2) > 1 else x2
            calls.append((np.matmul, x1[rows] if len(x1) > 1 else x1, second, out[rows]))
        elif axis == 0:
            calls.append((np.matmul, x1[rows], x2, out[rows]))
        else:
            calls.append((np.matmul, x1, x2[:, rows], out[:, rows]))
    return out, calls
