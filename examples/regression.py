"""Regression: how far a car goes on a gallon, from its weight, power and so on (Auto MPG).

After the tutorial of TensorFlow: linear models and deep ones, on one feature and on all.

    python examples/regression.py --epochs 100 --output pictures
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import numpy as np

from tensorcore import keras
from tensorcore.datasets import auto_mpg

matplotlib.use("Agg")

import matplotlib.pyplot as plt


def linear(features: np.ndarray) -> keras.Model:
    """Normalisation, then one unit."""
    normalizer = keras.layers.Normalization(axis=-1)
    normalizer.adapt(features)
    model = keras.Sequential([keras.Input((features.shape[1],)), normalizer, keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.1), loss="mean_absolute_error")
    return model


def deep(features: np.ndarray) -> keras.Model:
    """Normalisation, then two hidden layers."""
    normalizer = keras.layers.Normalization(axis=-1)
    normalizer.adapt(features)
    model = keras.Sequential(
        [
            keras.Input((features.shape[1],)),
            normalizer,
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.001), loss="mean_absolute_error")
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--output", type=Path, default=Path("pictures"))
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(1)
    (x, y), (test_x, test_y) = auto_mpg.load_data()
    power = auto_mpg.FEATURES.index("Horsepower")
    alone = slice(power, power + 1)

    results, curves, models = {}, {}, {}
    for name, build, columns in (
        ("linear, horsepower", linear, alone),
        ("linear, all", linear, slice(None)),
        ("deep, horsepower", deep, alone),
        ("deep, all", deep, slice(None)),
    ):
        model = build(x[:, columns])
        history = model.fit(
            x[:, columns], y, validation_split=0.2, epochs=options.epochs, verbose=0
        )
        results[name] = model.evaluate(test_x[:, columns], test_y, verbose=0)
        curves[name], models[name] = history.history, model
    models["deep, all"].summary()
    print("mean absolute error on the test cars, in miles per gallon:")
    for name, error in results.items():
        print(f"  {name:20} {error:.2f}")

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(15, 4.5))
    for name, history in curves.items():
        left.plot(history["val_loss"], label=name)
    left.set(xlabel="epoch", ylabel="validation error [MPG]", ylim=(0, 10))
    left.legend()
    line = np.linspace(40, 240, 100, dtype=np.float32)[:, None]
    middle.scatter(x[:, power], y, s=8, color="#999999", label="cars")
    for name in ("linear, horsepower", "deep, horsepower"):
        middle.plot(line, models[name].predict(line, verbose=0), label=name)
    middle.set(xlabel="horsepower", ylabel="MPG")
    middle.legend()
    right.scatter(test_y, models["deep, all"].predict(test_x, verbose=0), s=12)
    right.plot([5, 50], [5, 50], color="#999999")
    right.set(xlabel="true [MPG]", ylabel="predicted [MPG]", title="deep, all")
    figure.tight_layout()
    figure.savefig(options.output / "regression.png", dpi=80)
    print("picture:", options.output / "regression.png")

    models["deep, all"].save(options.output / "dnn_model.keras")
    loaded = keras.models.load_model(options.output / "dnn_model.keras")
    print(f"saved and loaded: {loaded.evaluate(test_x, test_y, verbose=0):.2f}")


if __name__ == "__main__":
    main()
