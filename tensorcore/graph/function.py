"""`tc.function`: a Python function traced once for each kind of arguments, then run as a plan."""

from __future__ import annotations

import functools
import threading
import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tensorcore.device import Device, default_device
from tensorcore.errors import InvalidArgumentError, TracingError
from tensorcore.graph.autograph import converted
from tensorcore.graph.graph import Graph
from tensorcore.graph.plan import Plan
from tensorcore.graph.retracing import Retraces, parts_of
from tensorcore.graph.signature import checked, fitted
from tensorcore.graph.structures import Leaf, flatten, rebuild, signature_of
from tensorcore.graph.whereabouts import note_place
from tensorcore.mode import mode
from tensorcore.tensor import Tensor

MAX_TRACES = 128  # of one function; the one that was not used for longest goes


class Call(NamedTuple):
    """The arguments of one call."""

    key: Any
    structure: Any
    tensors: list[Tensor]


class Traced:
    """One trace of a function: its plan, and the structure of what it returns."""

    used = 0  # when it ran last, in calls of the function

    def __init__(self, function: Callable[..., Any], structure: Any, tensors: list[Tensor]) -> None:
        device = tensors[0].device if tensors else default_device()
        with Graph() as graph, device:
            symbols = [graph.argument(t.shape, t.dtype, t.device) for t in tensors]
            args, kwargs = rebuild(structure, symbols)
            try:
                result = function(*args, **kwargs)
            except Exception as error:
                note_place(error)
                raise
            returned: list[Any] = []
            self._returns = flatten(result, returned)
            outputs = [graph.symbol_of(value, device) for value in returned]
        self.device: Device = device if tensors else _only_device(graph, outputs, device)
        self.plan = Plan(graph, outputs, self.device)

    def __call__(self, tensors: Any) -> Any:
        """Run on tensors, or on what a function writes: see `Plan.run`."""
        return self.rebuilt(self.plan.run(tensors))

    def rebuilt(self, outputs: list[Tensor]) -> Any:
        """The outputs of the plan as the function returned them."""
        return rebuild(self._returns, outputs)


def _only_device(graph: Graph, outputs: Sequence[Any], default: Device) -> Device:
    """Where a function without tensor arguments computes: where its variables and constants are."""
    found = {symbol.device: None for node in graph.nodes for symbol in node.outputs}
    found = found or {symbol.device: None for symbol in outputs}
    return next(iter(found)) if len(found) == 1 else default


class ConcreteFunction:
    """A function traced for one kind of arguments: see `TracedFunction.get_concrete_function`."""

    def __init__(self, function: TracedFunction, call: Call) -> None:
        self._function, self._key = function, call.key
        self._traced = function.trace(call)

    @property
    def plan(self) -> Plan:
        """The plan that a call runs."""
        return self._traced.plan

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        call = self._function.prepare(*args, **kwargs)
        if call.key != self._key:
            raise InvalidArgumentError(
                f"{self._function.__name__}: this concrete function takes arguments of one kind "
                "only, and these are of another; call the function itself"
            )
        return self._traced(call.tensors)


