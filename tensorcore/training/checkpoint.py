"""The callback that writes the model to a file while it trains."""

from __future__ import annotations

from typing import Any

from tensorcore.errors import InvalidArgumentError
from tensorcore.training.callbacks import Callback

RISING = ("acc", "accuracy", "auc", "precision", "recall")  # metrics of which more is better


class ModelCheckpoint(Callback):
    """Writes the model, or its weights, after each epoch or every so many batches.

    Args:
        filepath: where to; may hold the epoch and the metrics: "{epoch:02d}-{val_loss:.2f}.keras".
            It ends in ".keras", or in ".weights.h5" or ".safetensors" with save_weights_only.
        monitor: the metric by which models are compared.
        verbose: 1 says what is written and why.
        save_best_only: write only a model that is better than all before.
        save_weights_only: write the weights alone.
        mode: "min", "max", or "auto": "max" for names that end in acc, accuracy, auc or similar.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: what the first model has to be better than.

    Files take their name when they are complete: a program that is killed leaves a whole one.
    """

    def __init__(
        self,
        filepath: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        if mode not in ("auto", "min", "max"):
            raise InvalidArgumentError(
                f'ModelCheckpoint: mode must be "auto", "min" or "max", received {mode!r}'
            )
        if save_freq != "epoch" and not (isinstance(save_freq, int) and save_freq > 0):
            raise InvalidArgumentError(
                f'ModelCheckpoint: save_freq must be "epoch" or a positive int, received '
                f"{save_freq!r}"
            )
        endings = (".weights.h5", ".safetensors") if save_weights_only else (".keras", ".h5")
        if not str(filepath).endswith(endings):
            raise InvalidArgumentError(
                f"ModelCheckpoint: filepath must end in {' or '.join(endings)}"
                f"{' with save_weights_only=True' if save_weights_only else ''}, received "
                f"{str(filepath)!r}"
            )
        self.filepath = str(filepath)
        self.monitor = monitor
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self.best = initial_value_threshold
        self._rises = mode == "max" or (mode == "auto" and monitor.endswith(RISING))
        self._batches = 0
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch

    def is_idle(self, moment: str) -> bool:
        is_own = type(self).on_train_batch_end is ModelCheckpoint.on_train_batch_end
        return moment == "on_train_batch_end" and is_own and self.save_freq == "epoch"

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._batches += 1
        if self._batches % self.save_freq == 0:
            self._save(logs, batch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.save_freq == "epoch":
            self._save(logs)

    def _save(self, logs: Any, batch: int | None = None) -> None:
        logs = dict(logs or {})
        path = self._path(logs, batch)
        if not self.save_best_only:
            self._say(f"saving model to {path}")
            self._write(path)
            return
        current = logs.get(self.monitor)
        if current is None:
            raise InvalidArgumentError(
                f'ModelCheckpoint: there is no metric "{self.monitor}" to compare by; there are '
                f"{sorted(logs)}"
                + (". Give fit validation_data." if self.monitor.startswith("val_") else "")
            )
        if self.best is not None and not self._is_better(current, self.best):
            self._say(f"{self.monitor} did not improve from {self.best:.5f}")
            return
        before = "None" if self.best is None else f"{self.best:.5f}"
        self._say(f"{self.monitor} improved from {before} to {current:.5f}, saving model to {path}")
        self._write(path)
        self.best = current

    def _is_better(self, value: float, reference: float) -> bool:
        return value > reference if self._rises else value < reference

    def _write(self, path: str) -> None:
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)

    def _path(self, logs: dict[str, Any], batch: int | None) -> str:
        numbers = {**logs, "epoch": self._epoch + 1}
        if batch is not None:
            numbers["batch"] = batch + 1
        try:
            return self.filepath.format(**numbers)
        except (KeyError, IndexError) as missing:
            raise InvalidArgumentError(
                f"ModelCheckpoint: filepath {self.filepath!r} names {missing}, which is not among "
                f"the metrics {sorted(numbers)}"
            ) from None

    def _say(self, text: str) -> None:
        if self.verbose:
            print(f"\nEpoch {self._epoch + 1}: {text}")
