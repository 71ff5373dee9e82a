"""`keras.layers`: the names of `tensorcore.layers`."""

from tensorcore.layers import *  # noqa: F403
from tensorcore.layers import __all__ as __all__
