"""What else happens to operations in this thread, besides that they run."""

from __future__ import annotations

import threading
from typing import Any


class _Mode(threading.local):
    tapes: tuple[Any, ...] = ()  # gradient tapes that listen, the innermost last
    graph: Any = None  # the graph that is being traced, or None


mode = _Mode()


class outside:
    """A context in which operations run at once, although a graph is being traced."""

    def __enter__(self) -> None:
        self._graph = mode.graph
        mode.graph = None

    def __exit__(self, *exception: object) -> None:
        mode.graph = self._graph
