"""The gradient checker: derivatives against differences of values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.autodiff.tape import GradientTape
from tensorcore.errors import GradientError
from tensorcore.ops.arithmetic import multiply
from tensorcore.ops.complex_numbers import conj, real
from tensorcore.ops.reductions import sum
from tensorcore.tensor import Tensor, as_tensor


def gradcheck(
    function: Callable[..., Any],
    *inputs: Any,
    order: int = 1,
    step: float = 1e-5,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> float:
    """Compare the gradient of `function` with differences of its values, along a random direction.

    For random u (a direction in the inputs) and w (weights of the outputs) the derivative of
    sum(w * f(x + t u)) for t is computed from the gradient, and as (F(t) - F(-t)) / 2t.

    Args:
        function: of tensors, returning a tensor or a tuple of tensors.
        inputs: tensors or arrays; the floating-point ones are checked, and should be float64.
        order: 1 checks gradients, 2 the gradients of gradients too.
        step: t above.
        tolerance: greatest difference allowed, relative to the size of the derivative (at least 1).
        seed: of the random directions.

    Returns:
        The greatest relative difference found.

    Raises:
        GradientError: the two differ; the message shows both.

    >>> x = tc.asarray([0.3, 0.7], dtype=tc.float64)
    >>> tc.gradcheck(lambda v: tc.exp(v) * v, x, order=2) < 1e-6
    True
    """
    rng = np.random.default_rng(seed)
    tensors = [as_tensor(value) for value in inputs]
    error = _check_once(function, tensors, rng, step, tolerance, "gradient")
    if order < 2:
        return error
    weights = _random_like(rng, function(*tensors))

    def gradient(*values: Any) -> Any:
        with GradientTape() as tape:
            tape.watch(*_checked(values))
            total = _weighted_sum(function(*values), weights)
        return tuple(tape.gradient(total, _checked(values), unconnected_gradients="zero"))

    return max(
        error, _check_once(gradient, tensors, rng, step, tolerance, "gradient of the gradient")
    )


def _checked(values: Any) -> list[Any]:
    return [value for value in values if dtypes.is_inexact(value.dtype)]


def _check_once(
    function: Callable[..., Any],
    tensors: list[Any],
    rng: Any,
    step: float,
    tolerance: float,
    what: str,
) -> float:
    result = function(*tensors)
    weights = _random_like(rng, result)
    directions = [_random(rng, t) if dtypes.is_inexact(t.dtype) else None for t in tensors]

    def value_at(t: float) -> float:
        moved = [
            x if u is None else x + multiply(u, t) for x, u in zip(tensors, directions, strict=True)
        ]
        return float(_weighted_sum(function(*moved), weights))

    with GradientTape() as tape:
        tape.watch(*_checked(tensors))
        total = _weighted_sum(function(*tensors), weights)
    gradients = iter(tape.gradient(total, _checked(tensors), unconnected_gradients="zero"))
    analytic = math.fsum(_product(next(gradients), u) for u in directions if u is not None)
    numeric = (value_at(step) - value_at(-step)) / (2 * step)
    error = abs(analytic - numeric) / max(1.0, abs(numeric))
    if not error <= tolerance:
        raise GradientError(
            f"gradcheck: the {what} along a random direction is {analytic!r}, differences of "
            f"values give "
            f"{numeric!r}: relative error {error:.2e}, allowed {tolerance:.2e}"
        )
    return error


def _outputs(result: Any) -> list[Any]:
    outputs = list(result) if isinstance(result, (tuple, list)) else [result]
    return [
        output
        for output in outputs
        if isinstance(output, Tensor) and dtypes.is_inexact(output.dtype)
    ]


def _random_like(rng: Any, result: Any) -> list[Any]:
    return [_random(rng, output) for output in _outputs(result)]


def _random(rng: Any, like: Any) -> Any:
    values = rng.normal(size=like.shape)
    if dtypes.KIND[like.dtype] == "complex":
        values = values + 1j * rng.normal(size=like.shape)
    return as_tensor(np.asarray(values).astype(like.dtype), device=like.device)


def _product(gradient: Any, direction: Any) -> float:
    """How much the value changes along a direction: the real part of conj(gradient) * direction."""
    return float(real(sum(multiply(conj(gradient), direction))))


def _weighted_sum(result: Any, weights: list[Any]) -> Any:
    parts = [
        real(sum(multiply(output, w))) for output, w in zip(_outputs(result), weights, strict=True)
    ]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
