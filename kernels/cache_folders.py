"""Where compiled kernels are kept: the user's cache, or beside temporary files."""

from __future__ import annotations

import functools
import os
import pathlib
import stat
import tempfile


@functools.cache
def folder(part: str) -> pathlib.Path | None:
    """The folder of the machine code for `part` ("cpu" or "cuda"); None: nothing can be kept.

    It lies in TENSORCORE_CACHE_DIR, else in the user's cache, or beside temporary files if that
    cannot be written.
    """
    chosen = os.environ.get("TENSORCORE_CACHE_DIR")
    if chosen is not None:
        return writable(pathlib.Path(chosen, part))
    import platformdirs

    usual = platformdirs.user_cache_dir("tensorcore", appauthor=False)
    return writable(pathlib.Path(usual, part)) or _temporary_folder(part)


def writable(folder: pathlib.Path) -> pathlib.Path | None:
    """The folder, which is made if need be; None if files cannot be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return None


def is_temporary(folder: pathlib.Path) -> bool:
    """Whether a folder of machine code is lost with temporary files."""
    return folder.parent == _temporary_base()


def _temporary_base() -> pathlib.Path | None:
    if not hasattr(os, "getuid"):
        return None
    return pathlib.Path(tempfile.gettempdir(), f"tensorcore-{os.getuid()}")


def _temporary_folder(part: str) -> pathlib.Path | None:
    """A folder that only this user can write to, since what lies there is run."""
    base = _temporary_base()
    if base is None:
        return None
    try:
        base.mkdir(mode=0o700, exist_ok=True)
        found = base.lstat()
    except OSError:
        return None
    others_may_write = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    is_own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return writable(base / part) if is_own and not others_may_write else None


def settings_of_cupy() -> dict[str, str]:
    """What is put into the environment before CuPy is imported, so that its kernels are kept.

    CuPy keeps them under HOME, and fails where that cannot be written.  What the user has set
    stays.
    """
    if "CUPY_CACHE_DIR" in os.environ:
        return {}
    usual = pathlib.Path(os.path.expanduser("~"), ".cupy", "kernel_cache")
    if "TENSORCORE_CACHE_DIR" not in os.environ and writable(usual):
        return {}
    other = folder("cuda")
    return {"CUPY_CACHE_IN_MEMORY": "1"} if other is None else {"CUPY_CACHE_DIR": str(other)}
