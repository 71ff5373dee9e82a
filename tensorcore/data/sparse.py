"""Sparse tensors: the values that are not the default, and where they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore.data.texts import Texts, is_text
from tensorcore.errors import ShapeError
from tensorcore.ops.choosing import where
from tensorcore.ops.creation import full, zeros
from tensorcore.ops.indexing import scatter_add
from tensorcore.ops.logical import not_equal
from tensorcore.ops.shaping import reshape
from tensorcore.tensor import Tensor, as_tensor


class SparseTensor:
    """Values at some places of a tensor; all others have a default.

    Args:
        indices: int64, shape (N, ndim), one place a row.
        values: shape (N,), numbers or texts.
        dense_shape: the sizes of the tensor.

    >>> s = SparseTensor([[0, 1], [1, 0]], [5, 7], [2, 3])
    >>> s.to_dense().tolist()
    [[0, 5, 0], [7, 0, 0]]
    """

    def __init__(self, indices: Any, values: Any, dense_shape: Any) -> None:
        self._places = np.asarray(indices, np.int64).reshape(-1, len(dense_shape))
        self.values = Texts(values) if is_text(values) else as_tensor(values)
        self.shape = tuple(int(size) for size in dense_shape)
        if self.values.ndim != 1 or self.values.shape[0] != len(self._places):
            raise ShapeError(
                f"SparseTensor: expected one value for each of {len(self._places)} places, "
                f"received values of shape {tuple(self.values.shape)}"
            )
        outside = (self._places < 0) | (self._places >= np.asarray(self.shape))
        if outside.any():
            place = tuple(self._places[outside.any(axis=1)][0].tolist())
            raise ShapeError(f"SparseTensor: the place {place} lies outside of shape {self.shape}")

    @property
    def indices(self) -> Tensor:
        """The places, shape (N, ndim)."""
        return as_tensor(self._places)

    @property
    def dense_shape(self) -> Tensor:
        """The sizes, int64."""
        return as_tensor(np.asarray(self.shape, np.int64))

    @property
    def dtype(self) -> Any:
        """The dtype of the values."""
        return self.values.dtype

    def to_dense(self, default_value: Any = None) -> Any:
        """The whole tensor; other places have `default_value`, else 0 or an empty text."""
        if isinstance(self.values, Texts):
            filled = np.empty(self.shape, object)
            filled[...] = b"" if default_value is None else Texts(default_value).numpy()
            filled[tuple(self._places.T)] = self.values.data
            return Texts(filled)
        size = int(np.prod(self.shape))
        numbers: Any = np.ravel_multi_index(tuple(self._places.T), self.shape) if size else []
        flat = as_tensor(np.asarray(numbers, np.int64).reshape(-1), device=self.values.device)
        kind: dict[str, Any] = {"dtype": self.values.dtype, "device": self.values.device}
        dense = scatter_add(zeros(size, **kind), flat, self.values)
        if default_value is not None:
            ones = full(tuple(flat.shape), 1, dtype="int32", device=flat.device)
            taken = scatter_add(zeros(size, dtype="int32", device=flat.device), flat, ones)
            dense = where(not_equal(taken, 0), dense, full(size, default_value, **kind))
        return reshape(dense, self.shape)

    def __repr__(self) -> str:
        return (
            f"SparseTensor(indices={self.indices!r}, values={self.values!r}, "
            f"dense_shape={self.dense_shape!r})"
        )


def from_dense(tensor: Any) -> SparseTensor:
    """The values that are not 0 (or empty texts) of a tensor."""
    if is_text(tensor):
        array = Texts(tensor).data
        places = np.argwhere(array != b"")
        return SparseTensor(places, array[tuple(places.T)], array.shape)
    array = as_tensor(tensor).numpy()
    places = np.argwhere(array)
    return SparseTensor(places, array[tuple(places.T)], array.shape)
