"""Data sets written in Python: a batch for each number."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from typing import Any

from tensorcore import random
from tensorcore.errors import InvalidArgumentError


class PyDataset:
    """Base of data sets that say how many batches they have, and make each by its number.

    A subclass gives `__getitem__(index)`, which returns (x, y) or (x, y, sample_weight), and
    `__len__` or `num_batches` (None for no end). `fit` takes the batches in random order, unless
    shuffle=False says otherwise.

    Args:
        workers: with 2 or more so many threads make batches ahead.
        use_multiprocessing: taken; batches are made by threads.
        max_queue_size: how many batches are made ahead at most.

    >>> class Squares(PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...
    ...     def __getitem__(self, index):
    ...         return [index], [index**2]
    >>> [batch for batch in Squares()]
    [([0], [0]), ([1], [1]), ([2], [4])]
    """

    # Also for subclasses that do not call this constructor.
    workers = 1
    use_multiprocessing = False
    max_queue_size = 10

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        """The batch with this number."""
        raise InvalidArgumentError(
            f"{type(self).__name__}: a PyDataset needs a method __getitem__(self, index) that "
            "returns a batch (x, y)"
        )

    @property
    def num_batches(self) -> int | None:
        """How many batches there are; None for no end."""
        if hasattr(self, "__len__"):
            return len(self)
        raise InvalidArgumentError(
            f"{type(self).__name__}: a PyDataset needs a method __len__(self) that returns the "
            "number of batches"
        )

    def on_epoch_begin(self) -> None:
        """Called before each pass."""

    def on_epoch_end(self) -> None:
        """Called after each pass."""

    def __iter__(self) -> Iterator[Any]:
        count = self.num_batches
        for index in itertools.count() if count is None else range(count):
            yield self[index]


class Passes:
    """A PyDataset as `fit` and `evaluate` pass over it.

    Args:
        dataset: the data set.
        shuffle: whether each pass takes the batches in a new random order.
    """

    def __init__(self, dataset: PyDataset, shuffle: bool) -> None:
        self._dataset = dataset
        self._shuffle = shuffle
        self.num_batches = dataset.num_batches

    def __iter__(self) -> Iterator[Any]:
        self._dataset.on_epoch_begin()
        yield from self._made(iter(self._numbers()))
        self._dataset.on_epoch_end()

    def _numbers(self) -> Any:
        count = self._dataset.num_batches
        if count is None:
            return itertools.count()
        if not self._shuffle:
            return range(count)
        return random.permutation(count, device="cpu").tolist()

    def _made(self, numbers: Iterator[int]) -> Iterator[Any]:
        workers = int(self._dataset.workers)
        if workers < 2:
            yield from (self._dataset[number] for number in numbers)
            return
        from concurrent.futures import ThreadPoolExecutor  # late: few programs need threads

        ahead = max(workers, int(self._dataset.max_queue_size))
        with ThreadPoolExecutor(workers, "tensorcore-batches") as pool:
            waiting = deque(
                pool.submit(self._dataset.__getitem__, number)
                for number in itertools.islice(numbers, ahead)
            )
            try:
                while waiting:
                    batch = waiting.popleft().result()
                    for number in itertools.islice(numbers, 1):
                        waiting.append(pool.submit(self._dataset.__getitem__, number))
                    yield batch
            finally:
                for future in waiting:
                    future.cancel()
