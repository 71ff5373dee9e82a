"""`keras.losses`: the names of `tensorcore.losses`."""

from tensorcore.losses import *  # noqa: F403
from tensorcore.losses import __all__ as __all__
