"""Normalization of the last dimension to mean 0 and variance 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from tensorcore.ops.arithmetic import add, multiply, negative, square, subtract
from tensorcore.ops.creation import ones, zeros
from tensorcore.ops.exponential import rsqrt
from tensorcore.ops.record import Spec, check_inexact, op
from tensorcore.ops.reductions import mean, sum
from tensorcore.ops.transfer import astype

# The gradients compute mean and variance from x again: that costs no memory, and a gradient of them
# needs no rules for values that were kept.


def _normal(xp: Any, x: Any, epsilon: float, centered: bool) -> tuple[Any, Any]:
    """n = (x - mean) r, and r = 1 / sqrt(variance + epsilon)."""
    x = x.astype(dtypes.accumulator(x.dtype), copy=False)
    if centered:
        x = x - xp.mean(x, axis=-1, keepdims=True)
    r = 1 / xp.sqrt(xp.mean(x * x, axis=-1, keepdims=True) + x.dtype.type(epsilon))
    return x * r, r


def _reference(xp: Any, x: Any, gamma: Any, beta: Any, epsilon: float, centered: bool) -> Any:
    n, _ = _normal(xp, x, epsilon, centered)
    return (n * gamma.astype(n.dtype) + beta.astype(n.dtype)).astype(x.dtype)


def _gradient_reference(xp: Any, g: Any, x: Any, gamma: Any, epsilon: float, centered: bool) -> Any:
    n, r = _normal(xp, x, epsilon, centered)
    h = g.astype(n.dtype) * gamma.astype(n.dtype)
    inner = h - n * xp.mean(h * n, axis=-1, keepdims=True)
    if centered:
        inner = inner - xp.mean(h, axis=-1, keepdims=True)
    return (r * inner).astype(x.dtype)


def _scale_gradient_reference(xp: Any, g: Any, x: Any, epsilon: float, centered: bool) -> Any:
    n, _ = _normal(xp, x, epsilon, centered)
    return xp.sum(g.astype(n.dtype) * n, axis=tuple(range(x.ndim - 1)))


def _check(op_name: str, x: Any, epsilon: Any, centered: Any, **rows: Any) -> None:
    check_inexact(op_name, "x", x.dtype)
    if not x.shape:
        raise ShapeError(f"{op_name}: x needs a dimension to be normalized, received a scalar")
    if not epsilon > 0:
        raise InvalidArgumentError(f"{op_name}: epsilon must be positive, received {epsilon!r}")
    if not isinstance(centered, (bool, np.bool_)):
        raise ArgumentTypeError(f"{op_name}: centered must be True or False, received {centered!r}")
    for name, row in rows.items():
        known = len(row.shape) == 1 and None not in (row.shape[0], x.shape[-1])
        if len(row.shape) != 1 or (known and row.shape[0] != x.shape[-1]):
            raise ShapeError(
                f"{op_name}: {name} must have the shape ({x.shape[-1]},) of x's last dimension, "
                f"received {tuple(row.shape)}"
            )


def _weights_like(x: Any, one: bool) -> Any:
    make = ones if one else zeros
    return make((x.shape[-1],), dtype=dtypes.accumulator(x.dtype), device=x.device)


def _plain(x: Any, epsilon: float, centered: bool) -> Any:
    """x normalized, without weights."""
    weights = _weights_like(x, one=True), _weights_like(x, one=False)
    return layer_norm(x, *weights, epsilon=epsilon, centered=centered)


def _back(g: Any, x: Any, epsilon: float, centered: bool) -> Any:
    """The gradient for x of the normalization without weights: a symmetric map of g."""
    weights = _weights_like(x, one=True)
    return layer_norm_gradient(g, x, weights, epsilon=epsilon, centered=centered)


def _row_sums(g: Any) -> Any:
    """The sum over all rows, with the terms of 16 bits added up in 32."""
    axes = tuple(range(len(g.shape) - 1))
    wide = dtypes.accumulator(g.dtype)
    return sum(g, axis=axes, dtype=wide) if axes else astype(g, wide)


def _cases(rng: np.random.Generator) -> Any:
    return [
        ((3, 5), {"epsilon": 1e-3}),
        ((2, 3, 8), {"epsilon": 0.1, "centered": False}),
        ((4,), {"epsilon": 0.5, "centered": True}),
        ((0, 3), {"epsilon": 0.5, "centered": True}),
    ]


def _samples(*shapes: Any) -> Any:
    """Inputs for the cases: "x" stands for the shape of x, "c" for that of a row."""

    def made(rng: np.random.Generator) -> Any:
        return [
            (
                tuple(rng.normal(size=x if kind == "x" else x[-1:]) for kind in shapes),
                {"centered": True, **attrs},
            )
            for x, attrs in _cases(rng)
        ]

    return made


@op(
    reference=_reference,
    gradient=(
        lambda g, x, gamma, epsilon, centered: layer_norm_gradient(
            g, x, gamma, epsilon=epsilon, centered=centered
        ),
        lambda g, x, epsilon, centered: layer_norm_scale_gradient(
            g, x, epsilon=epsilon, centered=centered
        ),
        lambda g: _row_sums(g),
    ),
    samples=_samples("x", "c", "c"),
)
def layer_norm(x, gamma, beta, /, *, epsilon=1e-3, centered=True):
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, over the last dimension.

    Args:
        x: shape (..., features), floating point.  16-bit values are computed with in float32.
        gamma, beta: factor and offset of each feature, shape (features,).
        epsilon: added to the variance, positive.
        centered: False takes mean as 0, which is the root-mean-square normalization.

    Returns:
        The shape and the dtype of x.

    Source: Ba et al., 2016; Zhang and Sennrich, 2019 (without centering).

    >>> y = tc.nn.layer_norm(tc.asarray([[1.0, 3.0]]), tc.ones(2), tc.zeros(2))
    >>> y.numpy().round(2).tolist()
    [[-1.0, 1.0]]
    """
    _check("layer_norm", x, epsilon, centered, gamma=gamma, beta=beta)
    return Spec(tuple(x.shape), x.dtype)


