"""Fashion-MNIST: 70,000 pictures of garments, 28x28 grey pixels, ten classes.

Han Xiao, Kashif Rasul and Roland Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking
Machine Learning Algorithms", https://arxiv.org/abs/1708.07747; MIT licence, copyright 2017
Zalando SE.
"""

from __future__ import annotations

import numpy as np

from tensorcore.datasets import idx
from tensorcore.datasets.store import DatasetFile

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

# The first one has no https; the sha256 is what vouches for the content.
MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)

# Train images, train labels, test images, test labels.
FILES = (
    DatasetFile(
        "fashion-mnist",
        "train-images-idx3-ubyte.gz",
        26_421_880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        MIRRORS,
    ),
    DatasetFile(
        "fashion-mnist",
        "train-labels-idx1-ubyte.gz",
        29_515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        MIRRORS,
    ),
    DatasetFile(
        "fashion-mnist",
        "t10k-images-idx3-ubyte.gz",
        4_422_102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        MIRRORS,
    ),
    DatasetFile(
        "fashion-mnist",
        "t10k-labels-idx1-ubyte.gz",
        5_148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        MIRRORS,
    ),
)


def load_data() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Loads Fashion-MNIST from this machine, or downloads its 30.9 MB once.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images uint8 of shape (60000, 28, 28) and (10000,
        28, 28), 0 is background; labels uint8 of shape (60000,) and (10000,), 0 to 9, named by
        `CLASS_NAMES`.

    Raises:
        DatasetUnavailable: the files are not here and could not be downloaded.
        DatasetCorrupted: a file is damaged.

    Example:
        (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()
        print(fashion_mnist.CLASS_NAMES[y_train[0]])
    """
    return idx.read_four(FILES, (28, 28))
