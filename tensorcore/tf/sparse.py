"""`tf.sparse`: tensors of which only some values are kept."""

from __future__ import annotations

from typing import Any

from tensorcore import missing
from tensorcore.data.sparse import SparseTensor
from tensorcore.data.sparse import from_dense as _from_dense

__all__ = ["SparseTensor", "from_dense", "to_dense"]


def to_dense(
    sp_input: SparseTensor,
    default_value: Any = None,
    validate_indices: bool = True,
    name: str | None = None,
) -> Any:
    """The whole tensor; see `SparseTensor.to_dense`."""
    return sp_input.to_dense(default_value)


def from_dense(tensor: Any, name: str | None = None) -> SparseTensor:
    """The values of a tensor that are not 0."""
    return _from_dense(tensor)


def __getattr__(name: str) -> Any:
    raise missing.attribute(__name__, name, __all__)
