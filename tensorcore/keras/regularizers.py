"""`keras.regularizers`: the names of `tensorcore.regularizers`."""

from tensorcore.regularizers import *  # noqa: F403
from tensorcore.regularizers import __all__ as __all__
