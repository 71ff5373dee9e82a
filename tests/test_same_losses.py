"""Traced training has the losses of eager training, step by step, over 200 steps of real models.

The data are Fashion-MNIST and IMDB where TENSORCORE_DATA_DIR has them, else drawn alike.  On the
CPU the steps have the same bits in both modes: who multiplies, and the order of sums, are decided
by shapes alone, and what is not compiled yet has only a reference of the same bits in its place.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras
from tests import emulator

STEPS = 200
# On the emulator, where a step of the whole batch takes seconds.
EMULATED_STEPS = {"w1": 20, "w2": 10, "w3": 2}
EMULATED_SHARE = 16
# In processes of their own: past the run at which a plan's kernels are compiled, so many that the
# convolution's last digits would have grown to a hundredth.
FRESH_STEPS = {"w1": 200, "w2": 60, "w3": 100}
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
        layers.Dense(128, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
    x, y = images(rng, 32 * STEPS)
    return stack, "sparse_categorical_crossentropy", (x[..., None], y), 32


def w3(rng):
    stack = [
        layers.Embedding(10000, 16, input_shape=(256,)),
        layers.GlobalAveragePooling1D(),
        layers.Dense(16, activation="relu"),
        layers.Dense(1, activation="sigmoid"),
    ]
    return stack, "binary_crossentropy", reviews(rng, 25 * 512), 512


def losses(make, run_eagerly, steps, share):
    """The loss of each step with a share of the batch; weights and dropout follow the seed."""
    keras.utils.set_random_seed(5)
    stack, loss, (x, y), batch = make(np.random.default_rng(0))
    batch //= share
    model = keras.Sequential(stack)
    model.compile("adam", loss, run_eagerly=run_eagerly)
    found = []
    for step in range(steps):
        rows = slice(start := step * batch % len(x), start + batch)
        found += model.fit(x[rows], y[rows], batch_size=batch, verbose=0).history["loss"]
    return np.array(found)


@pytest.fixture
def deterministic():
    tc.config.deterministic(True)
    yield
    tc.config.deterministic(False)


@pytest.mark.parametrize("make", [w1, w2, w3])
def test_losses_of_traced_steps_are_those_of_eager_steps(device, make, deterministic):
    steps, share = STEPS, 1
    if device.kind == "gpu" and emulator.is_installed():
        steps, share = EMULATED_STEPS[make.__name__], EMULATED_SHARE
    traced, eager = (losses(make, eagerly, steps, share) for eagerly in (False, True))
    np.testing.assert_allclose(traced, eager, rtol=1e-5)
    if steps == STEPS:
        assert eager[-5:].mean() < eager[:5].mean()
    if device.kind == "cpu":
        np.testing.assert_array_equal(traced, eager)


# In processes as a user starts them ---------------------------------------------------------------

FRESH = """
import json, sys
from tests import test_same_losses as t

names, eagerly = sys.argv[1].split(), sys.argv[2] == "eager"
found = [t.losses(getattr(t, name), eagerly, t.FRESH_STEPS[name], 1).tolist() for name in names]
from tensorcore.kernels.cpu import background, jit
print(json.dumps([found, jit.compilations]))
"""


def fresh(names, mode, **environment):
    """The losses of a process in which nothing is set but a cache folder, and its compilations."""
    unset = ("TENSORCORE_COMPILE", "TENSORCORE_NUM_THREADS", "TENSORCORE_PASSES")
    result = subprocess.run(
        [sys.executable, "-c", FRESH, " ".join(names), mode],
        env={k: v for k, v in os.environ.items() if k not in unset} | environment,
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    found, compilations = json.loads(result.stdout.splitlines()[-1])
    return found, compilations


@pytest.fixture(scope="module")
def traced():
    """The losses of each model in a process that trains as a user's does."""
    return dict(zip(FRESH_STEPS, fresh(FRESH_STEPS, "traced")[0], strict=True))


def test_fit_loses_what_an_eager_process_loses(traced):
    eager, _ = fresh(FRESH_STEPS, "eager")
    assert list(traced.values()) == eager


def test_losses_do_not_depend_on_what_was_compiled_before(traced, tmp_path):
    """Not even in the first process on a machine, which goes over to kernels as they are ready."""
    (first,), compilations = fresh(["w2"], "traced", TENSORCORE_CACHE_DIR=str(tmp_path))
    assert compilations > 0
    assert first == traced["w2"]
