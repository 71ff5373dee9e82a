"""Layers that resize and change pictures: against Keras's numbers, and by chance."""

from __future__ import annotations

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras
from tests.golden.make_pictures import FILE, LAYERS, pictures

L = keras.layers


@pytest.mark.parametrize("number", range(len(LAYERS)))
def test_keras_s_numbers(device, number):
    name, options = LAYERS[number]
    with tc.device(device), np.load(FILE) as wanted:
        found = getattr(L, name)(**options)(pictures(), training=True)
        assert found.device is device
        np.testing.assert_allclose(found.numpy(), wanted[str(number)], rtol=1e-4, atol=2e-3)


RANDOM = [
    lambda: L.RandomFlip("horizontal", seed=1),
    lambda: L.RandomRotation(0.2, seed=1),
    lambda: L.RandomZoom(0.2, seed=1),
    lambda: L.RandomTranslation(0.2, 0.2, seed=1),
    lambda: L.RandomContrast(0.5, seed=1),
    lambda: L.RandomBrightness(0.2, seed=1),
    lambda: L.RandomCrop(6, 7, seed=1),
]


@pytest.mark.parametrize("make", RANDOM)
def test_by_chance_in_training_only(device, make):
    x = np.repeat(pictures()[:1], 12, axis=0)
    with tc.device(device):
        layer = make()
        assert np.array_equal(layer(x, training=False).numpy(), x)
        if type(layer) is L.RandomCrop:  # pictures that have the size of the window stay
            return
        first = layer(x, training=True).numpy()
        assert not all(np.array_equal(first[0], other) for other in first)
        assert not np.array_equal(first, layer(x, training=True).numpy())
        assert np.array_equal(first, make()(x, training=True).numpy())
        assert np.array_equal(first, make()(x).numpy())  # a call by itself is training
        assert np.array_equal(first, type(layer).from_config(layer.get_config())(x, training=True))
        assert layer(x[0], training=True).shape == x[0].shape


@pytest.mark.parametrize("mode, axes", [("horizontal", 2), ("vertical", 1)])
def test_flips(device, mode, axes):
    x = np.repeat(pictures()[:1], 40, axis=0)
    with tc.device(device):
        found = L.RandomFlip(mode, seed=3)(x, training=True).numpy()
    flipped = np.flip(x, axes)
    turned = np.array([np.array_equal(a, b) for a, b in zip(found, flipped, strict=True)])
    assert 5 < turned.sum() < 35
    assert np.array_equal(found[~turned], x[~turned])


def test_in_a_model_that_is_trained(device, tmp_path):
    with tc.device(device):
        model = keras.Sequential(
            [
                keras.Input((6, 7, 3)),
                L.RandomFlip("horizontal"),
                L.RandomRotation(0.1),
                L.Resizing(4, 4),
                L.Flatten(),
                L.Dense(1),
            ]
        )
        assert model.output_shape == (None, 1)
        model.compile("sgd", "mse")
        x = pictures() / 255
        assert np.isfinite(model.fit(x, np.ones((2, 1)), verbose=0).history["loss"][0])
        model.save(tmp_path / "m.keras")
        again = keras.models.load_model(tmp_path / "m.keras")
        outputs = model.predict(x, verbose=0)
        np.testing.assert_allclose(again.predict(x, verbose=0), outputs, rtol=1e-6)
        np.testing.assert_allclose(model(x, training=False).numpy(), outputs, rtol=1e-6)
        found = [model(x).numpy().tolist() for _ in range(12)]  # by chance, as in Keras
        assert len({str(values) for values in found}) > 6


def test_windows_by_chance(device):
    x = np.arange(2 * 6 * 7, dtype=np.float32).reshape(2, 6, 7, 1)
    seen = set()
    with tc.device(device):
        layer = L.RandomCrop(2, 3, seed=5)
        for _ in range(60):
            found = layer(x, training=True).numpy()
            assert found.shape == (2, 2, 3, 1)
            first = int(found[0, 0, 0, 0])
            row, column = divmod(first, 7)
            np.testing.assert_array_equal(found, x[:, row : row + 2, column : column + 3])
            seen.add((row, column))
        assert {row for row, _ in seen} == set(range(5))
        assert {column for _, column in seen} == set(range(5))
        small = np.arange(12, dtype=np.float32).reshape(1, 2, 6, 1)
        for training in (True, False):  # the middle, 2 by 2 as the window is square, enlarged
            found = L.RandomCrop(4, 4)(small, training=training).numpy()
            expected = L.Resizing(4, 4)(small[:, :, 2:4]).numpy()
            np.testing.assert_allclose(found, expected)
        model = keras.Sequential([keras.Input((6, 7, 1)), layer, L.Flatten(), L.Dense(1)])
        assert model.layers[1].output.shape == (None, 6)
        model.compile("sgd", "mse")
        model.fit(x / 84, np.ones((2, 1)), verbose=0)
        assert model.predict(x / 84, verbose=0).shape == (2, 1)
        with pytest.raises(ValueError, match="RandomCrop: width must be a positive int, received"):
            L.RandomCrop(2, 0)


def test_bad_options():
    with pytest.raises(ValueError, match="RandomFlip: mode must be one of horizontal"):
        L.RandomFlip("left")
    with pytest.raises(ValueError, match="factor must be a number or two numbers from -1 to 1"):
        L.RandomRotation(90)
    with pytest.raises(ValueError, match=r"expected pictures \(height, width, channels\)"):
        L.Resizing(2, 2)(np.zeros((4, 4)))
