"""A step of training, evaluation or prediction: eager at first, then traced into one graph."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable
from typing import Any

from tensorcore.device import CPU
from tensorcore.errors import TracingError
from tensorcore.graph.function import Traced, TracedFunction
from tensorcore.graph.whereabouts import note_place
from tensorcore.mode import listeners
from tensorcore.training.batches import RowBatches
from tensorcore.training.handed import Handed, Rows


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
        # Kind of a batch on the host -> the trace that takes it as it is.  Which traces are kept
        # is decided elsewhere.
        self._filled: weakref.WeakValueDictionary[Any, Traced] = weakref.WeakValueDictionary()

    def __call__(self, batch: Any) -> Any:
        """Run on a tuple of tensors, or on a batch that is on the host still."""
        if not isinstance(batch, Handed):
            return self._on_tensors(batch)
        if batch.count > 1:
            return self._on_several(batch)
        traced = self._filled.get(batch.kind)
        if traced is not None:
            self._traced.note_use(traced)
            return traced(batch.inputs(traced.plan))
        return self._on_tensors(batch.tensors(), batch.kind)

    def at_once(self, source: Any) -> int:
        """How many batches of the source the next call may get in one `Rows`.

        More than one where a batch is run without Python; a call then takes some hundredths of a
        second.
        """
        if not isinstance(source, RowBatches) or listeners.profiles:
            return 1
        traced = self._filled.get((source.kind, source.batch_size))
        if traced is None or traced.plan.device is not CPU:
            return 1
        if source.several is None or not source.several.runs(traced.plan):
            source.several = traced.plan.several(source.arrays())
        return source.several.at_once if source.several is not None else 1

    def _on_several(self, batch: Rows) -> Any:
        traced, several = self._filled.get(batch.kind), batch.source.several
        if traced is not None and several is not None and several.runs(traced.plan):
            outputs = several(batch.numbers(), batch.count)
            if outputs is not None:
                return traced.rebuilt(outputs)
        result = None
        for part in batch.apart():
            result = self(part)
        return result

    @property
    def plans(self) -> list[Any]:
        """The plans that were made, one for each kind of batch."""
        return [traced.plan for traced in self._traced.traces]

    def _eagerly(self, batch: Any) -> Any:
        try:
            return self._function(batch)
        except Exception as error:
            note_place(error)
            raise

    def _on_tensors(self, batch: Any, kind: Any = None) -> Any:
        if self.run_eagerly:
            return self._eagerly(batch)
        call = self._traced.prepare(batch)
        if call.key not in self._met:
            self._met.add(call.key)
            return self._eagerly(batch)
        try:
            result = self._traced.run(call)
            traced = self._traced.trace_of(call)
            if kind is not None and traced is not None:
                self._filled[kind] = traced
            return result
        except TracingError as problem:
            self.run_eagerly = True
            name = getattr(self._function, "__name__", "the step")
            warnings.warn(
                f"{name} cannot be traced and runs eagerly, which is slower: {problem}",
                stacklevel=2,
            )
            return self._eagerly(batch)
