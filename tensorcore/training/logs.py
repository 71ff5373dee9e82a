"""Values of metrics as numbers, read from the device only when somebody looks."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np


def as_number(value: Any) -> Any:
    """A Python float for a scalar, an array for anything else; waits for the device."""
    array = np.asarray(value)
    return float(array) if array.ndim == 0 and array.dtype.kind in "fiub" else array


def as_numbers(results: Mapping[str, Any]) -> dict[str, Any]:
    """All values as numbers."""
    return {name: as_number(value) for name, value in results.items()}


class MetricResults(Mapping[str, Any]):
    """The results of metrics at the moment when somebody asks for them.

    What a training step returns: a step whose results nobody reads computes and copies nothing,
    and a traced step may return the same object at every run.
    """

    def __init__(self, metrics: list[Any]) -> None:
        self._metrics = metrics

    def _values(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for metric in self._metrics:
            result = metric.result()
            values.update(result if isinstance(result, dict) else {metric.name: result})
        return values

    def __getitem__(self, name: str) -> Any:
        return self._values()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values())

    def __len__(self) -> int:
        return len(self._values())

    def items(self) -> Any:
        return self._values().items()

    def __repr__(self) -> str:
        return repr(self._values())


class Logs(Mapping[str, Any]):
    """What callbacks get at the end of a batch: numbers, read from the device at the first look."""

    def __init__(self, results: Mapping[str, Any]) -> None:
        self._results = results
        self._numbers: dict[str, Any] | None = None

    def settle_if_held(self, references: int) -> None:
        """Read the numbers now if a callback has kept the logs, since the metrics will move on.

        Args:
            references: `sys.getrefcount` of the logs, said in the call of this method itself.
        """
        if references > _REFERENCES_WHERE_NOT_KEPT:
            self.numbers()

    def numbers(self) -> dict[str, Any]:
        """The numbers themselves."""
        if self._numbers is None:
            self._numbers = as_numbers(self._results)
        return self._numbers

    def __getitem__(self, name: str) -> Any:
        return self.numbers()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.numbers())

    def __len__(self) -> int:
        return len(self.numbers())

    def __repr__(self) -> str:
        return repr(self.numbers())


class _Counted:
    def references(self, found: int) -> int:
        return found


def _references_where_not_kept() -> int:
    """What `sys.getrefcount` says, in a call of its own method, of an object that one local name
    holds: Pythons differ.
    """
    thing = _Counted()
    return thing.references(sys.getrefcount(thing))


_REFERENCES_WHERE_NOT_KEPT = _references_where_not_kept()
