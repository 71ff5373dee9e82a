"""`tensorflow_datasets`-shaped loading: `tfds.load("imdb_reviews", split="train[:60%]")`.

The data are those of `tensorcore.datasets`; reviews are turned back from word numbers into texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from tensorcore.data import Dataset
from tensorcore.data.texts import as_bytes
from tensorcore.datasets import cifar10, fashion_mnist, imdb, mnist
from tensorcore.errors import InvalidArgumentError

__version__ = "4.9.9"

Pair = tuple[Any, np.ndarray]


class Source(NamedTuple):
    """A data set: what the inputs are called, how they are loaded, and the classes' names."""

    key: str
    load: Callable[[], tuple[Pair, Pair]]
    classes: tuple[str, ...]
    decode: Callable[[Any], Any]


def _pictures(images: np.ndarray) -> np.ndarray:
    return images[..., None] if images.ndim == 3 else images


def _texts(reviews: Any) -> np.ndarray:
    """Word numbers as texts; what the word index does not know is left out."""
    word_of = {number: word for word, number in imdb.get_word_index().items()}
    return as_bytes([" ".join(word_of[n] for n in review if n in word_of) for review in reviews])


def _reviews() -> tuple[Pair, Pair]:
    return imdb.load_data(start_char=None, oov_char=None, index_from=0)


SOURCES = {
    "cifar10": Source("image", cifar10.load_data, cifar10.CLASS_NAMES, _pictures),
    "fashion_mnist": Source(
        "image", fashion_mnist.load_data, tuple(fashion_mnist.CLASS_NAMES), _pictures
    ),
    "imdb_reviews": Source("text", _reviews, ("neg", "pos"), _texts),
    "mnist": Source("image", mnist.load_data, mnist.CLASS_NAMES, _pictures),
}


def load(
    name: str,
    split: Any = None,
    data_dir: Any = None,
    batch_size: int | None = None,
    shuffle_files: bool = False,
    download: bool = True,
    as_supervised: bool = False,
    with_info: bool = False,
    **options: Any,
) -> Any:
    """A data set, or several parts of it.

    Args:
        name: one of `list_builders()`; "/plain_text" and other configurations are left off.
        split: "train", "test", a slice as "train[:60%]" or "train[100:200]", a sum as
            "train+test"; or lists and dicts of these.  None gives a dict of all parts.
        data_dir, download, shuffle_files: taken and not used: the store decides where data are.
        batch_size: batches of this size; -1 for everything in one element.
        as_supervised: (input, label) instead of {"image" or "text": input, "label": label}.
        with_info: return (data set, information).

    Returns:
        A `Dataset`: images uint8 (height, width, channels), texts `tf.string`, labels int64.

    Example:
        train, test = tfds.load("mnist", split=["train", "test"], as_supervised=True)
    """
    source = _source(name)
    parts = _Parts(source)
    wanted = {"train": "train", "test": "test"} if split is None else split

    def made(text: str) -> Any:
        dataset = parts.dataset(text, as_supervised)
        if batch_size == -1:
            return dataset.batch(max(len(dataset), 1)).get_single_element()
        return dataset if batch_size is None else dataset.batch(batch_size)

    if isinstance(wanted, dict):
        found: Any = {key: made(text) for key, text in wanted.items()}
    elif isinstance(wanted, (list, tuple)):
        found = type(wanted)([made(text) for text in wanted])
    else:
        found = made(wanted)
    return (found, _info(name, source, parts)) if with_info else found


def _source(name: str) -> Source:
    short = name.partition("/")[0].partition(":")[0]
    if short not in SOURCES:
        from tensorcore.missing import nearest

        near = nearest(short, SOURCES)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InvalidArgumentError(
            f"tfds.load: unknown data set {name!r}; there are {', '.join(SOURCES)}{hint}"
        )
    return SOURCES[short]


class _Parts:
    """The two halves of a data set, loaded once, and decoded only where they are asked for."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._halves = dict(zip(("train", "test"), source.load(), strict=True))

    def count(self, half: str) -> int:
        return len(self._halves[half][1])

    def dataset(self, split: str, as_supervised: bool) -> Dataset:
        """The data set that a text such as "train[:60%]+test" names."""
        rows = [self._rows(part.strip()) for part in split.split("+")]
        x = np.concatenate([inputs for inputs, _ in rows]) if len(rows) > 1 else rows[0][0]
        y = np.concatenate([labels for _, labels in rows])
        if as_supervised:
            return Dataset.from_tensor_slices((x, y))
        return Dataset.from_tensor_slices({self.source.key: x, "label": y})

    def _rows(self, text: str) -> Pair:
        match = re.fullmatch(r"(\w+)(?:\[(-?\d*%?):(-?\d*%?)\])?", text)
        if match is None or match[1] not in self._halves:
            raise InvalidArgumentError(
                f"tfds.load: split {text!r} is not understood; expected for example 'train', "
                "'test', 'train[:60%]' or 'train[100:200]'"
            )
        x, y = self._halves[match[1]]
        window = slice(_border(match[2], len(y)), _border(match[3], len(y)))
        labels = np.asarray(y).reshape(-1)[window].astype(np.int64)
        return self.source.decode(x[window]), labels


def _border(text: str | None, count: int) -> int | None:
    if not text:
        return None
    return round(int(text[:-1]) * count / 100) if text.endswith("%") else int(text)


def _info(name: str, source: Source, parts: _Parts) -> Any:
    labels = SimpleNamespace(
        num_classes=len(source.classes),
        names=list(source.classes),
        int2str=lambda number: source.classes[number],
        str2int=source.classes.index,
    )
    splits = {half: SimpleNamespace(num_examples=parts.count(half)) for half in ("train", "test")}
    return SimpleNamespace(
        name=name,
        features={"label": labels, source.key: None},
        splits=splits,
        supervised_keys=(source.key, "label"),
    )


def list_builders() -> list[str]:
    """The names that `load` knows.

    >>> list_builders()
    ['cifar10', 'fashion_mnist', 'imdb_reviews', 'mnist']
    """
    return sorted(SOURCES)


def as_numpy(dataset: Dataset) -> Iterator[Any]:
    """The elements as NumPy arrays."""
    return dataset.as_numpy_iterator()


def disable_progress_bar() -> None:
    """Taken and not used: bars show only while something is downloaded."""
