"""The one way numba is used here: the decorators, the cache folder, the notice, the threads.

Importing this module imports numba (0.3 s), so only modules that hold kernels import it, and those
are imported when one of their kernels is first called.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import pathlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tensorcore.kernels import cache_folders
from tensorcore.kernels.cpu import kept_code, tiers
from tensorcore.kernels.cpu.compiler import config, event, numba
from tensorcore.kernels.cpu.threads import split as split
from tensorcore.kernels.program import NotReady

# A fused multiply-add may replace a product and a sum.  NaN, infinities and signed zeros keep their
# rules.
EXACT = frozenset({"contract"})
# Nothing may: in loops that are made of several operations, each of which rounds its result as it
# would alone.
SEPARATE: frozenset[str] = frozenset()
# For sums: the order of the terms is free, so that they can be added in vector registers.
REORDER = frozenset({"contract", "reassoc"})

NOTICE_AFTER_S = 1.0

settings: Any = config  # its members are made at run time
compilations = 0  # functions of this package that this process compiled rather than loaded
_lock = threading.RLock()


# The cache folder ---------------------------------------------------------------------------------


def cache_folder() -> pathlib.Path | None:
    """Where machine code is kept; None: nowhere.  See `cache_folders.folder`."""
    return cache_folders.folder("cpu")


kept_code.forget_loading()
kept_code.look_for_scipy_only()
kept_code.keep_runtime(cache_folder)

# Files whose functions become part of kernels in other files.
INLINED = (
    "jit.py",
    "intrinsics.py",
    "float32_functions.py",
    "float64_functions.py",
    "scalar_functions.py",
    "rows.py",
    "pairwise.py",
    "vectors.py",
    "register_products.py",
    "products.py",
    "row_lists.py",
    "row_sums.py",
)


@functools.cache
def digest(filename: str) -> str:
    """Of all that the machine code of a file's kernels depends on, but the CPU: numba checks that.

    numba itself notices changes in a kernel's own file only, by its time and size.
    """
    here = pathlib.Path(__file__).parent
    parts = [numba.__version__, str(sys.implementation.cache_tag)]
    for path in (*(here / name for name in INLINED), pathlib.Path(filename)):
        parts.append(path.read_text(encoding="utf-8") if path.exists() else "")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


@contextlib.contextmanager
def _numba_cache_in(folder: pathlib.Path) -> Iterator[None]:
    """While active, functions that numba is given keep their machine code below `folder`."""
    with _lock:
        before = settings.CACHE_DIR
        settings.CACHE_DIR = str(folder)
        try:
            yield
        finally:
            settings.CACHE_DIR = before


# Decorators ---------------------------------------------------------------------------------------


def kernel(
    function: Callable[..., Any] | None = None, *, fastmath: frozenset[str] = EXACT
) -> Callable[..., Any]:
    """Compile a kernel: a function that Python calls.  Its machine code is kept on disk.

    It releases the GIL and does not check bounds; integer division by zero gives 0, not an
    exception.
    """
    if function is None:
        return functools.partial(kernel, fastmath=fastmath)
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": set(fastmath)}
    _listen()
    folder = cache_folder()
    if folder is not None:
        try:
            with _numba_cache_in(folder / digest(function.__code__.co_filename)):
                return numba.njit(function, cache=True, **options)
        except (RuntimeError, OSError):  # numba found no place to write
            pass
    return numba.njit(function, **options)


def inline(
    function: Callable[..., Any] | None = None, *, fastmath: frozenset[str] = EXACT
) -> Callable[..., Any]:
    """Compile a function that becomes part of the kernels that call it, for vectorised loops."""
    if function is None:
        return functools.partial(inline, fastmath=fastmath)
    return numba.njit(
        function, nogil=True, error_model="numpy", fastmath=set(fastmath), forceinline=True
    )


def compiled(function: Any, arguments: tuple[Any, ...], kinds: tuple[Any, ...] = ()) -> int:
    """The address of a kernel's machine code for arguments of these types.

    `kinds` are those of its entry, for who notes it as missing.
    """
    _readiness.kinds = kinds
    try:
        function.compile(arguments)
    finally:
        _readiness.kinds = ()
    made = function.overloads[arguments]
    return made.library.get_pointer_to_function(made.fndesc.llvm_func_name)


# Kernels that are not ready -----------------------------------------------------------------------


class Missing(NamedTuple):
    """A kernel that was wanted and is not ready for arguments of these types."""

    module: str
    filename: str
    function: str
    arguments: tuple[Any, ...]  # numba's types
    kinds: tuple[Any, ...] = ()  # of its entry, if it has one


class _Readiness(threading.local):
    """What this thread may do about a kernel that it wants."""

    missing: set[Missing] | None = None  # where to note those that are not ready; None: compile
    kinds: tuple[Any, ...] = ()  # of the entry of the kernel that is wanted now


_readiness = _Readiness()


def _note(function: Any, arguments: tuple[Any, ...]) -> None:
    place = (function.__module__, function.__code__.co_filename, function.__name__)
    kinds = _readiness.kinds if len(_readiness.kinds) + 2 == len(arguments) else ()
    _readiness.missing.add(Missing(*place, arguments, kinds))  # type: ignore[union-attr]
    raise NotReady(function.__name__)


@contextlib.contextmanager
def only_what_is_ready() -> Iterator[set[Missing]]:
    """While active, this thread compiles no kernels: `NotReady` is raised instead.

    Gives the set of those that were missing.  What lies on the disk is loaded.
    """
    before = _readiness.missing
    _readiness.missing = missing = set()
    try:
        yield missing
    finally:
        _readiness.missing = before


# The notice ---------------------------------------------------------------------------------------


class _Watch(event.Listener):
    """Counts compilations of this package's functions, and tells the user why calls take long."""

    def __init__(self) -> None:
        self.depth = 0
        self.spent_s = 0.0  # on what was compiled before
        self.start = 0.0
        self.timer: threading.Timer | None = None
        self.told = False
        self.is_first = True

    def on_start(self, event: Any) -> None:
        global compilations
        function = event.data["dispatcher"].py_func
        if not function.__module__.startswith("tensorcore."):
            return
        self.depth += 1  # `on_end` is called also where this raises
        if _readiness.missing is not None:
            _note(function, tuple(event.data["args"]))
        compilations += 1
        if self.is_first and tiers.is_training() and tiers.waits():
            self.is_first = False
            from tensorcore.kernels.cpu import usual

            usual.order()
        if self.depth == 1 and not self.told:
            self.start = time.perf_counter()
            left_s = max(0.0, NOTICE_AFTER_S - self.spent_s)
            self.timer = threading.Timer(left_s, self._tell, [function.__name__])
            self.timer.daemon = True
            self.timer.start()

    def on_end(self, event: Any) -> None:
        if not event.data["dispatcher"].py_func.__module__.startswith("tensorcore."):
            return
        self.depth -= 1
        if self.depth == 0 and self.timer is not None:
            self.timer.cancel()
            self.timer = None
            self.spent_s += time.perf_counter() - self.start

    def _tell(self, name: str) -> None:
        self.told = True
        kept = "kept for the next time" if cache_folder() else "the cache folder cannot be written"
        words = f"tensorcore: compiling kernels for this CPU, such as {name} ({kept})"
        print(words, file=sys.stderr, flush=True)


@functools.cache
def _listen() -> None:
    event.register("numba:compile", _Watch())
