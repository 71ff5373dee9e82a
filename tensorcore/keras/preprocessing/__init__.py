"""`keras.preprocessing`: older places of functions."""

from tensorcore.keras.later import refusal
from tensorcore.keras.preprocessing import image, sequence, text
from tensorcore.training.folders import image_dataset_from_directory, text_dataset_from_directory
from tensorcore.training.splitting import timeseries_dataset_from_array

__all__ = [
    "image",
    "image_dataset_from_directory",
    "sequence",
    "text",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
]

__getattr__ = refusal(__name__, __all__)
