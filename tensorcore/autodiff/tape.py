"""The gradient tape: remembers operations as they run, and walks back over them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from tensorcore import dtypes
from tensorcore.autodiff.reasons import Step, why_none
from tensorcore.errors import ArgumentTypeError, GradientError, InvalidArgumentError, ShapeError
from tensorcore.kernels.cpu import tiers
from tensorcore.mode import mode, phase, place
from tensorcore.ops import shaping
from tensorcore.ops.arithmetic import add
from tensorcore.ops.complex_numbers import conj
from tensorcore.ops.creation import eye, full_like, ones_like, zeros_like
from tensorcore.ops.joining import stack
from tensorcore.ops.record import Gradient, Op
from tensorcore.ops.transfer import astype
from tensorcore.tensor import Tensor, as_tensor, next_serial, wrap
from tensorcore.variable import Variable


class Node(NamedTuple):
    """One operation that ran: what its gradient rules need, and no more."""

    op: Op
    serials: tuple[int, ...]  # of the inputs; 0 where no gradient is wanted
    inputs: tuple[Any, ...]  # Spec-like (shape, dtype) of each input
    kept: dict[Any, Any]  # input position -> tensor, "y" -> output
    attrs: dict[str, Any]
    outputs: tuple[tuple[int, tuple[int, ...], Any, Any], ...]  # (serial, shape, dtype, device)
    layers: tuple[str, ...]  # that were being called


class Kept(NamedTuple):
    """A tensor as it was: `x[i] = v` gives the tensor object another array and serial later."""

    tensor: Tensor
    data: Any
    serial: int


def _keep(value: Any) -> Any:
    if type(value) is Tensor:
        return Kept(value, value.data, value.serial)
    return tuple(map(_keep, value)) if type(value) is tuple else value


def _recall(value: Any) -> Any:
    if type(value) is Kept:
        tensor, data, serial = value
        # A variable's tensor changes its array when it is written to, but not its serial.
        if tensor.data is data or tensor.serial == serial:
            return tensor
        return wrap(data, tensor.device, serial=serial)
    return tuple(map(_recall, value)) if type(value) is tuple else value


class GradientTape:
    """Records operations on watched tensors, for gradients in reverse mode.

    Args:
        persistent: allow several calls of `gradient`; otherwise the tape is spent after one, and
            its memory is freed while walking.
        watch_accessed_variables: watch every trainable variable that is read.

    Tapes nest: a tape around another's `gradient` gives second derivatives.

    >>> import tensorcore as tc
    >>> x = tc.asarray(3.0, device="cpu")
    >>> with tc.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x * x
    >>> float(tape.gradient(y, x))
    6.0
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._persistent = persistent
        self._watch_variables = watch_accessed_variables
        self._nodes: list[Node] = []
        self._live: set[int] = set()
        self._watched: set[int] = set()  # tensors given to `watch`
        self._variables: dict[int, Variable] = {}
        self._spent = False
        self._steps: list[Step] = []  # of the last `gradient`, for `explain`
        self._targets: set[int] = set()

    # Recording ------------------------------------------------------------------------------------

    def __enter__(self) -> GradientTape:
        if self in mode.tapes:
            raise GradientError("this GradientTape is recording already; make a second one")
        mode.tapes = (*mode.tapes, self)
        tiers.training_begins()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop()

    def _stop(self) -> None:
        mode.tapes = tuple(tape for tape in mode.tapes if tape is not self)

    def watch(self, *values: Any) -> None:
        """Take gradients for these tensors or variables (or lists of them) into account."""
        for value in _flatten(values):
            if isinstance(value, Variable):
                self._variables[value.serial] = value
                self._live.add(value.serial)
                continue
            if not isinstance(value, Tensor):
                raise ArgumentTypeError(
                    f"tape.watch: expected tensors or variables, received {value!r}"
                )
            if not dtypes.is_inexact(value.dtype):
                raise GradientError(
                    f"tape.watch: gradients need a floating-point dtype, received "
                    f"{value.dtype.name}; "
                    "convert with tc.astype(x, tc.float32)"
                )
            self._live.add(_serial(value))
            self._watched.add(value.serial)

    def watches(self, tensor: Tensor) -> bool:
        """Whether the tensor itself was given to `watch`."""
        return tensor.serial in self._watched

    def follows(self, value: Any) -> bool:
        """Whether a tensor or variable is watched, or was computed from what is watched."""
        variable = value if isinstance(value, Variable) else value.variable
        return value.serial in self._live or (variable is not None and self._wants(variable))

    def watched_variables(self) -> tuple[Variable, ...]:
        """The variables read so far, in the order of their first use."""
        return tuple(self._variables.values())

    def stop_recording(self) -> _Paused:
        """A context in which this tape does not listen."""
        return _Paused(self)

    def reset(self) -> None:
        """Forget all that was recorded."""
        self._nodes.clear()
        self._live.clear()
        self._watched.clear()
        self._variables.clear()
        self._steps.clear()
        self._targets.clear()
        self._spent = False

    def record(self, op: Op, inputs: Sequence[Any], attrs: dict[str, Any], output: Any) -> None:
        """Called by the door after each operation."""
        live = self._live
        serials = []
        found = False
        for value in inputs:
            serial = 0
            if isinstance(value, Tensor):
                variable = value.variable
                if variable is not None and self._wants(variable):
                    live.add(value.serial)
                    self._variables.setdefault(value.serial, variable)
                if value.serial in live:
                    serial = value.serial
                    found = True
            serials.append(serial)
        if not found:
            return
        outputs = output if type(output) is tuple else (output,)
        described = []
        for tensor in outputs:
            described.append((_serial(tensor), tensor.shape, tensor.dtype, tensor.device))
            if dtypes.is_inexact(tensor.dtype):
                live.add(tensor.serial)
        kept: dict[Any, Any] = {}
        gradients = op.gradients
        for index, serial in enumerate(serials):
            rule = gradients[0 if op.variadic else index]
            if serial and type(rule) is Gradient:
                for position in rule.inputs:
                    kept[position] = _keep(inputs[position])
                if rule.needs_output:
                    kept["y"] = _keep(output)
                if op.variadic and "inputs" in rule.names:
                    kept["inputs"] = _keep(tuple(inputs))
        specs = tuple(
            (value.shape, value.dtype) if hasattr(value, "dtype") else ((), None)
            for value in inputs
        )
        self._nodes.append(
            Node(op, tuple(serials), specs, kept, attrs, tuple(described), place.layers)
        )

    def _wants(self, variable: Variable) -> bool:
        return self._watch_variables and variable.trainable and dtypes.is_inexact(variable.dtype)

    # Walking back ---------------------------------------------------------------------------------

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: str = "none",
    ) -> Any:
        """The gradient of the sum of `target` for each of `sources`.

        Args:
            target: a tensor, or a list of tensors whose gradients are added.
            sources: a tensor or variable, or a (nested) list, tuple or dict of them.
            output_gradients: the gradient that arrives at each target: a tensor or array of its
                shape, or a number for all elements; ones if None.
            unconnected_gradients: "none" or "zero", for sources that the target does not depend on.

        For a complex source z = x + iy the gradient of a real target L is dL/dx + i dL/dy, the
        direction of steepest ascent; of a complex target that of its real part.

        Returns:
            Tensors in the structure of `sources`; None for unconnected ones: `explain` says why.

        Raises:
            GradientError: the tape was used before and is not persistent.
        """
        if self._spent:
            raise GradientError(
                "this GradientTape was used already; for several gradients make it with "
                "GradientTape(persistent=True)"
            )
        if unconnected_gradients not in ("none", "zero"):
            raise InvalidArgumentError(
                'unconnected_gradients: expected "none" or "zero", received '
                f"{unconnected_gradients!r}"
            )
        if not self._persistent:
            self._stop()
            self._spent = True
        targets = [t.__tensor__() if isinstance(t, Variable) else t for t in _flatten([target])]
        wanted = _flatten([sources])
        gradients = self._start(targets, output_gradients)
        keep = {_source_serial(source) for source in wanted}
        nodes = list(self._nodes) if self._persistent else self._nodes
        self._targets = set(gradients)
        self._steps = [
            Step(node.op, node.serials, tuple([output[0] for output in node.outputs]))
            for node in nodes
        ]
        walk_back(nodes, gradients, keep)
        results = iter([_result(gradients, source, unconnected_gradients) for source in wanted])
        return _rebuild(sources, results)

    def jacobian(
        self,
        target: Any,
        sources: Any,
        unconnected_gradients: str = "none",
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """The derivative of each element of `target` for each element of `sources`.

        Args:
            target: a tensor.
            sources, unconnected_gradients: see `gradient`.
            parallel_iterations, experimental_use_pfor: TensorFlow's; the tape is walked back over
                once for each element of the target.

        Returns:
            Tensors of the shape target.shape + source.shape, in the structure of `sources`.

        >>> import tensorcore as tc
        >>> x = tc.asarray([1.0, 2.0], device="cpu")
        >>> with tc.GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = x * x
        >>> tape.jacobian(y, x).tolist()
        [[2.0, 0.0], [0.0, 4.0]]
        """
        target = as_tensor(target)
        one_by_one = shaping.reshape(
            eye(target.size, dtype=target.dtype, device=target.device),
            (target.size, *target.shape),
        )
        rows = self._rows(target, sources, one_by_one, unconnected_gradients)
        results: list[Any] = []
        for parts in zip(*rows, strict=True):
            if parts[0] is None:
                results.append(None)
            else:
                shape = (*target.shape, *parts[0].shape)
                results.append(shaping.reshape(stack(list(parts)), shape))
        return _rebuild(sources, iter(results))

    def batch_jacobian(
        self,
        target: Any,
        source: Any,
        unconnected_gradients: str = "none",
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """The derivatives of each row of `target` for the same row of `source`.

        Args:
            target: shape (batch, ...); a row may depend on the same row of `source` only.
            source: shape (batch, ...).
            others: see `jacobian`.

        Returns:
            A tensor of the shape (batch, ...of target, ...of source).
        """
        target = as_tensor(target)
        if target.ndim < 1 or source.shape[:1] != target.shape[:1]:
            raise ShapeError(
                "batch_jacobian: target and source must have the same first dimension, received "
                f"shapes {tuple(target.shape)} and {tuple(source.shape)}"
            )
        batch, inner = target.shape[0], target.shape[1:]
        count = math.prod(inner)
        ones = eye(count, dtype=target.dtype, device=target.device)
        everywhere = shaping.broadcast_to(shaping.expand_dims(ones, axis=1), (count, batch, count))
        arriving = shaping.reshape(everywhere, (count, *target.shape))
        rows = [row[0] for row in self._rows(target, source, arriving, unconnected_gradients)]
        if not rows or rows[0] is None:
            return None
        shape = (batch, *inner, *source.shape[1:])
        return shaping.reshape(stack(rows, axis=1), shape)

    def _rows(self, target: Any, sources: Any, arriving: Any, unconnected: str) -> list[list[Any]]:
        """The gradients of the sources for each row of `arriving` that comes to the target."""
        was_persistent, self._persistent = self._persistent, True
        try:
            return [
                list(_flatten([self.gradient(target, sources, arriving[i], unconnected)]))
                for i in range(arriving.shape[0])
            ]
        finally:
            self._persistent = was_persistent
            if not was_persistent:
                self._stop()
                self._spent = True
                self._nodes.clear()

    def explain(self, source: Any) -> str:
        """Why the last call of `gradient` gave None for `source`; "" if the two are connected.

        Args:
            source: tensor or variable.

        >>> import tensorcore as tc
        >>> x = tc.asarray([1.0, 2.0])
        >>> with tc.GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = tc.sum(tc.stop_gradient(x) * 2.0)
        >>> tape.gradient(y, x) is None
        True
        >>> tape.explain(x)
        'the source reaches the target only through stop_gradient (none: stop_gradient cuts here)'
        """
        if not self._targets:
            raise GradientError("explain: call tape.gradient(target, source) first")
        _source_serial(source)
        return why_none(self._steps, self._targets, source, self.follows(source))

    def _start(self, targets: list[Any], output_gradients: Any) -> dict[int, Tensor]:
        arriving = (
            [None] * len(targets) if output_gradients is None else _flatten([output_gradients])
        )
        if len(arriving) != len(targets):
            raise InvalidArgumentError(
                f"gradient: {len(targets)} targets, but {len(arriving)} output_gradients"
            )
        gradients: dict[int, Tensor] = {}
        for target, given in zip(targets, arriving, strict=True):
            if not isinstance(target, Tensor):
                raise ArgumentTypeError(
                    f"gradient: expected a tensor as target, received {target!r}"
                )
            if not dtypes.is_inexact(target.dtype):
                raise GradientError(
                    f"gradient: the target has dtype {target.dtype.name}; only floating-point "
                    f"results have gradients"
                )
            given = ones_like(target) if given is None else _arriving_at(target, given)
            serial = _serial(target)
            gradients[serial] = add(gradients[serial], given) if serial in gradients else given
        return gradients


def _arriving_at(target: Any, given: Any) -> Any:
    """A gradient that the user sends to a target, as it travels inside the engine."""
    if isinstance(given, (int, float, complex)):
        given = full_like(target, given)  # a number stands for every element
    given = as_tensor(given, device=target.device)
    if tuple(given.shape) != tuple(target.shape):
        raise ShapeError(
            f"gradient: output_gradients must have the target's shape {tuple(target.shape)}, "
            f"received {tuple(given.shape)}"
        )
    if not dtypes.is_inexact(given.dtype):
        given = astype(given, target.dtype)
    return conj(given) if dtypes.KIND[given.dtype] == "complex" else given


class _Paused:
    def __init__(self, tape: GradientTape) -> None:
        self._tape = tape

    def __enter__(self) -> None:
        self._before = mode.tapes
        mode.tapes = tuple(tape for tape in mode.tapes if tape is not self._tape)

    def __exit__(self, *exception: object) -> None:
        mode.tapes = self._before


def walk_back(nodes: list[Node], gradients: dict[int, Any], keep: set[int]) -> None:
    """Consume `nodes` from the end, adding to `gradients` (serial -> gradient).

    Gradients of intermediate values are dropped as soon as they were passed on, unless they are in
    `keep`.
    """
    with phase("backward"):
        _walk(nodes, gradients, keep)


def _walk(nodes: list[Node], gradients: dict[int, Any], keep: set[int]) -> None:
    while nodes:
        node = nodes.pop()
        place.layers = node.layers
        arriving = _arriving(node, gradients, keep)
        if arriving is None:
            continue
        shared: dict[str, Any] = {}
        for index, serial in enumerate(node.serials):
            if not serial:
                continue
            rule = node.op.gradients[0 if node.op.variadic else index]
            if type(rule) is not Gradient:
                continue
            shape, dtype = node.inputs[index]
            gradient = rule.function(arriving, **_needed(node, rule, index, shared))
            if gradient is None:
                continue
            gradient = fit(gradient, shape, dtype)
            gradients[serial] = (
                add(gradients[serial], gradient) if serial in gradients else gradient
            )


def _arriving(node: Node, gradients: dict[int, Any], keep: set[int]) -> Any:
    found = []
    for serial, _, _, _ in node.outputs:
        found.append(gradients.get(serial) if serial in keep else gradients.pop(serial, None))
    if all(gradient is None for gradient in found):
        return None
    if len(found) == 1:
        return found[0]
    return tuple(
        zeros_like_spec(shape, dtype, device) if gradient is None else gradient
        for gradient, (_, shape, dtype, device) in zip(found, node.outputs, strict=True)
    )


def zeros_like_spec(shape: tuple[int, ...], dtype: Any, device: Any) -> Tensor:
    """Zeros that stand for a gradient that nobody sent."""
    from tensorcore.ops.creation import zeros

    return zeros(shape, dtype=dtype, device=device)


def _needed(node: Node, rule: Gradient, index: int, shared: dict[str, Any]) -> dict[str, Any]:
    values = {}
    for name in rule.names:
        if name == "y":
            values[name] = _recall(node.kept["y"])
        elif name == "i":
            values[name] = index
        elif name == "shared":
            values[name] = shared
        elif name == "shapes":
            values[name] = [shape for shape, _ in node.inputs]
        elif name == "inputs":
            values[name] = _recall(node.kept["inputs"])
        elif name in node.attrs:
            values[name] = node.attrs[name]
        elif name in node.op.inputs:
            values[name] = _recall(node.kept[node.op.inputs.index(name)])
        else:
            input_name, _, what = name.rpartition("_")
            values[name] = node.inputs[node.op.inputs.index(input_name)][what == "dtype"]
    return values


def fit(gradient: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """The gradient in its input's shape and dtype: what was broadcast forward is summed back."""
    if gradient.shape != shape:
        gradient = shaping.sum_to(gradient, shape=shape)
    if gradient.dtype != dtype:
        gradient = astype(gradient, dtype)
    return gradient


def _serial(tensor: Tensor) -> int:
    if not tensor.serial:
        tensor.serial = next_serial()
    return tensor.serial


def _source_serial(source: Any) -> int:
    if isinstance(source, (Tensor, Variable)):
        return source.serial or _serial(source)  # type: ignore[arg-type]
    raise ArgumentTypeError(
        f"gradient: expected tensors or variables as sources, received {source!r}. "
        "Watch a tensor inside the tape and use that very tensor: tape.watch(x)"
    )


def _result(gradients: dict[int, Any], source: Any, unconnected: str) -> Any:
    gradient = gradients.get(source.serial)
    if gradient is None:
        return zeros_like(source) if unconnected == "zero" else None
    # Inside, the conjugate travels: see ops/complex_numbers.py.
    return conj(gradient) if dtypes.KIND[gradient.dtype] == "complex" else gradient


def _flatten(values: Any) -> list[Any]:
    if isinstance(values, (list, tuple)):
        return [leaf for value in values for leaf in _flatten(value)]
    if isinstance(values, dict):
        return [leaf for value in values.values() for leaf in _flatten(value)]
    return [values]


def _rebuild(structure: Any, leaves: Any) -> Any:
    if isinstance(structure, dict):
        return {key: _rebuild(value, leaves) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        parts = [_rebuild(value, leaves) for value in structure]
        return parts if isinstance(structure, list) else tuple(parts)
    return next(leaves)
