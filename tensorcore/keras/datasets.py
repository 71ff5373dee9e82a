"""`keras.datasets`: modules with a `load_data()`."""

from tensorcore.datasets import *  # noqa: F403
from tensorcore.datasets import __all__ as __all__
from tensorcore.keras.later import refusal

__getattr__ = refusal(__name__, __all__)
