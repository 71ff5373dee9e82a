"""Discretization, with Keras's numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras
from tests.golden.make_discretization import FILE, cases, data

L = keras.layers
WANTED = json.loads(FILE.read_text())


def test_keras_s_bins(device):
    with tc.device(device):
        found = cases(L.Discretization)
    assert found.keys() == WANTED.keys()
    for name, numbers in found.items():
        np.testing.assert_allclose(numbers, WANTED[name], rtol=1e-6, err_msg=name)


def test_bins_in_a_model(device, tmp_path):
    with tc.device(device):
        layer = L.Discretization(num_bins=4, output_mode="one_hot")
        layer.adapt(data())
        model = keras.Sequential([keras.Input((1,)), layer, L.Dense(1)])
        model.compile("sgd", "mse")
        x = data()[:32, :1]
        model.fit(x, x, verbose=0)
        model.save(tmp_path / "m.keras")
        twin = keras.models.load_model(tmp_path / "m.keras")
        assert twin.layers[0].bin_boundaries == layer.bin_boundaries
        np.testing.assert_array_equal(twin.predict(x, verbose=0), model.predict(x, verbose=0))
        assert model.layers[0].output.shape == (None, 4)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: L.Discretization(), "give bin_boundaries, or num_bins for adapt"),
        (lambda: L.Discretization([1.0], num_bins=2), r"received \[1.0\] and 2"),
        (lambda: L.Discretization([2.0, 1.0]), r"must be in ascending order, received \[2.0, 1.0"),
        (lambda: L.Discretization(num_bins=3)([1.0]), "there are no boundaries yet; call adapt"),
        (lambda: L.Discretization([1.0]).adapt([1.0]), "adapt is of no use, since bin_boundaries"),
        (lambda: L.Discretization([1.0], output_mode="hot"), "must be one of int, one_hot, multi"),
    ],
)
def test_words_about_bins(call, words):
    with pytest.raises((ValueError, RuntimeError), match=words):
        call()
