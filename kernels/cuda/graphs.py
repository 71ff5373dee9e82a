"""A list of calls that is captured into one CUDA graph, and launched as one from then on.

Launching each kernel of a training step from Python takes longer than a small kernel runs.  A CUDA
graph keeps the launches with their arguments; replaying it costs the host one call.  The arrays
must be the same at every run, and what changes from step to step must stand in arrays.
"""

from __future__ import annotations

import functools
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import cupy
from cupy.cuda.device import get_device_id

RUNS_BEFORE = 1  # plain runs: they compile what is compiled late, and make handles and workspaces


def are_wanted() -> bool:
    """Whether steps are captured; TENSORCORE_CUDA_GRAPHS=0 turns that off."""
    return os.environ.get("TENSORCORE_CUDA_GRAPHS", "1") != "0"


class _Lane:
    """What the graphs of a GPU have in common: they are captured on one stream, whose workspaces
    (of cuBLASLt, 32 MiB) are in all of them, so that no two may run at the same time.
    """

    def __init__(self) -> None:
        self.stream = cupy.cuda.Stream(non_blocking=True)
        self.lock = threading.Lock()  # of capturing
        self._last: Any = None

    def enter(self, stream: Any) -> None:
        """Let what is launched in `stream` from now on wait for graphs that run in another one."""
        last = self._last
        if last is not None and last.ptr == stream.ptr:
            return
        if last is not None:
            stream.wait_event(last.record())
        self._last = stream


@functools.cache
def _lane_of(device: int) -> _Lane:
    return _Lane()


class Replay:
    """Call it to run the steps.

    Args:
        steps: what is launched.
        run: calls a step by itself, and again if there was no memory: a whole run that is made
            again would assign to variables twice.

    Attributes:
        problem: why the steps cannot be captured and are launched one by one; None if they can.
    """

    def __init__(
        self,
        steps: Sequence[Callable[[], Any]],
        run: Callable[[Callable[[], Any]], Any] = lambda step: step(),
    ) -> None:
        self._steps = steps
        self._run = run
        self._runs = 0
        self._graph: Any = None
        self._lane: Any = None
        self._pool: Any = None
        self.problem: str | None = None if are_wanted() else "TENSORCORE_CUDA_GRAPHS=0"

    @property
    def is_captured(self) -> bool:
        """Whether a run is one launch."""
        return self._graph is not None

    def __call__(self) -> None:
        if self._graph is None and self.problem is None and self._runs >= RUNS_BEFORE:
            self._capture()
        if self._graph is not None:
            # In the stream of the caller, so that it stays in order with what is around it.
            stream = cupy.cuda.get_current_stream()
            self._lane.enter(stream)
            self._graph.launch(stream)
            return
        self._runs += 1
        for step in self._steps:
            self._run(step)

    def _capture(self) -> None:
        """Record what the steps launch; nothing is computed meanwhile."""
        lane = self._lane = _lane_of(get_device_id())
        # Memory that a step takes for itself is written to by every replay, so nobody else may get
        # it: it comes from a pool that lives as long as the graph, and has its blocks from the pool
        # of all, so that they are counted and limited with the others.
        self._pool = cupy.cuda.MemoryPool(cupy.get_default_memory_pool().malloc)
        try:
            with lane.lock, lane.stream, cupy.cuda.using_allocator(self._pool.malloc):
                lane.stream.begin_capture()
                try:
                    for step in self._steps:
                        step()
                finally:
                    graph = lane.stream.end_capture()
        except Exception as error:  # CUDA, CuPy and libraries refuse in classes of their own
            self.problem = f"{type(error).__name__}: {error}".partition("\n")[0]
            self._pool.free_all_blocks()
            self._pool = None
            return
        self._graph = graph
        # CuPy forgets the blocks of a pool that is dropped, rather than to give them back.
        weakref.finalize(self, self._pool.free_all_blocks).atexit = False
