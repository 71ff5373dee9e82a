"""Scaled dot-product attention: means of values, weighted by how well their keys answer a query.

    S = scale Q K^T (+ mask)      P = softmax(S)      Y = P V

The weights P, one for each pair of query and key, are not kept: the gradient computes them again
from the scores and the logarithm L of the sums of exponentials, P = e^(S - L).  With G the gradient
that arrives and D = sum(G Y) for each query,

    dS = P (G V^T - D)    dQ = scale dS K    dK = scale dS^T Q    dV = P^T G

A record with a mask is one of its own, since the inputs of a record are always there.
Source: Vaswani et al., 2017; Dao, 2023 (FlashAttention-2), for the gradient and the kernels.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import ArgumentTypeError, DTypeError, ShapeError
from tensorcore.kernels import attention_pairs
from tensorcore.kernels.attention_pairs import Pairs, product_of
from tensorcore.ops.arithmetic import multiply, subtract
from tensorcore.ops.attention_derivatives import (
    Parts,
    score_gradients,
    second_derivatives,
    weights_shape,
)
from tensorcore.ops.composing import composed
from tensorcore.ops.record import Spec, check_inexact, op
from tensorcore.ops.reductions import sum as total
from tensorcore.ops.shaping import reshape
from tensorcore.ops.transfer import astype
from tensorcore.tensor import as_tensor

# The reference ------------------------------------------------------------------------------------


def _reference(
    xp: Any, query: Any, key: Any, value: Any, mask: Any = None, *, scale: float, is_causal: bool
) -> Any:
    pairs = Pairs(mask, scale, is_causal)
    return attention_pairs.forward(xp, product_of(xp), query, key, value, pairs)


def _gradient_reference(
    xp: Any, g: Any, query: Any, key: Any, value: Any, *rest: Any, scale: float, is_causal: bool
) -> Any:
    *mask, logs, delta = rest
    pairs = Pairs(*mask or (None,), scale, is_causal)
    return attention_pairs.gradient(xp, product_of(xp), g, query, key, value, pairs, logs, delta)


_FACTORS = ("query", "key", "value")


# Gradient rules -----------------------------------------------------------------------------------


def _in(dtype: Any, x: Any) -> Any:
    """x in a dtype; in a graph a conversion to its own would be a copy."""
    return x if x.dtype == dtype else astype(x, dtype)


def _delta(g: Any, y: Any) -> Any:
    """D = sum(G Y) for each query, minus the gradient that arrives at L."""
    arriving, of_logs = g
    products = multiply(_in(of_logs.dtype, arriving), _in(of_logs.dtype, y[0]))
    return subtract(total(products, axis=-1), of_logs)


def _rules(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The rules for query, key or value, without and with a mask."""

    def masked(g, query, key, value, mask, y, scale, is_causal, shared):  # type: ignore[no-untyped-def]
        if not shared:
            record = attention_gradient if mask is None else masked_attention_gradient
            masks = () if mask is None else (mask,)
            arrays = (g[0], query, key, value, *masks, y[1], _delta(g, y))
            found = record(*arrays, scale=scale, is_causal=is_causal)
            shared.update(zip(_FACTORS, found, strict=True))
        return shared[name]

    def plain(g, query, key, value, y, scale, is_causal, shared):  # type: ignore[no-untyped-def]
        return masked(g, query, key, value, None, y, scale, is_causal, shared)

    return plain, masked


def _mask_rule(g, query, key, value, mask, y, scale, is_causal):  # type: ignore[no-untyped-def]
    """dS for a mask that is added; it is summed over what the mask was repeated."""
    parts = Parts(query, key, value, mask, y[1], scale, is_causal)
    return score_gradients(g[0], parts, _delta(g, y))


