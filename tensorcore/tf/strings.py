"""`tf.strings`: functions of texts, which are bytes in UTF-8."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorcore import missing
from tensorcore.data.texts import Texts, as_bytes
from tensorcore.errors import InvalidArgumentError
from tensorcore.tensor import Tensor, as_tensor
from tensorcore.tf.dtypes import as_dtype

__all__ = [
    "as_string",
    "join",
    "length",
    "lower",
    "reduce_join",
    "regex_full_match",
    "regex_replace",
    "split",
    "strip",
    "substr",
    "to_number",
    "upper",
]


def _each(function: Callable[[bytes], Any], texts: Any, dtype: Any = object) -> np.ndarray:
    array = as_bytes(texts)
    result = np.empty(array.shape, dtype)
    flat = result.reshape(-1)
    flat[:] = [function(text) for text in array.reshape(-1)]
    return result


def lower(input: Any, encoding: str = "", name: str | None = None) -> Texts:
    """The texts in small letters: ASCII's, or all with encoding="utf-8"."""
    if encoding:
        return Texts(_each(lambda text: text.decode(encoding).lower().encode(encoding), input))
    return Texts(_each(bytes.lower, input))


def upper(input: Any, encoding: str = "", name: str | None = None) -> Texts:
    """The texts in capital letters: ASCII's, or all with encoding="utf-8"."""
    if encoding:
        return Texts(_each(lambda text: text.decode(encoding).upper().encode(encoding), input))
    return Texts(_each(bytes.upper, input))


def strip(input: Any, name: str | None = None) -> Texts:
    """The texts without white space at their ends."""
    return Texts(_each(bytes.strip, input))


def regex_replace(
    input: Any, pattern: str, rewrite: str, replace_global: bool = True, name: str | None = None
) -> Texts:
    r"""The texts with what matches a pattern replaced; \1 stands for the first group."""
    rule = re.compile(as_bytes(pattern).item())
    new, count = as_bytes(rewrite).item(), 0 if replace_global else 1
    return Texts(_each(lambda text: rule.sub(new, text, count=count), input))


def regex_full_match(input: Any, pattern: str, name: str | None = None) -> Tensor:
    """Whether a pattern matches the whole text."""
    rule = re.compile(as_bytes(pattern).item())
    return as_tensor(_each(lambda text: rule.fullmatch(text) is not None, input, bool))


def length(input: Any, unit: str = "BYTE", name: str | None = None) -> Tensor:
    """The number of bytes, or of characters with unit="UTF8_CHAR"."""
    if unit == "UTF8_CHAR":
        return as_tensor(_each(lambda text: len(text.decode()), input, np.int32))
    return as_tensor(_each(len, input, np.int32))


def split(input: Any, sep: Any = None, maxsplit: int = -1, name: str | None = None) -> Any:
    """The words of a text as a tensor; of several texts as a list of such tensors."""
    separator = None if sep in (None, "") else as_bytes(sep).item()
    array = as_bytes(input)
    parts = [Texts(text.split(separator, maxsplit)) for text in array.reshape(-1)]
    return parts if array.ndim else parts[0]


def join(inputs: Any, separator: str = "", name: str | None = None) -> Texts:
    """Texts put together element by element."""
    arrays = np.broadcast_arrays(*map(as_bytes, inputs))
    glue = as_bytes(separator).item()
    result = np.empty(arrays[0].shape, object)
    flat = result.reshape(-1)
    flat[:] = [glue.join(parts) for parts in zip(*(a.reshape(-1) for a in arrays), strict=True)]
    return Texts(result)


def reduce_join(
    inputs: Any, axis: Any = None, keepdims: bool = False, separator: str = "", name: Any = None
) -> Texts:
    """All texts, or those along the last dimension, put together."""
    array, glue = as_bytes(inputs), as_bytes(separator).item()
    if axis is None:
        return Texts(glue.join(array.reshape(-1)))
    if axis not in (-1, array.ndim - 1):
        raise InvalidArgumentError(
            f"reduce_join: axis must be the last one, received {axis}; transpose first"
        )
    rows = array.reshape(-1, array.shape[-1])
    result = np.empty(len(rows), object)
    result[:] = [glue.join(row) for row in rows]
    return Texts(result.reshape(array.shape[:-1] + ((1,) if keepdims else ())))


def substr(input: Any, pos: int, len: int, unit: str = "BYTE", name: str | None = None) -> Texts:
    """The part of each text that begins at `pos` and is `len` bytes long."""
    start, count = int(pos), int(len)

    def part(text: bytes) -> bytes:
        first = start if start >= 0 else text.__len__() + start
        return text[first : first + count]

    return Texts(_each(part, input))


def to_number(input: Any, out_type: Any = "float32", name: str | None = None) -> Tensor:
    """Numbers that are written in texts."""
    kind = as_dtype(out_type)
    parse = float if kind.kind == "f" else int

    def number(text: bytes) -> Any:
        try:
            return parse(text)
        except ValueError:
            raise InvalidArgumentError(
                f"StringToNumberOp could not correctly convert string: {text.decode()!r}"
            ) from None

    return as_tensor(_each(number, input, kind))


def as_string(input: Any, precision: int = -1, name: str | None = None) -> Texts:
    """Numbers written as texts."""
    array = as_tensor(input).numpy()
    if array.dtype.kind == "f":
        digits = 6 if precision < 0 else precision
        words = [f"{value:.{digits}f}" for value in array.reshape(-1)]
    else:
        words = [
            str(value).lower() if array.dtype.kind == "b" else str(value) for value in array.flat
        ]
    result = np.empty(array.size, object)
    result[:] = words
    return Texts(result.reshape(array.shape))


def __getattr__(name: str) -> Any:
    raise missing.attribute(__name__, name, __all__)
