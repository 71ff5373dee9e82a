"""Arrays of lists in `.npz` files, which NumPy stores as pickles, read without running anything.

`numpy.load(allow_pickle=True)` would call whatever a file names.  Here the unpickler knows the few
names that an array of lists of numbers needs, and refuses all others.
"""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from tensorcore.datasets import store

# What NumPy 1 and 2 name in the pickle of an array of Python lists.
_KNOWN = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): np._core.multiarray._reconstruct,  # type: ignore[attr-defined]
    ("numpy._core.multiarray", "_reconstruct"): np._core.multiarray._reconstruct,  # type: ignore[attr-defined]
}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):
            return _encode
        try:
            return _KNOWN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None


def _encode(text: Any, encoding: str = "latin1") -> bytes:
    return str(text).encode("latin1")


def read_npz(path: Path, names: tuple[str, ...]) -> list[np.ndarray]:
    """Members of an `.npz` file: plain arrays, or arrays of lists of numbers.

    Raises:
        DatasetCorrupted: the file is damaged, lacks a member, or is not what it should be.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return [_member(archive, f"{name}.npy") for name in names]
    except KeyError as error:
        raise store.corrupted(path, str(error.args[0])) from error
    except (
        zipfile.BadZipFile,
        pickle.UnpicklingError,
        ValueError,
        EOFError,
        TypeError,
        AttributeError,
        IndexError,
        UnicodeDecodeError,
    ) as error:
        raise store.corrupted(path, str(error)) from error


def _member(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(name) as file:
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        _, _, dtype = read_header(file)
        if dtype.hasobject:
            array = _PlainUnpickler(file, encoding="latin1").load()
            if not isinstance(array, np.ndarray) or array.ndim != 1:
                raise ValueError(f"{name} is not a list of lists")
            return array
    with archive.open(name) as file:
        return np.lib.format.read_array(file, allow_pickle=False)
