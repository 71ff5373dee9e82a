"""Files that are there as a whole or not at all, whenever the program is killed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A binary file to write to, which takes the place of `path` when all is written.

    Until then it lies beside it under another name; on an error it is removed, and what was at
    `path` stays.  The bytes are on the disk before the name is given away, and the name after it.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # One name for each process: killed writers leave no heap of files.
    name = target.parent / f".{target.name}.{os.getpid()}.part"
    try:
        with open(name, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, _permissions(target))
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    _sync_folder(target.parent)


def _permissions(target: Path) -> int:
    """Those of the file that is replaced, else what the user's umask leaves."""
    try:
        return target.stat().st_mode & 0o777
    except OSError:
        umask = os.umask(0)
        os.umask(umask)
        return 0o666 & ~umask


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # folders cannot be opened there; the rename is enough
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
