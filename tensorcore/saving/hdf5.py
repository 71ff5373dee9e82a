"""HDF5 files with arrays in them: written plainly, read with suspicion.

A file may hold links into other files, declare arrays larger than any memory, or name filters that
load code.  Here a path is followed one hard link after the other, and an array is read only when
its shape is the one that the model expects.
"""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Mapping, Sequence
from typing import IO, Any

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import FileFormatError
from tensorcore.saving.refusals import damaged, hostile, of_another_model

MAX_ATTRIBUTE_BYTES = 64 * 2**20


def write_arrays(
    target: IO[bytes], groups: Mapping[str, tuple[str | None, Sequence[np.ndarray]]]
) -> None:
    """Write arrays as Keras 3 does: those of a part under `<path>/vars/<number>`.

    Args:
        target: a binary file.
        groups: path -> (name of the part or None, its arrays).
    """
    import h5py

    with h5py.File(target, "w") as file:
        for path, (name, arrays) in groups.items():
            group = file.create_group(f"{path}/vars" if path else "vars")
            if name is not None:
                group.attrs["name"] = name
            for number, array in enumerate(arrays):
                data = group.create_dataset(str(number), data=_storable(array))
                if array.dtype == dtypes.bfloat16:
                    data.attrs["dtype"] = "bfloat16"


def _storable(array: np.ndarray) -> np.ndarray:
    return array.view("V2") if array.dtype == dtypes.bfloat16 else array


# What h5py raises when a file is damaged.
_DAMAGE = (OSError, RuntimeError, ValueError, TypeError, KeyError, OverflowError, MemoryError)


def _guarded(method: Any) -> Any:
    """A method in which whatever h5py makes of a damaged file becomes one clear error."""

    @functools.wraps(method)
    def guarded(self: Reader, path: str, *args: Any) -> Any:
        try:
            return method(self, path, *args)
        except FileFormatError:
            raise
        except _DAMAGE as error:
            raise damaged(f'{self.what}: "{path}" cannot be read: {error}') from None

    return guarded


class Reader:
    """Arrays of an HDF5 file, by path.

    Args:
        source: the file's bytes, or a binary file.
        what: its name, for messages.
    """

    def __init__(self, source: bytes | IO[bytes], what: str) -> None:
        import h5py

        self.what = what
        try:
            self._file = h5py.File(io.BytesIO(source) if isinstance(source, bytes) else source, "r")
        except _DAMAGE as error:
            raise damaged(f"{what} cannot be read as HDF5: {error}") from None

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    @_guarded
    def has(self, path: str) -> bool:
        """Whether there is a group or array at the path."""
        return self._find(path) is not None

    @_guarded
    def count(self, path: str) -> int:
        """How many things are in a group; 0 if there is no such group."""
        import h5py

        found = self._find(path)
        return len(found) if isinstance(found, h5py.Group) else 0

    @_guarded
    def array(self, path: str, shape: tuple[int, ...]) -> np.ndarray:
        """The array at the path, which must have this shape.

        Raises:
            FileFormatError: it is not there, has another shape, or is not a plain array.
        """
        import h5py

        found = self._find(path)
        if not isinstance(found, h5py.Dataset):
            raise of_another_model(f'{self.what} has no array "{path}"; expected shape {shape}')
        self._check_dataset(path, found)
        if tuple(found.shape) != tuple(shape):
            raise of_another_model(
                f'{self.what}: the array "{path}" has shape {tuple(found.shape)}; the model '
                f"expects {tuple(shape)}"
            )
        values = np.asarray(found[()])
        if self._attribute(found, "dtype") == "bfloat16" and values.dtype.itemsize == 2:
            return values.view(dtypes.bfloat16)
        return values

    @_guarded
    def attribute(self, path: str, name: str) -> Any:
        """An attribute of the group at the path: a text, or a list of texts; None if missing."""
        found = self._find(path) if path else self._file
        return None if found is None else self._attribute(found, name)

    def _attribute(self, thing: Any, name: str) -> Any:
        if name not in thing.attrs:
            return None
        attribute = thing.attrs.get_id(name)
        if math.prod(attribute.shape) * attribute.dtype.itemsize > MAX_ATTRIBUTE_BYTES:
            raise hostile(
                f'{self.what}: the attribute "{name}" is larger than {MAX_ATTRIBUTE_BYTES} bytes'
            )
        value = thing.attrs[name]
        if isinstance(value, np.ndarray):
            return [_text(part) for part in value.tolist()]
        return _text(value)

    def _find(self, path: str) -> Any:
        import h5py

        place: Any = self._file
        for part in path.split("/") if path else ():
            if not isinstance(place, h5py.Group):
                return None
            link = place.get(part, getlink=True)
            if link is None:
                return None
            if not isinstance(link, h5py.HardLink):
                raise hostile(
                    f'{self.what}: "{path}" is a link to another place or file, which is never '
                    "followed"
                )
            place = place[part]
        return place

    def _check_dataset(self, path: str, data: Any) -> None:
        properties = data.id.get_create_plist()
        filters = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
        problem = None
        if data.is_virtual or properties.get_external_count():
            problem = "its values lie in other files"
        elif data.dtype.kind not in "fiubV" or (data.dtype.kind == "V" and data.dtype.itemsize > 2):
            problem = f"it holds {data.dtype}, not numbers"
        elif any(number not in _FILTER_NUMBERS for number in filters):
            problem = "it needs a filter other than gzip, shuffle and fletcher32"
        if problem is not None:
            raise hostile(f'{self.what}: the array "{path}" is never read, since {problem}')


_FILTER_NUMBERS = (1, 2, 3)  # deflate, shuffle, fletcher32


def _text(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
