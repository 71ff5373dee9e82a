"""Timing one call: the first one apart, then rounds whose median is taken."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from tensorcore.device import Device

ROUNDS = 7


class Timing(NamedTuple):
    """Seconds a call.

    Attributes:
        first: the first call, with whatever it compiles and allocates.
        median, low, high: of the rounds after it; the fastest and slowest round tell the noise.
        calls: how many calls a round made.
    """

    first: float
    median: float
    low: float
    high: float
    calls: int


def measure(
    function: Callable[[], Any], device: Device, seconds: float = 0.2, rounds: int = ROUNDS
) -> Timing:
    """Time a call of `function` on `device`.

    Args:
        function: takes nothing; its result is dropped.
        device: it is waited for; on a GPU its own events take the time.
        seconds: about how long all rounds take together.
        rounds: how many rounds the median is taken of.
    """
    first = _once(function, device)
    warm = _once(function, device)
    calls = max(1, min(int(seconds / rounds / max(warm, 1e-7)), 1_000_000))
    round_of = _round_by_events if device.kind == "gpu" else _round_by_clock
    found = [round_of(function, device, calls) for _ in range(rounds)]
    return Timing(first, statistics.median(found), min(found), max(found), calls)


def _once(function: Callable[[], Any], device: Device) -> float:
    start = time.perf_counter()
    function()
    device.synchronize()
    return time.perf_counter() - start


def _round_by_clock(function: Callable[[], Any], device: Device, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - start) / calls


def _round_by_events(function: Callable[[], Any], device: Device, calls: int) -> float:
    cuda = device.xp.cuda
    start, stop = cuda.Event(), cuda.Event()
    start.record()
    for _ in range(calls):
        function()
    stop.record()
    stop.synchronize()
    return cuda.get_elapsed_time(start, stop) / 1000 / calls
