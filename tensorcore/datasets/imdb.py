"""IMDB: 50,000 film reviews as word numbers, labelled positive (1) or negative (0).

Andrew L. Maas et al., "Learning Word Vectors for Sentiment Analysis", ACL 2011.  Words are numbered
by how often they occur: 1 is the most frequent one.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from tensorcore.datasets import plain_pickle, store
from tensorcore.datasets.store import DatasetFile
from tensorcore.errors import InvalidArgumentError

MIRRORS = ("https://storage.googleapis.com/tensorflow/tf-keras-datasets/",)

REVIEWS = DatasetFile(
    "imdb",
    "imdb.npz",
    17_464_789,
    "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
    MIRRORS,
)
WORDS = DatasetFile(
    "imdb",
    "imdb_word_index.json",
    1_641_221,
    "027313fe9a320280f3bf0fac5baf58c4a683cf39a7ed9c3d3d3912bde4284cf6",
    MIRRORS,
)
STAND_IN = (
    "Or go on offline with built-in reviews of invented words:\n"
    "    from tensorcore.datasets import generated_reviews\n"
    "    (x_train, y_train), (x_test, y_test) = generated_reviews.load_data()"
)

Pair = tuple[np.ndarray, np.ndarray]


def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
    **kwargs: Any,
) -> tuple[Pair, Pair]:
    """The reviews as lists of word numbers, in the order in which Keras mixes them.

    Args:
        path: Keras's argument for the name of the file; the store decides where it is.
        num_words: words with a number from here on become `oov_char`; None keeps all.
        skip_top: so do words with a number below this.
        maxlen: leave out reviews of this length or longer.
        seed: of the shuffle.
        start_char: put before each review; None for nothing.
        oov_char: stands for words that are left out; None drops them.
        index_from: added to the numbers of `get_word_index`.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: object arrays of lists of int, int64 labels.

    Raises:
        DatasetUnavailable: the file is not here and could not be downloaded.
        DatasetCorrupted: the file is damaged.

    Example:
        (x_train, y_train), (x_test, y_test) = imdb.load_data(num_words=10000)
    """
    if kwargs:
        raise InvalidArgumentError(f"imdb.load_data: unknown arguments {sorted(kwargs)}")
    (file,) = store.find(REVIEWS, stand_in=STAND_IN)
    members = plain_pickle.read_npz(file, ("x_train", "y_train", "x_test", "y_test"))
    mixed = np.random.RandomState(seed)  # Keras's stream, so that positions agree
    parts = []
    for reviews, labels in (members[:2], members[2:]):
        if len(reviews) != len(labels):
            raise store.corrupted(file, f"{len(labels)} labels for {len(reviews)} reviews")
        order = np.arange(len(reviews))
        mixed.shuffle(order)
        parts.append(
            _short(_numbered(reviews[order], start_char, index_from), labels[order], maxlen)
        )
    if num_words is None:
        num_words = max(max(review) for reviews, _ in parts for review in reviews)
    return tuple(  # type: ignore[return-value]
        (_as_array([_known(review, skip_top, num_words, oov_char) for review in reviews]), labels)
        for reviews, labels in parts
    )


def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """Word -> its number, before `index_from` is added."""
    (file,) = store.find(WORDS, stand_in=STAND_IN)
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise store.corrupted(file, str(error)) from error
    if not isinstance(found, dict):
        raise store.corrupted(file, "it is not a table of words and numbers")
    return found


def _numbered(reviews: Any, start: int | None, index_from: int) -> list[list[int]]:
    first = [] if start is None else [start]
    return [first + [word + index_from for word in review] for review in reviews]


def _short(reviews: list[Any], labels: np.ndarray, maxlen: int | None) -> tuple[list[Any], Any]:
    if not maxlen:
        return reviews, labels
    kept = [place for place, review in enumerate(reviews) if len(review) < maxlen]
    if not kept:
        raise InvalidArgumentError(
            f"imdb.load_data: no review is shorter than maxlen={maxlen}; increase it"
        )
    return [reviews[place] for place in kept], labels[kept]


def _known(review: list[int], lowest: int, end: int, other: int | None) -> list[int]:
    if other is None:
        return [word for word in review if lowest <= word < end]
    return [word if lowest <= word < end else other for word in review]


def _as_array(reviews: list[list[int]]) -> np.ndarray:
    array = np.empty(len(reviews), object)
    array[:] = reviews
    return array
