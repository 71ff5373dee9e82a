"""Callbacks that change the learning rate between epochs."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorcore.errors import ArgumentTypeError, InvalidArgumentError
from tensorcore.training.callbacks import Callback
from tensorcore.training.checkpoint import RISING


def _rate(callback: Callback) -> float:
    """The learning rate of the model that is being trained."""
    return float(callback.model.optimizer.learning_rate)


class LearningRateScheduler(Callback):
    """Sets the learning rate at the start of each epoch.

    Args:
        schedule: function (epoch, learning rate) -> learning rate, or of the epoch alone; epochs
            count from 0.
        verbose: 1 says what it sets.

    `logs` at the end of the epoch have it as "learning_rate".
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        if not callable(schedule):
            raise ArgumentTypeError(
                "LearningRateScheduler: expected a function (epoch, learning_rate) -> learning "
                f"rate, received {schedule!r}"
            )
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        try:
            takes = len(inspect.signature(self.schedule).parameters)
        except ValueError:  # a function of C
            takes = 2
        before = _rate(self)
        rate = self.schedule(epoch, before) if takes > 1 else self.schedule(epoch)
        if not isinstance(rate, (float, int, np.floating)) and getattr(rate, "shape", None) != ():
            raise ArgumentTypeError(
                f"LearningRateScheduler: the schedule must return a number, received {rate!r}"
            )
        self.model.optimizer.learning_rate = float(rate)
        if self.verbose:
            print(
                f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to "
                f"{float(rate)}."
            )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is not None:
            logs["learning_rate"] = _rate(self)


class ReduceLROnPlateau(Callback):
    """Multiplies the learning rate by `factor` when a metric has stopped improving.

    Args:
        monitor: name of the metric.
        factor: below 1.
        patience: epochs without improvement after which the rate is reduced.
        verbose: 1 says so.
        mode: "min", "max", or "auto": "max" for names that end in acc, accuracy, auc or similar.
        min_delta: what counts as an improvement at least.
        cooldown: epochs after a reduction that are not counted.
        min_lr: the rate does not fall below this.

    `logs` at the end of the epoch have the rate as "learning_rate".
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        if factor >= 1:
            raise InvalidArgumentError(
                f"ReduceLROnPlateau: factor must be below 1, received {factor!r}"
            )
        if mode not in ("auto", "min", "max"):
            raise InvalidArgumentError(
                f'ReduceLROnPlateau: mode must be "auto", "min" or "max", received {mode!r}'
            )
        self.monitor = monitor
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.mode = mode
        self.min_delta = abs(min_delta)
        self.cooldown = cooldown
        self.min_lr = min_lr
        self._rises = mode == "max" or (mode == "auto" and monitor.endswith(RISING))

    def on_train_begin(self, logs: Any = None) -> None:
        self.best: float | None = None
        self.wait = 0
        self.cooldown_counter = 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs = {} if logs is None else logs
        logs["learning_rate"] = _rate(self)
        current = logs.get(self.monitor)
        if current is None:
            warnings.warn(
                f'ReduceLROnPlateau: there is no metric "{self.monitor}"; there are {sorted(logs)}',
                stacklevel=2,
            )
            return
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.best is None or self._is_better(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.cooldown_counter:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _is_better(self, value: float, reference: float) -> bool:
        if self._rises:
            return value - self.min_delta > reference
        return value + self.min_delta < reference

    def _reduce(self, epoch: int) -> None:
        before = _rate(self)
        if before <= np.float32(self.min_lr):
            return
        rate = max(before * self.factor, self.min_lr)
        self.model.optimizer.learning_rate = rate
        self.cooldown_counter = self.cooldown
        self.wait = 0
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {rate}.")
