"""Threads of the CPU kernels: how many, how work is shared, whether their number may matter.

Large pieces of work are shared by plain Python threads: kernels and BLAS release the GIL.  Handing
a piece over costs some 20 us, which numba's own threads would save; but its layers need OpenMP or
TBB, die in forked processes (GNU OpenMP), or are not thread-safe (workqueue).  Nobody waits for a
thread that has not started: on a busy machine the caller does its part, too.
"""

from __future__ import annotations

import functools
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

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


# Sharing work -------------------------------------------------------------------------------------

_pool: ThreadPoolExecutor | None = None
_pool_pid = 0


def split(function: Callable[..., Any], count: int, grain: int, *args: Any) -> None:
    """Call `function(start, stop, *args)` for ranges that cover `range(count)`, several at a time.

    A range has at least `grain` items: choose it so that one takes some 200 us.
    """
    parts = min(usable(), count // grain)
    if parts < 2:
        function(0, count, *args)
        return
    bounds = [count * part // parts for part in range(parts + 1)]
    share([(function, bounds[i], bounds[i + 1], *args) for i in range(parts)], parts)


def share(calls: Sequence[tuple[Any, ...]], threads: int) -> None:
    """Make the calls, (function, *arguments) each, in the calling thread and some others.

    Each thread takes the next call when it is done with one.
    """
    left = iter(calls)  # taking the next one is atomic under the GIL

    def work() -> None:
        for function, *arguments in left:
            function(*arguments)

    helpers = [_workers().submit(work) for _ in range(threads - 1)]
    try:
        work()
    finally:
        for helper in helpers:
            if not helper.cancel():
                helper.result()


def _workers() -> ThreadPoolExecutor:
    global _pool, _pool_pid
    if _pool is None or _pool_pid != os.getpid():  # threads do not survive a fork
        from concurrent.futures import ThreadPoolExecutor

        _pool = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="tensorcore")
        _pool_pid = os.getpid()
    return _pool
