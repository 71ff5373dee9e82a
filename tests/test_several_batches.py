"""Batches that are run several at once, without Python between them, as if each ran by itself."""

from __future__ import annotations

import gc
import io
import weakref

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras
from tensorcore.errors import OutOfRangeError
from tensorcore.graph.plan import COMPILES_AT_RUN

BATCH = 8
STEPS = COMPILES_AT_RUN + 40
layers = keras.layers


def samples(dtype=np.float32, steps=STEPS):
    rng = np.random.default_rng(0)
    x = (255 * rng.random((BATCH * steps + 3, 4, 5))).astype(dtype)
    return x, rng.integers(0, 3, len(x))


def compiled(device, optimizer=None, scale=1 / 255):
    keras.utils.set_random_seed(5)
    with device:
        model = keras.Sequential(
            [
                layers.Input((4, 5)),
                layers.Rescaling(scale),
                layers.Flatten(),
                layers.Dense(16, activation="relu"),
                layers.Dropout(0.3),
                layers.Dense(3, activation="softmax"),
            ]
        )
        model.compile(optimizer or "adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def trained(device, x, y, apart=False, optimizer=None, **options):
    """A model after `fit`; with a callback for each batch no two batches are taken at once."""
    model = compiled(device, optimizer() if optimizer else None)
    callbacks = [keras.callbacks.LambdaCallback(on_train_batch_begin=lambda *_: None)]
    options = {"batch_size": BATCH, "epochs": 2, "verbose": 0, **options}
    history = model.fit(x, y, callbacks=callbacks if apart else None, **options).history
    return model, history


def assert_equal_training(device, x, y, runs, **options):
    one, first = trained(device, x, y, apart=True, **options)
    assert not runs
    several, second = trained(device, x, y, **options)
    assert bool(runs) == (device.kind == "cpu")
    assert first == second
    for a, b in zip(one.get_weights(), several.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(one.optimizer.iterations) == int(several.optimizer.iterations)
    return several


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.float64])
def test_training_is_the_same(device, runs, dtype):
    x, y = samples(dtype)
    assert_equal_training(device, x, y, runs)


def test_rows_in_order_and_a_schedule(device, runs):
    def optimizer():
        return keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9))

    x, y = samples()
    assert_equal_training(device, x, y, runs, optimizer=optimizer, shuffle=False)


def test_weights_of_samples_and_validation(device, runs):
    x, y = samples()
    weights = np.linspace(0, 2, len(x))
    assert_equal_training(
        device, x, y, runs, sample_weight=weights, validation_data=(x[:40], y[:40])
    )


def test_one_thread_and_several_train_alike(runs):
    x, y = samples()
    found = []
    for threads in (1, 3):
        tc.config.threads = threads
        try:
            found.append(trained(tc.device("cpu"), x, y)[1])
        finally:
            tc.config.threads = None
    assert runs
    assert found[0] == found[1]


def test_a_bad_label_stops_where_it_would_in_single_batches(device, runs):
    x, y = samples()
    y[(COMPILES_AT_RUN + 20) * BATCH + 1] = 7

    def states(apart):
        model = compiled(device)
        calls = [keras.callbacks.LambdaCallback(on_train_batch_begin=lambda *_: None)]
        with pytest.raises(OutOfRangeError, match="label 7 is out of range"):
            model.fit(
                x,
                y,
                batch_size=BATCH,
                verbose=0,
                shuffle=False,
                callbacks=calls if apart else None,
            )
            device.synchronize()
        return model, tc.random.default_generator().state

    if device.kind != "cpu":
        pytest.skip("a GPU tells of a bad label later")
    one, state = states(apart=True)
    several, other = states(apart=False)
    assert runs
    assert int(one.optimizer.iterations) == int(several.optimizer.iterations)
    assert state == other
    for a, b in zip(one.get_weights(), several.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_random_streams_stay_where_a_failing_schedule_found_them(device, runs):
    class Fails(keras.optimizers.schedules.LearningRateSchedule):
        left = 10**9

        def __call__(self, step):
            self.left -= 1
            if self.left < 0:
                raise ArithmeticError("no rate for this step")
            return 0.01

    def counter():
        return int(tc.random.default_generator().state[1])

    x, y = samples()
    schedule = Fails()
    model = compiled(device)
    model.compile(keras.optimizers.SGD(schedule), "sparse_categorical_crossentropy")
    options = {"batch_size": BATCH, "verbose": 0, "shuffle": False}
    for _ in range(2):
        model.fit(x, y, **options)
    each = BATCH * 16 // 4  # a word for each unit that may be dropped, four words a block
    assert bool(runs) == (device.kind == "cpu")
    before, steps, schedule.left = counter(), int(model.optimizer.iterations), 6
    with pytest.raises(ArithmeticError, match="no rate for this step"):
        model.fit(x, y, **options)
    assert counter() - before == each * (int(model.optimizer.iterations) - steps)


def test_progress_counts_every_batch(monkeypatch, runs):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    x, y = samples()
    trained(tc.device("cpu"), x, y, verbose=2)
    assert runs
    assert f"{STEPS + 1}/{STEPS + 1}" in stream.getvalue()


def test_a_callback_for_batches_gets_each_of_them(device, runs):
    x, y = samples()
    seen = []
    callback = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, _: seen.append(batch)
    )
    compiled(device).fit(x, y, batch_size=BATCH, verbose=0, callbacks=[callback])
    assert seen == list(range(STEPS + 1))
    assert not runs


def test_evaluation_takes_several_batches(device, runs):
    x, y = samples()
    model = compiled(device)
    found = [model.evaluate(x, y, batch_size=BATCH, verbose=0) for _ in range(2)]
    assert found[0] == found[1]
    assert bool(runs) == (device.kind == "cpu")


def test_new_weights_between_epochs_are_used(device, runs):
    x, y = samples()
    found = []
    for apart in (True, False):
        model, _ = trained(device, x, y, apart=apart)
        model.set_weights([w * 0.5 for w in model.get_weights()])
        model.layers[2].kernel.assign(np.ones((20, 16), np.float32))
        trained_on = model.fit(
            x,
            y,
            batch_size=BATCH,
            verbose=0,
            callbacks=[keras.callbacks.LambdaCallback(on_train_batch_begin=lambda *_: None)]
            if apart
            else None,
        )
        found.append(trained_on.history)
    assert found[0] == found[1]


def test_the_data_do_not_live_on(device, runs):
    x, y = samples()
    model, _ = trained(device, x, y)
    gone = weakref.ref(x)
    del x
    gc.collect()
    assert gone() is None
    assert model.built
