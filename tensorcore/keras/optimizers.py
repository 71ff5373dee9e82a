"""`keras.optimizers`: the names of `tensorcore.optimizers`."""

from tensorcore.optimizers import *  # noqa: F403
from tensorcore.optimizers import __all__ as __all__
