"""The command `tensorcore warmup`: kernels are compiled now, so that no later program waits.

Kernels are compiled when they are first needed, and kept on disk.  This trains a small model of
each usual kind for some steps, which needs what such programs need.  It is meant for a machine that
is new, for an image that is built, for the evening before a lesson.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import tensorcore as tc
from tensorcore import keras
from tensorcore.errors import InvalidArgumentError, TensorcoreError

STEPS = 72  # more than a graph has run before kernels are compiled for it alone


class Kind(NamedTuple):
    """A usual kind of model: layers for inputs of a shape, and how they are trained."""

    name: str
    shape: tuple[int, ...]  # of one sample
    stack: Callable[[], list[Any]]
    optimizer: str = "adam"
    batch: int = 32
    words: int = 0  # inputs are numbers of words below this; else they are real

    def data(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Drawn samples and classes."""
        size = (STEPS * self.batch, *self.shape)
        if self.words:
            x: Any = rng.integers(0, self.words, size).astype(np.int32)
        else:
            x = rng.standard_normal(size, np.float32)
        return x, rng.integers(0, 10, len(x)).astype(np.int32)

    def train(self) -> None:
        """Fit, evaluate and predict."""
        x, y = self.data(np.random.default_rng(0))
        head = [keras.layers.Dense(10, activation="softmax")]
        model = keras.Sequential([keras.Input(self.shape), *self.stack(), *head])
        model.compile(self.optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, y, batch_size=self.batch, verbose=0)
        model.evaluate(x[: 4 * self.batch], y[: 4 * self.batch], verbose=0)
        model.predict(x[: 4 * self.batch], verbose=0)
        model(x[:1])


def _dense() -> list[Any]:
    layers = keras.layers
    return [layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dropout(0.2)]


def _images() -> list[Any]:
    layers = keras.layers
    return [
        layers.Conv2D(32, 3, activation="relu"),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.BatchNormalization(),
        *_dense(),
    ]


def _words() -> list[Any]:
    layers = keras.layers
    return [
        layers.Embedding(1000, 16),
        layers.GlobalAveragePooling1D(),
        layers.Dense(16, activation="relu"),
    ]


def _sequences() -> list[Any]:
    layers = keras.layers
    return [layers.Embedding(1000, 16), layers.LSTM(32, return_sequences=True), layers.GRU(32)]


def _attention() -> list[Any]:
    layers = keras.layers

    class Block(layers.Layer):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.attention = layers.MultiHeadAttention(num_heads=4, key_dim=16)
            self.norm = layers.LayerNormalization()
            self.dense = layers.Dense(64, activation="gelu")

        def call(self, x: Any) -> Any:
            return self.norm(x + self.dense(self.attention(x, x)))

    return [Block(), layers.GlobalAveragePooling1D()]


KINDS = (
    Kind("dense", (28, 28), _dense),
    Kind("sgd", (28, 28), _dense, optimizer="sgd"),
    Kind("images", (16, 16, 3), _images),
    Kind("words", (64,), _words, words=1000),
    Kind("sequences", (16,), _sequences, batch=16, words=1000),
    Kind("attention", (32, 64), _attention, batch=16),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--device", default="auto", help="auto, cpu, gpu, or several: cpu,gpu")
    names = ", ".join(kind.name for kind in KINDS)
    parser.add_argument("--only", default="", help=f"kinds of models by commas: {names}")


def main(options: argparse.Namespace) -> int:
    """Run the command; 2 for a device or a kind that is not there."""
    # Here nobody waits for anything else; it is read when the first kernel is asked for.
    os.environ["TENSORCORE_COMPILE"] = "foreground"
    try:
        devices = [tc.device(name.strip()) for name in options.device.split(",")]
        kinds = _chosen(options.only)
    except TensorcoreError as error:
        print(f"tensorcore warmup: {error}", file=sys.stderr)
        return 2
    for device in devices:
        for kind in kinds:
            start = time.perf_counter()
            with device:
                kind.train()
            print(f"{device} {kind.name:<10} {time.perf_counter() - start:6.1f} s", flush=True)
    return 0


def _chosen(only: str) -> list[Kind]:
    known = {kind.name: kind for kind in KINDS}
    names = [name.strip() for name in only.split(",") if name.strip()] or list(known)
    for name in names:
        if name not in known:
            raise InvalidArgumentError(
                f"there is no kind of model {name!r}; there are {', '.join(known)}"
            )
    return [known[name] for name in names]
