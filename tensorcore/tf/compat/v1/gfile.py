"""`tf.gfile`: files and folders of this machine."""

from __future__ import annotations

import glob as _glob
import os
import shutil
from collections.abc import Iterator
from typing import Any


def GFile(name: Any, mode: str = "r") -> Any:
    """An open file."""
    return open(name, mode, encoding=None if "b" in mode else "utf-8")


FastGFile = Open = GFile


def Exists(path: Any) -> bool:
    """Whether there is a file or folder."""
    return os.path.exists(path)


def IsDirectory(dirname: Any) -> bool:
    """Whether it is a folder."""
    return os.path.isdir(dirname)


def ListDirectory(dirname: Any) -> list[str]:
    """The names in a folder."""
    return os.listdir(dirname)


def Glob(filename: Any) -> list[str]:
    """The paths that fit a pattern, sorted."""
    return sorted(_glob.glob(os.fspath(filename)))


def MakeDirs(dirname: Any) -> None:
    """Make a folder and those above it."""
    os.makedirs(dirname, exist_ok=True)


MkDir = MakeDirs


def Remove(filename: Any) -> None:
    """Delete a file."""
    os.remove(filename)


def DeleteRecursively(dirname: Any) -> None:
    """Delete a folder and all in it."""
    shutil.rmtree(dirname)


def Copy(oldpath: Any, newpath: Any, overwrite: bool = False) -> None:
    """Copy a file."""
    if os.path.exists(newpath) and not overwrite:
        raise FileExistsError(f"{newpath} exists; overwrite=True replaces it")
    shutil.copy(oldpath, newpath)


def Rename(oldname: Any, newname: Any, overwrite: bool = False) -> None:
    """Give a file another name."""
    if os.path.exists(newname) and not overwrite:
        raise FileExistsError(f"{newname} exists; overwrite=True replaces it")
    os.replace(oldname, newname)


def Walk(top: Any, in_order: bool = True) -> Iterator[tuple[str, list[str], list[str]]]:
    """(folder, folders in it, files in it), from the top."""
    return os.walk(top, topdown=in_order)
