"""Over- and underfitting: models of three sizes, then two remedies, on film reviews.

python examples/overfitting.py --epochs 20 --output pictures
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from tensorcore import keras
from tensorcore.datasets import DatasetUnavailable, generated_reviews, imdb

WORDS = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--reviews", type=int, default=10_000, help="how many to train with")
    parser.add_argument("--output", type=Path, default=Path("pictures"))
    args = parser.parse_args()

    try:
        (x, y), (x_test, y_test) = imdb.load_data(num_words=WORDS)
    except DatasetUnavailable as error:
        print(f"{error}\nGoing on with the built-in reviews.")
        (x, y), (x_test, y_test) = generated_reviews.load_data(num_words=WORDS)
    train = words_that_occur(x[: args.reviews]), y[: args.reviews]
    test = words_that_occur(x_test[: args.reviews]), y_test[: args.reviews]

    l2, dropout = keras.regularizers.l2(0.001), keras.layers.Dropout(0.5)
    models = {
        "tiny": dense(4, 0),
        "medium": dense(16, 1),
        "large": dense(256, 2),
        "large, L2": dense(256, 2, regularizer=l2),
        "large, dropout": dense(256, 2, between=dropout),
    }
    histories = {}
    for name, layers in models.items():
        keras.utils.set_random_seed(0)
        model = keras.Sequential([*layers, keras.layers.Dense(1)])
        model.compile(
            optimizer="adam",
            loss=keras.losses.BinaryCrossentropy(from_logits=True),
            metrics=["accuracy", keras.losses.BinaryCrossentropy(from_logits=True, name="bce")],
        )
        history = model.fit(
            *train, epochs=args.epochs, batch_size=512, validation_data=test, verbose=0
        ).history
        histories[name] = history["bce"], history["val_bce"]
        training, validation = histories[name]
        best = int(np.argmin(validation))
        print(
            f"{name:15} best validation loss {validation[best]:.3f} after epoch {best + 1:2}, "
            f"at the end {validation[-1]:.3f} (training {training[-1]:.3f})"
        )
    save_picture(args.output, histories)


def words_that_occur(reviews: np.ndarray) -> np.ndarray:
    """For each review 1 where a word occurs, else 0: float32 (N, WORDS)."""
    found = np.zeros((len(reviews), WORDS), np.float32)
    for row, review in zip(found, reviews, strict=True):
        row[review] = 1.0
    return found


def dense(units: int, more: int, regularizer=None, between=None) -> list:
    """1 + `more` layers of so many units."""
    layers = []
    for _ in range(1 + more):
        layers.append(keras.layers.Dense(units, activation="relu", kernel_regularizer=regularizer))
        if between is not None:
            layers.append(keras.layers.Dropout(between.rate))
    return layers


def save_picture(folder: Path, histories: dict) -> None:
    """Training (thin) and validation (thick) losses of all models."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(figsize=(8, 5))
    for name, (training, validation) in histories.items():
        (line,) = axes.plot(validation, linewidth=2, label=name)
        axes.plot(training, linewidth=1, linestyle="--", color=line.get_color())
    axes.set(xlabel="epoch", ylabel="loss: validation (solid), training (dashed)", ylim=(0, 1))
    axes.legend()
    figure.tight_layout()
    figure.savefig(folder / "overfitting.png", dpi=120)
    print(f"picture: {folder / 'overfitting.png'}")


if __name__ == "__main__":
    main()
