"""`keras.activations`: functions such as `relu`, and `get("relu")`."""

from tensorcore.layers.activations import *  # noqa: F403
from tensorcore.layers.activations import __all__ as __all__
