"""`Tokenizer` and what belongs to it: the way older programs turn texts into numbers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from tensorcore.errors import ArgumentTypeError, InvalidArgumentError

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'


def text_to_word_sequence(
    input_text: str, filters: str = FILTERS, lower: bool = True, split: str = " "
) -> list[str]:
    """The words of a text.

    Args:
        input_text: the text.
        filters: characters that count as `split`.
        lower: whether words are put in lower case.
        split: what separates words.

    >>> text_to_word_sequence("So, it ends.")
    ['so', 'it', 'ends']
    """
    text = input_text.lower() if lower else input_text
    text = text.translate(str.maketrans(dict.fromkeys(filters, split)))
    return [word for word in text.split(split) if word]


def hashing_trick(
    text: str,
    n: int,
    hash_function: Any = None,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], list[str]] | None = None,
) -> list[int]:
    """For each word a number from 1 to n - 1, by a hash function ("md5" is the same everywhere)."""
    if hash_function is None:
        hash_function = hash
    elif hash_function == "md5":

        def hash_function(word: str) -> int:
            import hashlib

            return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)

    words = text_to_word_sequence(text, filters, lower, split) if analyzer is None else None
    words = analyzer(text) if analyzer is not None else words
    return [hash_function(word) % (n - 1) + 1 for word in words or ()]


def one_hot(
    input_text: str, n: int, filters: str = FILTERS, lower: bool = True, split: str = " "
) -> list[int]:
    """For each word a number from 1 to n - 1, by Python's hash."""
    return hashing_trick(input_text, n, hash, filters, lower, split)


class Tokenizer:
    """Numbers for words, the most frequent first; 0 stands for no word.

    Args:
        num_words: use numbers below this only.
        filters, lower, split: see `text_to_word_sequence`.
        char_level: number characters instead of words.
        oov_token: what stands for unknown words, number 1; None leaves them out.
        analyzer: function text -> words, in the place of `text_to_word_sequence`.

    >>> tokenizer = Tokenizer()
    >>> tokenizer.fit_on_texts(["the cat", "the dog"])
    >>> tokenizer.texts_to_sequences(["the dog and the cat"])
    [[1, 3, 1, 2]]
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        analyzer: Callable[[str], list[str]] | None = None,
        document_count: int = 0,
        **unknown: Any,
    ) -> None:
        num_words = unknown.pop("nb_words", num_words)
        if unknown:
            raise ArgumentTypeError(f"Tokenizer: unknown arguments {sorted(unknown)}")
        self.num_words = num_words
        self.filters = filters
        self.lower = lower
        self.split = split
        self.char_level = char_level
        self.oov_token = oov_token
        self.analyzer = analyzer
        self.document_count = document_count
        self.word_counts: dict[str, int] = {}
        self.word_docs: Counter[str] = Counter()
        self.index_docs: Counter[int] = Counter()
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    def _words(self, text: Any) -> list[str]:
        if self.char_level or isinstance(text, list):
            parts = [part.lower() for part in text] if self.lower else text
            return list(parts)
        if self.analyzer is not None:
            return self.analyzer(text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts: Iterable[Any]) -> None:
        """Take the words of texts (or of lists of words) into the vocabulary."""
        if isinstance(texts, str):
            raise ArgumentTypeError(
                "Tokenizer.fit_on_texts: expected a list of texts, received one text; write [text]"
            )
        for text in texts:
            self.document_count += 1
            words = self._words(text)
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            self.word_docs.update(set(words))
        ordered = sorted(self.word_counts, key=lambda word: -self.word_counts[word])
        if self.oov_token is not None:
            ordered.insert(0, self.oov_token)
        self.word_index = {word: number for number, word in enumerate(ordered, start=1)}
        self.index_word = {number: word for word, number in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences: Iterable[Any]) -> None:
        """Count in how many sequences each number occurs, for `sequences_to_matrix`."""
        for sequence in sequences:
            self.document_count += 1
            self.index_docs.update(set(sequence))

    def texts_to_sequences(self, texts: Iterable[Any]) -> list[list[int]]:
        """The numbers of the words of each text."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[Any]) -> Iterator[list[int]]:
        """The same, one after the other."""
        unknown = self.word_index.get(self.oov_token) if self.oov_token is not None else None
        for text in texts:
            numbers = (self.word_index.get(word) for word in self._words(text))
            known = (n if n and not (self.num_words and n >= self.num_words) else unknown
                     for n in numbers)  # fmt: skip
            yield [n for n in known if n is not None]

    def sequences_to_texts(self, sequences: Iterable[Any]) -> list[str]:
        """The words of each sequence of numbers, with a blank between them."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences: Iterable[Any]) -> Iterator[str]:
        """The same, one after the other."""
        for sequence in sequences:
            words = []
            for number in sequence:
                word = self.index_word.get(number)
                if word is None or (self.num_words and number >= self.num_words):
                    word = self.oov_token
                if word is not None:
                    words.append(word)
            yield " ".join(words)

    def texts_to_matrix(self, texts: Iterable[Any], mode: str = "binary") -> np.ndarray:
        """One row a text; see `sequences_to_matrix`."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences: Any, mode: str = "binary") -> np.ndarray:
        """One row a sequence, one column a number: "binary" (whether it occurs), "count", "freq"
        (its share) or "tfidf".
        """
        if mode not in ("binary", "count", "freq", "tfidf"):
            raise InvalidArgumentError(
                f'Tokenizer: mode must be "binary", "count", "freq" or "tfidf", received {mode!r}'
            )
        width = self.num_words or len(self.word_index) + 1
        if width == 1 or (mode == "tfidf" and not self.document_count):
            raise InvalidArgumentError("Tokenizer: call fit_on_texts(texts) first")
        matrix = np.zeros((len(sequences), width))
        for row, sequence in zip(matrix, sequences, strict=True):
            for number, count in Counter(n for n in sequence if n < width).items():
                if mode == "tfidf":
                    documents = self.index_docs.get(number, 0)
                    weight = np.log(1 + self.document_count / (1 + documents))
                    row[number] = (1 + np.log(count)) * weight
                else:
                    values = {"binary": 1, "count": count, "freq": count / len(sequence)}
                    row[number] = values[mode]
        return matrix

    def get_config(self) -> dict[str, Any]:
        """The options and the vocabulary, whose parts are JSON texts."""
        names = ("num_words", "filters", "lower", "split", "char_level", "oov_token")
        parts = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
        return {
            **{name: getattr(self, name) for name in names},
            "document_count": self.document_count,
            **{name: json.dumps(getattr(self, name)) for name in parts},
        }

    def to_json(self, **kwargs: Any) -> str:
        """The tokenizer as JSON, which `tokenizer_from_json` reads."""
        description = {"class_name": type(self).__name__, "config": self.get_config()}
        return json.dumps(description, **kwargs)


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """The tokenizer that `to_json` wrote down."""
    config = dict(json.loads(json_string)["config"])
    parts = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
    found = {name: json.loads(config.pop(name)) for name in parts}
    tokenizer = Tokenizer(**config)
    tokenizer.word_counts = found["word_counts"]
    tokenizer.word_docs = Counter(found["word_docs"])
    tokenizer.word_index = found["word_index"]
    # JSON has texts as keys.
    tokenizer.index_docs = Counter({int(k): v for k, v in found["index_docs"].items()})
    tokenizer.index_word = {int(k): v for k, v in found["index_word"].items()}
    return tokenizer
