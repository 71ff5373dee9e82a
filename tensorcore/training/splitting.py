"""Data sets cut in two, and windows of time series."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore.data import Dataset
from tensorcore.errors import InvalidArgumentError
from tensorcore.layers.structure import leaves, map_structure


def split_dataset(
    dataset: Any,
    left_size: float | int | None = None,
    right_size: float | int | None = None,
    shuffle: bool = False,
    seed: int | None = None,
) -> tuple[Dataset, Dataset]:
    """A data set cut in two.

    Args:
        dataset: a Dataset of samples, an array, or a tuple of arrays.
        left_size, right_size: sizes of the parts, as shares or as numbers of samples; one may be
            left out.
        shuffle: put the samples in random order first.
        seed: of that order.

    >>> left, right = split_dataset(np.arange(10), left_size=0.8)
    >>> len(list(left)), len(list(right))
    (8, 2)
    """
    if isinstance(dataset, Dataset):
        rows = list(dataset.as_numpy_iterator())
        first = rows[0] if rows else ()
        several = isinstance(first, tuple)
        columns = zip(*rows, strict=True) if several else [rows]
        arrays = tuple(np.stack([np.asarray(value) for value in column]) for column in columns)
        arrays = arrays if several else arrays[0]
    else:
        arrays = map_structure(np.asarray, dataset)
    count = len(next(iter(leaves(arrays))))
    left, right = _sizes(count, left_size, right_size)
    order = np.arange(count)
    if shuffle:
        np.random.default_rng(seed).shuffle(order)
    parts = (order[:left], order[count - right :] if right else order[:0])
    return tuple(
        Dataset.from_tensor_slices(map_structure(lambda a, rows=rows: a[rows], arrays))
        for rows in parts
    )  # type: ignore[return-value]


def _sizes(count: int, left: Any, right: Any) -> tuple[int, int]:
    if left is None and right is None:
        raise InvalidArgumentError("split_dataset: expected left_size or right_size")

    def number(name: str, size: Any) -> int | None:
        if size is None:
            return None
        good = 0 < size < 1 if isinstance(size, float) else 0 <= size <= count
        if not good:
            raise InvalidArgumentError(
                f"split_dataset: {name} must be a share between 0 and 1 or a number of samples up "
                f"to {count}, received {size!r}"
            )
        return round(size * count) if isinstance(size, float) else int(size)

    first, second = number("left_size", left), number("right_size", right)
    first = count - second if first is None and second is not None else first
    second = count - first if second is None and first is not None else second
    if first is None or second is None or first + second > count:
        raise InvalidArgumentError(
            f"split_dataset: left_size and right_size are more than the {count} samples together"
        )
    return first, second


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
) -> Dataset:
    """Windows of a time series.

    Args:
        data: values, the first dimension is time.
        targets: targets[i] belongs to the window that starts at i; None for none.
        sequence_length: steps a window.
        sequence_stride: steps between the starts of windows.
        sampling_rate: take every so manieth step within a window.
        batch_size: windows a batch; None for single windows.
        shuffle: windows in random order.
        seed: of that order.
        start_index, end_index: look at this part of the data only.

    Returns:
        A Dataset of windows (batch, sequence_length, ...), or of pairs of windows and targets.

    >>> windows = timeseries_dataset_from_array(np.arange(6), None, sequence_length=3)
    >>> next(iter(windows)).tolist()
    [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]]
    """
    data = np.asarray(data)
    for name, value in (
        ("sequence_length", sequence_length),
        ("sequence_stride", sequence_stride),
        ("sampling_rate", sampling_rate),
    ):
        if not 0 < value < len(data) + (name == "sequence_length"):
            raise InvalidArgumentError(
                f"timeseries_dataset_from_array: {name} must be from 1 to below the length "
                f"{len(data)} of the data, received {value!r}"
            )
    first = start_index or 0
    last = len(data) if end_index is None else end_index
    if not 0 <= first < last <= len(data):
        raise InvalidArgumentError(
            f"timeseries_dataset_from_array: start_index and end_index must lie in this order "
            f"within the {len(data)} steps, received {start_index} and {end_index}"
        )
    part = data[first:last]
    wanted = None if targets is None else np.asarray(targets)[first:last]
    count = last - first - (sequence_length - 1) * sampling_rate
    if wanted is not None:
        count = min(count, len(wanted))
    starts = np.arange(0, max(count, 0), sequence_stride)
    if shuffle:
        np.random.default_rng(seed).shuffle(starts)
    steps = np.arange(sequence_length) * sampling_rate

    def windows_at(places: Any) -> Any:
        places = np.asarray(places)
        windows = part[places[..., None] + steps]
        return windows if wanted is None else (windows, wanted[places])

    found: Any = Dataset.from_tensor_slices(starts)
    found = found if batch_size is None else found.batch(batch_size)
    return found.map(windows_at)
