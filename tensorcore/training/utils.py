"""Small helpers around training."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore import random
from tensorcore.errors import InvalidArgumentError, OutOfRangeError


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """One-hot labels: float64 rows with a 1 at the place of each integer label.

    Args:
        x: integer labels of any shape; a last dimension of size 1 is dropped.
        num_classes: length of the rows; the greatest label plus 1 if None.

    >>> to_categorical([0, 2]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    labels = np.asarray(x)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.size and not np.array_equal(labels, labels.astype(np.int64)):
        raise InvalidArgumentError(
            f"to_categorical: expected integer labels, received {labels.dtype}"
        )
    labels = labels.astype(np.int64)
    if num_classes is None:
        num_classes = int(labels.max()) + 1
    if labels.size and (labels.min() < 0 or labels.max() >= num_classes):
        worst = int(labels.min() if labels.min() < 0 else labels.max())
        raise OutOfRangeError(
            f"to_categorical: label {worst} is out of range; expected 0 to {num_classes - 1}"
        )
    return np.eye(num_classes)[labels]


def set_random_seed(seed: int) -> None:
    """Start the random streams of Python, NumPy and tensorcore anew."""
    import random as python_random

    python_random.seed(seed)
    np.random.seed(seed % 2**32)
    random.set_seed(seed)


def floatx() -> str:
    """The default dtype of weights."""
    return "float32"


def image_data_format() -> str:
    """Where images have their channels: always last."""
    return "channels_last"


def normalize(x: Any, axis: int = -1, order: int = 2) -> np.ndarray:
    """The array divided by its norm of this order along `axis`; a norm of 0 leaves it as it is.

    >>> normalize([[3.0, 4.0]]).tolist()
    [[0.6, 0.8]]
    """
    x = np.asarray(x)
    size = np.linalg.norm(x, order, axis, keepdims=True)
    return x / np.where(size == 0, 1, size)
