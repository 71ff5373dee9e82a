"""Steps that call the user's functions: map, filter, flat_map, interleave."""

from __future__ import annotations

import collections
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from tensorcore.data.dataset import AUTOTUNE, UNKNOWN, Dataset
from tensorcore.data.iterating import Generated, Run, Steps
from tensorcore.data.spec import TensorSpec, spec_of
from tensorcore.data.texts import string
from tensorcore.data.values import host, map_leaves, tensors
from tensorcore.device import CPU
from tensorcore.errors import ArgumentTypeError

MOST_THREADS = 8


def call(function: Callable[..., Any], element: Any) -> Any:
    """The user's function on an element as tensors of the CPU; tuples are several arguments."""
    with CPU:
        given = tensors(element, CPU)
        return function(*given) if isinstance(given, tuple) else function(given)


def thread_count(num_parallel_calls: Any) -> int:
    """How many threads to use for what the user asked for."""
    if num_parallel_calls is None:
        return 1
    if num_parallel_calls == AUTOTUNE:
        return min(MOST_THREADS, os.cpu_count() or 1)
    return max(1, int(num_parallel_calls))


class Map(Dataset):
    """The results of a function of each element."""

    shown = "_MapDataset"

    def __init__(
        self,
        source: Dataset,
        function: Callable[..., Any],
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
    ) -> None:
        self.sources = [source]
        self.function = function
        self.threads = thread_count(num_parallel_calls)
        if num_parallel_calls is not None:
            self.shown = "_ParallelMapDataset"

    def steps(self, run: Run) -> Steps:
        source = self.sources[0].steps(run)
        return _MapSteps(source, self._result, self.threads)

    def _result(self, element: Any) -> Any:
        return host(call(self.function, element))

    def make_spec(self) -> Any:
        spec = self.sources[0].element_spec
        try:
            # Two elements that differ in their values, and in sizes that are unknown, tell which
            # sizes of the result depend on them.
            first, second = (self._result(map_leaves(_example(n), spec)) for n in (2, 3))
            return map_leaves(_common_spec, first, second)
        except Exception:  # the user's function may refuse made-up values with any error
            element = next(iter(self.steps(Run([]))), None)
            if element is None:
                raise
            return map_leaves(spec_of, element)

    def count(self) -> int:
        return self.sources[0].count()


def _example(unknown: int) -> Callable[[TensorSpec], np.ndarray]:
    """A function that makes an array that fits a spec."""

    def make(spec: TensorSpec) -> np.ndarray:
        shape: Any = tuple(unknown if n is None else n for n in spec.shape or ())
        dtype: Any = spec.dtype
        return (
            np.full(shape, b"", object) if dtype is string else np.full(shape, unknown - 2, dtype)
        )

    return make


def _common_spec(first: Any, second: Any) -> Any:
    if not isinstance(first, np.ndarray):
        return first
    spec = spec_of(first)
    if first.ndim != second.ndim:
        return TensorSpec(None, spec.dtype)
    sizes = zip(first.shape, second.shape, strict=True)
    return TensorSpec(tuple(a if a == b else None for a, b in sizes), spec.dtype)


class _MapSteps(Steps):
    """Results in the order of the elements; with several threads some are computed ahead."""

    def __init__(self, source: Steps, function: Callable[[Any], Any], threads: int) -> None:
        self._source = source
        self._function = function
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._ahead: collections.deque[Future[Any]] = collections.deque()

    def __next__(self) -> Any:
        if self._threads == 1:
            return self._function(next(self._source))
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, "tensorcore-map")
        while len(self._ahead) < 2 * self._threads:
            try:
                element = next(self._source)
            except StopIteration:
                break
            self._ahead.append(self._pool.submit(self._function, element))
        if not self._ahead:
            self.close()
            raise StopIteration
        return self._ahead.popleft().result()

    def skip(self, count: int) -> int:
        # What is left out is not computed.
        return self._source.skip(count) if not self._ahead else super().skip(count)

    def close(self) -> None:
        self._source.close()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def __del__(self) -> None:
        self.close()


