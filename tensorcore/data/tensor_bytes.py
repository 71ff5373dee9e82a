"""A tensor as bytes and back: TensorFlow's TensorProto, as `tf.io.serialize_tensor` writes it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tensorcore.checkpoints import wire
from tensorcore.checkpoints.entry import DTYPES, NUMBERS, STRING, put_shape, shape_of
from tensorcore.data.texts import Texts, as_bytes, is_text, string
from tensorcore.errors import CheckpointError, DTypeError, FileFormatError, InvalidArgumentError
from tensorcore.tensor import as_tensor

CONTENT, TEXT = 4, 8  # fields


def serialize_tensor(tensor: Any, name: str | None = None) -> Texts:
    """The bytes of a tensor, with its dtype and shape; `parse_tensor` reads them.

    >>> parse_tensor(serialize_tensor([[1.5, 2.0]]), "float32").tolist()
    [[1.5, 2.0]]
    """
    if is_text(tensor):
        array = as_bytes(tensor)
        content = b"".join(wire.put_bytes(TEXT, text) for text in array.ravel())
        number = STRING
    else:
        array = np.asarray(as_tensor(tensor).numpy())
        if array.dtype not in NUMBERS:
            raise DTypeError(f"serialize_tensor: {array.dtype.name} has no number in TensorFlow")
        number = NUMBERS[array.dtype]
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        content = wire.put_bytes(CONTENT, little.tobytes()) if array.size else b""
    shape = wire.put_bytes(2, put_shape(array.shape))
    return Texts(wire.put_number(1, number) + shape + content)


def parse_tensor(serialized: Any, out_type: Any, name: str | None = None) -> Any:
    """The tensor that bytes describe.

    Args:
        serialized: what `serialize_tensor` gave.
        out_type: the dtype that is expected.

    Raises:
        FileFormatError: the bytes describe no tensor.
        InvalidArgumentError: the tensor has another dtype.
    """
    number, content, texts = 0, b"", []
    shape: tuple[int, ...] = ()
    try:
        for field, value in wire.fields(as_bytes(serialized).item()):
            if field == 1:
                number = wire.number(value)
            elif field == 2:
                shape = shape_of(wire.content(value))
            elif field == CONTENT:
                content = wire.content(value)
            elif field == TEXT:
                texts.append(wire.content(value))
    except CheckpointError as error:
        raise FileFormatError(f"parse_tensor: these bytes describe no tensor: {error}") from None
    dtype: Any = string if number == STRING else DTYPES.get(number)
    wanted = string if out_type in (string, str, bytes) else np.dtype(out_type)
    if dtype is None or dtype != wanted:
        held = getattr(dtype, "name", f"dtype number {number}")
        raise InvalidArgumentError(
            f"Type mismatch between parsed tensor ({held}) and dtype ({wanted.name}); give "
            "out_type the dtype that was written"
        )
    count = math.prod(shape)
    values: Any = np.empty(len(texts), object)
    if dtype is string:
        values[:] = texts
    elif len(content) == count * dtype.itemsize:
        values = np.frombuffer(content, dtype.newbyteorder("<")).astype(dtype)
    if len(values) != count:
        raise FileFormatError(
            f"parse_tensor: shape {shape} needs {count} values of {wanted.name}, the bytes have "
            "others"
        )
    return Texts(values.reshape(shape)) if dtype is string else as_tensor(values.reshape(shape))
