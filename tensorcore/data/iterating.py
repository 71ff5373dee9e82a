"""Passing over a data set: elements one by one, or blocks of them; and places to come back to."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from tensorcore import random
from tensorcore.data.values import joined, map_leaves, stacked
from tensorcore.errors import OutOfRangeError


class EndOfSequence(OutOfRangeError):
    """The data set has no further element."""


class Run:
    """One pass as the program sees it: which random order each shuffle takes.

    Args:
        shuffles: the shuffling steps of the pipeline, in order.
        seeds: those of an earlier run that is to be repeated; None draws new ones.
        is_of_numbers: let the numbers of rows go through the pipeline instead of the rows.
    """

    def __init__(
        self,
        shuffles: list[Any],
        seeds: list[int] | None = None,
        is_of_numbers: bool = False,
    ) -> None:
        self.is_of_numbers = is_of_numbers
        self.seeds = [step.draw_seed() for step in shuffles] if seeds is None else list(seeds)
        # Weak: steps made while running, inside flat_map, come and go.
        self._seed_of: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary(
            zip(shuffles, self.seeds, strict=True)
        )
        self._passes: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()

    def rows_of(self, source: Any, order: np.ndarray | None = None) -> RowSteps:
        """A pass over the rows of a data set that can be read in any order."""
        gather = _numbers if self.is_of_numbers else source.gather
        return RowSteps(gather, source.rows, order)

    def generator(self, step: Any) -> np.random.Generator:
        """Random numbers for the next pass over this shuffle; each pass has its own."""
        if step not in self._seed_of:
            self._seed_of[step] = step.draw_seed()
        number = self._passes.get(step, 0)
        self._passes[step] = number + 1
        return np.random.default_rng(
            [self._seed_of[step], number if step.reshuffle_each_iteration else 0]
        )


def fresh_seed() -> int:
    """A seed from the global stream of random numbers."""
    return int(random.bits((1,), device="cpu").data[0])


class Steps:
    """A pass over a data set in host arrays.

    A subclass gives `__next__`, and where it can do better than one by one, `block` and `skip`.
    """

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        raise NotImplementedError

    def block(self, count: int) -> tuple[Any, int]:
        """Up to `count` elements stacked, and how many they are; (None, 0) at the end."""
        elements: list[Any] = []
        for element in self:
            elements.append(element)
            if len(elements) == count:
                break
        return (stacked(elements), len(elements)) if elements else (None, 0)

    def skip(self, count: int) -> int:
        """Leave elements out; returns how many there were."""
        for done in range(count):
            try:
                next(self)
            except StopIteration:
                return done
        return count

    def close(self) -> None:
        """Stop what runs in the background."""


class Generated(Steps):
    """Steps made by a generator function."""

    def __init__(self, elements: Iterator[Any]) -> None:
        self._elements = elements

    def __next__(self) -> Any:
        return next(self._elements)


class RowSteps(Steps):
    """A pass over rows that can be read in any order: blocks are gathered in one go.

    Args:
        gather: (a row's number, a slice, or an array of numbers) -> rows.
        count: how many rows there are.
        order: the numbers of the rows in the order of the pass; None for 0, 1, 2...
    """

    def __init__(self, gather: Any, count: int, order: np.ndarray | None = None) -> None:
        self._gather = gather
        self._count = count
        self._order = order
        self._position = 0

    def __next__(self) -> Any:
        place = self._position
        if place >= self._count:
            raise StopIteration
        self._position = place + 1
        return self._gather(place if self._order is None else int(self._order[place]))

    def block(self, count: int) -> tuple[Any, int]:
        start = self._position
        stop = min(start + count, self._count)
        if stop <= start:
            return None, 0
        self._position = stop
        rows: Any = slice(start, stop)
        return self._gather(rows if self._order is None else self._order[rows]), stop - start

    def skip(self, count: int) -> int:
        start = self._position
        self._position = min(start + count, self._count)
        return self._position - start


def _numbers(index: Any) -> np.ndarray:
    """What `gather` is where rows stand for their numbers."""
    if isinstance(index, slice):
        return np.arange(index.start, index.stop)
    return np.asarray(index, np.intp)


class BatchesOfRows:
    """Batches that a data set makes of rows of arrays; iterate over it for their numbers.

    Attributes:
        arrays: a structure of host arrays.
        batch_size: rows a batch; some may be smaller.
    """

    def __init__(self, dataset: Any, arrays: Any, batch_size: int) -> None:
        self._dataset = dataset
        self.arrays = arrays
        self.batch_size = batch_size

    def __iter__(self) -> Iterator[np.ndarray]:
        dataset = self._dataset
        return iter(dataset.steps(Run(dataset.shuffles(), is_of_numbers=True)))


class Chained(Steps):
    """Several passes one after the other; `passes` makes them as they are needed."""

    def __init__(self, passes: Iterator[Steps]) -> None:
        self._passes = passes
        self._current: Steps | None = None

    def _advance(self) -> bool:
        self._current = next(self._passes, None)
        return self._current is not None

    def __next__(self) -> Any:
        while self._current is not None or self._advance():
            for element in self._current:  # type: ignore[union-attr]
                return element
            self._current = None
        raise StopIteration

    def block(self, count: int) -> tuple[Any, int]:
        blocks, found = [], 0
        while found < count and (self._current is not None or self._advance()):
            rows, number = self._current.block(count - found)  # type: ignore[union-attr]
            if number:
                blocks.append(rows)
                found += number
            if found < count:
                self._current = None
        return (joined(blocks), found) if blocks else (None, 0)

    def skip(self, count: int) -> int:
        done = 0
        while done < count and (self._current is not None or self._advance()):
            done += self._current.skip(count - done)  # type: ignore[union-attr]
            if done < count:
                self._current = None
        return done

    def close(self) -> None:
        if self._current is not None:
            self._current.close()


def rows_of(block: Any) -> Iterator[Any]:
    """The rows of a block, one by one."""
    from tensorcore.data.values import leaves_of

    count = len(next(leaves_of(block)))
    for row in range(count):
        yield map_leaves(lambda array, row=row: array[row, ...], block)
