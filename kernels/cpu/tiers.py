"""When kernels are compiled: at once, after some runs, or by another process meanwhile.

numba needs 0.1 to 2 s for a kernel that it has not compiled on this machine before, which is some
thousand runs of the NumPy reference on small arrays.  So

* small arrays go through the reference for the first `SMALL_RUNS` runs of an operation, and in a
  graph for as long as nothing is compiled for that graph;
* what is compiled for a graph is compiled by a process of low priority (`background.py`), while the
  graph goes on with what is there.

With TENSORCORE_COMPILE=foreground, and where results must not depend on time
(`tc.config.deterministic`), each kernel is compiled where it is first met, and waited for.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from typing import Any

from tensorcore.kernels.cpu import background, threads
from tensorcore.kernels.program import NotReady


class _Chosen:
    at_once = 0  # how many contexts ask for it


def waits() -> bool:
    """Whether compiling may be put off."""
    return _of_environment() and not _Chosen.at_once and not threads.deterministic()


@contextlib.contextmanager
def at_once() -> Iterator[None]:
    """A context in which each kernel is compiled where it is first met: for measuring kernels."""
    _Chosen.at_once += 1
    try:
        yield
    finally:
        _Chosen.at_once -= 1


@functools.cache
def _of_environment() -> bool:
    return os.environ.get("TENSORCORE_COMPILE", "").strip().lower() != "foreground"


class Upgrade:
    """Goes over to compiled kernels when they are ready."""

    def __init__(self) -> None:
        self._work: Any = None
        self._given_up = False

    def attempt(self, build: Callable[[], Any]) -> Any:
        """What `build` returns, or None as long as kernels that it needs are not ready.

        Costs next to nothing while it waits.  `build` is called to find out which kernels it needs,
        and again when they are ready; where the result is None, what it did does not count.
        """
        if self._given_up:
            return None
        if isinstance(self._work, background.Order):
            if self._work.is_under_way:
                return None
        elif self._work is not None:
            self._work.wait()  # so that the run that goes over does not depend on time
        if not waits() or not background.is_possible():
            return build()
        return self._attempt(build)

    def prepare(self) -> None:
        """Load numba meanwhile: an attempt will follow soon."""
        if self._work is None and waits():
            self._work = background.load_numba()

    def _attempt(self, build: Callable[[], Any]) -> Any:
        from tensorcore.kernels.cpu import jit

        with jit.only_what_is_ready() as missing:
            try:
                result = build()
            except NotReady:
                result = None
        if not missing:
            return result
        asked = getattr(self._work, "kernels", frozenset())
        # What was asked for and is still missing cannot be compiled there; nor may it be here.
        self._given_up = missing <= asked and not self._work.is_lost
        if not self._given_up:
            self._work = background.Order(missing)
        return None
