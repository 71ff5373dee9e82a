"""The folders that keep compiled kernels and data sets."""

from __future__ import annotations

import os
import pathlib

from tensorcore.doctor.finding import DEGRADED, Finding


def writable(folder: pathlib.Path) -> bool:
    """Whether files can be made in the folder, or the folder itself where it is missing."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK)


def check() -> list[Finding]:
    """Where compiled kernels and data sets are kept, and whether that works."""
    from tensorcore.datasets import store
    from tensorcore.kernels import cache_folders
    from tensorcore.kernels.cpu import jit

    kernels = jit.cache_folder()
    if kernels is None:
        first = Finding(
            "kernel cache",
            "no folder can be written to, so every start compiles anew",
            DEGRADED,
            "set TENSORCORE_CACHE_DIR to a folder that can be written to",
        )
    elif cache_folders.is_temporary(kernels):
        first = Finding(
            "kernel cache",
            f"{kernels}, which is lost with temporary files: the user's cache cannot be written to",
            DEGRADED,
            "set TENSORCORE_CACHE_DIR to a folder that can be written to and stays",
        )
    else:
        first = Finding("kernel cache", str(kernels))
    data = store.data_dir()
    if data is not None:
        return [first, Finding("data sets", f"{data} (TENSORCORE_DATA_DIR)")]
    data = pathlib.Path(store.cache_dir())
    if writable(data):
        return [first, Finding("data sets", str(data))]
    return [
        first,
        Finding(
            "data sets",
            f"{data} cannot be written to, so nothing can be downloaded",
            DEGRADED,
            "set TENSORCORE_DATA_DIR to a folder with the data sets",
        ),
    ]
