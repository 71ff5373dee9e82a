"""Data cut into batches: arrays of the host, or anything that yields batches itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from tensorcore import random
from tensorcore.device import CPU
from tensorcore.errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from tensorcore.layers.structure import leaves, map_structure
from tensorcore.layers.texts import is_text
from tensorcore.tensor import Tensor, uneven_rows
from tensorcore.training.handed import (
    AtOnce,
    Placement,
    Rows,
    handed,
    kind_of_rows,
    unpack,
)
from tensorcore.training.py_dataset import Passes, PyDataset


def host(structure: Any, elsewhere: dict[int, Any] | None = None) -> Any:
    """Arrays, tensors, tables and lists of numbers as NumPy arrays, in the same nesting.

    In `elsewhere` the arrays of a GPU are kept of which they are copies, by their ids.
    """
    if structure is None:
        return None
    if isinstance(structure, Mapping):
        return {key: host(value, elsewhere) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)) and any(hasattr(part, "shape") for part in structure):
        if all(np.ndim(part) == 0 for part in structure):
            return np.asarray(structure)
        return type(structure)([host(part, elsewhere) for part in structure])
    try:
        array = np.asarray(structure)
    except ValueError:
        words = uneven_rows(structure)
        if words is None:
            raise
        raise ShapeError(
            f"the rows of the data have different lengths: {words}. Give all the same length, for "
            "example keras.utils.pad_sequences(rows)"
        ) from None
    if elsewhere is not None and type(structure) is Tensor and structure.device is not CPU:
        elsewhere[id(array)] = structure.data
    return array


class RowBatches:
    """Batches that are rows of arrays: `Rows` of them are what a pass yields.

    Attributes:
        data: x, y and sample_weight, of which y and sample_weight may be None.
        batch_size: rows a batch; the last one may be smaller.
        several: what runs a step's plan on these arrays, see `Step.at_once`.
        resident: the arrays on a GPU, while `resident.staying` lets them be there.
        elsewhere: id of an array -> the array of a GPU of which it is a copy.
    """

    data: tuple[Any, Any, Any]
    batch_size: int
    several: Any = None
    resident: Any = None
    elsewhere: Mapping[int, Any] = MappingProxyType({})

    def arrays(self) -> list[np.ndarray]:
        """The arrays whose rows a batch has, in the order of the tensors of a batch."""
        return [array for part in self.data if part is not None for array in leaves(part)]

    @cached_property
    def kind(self) -> Any:
        """Structure, dtypes and shapes of a row."""
        return kind_of_rows(self.data)


class ArrayBatches(RowBatches):
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
        elsewhere: dict[int, Any] = {}
        self.elsewhere = elsewhere
        self.data = (host(x, elsewhere), host(y, elsewhere), host(sample_weight, elsewhere))
        self.batch_size = int(batch_size)
        self.shuffle = shuffle
        self.samples = _count_samples(self.data)
        self.steps = -(-self.samples // self.batch_size)
        self._has_texts = any(map(is_text, self.arrays()))

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
        part = ArrayBatches(*data, batch_size=batch_size, shuffle=shuffle)
        for whole, some in zip(self.arrays(), part.arrays(), strict=True):
            if id(whole) in self.elsewhere:
                part.elsewhere = {**part.elsewhere, id(some): self.elsewhere[id(whole)][rows]}
        return part

    def batches(self, place: Placement, at_once: AtOnce | None = None) -> Iterator[Any]:
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
            chosen: Any = slice(start, stop) if order is None else order[start:stop]
            rows = Rows(self, chosen, (stop - start) // count, place, count)
            yield handed(rows.parts(), place) if self._has_texts else rows
            start = stop


class DatasetBatches(RowBatches):
    """Batches of a data set that does nothing but choose and order rows of arrays.

    They are gathered as those of arrays are, and as many at a time; only the order is the data
    set's.

    Args:
        dataset: the data set.
        rows: what `dataset.batches_of_rows()` has said.
        class_weight: class -> weight of its samples.
    """

    def __init__(
        self, dataset: Any, rows: Any, class_weight: Mapping[int, float] | None = None
    ) -> None:
        x, y, weight = unpack(rows.arrays)
        if class_weight is not None:
            weight = class_weights(y, class_weight, weight)
        self.data = (x, y, weight)
        self.batch_size = rows.batch_size
        self.steps = _length(dataset)
        self._rows = rows

    def batches(self, place: Placement, at_once: AtOnce | None = None) -> Iterator[Rows]:
        """One pass; see `ArrayBatches.batches`."""
        following: np.ndarray | None
        numbers = iter(self._rows)
        following = next(numbers, None)
        while following is not None:
            together = [following]
            count = 1 if at_once is None else at_once()
            following = None
            while len(together) < count:
                following = next(numbers, None)
                if following is None or len(following) != len(together[0]):
                    break
                together.append(following)
                following = None
            chosen = together[0] if len(together) == 1 else np.concatenate(together)
            yield Rows(self, chosen, len(together[0]), place, len(together))
            if following is None:
                following = next(numbers, None)


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

    def batches(self, place: Placement, at_once: AtOnce | None = None) -> Iterator[Any]:
        """One pass; an iterator is continued where it stopped.  Each element is one batch."""
        # Data sets give host arrays, which are brought to the device and the dtype in one step.
        elements = getattr(self.source, "host_elements", self.source.__iter__)
        for data in elements():
            if isinstance(data, list) and len(data) in (2, 3) and hasattr(data[0], "shape"):
                data = tuple(data)
            x, y, weight = unpack(data)
            if self.class_weight is not None:
                weight = class_weights(y, self.class_weight, weight)
            yield handed((x, y, weight), place)


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


Batches = ArrayBatches | DatasetBatches | IterableBatches


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
    rows = x.batches_of_rows() if hasattr(x, "batches_of_rows") else None
    if rows is not None:
        return DatasetBatches(x, rows, class_weight)
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
