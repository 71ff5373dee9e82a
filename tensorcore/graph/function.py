"""`tc.function`: a Python function traced once for each kind of arguments, then run as a plan."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

from tensorcore.device import Device, default_device
from tensorcore.graph.graph import Graph
from tensorcore.graph.plan import Plan
from tensorcore.graph.structures import Leaf, flatten, rebuild, signature_of
from tensorcore.mode import mode
from tensorcore.tensor import Tensor


class Call(NamedTuple):
    """The arguments of one call."""

    key: Any
    structure: Any
    tensors: list[Tensor]


class Traced:
    """One trace of a function: its plan, and the structure of what it returns."""

    def __init__(self, function: Callable[..., Any], structure: Any, tensors: list[Tensor]) -> None:
        device = tensors[0].device if tensors else default_device()
        self.device: Device = device
        with Graph() as graph, device:
            symbols = [graph.argument(t.shape, t.dtype, t.device) for t in tensors]
            args, kwargs = rebuild(structure, symbols)
            result = function(*args, **kwargs)
            returned: list[Any] = []
            self._returns = flatten(result, returned)
            outputs = [graph.symbol_of(value, device) for value in returned]
        self.plan = Plan(graph, outputs, device)

    def __call__(self, tensors: Any) -> Any:
        """Run on tensors, or on what a function writes: see `Plan.run`."""
        return rebuild(self._returns, self.plan.run(tensors))


class TracedFunction:
    """What `tc.function` returns: call it like the function itself."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._traces: dict[Any, Traced] = {}
        self._bound: weakref.WeakKeyDictionary[Any, TracedFunction] = weakref.WeakKeyDictionary()
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # Within another trace the function is part of it; under a tape each operation is recorded.
        if mode.graph is not None or mode.tapes:
            return self._function(*args, **kwargs)
        call = self.prepare(*args, **kwargs)
        for tensor in call.tensors:
            if type(tensor) is not Tensor:  # a symbol of an open graph
                return self._function(*args, **kwargs)
        return self.run(call)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        # Each instance has its traces, and does not live on in their keys.
        if instance not in self._bound:
            itself, function = weakref.ref(instance), self._function
            self._bound[instance] = TracedFunction(
                functools.wraps(function)(lambda *args, **kw: function(itself(), *args, **kw))
            )
        return self._bound[instance]

    def prepare(self, *args: Any, **kwargs: Any) -> Call:
        """The arguments taken apart: tensors, the rest, and a key for their kind."""
        tensors: list[Tensor] = []
        structure = flatten((args, kwargs), tensors)
        kinds = tuple((t.shape, t.dtype, t.device) for t in tensors)
        return Call((signature_of(structure), kinds), structure, tensors)

    def trace_of(self, call: Call) -> Traced | None:
        """The trace for arguments of this kind, if there is one."""
        return self._traces.get(call.key)

    def run(self, call: Call) -> Any:
        """Run the trace for arguments of this kind, which is made now if there is none."""
        traced = self._traces.get(call.key)
        if traced is None:
            traced = Traced(self._function, call.structure, call.tensors)
            self._traces[call.key] = traced
        return traced(call.tensors)

    def explain(self) -> str:
        """What became of each trace: the graph before and after the passes, the calls of a run, and
        the source of every kernel that was generated for it.
        """
        if not self._traces:
            return f"{self.__name__} was not called yet, so there is no trace to explain"  # type: ignore[attr-defined]
        for traced in self._traces.values():
            traced.plan.compile()
        return "\n".join(traced.plan.explain() for traced in self._traces.values())

    @property
    def traces(self) -> list[Traced]:
        """The traces that are kept."""
        return list(self._traces.values())

    @property
    def trace_count(self) -> int:
        """How many kinds of arguments were met."""
        return len(self._traces)


def function(target: Callable[..., Any] | None = None) -> Any:
    """Trace a function of tensors into one graph, and run that instead.

    The first call with arguments of a kind (shapes, dtypes, devices, values of other arguments)
    runs the function on symbols; later calls run the planned graph.  Variables are captured by
    reference, and assigned to in the order of the program; random numbers differ from call to call.

    >>> @tc.function
    ... def mean_square(x):
    ...     return tc.mean(x * x)
    >>> float(mean_square(tc.asarray([1.0, 3.0])))
    5.0
    """
    return TracedFunction(target) if target is not None else function


__all__ = ["Call", "Leaf", "Traced", "TracedFunction", "flatten", "function", "rebuild"]
