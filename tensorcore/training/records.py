"""Callbacks that write down how training goes: CSV files, TensorBoard."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tensorcore.errors import TrainingError
from tensorcore.training.callbacks import Callback


class CSVLogger(Callback):
    """Writes one line for each epoch: the epoch and all metrics.

    Args:
        filename: of the file.
        separator: between the columns.
        append: go on with the file that is there, instead of writing it anew.

    Each line is on disk when its epoch ends.
    """

    def __init__(
        self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False
    ) -> None:
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self.keys: list[str] | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        path = Path(self.filename)
        if not self.append:
            path.write_text("")
        self._needs_header = not path.exists() or path.stat().st_size == 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs = dict(logs or {})
        if self.keys is None:
            # Metrics of a validation that is not held in each epoch have a column all the same.
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
        row = {key: _plain(logs.get(key, "NA")) for key in self.keys}
        with open(self.filename, "a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["epoch", *self.keys], delimiter=self.sep)
            if self._needs_header:
                writer.writeheader()
            self._needs_header = False
            writer.writerow({"epoch": epoch, **row})


def _plain(value: Any) -> Any:
    if isinstance(value, Iterable) and not isinstance(value, str):
        return f'"[{", ".join(map(str, value))}]"'
    return value


class TensorBoard(Callback):
    """Writes metrics for TensorBoard; needs the package tensorboardX.

    Args:
        log_dir: folder of the files; "train" and "validation" are made in it.
        histogram_freq: write histograms of the weights every so many epochs; 0 means never.
        write_graph, write_images, embeddings_freq, profile_batch: accepted; nothing is written.
        write_steps_per_second: write the number of steps a second of each epoch.
        update_freq: "epoch", "batch", or a number of batches after which metrics are written.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: Any = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self._writers: dict[str, Any] = {}
        self._step = 0

    def _writer(self, part: str) -> Any:
        if part not in self._writers:
            try:
                from tensorboardX import SummaryWriter
            except ImportError:
                raise TrainingError(
                    "TensorBoard: the package tensorboardX is missing: pip install tensorboardX"
                ) from None
            self._writers[part] = SummaryWriter(os.path.join(self.log_dir, part))
        return self._writers[part]

    def on_train_begin(self, logs: Any = None) -> None:
        self._writer("train")

    def is_idle(self, moment: str) -> bool:
        is_own = type(self).on_train_batch_end is TensorBoard.on_train_batch_end
        counts = self.write_steps_per_second or self.update_freq != "epoch"
        return moment == "on_train_batch_end" and is_own and not counts

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._step += 1
        if self.update_freq != "epoch" and self._step % self.update_freq == 0:
            for name, value in dict(logs or {}).items():
                self._writer("train").add_scalar(f"batch_{name}", value, self._step)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        import time

        self._started = (time.perf_counter(), self._step)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        import time

        for name, value in dict(logs or {}).items():
            part = "validation" if name.startswith("val_") else "train"
            self._writer(part).add_scalar(f"epoch_{name.removeprefix('val_')}", value, epoch)
        if self.write_steps_per_second:
            seconds = time.perf_counter() - self._started[0]
            rate = (self._step - self._started[1]) / max(seconds, 1e-9)
            self._writer("train").add_scalar("epoch_steps_per_second", rate, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            for variable in self.model.weights:
                self._writer("train").add_histogram(variable.path, variable.numpy(), epoch)
        for writer in self._writers.values():
            writer.flush()

    def on_train_end(self, logs: Any = None) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()
