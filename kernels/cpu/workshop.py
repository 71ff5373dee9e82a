"""The process that compiles kernels for another one, see `background.py`."""

from __future__ import annotations

import importlib
import os
import pickle
import sys
import threading
from typing import Any

from tensorcore.kernels.cpu import generated, jit

NICER = 5  # than the process that waits


def main() -> None:
    """Compile what standard input names; the status says whether all could be compiled."""
    if hasattr(os, "nice"):
        os.nice(NICER)
    kernels = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_the_other, daemon=True).start()
    problem = None
    for kernel in kernels:
        try:
            function_of(kernel).compile(kernel.arguments)  # unless another process has done it
        except Exception as error:  # the others may be compiled all the same
            problem = f"{kernel.function}: {type(error).__name__}: {error}".splitlines()[0]
    if problem is not None:
        print(problem, file=sys.stderr)
    sys.stderr.flush()
    os._exit(problem is not None)  # a thread is still reading


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
    os._exit(1)
