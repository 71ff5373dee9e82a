"""Reads IDX, the format of MNIST and its relatives, and trusts no file.

The header says the dtype and the shape, everything big-endian: two zero bytes, one byte for the
dtype, one for the number of dimensions, then four bytes a dimension.  What the header says is
checked against what the caller expects before memory is taken, and against the bytes that are
there. Format: http://yann.lecun.com/exdb/mnist/
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tensorcore.datasets import store

DTYPES = {
    0x08: np.dtype("u1"),
    0x09: np.dtype("i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
MAX_NBYTES = 1 << 30

Pair = tuple[np.ndarray, np.ndarray]


def read(path: str | Path, shape: tuple[int | None, ...], dtype: str = "uint8") -> np.ndarray:
    """Reads an array from an IDX file, gzip'd if its name ends in `.gz`.

    Args:
        path: the file.
        shape: the expected shape; None for a length that the file may choose.
        dtype: the expected dtype, by its NumPy name.

    Returns:
        A new writable array in native byte order.

    Raises:
        DatasetCorrupted: the file is no IDX file, has another shape or dtype, is cut, or is too
            long.

    Example:
        images = idx.read("train-images-idx3-ubyte.gz", (None, 28, 28))
    """
    path = Path(path)
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            return _read_open(file, path, shape, np.dtype(dtype))
    except (gzip.BadGzipFile, zlib.error) as error:
        raise store.corrupted(path, f"its gzip stream cannot be unpacked ({error})") from error
    except EOFError as error:
        raise store.corrupted(path, "its gzip stream is cut off") from error


def read_four(
    files: tuple[store.DatasetFile, ...], image_shape: tuple[int, ...]
) -> tuple[Pair, Pair]:
    """Finds and reads a data set that is stored as MNIST is, in four IDX files.

    Args:
        files: train images, train labels, test images and test labels.
        image_shape: the shape of one image, such as `(28, 28)`.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 arrays of shape `(N, *image_shape)` and
        `(N,)`.

    Raises:
        DatasetUnavailable: a file is not here and could not be downloaded.
        DatasetCorrupted: a file is damaged, or has not one label an image.
    """
    paths = store.find(*files)
    pairs = []
    for images_path, labels_path in (paths[:2], paths[2:]):
        images = read(images_path, (None, *image_shape))
        labels = read(labels_path, (None,))
        if len(images) != len(labels):
            raise store.corrupted(
                labels_path,
                f"it has {len(labels)} labels for the {len(images)} images in {images_path}",
            )
        pairs.append((images, labels))
    return pairs[0], pairs[1]


def _read_open(
    file: BinaryIO, path: Path, shape: tuple[int | None, ...], dtype: np.dtype
) -> np.ndarray:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in DTYPES:
        start = magic.hex(" ") or "is empty"
        raise store.corrupted(path, f"an IDX file begins 00 00 08, this one {start}")
    stored = DTYPES[magic[2]]
    if stored.newbyteorder("=") != dtype or magic[3] != len(shape):
        raise store.corrupted(
            path,
            f"expected {dtype} in {len(shape)} dimensions, "
            f"its header says {stored.newbyteorder('=')} in {magic[3]}",
        )
    header = file.read(4 * len(shape))
    if len(header) < 4 * len(shape):
        raise store.corrupted(path, "it ends within its header")
    found = struct.unpack(f">{len(shape)}I", header)
    if any(want is not None and want != have for want, have in zip(shape, found, strict=True)):
        wanted = tuple("any" if want is None else want for want in shape)
        raise store.corrupted(path, f"expected the shape {wanted}, its header says {found}")
    nbytes = math.prod(found) * stored.itemsize
    if nbytes > MAX_NBYTES:
        raise store.corrupted(
            path, f"its header says {nbytes:,} bytes, at most {MAX_NBYTES:,} are read"
        )

    data = np.empty(nbytes, np.uint8)
    got = _read_into(file, data)
    if got < nbytes:
        raise store.corrupted(path, f"it ends after {got:,} of {nbytes:,} bytes of data")
    if file.read(1):
        raise store.corrupted(path, f"it goes on after the {nbytes:,} bytes that its header says")
    return data.view(stored).reshape(found).astype(dtype, copy=False)


def _read_into(file: BinaryIO, data: np.ndarray) -> int:
    """Fills `data` as far as the file goes; returns the number of bytes read."""
    view = memoryview(data)
    got = 0
    while got < len(view):
        # In pieces: what is unpacked lands in its place while it is still in the processor's cache.
        count = file.readinto(view[got : got + (1 << 18)])
        if not count:
            break
        got += count
    return got
