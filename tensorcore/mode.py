"""What else happens to operations in this thread, besides that they run."""

from __future__ import annotations

import threading
from typing import Any


class _Mode(threading.local):
    tapes: tuple[Any, ...] = ()  # gradient tapes that listen, the innermost last
    graph: Any = None  # the graph that is being traced, or None


mode = _Mode()
