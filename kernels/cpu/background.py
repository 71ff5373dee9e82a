"""Kernels made ready while the program goes on without them.

numba holds the GIL while it compiles, so a thread would stop the training nearly as long as doing
it in place.  Therefore another process of low priority compiles (`workshop.py`), and leaves machine
code in the cache folder, where all find it.  It gets what to do through a pipe, and ends some
seconds after that is closed, so that short programs find more kernels at each start, and nothing
outlives this process for long however that ends.  Loading takes some milliseconds a kernel, which a
thread does.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    from tensorcore.kernels.cpu.jit import Missing

# The same modules are to be found as here, and no program's main module is run again.
START = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from tensorcore.kernels.cpu import workshop; workshop.main()"
)
ENVIRONMENT = {
    "TENSORCORE_COMPILE": "foreground",
    "TENSORCORE_DEVICE": "cpu",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
LAST_WAIT_S = 10  # for the thread, when the program ends: longer than it takes to load a kernel


class Work:
    """Something that a thread does.

    Attributes:
        problem: what went wrong; empty while nothing has.
        takes_turns: whether it waits until others of its kind are done.
    """

    takes_turns = False

    def __init__(self, do: Callable[[], str]) -> None:
        self.problem = ""
        self._do = do
        self._process_id = os.getpid()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="tensorcore kernels")
        _state.threads.append(self._thread)
        self._thread.start()

    @property
    def is_lost(self) -> bool:
        """Whether this process was forked from the one whose thread works on it."""
        return self._process_id != os.getpid()

    @property
    def is_under_way(self) -> bool:
        """Whether it is worth waiting for the end."""
        return not self.is_lost and not self._ended.is_set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end; whether it has come."""
        return self._ended.wait(timeout_s)

    def _run(self) -> None:
        try:
            with _state.one_at_a_time if self.takes_turns else contextlib.nullcontext():
                self.problem = self._do()
        except Exception as error:  # no memory for a process, for example, or none allowed
            self.problem = f"{type(error).__name__}: {error}"
        if self.problem and not _state.is_over:
            _say(
                "kernels could not be compiled in the background, the program goes on without them "
                f"({self.problem})"
            )
        _state.threads.remove(self._thread)
        self._ended.set()


class Order(Work):
    """Kernels that are made ready."""

    takes_turns = True

    def __init__(self, kernels: Iterable[Missing]) -> None:
        self.kernels = dict.fromkeys(kernels).keys()  # a set in this order
        super().__init__(self._make_ready)

    def _make_ready(self) -> str:
        from tensorcore.kernels.cpu import entries

        problem = ""
        missing = _not_loaded(self.kernels)
        if missing and not _state.is_over:
            problem = _compile_all(missing)
            _not_loaded(missing)
        for kernel in self.kernels:
            if kernel.kinds and not _state.is_over:
                entries.entry_of(kernel.kinds)
        return problem


def load_numba() -> Work:
    """Have numba loaded, and all that is needed to find out which kernels are missing."""
    return Work(_load_numba)


def _load_numba() -> str:
    for module in ("bound", "batches", "joined_update"):
        importlib.import_module(f"tensorcore.kernels.cpu.{module}")
    from tensorcore.kernels.cpu.compiler import cpu_target

    cpu_target.target_context.refresh()
    cpu_target.typing_context.refresh()
    return ""


def is_possible() -> bool:
    """Whether there is a Python to start, and a place where it can leave machine code."""
    from tensorcore.kernels.cpu import jit

    frozen = getattr(sys, "frozen", False)
    return bool(sys.executable) and not frozen and jit.cache_folder() is not None


class _State:
    """What this process has under way; a forked process begins anew."""

    def __init__(self) -> None:
        self.one_at_a_time = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None
        self.threads: list[threading.Thread] = []
        self.is_over = False


_state = _State()


def _begin_anew() -> None:
    global _state
    _state = _State()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


@atexit.register
def _stop() -> None:
    """Leave no thread inside LLVM; the other process goes on for a while."""
    _state.is_over = True
    process = _state.process
    if process is not None:
        with contextlib.suppress(OSError):
            cast("IO[bytes]", process.stdin).close()
        process.returncode = 0  # nobody asks how it ends, nor complains that it goes on
        return  # the thread that reads what it says loads nothing any more
    for thread in list(_state.threads):
        thread.join(LAST_WAIT_S)


def _not_loaded(kernels: Iterable[Missing]) -> list[Missing]:
    """Load the machine code of kernels; returns those that have none yet."""
    from tensorcore.kernels.cpu import jit, workshop
    from tensorcore.kernels.program import NotReady

    left = []
    with jit.only_what_is_ready():
        for kernel in kernels:
            if _state.is_over:
                break
            try:
                workshop.function_of(kernel).compile(kernel.arguments)
            except NotReady:
                left.append(kernel)
    return left


def _compile_all(kernels: list[Missing]) -> str:
    """Run the process to its end; returns what went wrong."""
    from tensorcore.kernels.cpu import jit

    timer = threading.Timer(jit.NOTICE_AFTER_S, _say_compiling, [len(kernels)])
    timer.daemon = True
    wanted = pickle.dumps(sys.path) + pickle.dumps(kernels)
    _state.process = process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", START],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **ENVIRONMENT},
        start_new_session=True,  # Ctrl-C in a terminal is not meant for it
    )
    timer.start()
    given, said = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stderr)
    with contextlib.suppress(OSError):  # it has ended already, and says why
        given.write(wanted)
        given.flush()
    words = said.read().decode(errors="replace").split("\n")
    status = process.wait()
    timer.cancel()
    _state.process = None
    for pipe in (given, said):
        with contextlib.suppress(OSError):
            pipe.close()
    last = next((line.strip() for line in reversed(words) if line.strip()), "")
    return "" if not status else last or f"the compiling process ended with status {status}"


def _say_compiling(count: int) -> None:
    kernels = "a kernel" if count == 1 else f"{count} kernels"
    _say(f"compiling {kernels} for this CPU in the background (kept for the next time)")


def _say(what: str) -> None:
    print(f"tensorcore: {what}", file=sys.stderr, flush=True)
