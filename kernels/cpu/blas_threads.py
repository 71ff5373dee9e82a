"""How many threads a matrix product gets.

OpenBLAS divides a product of a few million operations among all cores.  On a quiet machine that
gains something; where another process takes one of the cores its threads wait for each other by
spinning, which makes the product ten times slower and more.  So small products use one thread,
and large ones do for a while after one of them took far longer than a single thread would have.
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
ALONE_TO = 1.5e7
TOO_LONG = 2.0  # times what one thread needs: then the machine is busy
BUSY_S = 0.5  # for how long one thread is used after that


class _Machine:
    """What was seen of this machine."""

    rate = 2e10  # operations a second of one thread, at least
    busy_until = 0.0


@functools.cache
def controller() -> Any:
    """The handle of NumPy's own OpenBLAS if it uses several threads, else None."""
    import threadpoolctl

    found = [
        library
        for library in threadpoolctl.ThreadpoolController().lib_controllers
        if library.internal_api == "openblas"
    ]
    # SciPy, which numba loads, may bring one of its own; they come in no particular order.
    found.sort(key=lambda library: "numpy" not in str(library.filepath))
    return found[0] if found and found[0].num_threads > 1 else None


def matmul(x1: Any, x2: Any, out: Any = None) -> Any:
    """np.matmul with the number of threads that suits the product and the machine."""
    operations = 2.0 * x1.size * (x2.shape[-1] if x2.ndim > 1 else 1)
    library = controller() if operations > ALONE_FROM else None
    if library is None:
        return np.matmul(x1, x2, out=out)
    start = time.perf_counter()
    several = 1 if threads.deterministic() else min(threads.usable(), library.num_threads)
    if operations < ALONE_TO or start < _Machine.busy_until or several == 1:
        result = _with_threads(library, 1, x1, x2, out)
        _Machine.rate = max(_Machine.rate, operations / (time.perf_counter() - start))
        return result
    if several < library.num_threads:
        result = _with_threads(library, several, x1, x2, out)
    else:
        result = np.matmul(x1, x2, out=out)
    end = time.perf_counter()
    if end - start > TOO_LONG * operations / _Machine.rate:
        _Machine.busy_until = end + BUSY_S
    return result


def _with_threads(library: Any, count: int, x1: Any, x2: Any, out: Any) -> Any:
    before = library.num_threads
    library.set_num_threads(count)
    try:
        return np.matmul(x1, x2, out=out)
    finally:
        library.set_num_threads(before)
