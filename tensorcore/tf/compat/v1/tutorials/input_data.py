"""MNIST in the form of the tutorials: flat images from 0 to 1, handed out batch by batch."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tensorcore.datasets import fashion_mnist, mnist


class DataSet:
    """Images and labels, and a position in them.

    Attributes:
        images: (N, 784) float32 from 0 to 1, or (N, 28, 28, 1) without `reshape`.
        labels: (N,) uint8, or (N, 10) float64 with `one_hot`.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, seed: int | None = None) -> None:
        self.images = images
        self.labels = labels
        self.num_examples = len(images)
        self.epochs_completed = 0
        self._position = 0
        self._random = np.random.RandomState(seed)
        self._order = np.arange(self.num_examples)

    def next_batch(
        self, batch_size: int, fake_data: bool = False, shuffle: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """The next images and labels; the order is new in each epoch."""
        if self._position == 0 and self.epochs_completed == 0 and shuffle:
            self._random.shuffle(self._order)
        rows = self._order[self._position : self._position + batch_size]
        self._position += batch_size
        if self._position > self.num_examples:
            self.epochs_completed += 1
            if shuffle:
                self._random.shuffle(self._order)
            self._position = batch_size - len(rows)
            rows = np.concatenate([rows, self._order[: self._position]])
        return self.images[rows], self.labels[rows]


class Datasets(NamedTuple):
    """The three parts."""

    train: DataSet
    validation: DataSet
    test: DataSet


def read_data_sets(
    train_dir: str = "",
    fake_data: bool = False,
    one_hot: bool = False,
    dtype: Any = np.float32,
    reshape: bool = True,
    validation_size: int = 5000,
    seed: int | None = None,
    source_url: str = "",
) -> Datasets:
    """MNIST, or Fashion-MNIST if the folder's name says so, from tensorcore's own data sets.

    Args:
        train_dir: not read: the files come from where `tensorcore.datasets` keeps them.
        one_hot: labels as rows with a one.
        validation_size: how many of the training images are kept apart.
    """
    source = fashion_mnist if "fashion" in f"{train_dir}{source_url}".lower() else mnist
    (x, y), (x_test, y_test) = source.load_data()

    def part(images: np.ndarray, labels: np.ndarray) -> DataSet:
        shape = (len(images), 784) if reshape else (len(images), 28, 28, 1)
        scaled = images.reshape(shape).astype(np.float32) / 255
        return DataSet(scaled, np.eye(10)[labels] if one_hot else labels, seed)

    n = validation_size
    return Datasets(part(x[n:], y[n:]), part(x[:n], y[:n]), part(x_test, y_test))
