"""`keras.models`: Sequential and Model, loading and cloning."""

from tensorcore.keras.later import refusal
from tensorcore.saving.models import load_model, save_model
from tensorcore.training import Functional, Model, Sequential, clone_model, model_from_json

__all__ = [
    "Functional",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]

__getattr__ = refusal(__name__, __all__)
