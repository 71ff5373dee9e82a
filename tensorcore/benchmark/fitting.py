"""`tensorcore benchmark fit`: whole trainings on real data sets, epoch by epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tensorcore import keras
from tensorcore.benchmark import text
from tensorcore.benchmark.cases import images_model, text_model
from tensorcore.benchmark.memory import peak_during
from tensorcore.device import Device
from tensorcore.training import loop
from tensorcore.training.batches import batches_of


class Training(NamedTuple):
    """A model, its data, and the accuracy whose time is taken."""

    name: str
    build: Callable[[str], Any]
    load: Callable[[], Any]
    batch: int
    epochs: int
    goal: float


class Clock(keras.callbacks.Callback):
    """Notes how long epochs take, and when the validation accuracy reaches a goal."""

    def __init__(self, goal: float) -> None:
        super().__init__()
        self.goal = goal
        self.epochs_s: list[float] = []
        self.reached_s: float | None = None
        self.accuracy = 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        self._begun = time.perf_counter()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = time.perf_counter()
        self._validation = 0.0

    def on_test_begin(self, logs: Any = None) -> None:
        self._test = time.perf_counter()

    def on_test_end(self, logs: Any = None) -> None:
        self._validation += time.perf_counter() - self._test

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        now = time.perf_counter()
        self.epochs_s.append(now - self._epoch - self._validation)
        self.accuracy = float(logs["val_accuracy"])
        if self.reached_s is None and self.accuracy >= self.goal:
            self.reached_s = now - self._begun


def _images() -> Any:
    (x, y), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()
    return (x / np.float32(255), y), (x_test / np.float32(255), y_test)


def _reviews() -> Any:
    (x, y), (x_test, y_test) = keras.datasets.imdb.load_data(num_words=10_000)
    fill: Any = keras.preprocessing.sequence.pad_sequences
    return tuple(
        (fill(rows, maxlen=256, padding="post"), np.asarray(labels))
        for rows, labels in ((x, y), (x_test, y_test))
    )


TRAININGS = (
    Training("Fashion-MNIST", images_model, _images, 32, 5, 0.85),
    Training("IMDB", text_model, _reviews, 512, 20, 0.85),
)
HEAD = ("training", "device", "epoch", "steps/s", "samples/s", "data wait", "memory", "accuracy")


def report(
    devices: Sequence[Device], *, quick: bool, said: Callable[[str], Any] = lambda words: None
) -> str:
    """Train the models on the devices, and tell what that took as a table."""
    lines = []
    for training in TRAININGS:
        data = training.load()
        for device in devices:
            said(f"{device}: {training.name}")
            lines.append(_line(training, data, device, quick))
    said("")
    return text.table([*HEAD, "time to it"], lines)


def _line(training: Training, data: Any, device: Device, quick: bool) -> list[str]:
    (x, y), test = data
    if quick:
        x, y = x[:6400], y[:6400]
    clock = Clock(training.goal)

    def train() -> Any:
        keras.utils.set_random_seed(0)
        model, _ = training.build("float32")
        model.compile(model.optimizer, model.loss, metrics=["accuracy"])
        model.fit(
            x,
            y,
            batch_size=training.batch,
            epochs=2 if quick else training.epochs,
            validation_data=test,
            callbacks=[clock],
            verbose=0,
        )
        return model

    with device:
        model, used = peak_during(train, device)
        waited = _data_wait(model, x, y, training.batch, device)
    epoch = float(np.median(clock.epochs_s[1:] or clock.epochs_s))
    steps = -(-len(x) // training.batch)
    reached = "not reached" if clock.reached_s is None else text.seconds(clock.reached_s)
    return [
        training.name,
        device.name,
        text.seconds(epoch),
        f"{steps / epoch:,.0f}",
        f"{len(x) / epoch:,.0f}",
        f"{100 * min(waited / epoch, 1):.0f} %",
        f"{used / 2**20:,.0f} MiB",
        f"{clock.accuracy:.4f}",
        f"{reached} (to {training.goal})",
    ]


def _data_wait(model: Any, x: Any, y: Any, batch: int, device: Device) -> float:
    """Seconds of an epoch that go into making batches: the feed of an epoch without its steps."""
    feed = loop.Feed(model, batches_of(x, y, None, batch, True), None)
    start = time.perf_counter()
    for rows in feed.epoch():
        if hasattr(rows, "tensors"):
            rows.tensors()
    device.synchronize()
    return time.perf_counter() - start
