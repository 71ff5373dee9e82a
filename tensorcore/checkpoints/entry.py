"""What the index of a checkpoint says of one tensor, and the names under which pieces are kept."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from tensorcore import dtypes
from tensorcore.checkpoints import wire
from tensorcore.errors import CheckpointError

# Numbers of tensorflow/core/framework/types.proto.
STRING = 7
DTYPES: dict[int, np.dtype] = {
    1: dtypes.float32,
    2: dtypes.float64,
    3: dtypes.int32,
    4: dtypes.uint8,
    5: dtypes.int16,
    6: dtypes.int8,
    8: dtypes.complex64,
    9: dtypes.int64,
    10: dtypes.bool,
    14: dtypes.bfloat16,
    17: dtypes.uint16,
    18: dtypes.complex128,
    19: dtypes.float16,
    22: dtypes.uint32,
    23: dtypes.uint64,
}
NUMBERS = {dtype: number for number, dtype in DTYPES.items()}
MOST_DIMENSIONS = 254  # TensorFlow's own limit
FULL = -1  # the length of a dimension that a slice covers whole


class Slice(NamedTuple):
    """The part of a partitioned tensor that one entry holds: a start and a length by dimension."""

    starts: tuple[int, ...]
    lengths: tuple[int, ...]  # FULL for a whole dimension

    def place(self, shape: tuple[int, ...]) -> tuple[slice, ...]:
        """Where the part lies in the whole."""
        index = []
        for start, length, size in zip(self.starts, self.lengths, shape, strict=True):
            stop = size if length == FULL else start + length
            if not 0 <= start <= stop <= size:
                raise CheckpointError(f"a slice reaches outside the tensor's shape {shape}")
            index.append(slice(start, stop))
        return tuple(index)


class Entry(NamedTuple):
    """Where a tensor lies: `data[offset : offset + nbytes]` of one shard, with its checksum."""

    dtype: np.dtype | None  # None: text
    shape: tuple[int, ...]
    shard: int
    offset: int
    nbytes: int
    checksum: int
    slices: tuple[Slice, ...] = ()

    def encode(self) -> bytes:
        """The entry as a BundleEntryProto."""
        number = STRING if self.dtype is None else NUMBERS[self.dtype]
        return (
            wire.put_number(1, number)
            + wire.put_bytes(2, put_shape(self.shape))
            + wire.put_number(3, self.shard)
            + wire.put_number(4, self.offset)
            + wire.put_number(5, self.nbytes)
            + wire.put_fixed32(6, self.checksum)
        )


def decode(message: bytes) -> Entry:
    """The entry in a BundleEntryProto, its size compared with its shape."""
    number = 0
    shape: tuple[int, ...] = ()
    plain = {3: 0, 4: 0, 5: 0, 6: 0}
    slices = []
    for field, value in wire.fields(message):
        if field == 1:
            number = wire.number(value)
        elif field == 2:
            shape = shape_of(wire.content(value))
        elif field in plain:
            plain[field] = wire.number(value)
        elif field == 7:
            slices.append(_slice(wire.content(value), len(shape)))
    if number != STRING and number not in DTYPES:
        raise CheckpointError(f"dtype number {number} of TensorFlow has no counterpart here")
    dtype = None if number == STRING else DTYPES[number]
    entry = Entry(dtype, shape, plain[3], plain[4], plain[5], plain[6], tuple(slices))
    if dtype is not None and not slices:
        expected = math.prod(shape) * dtype.itemsize
        if entry.nbytes != expected:
            raise CheckpointError(
                f"{entry.nbytes} bytes cannot be a tensor of {dtype.name} of shape {shape}, "
                f"which takes {expected}"
            )
    return entry


def put_shape(shape: tuple[int, ...]) -> bytes:
    """A TensorShapeProto."""
    return b"".join(wire.put_bytes(2, wire.put_number(1, size)) for size in shape)


def shape_of(message: bytes) -> tuple[int, ...]:
    """The sizes in a TensorShapeProto."""
    sizes = []
    for field, value in wire.fields(message):
        if field == 2:
            size = 0
            for inner, content in wire.fields(wire.content(value)):
                if inner == 1:
                    size = wire.signed(wire.number(content))
            sizes.append(size)
        elif field == 3 and value:
            raise CheckpointError("a tensor has no known rank")
    if len(sizes) > MOST_DIMENSIONS or any(size < 0 for size in sizes):
        raise CheckpointError(f"a tensor has the impossible shape {tuple(sizes[:8])}")
    return tuple(sizes)


def _slice(message: bytes, ndim: int) -> Slice:
    starts, lengths = [], []
    for field, value in wire.fields(message):
        if field != 1:
            continue
        start, length = 0, FULL
        for inner, content in wire.fields(wire.content(value)):
            if inner == 1:
                start = wire.signed(wire.number(content))
            elif inner == 2:
                length = wire.signed(wire.number(content))
        starts.append(start)
        lengths.append(length)
    if len(starts) != ndim:
        raise CheckpointError(f"a slice of {len(starts)} dimensions in a tensor of {ndim}")
    return Slice(tuple(starts), tuple(lengths))


# Names of slices: TensorFlow's "ordered code", whose bytes sort as the values do ------------------


def slice_key(name: str, part: Slice) -> bytes:
    """The key of the entry that holds one slice of the tensor `name`."""
    text = name.encode().replace(b"\xff", b"\xff\x00").replace(b"\x00", b"\x00\xff")
    key = _rising(0) + text + b"\x00\x01" + _rising(len(part.starts))
    for start, length in zip(part.starts, part.lengths, strict=True):
        key += _signed_rising(start) + _signed_rising(length)
    return key


def _rising(value: int) -> bytes:
    body = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes([len(body)]) + body


def _signed_rising(value: int) -> bytes:
    """Seven bits a byte; as many leading ones as bytes, turned around for negative numbers."""
    size = ((value if value >= 0 else ~value).bit_length() + 1 + 6) // 7
    header = ((1 << size) - 1) << (8 * size - size)
    return ((value & ((1 << 8 * size) - 1)) ^ header).to_bytes(size, "big")


def is_slice_key(key: bytes) -> bool:
    """Whether a key of the index names a slice rather than a tensor."""
    return key.startswith(b"\x00")


def as_text(value: Any) -> str:
    """A key as the name that it is."""
    try:
        return bytes(value).decode()
    except UnicodeDecodeError:
        raise CheckpointError(f"the name {bytes(value[:40])!r} is not UTF-8") from None
