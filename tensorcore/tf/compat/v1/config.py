"""Settings of sessions, which are accepted, and the names of collections."""

from __future__ import annotations

from typing import Any


class Settings:
    """Takes any setting; sessions here need none."""

    def __init__(self, **settings: Any) -> None:
        self.__dict__.update(settings)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        inner = Settings()
        self.__dict__[name] = inner
        return inner


class ConfigProto(Settings):
    """`tf.Session(config=tf.ConfigProto(...))`."""


class GPUOptions(Settings):
    """`config.gpu_options`: memory is taken as it is needed, always."""


class GraphOptions(Settings):
    """`config.graph_options`."""


class OptimizerOptions(Settings):
    """`graph_options.optimizer_options`."""


class RunOptions(Settings):
    """`sess.run(..., options=...)`."""

    FULL_TRACE = 3
    NO_TRACE = 0


class RunMetadata(Settings):
    """`sess.run(..., run_metadata=...)`."""


class GraphKeys:
    """The names of a graph's collections."""

    GLOBAL_VARIABLES = VARIABLES = "variables"
    LOCAL_VARIABLES = "local_variables"
    MODEL_VARIABLES = "model_variables"
    TRAINABLE_VARIABLES = "trainable_variables"
    MOVING_AVERAGE_VARIABLES = "moving_average_variables"
    SUMMARIES = "summaries"
    LOSSES = "losses"
    REGULARIZATION_LOSSES = "regularization_losses"
    WEIGHTS = "weights"
    BIASES = "biases"
    UPDATE_OPS = "update_ops"
    TRAIN_OP = "train_op"
    GLOBAL_STEP = "global_step"
    INIT_OP = "init_op"
