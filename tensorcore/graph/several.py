"""A plan run for several batches of rows in one call, without Python between the batches.

The numbers that each batch takes from the host (a learning rate, a place in a random stream) are
asked for beforehand, in the order in which single runs would ask.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorcore.device import CPU
from tensorcore.mode import listeners
from tensorcore.tensor import Tensor

WHILE_S = 0.03  # how long a call should take: Ctrl-C and progress bars wait for its end
MOST = 256  # batches of a call
SLOW_S = 0.1  # a batch, from which none waits for another


class Several:
    """Runs a plan for several batches, which are rows of the same arrays.

    Attributes:
        at_once: how many batches the next call should have.
    """

    @staticmethod
    def of(plan: Any, sources: Sequence[np.ndarray]) -> Several | None:
        """What runs the plan on rows of these arrays, one for each of its arguments.

        None where something of a run needs Python, or while the plan's kernels are not compiled.
        """
        graph = plan.graph
        if plan.device is not CPU or graph.moved or len(plan.calls) != 1:
            return None
        if type(plan.calls[0]).__name__ != "Run" or len(sources) != len(plan.arguments):
            return None
        several = Several(plan, sources)
        return several if plan.for_several.attempt(several._bind) else None

    def __init__(self, plan: Any, sources: Sequence[np.ndarray]) -> None:
        self.at_once = 2
        self._plan = plan
        self._sources = list(sources)
        self._length = len(plan.arguments[0])
        self._order = np.zeros(MOST * self._length, np.int64)
        self._first = np.zeros((), np.int64)
        self._calls: Any = None  # those of the plan that `_batches` was made for

    def runs(self, plan: Any) -> bool:
        """Whether it is this plan that it runs."""
        return self._plan is plan

    def _bind(self) -> bool:
        """Make the list of work for the plan as it is now; whether that can be."""
        from tensorcore.kernels.cpu import batches

        plan = self._plan
        self._calls = plan.calls
        gathered = [
            batches.gather(source, self._order, self._first, place)
            for source, place in zip(self._sources, plan.arguments, strict=True)
        ]
        if None in gathered or getattr(plan.calls[0], "pieces", None) is None:
            return False
        hosts = [plan.array_of(s) for _, symbols in plan.graph.host_actions for s in symbols]
        streams = [array for _, _, places in plan.streams for _, _, array in places]
        pieces = [*gathered, *plan.calls[0].pieces]
        self._batches = batches.Batches(pieces, [self._first, *hosts, *streams])
        return True

    def __call__(self, rows: np.ndarray, count: int) -> list[Tensor] | None:
        """Run for `count` batches, whose rows have these numbers, one batch after the other.

        Returns:
            The outputs of the last batch; None if the plan needs Python now, and nothing was done.
        """
        plan = self._plan
        with plan.taken():
            if plan.calls is not self._calls and not self._bind():
                return None
            if listeners.profiles:
                return None
            start = time.perf_counter()
            self._order[: rows.size] = rows
            self._run(count)
            once = (time.perf_counter() - start) / count
            # One that something else held up must not end this: single runs are not timed.
            least = 2 if once < SLOW_S else 1
            self.at_once = int(min(max(WHILE_S / once, least), 2 * count, MOST))
            return plan.fresh_results()

    def _run(self, count: int) -> None:
        plan = self._plan
        values, columns = self._batches.numbers(count)
        left = iter(columns)
        next(left)[:] = np.arange(count) * self._length
        actions = plan.graph.host_actions
        asked = 0
        done = 0
        taken: list[tuple[Any, int]] = []  # random streams that were moved on, by so much a batch
        try:
            numbers: list[list[Any]] = [[] for _ in actions]
            for _ in range(count):
                for (function, _), found in zip(actions, numbers):
                    found.append(function())
                    asked += 1
            for (_, symbols), found in zip(actions, numbers, strict=True):
                for _, of_batches in zip(symbols, zip(*found, strict=True), strict=True):
                    next(left)[:] = of_batches
            for generator, blocks, places in plan.streams:
                key, counter = generator.take_blocks(blocks * count)
                taken.append((generator, blocks))
                moved = np.arange(count, dtype=np.uint64) * np.uint64(blocks)
                for kind, start, _ in places:
                    next(left)[:] = key if kind == "key" else counter + np.uint64(start) + moved
            for variable in plan.variables:
                variable.begin_write()
            done, refuse = self._batches(values)
            if refuse is not None:
                refuse()
        except BaseException:
            self._undo(asked, done, count, taken)
            raise

    def _undo(self, asked: int, done: int, count: int, taken: list[tuple[Any, int]]) -> None:
        """Batches that were not run to their end do not count, as where each runs by itself."""
        undo = self._plan.graph.undo_actions
        for number in range(asked - 1, done * len(undo) - 1, -1):
            if undo[number % len(undo)] is not None:
                undo[number % len(undo)]()
        for generator, blocks in taken:
            generator.take_blocks(-blocks * max(count - done - 1, 0))
