"""What the two generators of element-wise kernels are given, and how a kernel is listed."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np


class Program(NamedTuple):
    """An element-wise computation in text that is legal in Python and in CUDA C++.

    Inputs are loaded into the compute type `T` (booleans stay `bool`), the statements are
    assignments `(name, text, is_bool)` in order, and `results` are the texts of the outputs, each
    stored in its dtype.
    """

    name: str
    inputs: tuple[tuple[str, np.dtype], ...]
    compute: np.dtype
    statements: tuple[tuple[str, str, bool], ...]
    results: tuple[str, ...]
    outputs: tuple[np.dtype, ...]


class Sums(NamedTuple):
    """Which results of a program are added up, over some axes of what it computes.

    Attributes:
        kinds: for each result "sum" or "mean"; "" where it is stored as it is.
        over_first: over the first axes rather than the last ones.
        border: how many axes stand before the border between those that are summed and those that
            are kept.
    """

    kinds: tuple[str, ...]
    over_first: bool
    border: int


SMALL_RUNS = 50  # of an operation on small arrays, before a kernel is compiled for them


class NotReady(Exception):
    """A kernel would have to be compiled, and may not be now."""


class Kernel:
    """A hand-written kernel: where it is, and for which arrays it is used.

    Args:
        path: "module:function" below the device's package; imported at the first use.
        dtypes: names of the dtypes that the floating-point inputs may have.
        from_size: elements of the largest input from which the kernel is faster than the reference.
        small: elements of inputs and of a random result up to which the reference computes them
            `SMALL_RUNS` times in less time than the kernel is compiled; it serves for that time,
            fewer runs for larger arrays.  0: the kernel is used at once.
        may_wait: whether kernels may be put off so; asked each time.

    The function takes the arrays of the operation in order, `out` (None, or where to write) and the
    operation's attributes as keywords.  It may return NotImplemented for what it does not cover.
    """

    __slots__ = (
        "path",
        "dtypes",
        "from_size",
        "package",
        "small",
        "_may_wait",
        "_left",
        "_most",
        "_function",
        "_takes",
    )

    def __init__(
        self,
        path: str,
        *,
        dtypes: Sequence[str],
        from_size: int = 0,
        package: str = "",
        small: int = 0,
        may_wait: Callable[[], bool] = bool,
    ) -> None:
        self.path = path
        self.dtypes = frozenset(dtypes)
        self.from_size = from_size
        self.package = package
        self.small = small
        self._may_wait = may_wait
        self._most = self._left = SMALL_RUNS * small  # elements
        self._function: Callable[..., Any] | None = None
        self._takes: dict[np.dtype, bool] = {}  # a dtype's name is slow to ask for

    def accepts(self, arrays: Sequence[Any], attrs: dict[str, Any]) -> bool:
        """Whether to use the kernel for these arrays; cheap, since it is asked at every call."""
        if self.from_size and max((array.size for array in arrays), default=0) < self.from_size:
            return False
        takes = self._takes
        for array in arrays:
            dtype = array.dtype
            if dtype not in takes:
                takes[dtype] = dtype.kind not in "fcV" or dtype.name in self.dtypes
            if not takes[dtype]:
                return False
        return True

    def is_small(self, arrays: Sequence[Any], attrs: dict[str, Any]) -> bool:
        """Whether a run of the reference takes less than compiling, and that may be put off."""
        return bool(self.small) and self._may_wait() and self._size(arrays, attrs) <= self._most

    def waits(self, arrays: Sequence[Any], attrs: dict[str, Any]) -> bool:
        """Whether the reference shall run instead, as it does for the first arrays."""
        if not self._left:
            return False
        elements = max(self._size(arrays, attrs), self.small)
        if elements > self._left or not self._may_wait():
            self._left = 0
            return False
        self._left -= elements
        return True

    def _size(self, arrays: Sequence[Any], attrs: dict[str, Any]) -> int:
        size = max((array.size for array in arrays), default=0)
        return max(size, math.prod(attrs.get("shape", ())))

    def load(self) -> Callable[..., Any]:
        """The function itself."""
        if self._function is None:
            module, _, name = self.path.partition(":")
            self._function = getattr(importlib.import_module(f"{self.package}.{module}"), name)
        return self._function
