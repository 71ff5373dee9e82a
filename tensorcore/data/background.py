"""Steps that work ahead or remember: prefetch and cache."""

from __future__ import annotations

import queue
import threading
import weakref
from typing import Any

from tensorcore.data.dataset import AUTOTUNE, Dataset
from tensorcore.data.iterating import Generated, Run, Steps

DEFAULT_AHEAD = 2


class Prefetch(Dataset):
    """The elements, made in a thread of their own while the program works."""

    shown = "_PrefetchDataset"
    only_chooses = True

    def __init__(self, source: Dataset, buffer_size: Any) -> None:
        self.sources = [source]
        ahead = DEFAULT_AHEAD if buffer_size in (None, AUTOTUNE) else int(buffer_size)
        self.ahead = max(ahead, 0)
        self.rows = source.rows

    def gather(self, index: Any) -> Any:
        return self.sources[0].gather(index)

    def table(self) -> Any:
        return self.sources[0].table()

    def steps(self, run: Run) -> Steps:
        steps = self.sources[0].steps(run)
        # Numbers of rows are there sooner than a thread could hand them over.
        return _PrefetchSteps(steps, self.ahead) if self.ahead and not run.is_of_numbers else steps


class _PrefetchSteps(Steps):
    """Reads from a queue that a thread fills; the thread starts with the first element."""

    def __init__(self, steps: Steps, ahead: int) -> None:
        self._steps = steps
        self._queue: queue.Queue[Any] = queue.Queue(ahead)
        self._stop = threading.Event()
        self._is_running = False
        self._is_over = False

    def _start(self) -> None:
        self._is_running = True
        thread = threading.Thread(
            target=_fill, args=(self._steps, self._queue, self._stop), daemon=True
        )
        # The thread knows the queue alone, so that an iterator that is left half-way is collected.
        weakref.finalize(self, self._stop.set)
        thread.start()

    def __next__(self) -> Any:
        if self._is_over:
            raise StopIteration
        if not self._is_running:
            self._start()
        kind, value = self._queue.get()
        if kind == "element":
            return value
        self._is_over = True
        if kind == "error":
            raise value  # with its traceback: the user's line is the last one
        raise StopIteration

    def skip(self, count: int) -> int:
        return super().skip(count) if self._is_running else self._steps.skip(count)

    def close(self) -> None:
        self._stop.set()
        self._steps.close()


def _fill(steps: Steps, waiting: queue.Queue[Any], stop: threading.Event) -> None:
    """Put elements into the queue until they end or nobody wants them any more."""

    def put(item: tuple[str, Any]) -> bool:
        while not stop.is_set():
            try:
                waiting.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    try:
        for element in steps:
            if not put(("element", element)):
                return
        put(("end", None))
    except BaseException as error:
        put(("error", error))


class Cache(Dataset):
    """The elements, kept in memory during the first whole pass."""

    shown = "_CacheDataset"

    def __init__(self, source: Dataset) -> None:
        self.sources = [source]
        self.rows = source.rows
        self._kept: list[Any] | None = None

    def gather(self, index: Any) -> Any:
        return self.sources[0].gather(index)

    def table(self) -> Any:
        return self.sources[0].table()

    def steps(self, run: Run) -> Steps:
        if self.rows is not None:
            return self.sources[0].steps(run)  # arrays are in memory anyway
        if self._kept is not None:
            return _ListSteps(self._kept)
        return Generated(self._keeping(self.sources[0].steps(run)))

    def _keeping(self, steps: Steps) -> Any:
        kept = []
        for element in steps:
            kept.append(element)
            yield element
        self._kept = kept


class _ListSteps(Steps):
    def __init__(self, elements: list[Any]) -> None:
        self._elements = elements
        self._position = 0

    def __next__(self) -> Any:
        if self._position >= len(self._elements):
            raise StopIteration
        self._position += 1
        return self._elements[self._position - 1]

    def skip(self, count: int) -> int:
        start = self._position
        self._position = min(start + count, len(self._elements))
        return self._position - start
