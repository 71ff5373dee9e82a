"""`model(x)` on few values runs a planned graph, and nobody can tell but by the clock."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras
from tensorcore.layers.masks import mask_of
from tensorcore.training.short_way import EAGER_CALLS

CALLS = EAGER_CALLS + 3


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(1, 6)).astype(np.float32)


def small_model(*more):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, activation="relu"),
            layers.Dropout(0.5),
            *more,
            layers.Dense(3, activation="softmax"),
        ]
    )


def eager(model, x):
    """What the layers give, one after the other."""
    for layer in model.layers:
        x = layer(x)
    return np.asarray(x)


def is_planned(model):
    return bool(model._short_way._traces)


@pytest.mark.parametrize("kind", ["array", "tensor", "float64", "training=False"])
def test_it_is_taken_and_gives_the_same(x, kind, device):
    model = small_model()
    given = {"tensor": tc.asarray(x), "float64": x.astype(np.float64)}.get(kind, x)
    options = {"training": False} if kind == "training=False" else {}
    results = [model(given, **options) for _ in range(CALLS)]
    assert is_planned(model) is (device.kind == "cpu")
    for result in results:
        assert result.device is device
        np.testing.assert_allclose(result.numpy(), eager(model, tc.asarray(x)), rtol=1e-5)
    results[-1] += 1  # whoever has a result may do with it what they like
    np.testing.assert_array_equal(model(given, **options).numpy(), results[0].numpy())


def test_several_shapes(x):
    model = small_model()
    for count in (1, 2, 3):
        batch = np.repeat(x, count, axis=0)
        for _ in range(CALLS):
            np.testing.assert_allclose(model(batch).numpy(), eager(model, batch), rtol=1e-5)
    assert len(model._short_way._traces) == 3


def test_weights_are_read_at_every_call(x):
    model = small_model()
    for _ in range(CALLS):
        before = model(x).numpy()
    model.layers[0].kernel.assign(model.layers[0].kernel * 2.0)
    assert np.abs(model(x).numpy() - before).max() > 1e-4
    np.testing.assert_allclose(model(x).numpy(), eager(model, x), rtol=1e-5)


def test_a_layer_that_is_changed_is_seen(x):
    model = small_model()
    for _ in range(CALLS):
        model(x)
    model.layers[0].activation = keras.activations.tanh
    for _ in range(CALLS):
        np.testing.assert_allclose(model(x).numpy(), eager(model, x), rtol=1e-5)
    model.pop()
    assert model(x).shape == (1, 8)
    model.add(keras.layers.Dense(2))
    for _ in range(CALLS):
        assert model(x).shape == (1, 2)


def test_tapes_training_and_wrong_shapes_go_the_long_way(x):
    model = small_model()
    for _ in range(CALLS):
        model(x)
    assert is_planned(model)
    with tc.GradientTape() as tape:
        loss = tc.sum(model(x) ** 2)
    assert all(g is not None for g in tape.gradient(loss, model.trainable_weights))
    dropped = [model(np.ones((64, 6), np.float32), training=True).numpy() for _ in range(2)]
    assert np.abs(dropped[0] - dropped[1]).max() > 0
    for _ in range(CALLS):
        with pytest.raises(tc.errors.ShapeError, match="expected"):
            model(np.ones((1, 7), np.float32))


def test_what_users_wrote_runs_every_time(x):
    seen = []

    class Noted(keras.layers.Layer):
        def call(self, inputs):
            seen.append(len(seen))
            return inputs

    def activation(values):
        seen.append("activation")
        return values

    for more, expected in ((Noted(), 1), (keras.layers.Dense(8, activation=activation), 1)):
        model = small_model(more)
        seen.clear()
        for _ in range(CALLS):
            model(x)
        assert len(seen) == expected * CALLS
        assert not is_planned(model)


def test_copies_have_their_own(x):
    model = small_model()
    for _ in range(CALLS):
        model(x)
    twin = copy.deepcopy(model)
    twin.layers[0].bias.assign(np.ones(8, np.float32))
    for _ in range(CALLS):
        np.testing.assert_allclose(twin(x).numpy(), eager(twin, x), rtol=1e-5)
    np.testing.assert_allclose(model(x).numpy(), eager(model, x), rtol=1e-5)


def test_masks_are_not_lost():
    words = np.array([[1, 2, 0, 0]])
    model = keras.Sequential([keras.Input((4,)), keras.layers.Embedding(5, 3, mask_zero=True)])
    for _ in range(CALLS):
        mask = mask_of(model(words))
        np.testing.assert_array_equal(mask, [[True, True, False, False]])


def test_predict_takes_it_too(x, device):
    model = small_model()
    results = [model.predict(x, verbose=0) for _ in range(CALLS)]
    assert is_planned(model) is (device.kind == "cpu")
    for result in results:
        assert type(result) is np.ndarray
        np.testing.assert_allclose(result, eager(model, tc.asarray(x)), rtol=1e-5)
    results[-1][...] = 0.0
    np.testing.assert_array_equal(model.predict(x, verbose=0), results[0])


def test_predict_keeps_its_hooks_and_checks(x):
    seen = []

    class Noted(keras.callbacks.Callback):
        def on_predict_batch_end(self, batch, logs=None):
            seen.append(batch)

    model = small_model()
    for _ in range(CALLS):
        model.predict(x, verbose=0)
    model.predict(np.repeat(x, 4, axis=0), batch_size=2, verbose=0, callbacks=[Noted()])
    assert seen == [0, 1]
    with pytest.raises(tc.errors.InvalidArgumentError, match="there are no samples"):
        model.predict(x[:0], verbose=0)
