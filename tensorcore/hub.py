"""`tensorflow_hub`-shaped layers: text embeddings from a folder on this machine.

The folder holds `vocabulary.txt`, one word a line, and `embeddings.safetensors` with one tensor
`embeddings` of shape (number of words + 1, size): the last row is for words that are not listed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.data.texts import as_bytes
from tensorcore.errors import FileFormatError, InvalidArgumentError
from tensorcore.layers.base import Layer
from tensorcore.layers.context import context
from tensorcore.ops import arithmetic, reductions, shaping
from tensorcore.ops.indexing import take
from tensorcore.ops.logical import greater_equal
from tensorcore.ops.transfer import astype
from tensorcore.saving.registry import registered_object

__version__ = "0.16.1"

VOCABULARY = "vocabulary.txt"
EMBEDDINGS = "embeddings.safetensors"
COMBINERS = ("mean", "sqrtn", "sum")
PAD = -1
LEAST_WIDTH = 32
_BETWEEN_WORDS = re.compile(rb"[!\"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~\s]+")


class KerasLayer(Layer):
    """The embedding of a text: its words' vectors, combined into one.

    Words are what stands between spaces and punctuation, in small letters.

    Args:
        handle: the folder.
        trainable: whether training changes the vectors.
        combiner: "sqrtn" (sum / square root of the number of words), "mean" or "sum".
        max_words: how many words of a text are read.
        input_shape, dtype, output_shape, arguments: TensorFlow Hub's; the layer knows them.

    Input: texts, shape (batch,).  Output: shape (batch, size).

    Raises:
        FileFormatError: the folder lacks a file, or the two do not fit.

    Example:
        model = keras.Sequential([hub.KerasLayer(folder, trainable=True), layers.Dense(1)])
    """

    def __init__(
        self,
        handle: Any,
        trainable: bool = False,
        arguments: Any = None,
        input_shape: Any = None,
        output_shape: Any = None,
        dtype: Any = None,
        *,
        combiner: str = "sqrtn",
        max_words: int = 512,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        if combiner not in COMBINERS:
            raise InvalidArgumentError(
                f"hub.KerasLayer: combiner must be one of {', '.join(COMBINERS)}, received "
                f"{combiner!r}"
            )
        self.handle = str(handle)
        self.combiner = combiner
        self.max_words = int(max_words)
        words, table = read_text_embedding(handle)
        self._number_of = {word: number for number, word in enumerate(words)}
        self.table = self.add_weight(
            table.shape, initializer="zeros", trainable=trainable, name="embeddings"
        )
        self.table.assign(table)
        self.built = True

    def numbers_of_texts(self, texts: Any) -> np.ndarray:
        """The numbers of the words of each text, filled up with -1; (batch, words) int32.

        The width is a power of two, so that a step is traced for few shapes.
        """
        unknown = len(self._number_of)
        rows = []
        for text in as_bytes(texts).reshape(-1):
            words = _BETWEEN_WORDS.split(text.lower())
            numbers = [self._number_of.get(word, unknown) for word in words if word]
            rows.append(numbers[: self.max_words])
        longest = max(map(len, rows), default=0)
        width = LEAST_WIDTH
        while width < longest:
            width *= 2
        result = np.full((len(rows), min(width, max(self.max_words, 1))), PAD, np.int32)
        for row, numbers in zip(result, rows, strict=True):
            row[: len(numbers)] = numbers
        return result

    def call(self, inputs: Any) -> Any:
        """The combined vectors of words given by their numbers."""
        if inputs.dtype.kind == "f":  # a model that is loaded is built for numbers of any kind
            inputs = astype(inputs, dtypes.int32)
        counts_as_word = greater_equal(inputs, 0)
        vectors = take(self.table, arithmetic.maximum(inputs, 0), axis=0)
        weights = astype(counts_as_word, vectors.dtype)
        total = reductions.sum(
            arithmetic.multiply(vectors, shaping.expand_dims(weights, axis=-1)), axis=1
        )
        if self.combiner == "sum":
            return total
        number = arithmetic.maximum(reductions.sum(weights, axis=1, keepdims=True), 1.0)
        return arithmetic.divide(total, number if self.combiner == "mean" else number**0.5)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return (input_shape[0], self.table.shape[1])

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer as `get_config` describes it; a model file names a folder only if it may."""
        if context.budget is not None and registered_object(cls.__name__) is not cls:
            raise FileFormatError(
                f"the file names a folder, {config.get('handle')!r}, from which a text embedding "
                "would be read. If you trust the file, load it with "
                "custom_objects={'KerasLayer': hub.KerasLayer}"
            )
        return super().from_config(config)

    def get_config(self) -> dict[str, Any]:
        own = {"handle": self.handle, "combiner": self.combiner, "max_words": self.max_words}
        return {**super().get_config(), **own}


def read_text_embedding(folder: Any) -> tuple[list[bytes], np.ndarray]:
    """(words, table) of a folder; the table has one row more than there are words."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    place = Path(folder)
    for name in (VOCABULARY, EMBEDDINGS):
        if not (place / name).is_file():
            raise FileFormatError(
                f"hub: {place} has no {name}; a text embedding is a folder with {VOCABULARY} and "
                f"{EMBEDDINGS}, as hub.save_text_embedding writes it. Addresses on the web are not "
                "loaded"
            )
    words = (place / VOCABULARY).read_bytes().splitlines()
    try:
        table = load_file(place / EMBEDDINGS)["embeddings"]
    except (SafetensorError, KeyError) as error:
        raise FileFormatError(f"hub: {place / EMBEDDINGS} cannot be read: {error}") from error
    if table.ndim != 2 or len(table) != len(words) + 1:
        raise FileFormatError(
            f"hub: {place} has {len(words)} words, so that the table should have {len(words) + 1} "
            f"rows (the last one for unknown words); its shape is {table.shape}"
        )
    return words, table.astype(dtypes.float32)


def save_text_embedding(folder: Any, words: Any, table: Any) -> None:
    """Write a folder that `KerasLayer` reads.

    Args:
        folder: where; it is made if it is missing.
        words: texts without white space.
        table: (number of words + 1, size), the last row for unknown words.
    """
    from safetensors.numpy import save_file

    lines = as_bytes(list(words))
    values = np.ascontiguousarray(np.asarray(table, np.float32))
    if values.ndim != 2 or len(values) != len(lines) + 1:
        raise InvalidArgumentError(
            f"save_text_embedding: expected a table of {len(lines) + 1} rows, received shape "
            f"{values.shape}"
        )
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    (place / VOCABULARY).write_bytes(b"\n".join(lines))
    save_file({"embeddings": values}, place / EMBEDDINGS)


def load(handle: Any, **options: Any) -> KerasLayer:
    """The embedding as a function of texts."""
    return KerasLayer(handle, **options)
