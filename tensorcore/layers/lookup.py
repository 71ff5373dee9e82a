"""Layers that number words and other things by a vocabulary; they work on the host."""

from __future__ import annotations

import os
import zlib
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from tensorcore.errors import ArgumentTypeError, InvalidArgumentError, TrainingError
from tensorcore.layers.base import Layer
from tensorcore.layers.options import keep
from tensorcore.saving.refusals import hostile
from tensorcore.tensor import Tensor, as_tensor

MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")


class Lookup(Layer):
    """Base: a vocabulary, with places for what does not count and for unknown things before it."""

    numbers = False  # whether the things are numbers

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: Any = None,
        oov_token: Any = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        for old in ("encoding", "vocabulary_dtype", "has_input_vocabulary", "vocabulary_size"):
            kwargs.pop(old, None)
        super().__init__(**kwargs)
        who = type(self).__name__
        output_mode = {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(output_mode, output_mode)
        if output_mode not in MODES:
            raise InvalidArgumentError(
                f"{who}: output_mode must be one of {MODES}, received {output_mode!r}"
            )
        special = num_oov_indices + (mask_token is not None)
        if max_tokens is not None and max_tokens <= special:
            raise InvalidArgumentError(
                f"{who}: max_tokens must be greater than {special}, the number of special places, "
                f"received {max_tokens!r}"
            )
        if invert and output_mode != "int":
            raise InvalidArgumentError(f'{who}: invert=True needs output_mode="int"')
        if sparse:
            raise InvalidArgumentError(f"{who}: sparse=True is not there; leave it out")
        keep(
            self,
            max_tokens=max_tokens,
            num_oov_indices=num_oov_indices,
            mask_token=mask_token,
            oov_token=oov_token,
            invert=invert,
            output_mode=output_mode,
            pad_to_max_tokens=pad_to_max_tokens,
        )
        self._given = vocabulary is not None
        self._tokens: list[Any] = []
        self._numbers_of: dict[Any, int] = {}
        self._idf: np.ndarray | None = None
        self.built = True
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    def get_config(self) -> dict[str, Any]:
        given = self._given and bool(self._tokens)
        idf = None if self._idf is None or not self._given else self._idf.tolist()
        vocabulary = list(self._tokens) if given else None
        return {**super().get_config(), "vocabulary": vocabulary, "idf_weights": idf}

    # The vocabulary -------------------------------------------------------------------------------

    def _special(self) -> list[Any]:
        mask = [] if self.mask_token is None else [self.mask_token]
        return mask + [self.oov_token] * self.num_oov_indices

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The things in the order of their numbers."""
        return (self._special() if include_special_tokens else []) + self._tokens

    def vocabulary_size(self) -> int:
        """How many numbers there are."""
        return len(self._special()) + len(self._tokens)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer as `get_config` describes it, which never names a file."""
        if isinstance(config.get("vocabulary"), (str, os.PathLike)):
            raise hostile(
                f"{cls.__name__}: the vocabulary is the name of another file, "
                f"{str(config['vocabulary'])!r}, which is never opened; expected a list of words"
            )
        return super().from_config(config)

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Take the vocabulary from a list, an array, or a text file with one thing a line.

        Args:
            vocabulary: special places may be at its start, as `get_vocabulary` has them.
            idf_weights: for output_mode "tf_idf", one for each thing.
        """
        if isinstance(vocabulary, (str, os.PathLike)):
            with open(vocabulary, encoding="utf-8") as file:
                vocabulary = [line.rstrip("\n") for line in file]
        tokens = [_plain(token) for token in np.asarray(vocabulary).ravel().tolist()]
        special = self._special()
        if special and tokens[: len(special)] == special:
            tokens = tokens[len(special) :]
        repeated = [token for token, count in Counter(tokens).items() if count > 1]
        if repeated:
            raise InvalidArgumentError(
                f"{self._who()}: each thing may occur once in the vocabulary, received {repeated} "
                "several times"
            )
        if self.max_tokens is not None and len(tokens) + len(special) > self.max_tokens:
            raise InvalidArgumentError(
                f"{self._who()}: the vocabulary has {len(tokens) + len(special)} places, more than "
                f"max_tokens={self.max_tokens}"
            )
        self._tokens = tokens
        self._numbers_of = {token: len(special) + i for i, token in enumerate(tokens)}
        if self.mask_token is not None:
            self._numbers_of[self.mask_token] = 0
        if idf_weights is not None:
            self._idf = np.asarray(idf_weights, np.float32)

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Make the vocabulary of what occurs in the data, the most frequent first.

        Args:
            data: an array or list, or an iterable of batches (a Dataset).
            batch_size: accepted; arrays are taken as a whole.
            steps: look at this many batches only.
        """
        if self._given:
            raise TrainingError(f"{self._who()}: adapt is of no use, since a vocabulary was given")
        counts: Counter[Any] = Counter()
        documents: Counter[Any] = Counter()
        rows = 0
        for number, batch in enumerate(_batches(data)):
            if steps is not None and number >= steps:
                break
            for row in self._rows(batch):
                counts.update(row)
                documents.update(set(row))
                rows += 1
        self._take(counts, documents, rows)

    def _take(self, counts: Counter[Any], documents: Counter[Any], rows: int) -> None:
        for special in (self.mask_token, self.oov_token):
            counts.pop(special, None)
        found = sorted(counts, key=lambda token: (counts[token], token), reverse=True)
        if self.max_tokens is not None:
            found = found[: self.max_tokens - len(self._special())]
        self.set_vocabulary(np.array(found, dtype=object))
        if self.output_mode == "tf_idf":
            self._idf = np.array(
                [np.log(1 + rows / (1 + documents[token])) for token in found], np.float32
            )

    def _rows(self, batch: np.ndarray) -> Iterable[list[Any]]:
        """The things of each sample."""
        array = batch.reshape(batch.shape[0], -1) if batch.ndim else batch.reshape(1, 1)
        return [[_plain(value) for value in row] for row in array.tolist()]

    # Calls ----------------------------------------------------------------------------------------

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if type(inputs) is not Tensor and isinstance(inputs, Tensor):
            raise TrainingError(
                f"{self._who()}: texts inside traced functions and symbolic models are not there "
                "yet; apply the layer to the data: dataset.map(lambda x, y: (layer(x), y))"
            )
        return self.call(as_host(inputs))

    def call(self, inputs: Any) -> Any:
        if not self._tokens:
            raise TrainingError(
                f"{self._who()}: there is no vocabulary yet; call adapt(data) first, or give "
                "vocabulary=[...]"
            )
        if self.invert:
            return self._inverted(inputs)
        numbers = self._numbered(inputs)
        if self.output_mode == "int":
            return as_tensor(numbers)
        return as_tensor(self._encoded(numbers))

    def _inverted(self, numbers: np.ndarray) -> np.ndarray:
        words = np.array(self.get_vocabulary(), dtype=object)
        inside = (numbers >= 0) & (numbers < len(words))
        return np.where(inside, words[np.where(inside, numbers, 0)], self.oov_token)

    def _numbered(self, things: np.ndarray) -> np.ndarray:
        flat = [self._number(_plain(thing)) for thing in things.ravel().tolist()]
        return np.array(flat, np.int64).reshape(things.shape)

    def _number(self, thing: Any) -> int:
        number = self._numbers_of.get(thing)
        if number is not None:
            return number
        first = 0 if self.mask_token is None else 1
        if self.num_oov_indices == 0:
            raise InvalidArgumentError(
                f"{self._who()}: {thing!r} is not in the vocabulary, and num_oov_indices=0 leaves "
                "no place for unknown things"
            )
        if self.num_oov_indices == 1:
            return first
        return first + zlib.crc32(str(thing).encode()) % self.num_oov_indices

    def _encoded(self, numbers: np.ndarray) -> np.ndarray:
        width = self.max_tokens if self.pad_to_max_tokens else self.vocabulary_size()
        skipped = 0 if self.mask_token is None else 1  # what does not count has no place
        if self.output_mode == "one_hot":
            if numbers.ndim and numbers.shape[-1] == 1:
                numbers = numbers[..., 0]
            return np.eye(width, dtype=np.float32)[numbers][..., skipped:]
        rows = np.atleast_2d(numbers) if numbers.ndim < 2 else numbers
        counts = np.zeros((*rows.shape[:-1], width), np.float32)
        for place in np.ndindex(rows.shape[:-1]):
            np.add.at(counts[place], rows[place], 1.0)
        if self.output_mode == "multi_hot":
            counts = np.minimum(counts, 1.0)
        if self.output_mode == "tf_idf":
            counts *= self._weights(width)
        counts = counts[..., skipped:]
        return counts[0] if numbers.ndim < 2 else counts

    def _weights(self, width: int) -> np.ndarray:
        if self._idf is None:
            raise TrainingError(f'{self._who()}: output_mode="tf_idf" needs adapt or idf_weights')
        mask = [] if self.mask_token is None else [0.0]
        unknown = [float(self._idf.mean())] * self.num_oov_indices
        found = np.array([*mask, *unknown, *self._idf], np.float32)
        return np.pad(found, (0, width - found.size))


class StringLookup(Lookup):
    """Words as numbers: their places in a vocabulary.

    Args:
        max_tokens: greatest size of the vocabulary with its special places; None means any.
        num_oov_indices: places for words that are not in it.
        mask_token: word for what does not count, number 0; None means none.
        oov_token: what stands for unknown words.
        vocabulary: list, array or text file; None means that `adapt(data)` makes it.
        idf_weights: weights of the words for output_mode "tf_idf".
        invert: numbers become words instead.
        output_mode: "int", "one_hot", "multi_hot", "count" or "tf_idf".
        pad_to_max_tokens: vectors of length max_tokens.

    >>> layer = StringLookup(vocabulary=["a", "b"])
    >>> layer(["b", "x"]).tolist()
    [2, 0]
    """


class IntegerLookup(Lookup):
    """Whole numbers as numbers of their places in a vocabulary.

    Args: as those of `StringLookup`.

    >>> IntegerLookup(vocabulary=[10, 20])([20, 5]).tolist()
    [2, 0]
    """

    numbers = True

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, **kwargs)


def as_host(values: Any) -> np.ndarray:
    """Texts or numbers as a NumPy array."""
    values = values.numpy() if hasattr(values, "numpy") else values
    array = np.asarray(values)
    if array.dtype.kind not in "OUSiub":
        raise ArgumentTypeError(
            f"expected texts or whole numbers, received an array of {array.dtype}"
        )
    return array


def _plain(value: Any) -> Any:
    """Bytes as text; NumPy's values as Python's."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.item() if isinstance(value, np.generic) else value


def _batches(data: Any) -> Iterable[np.ndarray]:
    """The data as arrays: one, or what an iterable yields (x of pairs x, y)."""
    if isinstance(data, (np.ndarray, list, tuple, Tensor)) or hasattr(data, "numpy"):
        yield as_host(data)
        return
    for batch in data:
        yield as_host(batch[0] if isinstance(batch, tuple) else batch)
