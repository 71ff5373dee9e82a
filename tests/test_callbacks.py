"""Callbacks: what they write, change and say during a small training."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from tensorcore import keras
from tensorcore.errors import InvalidArgumentError, TrainingError

X = np.linspace(-1, 1, 16, dtype=np.float32)[:, None]
Y = 3 * X + 1


def small_model(optimizer="sgd"):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=optimizer, loss="mse")
    return model


def test_learning_rate_scheduler(device, capsys):
    model = small_model(keras.optimizers.SGD(0.5))
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2, verbose=1)
    history = model.fit(X, Y, epochs=3, verbose=0, callbacks=[schedule])
    assert history.history["learning_rate"] == [0.25, 0.125, 0.0625]
    assert (
        "Epoch 3: LearningRateScheduler setting learning rate to 0.0625." in capsys.readouterr().out
    )
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 * (epoch + 1))
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[schedule])
    assert float(model.optimizer.learning_rate) == pytest.approx(0.2)
    with pytest.raises(TypeError, match="expected a function"):
        keras.callbacks.LearningRateScheduler(0.1)


def test_reduce_on_plateau():
    model = small_model(keras.optimizers.SGD(0.0))  # nothing improves
    model.optimizer.learning_rate = 1e-30
    plateau = keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=2, cooldown=1)
    history = model.fit(X, Y, epochs=6, verbose=0, callbacks=[plateau])
    rates = np.array(history.history["learning_rate"]) / 1e-30
    np.testing.assert_allclose(rates, [1, 1, 1, 0.5, 0.5, 0.25], rtol=1e-5)
    with pytest.raises(InvalidArgumentError, match="factor must be below 1"):
        keras.callbacks.ReduceLROnPlateau(factor=1.0)
    with pytest.warns(UserWarning, match='no metric "val_loss"'):
        model.fit(X, Y, verbose=0, callbacks=[keras.callbacks.ReduceLROnPlateau()])


def test_csv_logger(tmp_path):
    path = tmp_path / "log.csv"
    model = small_model()
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[keras.callbacks.CSVLogger(path)])
    more = keras.callbacks.CSVLogger(path, append=True)
    history = model.fit(X, Y, epochs=3, initial_epoch=2, verbose=0, callbacks=[more])
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert float(rows[2]["loss"]) == pytest.approx(history.history["loss"][0])
    assert rows[0]["val_loss"] == "NA"


def test_backup_and_restore(tmp_path):
    class Interrupted(Exception):
        pass

    def stop(epoch, logs):
        if epoch == 2:
            raise Interrupted

    whole = small_model("adam")
    whole.fit(X, Y, epochs=5, verbose=0, shuffle=False)

    model = small_model("adam")
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    stopper = keras.callbacks.LambdaCallback(on_epoch_begin=stop)
    with pytest.raises(Interrupted):
        model.fit(X, Y, epochs=5, verbose=0, shuffle=False, callbacks=[backup, stopper])
    again = small_model("adam")
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    history = again.fit(X, Y, epochs=5, verbose=0, shuffle=False, callbacks=[backup])
    assert len(history.history["loss"]) == 3
    for a, b in zip(again.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not backup.path.exists()


def test_a_backup_of_another_model_is_refused(tmp_path):
    keeper = keras.callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
    small_model("adam").fit(X, Y, verbose=0, callbacks=[keeper])
    with pytest.raises(TrainingError, match="another model or optimizer"):
        small_model("sgd").fit(X, Y, verbose=0, callbacks=[keeper])


def test_a_class_in_the_place_of_an_object_is_explained():
    with pytest.raises(TypeError, match=r"callbacks: make an object: EarlyStopping\(\.\.\.\)"):
        small_model().fit(X, Y, verbose=0, callbacks=[keras.callbacks.EarlyStopping])


def test_running_means_are_in_the_model_after_fit():
    model = small_model(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    seen = []
    watch = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(model.get_weights()[0].item())
    )
    model.fit(X, Y, batch_size=8, epochs=1, verbose=0, callbacks=[watch])
    expected = 0.5 * seen[0] + 0.5 * seen[1]
    assert model.get_weights()[0].item() == pytest.approx(expected, rel=1e-6)
