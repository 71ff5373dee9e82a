"""Gradients in a named graph: an operation that asks the tape of the run it is part of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorcore import dtypes
from tensorcore.errors import ArgumentTypeError, InvalidArgumentError
from tensorcore.ops.record import Spec
from tensorcore.session.graph import graph_of
from tensorcore.session.tensors import GraphTensor


class Gradients:
    """The function of an operation whose inputs are targets, sources, and what arrives at targets.

    The session records the whole run on a tape, so that what random operations drew, and what the
    loss was computed from, is the same for the gradient.
    """

    def __init__(self, targets: int, sources: int) -> None:
        self.targets = targets
        self.sources = sources

    def sources_among(self, inputs: Sequence[Any]) -> Sequence[Any]:
        """Those inputs for which gradients are wanted."""
        return inputs[self.targets : self.targets + self.sources]

    def __call__(self, targets: list[Any], sources: list[Any], arriving: list[Any] | None) -> Any:
        from tensorcore.session.session import current_run

        tape = current_run().tape
        if tape is None:
            raise InvalidArgumentError("tf.gradients: no tape was recorded")
        return tape.gradient(targets, sources, arriving, unconnected_gradients="zero")


def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    stop_gradients: Any = None,
) -> list[Any]:
    """The gradient of the sum of `ys` for each of `xs`.

    Args:
        ys: a tensor or a list of tensors.
        xs: a tensor or variable, or a list of them.
        grad_ys: what arrives at each of `ys`; ones if None.
        stop_gradients: tensors that count as constants.

    Returns:
        A tensor for each of `xs`, None where `ys` do not depend on it.
    """
    targets, sources = _listed("ys", ys), _listed("xs", xs)
    arriving = None if grad_ys is None else _listed("grad_ys", grad_ys)
    if stop_gradients:
        raise InvalidArgumentError(
            "tf.gradients: stop_gradients is not there; use tf.stop_gradient(x) in the computation"
        )
    graph = graph_of(targets, sources)
    reached = _depending_on(sources)
    connected = [x for x in sources if _leads_to(x, targets, reached)]
    if not connected:
        return [None] * len(sources)
    for target in targets:
        if not _is_inexact(target):
            raise ArgumentTypeError(
                f"tf.gradients: {target.name!r} has dtype {target.dtype_name}; only floating-point "
                "results have gradients"
            )
    found = graph.add(
        Gradients(len(targets), len(connected)),
        (targets, connected, arriving),
        name=name,
        results=[Spec(_sizes(x), x.dtype) for x in connected],
    )
    found = iter(found if isinstance(found, list) else [found])
    return [next(found) if any(x is one for one in connected) else None for x in sources]


def _sizes(tensor: GraphTensor) -> Any:
    return tensor.static_shape.sizes


def _listed(argument: str, values: Any) -> list[GraphTensor]:
    found = list(values) if isinstance(values, (list, tuple)) else [values]
    for value in found:
        if not isinstance(value, GraphTensor):
            raise ArgumentTypeError(
                f"tf.gradients: {argument} must be tensors of the graph, received {value!r}"
            )
    return found


def _depending_on(sources: Sequence[GraphTensor]) -> dict[int, set[int]]:
    """For each source the tensors into which it goes as a floating-point number."""
    graph = graph_of(sources)
    reached: dict[int, set[int]] = {id(x): {id(x)} for x in sources}
    for operation in graph.operations:
        if getattr(operation.function, "stops_gradients", False):
            continue
        outputs = [id(x) for x in operation.outputs if _is_inexact(x)]
        inputs = {id(x) for x in operation.inputs}
        for known in reached.values():
            if not known.isdisjoint(inputs):
                known.update(outputs)
    return reached


def _is_inexact(tensor: Any) -> bool:
    return tensor.dtype in dtypes.KIND and dtypes.is_inexact(tensor.dtype)


def _leads_to(source: Any, targets: Sequence[Any], reached: dict[int, set[int]]) -> bool:
    return _is_inexact(source) and any(id(y) in reached[id(source)] for y in targets)
