"""Attention: means of values, weighted by how well keys answer a query."""

from __future__ import annotations

from typing import Any

from tensorcore.errors import InvalidArgumentError
from tensorcore.layers.base import Layer
from tensorcore.layers.dropout import Dropout
from tensorcore.layers.options import keep
from tensorcore.nn import softmax
from tensorcore.ops.arithmetic import add, multiply
from tensorcore.ops.creation import arange
from tensorcore.ops.linear import matmul
from tensorcore.ops.logical import greater_equal, logical_and, where
from tensorcore.ops.reductions import sum
from tensorcore.ops.shaping import expand_dims, matrix_transpose
from tensorcore.ops.trigonometric import tanh


def causal_mask(queries: int, keys: int, device: Any) -> Any:
    """Shape (1, queries, keys): True where the key does not come after the query."""
    rows = expand_dims(arange(queries, device=device), -1)
    columns = expand_dims(arange(keys, device=device), 0)
    return expand_dims(greater_equal(rows, columns), 0)


class Attention(Layer):
    """softmax(query key^T) value, as in Luong's attention.

    Args:
        use_scale: multiply the scores by a trained number.
        score_mode: "dot" (products), or "concat": a trained factor times sum(tanh(query + key)).
        dropout: share of the weights that is dropped in training.
        seed: as that of `Dropout`.

    Called on a list [query, value] or [query, value, key], shapes (batch, queries, size), (batch,
    keys, size), with on request `mask` (a list of masks of query and value),
    `return_attention_scores` and `use_causal_mask`.  Output: shape (batch, queries, size).
    Source: Luong et al., 2015.
    """

    supports_masking = True

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise InvalidArgumentError(
                f'{type(self).__name__}: score_mode must be "dot" or "concat", received '
                f"{score_mode!r}"
            )
        keep(self, use_scale=use_scale, score_mode=score_mode, dropout=dropout, seed=seed)
        self._dropout_layer = Dropout(dropout, seed=seed, dtype=self.dtype_policy)

    def _check_list(self, inputs: Any) -> None:
        if not isinstance(inputs, (list, tuple)) or len(inputs) not in (2, 3):
            raise InvalidArgumentError(
                f"{self._who()}: expected a list [query, value] or [query, value, key], received "
                f"{type(inputs).__name__}"
            )

    def build(self, input_shape: Any) -> None:
        self._check_list(input_shape)
        self.scale = self.add_weight((), "ones", name="scale") if self.use_scale else None
        self.concat_score_weight = None
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def scores(self, query: Any, key: Any) -> Any:
        """How well each key answers each query: (batch, queries, keys)."""
        if self.score_mode == "dot":
            found = matmul(query, matrix_transpose(key))
            return found if self.scale is None else multiply(found, self.scale)
        both = add(expand_dims(query, -2), expand_dims(key, -3))
        if self.scale is not None:
            both = multiply(both, self.scale)
        return multiply(sum(tanh(both), axis=-1), self.concat_score_weight)

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        self._check_list(inputs)
        query, value = inputs[0], inputs[1]
        key = inputs[2] if len(inputs) > 2 else value
        query_mask, value_mask = (mask[0], mask[1]) if mask else (None, None)
        scores = self.scores(query, key)
        allowed = None if value_mask is None else expand_dims(value_mask, -2)
        if use_causal_mask:
            causal = causal_mask(scores.shape[-2], scores.shape[-1], scores.device)
            allowed = causal if allowed is None else logical_and(allowed, causal)
        if allowed is not None:
            far = 65504.0 if scores.dtype.name == "float16" else 1e9
            scores = where(allowed, scores, add(scores, -far))
        weights = self._dropout_layer(softmax(scores, axis=-1), training=training)
        output = matmul(weights, value)
        if query_mask is not None:
            output = where(expand_dims(query_mask, -1), output, 0.0)
        return (output, weights) if return_attention_scores else output

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return mask[0] if mask else None

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[0][:-1], input_shape[1][-1])


class AdditiveAttention(Attention):
    """softmax(sum(scale * tanh(query + key))) value, as in Bahdanau's attention.

    Args:
        use_scale: whether there is a trained factor for each feature.
        dropout: share of the weights that is dropped in training.

    Called like `Attention`.  Source: Bahdanau et al., 2015.
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)
        self._kept = ("use_scale", "dropout")

    def build(self, input_shape: Any) -> None:
        self._check_list(input_shape)
        self.scale = None
        if self.use_scale:
            self.scale = self.add_weight((input_shape[0][-1],), "glorot_uniform", name="scale")

    def scores(self, query: Any, key: Any) -> Any:
        both = tanh(add(expand_dims(query, -2), expand_dims(key, -3)))
        return sum(both if self.scale is None else multiply(both, self.scale), axis=-1)
