"""What else happens to operations in this thread, besides that they run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class _Listeners:
    """In how many threads a tape or a graph listens: at 0 operations may take the short way.

    Looking here costs a tenth of looking at `mode`, which asks for the thread first.
    """

    threads = 0
    autocasts = 0  # how many `autocast` contexts there are, in all threads
    profiles = 0  # how many profiles are being taken, in all threads


listeners = _Listeners()
_lock = threading.Lock()


class _Mode(threading.local):
    tapes: tuple[Any, ...] = ()  # gradient tapes that listen, the innermost last
    graph: Any = None  # the graph that is being traced, or None
    autocast: Any = None  # the dtype in which layers read their weights, or None: their own
    profile: Any = None  # what is told how long operations take, or None
    created: Any = None  # a list of the variables that are made while a function is traced, or None
    sees_all: bool = False  # whether a graph or a profile has to see every operation

    def __setattr__(self, name: str, value: Any) -> None:
        before = self._listens()
        super().__setattr__(name, value)
        super().__setattr__("sees_all", self.graph is not None or self.profile is not None)
        now = self._listens()
        if now is not before:
            with _lock:
                listeners.threads += 1 if now else -1

    def _listens(self) -> bool:
        return bool(self.tapes) or self.graph is not None or self.profile is not None


class _Place(threading.local):
    """Where in the user's model an operation belongs; kept while somebody listens.

    Attributes:
        layers: names of the layers being called, the outermost first.
        phase: "forward", "backward" or "update".
    """

    layers: tuple[str, ...] = ()
    phase: str = "forward"

    def now(self) -> tuple[str, tuple[str, ...]]:
        """Phase and layers."""
        return self.phase, self.layers


place = _Place()


class phase:
    """A context in which operations belong to another phase of training."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        self._before = place.now()
        place.phase = self._name

    def __exit__(self, *exception: object) -> None:
        place.phase, place.layers = self._before


mode = _Mode()


class _Dialect:
    """How another framework's programs want tensors to meet and to be shown.

    Empty here; importing `tensorcore.tf` fills it in for the whole process, see `tf/dialect.py`.

    Attributes:
        judge: (op, values, wanted dtype) -> the dtype in which they meet; raises if they must not.
        host_dtype: (op, value, operands) -> the dtype a host array takes in this company, or None.
        show: (tensor or variable) -> its repr.
        text: (tensor or variable) -> its str.
    """

    judge: Callable[..., Any] | None = None
    host_dtype: Callable[..., Any] | None = None
    show: Callable[[Any], str] | None = None
    text: Callable[[Any], str] | None = None


dialect = _Dialect()


class autocast:
    """A context in which the weights of layers are read in another floating-point dtype."""

    def __init__(self, dtype: Any) -> None:
        self._dtype = dtype

    def __enter__(self) -> None:
        self._before = mode.autocast
        mode.autocast = self._dtype
        with _lock:
            listeners.autocasts += 1

    def __exit__(self, *exception: object) -> None:
        mode.autocast = self._before
        with _lock:
            listeners.autocasts -= 1


class outside:
    """A context in which operations run at once, although a graph is being traced."""

    def __enter__(self) -> None:
        self._graph = mode.graph
        mode.graph = None

    def __exit__(self, *exception: object) -> None:
        mode.graph = self._graph
