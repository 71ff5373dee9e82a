"""What the elements of a data set look like: shape, with None for unknown sizes, and dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.data.texts import string


class TensorSpec:
    """Shape and dtype of a tensor.

    Args:
        shape: sizes, None for those that are not known; None for a shape that is not known.
        dtype: a dtype, or `string`.
        name: for messages.

    >>> TensorSpec((None, 2), "float32")
    TensorSpec(shape=(None, 2), dtype=tf.float32, name=None)
    """

    __slots__ = ("dtype", "name", "shape")

    def __init__(self, shape: Any, dtype: Any = "float32", name: str | None = None) -> None:
        self.shape = None if shape is None else tuple(None if n is None else int(n) for n in shape)
        self.dtype = string if dtype in (string, "string", str, bytes) else dtypes.as_dtype(dtype)
        self.name = name

    def is_compatible_with(self, value: Any) -> bool:
        """Whether a value or a spec may stand where this spec is asked for."""
        if self.dtype != value.dtype:
            return False
        if self.shape is None or value.shape is None:
            return True
        sizes = zip(self.shape, value.shape, strict=False)
        return len(self.shape) == len(value.shape) and all(
            a is None or b is None or a == b for a, b in sizes
        )

    def __eq__(self, other: Any) -> bool:
        return (
            isinstance(other, TensorSpec)
            and self.shape == other.shape
            and self.dtype == other.dtype
        )

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype.name))

    def __repr__(self) -> str:
        shape = "<unknown>" if self.shape is None else self.shape
        return f"TensorSpec(shape={shape}, dtype=tf.{self.dtype.name}, name={self.name!r})"


def spec_of(value: Any, *, rows: bool = False) -> TensorSpec:
    """The spec of an array; with `rows` that of its rows."""
    shape = value.shape[1:] if rows else value.shape
    dtype = value.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "OSU":
        dtype = string
    return TensorSpec(shape, dtype)
