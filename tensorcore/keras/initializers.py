"""`keras.initializers`: the names of `tensorcore.initializers`."""

from tensorcore.initializers import *  # noqa: F403
from tensorcore.initializers import __all__ as __all__
