"""Whether helpers are worth their while on a machine that others use, too."""

from __future__ import annotations

import time
from collections.abc import Callable

# For how long one thread works alone once helpers were of no use: twice as long each time that they
# still are, since what has come between once, such as a program that ends, is over soon.
FIRST_ALONE_S = 0.03
LONGEST_ALONE_S = 0.5
LOST = 0.35  # of the time spent: two threads that lose so much are no faster than one
LEAST_LOST_S = 0.02  # some turns of another process; one alone says nothing
MEMORY_S = 0.1  # of work; what was lost longer ago counts less and less


class Busyness:
    """Keeps account of the time in which the calling thread, or a helper it waited for, had no CPU.

    Args:
        clock: says the time in seconds.
        own_clock: says for how long the calling thread has had a CPU.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.perf_counter,
        own_clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self.clock = clock
        self.own_clock = own_clock
        self._spent = self._lost = 0.0
        self._alone_until = 0.0
        self._alone_s = FIRST_ALONE_S

    def is_alone(self) -> bool:
        """Whether to work without helpers now."""
        return self._alone_until > 0.0 and self.clock() < self._alone_until

    def begin(self) -> tuple[float, float]:
        """Work with helpers begins; what `end` is to be told then."""
        return self.clock(), self.own_clock()

    def end(self, began: tuple[float, float], waited_s: float) -> None:
        """It is done; for so long helpers without a CPU were waited for."""
        spent = self.clock() - began[0]
        had = self.own_clock() - began[1]
        self._spent += spent
        self._lost += spent - had + waited_s
        if self._lost > LEAST_LOST_S and self._lost > LOST * self._spent:
            self._spent = self._lost = 0.0
            self._alone_until = self.clock() + self._alone_s
            self._alone_s = min(2 * self._alone_s, LONGEST_ALONE_S)
        elif self._spent > MEMORY_S:
            self._spent /= 2
            self._lost /= 2
            self._alone_s = FIRST_ALONE_S
