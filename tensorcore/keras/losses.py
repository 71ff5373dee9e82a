"""`keras.losses`: the names of `tensorcore.losses`."""

from tensorcore.keras.later import refusal
from tensorcore.losses import *  # noqa: F403
from tensorcore.losses import __all__ as __all__

__getattr__ = refusal(__name__, __all__)
