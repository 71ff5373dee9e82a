"""`keras.backend`: what programs still use of it."""

from tensorcore.keras.later import refusal
from tensorcore.layers.naming import reset_names as clear_session
from tensorcore.losses.functions import epsilon
from tensorcore.training.utils import floatx, image_data_format

__all__ = ["clear_session", "epsilon", "floatx", "image_data_format"]

__getattr__ = refusal(__name__, __all__)
