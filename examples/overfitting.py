"""Over- and underfitting: models of several sizes, penalties on weights, dropout (IMDB reviews).

After the tutorial of TensorFlow: a review is the set of its words; a model too large learns the
training reviews by heart, which shows in the loss of the others.

    python examples/overfitting.py --epochs 20 --output pictures
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import numpy as np

from tensorcore import keras

matplotlib.use("Agg")

import matplotlib.pyplot as plt

WORDS = 3000
layers, regularizers = keras.layers, keras.regularizers


def multi_hot(reviews: list[list[int]]) -> np.ndarray:
    """One row a review, with 1 where it holds the word of that number."""
    rows = np.zeros((len(reviews), WORDS), np.float32)
    for row, review in zip(rows, reviews, strict=True):
        row[review] = 1.0
    return rows


def hidden(units: int, penalty: float = 0.0, dropout: float = 0.0) -> keras.Model:
    """Two hidden layers of `units`, and one unit that says how good the review is."""
    regularizer = regularizers.l2(penalty) if penalty else None
    parts = [keras.Input((WORDS,))]
    for _ in range(2):
        parts.append(layers.Dense(units, activation="relu", kernel_regularizer=regularizer))
        if dropout:
            parts.append(layers.Dropout(dropout))
    model = keras.Sequential([*parts, layers.Dense(1)])
    model.compile(
        "adam",
        keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[
            keras.losses.BinaryCrossentropy(from_logits=True, name="binary_crossentropy"),
            "accuracy",
        ],
    )
    return model


MODELS = {
    "tiny": lambda: hidden(4),
    "baseline": lambda: hidden(16),
    "large": lambda: hidden(256),
    "penalty": lambda: hidden(16, penalty=0.001),
    "dropout": lambda: hidden(16, dropout=0.5),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--output", type=Path, default=Path("pictures"))
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(1)
    (train, train_y), (test, test_y) = keras.datasets.imdb.load_data(num_words=WORDS)
    x, test_x = multi_hot(train[:10_000]), multi_hot(test[:5_000])
    y, test_y = train_y[:10_000], test_y[:5_000]

    curves = {}
    for name, build in MODELS.items():
        model = build()
        stop = keras.callbacks.EarlyStopping("val_binary_crossentropy", patience=6)
        history = model.fit(
            x,
            y,
            batch_size=512,
            epochs=options.epochs,
            validation_data=(test_x, test_y),
            callbacks=[stop],
            verbose=0,
        ).history
        curves[name] = history
        best = int(np.argmin(history["val_binary_crossentropy"]))
        print(
            f"{name:10} {model.count_params():>9,} weights, best after {best + 1:2} epochs: "
            f"loss {history['binary_crossentropy'][best]:.3f} on training, "
            f"{history['val_binary_crossentropy'][best]:.3f} on other reviews, "
            f"accuracy {history['val_accuracy'][best]:.3f}"
        )

    figure, axes = plt.subplots(figsize=(9, 5.5))
    for number, (name, history) in enumerate(curves.items()):
        epochs = range(1, len(history["loss"]) + 1)
        color = f"C{number}"
        axes.plot(epochs, history["binary_crossentropy"], ":", color=color)
        axes.plot(epochs, history["val_binary_crossentropy"], color=color, label=name)
    axes.set(xlabel="epoch", ylabel="binary cross-entropy", ylim=(0, 1))
    axes.set_title("dotted: reviews of the training, solid: others")
    axes.legend()
    figure.tight_layout()
    figure.savefig(options.output / "overfitting.png", dpi=80)
    print("picture:", options.output / "overfitting.png")


if __name__ == "__main__":
    main()
