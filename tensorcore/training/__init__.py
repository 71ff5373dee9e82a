"""Models, the training loop, and callbacks."""

from tensorcore.training.callbacks import (
    Callback,
    CallbackList,
    EarlyStopping,
    LambdaCallback,
    TerminateOnNaN,
)
from tensorcore.training.checkpoint import ModelCheckpoint
from tensorcore.training.cloning import clone_model, model_from_json
from tensorcore.training.functional import Functional
from tensorcore.training.history import History
from tensorcore.training.model import Model
from tensorcore.training.sequential import Sequential

__all__ = [
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "Functional",
    "History",
    "LambdaCallback",
    "Model",
    "ModelCheckpoint",
    "Sequential",
    "TerminateOnNaN",
    "clone_model",
    "model_from_json",
]
