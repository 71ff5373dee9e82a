"""The names that Keras users know: `from tensorcore import keras` instead of `import keras`.

There is no logic here: each name is defined in the rooms below.
"""

from tensorcore.initializers import Initializer
from tensorcore.keras import (
    activations,
    backend,
    callbacks,
    constraints,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    mixed_precision,
    models,
    ops,
    optimizers,
    preprocessing,
    random,
    regularizers,
    saving,
    utils,
)
from tensorcore.keras.later import refusal
from tensorcore.layers import Input, InputSpec, Layer
from tensorcore.layers.policy import DTypePolicy
from tensorcore.losses import Loss
from tensorcore.metrics import Metric
from tensorcore.optimizers import Optimizer
from tensorcore.regularizers import Regularizer
from tensorcore.training import Model, Sequential
from tensorcore.variable import Variable

__all__ = [
    "DTypePolicy",
    "Initializer",
    "Input",
    "InputSpec",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "Variable",
    "activations",
    "backend",
    "callbacks",
    "constraints",
    "datasets",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "utils",
]

__version__ = "3.15.0"  # the Keras whose names these are

__getattr__ = refusal(__name__, __all__)
