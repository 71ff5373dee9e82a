"""Traced training gives what eager training gives, and both devices give the same."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras
from tensorcore.datasets import generated


class Losses(keras.callbacks.Callback):
    """Keeps the running mean of the loss after each step."""

    def __init__(self):
        super().__init__()
        self.values = []

    def on_train_batch_end(self, batch, logs=None):
        self.values.append(logs["loss"])


def mlp():
    return keras.Sequential(
        [
            keras.layers.Flatten(input_shape=(28, 28)),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def train(model, device, eager, optimizer="adam", steps=40, loss=None):
    tc.random.set_seed(3)
    (x, y), _ = generated.load_data(n_train=16 * steps, n_test=1)
    with tc.device(device):
        network = model()
        network.compile(
            optimizer() if callable(optimizer) else optimizer,
            loss or "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            run_eagerly=eager,
        )
        losses = Losses()
        network.fit(x / np.float32(255), y, batch_size=16, verbose=0, callbacks=[losses])
    return np.array(losses.values), network


@pytest.mark.parametrize(
    "optimizer",
    [
        "adam",
        lambda: keras.optimizers.SGD(0.05),
        lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        lambda: keras.optimizers.Adam(
            keras.optimizers.schedules.ExponentialDecay(1e-2, 10, 0.5), clipnorm=1.0
        ),
    ],
    ids=["adam", "sgd", "nesterov", "adam with schedule and clipping"],
)
def test_traced_is_eager(device, optimizer):
    eager, first = train(mlp, device, True, optimizer)
    traced, second = train(mlp, device, False, optimizer)
    np.testing.assert_allclose(traced, eager, rtol=1e-6)
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert int(second.optimizer.iterations) == 40


def test_devices_agree(device):
    here, _ = train(mlp, device, False)
    there, _ = train(mlp, "cpu", False)
    np.testing.assert_allclose(here, there, atol=1e-5)


def test_the_step_was_really_traced(device):
    _, network = train(mlp, device, False, steps=5)
    step = network.step("train_step")
    assert not step.run_eagerly
    assert step._traced.trace_count == 1


def test_weights_can_be_set_between_traced_steps(device):
    _, network = train(mlp, device, False, steps=5)
    zeros = [np.zeros_like(w) for w in network.get_weights()]
    network.set_weights(zeros)
    (x, y), _ = generated.load_data(n_train=32, n_test=1)
    before = network.evaluate(x / np.float32(255), y, verbose=0)[0]
    np.testing.assert_allclose(before, np.log(10), rtol=1e-5)
    network.fit(x / np.float32(255), y, batch_size=16, verbose=0)
    assert any(np.abs(w).max() > 0 for w in network.get_weights())


def test_the_learning_rate_can_change_between_traced_steps(device):
    _, network = train(mlp, device, False, steps=5)
    before = network.get_weights()
    network.optimizer.learning_rate = 0.0
    (x, y), _ = generated.load_data(n_train=64, n_test=1)
    network.fit(x / np.float32(255), y, batch_size=16, verbose=0)
    for a, b in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_old_weights_survive_traced_steps(device):
    _, network = train(mlp, device, False, steps=3)
    kernel = network.layers[1].kernel
    held, copy = kernel.value, kernel.numpy()
    (x, y), _ = generated.load_data(n_train=64, n_test=1)
    network.fit(x / np.float32(255), y, batch_size=16, verbose=0)
    np.testing.assert_array_equal(held.numpy(), copy)
    assert not np.array_equal(kernel.numpy(), copy)


def test_a_step_that_looks_at_values_runs_eagerly_and_says_so(device):
    class Looking(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, x):
            y = self.dense(x)
            return y if float(tc.sum(x)) > 0 else -y

    model = Looking()
    model.compile("sgd", "mse")
    x = np.ones((12, 2), np.float32)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(x, x[:, :1], batch_size=4, verbose=0)
    words = [str(warning.message) for warning in caught]
    assert len(words) == 1
    assert words[0].startswith(
        "train_step cannot be traced and runs eagerly, which is slower: a Python"
    )


def test_a_bad_label_in_a_later_batch(device):
    model = mlp()
    model.compile("adam", "sparse_categorical_crossentropy")
    x = np.zeros((48, 28, 28), np.float32)
    y = np.zeros(48, np.int64)
    y[40] = 11
    with pytest.raises(ValueError, match="label 11 is out of range; expected 0 to 9"):
        model.fit(x, y, batch_size=16, shuffle=False, verbose=0)


def test_a_traced_step_waits_for_nothing(device):
    if device.kind == "cpu":
        return
    from tests import emulator

    if not emulator.is_installed():
        return  # counters are the emulator's
    _, network = train(mlp, device, False, steps=4)
    x = tc.asarray(np.zeros((16, 28, 28), np.float32), device=device)
    y = tc.asarray(np.zeros(16, np.int32), device=device)
    step = network.step("train_step")
    step((x, y))
    step((x, y))
    with emulator.counting() as seen:
        step((x, y))
    assert seen.syncs == 0
    assert seen.device_to_host == 0


def small(*layers):
    model = keras.Sequential(list(layers))
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model


X = np.linspace(-1.0, 1.0, 64, dtype=np.float32).reshape(16, 4)
Y = X.sum(axis=1, keepdims=True)


def test_two_models_may_share_a_layer(device):
    def losses(eager):
        tc.random.set_seed(0)
        shared = keras.layers.Dense(1)
        models = [small(shared), small(shared)]
        found = []
        for model in models:
            model.run_eagerly = eager
        for _ in range(3):
            for model in models:
                found += model.fit(X, Y, batch_size=4, shuffle=False, verbose=0).history["loss"]
        return found

    np.testing.assert_allclose(losses(False), losses(True), rtol=1e-5)


def test_a_failed_step_leaves_the_model_usable(device):
    model = keras.Sequential([keras.layers.Embedding(10, 1), keras.layers.GlobalAveragePooling1D()])
    model.compile("adam", "mse")
    x, y = np.arange(8).reshape(4, 2), np.ones((4, 1), np.float32)
    model.fit(x, y, epochs=3, verbose=0)
    held = model.weights[0].value
    with pytest.raises(ValueError, match="out of range"):
        model.fit(x + 9, y, verbose=0)
    before = model.evaluate(x, y, verbose=0)
    model.fit(x, y, epochs=5, verbose=0)
    assert model.evaluate(x, y, verbose=0) < before
    assert held.shape == (10, 1)


def test_layers_and_optimizers_may_change_between_fits(device):
    model = small(keras.layers.Dense(2, kernel_initializer="ones"), keras.layers.Activation("tanh"))
    for _ in range(3):
        model.predict(X, verbose=0)
    model.pop()
    np.testing.assert_allclose(model.predict(X, verbose=0)[:, :1], Y, rtol=1e-5, atol=1e-6)
    other = small(keras.layers.Dense(1))
    other.fit(X, Y, batch_size=4, verbose=0)
    other.optimizer = keras.optimizers.SGD(0.0)
    weights = other.get_weights()
    other.fit(X, Y, batch_size=4, verbose=0)
    np.testing.assert_array_equal(other.get_weights()[0], weights[0])


def test_losses_of_layers_do_not_pile_up(device):
    class Activity(keras.layers.Layer):
        def call(self, x):
            self.add_loss(tc.sum(x * x))
            return x

    for eager in (True, False):
        model = small(Activity(), keras.layers.Dense(1))
        model.run_eagerly = eager
        model.predict(X, batch_size=4, verbose=0)
        assert model.train_on_batch(X * 0, Y * 0) == pytest.approx(0.0, abs=1e-6)


def test_a_copy_of_a_model_trains_on_alike(device):
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    model.fit(X, Y, batch_size=4, shuffle=False, epochs=2, verbose=0)
    twin = copy.deepcopy(model)
    first = model.fit(X, Y, batch_size=4, shuffle=False, epochs=2, verbose=0).history["loss"]
    second = twin.fit(X, Y, batch_size=4, shuffle=False, epochs=2, verbose=0).history["loss"]
    np.testing.assert_allclose(first, second, rtol=1e-5)
    assert [v.path for v in twin.weights] == [v.path for v in model.weights]


def test_kept_logs_do_not_change(device):
    got = []

    class Keep(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            got.append(logs)

    model = small(keras.layers.Dense(1))
    model.fit(X, Y, batch_size=4, verbose=0, callbacks=[Keep()])
    assert len({logs["loss"] for logs in got}) == 4
