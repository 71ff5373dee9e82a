"""`keras.activations`: functions such as `relu`, and `get("relu")`."""

from tensorcore.keras.later import refusal
from tensorcore.layers.activations import *  # noqa: F403
from tensorcore.layers.activations import __all__ as __all__

__getattr__ = refusal(__name__, __all__)
