"""Products with Jacobians, and whole ones: vjp, jvp, jacobian, hessian, hvp."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorcore import dtypes
from tensorcore.autodiff.functional import differentiable, grad
from tensorcore.autodiff.tape import GradientTape
from tensorcore.errors import ArgumentTypeError, GradientError, InvalidArgumentError, ShapeError
from tensorcore.ops.creation import zeros_like
from tensorcore.ops.joining import stack
from tensorcore.ops.shaping import reshape
from tensorcore.tensor import Tensor, as_tensor


def _outputs(op_name: str, value: Any) -> list[Tensor]:
    outputs = list(value) if isinstance(value, (tuple, list)) else [value]
    for output in outputs:
        if not isinstance(output, Tensor):
            raise ArgumentTypeError(
                f"{op_name}: the function must return tensors, received {type(output).__name__}"
            )
        if not dtypes.is_inexact(output.dtype):
            raise GradientError(
                f"{op_name}: the function must return floating-point values, received "
                f"{output.dtype.name}"
            )
    return outputs


def _like(op_name: str, argument: str, given: Any, expected: list[Tensor]) -> list[Tensor]:
    """`given` (one value or a sequence) as tensors, each of the shape of the expected one."""
    parts = list(given) if isinstance(given, (tuple, list)) else [given]
    if len(parts) != len(expected):
        raise InvalidArgumentError(
            f"{op_name}: expected {len(expected)} {argument}, received {len(parts)}"
        )
    tensors = [
        as_tensor(part, device=like.device) for part, like in zip(parts, expected, strict=True)
    ]
    for number, (tensor, like) in enumerate(zip(tensors, expected, strict=True)):
        if tensor.shape != like.shape:
            raise ShapeError(
                f"{op_name}: {argument}[{number}] must have shape {like.shape}, received "
                f"{tensor.shape}"
            )
    return tensors


def vjp(function: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """The value of a function, and the function that multiplies gradients with its Jacobian.

    Args:
        function: of tensors, returning a tensor or a tuple of them.
        primals: where to evaluate it.

    Returns:
        (value, pullback): `pullback(g)` takes a gradient in the form of the value, and returns a
        tuple with one gradient for each primal.  It may be called several times.

    >>> value, pullback = tc.vjp(lambda x: x * x, tc.asarray([1.0, 2.0]))
    >>> pullback(tc.asarray([1.0, 10.0]))[0].tolist()
    [2.0, 40.0]
    """
    chosen = [differentiable(primal) for primal in primals]
    with GradientTape(persistent=True) as tape:
        tape.watch(*chosen)
        value = function(*chosen)
    outputs = _outputs("vjp", value)

    def pullback(gradients: Any) -> tuple[Any, ...]:
        arriving = _like("vjp", "gradients", gradients, outputs)
        return tuple(
            tape.gradient(outputs, chosen, output_gradients=arriving, unconnected_gradients="zero")
        )

    return value, pullback


def jvp(
    function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[Any, Any]:
    """The value of a function, and its derivative along a direction.

    Computed as the gradient of a pullback, which is linear in what it is given: about three times
    the cost of the function.

    Args:
        function: of tensors, returning a tensor or a tuple of them.
        primals: where to evaluate it.
        tangents: the direction, one tensor for each primal and of its shape.

    Returns:
        (value, derivative), the derivative in the form of the value.

    >>> value, slope = tc.jvp(lambda x: x * x, [tc.asarray(3.0)], [tc.asarray(1.0)])
    >>> float(value), float(slope)
    (9.0, 6.0)
    """
    chosen = [differentiable(primal) for primal in primals]
    directions = _like("jvp", "tangents", list(tangents), chosen)
    with GradientTape(watch_accessed_variables=False) as outer:
        with GradientTape(watch_accessed_variables=False) as inner:
            inner.watch(*chosen)
            value = function(*chosen)
        outputs = _outputs("jvp", value)
        weights = [zeros_like(output) for output in outputs]
        outer.watch(*weights)
        gradients = inner.gradient(
            outputs, chosen, output_gradients=weights, unconnected_gradients="zero"
        )
    slopes = outer.gradient(
        gradients, weights, output_gradients=directions, unconnected_gradients="zero"
    )
    return value, tuple(slopes) if isinstance(value, (tuple, list)) else slopes[0]


def jacobian(function: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """A function that returns all derivatives of all elements of a function's value.

    Args:
        function: returns one tensor.
        argnums: position of the argument to differentiate.

    Returns:
        A function of the same arguments; its result has the shape of the value followed by the
        shape of the argument.  It walks back once for each element of the value.

    >>> tc.jacobian(lambda x: x * x)(tc.asarray([1.0, 2.0])).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """

    def jacobian_at(*args: Any, **kwargs: Any) -> Any:
        if not 0 <= argnums < len(args):
            raise InvalidArgumentError(
                f"jacobian: argnums={argnums}, but the function was called with {len(args)} "
                "positional argument(s)"
            )
        x = differentiable(args[argnums])
        arguments = [*args[:argnums], x, *args[argnums + 1 :]]
        with GradientTape(persistent=True) as tape:
            tape.watch(x)
            value = function(*arguments, **kwargs)
            (output,) = _outputs("jacobian", value)
            elements = reshape(output, (-1,))
            parts = [elements[i] for i in range(output.size)]
        rows = [tape.gradient(part, x, unconnected_gradients="zero") for part in parts]
        shape = (*output.shape, *x.shape)
        return reshape(stack(rows), shape) if rows else zeros_like(reshape(elements, shape))

    return jacobian_at


def hessian(function: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """A function that returns all second derivatives of a function whose value is one number.

    >>> tc.hessian(lambda x: tc.sum(x * x * x))(tc.asarray([1.0, 2.0])).tolist()
    [[6.0, 0.0], [0.0, 12.0]]
    """
    return jacobian(grad(function, argnums), argnums)


def hvp(function: Callable[..., Any], x: Any, direction: Any) -> Any:
    """The Hessian of a function whose value is one number, times a direction.

    Args:
        function: of one tensor, returning one number.
        x: where to evaluate it.
        direction: tensor of the shape of x.

    >>> tc.hvp(lambda x: tc.sum(x * x * x), tc.asarray([1.0, 2.0]), tc.asarray([1.0, 1.0])).tolist()
    [6.0, 12.0]
    """
    _, pullback = vjp(grad(function), x)
    return pullback(direction)[0]
