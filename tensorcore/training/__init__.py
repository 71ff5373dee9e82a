"""Models, the training loop, and callbacks."""

from tensorcore.training.backup import BackupAndRestore
from tensorcore.training.callbacks import (
    Callback,
    CallbackList,
    EarlyStopping,
    LambdaCallback,
    ProgbarLogger,
    TerminateOnNaN,
)
from tensorcore.training.checkpoint import ModelCheckpoint
from tensorcore.training.cloning import clone_model, model_from_json
from tensorcore.training.functional import Functional
from tensorcore.training.history import History
from tensorcore.training.model import Model
from tensorcore.training.rates import LearningRateScheduler, ReduceLROnPlateau
from tensorcore.training.records import CSVLogger, TensorBoard
from tensorcore.training.sequential import Sequential

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "Functional",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "Model",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "Sequential",
    "TensorBoard",
    "TerminateOnNaN",
    "clone_model",
    "model_from_json",
]
