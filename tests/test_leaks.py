"""Long runs do not grow: ten thousand traced steps, five hundred models made and dropped."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras

MIB = 2**20


def resident() -> int:
    """Bytes of this process in memory."""
    gc.collect()
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status has no VmRSS")


def objects() -> int:
    """Objects that the garbage collector knows."""
    gc.collect()
    return len(gc.get_objects())


def model_and_data(samples):
    rng = np.random.default_rng(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Dense(4, activation="relu", input_shape=(3,)),
            layers.Dropout(0.2),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, rng.normal(size=(samples, 3)).astype(np.float32), rng.integers(0, 2, samples)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_ten_thousand_traced_steps():
    with tc.device("cpu"):
        model, x, y = model_and_data(1000)
        model.fit(x, y, batch_size=1, epochs=1, verbose=0)
        before, known = resident(), objects()
        model.fit(x, y, batch_size=1, epochs=10, verbose=0)
        assert objects() - known < 500
        assert resident() - before < 8 * MIB


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_models_that_are_dropped_leave_nothing():
    def cycle(count):
        for _ in range(count):
            model, x, y = model_and_data(8)
            model.fit(x, y, batch_size=4, epochs=2, verbose=0)
            model.predict(x, verbose=0)
            model(x)

    with tc.device("cpu"):
        cycle(20)
        before, known = resident(), objects()
        cycle(480)
        # A model has thousands of objects, and its plan some kilobytes of buffers.
        assert objects() - known < 2000
        assert resident() - before < 16 * MIB
