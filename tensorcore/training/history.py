"""The record of a training run that `fit` returns."""

from __future__ import annotations

from typing import Any

from tensorcore.training.callbacks import Callback


class History(Callback):
    """Metrics of all epochs.

    Attributes:
        history: name -> one value an epoch.
        epoch: numbers of the epochs, from 0.
        params: "epochs", "steps" and "verbose".
    """

    def __init__(self) -> None:
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self.model.history = self
