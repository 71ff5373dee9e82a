"""`keras.utils`."""

from tensorcore.datasets.store import get_file
from tensorcore.keras import np_utils
from tensorcore.keras.later import refusal
from tensorcore.saving.objects import deserialize_keras_object, serialize_keras_object
from tensorcore.saving.registry import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    register_keras_serializable,
)
from tensorcore.training.folders import image_dataset_from_directory, text_dataset_from_directory
from tensorcore.training.pictures import array_to_img, img_to_array, load_img, save_img
from tensorcore.training.plot import model_to_dot, plot_model
from tensorcore.training.py_dataset import PyDataset
from tensorcore.training.sequences import pad_sequences
from tensorcore.training.splitting import split_dataset, timeseries_dataset_from_array
from tensorcore.training.utils import normalize, set_random_seed, to_categorical

Sequence = PyDataset

__all__ = [
    "CustomObjectScope",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_file",
    "image_dataset_from_directory",
    "img_to_array",
    "load_img",
    "model_to_dot",
    "normalize",
    "np_utils",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
]

__getattr__ = refusal(__name__, __all__)
