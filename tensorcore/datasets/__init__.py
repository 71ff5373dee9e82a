"""Data sets for tutorials, tests and benchmarks.

Each module has a `load_data()` that returns `(x_train, y_train), (x_test, y_test)` as NumPy arrays:

    mnist           handwritten digits, 28x28
    fashion_mnist   pictures of garments, 28x28
    cifar10         colour photographs, 32x32
    imdb            film reviews as word numbers
    auto_mpg        cars and how far they go on a gallon, for regression
    generated       drawn by code, 28x28, needs no file and no network
    generated_reviews   reviews of invented words, the same for imdb

Files are looked for in the folder named by `TENSORCORE_DATA_DIR`, then in the cache folder, and are
downloaded if they are in neither; see `store`.
"""

from tensorcore.datasets import (
    auto_mpg,
    cifar10,
    fashion_mnist,
    generated,
    generated_reviews,
    imdb,
    mnist,
)
from tensorcore.datasets.store import DatasetCorrupted, DatasetUnavailable

__all__ = [
    "DatasetCorrupted",
    "DatasetUnavailable",
    "auto_mpg",
    "cifar10",
    "fashion_mnist",
    "generated",
    "generated_reviews",
    "imdb",
    "mnist",
]
