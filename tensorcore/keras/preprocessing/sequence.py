"""`keras.preprocessing.sequence`."""

from tensorcore.keras.later import refusal
from tensorcore.training.sequences import pad_sequences

__all__ = ["pad_sequences"]

__getattr__ = refusal(__name__, __all__)
