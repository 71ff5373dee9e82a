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

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import ArgumentTypeError, DTypeError, ShapeError
from tensorcore.ops.arithmetic import add, multiply, negative, subtract
from tensorcore.ops.composing import composed
from tensorcore.ops.creation import arange
from tensorcore.ops.exponential import exp
from tensorcore.ops.linear import einsum
from tensorcore.ops.logical import greater_equal, where
from tensorcore.ops.record import Spec, check_inexact, op
from tensorcore.ops.reductions import sum as total
from tensorcore.ops.shaping import broadcast_to, expand_dims, permute_dims, reshape
from tensorcore.ops.transfer import astype
from tensorcore.tensor import as_tensor

# In the equations: b batch, q queries, s keys, k heads of the keys, g heads of the queries for each
# of them, d features.


# The reference ------------------------------------------------------------------------------------


def _split_heads(x: Any, heads: int) -> Any:
    """(batch, queries, all heads, features) -> (batch, queries, heads, heads for each, features)"""
    return x.reshape(*x.shape[:2], heads, x.shape[2] // heads, x.shape[3])


def _scores(xp: Any, query: Any, key: Any, mask: Any, scale: float, is_causal: bool) -> Any:
    """S (b, k, g, q, s), minus infinity where a query may not see a key."""
    scores = xp.einsum("bqkgd,bskd->bkgqs", _split_heads(query, key.shape[2]), key) * scale
    if mask is not None:
        mask = xp.broadcast_to(mask, _weights_shape(query, key)).reshape(scores.shape)
        added = mask.dtype != np.bool_
        scores = scores + mask if added else xp.where(mask, scores, -np.inf)
    if is_causal:
        seen = xp.arange(query.shape[1])[:, None] >= xp.arange(key.shape[1])
        scores = xp.where(seen, scores, -np.inf)
    return scores


def _widened(xp: Any, *arrays: Any) -> Any:
    """In the dtype in which sums are taken; masks of booleans as they are."""
    wide = dtypes.accumulator(arrays[0].dtype)
    return (x if x.dtype == np.bool_ else x.astype(wide, copy=False) for x in arrays)


def _reference(
    xp: Any, query: Any, key: Any, value: Any, mask: Any, scale: float, is_causal: bool
) -> Any:
    dtype = query.dtype
    query, key, value = _widened(xp, query, key, value)
    scores = _scores(xp, query, key, mask, scale, is_causal)
    largest = xp.max(scores, axis=-1, keepdims=True) if key.shape[1] else scores.sum(-1)[..., None]
    largest = xp.where(largest == -np.inf, xp.zeros_like(largest), largest)
    weights = xp.exp(scores - largest)
    sums = xp.sum(weights, axis=-1, keepdims=True)
    sums = xp.where(sums == 0, xp.ones_like(sums), sums)  # nothing is seen: y and L are 0
    y = xp.einsum("bkgqs,bskd->bqkgd", weights / sums, value)
    logs = (largest + xp.log(sums))[..., 0]
    rows = query.shape[:3]
    y = y.reshape(*rows, value.shape[3]).astype(dtype)
    return y, xp.moveaxis(logs, 3, 1).reshape(rows)


def _gradient_reference(
    xp: Any,
    g: Any,
    query: Any,
    key: Any,
    value: Any,
    mask: Any,
    logs: Any,
    delta: Any,
    scale: float,
    is_causal: bool,
) -> Any:
    dtype, shapes = query.dtype, (query.shape, key.shape, value.shape)
    g, query, key, value, logs, delta = _widened(xp, g, query, key, value, logs, delta)
    heads = key.shape[2]
    scores = _scores(xp, query, key, mask, scale, is_causal)

    def for_rows(x: Any) -> Any:  # (b, q, heads) -> (b, k, g, q, 1)
        return xp.moveaxis(_split_heads(x[..., None], heads), 1, 3)

    weights = xp.exp(scores - for_rows(logs))
    g, query = _split_heads(g, heads), _split_heads(query, heads)
    of_scores = weights * (xp.einsum("bqkgd,bskd->bkgqs", g, value) - for_rows(delta))
    found = (
        xp.einsum("bkgqs,bskd->bqkgd", of_scores, key) * scale,
        xp.einsum("bkgqs,bqkgd->bskd", of_scores, query) * scale,
        xp.einsum("bkgqs,bqkgd->bskd", weights, g),
    )
    return tuple(x.reshape(s).astype(dtype) for x, s in zip(found, shapes, strict=True))


# The same in operations, for derivatives of the gradient ------------------------------------------


class _Parts:
    """The weights and what they are made of, as tensors that are computed from the inputs."""

    def __init__(
        self, query: Any, key: Any, value: Any, mask: Any, logs: Any, scale: float, is_causal: bool
    ) -> None:
        wide = dtypes.accumulator(query.dtype)
        self.heads = key.shape[2]
        self.scale = scale
        self.query = self.split(astype(query, wide))
        self.key, self.value = astype(key, wide), astype(value, wide)
        self.shape = _weights_shape(query, key)
        weights = exp(subtract(self.scores(mask, is_causal), self.for_rows(astype(logs, wide))))
        self.weights = weights

    def split(self, x: Any) -> Any:
        """The heads that share a key's head, apart."""
        return reshape(x, (*x.shape[:2], self.heads, x.shape[2] // self.heads, x.shape[3]))

    def for_rows(self, x: Any) -> Any:
        """(b, q, heads) -> (b, k, g, q, 1), one number for each row of the weights."""
        return permute_dims(self.split(expand_dims(x, -1)), (0, 2, 3, 1, 4))

    def from_rows(self, x: Any) -> Any:
        """Sums over the rows of the weights, (b, q, heads)."""
        x = permute_dims(total(x, axis=-1), (0, 3, 1, 2))
        return reshape(x, (*x.shape[:2], x.shape[2] * x.shape[3]))

    def joined(self, x: Any) -> Any:
        """All heads of the queries side by side again."""
        return reshape(x, (*x.shape[:2], x.shape[2] * x.shape[3], x.shape[4]))

    def scores(self, mask: Any, is_causal: bool) -> Any:
        scores = multiply(self.pairs(self.query, self.key), self.scale)
        if mask is not None:
            mask = reshape(broadcast_to(mask, self.shape), scores.shape)
            added = mask.dtype != np.bool_
            scores = add(scores, mask) if added else where(mask, scores, -np.inf)
        if is_causal:
            queries, keys = (arange(n, device=scores.device) for n in self.shape[2:])
            seen = greater_equal(expand_dims(queries, 1), keys)
            scores = where(seen, scores, -np.inf)
        return scores

    def pairs(self, x: Any, y: Any) -> Any:
        """x y^T, a number for each pair of query and key."""
        return einsum("bqkgd,bskd->bkgqs", x, y)

    def to_queries(self, weights: Any, x: Any) -> Any:
        return self.joined(einsum("bkgqs,bskd->bqkgd", weights, x))

    def to_keys(self, weights: Any, x: Any) -> Any:
        return einsum("bkgqs,bqkgd->bskd", weights, x)


def _mask_gradient(
    g: Any,
    query: Any,
    key: Any,
    value: Any,
    mask: Any,
    y: Any,
    scale: float,
    is_causal: bool,
) -> Any:
    """dS, the gradient for a mask that is added; it is summed over what the mask was repeated."""
    parts = _Parts(query, key, value, mask, y[1], scale, is_causal)
    arriving = parts.split(astype(g[0], parts.key.dtype))
    inner = subtract(parts.pairs(arriving, parts.value), parts.for_rows(_delta(g, y)))
    return reshape(multiply(parts.weights, inner), parts.shape)


def _second(
    g: Any,
    in_g: Any,
    query: Any,
    key: Any,
    value: Any,
    mask: Any,
    logs: Any,
    delta: Any,
    scale: float,
    is_causal: bool,
) -> dict[str, Any]:
    """The gradients of sum(g * attention_gradient(...)) for its inputs, by their names."""
    parts = _Parts(query, key, value, mask, logs, scale, is_causal)
    wide = parts.key.dtype
    of_query, of_key, of_value = (astype(x, wide) for x in g)
    of_query, in_g = parts.split(of_query), parts.split(astype(in_g, wide))
    inner = subtract(parts.pairs(in_g, parts.value), parts.for_rows(astype(delta, wide)))
    slopes = multiply(multiply(parts.weights, inner), scale)
    of_slopes = multiply(
        add(parts.pairs(of_query, parts.key), parts.pairs(parts.query, of_key)), scale
    )
    of_weights = add(multiply(of_slopes, inner), parts.pairs(in_g, of_value))
    of_inner = multiply(of_slopes, parts.weights)
    of_scores = multiply(of_weights, parts.weights)
    scaled = multiply(of_scores, scale)
    return {
        "in_g": add(
            parts.to_queries(of_inner, parts.value), parts.to_queries(parts.weights, of_value)
        ),
        "query": add(parts.to_queries(scaled, parts.key), parts.to_queries(slopes, of_key)),
        "key": add(parts.to_keys(scaled, parts.query), parts.to_keys(slopes, of_query)),
        "value": parts.to_keys(of_inner, in_g),
        "mask": reshape(of_scores, parts.shape),
        "logs": negative(parts.from_rows(of_scores)),
        "delta": negative(parts.from_rows(of_inner)),
    }


# Gradient rules -----------------------------------------------------------------------------------


def _in(dtype: Any, x: Any) -> Any:
    """x in a dtype; in a graph a conversion to its own would be a copy."""
    return x if x.dtype == dtype else astype(x, dtype)


def _delta(g: Any, y: Any) -> Any:
    """D = sum(G Y) for each query, minus the gradient that arrives at L."""
    arriving, of_logs = g
    products = multiply(_in(of_logs.dtype, arriving), _in(of_logs.dtype, y[0]))
    return subtract(total(products, axis=-1), of_logs)


def _plain_gradient(name: str) -> Callable[..., Any]:
    def rule(g, query, key, value, y, scale, is_causal, shared):  # type: ignore[no-untyped-def]
        if not shared:
            found = attention_gradient(
                g[0], query, key, value, y[1], _delta(g, y), scale=scale, is_causal=is_causal
            )
            shared.update(zip(("query", "key", "value"), found, strict=True))
        return shared[name]

    return rule


def _masked_gradient(name: str) -> Callable[..., Any]:
    def rule(g, query, key, value, mask, y, scale, is_causal, shared):  # type: ignore[no-untyped-def]
        if not shared:
            found = masked_attention_gradient(
                g[0], query, key, value, mask, y[1], _delta(g, y), scale=scale, is_causal=is_causal
            )
            shared.update(zip(("query", "key", "value"), found, strict=True))
        return shared[name]

    return rule


def _plain_second(name: str) -> Callable[..., Any]:
    def rule(g, in_g, query, key, value, logs, delta, scale, is_causal, shared):  # type: ignore[no-untyped-def]
        if not shared:
            shared.update(_second(g, in_g, query, key, value, None, logs, delta, scale, is_causal))
        return shared[name]

    return rule


def _masked_second(name: str) -> Callable[..., Any]:
    def rule(g, in_g, query, key, value, mask, logs, delta, scale, is_causal, shared):  # type: ignore[no-untyped-def]
        if not shared:
            shared.update(_second(g, in_g, query, key, value, mask, logs, delta, scale, is_causal))
        return shared[name]

    return rule


# Checks and samples -------------------------------------------------------------------------------


def _weights_shape(query: Any, key: Any) -> tuple[Any, ...]:
    """(batch, heads, queries, keys)"""
    return query.shape[0], query.shape[2], query.shape[1], key.shape[1]


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
    wanted = _weights_shape(query, key)
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
    """A mask of booleans that leaves some queries nothing, and one that is added."""
    batch, queries, keys, heads = sizes[:4]
    rows = rng.uniform(size=(batch, 1, queries, 1)) < 0.8
    allowed = (rng.uniform(size=(batch, 1, queries, keys)) < 0.7) & rows
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
        y, logs = _reference(np, *(arrays if masked else (*arrays, None)), **attrs)
        g = rng.normal(size=y.shape)
        cases.append(((g, *arrays, logs, rng.normal(size=logs.shape)), attrs))
    return cases


def _masked_samples(rng: np.random.Generator) -> list[Any]:
    return _samples(rng, masked=True)


def _masked_gradient_samples(rng: np.random.Generator) -> list[Any]:
    return _gradient_samples(rng, masked=True)


# Records ------------------------------------------------------------------------------------------


def _specs(query: Any, value: Any) -> tuple[Spec, Spec]:
    rows = tuple(query.shape[:3])
    return (
        Spec((*rows, value.shape[3]), query.dtype),
        Spec(rows, dtypes.accumulator(query.dtype)),
    )


@op(
    reference=lambda xp, query, key, value, scale, is_causal: _reference(
        xp, query, key, value, None, scale, is_causal
    ),
    gradient=tuple(map(_plain_gradient, ("query", "key", "value"))),
    samples=_samples,
    promote=("query", "key", "value"),
)
def attention(query, key, value, /, *, scale, is_causal):
    """scaled_dot_product_attention without a mask, and for each query the logarithm L of its sum.

    L is the logarithm of the sum of e^S over the keys, in shape (batch, queries, heads) and for 16
    bits in float32; 0, like the result, for a query that may see no key.
    """
    _check(query, key, value, scale, is_causal)
    return _specs(query, value)


@op(
    reference=_reference,
    gradient=(*map(_masked_gradient, ("query", "key", "value")), _mask_gradient),
    samples=_masked_samples,
    promote=("query", "key", "value"),
)
def masked_attention(query, key, value, mask, /, *, scale, is_causal):
    """`attention` with a mask of four dimensions."""
    _check(query, key, value, scale, is_causal, mask)
    return _specs(query, value)


@op(
    reference=lambda xp, g, query, key, value, logs, delta, scale, is_causal: _gradient_reference(
        xp, g, query, key, value, None, logs, delta, scale, is_causal
    ),
    gradient=tuple(map(_plain_second, ("in_g", "query", "key", "value", "logs", "delta"))),
    samples=_gradient_samples,
    promote=("in_g", "query", "key", "value"),
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
    gradient=tuple(map(_masked_second, ("in_g", "query", "key", "value", "mask", "logs", "delta"))),
    samples=_masked_gradient_samples,
    promote=("in_g", "query", "key", "value"),
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
        Shape (batch, queries, heads, value features); 0 for a query that may see no key.

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
