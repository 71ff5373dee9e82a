"""Attention in operations, as the derivatives of its gradient need it: see ops/attention.py.

In the equations: b batch, q queries, s keys, k heads of the keys, g heads of the queries for each
of them, d features.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.kernels.attention_pairs import ALL_FORBIDDEN
from tensorcore.ops.arithmetic import add, multiply, negative, subtract
from tensorcore.ops.creation import arange
from tensorcore.ops.exponential import exp
from tensorcore.ops.linear import einsum
from tensorcore.ops.logical import equal, greater_equal, where
from tensorcore.ops.reductions import sum as total
from tensorcore.ops.shaping import broadcast_to, expand_dims, permute_dims, reshape
from tensorcore.ops.transfer import astype


def weights_shape(query: Any, key: Any) -> tuple[Any, ...]:
    """(batch, heads, queries, keys)"""
    return query.shape[0], query.shape[2], query.shape[1], key.shape[1]


class Parts:
    """The weights and what they are made of, as tensors that are computed from the inputs."""

    def __init__(
        self, query: Any, key: Any, value: Any, mask: Any, logs: Any, scale: float, is_causal: bool
    ) -> None:
        wide = dtypes.accumulator(query.dtype)
        self.heads = key.shape[2]
        self.scale = scale
        self.query = self.split(astype(query, wide))
        self.key, self.value = astype(key, wide), astype(value, wide)
        self.shape = weights_shape(query, key)
        weights = exp(subtract(self.scores(mask, is_causal), self.for_rows(astype(logs, wide))))
        self.weights = weights
        self.uses = weights  # what the values are multiplied by
        if mask is not None:  # a query that may see no key weighs all of them alike
            is_blind = equal(self.for_rows(logs), ALL_FORBIDDEN)
            self.uses = where(is_blind, 1.0 / max(key.shape[1], 1), weights)

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


def score_gradients(in_g: Any, parts: Parts, delta: Any) -> Any:
    """dS, in the shape of the mask's broadcast."""
    wide = parts.key.dtype
    arriving = parts.split(astype(in_g, wide))
    inner = subtract(parts.pairs(arriving, parts.value), parts.for_rows(delta))
    return reshape(multiply(parts.weights, inner), parts.shape)


def second_derivatives(g: Any, in_g: Any, parts: Parts, delta: Any) -> dict[str, Any]:
    """The gradients of sum(g * attention_gradient(in_g, ...)) for its inputs, by their names."""
    wide, scale = parts.key.dtype, parts.scale
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
            parts.to_queries(of_inner, parts.value), parts.to_queries(parts.uses, of_value)
        ),
        "query": add(parts.to_queries(scaled, parts.key), parts.to_queries(slopes, of_key)),
        "key": add(parts.to_keys(scaled, parts.query), parts.to_keys(slopes, of_query)),
        "value": parts.to_keys(of_inner, in_g),
        "mask": reshape(of_scores, parts.shape),
        "logs": negative(parts.from_rows(of_scores)),
        "delta": negative(parts.from_rows(of_inner)),
    }
