"""Batches of pictures that an `ImageDataGenerator` changes by chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tensorcore.errors import InvalidArgumentError
from tensorcore.training.pictures import array_to_img
from tensorcore.training.py_dataset import PyDataset


class PictureBatches(PyDataset):
    """What `flow` and `flow_from_directory` give: batches by number, and endless with `next`."""

    read: Any  # number of a picture -> picture
    image_shape: tuple[int, ...]
    labels: Any = None  # rows; "input" for the pictures themselves
    weights: Any = None
    saving: tuple[Any, str, str] = (None, "", "png")
    classes: Any
    class_indices: dict[str, int]
    num_classes: int
    filenames: list[str]
    filepaths: list[str]

    def __init__(self, generator: Any, n: int, batch_size: int, shuffle: bool, seed: Any) -> None:
        super().__init__()
        self.generator = generator
        self.n = self.samples = n
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.total_batches_seen = 0
        self.batch_index = 0
        self._order: np.ndarray | None = None

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def __getitem__(self, index: int) -> Any:
        if index >= len(self):
            raise InvalidArgumentError(
                f"there is no batch {index}; there are {len(self)}, from 0 on"
            )
        stream = self._next_stream()
        if self._order is None:
            self._order = self._new_order(stream)
        return self._batch(index, stream)

    def on_epoch_end(self) -> None:
        """Mix the pictures anew."""
        self._order = self._new_order(np.random)

    def reset(self) -> None:
        """Let `next` begin with the first batch."""
        self.batch_index = 0

    def __next__(self) -> Any:
        stream = self._next_stream()
        if self.batch_index == 0:
            self._order = self._new_order(stream)
        index = self.batch_index
        self.batch_index = (index + 1) % max(len(self), 1)
        return self._batch(index, stream)

    def __iter__(self) -> PictureBatches:  # type: ignore[override]
        return self

    def _next_stream(self) -> Any:
        """The random numbers of the next batch; NumPy's own stream without a seed."""
        seen, self.total_batches_seen = self.total_batches_seen, self.total_batches_seen + 1
        return random_stream(None if self.seed is None else self.seed + seen)

    def _new_order(self, stream: Any) -> np.ndarray:
        return stream.permutation(self.n) if self.shuffle else np.arange(self.n)

    def _batch(self, index: int, stream: Any) -> Any:
        order: Any = self._order
        rows = order[self.batch_size * index : self.batch_size * (index + 1)]
        generator = self.generator
        pictures = np.zeros((len(rows), *self.image_shape), generator.dtype)
        for place, row in enumerate(rows):
            x = self.read(row)
            x = generator.apply_transform(x, generator.get_random_transform(x.shape, stream=stream))
            pictures[place] = generator.standardize(x)
        self._save(pictures, rows)
        if self.labels is None:
            return pictures
        labels = pictures.copy() if isinstance(self.labels, str) else self.labels[rows]
        return (
            (pictures, labels) if self.weights is None else (pictures, labels, self.weights[rows])
        )

    def _save(self, pictures: np.ndarray, rows: np.ndarray) -> None:
        folder, prefix, ending = self.saving
        if folder is None:
            return
        for picture, row in zip(pictures, rows, strict=True):
            name = f"{prefix}_{row}_{self.total_batches_seen:04d}.{ending}"
            array_to_img(picture, scale=True).save(Path(folder) / name)


def random_stream(seed: int | None) -> Any:
    """NumPy's own stream of random numbers, or a new one from a seed."""
    return np.random if seed is None else np.random.RandomState(seed)
