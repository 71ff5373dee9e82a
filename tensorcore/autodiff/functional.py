"""Gradients of functions: `grad`, `value_and_grad`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from tensorcore import dtypes
from tensorcore.autodiff.tape import GradientTape
from tensorcore.errors import ArgumentTypeError, GradientError, InvalidArgumentError, ShapeError
from tensorcore.tensor import Tensor, as_tensor
from tensorcore.variable import Variable


def value_and_grad(
    function: Callable[..., Any], argnums: int | Sequence[int] = 0
) -> Callable[..., Any]:
    """A function that returns what `function` returns, and its gradient.

    Args:
        function: returns a tensor with one element.
        argnums: position(s) of the arguments to differentiate; an argument may be a tensor, a
            variable, or nested lists, tuples and dicts of them.

    Returns:
        A function of the same arguments that returns (value, gradient); the gradient has the
        structure of the argument, or is a tuple of them if `argnums` is a sequence.

    >>> value, slope = tc.value_and_grad(lambda x: x * x)(tc.asarray(3.0))
    >>> float(value), float(slope)
    (9.0, 6.0)
    """
    positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    @functools.wraps(function)
    def with_gradient(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        if max(positions) >= len(args):
            raise InvalidArgumentError(
                f"grad: argnums={argnums}, but the function was called with {len(args)} positional "
                f"argument(s)"
            )
        chosen = [differentiable(args[position]) for position in positions]
        args_list = list(args)
        for position, value in zip(positions, chosen, strict=True):
            args_list[position] = value
        with GradientTape() as tape:
            tape.watch(*chosen)
            value = function(*args_list, **kwargs)
        if not isinstance(value, Tensor):
            raise ArgumentTypeError(
                f"grad: the function must return a tensor, received {type(value).__name__}"
            )
        if value.size != 1:
            raise ShapeError(
                f"grad: the function must return one number, received shape {value.shape}; "
                "reduce it, for example with tc.sum"
            )
        gradients = tape.gradient(value, chosen, unconnected_gradients="zero")
        return value, gradients[0] if isinstance(argnums, int) else tuple(gradients)

    return with_gradient


def grad(function: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """A function that returns the gradient of `function`; see `value_and_grad`.

    >>> float(tc.grad(tc.grad(lambda x: x * x * x))(tc.asarray(2.0)))
    12.0
    """
    both = value_and_grad(function, argnums)

    @functools.wraps(function)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return gradient


def differentiable(value: Any) -> Any:
    """`value` as what a tape can watch: tensors and variables, also in lists, tuples and dicts."""
    if isinstance(value, dict):
        return {key: differentiable(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)) and any(
        isinstance(v, (Tensor, Variable, list, tuple, dict)) for v in value
    ):
        return type(value)(differentiable(part) for part in value)
    if isinstance(value, Variable):
        return value
    tensor = as_tensor(value)
    if not dtypes.is_inexact(tensor.dtype):
        raise GradientError(
            f"grad: arguments need a floating-point dtype, received {tensor.dtype.name}; "
            "convert with tc.astype(x, tc.float32)"
        )
    return tensor
