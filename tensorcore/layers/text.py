"""Texts as numbers of words."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tensorcore.errors import InvalidArgumentError
from tensorcore.layers.lookup import Lookup, _plain
from tensorcore.tensor import as_tensor

_PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}]")
_STANDARDS: dict[Any, Callable[[str], str]] = {
    None: lambda text: text,
    "lower": str.lower,
    "strip_punctuation": lambda text: _PUNCTUATION.sub("", text),
    "lower_and_strip_punctuation": lambda text: _PUNCTUATION.sub("", text.lower()),
}
_SPLITS: dict[Any, Callable[[str], list[str]]] = {
    None: lambda text: [text],
    "whitespace": str.split,
    "character": list,
}


class TextVectorization(Lookup):
    """Texts as the numbers of their words.

    Args:
        max_tokens: greatest size of the vocabulary with the two special places: 0 for padding, 1
            for unknown words.
        standardize: "lower_and_strip_punctuation", "lower", "strip_punctuation", None, or a
            function of an array of texts.
        split: "whitespace", "character", None, or a function of an array of texts.
        ngrams: also runs of two, three... words up to this length, or of the lengths in a tuple.
        output_mode: "int", "multi_hot", "count" or "tf_idf".
        output_sequence_length: for "int": cut and fill up to this length; None means the longest.
        pad_to_max_tokens: vectors of length max_tokens.
        vocabulary: list, array or text file; None means that `adapt(data)` makes it.

    >>> layer = TextVectorization(output_sequence_length=4)
    >>> layer.adapt(["The cat sat.", "The dog."])
    >>> layer(["the dog sat down"]).tolist()
    [[2, 4, 3, 1]]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: Any = "lower_and_strip_punctuation",
        split: Any = "whitespace",
        ngrams: Any = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        **kwargs: Any,
    ) -> None:
        for argument, value, known in (
            ("standardize", standardize, _STANDARDS),
            ("split", split, _SPLITS),
        ):
            if not callable(value) and value not in known:
                raise InvalidArgumentError(
                    f"TextVectorization: {argument} must be one of {list(known)} or a function, "
                    f"received {value!r}"
                )
        if output_mode != "int" and output_sequence_length is not None:
            raise InvalidArgumentError(
                'TextVectorization: output_sequence_length is for output_mode="int"'
            )
        if ragged:
            raise InvalidArgumentError("TextVectorization: ragged=True is not there; leave it out")
        self.standardize = standardize
        self.split = split
        self.ngrams = tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) else ngrams
        self.output_sequence_length = output_sequence_length
        super().__init__(
            max_tokens,
            1,
            "",
            "[UNK]",
            vocabulary,
            idf_weights,
            False,
            output_mode,
            pad_to_max_tokens,
            sparse,
            **kwargs,
        )
        kept = ("max_tokens", "output_mode", "pad_to_max_tokens")
        self._kept = (*kept, "standardize", "split", "ngrams", "output_sequence_length")

    def _rows(self, batch: np.ndarray) -> Iterable[list[str]]:
        """The words of each text."""
        texts = np.array([_plain(text) for text in batch.ravel().tolist()], dtype=object)
        if callable(self.standardize):
            found = self.standardize(texts)
            found = found.numpy() if hasattr(found, "numpy") else found
            texts = [_plain(text) for text in np.asarray(found, dtype=object).ravel().tolist()]
        else:
            texts = [_STANDARDS[self.standardize](text) for text in texts]
        if callable(self.split):
            rows = [[_plain(word) for word in row] for row in self.split(texts)]
        else:
            rows = [_SPLITS[self.split](text) for text in texts]
        if self.ngrams is None:
            return rows
        return [
            [" ".join(row[i : i + n]) for n in self.ngrams for i in range(len(row) - n + 1)]
            for row in rows
        ]

    def call(self, inputs: Any) -> Any:
        rows = list(self._rows(inputs))
        length = self.output_sequence_length
        if length is None:
            length = max((len(row) for row in rows), default=0)
        words = np.full((len(rows), length), "", dtype=object)
        for i, row in enumerate(rows):
            words[i, : len(row)] = row[:length]
        if self.output_mode == "int":
            numbers = super().call(words)
            return numbers[0] if inputs.ndim == 0 else numbers
        found = np.stack([self._one(row) for row in rows])
        return as_tensor(found[0] if inputs.ndim == 0 else found)

    def _one(self, words: list[str]) -> np.ndarray:
        numbers = [self._number(word) for word in words]
        return self._encoded(np.array(numbers, np.int64))

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self.output_mode == "int":
            return (input_shape[0], self.output_sequence_length)
        return (input_shape[0], self.vocabulary_size() - 1)
