"""What a profile keeps of each operation, and sums of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple


class Event(NamedTuple):
    """One operation that ran.

    Attributes:
        name: of the operation; of several that were fused, their names together.
        phase: "forward", "backward" or "update".
        layers: names of the layers around it, the outermost first.
        start_s: seconds since the profile began.
        host_s: seconds until the host went on.
        total_s: seconds until the device was done; on the CPU the same.
        nbytes: bytes of what it made.
        traced: whether it ran as part of a planned graph.
    """

    name: str
    phase: str
    layers: tuple[str, ...]
    start_s: float
    host_s: float
    total_s: float
    nbytes: int
    traced: bool

    @property
    def layer(self) -> str:
        """The path of the layers, or what else it belongs to."""
        return "/".join(self.layers) or f"({self.phase})"


class Sum(NamedTuple):
    """What some events took together."""

    name: str
    calls: int
    host_s: float
    total_s: float
    forward_s: float
    backward_s: float
    update_s: float
    nbytes: int


def sums(events: Iterable[Event], key: Callable[[Event], str]) -> list[Sum]:
    """The events summed by what `key` says, the longest first."""
    groups: dict[str, list[Event]] = {}
    for event in events:
        groups.setdefault(key(event), []).append(event)
    found = [_sum(name, members) for name, members in groups.items()]
    return sorted(found, key=lambda one: -one.total_s)


def _sum(name: str, events: list[Event]) -> Sum:
    def of(phase: str) -> float:
        return sum(event.total_s for event in events if event.phase == phase)

    return Sum(
        name,
        len(events),
        sum(event.host_s for event in events),
        sum(event.total_s for event in events),
        of("forward"),
        of("backward"),
        of("update"),
        sum(event.nbytes for event in events),
    )
