"""Data cut into batches: arrays of the host, or anything that yields batches itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tensorcore import random
from tensorcore.device import Device, is_array
from tensorcore.errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from tensorcore.layers.structure import leaves, map_structure
from tensorcore.layers.texts import is_text, numbers_of_texts
from tensorcore.tensor import as_tensor, uneven_rows
from tensorcore.training.py_dataset import Passes, PyDataset


def host(structure: Any) -> Any:
    """Arrays, tensors, tables and lists of numbers as NumPy arrays, in the same nesting."""
    if structure is None:
        return None
    if isinstance(structure, Mapping):
        return {key: host(value) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)) and any(hasattr(part, "shape") for part in structure):
        if all(np.ndim(part) == 0 for part in structure):
            return np.asarray(structure)
        return type(structure)([host(part) for part in structure])
    try:
        return np.asarray(structure)
    except ValueError:
        words = uneven_rows(structure)
        if words is None:
            raise
        raise ShapeError(
            f"the rows of the data have different lengths: {words}. Give all the same length, for "
            "example keras.utils.pad_sequences(rows)"
        ) from None


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


def count_of(batch: Any) -> int:
    """How many batches an element of a pass stands for: see `Rows`."""
    return batch.count if type(batch) is Rows else 1


def rows_of(batch: Any) -> int:
    """Number of samples of a batch as a step gets it."""
    return batch.length if type(batch) is Rows else batch_length(unpack(batch)[0])


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


class ArrayBatches:
    """Batches of arrays that have one row a sample.

    Args:
        x, y, sample_weight: arrays or nested lists or dicts of them; y and sample_weight may be
            None.
        batch_size: rows a batch; the last one may be smaller.
        shuffle: take the rows in a new random order at each pass.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int = 32,
        shuffle: bool = False,
    ) -> None:
        if (
            isinstance(batch_size, bool)
            or not isinstance(batch_size, (int, np.integer))
            or batch_size <= 0
        ):
            raise InvalidArgumentError(
                f"batch_size must be a positive int, received {batch_size!r}"
            )
        self.data = (host(x), host(y), host(sample_weight))
        self.batch_size = int(batch_size)
        self.shuffle = shuffle
        self.samples = _count_samples(self.data)
        self.steps = -(-self.samples // self.batch_size)
        self.several: Any = None  # what runs a step's plan on these arrays, see `Step.at_once`

    def split(
        self, share: float, batch_size: int | None = None
    ) -> tuple[ArrayBatches, ArrayBatches]:
        """The first rows for training, and the last `share` of the rows for validation."""
        if not 0 < share < 1:
            raise InvalidArgumentError(
                f"validation_split must be between 0 and 1, received {share!r}; 0.2 keeps the last "
                "fifth of the rows to validate with"
            )
        border = int(self.samples * (1 - share))
        if border in (0, self.samples):
            raise InvalidArgumentError(
                f"validation_split={share} leaves no samples on one side; there are {self.samples}"
            )
        first = self._part(slice(0, border), self.batch_size, self.shuffle)
        return first, self._part(slice(border, None), batch_size or self.batch_size, False)

    def _part(self, rows: slice, batch_size: int, shuffle: bool) -> ArrayBatches:
        data = [None if d is None else map_structure(lambda a: a[rows], d) for d in self.data]
        return ArrayBatches(*data, batch_size=batch_size, shuffle=shuffle)

    def arrays(self) -> list[np.ndarray]:
        """The arrays whose rows a batch has, in the order of the tensors of a batch."""
        return [array for part in self.data if part is not None for array in leaves(part)]

    def batches(self, place: Placement, at_once: Callable[[], int] | None = None) -> Iterator[Rows]:
        """One pass, in which nothing is gathered before somebody wants it.

        Args:
            place: where the tensors will be.
            at_once: asked before each element how many batches it should stand for; 1 if not given.
        """
        order = None
        if self.shuffle:
            order = random.permutation(self.samples, device="cpu").numpy().astype(np.intp)
        start = 0
        while start < self.samples:
            count = 1 if at_once is None else at_once()
            count = max(1, min(count, (self.samples - start) // self.batch_size))
            stop = min(start + count * self.batch_size, self.samples)
            rows: Any = slice(start, stop) if order is None else order[start:stop]
            yield Rows(self, rows, (stop - start) // count, place, count)
            start = stop


class Rows:
    """A batch of arrays of the host: which rows, gathered when and where they are needed.

    Attributes:
        source: the batches that it comes from, which have one structure and one set of dtypes.
        length: number of rows of a batch.
        count: how many batches of this length it is, one after the other; mostly 1.
    """

    __slots__ = ("_chosen", "_place", "count", "length", "source")

    def __init__(
        self, source: ArrayBatches, chosen: Any, length: int, place: Placement, count: int = 1
    ) -> None:
        self.source = source
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

    def tensors(self) -> Any:
        """The tuple of tensors that a step gets."""
        parts = [_rows(part, self._chosen, self._place) for part in self.source.data]
        return pack(*parts)

    def fill(self, places: Sequence[np.ndarray]) -> None:
        """Write the rows into arrays of the shapes and dtypes that `tensors()` has, in its order:
        nothing is allocated and copied in between.
        """
        chosen = self._chosen
        for array, place in zip(self.source.arrays(), places, strict=True):
            if type(chosen) is slice:
                np.copyto(place, array[chosen], casting="unsafe")
            elif array.dtype == place.dtype:
                # With "raise" NumPy would gather into a buffer first; the rows are in range.
                array.take(chosen, axis=0, out=place, mode="clip")
            else:
                np.copyto(place, array.take(chosen, axis=0), casting="unsafe")


class IterableBatches:
    """Batches from a generator, a list or a data set: x, (x, y) or (x, y, sample_weight) each."""

    def __init__(
        self, source: Iterable[Any], class_weight: Mapping[int, float] | None = None
    ) -> None:
        self.source = source
        self.class_weight = class_weight
        self.is_iterator = hasattr(source, "__next__")
        self.steps = _length(source)

    def keep(self) -> None:
        """Keep what a generator yields in memory, so that there can be more than one pass."""
        if self.is_iterator:
            self.source = _Kept(self.source)
            self.is_iterator = False

    def batches(self, place: Placement, at_once: Callable[[], int] | None = None) -> Iterator[Any]:
        """One pass; an iterator is continued where it stopped.  Each element is one batch."""
        # Data sets give host arrays, which are brought to the device and the dtype in one step.
        elements = getattr(self.source, "host_elements", self.source.__iter__)
        for data in elements():
            if isinstance(data, list) and len(data) in (2, 3) and hasattr(data[0], "shape"):
                data = tuple(data)
            x, y, weight = unpack(data)
            if self.class_weight is not None:
                weight = class_weights(y, self.class_weight, weight)
            parts = [
                None if part is None else map_structure(place, part) for part in (x, y, weight)
            ]
            yield pack(*parts)


class _Kept:
    """What an iterator yields, kept so that there can be more than one pass."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self._found: list[Any] = []

    def __iter__(self) -> Iterator[Any]:
        yield from self._found
        for data in self._source:
            self._found.append(data)
            yield data


def _length(source: Any) -> int | None:
    """How many batches there are, if that is known and finite."""
    if isinstance(source, Passes):
        return source.num_batches
    count = getattr(source, "count", None)
    if hasattr(source, "host_elements") and count is not None:
        return count() if count() >= 0 else None
    return len(source) if hasattr(source, "__len__") else None


Batches = ArrayBatches | IterableBatches


def batches_of(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    shuffle: bool = False,
    class_weight: Mapping[int, float] | None = None,
) -> Batches:
    """Batches of whatever `fit`, `evaluate` and `predict` were given."""
    if x is None:
        raise ArgumentTypeError("x is missing: expected arrays, or an iterable of batches (x, y)")
    if not _is_iterable_of_batches(x):
        return ArrayBatches(x, y, sample_weight, 32 if batch_size is None else batch_size, shuffle)
    if y is not None or sample_weight is not None:
        raise InvalidArgumentError(
            f"x ({type(x).__name__}) yields batches (x, y) itself; y and sample_weight must be "
            "left out"
        )
    return IterableBatches(Passes(x, shuffle) if isinstance(x, PyDataset) else x, class_weight)


def _is_iterable_of_batches(x: Any) -> bool:
    if hasattr(x, "shape") or isinstance(x, (Mapping, str)) or hasattr(x, "iloc"):
        return False
    if isinstance(x, (list, tuple)):
        return bool(x) and all(isinstance(part, tuple) and len(part) in (2, 3) for part in x)
    return hasattr(x, "__iter__")


def _count_samples(data: tuple[Any, Any, Any]) -> int:
    counts: dict[str, int] = {}
    for name, part in zip(("x", "y", "sample_weight"), data, strict=True):
        for number, array in enumerate(leaves(part) if part is not None else ()):
            if not np.ndim(array):
                raise ShapeError(f"{name} must have one row a sample, received a single value")
            counts[name if not number else f"{name}[{number}]"] = len(array)
    if len(set(counts.values())) > 1:
        listing = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise ShapeError(
            f"the arrays must have the same number of samples, but {listing}. Give one label (and "
            "one weight) for each row of x"
        )
    samples = next(iter(counts.values()), 0)
    if not samples:
        raise InvalidArgumentError("there are no samples: x is empty; expected one row or more")
    return samples


def _rows(structure: Any, rows: Any, place: Placement) -> Any:
    if structure is None:
        return None
    if is_array(structure):
        # `take` gathers rows about twice as fast as indexing does.
        return place(structure[rows] if isinstance(rows, slice) else structure.take(rows, axis=0))
    return map_structure(lambda array: _rows(array, rows, place), structure)


def class_weights(y: Any, weights: Mapping[int, float], sample_weight: Any = None) -> np.ndarray:
    """One weight a sample: that of its class (1 if it has none), times the sample's own."""
    if y is None:
        raise InvalidArgumentError("class_weight needs labels, but the data has none")
    labels = np.asarray(y.numpy() if hasattr(y, "numpy") else y)
    if labels.ndim > 1 and labels.shape[-1] > 1:
        labels = labels.argmax(axis=-1)
    labels = labels.reshape(len(labels), -1)[:, 0].astype(np.int64)
    present = np.unique(labels)
    table = np.asarray([weights.get(int(label), 1.0) for label in present], np.float32)
    result = table[np.searchsorted(present, labels)]
    return result if sample_weight is None else result * np.asarray(sample_weight, np.float32)