def _second_rules(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The rules for an input of the gradient, without and with a mask."""

    def masked(g, in_g, query, key, value, mask, logs, delta, scale, is_causal, shared):  # type: ignore[no-untyped-def]
        if not shared:
            parts = Parts(query, key, value, mask, logs, scale, is_causal)
            shared.update(second_derivatives(g, in_g, parts, delta))
        return shared[name]

    def plain(g, in_g, query, key, value, logs, delta, scale, is_causal, shared):  # type: ignore[no-untyped-def]
        return masked(g, in_g, query, key, value, None, logs, delta, scale, is_causal, shared)

    return plain, masked


_RULES = {name: _rules(name) for name in _FACTORS}
_SECOND_RULES = {name: _second_rules(name) for name in ("in_g", *_FACTORS, "mask", "logs", "delta")}


# Checks and samples -------------------------------------------------------------------------------


def _differ(a: Any, b: Any) -> bool:
    return None not in (a, b) and a != b


def _check(query: Any, key: Any, value: Any, scale: Any, is_causal: Any, mask: Any = None) -> None:
    name = "scaled_dot_product_attention"
    for argument, x in (("query", query), ("key", key), ("value", value)):
        check_inexact(name, argument, x.dtype)
        if dtypes.KIND[x.dtype] == "complex":
            raise DTypeError(f"{name}: {argument} must be real, received {x.dtype.name}")
    q, k, v = (tuple(x.shape) for x in (query, key, value))
    layout = "(batch, length, heads, features)"
    if not len(q) == len(k) == len(v) == 4:
        raise ShapeError(
            f"{name}: query, key and value must have the shape {layout}, received {q}, {k} and {v}"
        )
    if _differ(q[0], k[0]) or _differ(q[3], k[3]) or any(map(_differ, k[:3], v[:3])):
        raise ShapeError(
            f"{name}: query and key must agree in batch and features, key and value in batch, "
            f"length and heads, received {q}, {k} and {v} for {layout}. Where the heads stand "
            "before the length, as in PyTorch, exchange them: tc.moveaxis(x, 1, 2)."
        )
    if None not in (q[2], k[2]) and (k[2] == 0 or q[2] % k[2]):
        raise ShapeError(
            f"{name}: the number of the query's heads must be a multiple of that of the key's, "
            f"received {q[2]} and {k[2]} in shapes {q} and {k} for {layout}"
        )
    if not isinstance(is_causal, (bool, np.bool_)):
        raise ArgumentTypeError(f"{name}: is_causal must be True or False, received {is_causal!r}")
    if not isinstance(scale, (int, float, np.number)):
        raise ArgumentTypeError(f"{name}: scale must be a number, received {scale!r}")
    if mask is None:
        return
    if dtypes.KIND[mask.dtype] not in ("bool", "float"):
        raise DTypeError(
            f"{name}: mask must be of bool (True: takes part) or of floats (added to the scores), "
            f"received {mask.dtype.name}"
        )
    wanted = weights_shape(query, key)
    fits = len(mask.shape) == 4 and not any(
        n != 1 and _differ(n, m) for n, m in zip(mask.shape, wanted, strict=True)
    )
    if not fits:
        raise ShapeError(
            f"{name}: mask must broadcast to (batch, heads, queries, keys) = {wanted}, received "
            f"{tuple(mask.shape)}"
        )


# batch, queries, keys, heads, heads of the keys, features, features of the values; attributes
_CASES: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((2, 3, 5, 2, 2, 4, 4), {"scale": 0.5, "is_causal": False}),
    ((1, 4, 4, 2, 2, 3, 3), {"scale": 0.7, "is_causal": True}),
    ((2, 5, 3, 4, 2, 3, 2), {"scale": 0.6, "is_causal": True}),
    ((0, 2, 3, 1, 1, 2, 2), {"scale": 1.0, "is_causal": False}),
]


def _arrays(rng: np.random.Generator, sizes: tuple[int, ...]) -> tuple[Any, ...]:
    batch, queries, keys, heads, key_heads, features, value_features = sizes
    return (
        rng.normal(size=(batch, queries, heads, features)),
        rng.normal(size=(batch, keys, key_heads, features)),
        rng.normal(size=(batch, keys, key_heads, value_features)),
    )


def _masks(rng: np.random.Generator, sizes: tuple[int, ...]) -> list[Any]:
    """A mask of booleans, and one that is added.

    The first key is left to all: beside the L of a query without any no difference can be seen.
    """
    batch, queries, keys, heads = sizes[:4]
    allowed = rng.uniform(size=(batch, 1, queries, keys)) < 0.7
    allowed[..., 0] = True
    return [allowed, rng.normal(size=(1, heads, queries, keys))]


def _samples(rng: np.random.Generator, *, masked: bool = False) -> list[Any]:
    cases = []
    for sizes, attrs in _CASES:
        arrays = _arrays(rng, sizes)
        if masked:
            cases += [((*arrays, mask), attrs) for mask in _masks(rng, sizes)]
        else:
            cases.append((arrays, attrs))
    return cases


def _gradient_samples(rng: np.random.Generator, *, masked: bool = False) -> list[Any]:
    cases = []
    for arrays, attrs in _samples(rng, masked=masked):
        y, logs = _reference(np, *arrays, **attrs)
        g = rng.normal(size=y.shape)
        cases.append(((g, *arrays, logs, rng.normal(size=logs.shape)), attrs))
    return cases


# Records ------------------------------------------------------------------------------------------


def _specs(query: Any, value: Any) -> tuple[Spec, Spec]:
    rows = tuple(query.shape[:3])
    return (
        Spec((*rows, value.shape[3]), query.dtype),
        Spec(rows, dtypes.accumulator(query.dtype)),
    )


@op(
    reference=_reference,
    gradient=tuple(plain for plain, _ in _RULES.values()),
    samples=_samples,
    promote=_FACTORS,
)
def attention(query, key, value, /, *, scale, is_causal):
    """scaled_dot_product_attention without a mask, and for each query the logarithm L of its sum.

    L is the logarithm of the sum of e^S over the keys, in shape (batch, queries, heads) and for 16
    bits in float32. For a query that may see no key, which takes the mean of all values, it is a
    large number: e^(S - L), what the scores of a query weigh, is 0 for such a one.
    """
    _check(query, key, value, scale, is_causal)
    return _specs(query, value)


@op(
    reference=_reference,
    gradient=(*(masked for _, masked in _RULES.values()), _mask_rule),
    samples=functools.partial(_samples, masked=True),
    promote=_FACTORS,
)
def masked_attention(query, key, value, mask, /, *, scale, is_causal):
    """`attention` with a mask of four dimensions."""
    _check(query, key, value, scale, is_causal, mask)
    return _specs(query, value)


@op(
    reference=_gradient_reference,
    gradient=tuple(plain for name, (plain, _) in _SECOND_RULES.items() if name != "mask"),
    samples=_gradient_samples,
    promote=("in_g", *_FACTORS),
)
def attention_gradient(in_g, query, key, value, logs, delta, /, *, scale, is_causal):
    """The gradients of attention for query, key and value.

    Args:
        in_g: the gradient that arrives at the result.
        query, key, value: as they were given.
        logs: L, the second result.
        delta: D = sum(in_g * result) for each query, minus what arrives at L.
    """
    _check(query, key, value, scale, is_causal)
    return tuple(Spec(tuple(x.shape), query.dtype) for x in (query, key, value))


@op(
    reference=_gradient_reference,
    gradient=tuple(masked for _, masked in _SECOND_RULES.values()),
    samples=functools.partial(_gradient_samples, masked=True),
    promote=("in_g", *_FACTORS),
)
def masked_attention_gradient(in_g, query, key, value, mask, logs, delta, /, *, scale, is_causal):
    """The gradients of masked_attention for query, key and value: see attention_gradient."""
    _check(query, key, value, scale, is_causal, mask)
    return tuple(Spec(tuple(x.shape), query.dtype) for x in (query, key, value))


@composed
def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    /,
    *,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
) -> Any:
    """softmax(scale query key^T + mask) value: means of values, weighted by their keys.

    The weights of all pairs of query and key are never in memory at once, neither here nor in the
    gradient. Sums of 16-bit numbers are taken in float32.

    Args:
        query: shape (batch, queries, heads, features), floating point. (PyTorch's function has
            the heads before the queries.)
        key: shape (batch, keys, key heads, features); the number of heads is a multiple of that of
            the key heads, each of which serves as many neighbouring heads.
        value: shape (batch, keys, key heads, value features).
        mask: what broadcasts to (batch, heads, queries, keys): of bool, True where a query may see
            a key; or of floats, which are added to the scores. None: none.
        scale: factor of the products; 1 / sqrt(features) if None.
        is_causal: whether query i sees the keys 0 to i only.

    Returns:
        Shape (batch, queries, heads, value features); for a query that may see no key the mean of
        all values, as in Keras and JAX (which give NaN where the mask is of floats), and 0 where
        there are no keys.

    Source: Vaswani et al., 2017; Dao, 2023 (FlashAttention-2); Ainslie et al., 2023 (fewer heads of
    keys).

    >>> query, key = tc.zeros((1, 1, 1, 2)), tc.zeros((1, 2, 1, 2))
    >>> value = tc.reshape(tc.asarray([1.0, 3.0]), (1, 2, 1, 1))
    >>> tc.nn.scaled_dot_product_attention(query, key, value).item()
    2.0
    """
    query = as_tensor(query)
    if scale is None:
        scale = 1.0 / math.sqrt(query.shape[-1]) if query.shape and query.shape[-1] else 1.0
    attrs = {"scale": scale, "is_causal": is_causal}
    if mask is None:
        return attention(query, key, value, **attrs)[0]
    mask = as_tensor(mask, device=query.device)
    if len(mask.shape) < 4:
        mask = reshape(mask, (*(1,) * (4 - len(mask.shape)), *mask.shape))
    return masked_attention(query, key, value, mask, **attrs)[0]
