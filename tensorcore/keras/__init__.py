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
    optimizers,
    preprocessing,
    regularizers,
    saving,
    utils,
)
from tensorcore.layers import Input, Layer
from tensorcore.layers.policy import DTypePolicy
from tensorcore.losses import Loss
from tensorcore.metrics import Metric
from tensorcore.optimizers import Optimizer
from tensorcore.training import Model, Sequential
from tensorcore.variable import Variable

__all__ = [
    "DTypePolicy",
    "Initializer",
    "Input",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
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
    "optimizers",
    "preprocessing",
    "regularizers",
    "saving",
    "utils",
]
