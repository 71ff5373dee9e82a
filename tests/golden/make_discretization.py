"""Numbers of Keras's Discretization for tests/test_preprocessing_layers.py; needs TensorFlow.

python tests/golden/make_discretization.py
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("discretization.json")
MODES = ("int", "one_hot", "multi_hot", "count")
VALUES = np.array([[-1.5, 1.0, 3.4], [0.5, 3.0, 1.3]], np.float32)
INPUTS = {"matrix": VALUES, "vector": VALUES[0], "column": VALUES[:, :1]}


def data():
    return np.random.default_rng(0).normal(size=(500, 2)).astype("float32")


def adapted(layer_class, num_bins, epsilon, batches):
    """The boundaries that `adapt` finds."""
    layer = layer_class(num_bins=num_bins, epsilon=epsilon)
    layer.adapt(batches)
    return layer.bin_boundaries


def cases(layer_class):
    """name -> numbers."""
    x = data()
    found = {f"adapt {n}": adapted(layer_class, n, 0.01, x) for n in (4, 7)}
    found["batches"] = adapted(layer_class, 5, 0.05, iter([x[:100], x[100:350], x[350:]]))
    for mode in MODES:
        layer = layer_class(bin_boundaries=[0.0, 1.0, 2.0], output_mode=mode)
        for name, values in INPUTS.items():
            found[f"{mode} {name}"] = np.asarray(layer(values)).tolist()
    return found


if __name__ == "__main__":
    import keras

    FILE.write_text(json.dumps(cases(keras.layers.Discretization), indent=1))
