"""How many threads the CPU kernels may use, and whether that number may change a result."""

from __future__ import annotations

import functools
import os
import pathlib

GROUPS = pathlib.Path("/sys/fs/cgroup")
UNLIMITED = 1e9  # CPUs


class _Chosen:
    """What `tc.config` was told."""

    threads: int | None = None
    deterministic = False


def usable() -> int:
    """The number that was chosen, else TENSORCORE_NUM_THREADS, else what `allowed` says."""
    return _Chosen.threads or _of_environment() or allowed()


def choose(count: int | None) -> None:
    """Use `count` threads from now on; None leaves the choice to the environment."""
    _Chosen.threads = count


def deterministic() -> bool:
    """Whether results must have the same bits for every number of threads.

    Kernels that are split over threads compute each element in an order that does not depend on the
    number of parts; what cannot promise that (BLAS) uses one thread then.
    """
    return _Chosen.deterministic


def set_deterministic(value: bool) -> None:
    """Ask for the same bits with every number of threads, or no longer."""
    _Chosen.deterministic = value


@functools.cache
def _of_environment() -> int | None:
    wanted = os.environ.get("TENSORCORE_NUM_THREADS", "")
    return int(wanted) if wanted.isdigit() and int(wanted) > 0 else None


@functools.cache
def allowed() -> int:
    """CPUs of the affinity mask, and no more than the control groups grant; at least 1."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    return max(1, min(count, int(quota())))


def quota(groups: pathlib.Path = GROUPS, own: str = "/proc/self/cgroup") -> float:
    """CPUs that the control group and those around it grant, UNLIMITED if none sets a limit."""
    granted = UNLIMITED
    for folder in _group_folders(groups, own):
        granted = min(granted, _limit_of(folder))
    return granted


def _group_folders(groups: pathlib.Path, own: str) -> list[pathlib.Path]:
    """The folders that say what this process gets: version 2, from its group up; version 1."""
    folders = [groups, groups / "cpu", groups / "cpu,cpuacct"]
    try:
        lines = pathlib.Path(own).read_text(encoding="utf-8").splitlines()
    except OSError:
        return folders
    for line in lines:
        _, controllers, path = line.split(":", 2)
        relative = pathlib.PurePosixPath(path.lstrip("/"))
        if not controllers:
            folders += [groups / part for part in (relative, *relative.parents)]
        elif "cpu" in controllers.split(","):
            folders.append(groups / "cpu" / relative)
    return folders


def _limit_of(folder: pathlib.Path) -> float:
    try:
        limit, period = (folder / "cpu.max").read_text().split()[:2]
        return UNLIMITED if limit == "max" else float(limit) / float(period)
    except (OSError, ValueError, ZeroDivisionError):
        pass
    try:
        limit_us = float((folder / "cpu.cfs_quota_us").read_text())
        period_us = float((folder / "cpu.cfs_period_us").read_text())
        return limit_us / period_us if limit_us > 0 else UNLIMITED
    except (OSError, ValueError, ZeroDivisionError):
        return UNLIMITED
