"""Timing one call: the first one apart, then rounds whose median is taken."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from tensorcore.device import Device

ROUNDS = 7
WARM_CALLS = 60  # kernels of small arrays and of graphs are compiled after some calls
WARM_S = 0.1


class Timing(NamedTuple):
    """Seconds a call.

    Attributes:
        first: the first call, with whatever it compiles and allocates.
        rounds: those of each round after it.
        calls: how many calls a round made.
    """

    first: float
    rounds: tuple[float, ...]
    calls: int

    @property
    def low(self) -> float:
        """The fastest round, which noise has hit least."""
        return min(self.rounds)

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def high(self) -> float:
        """The upper quartile; the distance from the fastest round tells the noise."""
        return sorted(self.rounds)[3 * len(self.rounds) // 4]

    def with_rounds_of(self, later: Timing) -> Timing:
        """The rounds of both."""
        return self._replace(rounds=(*self.rounds, *later.rounds))


def measure(
    function: Callable[[], Any],
    device: Device,
    seconds: float = 0.2,
    rounds: int = ROUNDS,
    compile: Callable[[], Any] = lambda: None,
) -> Timing:
    """Time a call of `function` on `device`.

    Args:
        function: takes nothing; its result is dropped.
        device: it is waited for; on a GPU its own events take the time.
        seconds: about how long all rounds take together.
        rounds: how many rounds there are.
        compile: is called after the first call.
    """
    first = _once(function, device)
    compile()
    warm = _warm(function, device)
    calls = max(1, min(int(seconds / rounds / max(warm, 1e-7)), 1_000_000))
    round_of = _round_by_events if device.kind == "gpu" else _round_by_clock
    found = tuple(round_of(function, device, calls) for _ in range(rounds))
    return Timing(first, found, calls)


def _warm(function: Callable[[], Any], device: Device) -> float:
    """Call until nothing more is to be compiled; returns the fastest call's time."""
    end = time.perf_counter() + WARM_S
    found = [_once(function, device)]
    while len(found) < WARM_CALLS and time.perf_counter() < end:
        found.append(_once(function, device))
    return min(found)


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
