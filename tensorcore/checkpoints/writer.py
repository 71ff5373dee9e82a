"""Writing TensorFlow's checkpoints, so that at every moment a whole one lies on the disk."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from tensorcore.checkpoints import wire
from tensorcore.checkpoints.checksum import crc32c, mask
from tensorcore.checkpoints.entry import NUMBERS, Entry
from tensorcore.checkpoints.reader import CheckpointReader, data_files
from tensorcore.checkpoints.sstable import write_table
from tensorcore.errors import CheckpointError, DTypeError, InvalidArgumentError


def write_checkpoint(prefix: str | os.PathLike[str], tensors: Mapping[str, Any]) -> str:
    """Write named arrays as a checkpoint that TensorFlow reads, too; returns the prefix.

    A checkpoint of the same prefix is replaced in one step, the renaming of the index.  The new
    data lies under another file name by then: TensorFlow numbers the data files "k of n", and n
    alternates between 1 and 2, of which the first holds everything.

    Args:
        prefix: the path without `.index`; its folder is made if it is missing.
        tensors: name -> array of numbers or booleans.
    """
    prefix = os.fspath(prefix)
    if not os.path.basename(prefix):
        raise InvalidArgumentError(
            f"a checkpoint needs a file name, such as model.ckpt, received the folder {prefix!r}"
        )
    os.makedirs(os.path.dirname(prefix) or ".", exist_ok=True)
    shards = _free_number_of_shards(prefix)
    data_path = f"{prefix}.data-00000-of-{shards:05d}"
    rows = [(b"", _header(shards))]
    with Replacement(data_path) as data:
        for name in sorted(tensors, key=str.encode):
            rows.append((name.encode(), _write_tensor(data, name, tensors[name]).encode()))
    with Replacement(prefix + ".index") as index:
        index.write(write_table(rows))
    for path in data_files(prefix):
        if path != data_path:
            os.remove(path)
    return prefix


def _free_number_of_shards(prefix: str) -> int:
    """How many data files the new index shall claim, so that their names are not in use."""
    try:
        return 2 if CheckpointReader(prefix).shards == 1 else 1
    except CheckpointError:
        return 1


def _header(shards: int) -> bytes:
    return wire.put_number(1, shards) + wire.put_bytes(3, wire.put_number(1, 1))


def _write_tensor(data: BinaryIO, name: str, value: Any) -> Entry:
    array = np.asarray(value)
    if array.dtype not in NUMBERS:
        raise DTypeError(f"{name!r}: a checkpoint cannot hold dtype {array.dtype}")
    if not name or "\0" in name:
        raise InvalidArgumentError(f"{name!r} cannot be the name of a tensor in a checkpoint")
    raw = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    offset = data.tell()
    data.write(raw.data)
    return Entry(array.dtype, array.shape, 0, offset, raw.size, mask(crc32c(raw)))


class Replacement:
    """A file that takes the place of `path` when it is complete, and is on the disk by then."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._temporary = path + ".tmp"  # one name, so that killed writers leave no heap of files
        self._file = open(self._temporary, "wb")  # noqa: SIM115

    def __enter__(self) -> BinaryIO:
        return self._file

    def __exit__(self, kind: Any, *rest: object) -> None:
        try:
            if kind is None:
                self._file.flush()
                os.fsync(self._file.fileno())
        finally:
            self._file.close()
        if kind is None:
            os.replace(self._temporary, self._path)
            _sync_folder(os.path.dirname(self._path) or ".")
        else:
            with contextlib.suppress(OSError):
                os.remove(self._temporary)


def _sync_folder(folder: str) -> None:
    """Let the renaming reach the disk, where the system can be asked to."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
