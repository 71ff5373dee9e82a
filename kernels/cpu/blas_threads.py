"""One thread for small matrix products.

OpenBLAS divides a product of a few million operations among all cores.  On a quiet machine that
gains little, and where another process takes one of the cores its threads wait for each other by
spinning, which makes the product ten times slower and more.
"""

from __future__ import annotations

import functools
from typing import Any

# Multiplications and additions.  Below the first OpenBLAS itself uses one thread; above the second
# the gain of several outweighs the risk.
ALONE_FROM = 5e5
ALONE_TO = 1.5e7


@functools.cache
def controller() -> Any:
    """The handle of NumPy's OpenBLAS if it uses several threads, else None."""
    import threadpoolctl

    for library in threadpoolctl.ThreadpoolController().lib_controllers:
        if library.internal_api == "openblas" and library.num_threads > 1:
            return library
    return None


def alone(operations: float) -> Any:
    """The handle to be set to one thread for a product of this size; None to leave it as it is."""
    return controller() if ALONE_FROM < operations < ALONE_TO else None
