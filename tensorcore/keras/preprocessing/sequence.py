"""`keras.preprocessing.sequence`."""

from tensorcore.training.sequences import pad_sequences

__all__ = ["pad_sequences"]
