"""Steps that choose among elements and order them: shuffle, repeat, take, skip, shard..."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tensorcore.data.dataset import INFINITE, UNKNOWN, Dataset
from tensorcore.data.iterating import Chained, Generated, Run, Steps, fresh_seed
from tensorcore.data.spec import TensorSpec
from tensorcore.data.values import map_leaves
from tensorcore.errors import InvalidArgumentError


def shuffled_order(count: int, buffer_size: int, rng: np.random.Generator) -> np.ndarray:
    """The order in which rows leave a buffer that is refilled row by row.

    A row that leaves is replaced by the next one, at its place in the buffer.  So what leaves at
    time t is what was put into that place last: found by sorting the times by place.  When no row
    is left to refill with, what remains leaves in random order.
    """
    if buffer_size >= count:
        return rng.permutation(count)
    refills = count - buffer_size
    places = rng.integers(0, buffer_size, refills)
    times = np.argsort(places, kind="stable")
    same = np.flatnonzero(places[times[1:]] == places[times[:-1]])
    leaving = places.copy()  # the first to leave a place is what was there at the beginning
    leaving[times[same + 1]] = buffer_size + times[same]
    remains = np.arange(buffer_size)
    remains[places] = buffer_size + np.arange(refills)  # the last write to a place stays
    return np.concatenate([leaving, rng.permutation(remains)])


class Shuffle(Dataset):
    """Elements in random order, drawn from a buffer of the next `buffer_size` ones."""

    shown = "_ShuffleDataset"
    only_chooses = True

    def __init__(
        self, source: Dataset, buffer_size: int, seed: Any, reshuffle_each_iteration: bool | None
    ) -> None:
        count = source.count()
        if buffer_size is None or buffer_size == -1:
            buffer_size = count if count > 0 else 2**62
        if buffer_size < 1:
            raise InvalidArgumentError(
                f"shuffle: buffer_size must be greater than zero, received {buffer_size}"
            )
        self.sources = [source]
        self.buffer_size = int(buffer_size)
        self.seed = None if seed is None else int(seed)
        self.reshuffle_each_iteration = reshuffle_each_iteration is not False
        self._iterations = 0
        self._first_seed: int | None = None

    def draw_seed(self) -> int:
        """The seed of the next iteration: with `seed` the same ones in every run of a program."""
        if not self.reshuffle_each_iteration:
            if self._first_seed is None:
                self._first_seed = fresh_seed() if self.seed is None else self.seed % 2**32
            return self._first_seed
        if self.seed is None:
            return fresh_seed()
        self._iterations += 1
        return (self.seed * 1_000_003 + self._iterations) % 2**63

    def steps(self, run: Run) -> Steps:
        source = self.sources[0]
        rng = run.generator(self)
        if source.rows is not None:
            order = shuffled_order(source.rows, self.buffer_size, rng)
            return run.rows_of(source, order)
        return Generated(self._through_a_buffer(source.steps(run), rng))

    def _through_a_buffer(self, steps: Steps, rng: np.random.Generator) -> Iterator[Any]:
        buffer: list[Any] = []
        for element in steps:
            if len(buffer) < self.buffer_size:
                buffer.append(element)
                continue
            place = int(rng.integers(len(buffer)))
            leaving, buffer[place] = buffer[place], element
            yield leaving
        for place in rng.permutation(len(buffer)):
            yield buffer[place]


class Repeat(Dataset):
    """The elements several times over, or for ever."""

    shown = "_RepeatDataset"
    only_chooses = True

    def __init__(self, source: Dataset, times: int | None) -> None:
        self.sources = [source]
        self.times = None if times is None or times < 0 else int(times)

    def steps(self, run: Run) -> Steps:
        return Chained(self._passes(run))

    def _passes(self, run: Run) -> Iterator[Steps]:
        done = 0
        while self.times is None or done < self.times:
            steps = _Noticing(self.sources[0].steps(run))
            yield steps
            done += 1
            if self.times is None and not steps.had_elements:
                return  # nothing for ever is nothing

    def count(self) -> int:
        count = self.sources[0].count()
        if self.times is None:
            return INFINITE if count else 0
        return count if count < 0 and self.times else count * self.times


class _Noticing(Steps):
    """Steps that notice whether there was anything."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self.had_elements = False

    def __next__(self) -> Any:
        element = next(self._steps)
        self.had_elements = True
        return element

    def block(self, count: int) -> tuple[Any, int]:
        rows, number = self._steps.block(count)
        self.had_elements = self.had_elements or number > 0
        return rows, number

    def skip(self, count: int) -> int:
        number = self._steps.skip(count)
        self.had_elements = self.had_elements or number > 0
        return number

    def close(self) -> None:
        self._steps.close()


