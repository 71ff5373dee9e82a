"""Operations whose nodes hold sub-graphs, or that ask the host while a graph runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorcore import dtypes
from tensorcore.autodiff.custom import turned
from tensorcore.autodiff.tape import GradientTape
from tensorcore.device import Device
from tensorcore.errors import TracingError
from tensorcore.mode import mode
from tensorcore.ops.record import Op, Spec

Planner = Callable[..., Callable[[], Any]]


class ControlOp(Op):
    """A record without rule and kernels: its nodes say themselves what they hold.

    Args:
        name: unique among all operations.
        planned: (device, input arrays, result arrays, attributes, whether kernels
            are compiled for it now) -> the call that runs the node.
            A call with the attribute `runs_on_host` is kept out of CUDA graphs.
    """

    is_control = True

    def __init__(self, name: str, documentation: str, planned: Planner) -> None:
        super().__init__(
            _rule,
            name=name,
            reference=_no_reference,
            gradient=(lambda g, i, inputs, y, back: back(g, inputs, y)[i],),
            samples=lambda rng: [],
            variadic=True,
        )
        self.__doc__ = documentation
        self.planned = planned

    def again(self, inputs: Sequence[Any], node: Any, histories: dict[Any, Any]) -> tuple[Any, ...]:
        """The same node on other inputs, in the graph that is being traced.

        `histories` are the kept states of loops, for those that are traced again.
        """
        if "again" in node.attrs:
            return node.attrs["again"](inputs, histories)
        specs = [symbol.data for symbol in node.outputs]
        device = node.outputs[0].device
        return mode.graph.add_control(self, inputs, node.attrs, specs, device)


def _rule(inputs, /, *, back=None):
    """Control flow of a traced function."""
    return Spec(tuple(inputs[0].shape), inputs[0].dtype)


def _no_reference(xp: Any, inputs: Any, back: Any = None) -> Any:
    raise TracingError("control flow has a graph of its own, and cannot run as one operation")


class _AskHost:
    """Calls a function of the host, and puts its numbers where the graph finds them."""

    runs_on_host = True

    def __init__(
        self,
        device: Device,
        arrays: Sequence[Any],
        outs: Sequence[Any],
        attrs: dict[str, Any],
        compiling: bool,
    ) -> None:
        self._function = attrs["function"]
        self._outs = outs

    def __call__(self) -> None:
        for place, number in zip(self._outs, self._function(), strict=True):
            place[...] = number


ask_host = ControlOp("ask_host", "Numbers that a function of the host gives.", _AskHost)


def once(back: Callable[..., Any]) -> Callable[..., Any]:
    """`back` for the gradient that arrives; the engine asks once for each input.

    Outside, complex gradients are the conjugates of what travels inside the engine.
    """
    last: list[Any] = [None, None]

    def remember(g: Any, inputs: Any, results: Any) -> Any:
        if last[0] is not g or g is None:
            given = tuple(map(turned, g)) if isinstance(g, tuple) else (turned(g),)
            last[:] = [g, [turned(part) for part in back(given, inputs, results)]]
        return last[1]

    return remember


def pull_back(
    function: Callable[[Sequence[Any]], Sequence[Any]],
    values: Sequence[Any],
    arriving: Sequence[Any],
) -> list[Any]:
    """The gradient of a function for each floating-point value; None for the others.

    Args:
        function: from values to results.
        values: where it is differentiated.
        arriving: the gradient of each result; what is None or no float is left out.
    """
    sources = [value for value in values if is_float(value)]
    with GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(*sources)
        results = function(values)
    pairs = [
        (result, g)
        for result, g in zip(results, arriving, strict=True)
        if g is not None and is_float(result)
    ]
    found = iter(
        tape.gradient(
            [result for result, _ in pairs],
            sources,
            output_gradients=[g for _, g in pairs],
            unconnected_gradients="zero",
        )
    )
    return [next(found) if is_float(value) else None for value in values]


def is_float(value: Any) -> bool:
    """Whether gradients flow through a tensor."""
    return dtypes.is_inexact(value.dtype)
