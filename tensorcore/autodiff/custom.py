"""Gradients by the user's rule: custom_gradient, checkpoint, stop_gradient."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tensorcore import dtypes
from tensorcore.autodiff.batching import Batched
from tensorcore.autodiff.tape import GradientTape
from tensorcore.errors import ArgumentTypeError, InvalidArgumentError, TracingError
from tensorcore.mode import mode
from tensorcore.ops.complex_numbers import conj
from tensorcore.ops.creation import zeros_like
from tensorcore.ops.record import Op, Spec, op
from tensorcore.tensor import Tensor, as_tensor


@op(
    reference=lambda xp, x: x,
    gradient="none: stop_gradient cuts here",
    samples=lambda rng: [((rng.normal(size=(2, 3)),), {})],
    is_view=True,
)
def stop_gradient(x, /):
    """x itself, through which no gradient flows.

    >>> float(tc.grad(lambda x: x * tc.stop_gradient(x))(tc.asarray(3.0)))
    3.0
    """
    return Spec(tuple(x.shape), x.dtype)


class _Unheard:
    """A context in which no tape listens."""

    def __enter__(self) -> None:
        self._tapes = mode.tapes
        mode.tapes = ()

    def __exit__(self, *exception: object) -> None:
        mode.tapes = self._tapes


class _Call(Op):
    """A call of a whole function as one operation, run unheard; the tapes get its rule."""

    def call(self, run: Callable[..., Any], inputs: tuple[Any, ...], back: Any) -> Any:
        if any(isinstance(value, Batched) for value in inputs) and _listening_outside():
            raise TracingError(
                "vmap: a function with its own gradient (custom_gradient, checkpoint) has none "
                "outside of vmap. Take the gradient inside: tc.vmap(tc.grad(function))."
            )
        with _Unheard():
            output = run()
            parts = output if isinstance(output, (tuple, list)) else (output,)
            for part in parts:
                if not isinstance(part, Tensor):
                    raise ArgumentTypeError(
                        f"{self.name}: the function must return tensors, received "
                        f"{type(part).__name__}"
                    )
            # Tensors of their own, which the function may not have been given or have kept.
            parts = tuple(map(stop_gradient, parts))
        output = parts if isinstance(output, (tuple, list)) else parts[0]
        for tape in mode.tapes:
            tape.record(self, inputs, {"back": _once(back)}, output)
        return output


def _listening_outside() -> bool:
    """Whether a tape around `vmap` listens, which knows the whole batch only."""
    return any(tape in mode.graph.outer_tapes for tape in mode.tapes)


def _once(back: Callable[..., Any]) -> Callable[..., Any]:
    """`back` for the gradient that arrives; the engine asks once for each input."""
    last: list[Any] = [None, None]

    def remember(g: Any, inputs: Any) -> Any:
        if last[0] is not g or g is None:
            given = tuple(map(turned, g)) if isinstance(g, tuple) else turned(g)
            last[:] = [g, [turned(part) for part in back(given, inputs)]]
        return last[1]

    return remember


def turned(gradient: Any) -> Any:
    """Between a gradient as users see it and the conjugate, which travels inside the engine."""
    if gradient is None or dtypes.KIND[gradient.dtype] != "complex":
        return gradient
    return conj(gradient)


def _rule(inputs, /, *, back=None):
    """A function of the user as one operation; see `tc.custom_gradient` and `tc.checkpoint`."""
    return Spec(tuple(inputs[0].shape), inputs[0].dtype)


_call = _Call(
    _rule,
    name="user_function",
    reference=lambda xp, inputs, back: inputs[0],
    gradient=(lambda g, i, inputs, back: back(g, inputs)[i],),
    samples=lambda rng: [],
    variadic=True,
)


def custom_gradient(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator for functions that bring their own gradient.

    Args:
        function: of tensors; returns (value, gradient): the value is a tensor or a tuple of them,
            `gradient(g)` takes the gradient of the value and returns one for each argument (alone
            if there is one argument).  For second derivatives it is written in operations.

    >>> @tc.custom_gradient
    ... def round_through(x):
    ...     return tc.round(x), lambda g: g
    >>> float(tc.grad(round_through)(tc.asarray(0.7)))
    1.0
    """

    @functools.wraps(function)
    def with_rule(*args: Any) -> Any:
        inputs = tuple(as_tensor(arg) for arg in args)
        rules: list[Any] = []

        def run() -> Any:
            value, rule = function(*inputs)
            rules.append(rule)
            return value

        def back(g: Any, kept: Any) -> tuple[Any, ...]:
            # Someone who listens needs to see how the rule depends on the inputs.
            rule = function(*kept)[1] if mode.tapes else rules[0]
            gradients = rule(*g) if isinstance(g, tuple) else rule(g)
            gradients = gradients if isinstance(gradients, (tuple, list)) else (gradients,)
            if len(gradients) != len(kept):
                raise InvalidArgumentError(
                    f"custom_gradient: the gradient of {function.__name__} must return "
                    f"{len(kept)} gradients, one for each argument, received {len(gradients)}"
                )
            return tuple(gradients)

        return _call.call(run, inputs, back)

    return with_rule


def checkpoint(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that keeps nothing for its gradient but its inputs, and is run again for it.

    Saves the memory of the values in between for the time of one more run.  Variables that the
    function reads get their gradients too.  The function has to give the same at both runs: random
    numbers have to be drawn outside.

    >>> block = tc.checkpoint(lambda x: tc.exp(tc.sin(x)))
    >>> float(tc.grad(block)(tc.asarray(0.0)))
    1.0
    """

    @functools.wraps(function)
    def thin(*args: Any) -> Any:
        if not mode.tapes:
            return function(*args)
        inputs = tuple(as_tensor(arg) for arg in args)
        read: list[Any] = []

        def run() -> Any:
            with GradientTape() as tape:
                value = function(*inputs)
            read.extend(tape.watched_variables())
            return value

        with _Unheard():
            value = run()
        everything = (*inputs, *(variable.value for variable in read))

        def back(g: Any, kept: Any) -> tuple[Any, ...]:
            arguments = kept[: len(inputs)]
            sources = [t for t in arguments if dtypes.is_inexact(t.dtype)]
            with GradientTape() as tape:
                tape.watch(*sources)
                again = function(*arguments)
            found = iter(
                tape.gradient(
                    again,
                    [*sources, *read],
                    output_gradients=g,
                    unconnected_gradients="zero",
                )
            )
            of_inputs = [
                next(found) if dtypes.is_inexact(t.dtype) else zeros_like(t) for t in arguments
            ]
            return (*of_inputs, *found)

        return _call.call(lambda: value, everything, back)

    return thin
