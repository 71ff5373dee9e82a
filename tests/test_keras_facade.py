"""The facade: the names Keras users know, in all ways of importing them, and cheaply."""

from __future__ import annotations

import importlib
import subprocess
import sys

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras

NAMES = [
    "layers.Conv1D",
    "layers.Conv2DTranspose",
    "layers.DepthwiseConv2D",
    "layers.SeparableConv2D",
    "layers.AveragePooling2D",
    "layers.GlobalAveragePooling2D",
    "layers.GlobalMaxPooling1D",
    "layers.BatchNormalization",
    "layers.LayerNormalization",
    "layers.GroupNormalization",
    "layers.Normalization",
    "layers.Rescaling",
    "layers.Concatenate",
    "layers.Add",
    "layers.concatenate",
    "layers.add",
    "layers.Reshape",
    "layers.Permute",
    "layers.RepeatVector",
    "layers.UpSampling2D",
    "layers.ZeroPadding2D",
    "layers.Cropping2D",
    "layers.LSTM",
    "layers.GRU",
    "layers.SimpleRNN",
    "layers.RNN",
    "layers.LSTMCell",
    "layers.Bidirectional",
    "layers.TimeDistributed",
    "layers.MultiHeadAttention",
    "layers.Attention",
    "layers.Lambda",
    "layers.LeakyReLU",
    "layers.PReLU",
    "layers.TextVectorization",
    "layers.StringLookup",
    "layers.CategoryEncoding",
    "layers.Masking",
    "regularizers.l2",
    "regularizers.L1L2",
    "constraints.max_norm",
    "initializers.Orthogonal",
    "optimizers.RMSprop",
    "optimizers.AdamW",
    "optimizers.Adagrad",
    "optimizers.Nadam",
    "optimizers.schedules.CosineDecay",
    "losses.Huber",
    "losses.KLDivergence",
    "losses.huber",
    "metrics.AUC",
    "metrics.Precision",
    "metrics.Recall",
    "metrics.RootMeanSquaredError",
    "metrics.F1Score",
    "metrics.MeanIoU",
    "metrics.TopKCategoricalAccuracy",
    "callbacks.ReduceLROnPlateau",
    "callbacks.LearningRateScheduler",
    "callbacks.CSVLogger",
    "callbacks.TensorBoard",
    "callbacks.BackupAndRestore",
    "utils.pad_sequences",
    "utils.timeseries_dataset_from_array",
    "preprocessing.text.Tokenizer",
    "preprocessing.sequence.pad_sequences",
    "activations.mish",
    "Sequential",
    "Model",
    "Input",
    "Layer",
    "Loss",
    "Metric",
    "Optimizer",
    "Initializer",
    "Variable",
    "layers.Dense",
    "layers.Flatten",
    "layers.Dropout",
    "layers.Conv2D",
    "layers.MaxPooling2D",
    "layers.Embedding",
    "layers.GlobalAveragePooling1D",
    "layers.Activation",
    "layers.ReLU",
    "layers.Softmax",
    "layers.Input",
    "layers.InputLayer",
    "layers.Layer",
    "models.Sequential",
    "models.Model",
    "optimizers.SGD",
    "optimizers.Adam",
    "optimizers.Optimizer",
    "optimizers.get",
    "optimizers.schedules.ExponentialDecay",
    "optimizers.schedules.LearningRateSchedule",
    "losses.SparseCategoricalCrossentropy",
    "losses.CategoricalCrossentropy",
    "losses.BinaryCrossentropy",
    "losses.MeanSquaredError",
    "losses.MeanAbsoluteError",
    "losses.mean_squared_error",
    "losses.get",
    "metrics.Mean",
    "metrics.Accuracy",
    "metrics.BinaryAccuracy",
    "metrics.CategoricalAccuracy",
    "metrics.SparseCategoricalAccuracy",
    "metrics.MeanSquaredError",
    "metrics.MeanMetricWrapper",
    "activations.relu",
    "activations.softmax",
    "activations.get",
    "initializers.GlorotUniform",
    "initializers.HeNormal",
    "initializers.Constant",
    "initializers.get",
    "callbacks.Callback",
    "callbacks.EarlyStopping",
    "callbacks.History",
    "callbacks.LambdaCallback",
    "callbacks.TerminateOnNaN",
    "datasets.mnist.load_data",
    "datasets.fashion_mnist.load_data",
    "utils.to_categorical",
    "utils.set_random_seed",
    "backend.clear_session",
    "backend.epsilon",
]


@pytest.mark.parametrize("path", NAMES)
def test_name_is_there(path):
    found = keras
    for part in path.split("."):
        found = getattr(found, part)
    assert found is not None


@pytest.mark.parametrize(
    "module", ["layers", "models", "optimizers", "losses", "metrics", "callbacks", "datasets"]
)
def test_modules_can_be_imported(module):
    found = importlib.import_module(f"tensorcore.keras.{module}")
    assert getattr(keras, module) is found
    for name in found.__all__:
        assert hasattr(found, name)


def test_the_ways_of_importing_give_the_same():
    from tensorcore.keras import layers
    from tensorcore.keras.layers import Dense

    assert layers.Dense is Dense is tc.keras.layers.Dense


def test_import_loads_nothing_heavy():
    program = (
        "import sys; from tensorcore import keras; keras.Sequential([keras.layers.Dense(1)]);"
        "print([m for m in ('numba', 'rich', 'cupy', 'h5py', 'pooch') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_to_categorical():
    assert keras.utils.to_categorical([0, 2, 1]).tolist() == np.eye(3)[[0, 2, 1]].tolist()
    assert keras.utils.to_categorical([[1], [0]], 2).tolist() == [[0.0, 1.0], [1.0, 0.0]]
    with pytest.raises(ValueError, match="label 3 is out of range; expected 0 to 2"):
        keras.utils.to_categorical([3], num_classes=3)
    with pytest.raises(ValueError, match="expected integer labels"):
        keras.utils.to_categorical([0.5])


def test_set_random_seed():
    def draw():
        keras.utils.set_random_seed(3)
        return np.random.random(), tc.random.normal((3,), device="cpu").tolist()

    assert draw() == draw()


def test_clear_session_counts_names_anew():
    keras.backend.clear_session()
    assert keras.layers.Dense(1).name == "dense"
    keras.backend.clear_session()
    assert keras.layers.Dense(1).name == "dense"
