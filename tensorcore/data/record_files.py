"""TFRecord files: byte strings one after the other, each with checksums.

A record is its length (8 bytes, the lowest first), the masked CRC32C of these, its bytes, and their
masked CRC32C.  https://www.tensorflow.org/tutorials/load_data/tfrecord
"""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from collections.abc import Iterator
from typing import IO, Any

from tensorcore.checkpoints.checksum import crc32c, mask
from tensorcore.data.texts import as_bytes
from tensorcore.errors import ArgumentTypeError, FileFormatError, InvalidArgumentError

COMPRESSIONS = ("", "GZIP", "ZLIB")
PIECE = 1 << 20  # bytes that are read at once where a length cannot be compared with the file's
REMEDY = "Copy the file again, or write it anew; with compression name it: compression_type='GZIP'"


def compression_of(options: Any) -> str:
    """What `compression_type` or an object with this attribute asks for."""
    kind = getattr(options, "compression_type", options)
    kind = "" if kind is None else str(kind).upper()
    if kind not in COMPRESSIONS:
        raise InvalidArgumentError(
            f"TFRecord: compression_type must be one of {', '.join(map(repr, COMPRESSIONS))}, "
            f"received {kind!r}"
        )
    return kind


class RecordWriter:
    """Writes byte strings into a TFRecord file.

    Args:
        path: the file, which is replaced if it is there.
        options: None, "GZIP", "ZLIB", or an object with such a `compression_type`.

    Example:
        with tf.io.TFRecordWriter("data.tfrecord") as writer:
            writer.write(example.SerializeToString())
    """

    def __init__(self, path: Any, options: Any = None) -> None:
        kind = compression_of(options)
        self._path = os.fspath(path)
        self._file: Any = open(self._path, "wb")  # noqa: SIM115
        if kind == "GZIP":
            self._raw = self._file
            self._file = gzip.GzipFile("", "wb", fileobj=self._raw, mtime=0)
        elif kind == "ZLIB":
            self._file = _ZlibFile(self._file)

    def write(self, record: Any) -> None:
        """Add a record: bytes, or a text tensor of one element."""
        data = as_bytes(record).item() if not isinstance(record, bytes) else record
        if self._file is None:
            raise InvalidArgumentError(f"TFRecordWriter: {self._path} was closed already")
        length = struct.pack("<Q", len(data))
        self._file.write(length + _checksum(length) + data + _checksum(data))

    def flush(self) -> None:
        """Hand what was written to the system."""
        self._file.flush()

    def close(self) -> None:
        """Finish the file; more records are refused."""
        if self._file is None:
            return
        self._file.close()
        raw = getattr(self, "_raw", None)
        if raw is not None:
            raw.close()
        self._file = None

    def __enter__(self) -> RecordWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _ZlibFile:
    """A file that is compressed while it is written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._packer = zlib.compressobj()

    def write(self, data: bytes) -> None:
        self._file.write(self._packer.compress(data))

    def flush(self) -> None:
        self._file.write(self._packer.flush(zlib.Z_SYNC_FLUSH))
        self._file.flush()

    def close(self) -> None:
        self._file.write(self._packer.flush())
        self._file.close()


def _checksum(data: bytes) -> bytes:
    return struct.pack("<I", mask(crc32c(data)))


def read_records(path: Any, compression_type: Any = None) -> Iterator[bytes]:
    """The records of a file; both checksums of each are compared.

    Raises:
        FileFormatError: the file is damaged, cut off, or no TFRecord file.
    """
    kind = compression_of(compression_type)
    name = os.fspath(path)
    with open(name, "rb") as file:
        source: Any = file
        limit: int | None = os.fstat(file.fileno()).st_size
        if kind == "GZIP":
            source, limit = gzip.GzipFile(fileobj=file), None
        elif kind == "ZLIB":
            source, limit = _Unpacked(file), None
        place = 0
        try:
            while (head := source.read(12)) != b"":
                record = _record(source, head, None if limit is None else limit - place)
                place += len(record) + 16
                yield record
        except (_Damage, EOFError, OSError, zlib.error) as error:
            raise FileFormatError(
                f"{name}: corrupted record at {place}: {error}. {REMEDY}"
            ) from None


class _Damage(Exception):
    """What is wrong with a record."""


def _record(source: Any, head: bytes, left: int | None) -> bytes:
    if len(head) < 12:
        raise _Damage("it is cut off")
    if _checksum(head[:8]) != head[8:]:
        raise _Damage("the checksum of its length is wrong")
    length = struct.unpack("<Q", head[:8])[0]
    if left is not None and length + 16 > left:
        raise _Damage(f"it should have {length} bytes, which the file has not got")
    data = _read(source, length)
    if _checksum(data) != source.read(4):
        raise _Damage("the checksum of its bytes is wrong")
    return data


def _read(source: Any, count: int) -> bytes:
    pieces = []
    while count:
        piece = source.read(min(count, PIECE))
        if not piece:
            raise _Damage("it is cut off")
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


class _Unpacked:
    """What lies in a file compressed by zlib, read piece by piece."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._unpacker = zlib.decompressobj()

    def read(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            waiting = self._unpacker.unconsumed_tail or self._file.read(PIECE)
            if not waiting:
                break
            found += self._unpacker.decompress(waiting, count - len(found))
        return found


def names_of_files(filenames: Any) -> list[str]:
    """File names given as one text, several, or paths."""
    if isinstance(filenames, os.PathLike):
        filenames = os.fspath(filenames)
    if isinstance(filenames, (list, tuple)):
        filenames = [os.fspath(n) if isinstance(n, os.PathLike) else n for n in filenames]
    try:
        return [os.fsdecode(name) for name in as_bytes(filenames).ravel()]
    except ArgumentTypeError as error:
        raise ArgumentTypeError(f"expected the names of files: {error}") from None
