"""Attention with several heads."""

from __future__ import annotations

import math
import string
from typing import Any

from tensorcore.errors import InvalidArgumentError
from tensorcore.layers.activation import Softmax
from tensorcore.layers.attention import causal_mask
from tensorcore.layers.base import Layer
from tensorcore.layers.context import context
from tensorcore.layers.dropout import Dropout
from tensorcore.layers.einsum_dense import EinsumDense
from tensorcore.layers.options import described, keep
from tensorcore.layers.shapes import as_shapes
from tensorcore.ops.arithmetic import multiply
from tensorcore.ops.attention import scaled_dot_product_attention
from tensorcore.ops.linear import einsum
from tensorcore.ops.logical import logical_and
from tensorcore.ops.shaping import expand_dims
from tensorcore.ops.transfer import astype


class MultiHeadAttention(Layer):
    """Attention of `num_heads` heads side by side, each on its own projections of the inputs.

    head = softmax(q k^T / sqrt(key_dim)) v with q, k, v = dense projections of query, key, value;
    the output is a dense projection of all heads.

    Args:
        num_heads: number of heads.
        key_dim: size of each head's queries and keys.
        value_dim: size of each head's values; `key_dim` if None.
        dropout: share of the attention weights that is dropped in training.
        use_bias: whether the projections have biases.
        output_shape: size of the output's last dimension; that of the query if None.
        attention_axes: dimensions over which attention runs; all but batch and features if None.
        kernel_initializer and the others: as in `Dense`, for all projections.
        seed: as that of `Dropout`.

    Called with query (batch, queries, size), value (batch, keys, size), on request key, masks of
    them, `attention_mask` (batch, queries, keys; True where attention is allowed),
    `use_causal_mask` and `return_attention_scores`.  Source: Vaswani et al., 2017.

    >>> import tensorcore as tc
    >>> layer = MultiHeadAttention(num_heads=2, key_dim=4)
    >>> layer(tc.ones((1, 3, 8)), tc.ones((1, 5, 8))).shape
    (1, 3, 8)
    """

    supports_masking = True

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        flash_attention: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        for argument, value in (("num_heads", num_heads), ("key_dim", key_dim)):
            if not isinstance(value, int) or value <= 0:
                raise InvalidArgumentError(
                    f"MultiHeadAttention: {argument} must be a positive int, received {value!r}"
                )
        if isinstance(attention_axes, int):
            attention_axes = (attention_axes,)
        self._wanted_shape = output_shape
        keep(
            self,
            num_heads=num_heads,
            key_dim=key_dim,
            value_dim=value_dim or key_dim,
            dropout=dropout,
            use_bias=use_bias,
            attention_axes=None if attention_axes is None else tuple(attention_axes),
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            seed=seed,
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "output_shape": self._wanted_shape}

    # Weights --------------------------------------------------------------------------------------

    def build(self, query_shape: Any, value_shape: Any = None, key_shape: Any = None) -> None:
        value_shape = query_shape if value_shape is None else value_shape
        key_shape = value_shape if key_shape is None else key_shape
        self._shapes = {
            "query_shape": tuple(query_shape),
            "value_shape": tuple(value_shape),
            "key_shape": tuple(key_shape),
        }
        rank = len(query_shape)
        axes = self.attention_axes or tuple(range(1, rank - 1))
        self._axes = tuple(axis % rank for axis in axes)
        wanted = self._wanted_shape
        if wanted is None:
            wanted = (query_shape[-1],)
        wanted = (wanted,) if isinstance(wanted, int) else tuple(wanted)
        letters = string.ascii_lowercase
        free = letters[: rank - 1]
        inner = f"{free}x,xnh->{free}nh"
        self._query_dense = self._dense(inner, rank, self.key_dim, query_shape, "query")
        self._key_dense = self._dense(inner, rank, self.key_dim, key_shape, "key")
        self._value_dense = self._dense(inner, rank, self.value_dim, value_shape, "value")
        out = letters[rank + 10 : rank + 10 + len(wanted)]
        self._output_dense = EinsumDense(
            f"{free}yz,yz{out}->{free}{out}",
            output_shape=(*(None,) * (rank - 2), *wanted),
            bias_axes=out if self.use_bias else None,
            name="attention_output",
            **self._weight_options(),
        )
        self._output_dense.build((*query_shape[:-1], self.num_heads, self.value_dim))
        self._dropout_layer = Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy)
        self._softmax = Softmax(
            axis=tuple(range(-len(self._axes), 0)) if len(self._axes) > 1 else -1,
            dtype=self.dtype_policy,
        )
        self._equations(rank)

    def _dense(self, equation: str, rank: int, size: int, shape: Any, name: str) -> EinsumDense:
        dense = EinsumDense(
            equation,
            output_shape=(*(None,) * (rank - 2), self.num_heads, size),
            bias_axes="nh" if self.use_bias else None,
            name=name,
            **self._weight_options(),
        )
        dense.build(tuple(shape))
        return dense

    def _weight_options(self) -> dict[str, Any]:
        told = described(self)
        names = [name for name in told if name.startswith(("kernel_", "bias_"))]
        return {"dtype": self.dtype_policy, **{name: told[name] for name in names}}

    def _equations(self, rank: int) -> None:
        """The products over heads: letters of the query, with others for the keys' places."""
        query = string.ascii_lowercase[:rank] + "z"  # batch..., places..., heads, features
        query = query[: rank - 1] + "nh"
        key = "".join(
            letter.upper() if axis in self._axes else letter for axis, letter in enumerate(query)
        )
        batch = "".join(query[axis] for axis in range(rank - 1) if axis not in self._axes)
        places = "".join(query[axis] for axis in self._axes)
        scores = f"{batch}n{places}{places.upper()}"
        self._score_equation = f"{query},{key}->{scores}"
        self._combine_equation = f"{scores},{key}->{query}"

    def weight_parts(self) -> dict[str, Any]:
        if not self.built:
            return {}
        names = ("key_dense", "output_dense", "query_dense", "value_dense")
        return {name: getattr(self, f"_{name}") for name in names}

    def get_build_config(self) -> dict[str, Any] | None:
        return {"shapes_dict": self._shapes} if self.built else None

    def build_from_config(self, config: dict[str, Any]) -> None:
        shapes = config.get("shapes_dict")
        if shapes is None:
            super().build_from_config(config)
        else:
            self.build(**{name: as_shapes(shape) for name, shape in shapes.items()})

    def _first_call(self, inputs: Any, args: Any, kwargs: Any) -> Any:
        given = dict(zip(("value", "key"), args, strict=False)) | kwargs
        shapes = [x.shape for x in (inputs, given.get("value"), given.get("key")) if x is not None]
        before = context.path
        context.path = (*before, self.name)
        try:
            self.build(*shapes)
        finally:
            context.path = before
        return self._run(inputs, args, kwargs)

    # Computation ----------------------------------------------------------------------------------

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        key = value if key is None else key
        masks = [
            None if query_mask is None else expand_dims(query_mask, -1),
            None if value_mask is None else expand_dims(value_mask, -2),
            None if key_mask is None else expand_dims(key_mask, -2),
            None if attention_mask is None else astype(attention_mask, "bool"),
        ]
        drops = training and self.dropout > 0
        with_scores = return_attention_scores or drops or self._axes != (1,) or query.ndim != 3
        if use_causal_mask and with_scores:
            masks.append(causal_mask(query.shape[1], value.shape[1], query.device))
        allowed = self._allowed(masks)
        query, key, value = self._query_dense(query), self._key_dense(key), self._value_dense(value)
        if with_scores:
            output, scores = self._with_scores(query, key, value, allowed, training)
        else:
            output = scaled_dot_product_attention(
                query, key, value, mask=allowed, is_causal=bool(use_causal_mask)
            )
        output = self._output_dense(output)
        return (output, scores) if return_attention_scores else output

    def _with_scores(self, query: Any, key: Any, value: Any, allowed: Any, training: Any) -> Any:
        """What the heads give, and the weights of all pairs of query and key."""
        query = multiply(query, 1.0 / math.sqrt(self.key_dim))
        scores = self._softmax(einsum(self._score_equation, query, key), mask=allowed)
        weights = self._dropout_layer(scores, training=training)
        return einsum(self._combine_equation, weights, value), scores

    def _allowed(self, masks: list[Any]) -> Any:
        """All masks in one that fits the scores; None if there is none."""
        allowed = None
        for mask in masks:
            if mask is not None:
                allowed = mask if allowed is None else logical_and(allowed, mask)
        if allowed is None:
            return None
        rank = len(self._combine_equation.partition(",")[0])
        while len(allowed.shape) < rank:  # the heads share it
            allowed = expand_dims(allowed, -2 * len(self._axes) - 1)
        return allowed

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return mask

    def compute_output_shape(
        self, query_shape: Any, value_shape: Any = None, key_shape: Any = None
    ) -> Any:
        wanted = self._wanted_shape
        if wanted is None:
            return tuple(query_shape)
        return (*query_shape[:-1], *((wanted,) if isinstance(wanted, int) else tuple(wanted)))
