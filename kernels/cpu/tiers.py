"""When kernels are compiled: at once, after some runs, or by another process meanwhile.

numba needs 0.1 to 2 s for a kernel that it has not compiled on this machine before, which is some
thousand runs of the NumPy reference on small arrays, and 0.3 s to be loaded.  So

* before any training small arrays go through the reference for the first `SMALL_RUNS` runs of an
  operation: a short program loads no numba;
* what is compiled for a graph is compiled by a process of low priority (`background.py`), while the
  graph goes on with what is there.  What lies on the disk is used from its first run on.

A reference that rounds as the kernel does can stand in for it: nobody sees when the kernel comes.
One that does not would let a training depend on time, since training makes much of the last digits
of its first steps.  So from the first gradient tape on such a kernel is compiled where it is first
met, and waited for, once on a machine; then losses are those of the eager run, bit by bit.  Normal
numbers for weights, which are drawn before, come from the kernel as well.

With TENSORCORE_COMPILE=foreground, and with `tc.config.deterministic`, all kernels are compiled
where they are first met; with TENSORCORE_COMPILE=background none is waited for.
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
    exactly = 0  # likewise
    training = False


def training_begins() -> None:
    """From now on last digits count."""
    _Chosen.training = True


def is_training() -> bool:
    """Whether a gradient tape was made in this process."""
    return _Chosen.training


def bits_count() -> bool:
    """Whether results must not depend on whether a kernel or the reference computes them."""
    is_wanted = _Chosen.training or _Chosen.exactly
    return bool(is_wanted and _of_environment() != "background") or threads.deterministic()


def waits() -> bool:
    """Whether compiling may be put off: that of kernels whose reference gives the same bits."""
    is_foreground = _of_environment() == "foreground"
    return not is_foreground and not _Chosen.at_once and not threads.deterministic()


def approximates() -> bool:
    """Whether compiling may be put off even where the reference gives other bits."""
    return waits() and not bits_count()


@contextlib.contextmanager
def at_once() -> Iterator[None]:
    """A context in which each kernel is compiled where it is first met: for measuring kernels."""
    _Chosen.at_once += 1
    try:
        yield
    finally:
        _Chosen.at_once -= 1


@contextlib.contextmanager
def exactly() -> Iterator[None]:
    """A context in which last digits count as they do in a training: for its first weights."""
    _Chosen.exactly += 1
    try:
        yield
    finally:
        _Chosen.exactly -= 1


@functools.cache
def _of_environment() -> str:
    return os.environ.get("TENSORCORE_COMPILE", "").strip().lower()


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

    def from_disk(self, build: Callable[[], Any]) -> Any:
        """What `build` returns if all kernels that it needs lie on the disk, else None."""
        if not background.is_possible():
            return None
        return self._with_what_is_ready(build)[0]

    def prepare(self) -> None:
        """Load numba meanwhile: an attempt will follow soon."""
        if self._work is None and waits():
            self._work = background.load_numba()

    def _with_what_is_ready(self, build: Callable[[], Any]) -> tuple[Any, set[Any]]:
        """What `build` returns, None if kernels are missing; and those."""
        from tensorcore.kernels.cpu import jit

        with jit.only_what_is_ready() as missing:
            try:
                result = build()
            except NotReady:
                result = None
        return (None if missing else result), missing

    def _attempt(self, build: Callable[[], Any]) -> Any:
        result, missing = self._with_what_is_ready(build)
        if not missing:
            return result
        asked = getattr(self._work, "kernels", frozenset())
        # What was asked for and is still missing cannot be compiled there; nor may it be here.
        self._given_up = missing <= asked and not self._work.is_lost
        if not self._given_up:
            self._work = background.Order(missing)
        return None
