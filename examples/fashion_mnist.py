"""Clothes in grey: the first tutorial of every TensorFlow course, on the CPU or on a GPU.

    python examples/fashion_mnist.py --device auto --epochs 5

Loads Fashion-MNIST, scales it, builds a small model, trains, evaluates, predicts, and writes three
pictures.  Without the data and without a network it goes on with a built-in set of drawn images.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from pictures import save_history, save_images, save_predictions

import tensorcore as tc
from tensorcore import keras
from tensorcore.datasets import DatasetUnavailable, fashion_mnist, generated


def load():
    """The images and labels, and the names of the classes."""
    try:
        return fashion_mnist.load_data(), fashion_mnist.CLASS_NAMES
    except DatasetUnavailable as problem:
        print(problem)
        print("\nGoing on with the built-in set of drawn images: its accuracies are its own.\n")
        return generated.load_data(), generated.CLASS_NAMES


def build_model() -> keras.Sequential:
    """Flatten the image, one hidden layer, one output a class."""
    return keras.Sequential(
        [
            keras.layers.Flatten(input_shape=(28, 28)),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def main() -> None:
    """The tutorial."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="auto, cpu, gpu, gpu:1 ...")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--limit", type=int, help="train on the first so many images only")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    options = parser.parse_args()
    if options.epochs < 1 or (options.limit is not None and options.limit < 1):
        parser.error("--epochs and --limit must be at least 1")
    try:
        tc.set_default_device(options.device)
    except tc.TensorcoreError as problem:
        parser.error(str(problem))
    keras.utils.set_random_seed(options.seed)
    data, class_names = load()
    (train_images, train_labels), (test_images, test_labels) = data
    train_images, train_labels = train_images[: options.limit], train_labels[: options.limit]
    print(f"device {tc.default_device()}: {len(train_images)} images to train on")

    options.output.mkdir(parents=True, exist_ok=True)
    save_images(options.output / "images.png", train_images, train_labels, class_names)
    train_images = train_images / np.float32(255)
    test_images = test_images / np.float32(255)

    model = build_model()
    model.summary()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(train_images, train_labels, epochs=options.epochs)
    test_loss, test_accuracy = model.evaluate(test_images, test_labels)
    print(f"test loss {test_loss:.4f}, test accuracy {test_accuracy:.4f}")

    predictions = model.predict(test_images[:500])
    first = int(np.argmax(predictions[0]))
    print(f"the first test image: {class_names[first]}, {100 * predictions[0, first]:.0f} %")
    save_predictions(
        options.output / "predictions.png", test_images, test_labels, predictions, class_names
    )
    save_history(options.output / "history.png", history.history)
    print(f"pictures: {options.output}")


if __name__ == "__main__":
    main()
