"""Whether this machine computes as exactly as the published table says, on each device."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

import tensorcore as tc
from tensorcore.accuracy import less_exact, line, measure, published
from tensorcore.device import CPU, Device
from tensorcore.doctor.finding import BROKEN, DEGRADED, GOOD, Finding

STEPS = 200
ALLOWED = 1e-4  # how far the losses of a training on CPU and GPU may be apart
SHOWN = 3


def check() -> list[Finding]:
    """The accuracy table of each device, and whole trainings on CPU and GPU side by side."""
    devices = tc.devices()
    findings = [_table(device) for device in devices]
    return findings + [_trainings(device) for device in devices if device is not CPU]


def _table(device: Device) -> Finding:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = measure(device.name)
    return judged(device.name, rows, published())


def judged(name: str, rows: list[dict[str, Any]], known: dict[str, float]) -> Finding:
    """What to say about the rows of a device."""
    worse = less_exact(rows, known)
    topic = f"accuracy on {name}"
    if not worse:
        return Finding(topic, f"{len(rows)} rows are as exact as published")
    some = "; ".join(" ".join(line(row).split()) for row in worse[:SHOWN])
    return Finding(
        topic,
        f"{len(worse)} of {len(rows)} rows are less exact than published: {some}",
        DEGRADED,
        "report these lines with the output of tensorcore doctor --json",
    )


def losses_on(device: Device, steps: int = STEPS) -> np.ndarray:
    """The losses of a small training with dropout, the same on every device."""
    from tensorcore import keras

    rng = np.random.default_rng(0)
    x = rng.normal(size=(64 * 8, 12)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int32)
    with device:
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [
                keras.layers.Dense(32, activation="relu", input_shape=(12,)),
                keras.layers.Dropout(0.2),
                keras.layers.Dense(2, activation="softmax"),
            ]
        )
        model.compile("adam", "sparse_categorical_crossentropy")
        found = []
        for step in range(steps):
            rows = slice(64 * (step % 8), 64 * (step % 8) + 64)
            found.append(model.train_on_batch(x[rows], y[rows]))
    return np.asarray(found)


def _trainings(device: Device) -> Finding:
    return compared(device.name, losses_on(CPU), losses_on(device))


def compared(name: str, expected: np.ndarray, found: np.ndarray) -> Finding:
    """What to say about the losses of the same training on the CPU and on another device."""
    difference = float(np.max(np.abs(expected - found)))
    text = f"losses of {len(found)} steps differ from the CPU's by {difference:.1e} at the most"
    good = difference <= ALLOWED
    return Finding(
        f"training on {name}",
        text,
        GOOD if good else BROKEN,
        "" if good else "report this with the output of tensorcore doctor --json",
    )
