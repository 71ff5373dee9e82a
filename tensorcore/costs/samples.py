"""The models that are trained for some steps to see how fast a device is.

Between them they have layers of every kind at small, middle and large sizes, so that what another
model does is mostly not far from something that was measured.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tensorcore import keras

layers = keras.layers


class Sample(NamedTuple):
    """A model and its batch.

    Attributes:
        stack: makes the layers behind the input.
        shape: of one example.
        batch: examples of a step.
        targets: how many classes; 0 for targets of the shape of the result.
        optimizer: its name.
        words: for examples that are word numbers, how many words there are.
    """

    stack: Callable[[], list[Any]]
    shape: tuple[int, ...]
    batch: int
    targets: int = 10
    optimizer: str = "adam"
    words: int = 0

    def model(self) -> Any:
        """The model, compiled."""
        made = keras.Sequential([keras.Input(self.shape), *self.stack()])
        loss = "sparse_categorical_crossentropy" if self.targets > 1 else "mse"
        loss = "binary_crossentropy" if self.targets == 1 else loss
        made.compile(self.optimizer, loss, metrics=["accuracy"] if self.targets else [])
        return made

    def data(self, rows: int, rng: np.random.Generator) -> tuple[Any, Any]:
        """Examples and targets."""
        shape = (rows, *self.shape)
        if self.words:  # a word is as frequent as its rank is low; texts end anywhere
            drawn = np.exp(rng.uniform(0, np.log(self.words), shape))
            ends = rng.integers(self.shape[0] // 8, 5 * self.shape[0] // 4, (rows, 1))
            x: Any = np.where(np.arange(self.shape[0]) < ends, drawn, 0).astype(np.int32)
        else:
            x = rng.random(shape, np.float32)
        return x, rng.integers(0, max(self.targets, 2), rows) if self.targets else x.copy()


def _dense(units: int, activation: str = "relu") -> Any:
    return layers.Dense(units, activation=activation)


def _classes(count: int = 10) -> Any:
    return layers.Dense(count, activation="softmax")


def _images(*parts: Any) -> list[Any]:
    """Convolutions of so many filters, among other layers, and a classifier."""
    stack = [
        layers.Conv2D(part, 3, activation="relu") if isinstance(part, int) else part
        for part in parts
    ]
    return [*stack, layers.Flatten(), _dense(96), _classes()]


def _encoder(width: int, heads: int) -> list[Any]:
    class Block(layers.Layer):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.attention = layers.MultiHeadAttention(heads, width // heads)
            self.norms = [layers.LayerNormalization(), layers.LayerNormalization()]
            self.wide = _dense(4 * width)
            self.narrow = layers.Dense(width)

        def call(self, x: Any) -> Any:
            x = self.norms[0](x + self.attention(x, x))
            return self.norms[1](x + self.narrow(self.wide(x)))

    return [Block()]


def _words(count: int, width: int) -> list[Any]:
    return [
        layers.Embedding(count, width),
        layers.GlobalAveragePooling1D(),
        _dense(32),
        layers.Dense(1, activation="sigmoid"),
    ]


SAMPLES = (
    Sample(lambda: [_dense(32), _classes()], (64,), 16),
    Sample(lambda: [layers.Flatten(), _classes()], (64, 64), 32),
    Sample(lambda: [_dense(256), layers.Dropout(0.3), _dense(64), _classes()], (512,), 32),
    Sample(lambda: [_dense(192), layers.Dropout(0.3), _classes()], (1024,), 256),
    Sample(lambda: [_dense(512), _dense(512, "tanh"), _classes(100)], (256,), 1024, 100, "sgd"),
    Sample(lambda: [_dense(2048), _dense(2048, "gelu"), _classes(1000)], (256,), 16, 1000),
    Sample(lambda: _images(16, layers.MaxPooling2D(2), 32), (20, 20, 1), 16),
    Sample(lambda: _images(32, 64, layers.MaxPooling2D(2), 64), (24, 24, 3), 16),
    Sample(lambda: _images(layers.Conv2D(64, 3), layers.BatchNormalization(), layers.ReLU(), 128,
                           layers.AveragePooling2D(2)), (14, 14, 64), 8),
    Sample(lambda: _images(layers.Conv2D(16, 5)), (32, 32, 1), 32),
    Sample(lambda: _words(5000, 32), (64,), 128, 1, words=5000),
    Sample(lambda: _words(5000, 16), (128,), 256, 1, words=5000),
    Sample(lambda: _words(20000, 8), (200,), 256, 1, words=20000),
    Sample(lambda: [layers.Embedding(2000, 64), layers.LSTM(32), _classes()], (20,), 32,
           words=2000),
    Sample(lambda: _encoder(64, 2), (32, 64), 8, 0, "sgd"),
    Sample(lambda: _encoder(192, 3), (96, 192), 8, 0, "sgd"),
)  # fmt: skip
