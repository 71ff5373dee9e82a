"""How far does a car go on a gallon?  Regression on Auto MPG, with a picture of the training.

python examples/regression.py --epochs 100 --output pictures
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from tensorcore import keras
from tensorcore.datasets import auto_mpg


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--output", type=Path, default=Path("pictures"))
    args = parser.parse_args()

    keras.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = auto_mpg.load_data()
    results = {}
    history = None
    for name, hidden in (("linear model", []), ("two layers of 64", [64, 64])):
        normalizer = keras.layers.Normalization(axis=-1)
        normalizer.adapt(x_train)
        layers = [keras.layers.Dense(units, activation="relu") for units in hidden]
        model = keras.Sequential([normalizer, *layers, keras.layers.Dense(1)])
        model.compile(
            optimizer=keras.optimizers.Adam(0.001 if hidden else 0.1), loss="mean_absolute_error"
        )
        history = model.fit(
            x_train, y_train, validation_split=0.2, epochs=args.epochs, verbose=0
        ).history
        results[name] = model.evaluate(x_test, y_test, verbose=0)
        print(f"{name}: mean absolute error {results[name]:.2f} miles per gallon")
    save_picture(args.output, history, y_test, model.predict(x_test, verbose=0)[:, 0])


def save_picture(folder: Path, history: dict, truth: np.ndarray, guess: np.ndarray) -> None:
    """The course of the error, and predictions beside the truth."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    left.plot(history["loss"], label="training")
    left.plot(history["val_loss"], label="validation")
    left.set(xlabel="epoch", ylabel="mean absolute error [MPG]", ylim=(0, 10))
    left.legend()
    right.scatter(truth, guess, s=12)
    right.plot([0, 50], [0, 50], color="0.6")
    right.set(xlabel="true [MPG]", ylabel="predicted [MPG]", xlim=(0, 50), ylim=(0, 50))
    figure.tight_layout()
    figure.savefig(folder / "regression.png", dpi=120)
    print(f"picture: {folder / 'regression.png'}")


if __name__ == "__main__":
    main()
