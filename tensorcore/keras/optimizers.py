"""`keras.optimizers`: the names of `tensorcore.optimizers`."""

from tensorcore.keras.later import refusal
from tensorcore.optimizers import *  # noqa: F403
from tensorcore.optimizers import __all__ as __all__

__getattr__ = refusal(__name__, __all__)
