"""Traced training has the losses of eager training, step by step, over 200 steps of real models.

The data are Fashion-MNIST and IMDB where TENSORCORE_DATA_DIR has them, else drawn alike.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tensorcore import keras
from tests import emulator

STEPS = 200
layers = keras.layers


def images(rng, samples):
    folder = os.environ.get("TENSORCORE_DATA_DIR", "")
    if folder and Path(folder, "fashion-mnist").is_dir():
        (x, y), _ = keras.datasets.fashion_mnist.load_data()
        return (x[:samples] / 255).astype(np.float32), y[:samples].astype(np.int32)
    return rng.random((samples, 28, 28), np.float32), rng.integers(0, 10, samples)


def reviews(rng, samples):
    path = Path(os.environ.get("TENSORCORE_DATA_DIR", ""), "imdb", "imdb.npz")
    if path.is_file():
        with np.load(path, allow_pickle=True) as file:  # the data set is made of Python lists
            rows, y = file["x_train"][:samples], file["y_train"][:samples]
    else:
        rows = [rng.integers(1, 2000, rng.integers(20, 300)) for _ in range(samples)]
        y = rng.integers(0, 2, samples)
    x = np.zeros((samples, 256), np.int32)
    for target, row in zip(x, rows, strict=True):
        ids = [word if word < 10000 else 2 for word in row][:256]
        target[: len(ids)] = ids
    return x, y.astype(np.int32)


def w1(rng):
    stack = [
        layers.Flatten(input_shape=(28, 28)),
        layers.Dense(128, activation="relu"),
        layers.Dropout(0.2),
        layers.Dense(10, activation="softmax"),
    ]
    return stack, "sparse_categorical_crossentropy", images(rng, 32 * STEPS), 32


def w2(rng):
    stack = [
        layers.Conv2D(32, 3, activation="relu", input_shape=(28, 28, 1)),
        layers.Flatten(),
        layers.Dense(32, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
    x, y = images(rng, 4 * STEPS)
    return stack, "sparse_categorical_crossentropy", (x[..., None], y), 4


def w3(rng):
    stack = [
        layers.Embedding(10000, 16, input_shape=(256,)),
        layers.GlobalAveragePooling1D(),
        layers.Dense(16, activation="relu"),
        layers.Dense(1, activation="sigmoid"),
    ]
    return stack, "binary_crossentropy", reviews(rng, 16 * STEPS), 16


def losses(make, run_eagerly):
    """The loss as `fit` tells it after each step, the mean so far; weights, order and dropout
    follow the seed.
    """
    keras.utils.set_random_seed(5)
    stack, loss, (x, y), batch = make(np.random.default_rng(0))
    model = keras.Sequential(stack)
    model.compile("adam", loss, run_eagerly=run_eagerly)
    means = []
    note = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: means.append(logs["loss"])
    )
    model.fit(x, y, batch_size=batch, epochs=1, verbose=0, callbacks=[note])
    return np.array(means)


@pytest.mark.parametrize("make", [w1, w2, w3])
def test_losses_of_traced_steps_are_those_of_eager_steps(device, make):
    if device.kind == "gpu" and emulator.is_installed():
        pytest.skip("hundreds of steps take minutes on the emulator")
    traced, eager = losses(make, run_eagerly=False), losses(make, run_eagerly=True)
    assert len(traced) == STEPS
    assert eager[-1] < eager[:5].mean()
    # Products may add up in another order, and training makes more of a last digit from step to
    # step: single losses are compared with less, the loss that is told with 1e-5.
    np.testing.assert_allclose(traced, eager, rtol=1e-5)
    numbers = np.arange(1, STEPS + 1)
    single = [np.diff(means * numbers, prepend=0.0) for means in (traced, eager)]
    np.testing.assert_allclose(*single, rtol=1e-3, atol=1e-3)
