"""Film reviews as texts: a text embedding from a folder, trained end to end.

    python examples/text_embedding.py --epochs 10

The folder stands for a pretrained embedding of TensorFlow Hub: here its vectors are random, and all
is learned from the reviews.
"""

from __future__ import annotations

import argparse
import tempfile

import numpy as np

from tensorcore import hub, tf, tfds
from tensorcore.datasets import imdb


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--words", type=int, default=10_000, help="size of the vocabulary")
    parser.add_argument("--size", type=int, default=20, help="numbers in a word's vector")
    args = parser.parse_args()

    tf.keras.utils.set_random_seed(0)
    train, validation, test = tfds.load(
        "imdb_reviews", split=("train[:60%]", "train[60%:]", "test"), as_supervised=True
    )
    words = [word for word, number in imdb.get_word_index().items() if number <= args.words]
    vectors = np.random.default_rng(0).normal(scale=0.05, size=(len(words) + 1, args.size))
    with tempfile.TemporaryDirectory() as folder:
        hub.save_text_embedding(folder, words, vectors)
        embedding = hub.KerasLayer(folder, input_shape=[], dtype=tf.string, trainable=True)

    model = tf.keras.Sequential(
        [embedding, tf.keras.layers.Dense(16, activation="relu"), tf.keras.layers.Dense(1)]
    )
    model.compile(
        optimizer="adam",
        loss=tf.keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(
        train.shuffle(10_000).batch(512),
        epochs=args.epochs,
        validation_data=validation.batch(512),
    )
    for name, value in zip(model.metrics_names, model.evaluate(test.batch(512)), strict=True):
        print(f"{name}: {value:.3f}")


if __name__ == "__main__":
    main()