def _second(g: Any, in_g: Any, x: Any, gamma: Any, epsilon: float, centered: bool) -> Any:
    """The gradient for x of sum(g * layer_norm_gradient(in_g, x, gamma)).

    That sum is r (sum(g h) - C mean(g) mean(h) - C mean(h n) mean(g n)) with h = in_g gamma for C
    features: r and n depend on x.
    """
    g, in_g, gamma = (astype(v, dtypes.accumulator(x.dtype)) for v in (g, in_g, gamma))
    wide = astype(x, g.dtype)
    h = multiply(in_g, gamma)
    n = _plain(wide, epsilon, centered)
    moved = subtract(wide, mean(wide, axis=-1, keepdims=True)) if centered else wide
    r = rsqrt(add(mean(square(moved), axis=-1, keepdims=True), epsilon))

    def mean_of(a: Any, b: Any) -> Any:
        return mean(multiply(a, b), axis=-1, keepdims=True)

    of_g, of_h = mean_of(g, n), mean_of(h, n)
    value = subtract(mean_of(g, h), multiply(of_g, of_h))
    if centered:
        means = (mean(v, axis=-1, keepdims=True) for v in (g, h))
        value = subtract(value, multiply(*means))
    through_r = multiply(multiply(value, r), n)
    through_n = _back(add(multiply(h, of_g), multiply(g, of_h)), wide, epsilon, centered)
    return negative(multiply(r, add(through_r, through_n)))


@op(
    reference=_gradient_reference,
    gradient=(
        lambda g, x, gamma, epsilon, centered: multiply(_back(g, x, epsilon, centered), gamma),
        _second,
        lambda g, in_g, x, epsilon, centered: _row_sums(
            multiply(in_g, _back(g, x, epsilon, centered))
        ),
    ),
    samples=_samples("x", "x", "c"),
    promote=("in_g", "x"),
)
def layer_norm_gradient(in_g, x, gamma, /, *, epsilon, centered):
    """The gradient of layer_norm for x."""
    _check("layer_norm_gradient", x, epsilon, centered, gamma=gamma)
    return Spec(tuple(x.shape), x.dtype)


@op(
    reference=_scale_gradient_reference,
    gradient=(
        lambda g, x, epsilon, centered: multiply(_plain(x, epsilon, centered), g),
        lambda g, in_g, x, epsilon, centered: layer_norm_gradient(
            in_g, x, g, epsilon=epsilon, centered=centered
        ),
    ),
    samples=_samples("x", "x"),
    promote=("in_g", "x"),
)
def layer_norm_scale_gradient(in_g, x, /, *, epsilon, centered):
    """The gradient of layer_norm for gamma; for x of 16 bits it is float32."""
    _check("layer_norm_scale_gradient", x, epsilon, centered)
    return Spec(tuple(x.shape[-1:]), dtypes.accumulator(x.dtype))
