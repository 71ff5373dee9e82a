"""`keras.preprocessing.text`."""

from tensorcore.keras.later import refusal
from tensorcore.training.text import (
    Tokenizer,
    hashing_trick,
    one_hot,
    text_to_word_sequence,
    tokenizer_from_json,
)

__all__ = [
    "Tokenizer",
    "hashing_trick",
    "one_hot",
    "text_to_word_sequence",
    "tokenizer_from_json",
]

__getattr__ = refusal(__name__, __all__)
