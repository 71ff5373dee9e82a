"""A batch as the loops hand it to a step: arrays of the host, brought over when they are needed.

A traced step has the arrays that it reads (`Plan.arguments`), and a batch is written straight into
them: on a GPU by way of page-locked memory, while the step before is computed.  Only a step that
is not traced asks for tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tensorcore.device import CPU, Device, device_of, is_array
from tensorcore.errors import InvalidArgumentError
from tensorcore.graph.chosen_rows import ChosenRows
from tensorcore.layers.structure import leaves, map_structure
from tensorcore.layers.texts import is_text, numbers_of_texts
from tensorcore.tensor import Tensor, as_tensor

NUMBERS = "fiubc"  # kinds of NumPy's dtypes that are written as they are


def unpack(data: Any) -> tuple[Any, Any, Any]:
    """x, y and sample_weight of a batch; what is missing is None."""
    if not isinstance(data, tuple):
        return data, None, None
    if len(data) > 3:
        raise InvalidArgumentError(
            f"a batch must be x, (x, y) or (x, y, sample_weight), received a tuple of {len(data)}"
        )
    return (*data, None, None)[:3]  # type: ignore[return-value]


def pack(x: Any, y: Any, sample_weight: Any) -> Any:
    """The same the other way round: the tuple that `train_step` gets."""
    if sample_weight is not None:
        return x, y, sample_weight
    return (x, y) if y is not None else (x,)


def batch_length(x: Any) -> int:
    """Number of samples of a batch."""
    return int(next(leaves(x)).shape[0])


class Placement:
    """Brings host arrays to a device, floating-point ones in the dtype of the model."""

    def __init__(self, device: Device, dtype: np.dtype, model: Any = None) -> None:
        self.device = device
        self.dtype = dtype
        self.model = model  # whose layers read texts, if there are any

    def __call__(self, value: Any) -> Any:
        if value is None:
            return None
        if self.model is not None and is_text(value):
            value = numbers_of_texts(self.model, value)
        if is_array(value) and value.dtype.kind == "f" and value.dtype != self.dtype:
            value = value.astype(self.dtype)
        tensor = as_tensor(value, device=self.device)
        return tensor if tensor.device is self.device else tensor.to(self.device)

    def of_parts(self, parts: Sequence[Any]) -> Any:
        """x, y and sample_weight as the tuple of tensors that a step gets."""
        return pack(*(None if part is None else map_structure(self, part) for part in parts))


class Handed:
    """A batch, or several of one kind, whose arrays are on the host.

    Attributes:
        kind: structure, shapes and dtypes: batches of one kind can be written to the same places.
        length: number of rows of a batch.
        count: how many batches of this length it is, one after the other; mostly 1.
    """

    __slots__ = ("count", "kind", "length")

    kind: Any
    length: int
    count: int

    def tensors(self) -> Any:
        """The tuple of tensors that a step gets."""
        raise NotImplementedError

    def fill(self, places: Sequence[np.ndarray]) -> None:
        """Write the batch into arrays of the shapes and dtypes that `tensors()` has, in its order:
        nothing is allocated and copied in between.
        """
        raise NotImplementedError

    def inputs(self, plan: Any) -> Any:
        """What `plan.run` takes to run on the batch."""
        return self.fill


class Rows(Handed):
    """A batch of rows of arrays: which ones, gathered when and where they are needed.

    Attributes:
        source: the batches that it comes from, which have one structure and one set of dtypes.
    """

    __slots__ = ("_chosen", "_place", "source")

    def __init__(
        self, source: Any, chosen: Any, length: int, place: Placement, count: int = 1
    ) -> None:
        self.source = source
        self.kind = (source.kind, length)
        self.length = length
        self.count = count
        self._chosen = chosen
        self._place = place

    def numbers(self) -> np.ndarray:
        """The numbers of the rows."""
        if type(self._chosen) is slice:
            return np.arange(self._chosen.start, self._chosen.stop)
        return self._chosen

    def apart(self) -> Iterator[Rows]:
        """The batches that it stands for, each by itself."""
        rows = self.numbers()
        for start in range(0, len(rows), self.length):
            yield Rows(self.source, rows[start : start + self.length], self.length, self._place)

    def parts(self) -> list[Any]:
        """x, y and sample_weight as host arrays."""
        chosen = self._chosen
        return [
            None if part is None else map_structure(lambda array: rows_at(array, chosen), part)
            for part in self.source.data
        ]

    def tensors(self) -> Any:
        return self._place.of_parts(self.parts())

    def inputs(self, plan: Any) -> Any:
        resident = self.source.resident
        arrays = None if resident is None else resident.arrays(plan)
        return self.fill if arrays is None else ChosenRows(arrays, self.numbers())

    def fill(self, places: Sequence[np.ndarray]) -> None:
        chosen = self._chosen
        for array, place in zip(self.source.arrays(), places, strict=True):
            if type(chosen) is not slice and _takes(array) and array.dtype == place.dtype:
                # With "raise" NumPy would gather into a buffer first; the rows are in range.
                array.take(chosen, axis=0, out=place, mode="clip")
            else:
                np.copyto(place, rows_at(array, chosen), casting="unsafe")


def rows_at(array: np.ndarray, chosen: Any) -> np.ndarray:
    """The rows at a slice or at an array of numbers."""
    # `take` gathers rows about twice as fast as indexing does.
    if type(chosen) is slice or not _takes(array):
        return array[chosen]
    return array.take(chosen, axis=0)


def _takes(array: np.ndarray) -> bool:
    """Whether `take` gathers from the array: of one with gaps it would copy the whole first."""
    return array.flags.c_contiguous


class Whole(Handed):
    """A batch in arrays of its own, as generators and data sets give them."""

    __slots__ = ("_arrays", "_parts", "_place")

    def __init__(self, parts: Sequence[Any], place: Placement) -> None:
        self._parts = parts
        self._place = place
        self._arrays: list[np.ndarray] = []
        self.kind = tuple(map(self._kind_of, parts))
        if not self._arrays:
            raise _ElsewhereError
        self.length = len(self._arrays[0])
        self.count = 1

    def _kind_of(self, structure: Any) -> Any:
        """Structure, shapes and dtypes; the arrays go on the list on the way."""
        if structure is None:
            return None
        if isinstance(structure, dict):
            return tuple((key, self._kind_of(value)) for key, value in structure.items())
        if isinstance(structure, (list, tuple)):
            return (type(structure), *map(self._kind_of, structure))
        self._arrays.append(structure)
        return structure.shape, structure.dtype

    def tensors(self) -> Any:
        return self._place.of_parts(self._parts)

    def fill(self, places: Sequence[np.ndarray]) -> None:
        for array, place in zip(self._arrays, places, strict=True):
            np.copyto(place, array, casting="unsafe")


def handed(parts: Sequence[Any], place: Placement) -> Any:
    """x, y and sample_weight as a batch on the host; as tensors if some part is not there."""
    try:
        on_host = [
            None if part is None else map_structure(lambda v: _host_array(v, place), part)
            for part in parts
        ]
        return Whole(on_host, place)
    except _ElsewhereError:
        return place.of_parts(parts)


class _ElsewhereError(Exception):
    """A part of a batch is no array of the host with rows."""


def _host_array(value: Any, place: Placement) -> np.ndarray:
    """The host array of a leaf of a batch, without a copy; texts as numbers."""
    if type(value) is Tensor and value.device is CPU:
        # Arrays are brought to the model's dtype, tensors keep theirs.
        value = None if _is_other_float(value, place) else value.data
    elif place.model is not None and is_text(value):
        value = numbers_of_texts(place.model, value)
    if not is_array(value) or device_of(value) is not CPU:
        raise _ElsewhereError
    if not value.ndim or value.dtype.kind not in NUMBERS:
        raise _ElsewhereError
    return np.asarray(value)


def _is_other_float(value: Any, place: Placement) -> bool:
    return value.dtype.kind == "f" and value.dtype != place.dtype


def kind_of_rows(data: Sequence[Any]) -> Any:
    """What `Handed.kind` says of rows of these arrays: structure, dtypes, and shapes of a row."""

    def kind(structure: Any) -> Any:
        if isinstance(structure, Mapping):
            return tuple((key, kind(value)) for key, value in structure.items())
        if isinstance(structure, (list, tuple)):
            return (type(structure), *map(kind, structure))
        return None if structure is None else (structure.shape[1:], structure.dtype)

    return kind(tuple(data))


def count_of(batch: Any) -> int:
    """How many batches an element of a pass stands for."""
    return batch.count if isinstance(batch, Handed) else 1


def rows_of(batch: Any) -> int:
    """Number of samples of a batch as a step gets it."""
    return batch.length if isinstance(batch, Handed) else batch_length(unpack(batch)[0])


AtOnce = Callable[[], int]
