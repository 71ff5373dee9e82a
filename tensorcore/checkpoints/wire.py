"""The wire format of protocol buffers, as far as checkpoints need it.

https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from tensorcore.errors import CheckpointError


def put_varint(value: int) -> bytes:
    """An unsigned number, seven bits a byte, the lowest first."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def get_varint(data: Any, position: int) -> tuple[int, int]:
    """(the number at `position`, the position after it)."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise CheckpointError("a number is cut off")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position
    raise CheckpointError("a number is longer than 64 bits")


def signed(value: int) -> int:
    """A 64-bit number with its sign."""
    return value - (1 << 64) if value >= 1 << 63 else value


def put_number(field: int, value: int) -> bytes:
    """A field that holds a number; nothing for 0, the default."""
    return put_varint(field << 3) + put_varint(value) if value else b""


def put_bytes(field: int, value: bytes) -> bytes:
    """A field that holds bytes or another message."""
    return put_varint(field << 3 | 2) + put_varint(len(value)) + value


def put_fixed32(field: int, value: int) -> bytes:
    """A field that holds four bytes."""
    return put_varint(field << 3 | 5) + struct.pack("<I", value)


def fields(message: Any) -> Iterator[tuple[int, Any]]:
    """(field number, int or bytes) of each field of a message, in its order."""
    position = 0
    while position < len(message):
        key, position = get_varint(message, position)
        kind = key & 7
        value: int | bytes
        if kind == 0:
            value, position = get_varint(message, position)
        else:
            size, position = _size(message, position, kind)
            if size > len(message) - position:
                raise CheckpointError("a field is cut off")
            raw = bytes(message[position : position + size])
            value = struct.unpack("<I", raw)[0] if kind == 5 else raw
            position += size
        yield key >> 3, value


def _size(message: Any, position: int, kind: int) -> tuple[int, int]:
    if kind == 2:
        return get_varint(message, position)
    if kind in (1, 5):
        return (8 if kind == 1 else 4), position
    raise CheckpointError(f"a field has the unknown wire type {kind}")


def number(value: Any) -> int:
    """The value of a field that must be a number."""
    if not isinstance(value, int):
        raise CheckpointError("a field holds bytes where a number belongs")
    return value


def content(value: Any) -> bytes:
    """The value of a field that must be bytes."""
    if not isinstance(value, bytes):
        raise CheckpointError("a field holds a number where bytes belong")
    return value
