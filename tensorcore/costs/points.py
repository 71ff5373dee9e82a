"""Measured points, and what lies between them."""

from __future__ import annotations

import collections
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from tensorcore.costs.tasks import Task, as_pass

NEAR = 0.05  # squared distance, in doublings, below which points count alike
UNKNOWN = 1.0  # error of a guess about something of which nothing was measured


class Point(NamedTuple):
    """A task, and the seconds that it took."""

    task: Task
    seconds: float


class Points:
    """The points of a device.

    The speed of a task (work a second) is the mean of the measured speeds of its kind, by their
    logarithms.  A point's weight falls with the sixth power of its distance, which is counted in
    doublings of the sizes.
    """

    def __init__(self, points: Iterable[Point]) -> None:
        fastest: dict[Task, float] = {}
        for task, seconds in points:
            fastest[task] = min(seconds, fastest.get(task, seconds))
        self.all = [Point(*entry) for entry in fastest.items()]
        self._kinds: dict[tuple[str, ...], list[Point]] = collections.defaultdict(list)
        for point in self.all:
            self._kinds[point.task.family,].append(point)
            self._kinds[point.task.family, point.task.name].append(point)
        self._tables = {kind: _Table(some) for kind, some in self._kinds.items()}

    def seconds(self, task: Task) -> float:
        """How long a task will take."""
        table = self._table(task)
        return table.seconds(task) if table else self.seconds(as_pass(task))

    def error(self, task: Task) -> float:
        """The share of `seconds` that it may be wrong by."""
        table = self._table(task)
        return table.error if table else UNKNOWN

    def _table(self, task: Task) -> _Table | None:
        named = self._tables.get((task.family, task.name))
        return named or self._tables.get((task.family,))


class _Table:
    """Points of one kind."""

    def __init__(self, points: list[Point]) -> None:
        self._places = np.array([_place(point.task) for point in points])
        self._times = np.array([point.seconds for point in points])
        self._speeds = np.log([point.task.work / point.seconds for point in points])
        self._points = points
        self._error: float | None = None

    def seconds(self, task: Task, left_out: int | None = None) -> float:
        """The interpolated time; without one of the points if asked."""
        squares = ((self._places - _place(task)) ** 2).sum(axis=1)
        weights = (squares + NEAR) ** -3.0
        if left_out is not None:
            weights[left_out] = 0
        speed = np.exp(weights @ self._speeds / weights.sum())
        return max(task.work / float(speed), float(self._times.min()))

    @property
    def error(self) -> float:
        """How far points are from what the others say, as a share of their times together."""
        if self._error is None:
            self._error = UNKNOWN if len(self._points) < 2 else self._error_of_all()
        return self._error

    def _error_of_all(self) -> float:
        said = [self.seconds(point.task, i) for i, point in enumerate(self._points)]
        shares = np.minimum(np.abs(np.array(said) / self._times - 1), UNKNOWN)
        return float(np.average(shares, weights=np.sqrt(self._times)))


def _place(task: Task) -> Any:
    """Where a task is, in doublings of its sizes; those of the footprint count half."""
    return np.log2([*task.sizes, task.footprint**0.5])
