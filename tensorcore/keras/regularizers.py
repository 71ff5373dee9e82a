"""`keras.regularizers`: the names of `tensorcore.regularizers`."""

from tensorcore.keras.later import refusal
from tensorcore.regularizers import *  # noqa: F403
from tensorcore.regularizers import __all__ as __all__

__getattr__ = refusal(__name__, __all__)
