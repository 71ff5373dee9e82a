"""Sorted tables of LevelDB: the container of a checkpoint's index file.

A table is a row of blocks and a footer.  A block holds keys in order, each without the beginning
that it shares with the key before, then the places where a key is written in full; one byte with
the kind of compression and the masked CRC32C of all that follow it.  The last block is an index
of the others.  https://github.com/google/leveldb/blob/main/doc/table_format.md
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any

from tensorcore.checkpoints.checksum import crc32c, mask
from tensorcore.checkpoints.wire import get_varint, put_varint
from tensorcore.errors import CheckpointError

MAGIC = 0xDB4775248B80FB57
FOOTER = 48  # bytes
TRAILER = 5  # bytes after each block
BLOCK_BYTES = 4096
FULL_KEY_EVERY = 16


# Writing ------------------------------------------------------------------------------------------


class _Block:
    """A block while it is filled."""

    def __init__(self, full_key_every: int) -> None:
        self._every = full_key_every
        self._data = bytearray()
        self._restarts = [0]
        self._count = 0
        self.last_key = b""

    def add(self, key: bytes, value: bytes) -> None:
        shared = 0
        if self._count % self._every == 0:
            if self._count:
                self._restarts.append(len(self._data))
        else:
            shared = _common(self.last_key, key)
        self._data += put_varint(shared) + put_varint(len(key) - shared) + put_varint(len(value))
        self._data += key[shared:] + value
        self.last_key = key
        self._count += 1

    @property
    def nbytes(self) -> int:
        return len(self._data) + 4 * len(self._restarts) + 4

    def finish(self) -> bytes:
        restarts = [*self._restarts, len(self._restarts)]
        body = bytes(self._data) + struct.pack(f"<{len(restarts)}I", *restarts)
        kind = b"\0"  # not compressed
        return body + kind + struct.pack("<I", mask(crc32c(body + kind)))


def _common(first: bytes, second: bytes) -> int:
    """How many bytes two keys begin with alike."""
    count = 0
    for a, b in zip(first, second):
        if a != b:
            break
        count += 1
    return count


def write_table(entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The bytes of a table; the entries' keys must rise."""
    out = bytearray()
    index = _Block(1)
    block = _Block(FULL_KEY_EVERY)
    waiting: tuple[bytes, bytes] | None = None  # last key and place of the block before

    def place(finished: _Block) -> bytes:
        content = finished.finish()
        handle = put_varint(len(out)) + put_varint(len(content) - TRAILER)
        out.extend(content)
        return handle

    last = None
    for key, value in entries:
        if last is not None and key <= last:
            raise ValueError("the keys of a table must rise")
        if waiting is not None:
            index.add(_between(waiting[0], key), waiting[1])
            waiting = None
        block.add(key, value)
        last = key
        if block.nbytes >= BLOCK_BYTES:
            waiting = key, place(block)
            block = _Block(FULL_KEY_EVERY)
    if last is not None and waiting is None:
        waiting = last, place(block)
    handles = place(_Block(1))
    if waiting is not None:
        index.add(_after(waiting[0]), waiting[1])
    handles += place(index)
    return bytes(out) + handles.ljust(FOOTER - 8, b"\0") + struct.pack("<Q", MAGIC)


def _between(first: bytes, second: bytes) -> bytes:
    """A short key from `first` on and before `second`: an index need not hold whole keys."""
    same = _common(first, second)
    if same < len(first) and first[same] < 0xFF and first[same] + 1 < second[same]:
        return first[:same] + bytes([first[same] + 1])
    return first


def _after(key: bytes) -> bytes:
    """A short key from `key` on."""
    for position, byte in enumerate(key):
        if byte != 0xFF:
            return key[:position] + bytes([byte + 1])
    return key


# Reading ------------------------------------------------------------------------------------------


def read_table(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The entries of a table, every checksum and every place checked."""
    if len(data) < FOOTER or struct.unpack("<Q", data[-8:])[0] != MAGIC:
        raise CheckpointError("it does not end with the footer of such a table")
    start, size, position = _handle(data, len(data) - FOOTER)
    _block(data, start, size)  # of filters, which checkpoints have not
    start, size, _ = _handle(data, position)
    last = None
    for _, handle in _entries(_block(data, start, size)):
        start, size, _ = _handle(handle, 0)
        for key, value in _entries(_block(data, start, size)):
            if last is not None and key <= last:
                raise CheckpointError("its keys are not in order")
            last = key
            yield key, value


def _handle(data: Any, position: int) -> tuple[int, int, int]:
    """(start, size, position after) of the place of a block."""
    start, position = get_varint(data, position)
    size, position = get_varint(data, position)
    return start, size, position


def _block(data: bytes, start: int, size: int) -> bytes:
    end = start + size
    if end + TRAILER > len(data) - FOOTER:
        raise CheckpointError("a block lies outside the file")
    stored = struct.unpack_from("<I", data, end + 1)[0]
    if mask(crc32c(data[start : end + 1])) != stored:
        raise CheckpointError("the checksum of a block is wrong")
    if data[end] != 0:
        raise CheckpointError(
            f"a block is compressed (kind {data[end]}), which TensorFlow's checkpoints are not"
        )
    return data[start:end]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    if len(block) < 4:
        raise CheckpointError("a block is cut off")
    restarts = struct.unpack("<I", block[-4:])[0]
    end = len(block) - 4 - 4 * restarts
    if end < 0:
        raise CheckpointError("a block is cut off")
    position = 0
    key = b""
    while position < end:
        shared, position = get_varint(block, position)
        fresh, position = get_varint(block, position)
        size, position = get_varint(block, position)
        if shared > len(key) or fresh + size > end - position:
            raise CheckpointError("an entry is longer than its block")
        key = key[:shared] + block[position : position + fresh]
        position += fresh
        yield key, block[position : position + size]
        position += size
