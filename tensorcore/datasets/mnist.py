"""MNIST: 70,000 handwritten digits, 28x28 grey pixels, ten classes.

Yann LeCun, Corinna Cortes and Christopher J.C. Burges, http://yann.lecun.com/exdb/mnist/
"""

from __future__ import annotations

import numpy as np

from tensorcore.datasets import idx
from tensorcore.datasets.store import DatasetFile

CLASS_NAMES = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")

MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)

# Train images, train labels, test images, test labels.
FILES = (
    DatasetFile(
        "mnist",
        "train-images-idx3-ubyte.gz",
        9_912_422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        MIRRORS,
    ),
    DatasetFile(
        "mnist",
        "train-labels-idx1-ubyte.gz",
        28_881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        MIRRORS,
    ),
    DatasetFile(
        "mnist",
        "t10k-images-idx3-ubyte.gz",
        1_648_877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        MIRRORS,
    ),
    DatasetFile(
        "mnist",
        "t10k-labels-idx1-ubyte.gz",
        4_542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        MIRRORS,
    ),
)


def load_data() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Loads MNIST from this machine, or downloads its 11.6 MB once.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images uint8 of shape (60000, 28, 28) and (10000,
        28, 28), 0 is background and 255 is ink; labels uint8 of shape (60000,) and (10000,), 0 to
        9.

    Raises:
        DatasetUnavailable: the files are not here and could not be downloaded.
        DatasetCorrupted: a file is damaged.

    Example:
        (x_train, y_train), (x_test, y_test) = mnist.load_data()
        x_train = x_train.astype("float32") / 255
    """
    return idx.read_four(FILES, (28, 28))
