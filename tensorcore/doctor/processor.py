"""The CPU: features, threads, BLAS, and whether a kernel can be compiled and is right."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

from tensorcore.benchmark.machine import processor
from tensorcore.doctor.finding import BROKEN, DEGRADED, Finding
from tensorcore.kernels.cpu import threads

_VECTOR_FEATURES = ("avx512f", "avx2", "fma", "neon", "sve")


def blas_libraries() -> list[dict[str, Any]]:
    """What threadpoolctl knows of the BLAS libraries in this process."""
    import threadpoolctl

    return [info for info in threadpoolctl.threadpool_info() if info["user_api"] == "blas"]


def vector_features() -> list[str]:
    """The vector instructions that compiled kernels use."""
    from tensorcore.kernels.cpu import vectors

    features = vectors.cpu_features()
    return [name for name in _VECTOR_FEATURES if name in features]


def check() -> list[Finding]:
    """Features, threads and quota, BLAS, and one kernel and one product against known values."""
    return [_features(), _threads(), _blas(), _kernel(), _product()]


def _features() -> Finding:
    found = vector_features()
    if found:
        return Finding("CPU", f"{processor()} with {', '.join(found)}")
    return Finding(
        "CPU",
        "no vector instructions that kernels use were found",
        DEGRADED,
        "on a virtual machine, give it the CPU model of the host",
    )


def _threads() -> Finding:
    count, quota = threads.usable(), threads.quota()
    total = os.cpu_count() or 1
    text = f"{count} of {total} CPUs are used"
    if os.environ.get("TENSORCORE_NUM_THREADS"):
        return Finding("threads", f"{text}, as TENSORCORE_NUM_THREADS says")
    if quota < total:
        status = DEGRADED if quota < 2 <= total else "good"
        remedy = "give the container more CPUs (docker run --cpus 4)" if status == DEGRADED else ""
        return Finding("threads", f"{text}: the control group grants {quota:g}", status, remedy)
    # Kernels run in Python's own threads, with the GIL released.
    return Finding("threads", f"{text}; no OpenMP or TBB is needed")


def _blas() -> Finding:
    libraries = blas_libraries()
    if not libraries:
        return Finding(
            "BLAS",
            "NumPy's BLAS is not one that threadpoolctl knows, so its threads cannot be governed",
            DEGRADED,
            "pip install --force-reinstall numpy",
        )
    library = libraries[0]
    parts = [library["internal_api"], str(library.get("version") or "")]
    parts.append(f"with {library.get('threading_layer') or 'its own threads'}")
    if library.get("architecture"):
        parts.append(f"for {library['architecture']}")
    return Finding("BLAS", " ".join(part for part in parts if part))


def _kernel() -> Finding:
    from tensorcore.kernels.cpu import philox

    start = time.perf_counter()
    try:
        bits = philox.random_bits(np.uint64(0), np.uint64(0), shape=(4,))
    except Exception as error:  # whatever numba and LLVM raise means that kernels do not compile
        return Finding(
            "kernels", f"numba cannot compile: {error}", BROKEN, "pip install -U numba llvmlite"
        )
    seconds = time.perf_counter() - start
    # The first known answer of Philox4x32-10 (Salmon et al., 2011).
    if [int(word) for word in bits] != [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]:
        return Finding(
            "kernels",
            "a compiled kernel gives wrong numbers",
            BROKEN,
            "pip install --force-reinstall numba llvmlite",
        )
    return Finding("kernels", f"compiled and right, ready after {seconds:.2f} s")


def _product() -> Finding:
    first = np.arange(64 * 64, dtype=np.float32).reshape(64, 64) % 7
    expected = np.einsum("ik,kj->ij", first, first)
    if not np.array_equal(first @ first, expected):
        return Finding(
            "matrix product",
            "NumPy's BLAS gives wrong numbers",
            BROKEN,
            "pip install --force-reinstall numpy",
        )
    return Finding("matrix product", "right")
