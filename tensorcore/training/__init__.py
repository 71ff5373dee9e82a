"""Models, the training loop, and callbacks."""

from tensorcore.training.callbacks import (
    Callback,
    CallbackList,
    EarlyStopping,
    LambdaCallback,
    TerminateOnNaN,
)
from tensorcore.training.history import History
from tensorcore.training.model import Model
from tensorcore.training.sequential import Sequential

__all__ = [
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "Model",
    "Sequential",
    "TerminateOnNaN",
]
