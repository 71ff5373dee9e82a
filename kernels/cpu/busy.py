"""Whether helpers are worth their while on a machine that others use, too."""

from __future__ import annotations

import time
from collections.abc import Callable

ALONE_S = 0.5  # for how long one thread works alone once helpers kept it waiting
LOST = 0.35  # of the time spent: two threads that wait so much are no faster than one that does not
LEAST_LOST_S = 0.01  # some three turns of another process; one alone says nothing
MEMORY_S = 0.1  # of work; what was lost longer ago counts less and less


class Busyness:
    """Keeps account of the time that was lost to helpers that had no CPU.

    Args:
        clock: says the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock
        self._spent = self._lost = 0.0
        self._alone_until = 0.0

    def is_alone(self) -> bool:
        """Whether to work without helpers now."""
        return self._alone_until > 0.0 and self.clock() < self._alone_until

    def note(self, spent_s: float, lost_s: float) -> None:
        """Work with helpers took so long, and was held up by them for so long."""
        self._spent += spent_s
        self._lost += lost_s
        if self._lost > LEAST_LOST_S and self._lost > LOST * self._spent:
            self._spent = self._lost = 0.0
            self._alone_until = self.clock() + ALONE_S
        elif self._spent > MEMORY_S:
            self._spent /= 2
            self._lost /= 2
