"""Vectors for numbered things."""

from __future__ import annotations

from typing import Any

from tensorcore import dtypes
from tensorcore.errors import InvalidArgumentError
from tensorcore.layers.base import Layer
from tensorcore.layers.options import add_kernel, keep
from tensorcore.mode import place
from tensorcore.ops.choosing import whole_numbers
from tensorcore.ops.indexing import take
from tensorcore.ops.logical import not_equal


class Embedding(Layer):
    """Row i of a table of weights for each number i.

    Args:
        input_dim: number of rows; inputs go from 0 to input_dim - 1.
        output_dim: size of a row.
        embeddings_initializer: for the table, shape (input_dim, output_dim).
        embeddings_regularizer, embeddings_constraint: penalty on the table; what it is brought
            back to after each step.
        mask_zero: whether 0 stands for steps that do not count; layers that follow get a mask.
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
        keep(
            self,
            input_dim=int(input_dim),
            output_dim=int(output_dim),
            embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
            mask_zero=mask_zero,
        )
        self.supports_masking = self._careful = bool(mask_zero)

    def build(self, input_shape: Any) -> None:
        shape = (self.input_dim, self.output_dim)
        self.embeddings = add_kernel(self, shape, "embeddings")

    def call(self, inputs: Any) -> Any:
        if not dtypes.is_integer(inputs.dtype):
            inputs = whole_numbers(inputs)
        before = place.layers
        place.layers = before or (self.name,)
        try:
            return take(self.embeddings, inputs, axis=0)
        finally:
            place.layers = before

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape, self.output_dim)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return not_equal(inputs, 0) if self.mask_zero else None
