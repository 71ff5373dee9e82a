"""`keras.preprocessing`: older places of functions."""

from tensorcore.keras.later import refusal
from tensorcore.keras.preprocessing import sequence, text
from tensorcore.training.splitting import timeseries_dataset_from_array

__all__ = ["sequence", "text", "timeseries_dataset_from_array"]

__getattr__ = refusal(__name__, __all__)
