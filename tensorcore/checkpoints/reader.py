"""Reading TensorFlow's checkpoints: `prefix.index` and `prefix.data-00000-of-00001`."""

from __future__ import annotations

import glob
import itertools
import math
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from tensorcore.checkpoints import entry as entries
from tensorcore.checkpoints import wire
from tensorcore.checkpoints.checksum import crc32c, mask
from tensorcore.checkpoints.entry import Entry
from tensorcore.checkpoints.sstable import read_table
from tensorcore.errors import CheckpointError, InvalidArgumentError

MOST_INDEX_BYTES = 1 << 28
MOST_SHARDS = 1 << 16
REMEDY = "Copy its files again from where they were written, or restore an earlier checkpoint"
NAME_SHARE = 16  # names may take this many times the bytes of the file that abbreviates them


class CheckpointReader:
    """A checkpoint opened for reading.

    The index is read and checked at once, so that a damaged one is refused before any tensor is
    made; a tensor's bytes and its checksum are checked when it is read.

    Args:
        prefix: the path without `.index`, as `tf.train.Saver.save` returns it.

    Raises:
        CheckpointError: files are missing, damaged, or of another format.
    """

    def __init__(self, prefix: str | os.PathLike[str]) -> None:
        self.prefix = os.fspath(prefix)
        self._path = self.prefix + ".index"
        self.entries: dict[str, Entry] = {}
        self._pieces: dict[bytes, Entry] = {}
        self._sizes: dict[int, int] = {}
        data = self._read_file()
        try:
            self._read_index(data)
        except CheckpointError as problem:
            raise CheckpointError(
                f"{self._path} is not a sound checkpoint: {problem}. {REMEDY}"
            ) from None

    def _read_file(self) -> bytes:
        try:
            if os.path.getsize(self._path) > MOST_INDEX_BYTES:
                raise CheckpointError(f"{self._path} is larger than 256 MB. {REMEDY}")
            with open(self._path, "rb") as file:
                return file.read()
        except OSError as problem:
            raise CheckpointError(
                f"there is no checkpoint {self.prefix}: {self._path}: "
                f"{problem.strerror or problem}. The path is the prefix that saver.save() "
                "returned, without .index or .data"
            ) from None

    def _read_index(self, data: bytes) -> None:
        table = read_table(data)
        key, header = next(table, (b"?", b""))
        if key != b"":
            raise CheckpointError("it has no header")
        self.shards = _shards(header)
        names = 0
        for key, value in table:
            names += len(key)
            if names > NAME_SHARE * len(data):
                raise CheckpointError("its names are longer than a file of this size can hold")
            found = entries.decode(value)
            if entries.is_slice_key(key):
                self._pieces[key] = found
            else:
                self.entries[entries.as_text(key)] = found
        self._check_places()

    def _check_places(self) -> None:
        """Refuse tensors outside the files, and such as share bytes: a small file is never much."""
        taken: list[tuple[int, int, int, str]] = []
        for name, found in self.entries.items():
            for _, piece in self._parts(name, found):
                end = piece.offset + piece.nbytes
                if piece.shard >= self.shards or end > self._size(piece.shard):
                    raise CheckpointError(
                        f"{name!r} lies outside the data, {self._data_path(piece.shard)}, which is "
                        "missing or cut off"
                    )
                if piece.nbytes:
                    taken.append((piece.shard, piece.offset, end, name))
        taken.sort()
        for (shard, _, end, first), (other, start, _, second) in itertools.pairwise(taken):
            if shard == other and start < end:
                raise CheckpointError(f"{first!r} and {second!r} lie in the same bytes")

    def _parts(self, name: str, found: Entry) -> Iterator[tuple[Any, Entry]]:
        """(where in the tensor, entry) of each piece of a tensor's data."""
        if not found.slices:
            yield ..., found
            return
        covered = 0
        for part in found.slices:
            piece = self._pieces.get(entries.slice_key(name, part))
            index = part.place(found.shape)
            shape = tuple(where.stop - where.start for where in index)
            if piece is None or piece.slices or (piece.dtype, piece.shape) != (found.dtype, shape):
                raise CheckpointError(f"a slice of {name!r} is missing or of another shape")
            covered += piece.nbytes
            yield index, piece
        if found.dtype is None or covered != math.prod(found.shape) * found.dtype.itemsize:
            raise CheckpointError(f"the slices of {name!r} do not make up its shape {found.shape}")

    def _data_path(self, shard: int) -> str:
        return f"{self.prefix}.data-{shard:05d}-of-{self.shards:05d}"

    def _size(self, shard: int) -> int:
        if shard not in self._sizes:
            try:
                self._sizes[shard] = os.path.getsize(self._data_path(shard))
            except OSError:
                self._sizes[shard] = -1
        return self._sizes[shard]

    # What there is ------------------------------------------------------------------------------

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def names(self) -> list[str]:
        """The names of all tensors, sorted."""
        return sorted(self.entries)

    def shapes(self) -> dict[str, list[int]]:
        """Name -> shape."""
        return {name: list(found.shape) for name, found in self.entries.items()}

    def dtypes(self) -> dict[str, np.dtype | None]:
        """Name -> dtype; None for text."""
        return {name: found.dtype for name, found in self.entries.items()}

    # Values -------------------------------------------------------------------------------------

    def read(self, name: str) -> np.ndarray:
        """The values of a tensor.

        Raises:
            InvalidArgumentError: there is no tensor of this name, or it holds text.
            CheckpointError: the checksum of its bytes is wrong.
        """
        found = self.entries.get(name)
        if found is None:
            raise InvalidArgumentError(
                f"Key {name} not found in checkpoint {self.prefix}, which has {_some(self.names())}"
            )
        if found.dtype is None:
            raise InvalidArgumentError(
                f"{name!r} in {self.prefix} holds text; only numbers are read"
            )
        result = np.empty(found.shape, found.dtype)
        if not found.slices:
            self._fill(name, found, result)
            return result
        filled = np.zeros(found.shape, bool)
        for index, piece in self._parts(name, found):
            if filled[index].any():  # there would be a gap elsewhere
                raise CheckpointError(f"{self._path}: the slices of {name!r} overlap. {REMEDY}")
            values = np.empty(piece.shape, found.dtype)
            self._fill(name, piece, values)
            result[index] = values
            filled[index] = True
        return result

    def _fill(self, name: str, piece: Entry, array: np.ndarray) -> None:
        raw = array.reshape(-1).view(np.uint8)
        with open(self._data_path(piece.shard), "rb") as file:
            file.seek(piece.offset)
            count = file.readinto(raw.data) if raw.size else 0
        if count != piece.nbytes or mask(crc32c(raw)) != piece.checksum:
            raise CheckpointError(
                f"{self._data_path(piece.shard)}: the checksum of {name!r} is wrong. {REMEDY}"
            )


def data_files(prefix: str) -> list[str]:
    """The data files that lie beside an index, those of earlier and unfinished writing too."""
    return glob.glob(glob.escape(prefix) + ".data-?????-of-?????")


def _shards(header: bytes) -> int:
    """The number of data files, from a BundleHeaderProto."""
    shards, endianness, version = 0, 0, b""
    for field, value in wire.fields(header):
        if field == 1:
            shards = wire.number(value)
        elif field == 2:
            endianness = wire.number(value)
        elif field == 3:
            version = wire.content(value)
    if endianness:
        raise CheckpointError("it was written on a big-endian machine, which is not supported")
    if not 0 < shards <= MOST_SHARDS:
        raise CheckpointError(f"it claims {shards} data files; expected 1 to {MOST_SHARDS}")
    if dict(wire.fields(version)).get(2, 0) > 1:
        raise CheckpointError("it was written by a later version of TensorFlow's format")
    return shards


def _some(names: list[str]) -> str:
    listed = ", ".join(names[:8])
    return f"{listed} and {len(names) - 8} more" if len(names) > 8 else listed or "no tensor"
