"""Data sets for tutorials, tests and benchmarks.

Each module has a `load_data()` that returns `(x_train, y_train), (x_test, y_test)` as NumPy arrays:

    mnist           handwritten digits, 28x28
    fashion_mnist   pictures of garments, 28x28
    generated       drawn by code, 28x28, needs no file and no network

Files are looked for in the folder named by `TENSORCORE_DATA_DIR`, then in the cache folder, and are
downloaded if they are in neither; see `store`.
"""

from tensorcore.datasets import fashion_mnist, generated, mnist
from tensorcore.datasets.store import DatasetCorrupted, DatasetUnavailable

__all__ = ["DatasetCorrupted", "DatasetUnavailable", "fashion_mnist", "generated", "mnist"]
