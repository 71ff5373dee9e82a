"""The profile: told of every operation of its thread while it is open."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tensorcore.errors import TrainingError
from tensorcore.mode import listeners, mode, place
from tensorcore.profiler import report
from tensorcore.profiler.events import Event, Sum, sums

_lock = threading.Lock()


class Profile:
    """Where the time of a part of a program went.

    Each operation is waited for, so that its time is its own; that makes a GPU, and a planned
    graph, slower than without a profile.  Operations of other threads are not seen.

    Attributes:
        events: what ran, in order.
        seconds: how long the profile was open.
        compiled: how many kernels were compiled for the CPU meanwhile, inside operations.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.seconds = 0.0
        self.compiled = 0
        self._start = 0.0
        self._inside = [0.0]  # seconds of operations inside the one that runs, and inside that

    def __enter__(self) -> Profile:
        if mode.profile is not None:
            raise TrainingError("a profile is being taken already; profiles do not nest")
        mode.profile = self
        with _lock:
            listeners.profiles += 1
        self.compiled -= _compilations()
        self._start = time.perf_counter()
        return self

    def __exit__(self, *exception: object) -> None:
        self.seconds += time.perf_counter() - self._start
        self.compiled += _compilations()
        mode.profile = None
        with _lock:
            listeners.profiles -= 1

    # Told by the door and by plans ----------------------------------------------------------------

    @contextmanager
    def operation(self, name: str) -> Iterator[_Running]:
        """An operation that runs now; those inside it are counted apart."""
        running = _Running()
        phase, layers = place.now()
        start = time.perf_counter()
        self._inside.append(0.0)
        try:
            yield running
            host = time.perf_counter()
            running.wait()
        finally:
            inside = self._inside.pop()
        end = time.perf_counter()
        self._inside[-1] += end - start
        self._add(name, phase, layers, start, host - inside, end - inside, running.nbytes, False)

    def run_plan(self, plan: Any) -> None:
        """Run the calls of a plan one by one."""
        wait = plan.device.synchronize
        parts = zip(plan.steps, plan.origins, plan.labels, plan.places, strict=True)
        before = None
        for step, node, label, (phase, layers) in parts:
            start = time.perf_counter()
            step()
            host = time.perf_counter()
            wait()
            end = time.perf_counter()
            made = 0 if node is None or node is before else _bytes_of(node)
            self._add(label, phase, layers, start, host, end, made, True)
            before = node

    def _add(
        self,
        name: str,
        phase: str,
        layers: tuple[str, ...],
        start: float,
        host: float,
        end: float,
        nbytes: int,
        traced: bool,
    ) -> None:
        begun = start - self._start
        self.events.append(
            Event(name, phase, layers, begun, host - start, end - start, nbytes, traced)
        )

    # Looked at afterwards -------------------------------------------------------------------------

    def by_operation(self) -> list[Sum]:
        """Times and bytes of each operation, the longest first."""
        return sums(self.events, lambda event: event.name)

    def by_layer(self) -> list[Sum]:
        """Times and bytes of each layer, the longest first."""
        return sums(self.events, lambda event: event.layer)

    def table(self, rows: int = 20) -> str:
        """Both as text."""
        return report.table(self, rows)

    def save_trace(self, path: str | Path) -> None:
        """Write a trace that Chrome (chrome://tracing) and Perfetto open."""
        report.save_trace(self, Path(path))

    def save_flame(self, path: str | Path) -> None:
        """Write a picture: phases, the layers in them, and their operations, by time."""
        from tensorcore.profiler import flame

        flame.save(self, Path(path))

    def __repr__(self) -> str:
        return f"<Profile {len(self.events)} operations in {self.seconds:.3f} s>"


class _Running:
    """An operation that runs; the door says what came out."""

    nbytes = 0
    _device: Any = None

    def made(self, result: Any) -> Any:
        """Note the result, whose device is waited for."""
        for tensor in result if type(result) is tuple else (result,):
            self.nbytes += getattr(tensor, "nbytes", 0)
            self._device = getattr(tensor, "device", None)
        return result

    def wait(self) -> None:
        if self._device is not None:
            self._device.synchronize()


def _bytes_of(node: Any) -> int:
    """Bytes of what a node of a plan writes."""
    return sum(symbol.data.nbytes for symbol in node.outputs)


def profile() -> Profile:
    """Take a profile of what runs inside `with`.

    >>> with tc.profile() as seen:
    ...     _ = tc.sum(tc.exp(tc.ones((3, 4))))
    >>> sorted(one.name for one in seen.by_operation())
    ['exp', 'sum']
    """
    return Profile()


def _compilations() -> int:
    """Kernels that this process has compiled for the CPU so far."""
    jit = sys.modules.get("tensorcore.kernels.cpu.jit")
    return 0 if jit is None else jit.compilations
