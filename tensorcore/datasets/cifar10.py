"""CIFAR-10: 60,000 colour images, 32x32, ten classes.

Alex Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from __future__ import annotations

import gzip
import tarfile
import warnings
from pathlib import Path

import numpy as np

from tensorcore.datasets import store
from tensorcore.datasets.store import DatasetFile

CLASS_NAMES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
ARCHIVE = DatasetFile(
    "cifar-10",
    "cifar-10-binary.tar.gz",
    170_052_171,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    ("https://www.cs.toronto.edu/~kriz/",),
)
TRAIN = tuple(f"cifar-10-batches-bin/data_batch_{number}.bin" for number in range(1, 6))
TEST = "cifar-10-batches-bin/test_batch.bin"
RECORD_NBYTES = 1 + 3 * 32 * 32
PARTS = ("data_batch_1_first4000.bin.gz", "test_batch_subset1000.bin.gz")

Pair = tuple[np.ndarray, np.ndarray]


def load_data() -> tuple[Pair, Pair]:
    """Loads CIFAR-10 from this machine, or downloads its 170 MB once.

    Where only a part of it is here (4,000 and 1,000 images, see `PARTS`), that part is loaded and a
    warning says so.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images uint8 of shape (N, 32, 32, 3); labels uint8
        of shape (N, 1), as Keras has them.

    Raises:
        DatasetUnavailable: the file is not here and could not be downloaded.
        DatasetCorrupted: the file is damaged.
    """
    parts = _parts_on_disk()
    if parts is None:
        (path,) = store.find(ARCHIVE)
        return _read_archive(path)
    warnings.warn(
        f"cifar10.load_data: only a part of CIFAR-10 is in {parts[0].parent}: 4,000 of 50,000 "
        "images to train with and 1,000 of 10,000 to test with",
        stacklevel=2,
    )
    pairs = [_read_part(path) for path in parts]
    return pairs[0], pairs[1]


def _parts_on_disk() -> list[Path] | None:
    for folder in (store.data_dir(), store.cache_dir()):
        if folder is None or (folder / ARCHIVE.folder / ARCHIVE.name).is_file():
            continue
        paths = [folder / ARCHIVE.folder / name for name in PARTS]
        if all(path.is_file() for path in paths):
            return paths
    return None


def _read_part(path: Path) -> Pair:
    try:
        data = gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise store.corrupted(path, str(error)) from error
    return _records(path, data)


def _read_archive(path: Path) -> tuple[Pair, Pair]:
    try:
        with tarfile.open(path, "r:gz") as archive:
            members = [archive.extractfile(name) for name in (*TRAIN, TEST)]
            data = [member.read() if member is not None else b"" for member in members]
    except (tarfile.TarError, OSError, EOFError, KeyError) as error:
        raise store.corrupted(path, str(error)) from error
    return _records(path, b"".join(data[:-1])), _records(path, data[-1])


def _records(path: Path, data: bytes) -> Pair:
    """Labels and images of records: 1 byte label, then 1,024 bytes each of red, green and blue."""
    if not data or len(data) % RECORD_NBYTES:
        raise store.corrupted(path, f"{len(data)} bytes are not records of {RECORD_NBYTES}")
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD_NBYTES)
    images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    labels = records[:, :1].copy()
    if labels.max() > 9:
        raise store.corrupted(path, f"label {labels.max()} where 0 to 9 are expected")
    return np.ascontiguousarray(images), labels
