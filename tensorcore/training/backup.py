"""The callback that lets an interrupted training go on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from tensorcore.errors import InvalidArgumentError, TrainingError
from tensorcore.saving.atomic import atomic_file
from tensorcore.training.callbacks import Callback


class BackupAndRestore(Callback):
    """Keeps weights, optimizer state and epoch in a folder; `fit` of an interrupted program that is
    started again goes on from there.

    Args:
        backup_dir: the folder.
        save_freq: "epoch", or a number of batches after which the state is written.
        double_checkpoint: accepted; a file takes its name when it is complete, so that a program
            that is killed leaves a whole one.
        delete_checkpoint: remove the file when training has ended.

    The same program has to be started: the model is not in the file, only its numbers are.
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: Any = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        if save_freq != "epoch" and not (isinstance(save_freq, int) and save_freq > 0):
            raise InvalidArgumentError(
                'BackupAndRestore: save_freq must be "epoch" or a positive int, received '
                f"{save_freq!r}"
            )
        if not os.fspath(backup_dir):
            raise InvalidArgumentError("BackupAndRestore: backup_dir must name a folder")
        self.backup_dir = Path(backup_dir)
        self.save_freq = save_freq
        self.delete_checkpoint = delete_checkpoint
        self._epoch = 0
        self._batches = 0

    @property
    def path(self) -> Path:
        """The file."""
        return self.backup_dir / "latest.npz"

    def on_train_begin(self, logs: Any = None) -> None:
        if not self.path.exists():
            return
        if not self.model.built:
            raise TrainingError(
                f"BackupAndRestore: there is a backup in {str(self.backup_dir)!r}, but the model "
                "has no weights yet: give it an input shape, or call it once before fit"
            )
        optimizer = self.model.optimizer
        optimizer.build(self.model.trainable_weights)
        with np.load(self.path, allow_pickle=False) as kept:
            weights = [kept[f"weight{i}"] for i in range(int(kept["weights"]))]
            states = [kept[f"state{i}"] for i in range(int(kept["states"]))]
            epoch = int(kept["epoch"])
        variables = optimizer.saved_variables
        if [v.shape for v in variables] != [value.shape for value in states]:
            raise TrainingError(
                f"BackupAndRestore: the backup in {str(self.backup_dir)!r} is that of another "
                "model or optimizer; remove it to start anew"
            )
        self.model.set_weights(weights)
        for variable, value in zip(variables, states, strict=True):
            variable.assign(value)
        self.model._initial_epoch = epoch

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch

    def is_idle(self, moment: str) -> bool:
        is_own = type(self).on_train_batch_end is BackupAndRestore.on_train_batch_end
        return moment == "on_train_batch_end" and is_own and self.save_freq == "epoch"

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._batches += 1
        if self.save_freq != "epoch" and self._batches % self.save_freq == 0:
            self._write(self._epoch)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch + 1
        if self.save_freq == "epoch":
            self._write(self._epoch)

    def _write(self, epoch: int) -> None:
        weights = self.model.get_weights()
        states = [variable.numpy() for variable in self.model.optimizer.saved_variables]
        named = {f"weight{i}": value for i, value in enumerate(weights)}
        named |= {f"state{i}": value for i, value in enumerate(states)}
        counts = {"weights": len(weights), "states": len(states), "epoch": epoch}
        self.backup_dir.mkdir(parents=True, exist_ok=True)
        with atomic_file(self.path) as file:
            np.savez(file, **named, **counts)

    def on_train_end(self, logs: Any = None) -> None:
        if self.delete_checkpoint and self.path.exists():
            self.path.unlink()
