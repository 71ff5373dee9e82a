"""The most memory that something takes."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

from tensorcore.device import Device

RUNS = 3  # the first runs op by op, the second is traced, the third runs the plan
WATCH_S = 0.02


def peak_bytes(make: Callable[[], Any], device: Device) -> tuple[Any, int]:
    """Make some work, run it a few times, and return it with the most bytes it held."""

    def made_and_run() -> Any:
        work = make()
        for _ in range(RUNS):
            work.run()
        device.synchronize()
        return work

    if device.kind == "gpu":
        return _peak_of_pool(made_and_run, device)
    gc.collect()
    tracemalloc.start()
    try:
        return made_and_run(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def peak_during(function: Callable[[], Any], device: Device) -> tuple[Any, int]:
    """Run a function, and return its result with the most bytes that were added meanwhile.

    On the CPU the size of the process is watched, which costs the function nothing.
    """
    if device.kind == "gpu":
        return _peak_of_pool(function, device)
    from tensorcore.memory import memory_summary

    before = memory_summary(device).used
    seen, done = [before], threading.Event()

    def watch() -> None:
        while not done.wait(WATCH_S):
            seen.append(memory_summary(device).used)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        result = function()
    finally:
        done.set()
        watcher.join()
    return result, max(seen) - before


def _peak_of_pool(function: Callable[[], Any], device: Device) -> tuple[Any, int]:
    gc.collect()
    pool = device.xp.get_default_memory_pool()
    pool.free_all_blocks()
    before = pool.total_bytes()
    result = function()
    return result, pool.total_bytes() - before