class TracedFunction:
    """What `tc.function` returns: call it like the function itself."""

    __name__ = "function"

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        input_signature: Sequence[Any] | None = None,
        autograph: bool = True,
        reduce_retracing: bool = False,
        fallback: str | None = None,
        makes_variables_once: bool = False,
    ) -> None:
        if fallback not in (None, "eager"):
            raise InvalidArgumentError(
                f'tc.function: fallback must be None or "eager", received {fallback!r}'
            )
        self._function = function
        self._options: dict[str, Any] = {
            "input_signature": input_signature,
            "autograph": autograph,
            "reduce_retracing": reduce_retracing,
            "fallback": fallback,
            "makes_variables_once": makes_variables_once,
        }
        self._signature = None if input_signature is None else checked(input_signature)
        self._traces: dict[Any, Traced] = {}
        self._calls = 0
        self._runs_eagerly = False
        self._lock = threading.RLock()
        self._retraces = Retraces(reduce_retracing)
        self._bound: weakref.WeakKeyDictionary[Any, TracedFunction] = weakref.WeakKeyDictionary()
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # Within another trace the function is part of it; under a tape each operation is recorded.
        if mode.graph is not None:
            return self._to_trace()(*args, **kwargs)
        if mode.tapes or self._runs_eagerly:
            return self._function(*args, **kwargs)
        call = self.prepare(*args, **kwargs)
        for tensor in call.tensors:
            if type(tensor) is not Tensor:  # a symbol of an open graph
                return self._function(*args, **kwargs)
        try:
            traced = self.trace(call)
        except TracingError as problem:
            if self._options["fallback"] != "eager":
                raise
            self._runs_eagerly = True
            warnings.warn(
                f"{self.__name__} cannot be traced and runs eagerly, which is slower: {problem}",
                stacklevel=2,
            )
            return self._function(*args, **kwargs)
        return traced(call.tensors)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        # Each instance has its traces, and does not live on in their keys.
        if instance not in self._bound:
            itself = weakref.ref(instance)
            method = converted(self._function) if self._options["autograph"] else self._function
            self._bound[instance] = TracedFunction(
                functools.wraps(self._function)(lambda *args, **kw: method(itself(), *args, **kw)),
                **self._options,
            )
        return self._bound[instance]

    def _to_trace(self) -> Callable[..., Any]:
        return converted(self._function) if self._options["autograph"] else self._function

    def prepare(self, *args: Any, **kwargs: Any) -> Call:
        """The arguments taken apart: tensors, the rest, and a key for their kind."""
        if self._signature is not None:
            args, kwargs = fitted(self._function, self._signature, args, kwargs), {}
        tensors: list[Tensor] = []
        structure = flatten((args, kwargs), tensors)
        if self._options["reduce_retracing"]:
            structure = self._retraces.relaxed(structure, tensors)
        kinds = tuple((t.shape, t.dtype, t.device) for t in tensors)
        return Call((signature_of(structure), kinds), structure, tensors)

    def trace_of(self, call: Call) -> Traced | None:
        """The trace for arguments of this kind, if there is one."""
        return self._traces.get(call.key)

    def trace(self, call: Call) -> Traced:
        """The trace for arguments of this kind, which is made now if there is none."""
        traced = self._traces.get(call.key)
        if traced is None:
            with self._lock:
                traced = self._traces.get(call.key) or self._new_trace(call)
        self.note_use(traced)
        return traced

    def note_use(self, traced: Traced) -> None:
        """Say that a trace is run now: of too many, those that were not for longest go."""
        self._calls += 1
        traced.used = self._calls

    def run(self, call: Call) -> Any:
        """Run the trace for arguments of this kind."""
        return self.trace(call)(call.tensors)

    def _new_trace(self, call: Call) -> Traced:
        function = self._to_trace()
        is_first = not self._traces
        mode.created, before = [], mode.created
        try:
            traced = Traced(function, call.structure, call.tensors)
            if self._options["makes_variables_once"] and mode.created:
                if is_first:
                    kept = list(mode.created)  # they must not die before the second look
                    mode.created = []
                    traced = Traced(function, call.structure, call.tensors)
                    del kept
                if mode.created:
                    raise TracingError(
                        f"{self.__name__}: the function makes a variable at every call "
                        f"({mode.created[0].name}). Make it at the first call only: "
                        "if self.v is None: self.v = tc.Variable(...), or outside."
                    )
        finally:
            mode.created = before
        self._retraces.note(self.__name__, parts_of(call.structure, call.tensors))
        if len(self._traces) >= MAX_TRACES:
            oldest = min(self._traces, key=lambda key: self._traces[key].used)
            del self._traces[oldest]
        self._traces[call.key] = traced
        return traced

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> ConcreteFunction:
        """The function for arguments of one kind: those of the signature, or like these.

        Args:
            args, kwargs: as in a call; a `TensorSpec` stands for any tensor of its shape and dtype.
        """
        if not args and not kwargs and self._signature is not None:
            args = self._signature
        args, kwargs = _examples(args), _examples(kwargs)
        return ConcreteFunction(self, self.prepare(*args, **kwargs))

    def trace_report(self) -> str:
        """Why the function was traced: one line for each trace, with what changed."""
        return self._retraces.report(self.__name__)

    def explain(self) -> str:
        """What became of each trace: the graph before and after the passes, the calls of a run, and
        the source of every kernel that was generated for it.
        """
        if not self._traces:
            return f"{self.__name__} was not called yet, so there is no trace to explain"
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


def _examples(structure: Any) -> Any:
    """Zeros in the place of specifications."""
    from tensorcore.ops.creation import zeros

    if isinstance(structure, dict):
        return {key: _examples(value) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)(_examples(value) for value in structure)
    if type(structure).__name__ != "TensorSpec":
        return structure
    shape = tuple(1 if size is None else size for size in structure.shape)
    return zeros(shape, dtype=structure.dtype)


def function(
    target: Callable[..., Any] | None = None,
    *,
    input_signature: Sequence[Any] | None = None,
    autograph: bool = True,
    reduce_retracing: bool = False,
    fallback: str | None = None,
) -> Any:
    """Trace a function of tensors into one graph, and run that instead.

    The first call with arguments of a kind (shapes, dtypes, devices, values of other arguments)
    runs the function on symbols; later calls run the planned graph.  Variables are captured by
    reference, and assigned to in the order of the program; random numbers differ from call to call.

    Args:
        target: the function; without it, the result is a decorator.
        input_signature: `TensorSpec`s of the positional arguments: they become tensors of these
            dtypes, and other shapes are refused.  A size None fits every size; there is one plan
            for each size that comes.
        autograph: let `if`, `for`, `while`, `and`, `or` and `not` in the source take traced tensors
            (also in the user's functions that it calls).
        reduce_retracing: floats that differ from an earlier call become tensors.
        fallback: "eager": a function that cannot be traced runs eagerly, after one warning.

    >>> @tc.function
    ... def mean_square(x):
    ...     return tc.mean(x * x)
    >>> float(mean_square(tc.asarray([1.0, 3.0])))
    5.0
    """
    options: dict[str, Any] = {
        "input_signature": input_signature,
        "autograph": autograph,
        "reduce_retracing": reduce_retracing,
        "fallback": fallback,
        "makes_variables_once": True,
    }
    if target is None:
        return lambda target: TracedFunction(target, **options)
    return TracedFunction(target, **options)


__all__ = ["Call", "Leaf", "Traced", "TracedFunction", "flatten", "function", "rebuild"]
