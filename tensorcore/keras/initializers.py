"""`keras.initializers`: the names of `tensorcore.initializers`."""

from tensorcore.initializers import *  # noqa: F403
from tensorcore.initializers import __all__ as __all__
from tensorcore.keras.later import refusal

__getattr__ = refusal(__name__, __all__)
