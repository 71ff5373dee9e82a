"""Texts as TensorFlow has them: arrays of bytes, with the dtype `string`.

They exist on the host only, for what comes before the numbers: reviews, words, file names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tensorcore.errors import ArgumentTypeError


class StringType:
    """The dtype of texts."""

    name = "string"

    def __repr__(self) -> str:
        return "tf.string"

    def __reduce__(self) -> str:
        return "string"


string = StringType()


class Texts:
    """An array of byte strings, which behaves like a tensor as far as texts can.

    Args:
        values: texts, bytes, or nested lists or arrays of them; texts are encoded in UTF-8.

    >>> Texts(["so", "good"])[1].numpy()
    b'good'
    """

    dtype = string
    __slots__ = ("data",)

    def __init__(self, values: Any) -> None:
        self.data = as_bytes(values)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def size(self) -> int:
        """Number of texts."""
        return self.data.size

    def numpy(self) -> Any:
        """The bytes, or an array of them."""
        return self.data.item() if not self.data.ndim else self.data.copy()

    def tolist(self) -> Any:
        """The bytes as nested lists."""
        return self.data.tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.data if dtype is None else self.data.astype(dtype)

    def __len__(self) -> int:
        if not self.data.ndim:
            raise ArgumentTypeError("len() of a single text; use tf.strings.length(text)")
        return len(self.data)

    def __iter__(self) -> Iterator[Texts]:
        return (Texts(value) for value in self.data)

    def __getitem__(self, index: Any) -> Texts:
        return Texts(self.data[index])

    def __eq__(self, other: Any) -> Any:
        same = self.data == as_bytes(other)
        return bool(same) if np.ndim(same) == 0 else np.asarray(same, bool)

    def __hash__(self) -> int:
        return hash(self.data.tobytes()) if self.data.ndim else hash(self.data.item())

    def __repr__(self) -> str:
        values = repr(self.data) if self.data.ndim else repr(self.data.item())
        start = "\n" if "\n" in values else ""
        return f"<tf.Tensor: shape={self.shape}, dtype=string, numpy={start}{values}>"

    def __str__(self) -> str:
        return f"tf.Tensor({self.data if self.data.ndim else self.data.item()}, " + (
            f"shape={self.shape}, dtype=string)"
        )


def is_text(value: Any) -> bool:
    """Whether the value is text, or an array or a list of texts."""
    if isinstance(value, (str, bytes, Texts)):
        return True
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "US":
            return True
        return value.dtype.kind == "O" and value.size > 0 and is_text(value.flat[0])
    return isinstance(value, (list, tuple)) and bool(value) and is_text(value[0])


def as_bytes(values: Any) -> np.ndarray:
    """An array of Python bytes (dtype object) of texts."""
    if isinstance(values, Texts):
        return values.data
    array = np.asarray(values, dtype=object) if not isinstance(values, bytes) else None
    if array is None or not array.ndim:
        single = np.empty((), object)
        single[()] = _encoded(values.item() if isinstance(values, np.ndarray) else values)
        return single
    encoded = np.empty(array.shape, object)
    encoded.ravel()[:] = [_encoded(text) for text in array.ravel()]
    return encoded


def _encoded(text: Any) -> bytes:
    if isinstance(text, Texts):
        text = text.numpy()
    if not isinstance(text, (str, bytes)):
        raise ArgumentTypeError(f"expected a text, received {type(text).__name__}: {text!r}")
    return text.encode() if isinstance(text, str) else bytes(text)
