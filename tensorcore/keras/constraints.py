"""`keras.constraints`: the names of `tensorcore.constraints`."""

from tensorcore.constraints import *  # noqa: F403
from tensorcore.constraints import __all__ as __all__
from tensorcore.keras.later import refusal

__getattr__ = refusal(__name__, __all__)
