"""A step of training, evaluation or prediction: eager at first, then traced into one graph."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from tensorcore.errors import TracingError
from tensorcore.graph.function import TracedFunction


class Step:
    """Calls a step function; a kind of batch that comes a second time is traced.

    The first batch of a kind runs op by op: it makes what is made late (weights, optimizer state)
    and reports mistakes where they are.  A function that cannot be traced, because it looks at
    values in Python, goes on eagerly, which is said once.
    """

    def __init__(self, function: Callable[..., Any], run_eagerly: bool = False) -> None:
        self.run_eagerly = run_eagerly
        self._function = function
        self._traced = TracedFunction(function)
        self._met: set[Any] = set()

    def __call__(self, batch: Any) -> Any:
        if self.run_eagerly:
            return self._function(batch)
        call = self._traced.prepare(batch)
        if call.key not in self._met:
            self._met.add(call.key)
            return self._function(batch)
        try:
            return self._traced.run(call)
        except TracingError as problem:
            self.run_eagerly = True
            name = getattr(self._function, "__name__", "the step")
            warnings.warn(
                f"{name} cannot be traced and runs eagerly, which is slower: {problem}",
                stacklevel=2,
            )
            return self._function(batch)
