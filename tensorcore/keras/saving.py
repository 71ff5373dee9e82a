"""`keras.saving`: models, weights and objects as files."""

from tensorcore.keras.later import refusal
from tensorcore.saving.models import load_model, load_weights, save_model, save_weights
from tensorcore.saving.objects import deserialize_keras_object, serialize_keras_object
from tensorcore.saving.registry import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    register_keras_serializable,
)
from tensorcore.saving.registry import registered_name as get_registered_name
from tensorcore.saving.registry import registered_object as get_registered_object

__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]

__getattr__ = refusal(__name__, __all__)