class Part(Dataset):
    """Every `step`-th element from `start` up to `stop`: take, skip and shard."""

    only_chooses = True

    def __init__(
        self, source: Dataset, start: int, stop: int | None, step: int = 1, shown: str = "_Part"
    ) -> None:
        self.sources = [source]
        self.part = slice(start, stop, step)
        self.shown = shown
        if source.rows is not None:
            self._places = range(source.rows)[self.part]
            self.rows = len(self._places)

    def gather(self, index: Any) -> Any:
        places = self._places
        if isinstance(index, int):
            return self.sources[0].gather(places[index])
        if isinstance(index, slice):
            part = places[index]
            return self.sources[0].gather(slice(part.start, part.stop, part.step))
        return self.sources[0].gather(places.start + np.asarray(index) * places.step)

    def table(self) -> Any:
        table = self.sources[0].table()
        if table is None or self._places.step != 1:
            return None  # rows with gaps between them are gathered best by number
        rows = slice(self._places.start, self._places.stop)
        return map_leaves(lambda array: array[rows], table)

    def steps(self, run: Run) -> Steps:
        if self.rows is not None:
            return run.rows_of(self)
        return _PartSteps(self.sources[0].steps(run), self.part)

    def count(self) -> int:
        count = self.sources[0].count()
        if count == UNKNOWN:
            return UNKNOWN
        if count == INFINITE:
            stop = self.part.stop
            return INFINITE if stop is None else len(range(stop)[self.part])
        return len(range(count)[self.part])


class _PartSteps(Steps):
    def __init__(self, steps: Steps, window: slice) -> None:
        self._steps = steps
        self._before = window.start or 0
        self._step = window.step
        self._left = (
            None if window.stop is None else len(range(window.start or 0, window.stop, window.step))
        )

    def _to_next(self) -> None:
        if self._left == 0:
            raise StopIteration
        if self._before and self._steps.skip(self._before) < self._before:
            raise StopIteration
        self._before = self._step - 1

    def __next__(self) -> Any:
        self._to_next()
        element = next(self._steps)
        if self._left is not None:
            self._left -= 1
        return element

    def block(self, count: int) -> tuple[Any, int]:
        if self._step != 1:
            return super().block(count)
        try:
            self._to_next()
        except StopIteration:
            return None, 0
        rows, number = self._steps.block(count if self._left is None else min(count, self._left))
        if self._left is not None:
            self._left -= number
        return rows, number

    def close(self) -> None:
        self._steps.close()


class Concatenate(Dataset):
    """The elements of one data set after those of another."""

    shown = "_ConcatenateDataset"

    def __init__(self, first: Dataset, second: Dataset) -> None:
        self.sources = [first, second]

    def steps(self, run: Run) -> Steps:
        return Chained(source.steps(run) for source in self.sources)

    def count(self) -> int:
        counts = [source.count() for source in self.sources]
        for special in (INFINITE, UNKNOWN):
            if special in counts:
                return special
        return sum(counts)


class Enumerate(Dataset):
    """(number, element), the numbers int64."""

    shown = "_ZipDataset"

    def __init__(self, source: Dataset, start: int) -> None:
        self.sources = [source]
        self.start = int(start)
        self.rows = source.rows

    def gather(self, index: Any) -> Any:
        places = np.arange(self.count())[index] if isinstance(index, slice) else np.asarray(index)
        return (self.start + places.astype(np.int64)), self.sources[0].gather(index)

    def steps(self, run: Run) -> Steps:
        if self.rows is not None:
            return run.rows_of(self)
        numbered = enumerate(self.sources[0].steps(run), self.start)
        return Generated((np.asarray(number, np.int64), element) for number, element in numbered)

    def make_spec(self) -> Any:
        return TensorSpec((), "int64"), self.sources[0].element_spec
