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

import importlib
from typing import TYPE_CHECKING, Any

from tensorcore import missing
from tensorcore.datasets.store import DatasetCorrupted, DatasetUnavailable

if TYPE_CHECKING:
    from tensorcore.datasets import (
        auto_mpg,
        cifar10,
        fashion_mnist,
        generated,
        generated_reviews,
        imdb,
        mnist,
    )

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


def __getattr__(name: str) -> Any:
    # A program needs one of them or none, and some need much of Python's library.
    if name in __all__:
        return importlib.import_module(f"tensorcore.datasets.{name}")
    raise missing.attribute(__name__, name, __all__)


def __dir__() -> list[str]:
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__})
