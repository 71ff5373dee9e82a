"""Attention by products of matrices, with all pairs of query and key in memory.

This is the reference of the operations, and what a GPU computes where no kernel of its own fits.
Arrays are (batch, length, heads, features); for the products they are turned to (batch, heads of
the keys, heads for each of these, length, features).  ops/attention.py has the formulas.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

# The score of a pair that a mask forbids.  It is finite, so that a query that may see no key weighs
# all of them alike, and takes the mean of all values as in Keras and JAX.
FORBIDDEN = -(2.0**127)
# L of such a query: e^(S - L) is 0 for all S, since no weight of it depends on a score.
ALL_FORBIDDEN = 2.0**127


class Pairs(NamedTuple):
    """What decides the score of a pair besides its query and key.

    Attributes:
        mask: what broadcasts to (batch, heads, queries, keys): booleans, False forbids the pair; or
            floats that are added, minus infinity forbids it.  None: none.
        scale: factor of the products.
        is_causal: whether query i sees the keys 0 to i only.
    """

    mask: Any
    scale: float
    is_causal: bool


# matmul(a, b, transpose_a=False, transpose_b=False)
Product = Callable[..., Any]


def product_of(xp: Any) -> Product:
    """The product of matrices of NumPy or CuPy."""

    def matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
        a = a.swapaxes(-1, -2) if transpose_a else a
        return xp.matmul(a, b.swapaxes(-1, -2) if transpose_b else b)

    return matmul


def compute_dtype(x: Any) -> np.dtype:
    """The dtype in which attention of such arrays is computed."""
    return np.dtype(np.float64 if x.dtype == np.float64 else np.float32)


def turned(x: Any, heads: int, dtype: Any) -> Any:
    """(batch, length, heads, features) -> (batch, heads, heads for each, length, features)"""
    x = x.astype(dtype, copy=False)
    parts = x.reshape(*x.shape[:2], heads, x.shape[2] // heads, x.shape[3])
    return parts.transpose(0, 2, 3, 1, 4)


def turned_back(x: Any, like: Any) -> Any:
    """The heads at their place again."""
    return x.transpose(0, 3, 1, 2, 4).reshape(like.shape[:3] + x.shape[-1:]).astype(like.dtype)


def scores_of(xp: Any, matmul: Product, query: Any, key: Any, pairs: Pairs) -> Any:
    """S of turned arrays."""
    scores = matmul(query, key, transpose_b=True) * query.dtype.type(pairs.scale)
    forbidden = scores.dtype.type(FORBIDDEN)
    if pairs.mask is not None:
        batch, heads, group, queries, keys = scores.shape
        mask = xp.broadcast_to(pairs.mask, (batch, heads * group, queries, keys))
        mask = mask.reshape(scores.shape)
        if mask.dtype == np.bool_:
            scores = xp.where(mask, scores, forbidden)
        else:
            added = scores + mask.astype(scores.dtype, copy=False)
            scores = xp.where(mask == -np.inf, forbidden, added)
    if pairs.is_causal:
        queries, keys = (xp.arange(n) for n in scores.shape[-2:])
        scores = xp.where(queries[:, None] >= keys, scores, forbidden)
    return scores


def forward(
    xp: Any, matmul: Product, query: Any, key: Any, value: Any, pairs: Pairs
) -> tuple[Any, Any]:
    """The means of values, and the logarithms L of the sums of exponentials."""
    dtype, heads, rows = compute_dtype(query), key.shape[2], query.shape[:3]
    if not key.shape[1] or not query.size:
        return xp.zeros((*rows, value.shape[3]), query.dtype), xp.zeros(rows, dtype)
    q, k, v = (turned(x, heads, dtype) for x in (query, key, value))
    scores = scores_of(xp, matmul, q, k, pairs)
    largest = scores.max(axis=-1, keepdims=True)
    weights = xp.exp(scores - largest)
    total = weights.sum(axis=-1, keepdims=True)
    y = turned_back(matmul(weights / total, v), query)
    logs = xp.where(largest == FORBIDDEN, dtype.type(ALL_FORBIDDEN), largest + xp.log(total))
    logs = logs[..., 0]
    return y, xp.ascontiguousarray(logs.transpose(0, 3, 1, 2)).reshape(rows)


def gradient(
    xp: Any,
    matmul: Product,
    g: Any,
    query: Any,
    key: Any,
    value: Any,
    pairs: Pairs,
    logs: Any,
    delta: Any,
) -> tuple[Any, ...]:
    """The gradients for query, key and value."""
    dtype, heads = compute_dtype(query), key.shape[2]
    if 0 in (*query.shape, *key.shape, *value.shape):
        return tuple(xp.zeros(x.shape, query.dtype) for x in (query, key, value))
    arriving, q, k, v = (turned(x, heads, dtype) for x in (g, query, key, value))
    logs, delta = (turned(x[..., None], heads, dtype) for x in (logs, delta))
    weights = xp.exp(scores_of(xp, matmul, q, k, pairs) - logs)
    inner = matmul(arriving, v, transpose_b=True) - delta
    slopes = weights * inner * dtype.type(pairs.scale)
    weights = xp.where(logs == ALL_FORBIDDEN, dtype.type(1 / key.shape[1]), weights)
    of_key = matmul(slopes, q, transpose_a=True).sum(axis=2, keepdims=True)
    of_value = matmul(weights, arriving, transpose_a=True).sum(axis=2, keepdims=True)
    return (
        turned_back(matmul(slopes, k), query),
        turned_back(of_key, key),
        turned_back(of_value, value),
    )
