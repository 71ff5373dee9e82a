"""CPU kernels: NumPy and numba.  numba is imported when the first of its kernels runs."""

from __future__ import annotations

from tensorcore.kernels.program import Kernel

KERNELS: dict[str, Kernel] = {}
