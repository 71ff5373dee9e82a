"""How many threads the CPU kernels may use."""

from __future__ import annotations

import functools
import os
import pathlib


@functools.cache
def usable() -> int:
    """TENSORCORE_NUM_THREADS, else what the CPU affinity and the quota of the cgroup allow."""
    wanted = os.environ.get("TENSORCORE_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    return max(1, min(count, int(_quota())))


def _quota() -> float:
    """CPUs that the control group grants, infinite if it sets no limit."""
    try:
        limit, period = pathlib.Path("/sys/fs/cgroup/cpu.max").read_text().split()[:2]
        return 1e9 if limit == "max" else float(limit) / float(period)
    except (OSError, ValueError):
        pass
    try:
        folder = pathlib.Path("/sys/fs/cgroup/cpu")
        limit_us = float((folder / "cpu.cfs_quota_us").read_text())
        period_us = float((folder / "cpu.cfs_period_us").read_text())
        return limit_us / period_us if limit_us > 0 else 1e9
    except (OSError, ValueError, ZeroDivisionError):
        return 1e9
