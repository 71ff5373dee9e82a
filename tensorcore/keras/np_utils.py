"""`keras.utils.np_utils`: the older place of two functions."""

from tensorcore.keras.later import refusal
from tensorcore.training.utils import normalize, to_categorical

__all__ = ["normalize", "to_categorical"]

__getattr__ = refusal(__name__, __all__)
