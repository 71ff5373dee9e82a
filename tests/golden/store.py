"""The file of numbers: for each case named arrays, all as one flat float32 array and an index."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

PATH = Path(__file__).with_name("numbers.npz")

Numbers = dict[str, np.ndarray]


def save(cases: dict[str, Numbers]) -> None:
    """Write the numbers of all cases."""
    index = {
        name: {key: value.shape for key, value in arrays.items()} for name, arrays in cases.items()
    }
    flat = {
        name: np.concatenate([np.ravel(value) for value in arrays.values()]).astype(np.float32)
        for name, arrays in cases.items()
    }
    text = np.frombuffer(json.dumps(index).encode(), np.uint8)
    np.savez_compressed(PATH, index=text, **flat)


class Store:
    """The numbers, read when asked for."""

    def __init__(self) -> None:
        self._file: Any = None
        self._index: dict[str, Any] = {}

    def _open(self) -> None:
        if self._file is None:
            self._file = np.load(PATH)
            self._index = json.loads(self._file["index"].tobytes())

    def all(self) -> dict[str, Numbers]:
        """The numbers of all cases."""
        self._open()
        return {name: self[name] for name in self._index}

    def __getitem__(self, name: str) -> Numbers:
        self._open()
        flat = self._file[name]
        found: Numbers = {}
        start = 0
        for key, shape in self._index[name].items():
            size = int(np.prod(shape))
            found[key] = flat[start : start + size].reshape(shape)
            start += size
        return found


store = Store()
