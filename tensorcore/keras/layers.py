"""`keras.layers`: the names of `tensorcore.layers`."""

from tensorcore.keras.later import refusal
from tensorcore.layers import *  # noqa: F403
from tensorcore.layers import __all__ as __all__

__getattr__ = refusal(__name__, __all__)
