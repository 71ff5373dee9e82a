"""Training waits for the GPU when there is something to show, and at no other time.

Counted on the emulator: epochs of few and of many steps wait equally often.
"""

from __future__ import annotations

import io

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras, progress
from tests import emulator

pytestmark = [
    pytest.mark.skipif(not emulator.is_installed(), reason="the emulator counts syncs"),
    pytest.mark.parametrize("device", ["gpu"], indirect=True),
]
layers, callbacks, metrics = keras.layers, keras.callbacks, keras.metrics
BATCH, FEW, MANY = 4, 4, 9


class WithAStepOfItsOwn(keras.Sequential):
    """Trains as the guides do it by hand."""

    def train_step(self, data):
        x, y = data
        with tc.GradientTape() as tape:
            predicted = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=predicted)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, predicted)
        return {metric.name: metric.result() for metric in self.metrics}


def compiled(kind=keras.Sequential, policy=None, optimizer="adam", **options):
    model = kind(
        [
            layers.Dense(8, activation="relu", dtype=policy),
            layers.Dropout(0.2, dtype=policy),
            layers.Dense(3, activation="softmax", dtype="float32"),
        ]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", **options)
    return model


def decaying():
    return keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9))


def clipped():
    return keras.optimizers.Adam(use_ema=True, global_clipnorm=1.0)


def scaled():
    return keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())


def checkpoint(folder):
    return callbacks.ModelCheckpoint(folder / "m.weights.h5", save_weights_only=True)


# name -> (model, options of fit, callbacks made of a folder)
CASES = {
    "plain": (compiled, {}, None),
    "verbose=1": (compiled, {"verbose": 1}, None),
    "verbose=2": (compiled, {"verbose": 2}, None),
    "metrics": (
        lambda: compiled(
            metrics=["accuracy", metrics.SparseTopKCategoricalAccuracy(2)],
            weighted_metrics=[metrics.SparseCategoricalCrossentropy()],
        ),
        {},
        None,
    ),
    "validation": (lambda: compiled(metrics=["accuracy"]), {"validation_split": 0.25}, None),
    "class_weight": (compiled, {"class_weight": {0: 1.0, 1: 2.0}}, None),
    "EarlyStopping": (
        compiled,
        {"validation_split": 0.25},
        lambda _: callbacks.EarlyStopping(patience=9, restore_best_weights=True),
    ),
    "ModelCheckpoint": (compiled, {}, checkpoint),
    "BackupAndRestore": (compiled, {}, callbacks.BackupAndRestore),
    "ReduceLROnPlateau": (
        compiled,
        {},
        lambda _: callbacks.ReduceLROnPlateau(monitor="loss", patience=1),
    ),
    "LearningRateScheduler": (
        compiled,
        {},
        lambda _: callbacks.LearningRateScheduler(lambda epoch, rate: 0.9 * rate),
    ),
    "CSVLogger": (compiled, {}, lambda folder: callbacks.CSVLogger(folder / "log.csv")),
    "a callback that does not look": (
        compiled,
        {},
        lambda _: callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None),
    ),
    "a schedule": (lambda: compiled(optimizer=decaying()), {}, None),
    "clipping and averages": (lambda: compiled(optimizer=clipped()), {}, None),
    "a step of its own": (
        lambda: compiled(WithAStepOfItsOwn, metrics=["accuracy"]),
        {},
        None,
    ),
    "a scaled loss": (lambda: compiled(optimizer=scaled()), {}, None),
    "mixed_float16": (lambda: compiled(policy="mixed_float16"), {}, None),
    "mixed_bfloat16": (lambda: compiled(policy="mixed_bfloat16"), {}, None),
}


def samples(steps):
    rng = np.random.default_rng(0)
    rows = BATCH * steps
    return rng.normal(size=(rows, 6)).astype("float32"), rng.integers(0, 3, rows)


def counts(model, steps, **options):
    with emulator.counting() as seen:
        model.fit(*samples(steps), batch_size=BATCH, **{"verbose": 0, **options})
    return seen


@pytest.mark.parametrize("name", CASES)
def test_a_step_waits_for_nothing(device, name, tmp_path):
    build, options, callback = CASES[name]
    if callback is not None:
        options = {**options, "callbacks": callback(tmp_path)}
    model = build()
    counts(model, FEW, epochs=2, **options)
    # One batch to validate with is brought by itself; of more, the arrays are, and then the rows.
    steps = 2 * FEW if "validation_split" in options else FEW
    few, many = (counts(model, count, **options) for count in (steps, 2 * steps))
    assert many.host_to_device - few.host_to_device == steps, "one copy a batch"
    assert many.syncs == few.syncs
    assert many.device_to_host == few.device_to_host


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def test_a_progress_bar_waits_when_it_draws(device, monkeypatch):
    model = compiled(metrics=["accuracy"])
    counts(model, FEW, epochs=2)
    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setattr(progress, "DRAW_EVERY_S", 1e6)
    few, many = (counts(model, steps, verbose=1) for steps in (FEW, MANY))
    assert many.syncs == few.syncs > counts(model, FEW).syncs
    monkeypatch.setattr(progress, "DRAW_EVERY_S", 0.0)
    assert counts(model, MANY, verbose=1).syncs >= few.syncs + 2 * (MANY - FEW)


def test_callbacks_that_look_see_the_metrics_of_the_batch(device):
    """Logs that are kept are read before the metrics move on."""
    seen, kept = [], []

    def look(batch, logs):
        seen.append(logs["loss"])

    model = compiled()
    waiting = counts(
        model, FEW, epochs=2, callbacks=callbacks.LambdaCallback(on_train_batch_end=look)
    )
    assert waiting.syncs >= 2 * 2 * FEW
    model = compiled()
    keeping = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: kept.append(logs))
    counts(model, FEW, callbacks=keeping)
    assert len({logs["loss"] for logs in kept}) == FEW
    assert len(set(seen)) == 2 * FEW


def test_skipped_steps_are_counted_on_the_device_and_shown_at_the_end_of_an_epoch(device, capsys):
    model = compiled(optimizer=scaled())
    weights = np.ones(BATCH * FEW, np.float32)
    usual = [counts(model, FEW, sample_weight=weights) for _ in range(2)][-1]
    weights[0] = 1e36  # times the scale of the loss that is too much
    assert counts(model, FEW, sample_weight=weights).syncs == usual.syncs
    capsys.readouterr()
    counts(model, FEW, verbose=2)
    assert "skipped_steps: 1" in "".join(capsys.readouterr())
