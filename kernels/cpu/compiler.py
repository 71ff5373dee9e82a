"""The names of numba that kernels are written with, once numba is whole.

A thread may be loading numba when another one needs it (`background.py`).  `import numba` waits for
that; `from numba.core import ...` would not, and find modules that are half loaded.  So all modules
of kernels take numba's names from here.
"""

import numba
from numba import types
from numba.core import cgutils, config, event
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.extending import intrinsic, overload
from numba.np.numpy_support import from_dtype

__all__ = [
    "cgutils",
    "config",
    "cpu_target",
    "event",
    "from_dtype",
    "global_compiler_lock",
    "intrinsic",
    "numba",
    "overload",
    "types",
]
