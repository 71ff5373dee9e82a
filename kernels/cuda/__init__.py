"""CUDA kernels, through CuPy.  Imported when a tensor on a GPU is first computed with."""

from __future__ import annotations

from tensorcore.kernels.program import Kernel

KERNELS: dict[str, Kernel] = {}
