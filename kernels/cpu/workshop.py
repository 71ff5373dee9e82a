"""The process that compiles kernels for another one, see `background.py`."""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from tensorcore.kernels.cpu import generated, jit

NICER = 5  # than the process that waits
LINGERS_S = 10  # after that has ended


def main() -> None:
    """Compile what standard input names; the status says whether all could be compiled."""
    if hasattr(os, "nice"):
        os.nice(NICER)
    kernels = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_the_other, daemon=True).start()
    problem = None
    with _alone():
        for kernel in kernels:
            try:
                function_of(kernel).compile(kernel.arguments)  # unless another process has done it
            except Exception as error:  # the others may be compiled all the same
                problem = f"{kernel.function}: {type(error).__name__}: {error}".splitlines()[0]
    with contextlib.suppress(OSError):  # nobody listens any more
        if problem is not None:
            print(problem, file=sys.stderr)
        sys.stderr.flush()
    os._exit(problem is not None)  # a thread is still reading


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One of these processes works at a time: those of several programs want the same kernels."""
    folder = jit.cache_folder()
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(ImportError, OSError):
            import fcntl  # not on Windows; some file systems cannot lock

            file = stack.enter_context(open(folder / "workshop.lock", "w"))  # type: ignore[operator]
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def function_of(kernel: jit.Missing) -> Any:
    """The kernel that was wanted."""
    if generated.is_generated(kernel.module):
        module = generated.module_at(kernel.module, kernel.filename)
    else:
        module = importlib.import_module(kernel.module)
    return getattr(module, kernel.function)


def _end_with_the_other() -> None:
    """The other process holds the pipe open as long as it lives."""
    os.read(sys.stdin.fileno(), 1)
    time.sleep(LINGERS_S)
    os._exit(1)
