"""Save and load: checkpoints while training, weights alone, whole models.

After the tutorial of TensorFlow, on handwritten digits (the tutorial's 1,000 samples).

    python examples/save_and_load.py --folder saved
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from tensorcore import keras


def create_model() -> keras.Model:
    """A small classifier of 28 x 28 images."""
    model = keras.Sequential(
        [
            keras.Input(shape=(784,)),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10),
        ]
    )
    model.compile(
        optimizer="adam",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy()],
    )
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--folder", type=Path, default=Path("saved"), help="where files go")
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)

    (train_images, train_labels), (test_images, test_labels) = keras.datasets.mnist.load_data()
    train_labels, test_labels = train_labels[:1000], test_labels[:1000]
    train_images = train_images[:1000].reshape(-1, 28 * 28) / 255.0
    test_images = test_images[:1000].reshape(-1, 28 * 28) / 255.0

    def accuracy(model: keras.Model) -> float:
        return model.evaluate(test_images, test_labels, verbose=0)[1]

    model = create_model()
    model.summary()
    print(f"untrained:              accuracy {accuracy(model):.3f}")

    # Weights after every epoch in which the validation got better.
    best = options.folder / "best.weights.h5"
    numbered = options.folder / "cp-{epoch:04d}.weights.h5"
    model.fit(
        train_images,
        train_labels,
        epochs=options.epochs,
        validation_data=(test_images, test_labels),
        callbacks=[
            keras.callbacks.ModelCheckpoint(best, save_weights_only=True, save_best_only=True),
            keras.callbacks.ModelCheckpoint(numbered, save_weights_only=True, save_freq=5 * 32),
        ],
        verbose=2,
    )
    print("files:", sorted(path.name for path in options.folder.glob("*.weights.h5")))

    fresh = create_model()
    fresh.load_weights(best)
    print(f"weights loaded:         accuracy {accuracy(fresh):.3f}")

    # The whole model: structure, weights, optimizer.  Real Keras 3 reads this file, too.
    whole = options.folder / "my_model.keras"
    model.save(whole)
    loaded = keras.models.load_model(whole)
    gap = loaded.predict(test_images, verbose=0) - model.predict(test_images, verbose=0)
    print(
        f"whole model loaded:     accuracy {accuracy(loaded):.3f}, "
        f"outputs differ by {np.abs(gap).max():.0e}"
    )
    steps = int(loaded.optimizer.iterations)
    print(f"its optimizer knows of {steps} steps, and training goes on:")
    loaded.fit(train_images, train_labels, epochs=1, verbose=2)

    exchange = options.folder / "weights.safetensors"
    model.save_weights(exchange)
    print(f"for other programs:     {exchange.name}, {exchange.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
