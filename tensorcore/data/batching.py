"""Steps between elements and groups of them: batch, padded_batch, unbatch, window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tensorcore.data.dataset import Dataset
from tensorcore.data.iterating import Generated, Run, Steps, rows_of
from tensorcore.data.sources import TensorSlices
from tensorcore.data.spec import TensorSpec
from tensorcore.data.values import host, leaves_of, map_leaves, stacked
from tensorcore.errors import InvalidArgumentError, ShapeError


def whole_number(function: str, argument: str, value: Any) -> int:
    """A size given by the user, which must be 1 or more."""
    if isinstance(value, bool) or int(value) < 1:
        raise InvalidArgumentError(
            f"{function}: {argument} must be greater than zero, received {value!r}"
        )
    return int(value)


class Batch(Dataset):
    """`batch_size` elements at a time, stacked."""

    shown = "_BatchDataset"

    def __init__(self, source: Dataset, batch_size: Any, drop_remainder: bool) -> None:
        self.sources = [source]
        self.batch_size = whole_number("batch", "batch_size", batch_size)
        self.only_groups = self.batch_size
        self.drop_remainder = drop_remainder

    def steps(self, run: Run) -> Steps:
        return _BatchSteps(self.sources[0].steps(run), self.batch_size, self.drop_remainder)

    def make_spec(self) -> Any:
        size = self.batch_size if self.drop_remainder else None
        return map_leaves(lambda spec: with_rows(spec, size), self.sources[0].element_spec)

    def count(self) -> int:
        return batches_in(self.sources[0].count(), self.batch_size, self.drop_remainder)


def with_rows(spec: TensorSpec, size: int | None) -> TensorSpec:
    """The spec with a first dimension put before the others."""
    return TensorSpec(None if spec.shape is None else (size, *spec.shape), spec.dtype)


def batches_in(count: int, batch_size: int, drop_remainder: bool) -> int:
    """Number of batches; unknown and infinite counts stay as they are."""
    if count < 0:
        return count
    return count // batch_size if drop_remainder else -(-count // batch_size)


class _BatchSteps(Steps):
    def __init__(self, steps: Steps, size: int, drop_remainder: bool) -> None:
        self._steps = steps
        self._size = size
        self._drop_remainder = drop_remainder

    def __next__(self) -> Any:
        rows, number = self._steps.block(self._size)
        if not number or (number < self._size and self._drop_remainder):
            raise StopIteration
        return rows

    def skip(self, count: int) -> int:
        done = self._steps.skip(count * self._size)
        return batches_in(done, self._size, self._drop_remainder)

    def close(self) -> None:
        self._steps.close()


class PaddedBatch(Dataset):
    """Elements of different sizes stacked, the smaller ones filled up."""

    shown = "_PaddedBatchDataset"

    def __init__(
        self,
        source: Dataset,
        batch_size: Any,
        padded_shapes: Any,
        padding_values: Any,
        drop_remainder: bool,
    ) -> None:
        self.sources = [source]
        self.batch_size = whole_number("padded_batch", "batch_size", batch_size)
        self.padded_shapes = padded_shapes
        self.padding_values = padding_values
        self.drop_remainder = drop_remainder

    def steps(self, run: Run) -> Steps:
        return Generated(self._batches(self.sources[0].steps(run)))

    def _batches(self, steps: Steps) -> Iterator[Any]:
        while True:
            elements = [element for _, element in zip(range(self.batch_size), steps)]
            if not elements or (len(elements) < self.batch_size and self.drop_remainder):
                return
            yield self._padded(elements)

    def _padded(self, elements: list[Any]) -> Any:
        first = elements[0]
        columns = list(zip(*(list(leaves_of(element)) for element in elements), strict=True))
        shapes = _spread(self.padded_shapes, first)
        values = _spread(self.padding_values, first)
        made = iter(
            _pad_column(column, shape, value)
            for column, shape, value in zip(columns, shapes, values, strict=True)
        )
        return map_leaves(lambda _: next(made), first)

    def make_spec(self) -> Any:
        spec = self.sources[0].element_spec
        size = self.batch_size if self.drop_remainder else None
        shapes = iter(_spread(self.padded_shapes, spec))

        def padded(part: TensorSpec) -> TensorSpec:
            shape = next(shapes)
            sizes = part.shape if shape is None else tuple(None if n == -1 else n for n in shape)
            return with_rows(TensorSpec(sizes, part.dtype), size)

        return map_leaves(padded, spec)

    def count(self) -> int:
        return batches_in(self.sources[0].count(), self.batch_size, self.drop_remainder)


def _spread(given: Any, structure: Any) -> list[Any]:
    """One shape or value for each leaf: those of the same structure, or one for all."""
    count = len(list(leaves_of(structure)))
    if given is None:
        return [None] * count
    if isinstance(given, (tuple, dict)) and isinstance(structure, (tuple, dict)):
        parts = list(given.values()) if isinstance(given, dict) else list(given)
        if len(parts) == count:
            return parts
    return [given] * count


def _pad_column(arrays: Any, shape: Any, value: Any) -> np.ndarray:
    largest = [max(sizes) for sizes in zip(*(array.shape for array in arrays), strict=True)]
    for axis, size in enumerate(() if shape is None else shape):
        if size not in (None, -1):
            if largest[axis] > size:
                raise ShapeError(
                    f"padded_batch: attempted to pad to a smaller size than the input element: "
                    f"axis {axis} has {largest[axis]}, padded_shapes says {size}"
                )
            largest[axis] = size
    if value is None:
        value = b"" if arrays[0].dtype.kind == "O" else 0
    result = np.full((len(arrays), *largest), host(value) if value != b"" else b"", arrays[0].dtype)
    for row, array in enumerate(arrays):
        place: Any = (row, *(slice(0, n) for n in array.shape))
        result[place] = array
    return result


class Unbatch(Dataset):
    """The rows of the elements, one by one."""

    shown = "_UnbatchDataset"

    def __init__(self, source: Dataset) -> None:
        self.sources = [source]

    def steps(self, run: Run) -> Steps:
        batches = self.sources[0].steps(run)
        return Generated(row for batch in batches for row in rows_of(batch))

    def make_spec(self) -> Any:
        def rows(spec: TensorSpec) -> TensorSpec:
            return TensorSpec(None if spec.shape is None else spec.shape[1:], spec.dtype)

        return map_leaves(rows, self.sources[0].element_spec)

    def count(self) -> int:
        source = self.sources[0]
        sizes = {spec.shape and spec.shape[0] for spec in leaves_of(source.element_spec)}
        size, count = sizes.pop(), source.count()
        return count * size if count >= 0 and size and not sizes else -2


class Window(Dataset):
    """Data sets of `size` neighbouring elements each."""

    shown = "_WindowDataset"

    def __init__(
        self, source: Dataset, size: Any, shift: Any, stride: Any, drop_remainder: bool
    ) -> None:
        self.sources = [source]
        self.size = whole_number("window", "size", size)
        self.shift = self.size if shift is None else whole_number("window", "shift", shift)
        self.stride = whole_number("window", "stride", stride)
        self.drop_remainder = drop_remainder

    def steps(self, run: Run) -> Steps:
        return Generated(self._windows(self.sources[0].steps(run)))

    def _windows(self, steps: Steps) -> Iterator[Any]:
        reach = (self.size - 1) * self.stride + 1
        ahead: list[Any] = []
        to_skip = 0
        while True:
            to_skip -= steps.skip(to_skip)
            ahead.extend(element for _, element in zip(range(reach - len(ahead)), steps))
            window = ahead[: reach : self.stride]
            if not window or (len(window) < self.size and self.drop_remainder):
                return
            yield map_leaves(TensorSlices, stacked(window))
            to_skip = max(0, self.shift - len(ahead))
            ahead = ahead[self.shift :]

    def make_spec(self) -> Any:
        return map_leaves(_WindowSpec, self.sources[0].element_spec)

    def count(self) -> int:
        count = self.sources[0].count()
        if count < 0:
            return count
        if not self.drop_remainder:
            return -(-count // self.shift)
        reach = (self.size - 1) * self.stride + 1
        return max(0, (count - reach) // self.shift + 1)


class _WindowSpec:
    """The spec of a data set that is an element."""

    def __init__(self, element_spec: Any) -> None:
        self.element_spec = element_spec

    def __repr__(self) -> str:
        return f"DatasetSpec({self.element_spec}, TensorShape([]))"