class Filter(Dataset):
    """The elements for which a function says True."""

    shown = "_FilterDataset"

    def __init__(self, source: Dataset, predicate: Callable[..., Any]) -> None:
        self.sources = [source]
        self.predicate = predicate

    def steps(self, run: Run) -> Steps:
        source = self.sources[0].steps(run)
        return Generated(element for element in source if bool(call(self.predicate, element)))

    def count(self) -> int:
        return UNKNOWN


class TakeWhile(Filter):
    """The elements up to the first for which a function says False."""

    shown = "_TakeWhileDataset"

    def steps(self, run: Run) -> Steps:
        return Generated(self._up_to_the_first(self.sources[0].steps(run)))

    def _up_to_the_first(self, source: Steps) -> Iterator[Any]:
        for element in source:
            if not bool(call(self.predicate, element)):
                return
            yield element


class Scan(Dataset):
    """Results of a function that hands a state on from element to element."""

    shown = "_ScanDataset"

    def __init__(self, source: Dataset, state: Any, function: Callable[..., Any]) -> None:
        self.sources = [source]
        self.state = host(state)
        self.function = function

    def steps(self, run: Run) -> Steps:
        return Generated(self._results(self.sources[0].steps(run)))

    def _results(self, source: Steps) -> Iterator[Any]:
        state = self.state
        for element in source:
            state, result = self._next(state, element)
            yield result

    def _next(self, state: Any, element: Any) -> tuple[Any, Any]:
        with CPU:
            found = self.function(tensors(state, CPU), tensors(element, CPU))
        if not isinstance(found, tuple) or len(found) != 2:
            raise ArgumentTypeError(
                "Dataset.scan: scan_func must return (the new state, an element), received "
                f"{type(found).__name__}"
            )
        return host(found[0]), host(found[1])

    def make_spec(self) -> Any:
        element = next(iter(self.steps(Run([]))))
        return map_leaves(spec_of, element)

    def count(self) -> int:
        return self.sources[0].count()


class Interleave(Dataset):
    """Elements of the data sets that a function makes, `cycle_length` of them taken in turn."""

    shown = "_InterleaveDataset"

    def __init__(
        self,
        source: Dataset,
        function: Callable[..., Any],
        cycle_length: int = 1,
        block_length: int = 1,
    ) -> None:
        self.sources = [source]
        self.function = function
        self.cycle_length = cycle_length
        self.block_length = block_length
        if cycle_length == 1:
            self.shown = "_FlatMapDataset"

    def _made(self, element: Any) -> Dataset:
        dataset = call(self.function, element)
        if not isinstance(dataset, Dataset):
            raise ArgumentTypeError(
                f"flat_map and interleave need a function that returns a data set, received "
                f"{type(dataset).__name__}; use map for other results"
            )
        return dataset

    def steps(self, run: Run) -> Steps:
        return Generated(self._elements(self.sources[0].steps(run), run))

    def _elements(self, source: Steps, run: Run) -> Iterator[Any]:
        places: list[Steps | None] = [None] * self.cycle_length
        is_over = False
        while True:
            for place in range(self.cycle_length):
                given = 0
                while given < self.block_length:
                    if places[place] is None:
                        element = None if is_over else next(source, None)
                        if element is None:
                            is_over = True
                            break
                        places[place] = self._made(element).steps(run)
                    found = next(places[place], _END)  # type: ignore
                    if found is _END:
                        places[place] = None  # filled again when its turn comes
                        break
                    given += 1
                    yield found
            if is_over and not any(places):
                return

    def make_spec(self) -> Any:
        try:
            return self._made(map_leaves(_example(2), self.sources[0].element_spec)).element_spec
        except Exception:  # as above
            first = next(iter(self.sources[0].steps(Run([]))))
            return self._made(first).element_spec

    def count(self) -> int:
        return UNKNOWN


_END = object()
