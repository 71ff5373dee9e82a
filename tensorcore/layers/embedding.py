"""Vectors for numbered things."""

from __future__ import annotations

from typing import Any

from tensorcore import dtypes, initializers
from tensorcore.errors import InvalidArgumentError
from tensorcore.layers.base import Layer, not_there_yet
from tensorcore.ops.indexing import take
from tensorcore.ops.transfer import astype


class Embedding(Layer):
    """Row i of a table of weights for each number i.

    Args:
        input_dim: number of rows; inputs go from 0 to input_dim - 1.
        output_dim: size of a row.
        embeddings_initializer: for the table, shape (input_dim, output_dim).
        embeddings_regularizer, embeddings_constraint: must be None for now.
        mask_zero: must be False for now.
        input_length: accepted for old programs; not needed.

    Input: integers of shape (batch, ...).  Output: shape (batch, ..., output_dim).

    >>> Embedding(100, 8)([[1, 2, 3]]).shape
    (1, 3, 8)
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        input_length: int | None = None,
        **kwargs: Any,
    ) -> None:
        if input_length is not None and "input_shape" not in kwargs:
            kwargs["input_shape"] = (input_length,)
        super().__init__(**kwargs)
        if input_dim <= 0 or output_dim <= 0:
            raise InvalidArgumentError(
                f"Embedding: input_dim and output_dim must be positive, received {input_dim} and "
                f"{output_dim}"
            )
        not_there_yet(
            self,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
            mask_zero=mask_zero or None,
        )
        self.input_dim = int(input_dim)
        self.output_dim = int(output_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)

    def build(self, input_shape: Any) -> None:
        shape = (self.input_dim, self.output_dim)
        self.embeddings = self.add_weight(shape, self.embeddings_initializer, name="embeddings")

    def call(self, inputs: Any) -> Any:
        if not dtypes.is_integer(inputs.dtype):
            inputs = astype(inputs, dtypes.int32)
        return take(self.embeddings, inputs, axis=0)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape, self.output_dim)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
        }
