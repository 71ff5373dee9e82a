"""`tf.summary`: numbers and pictures for TensorBoard, written by tensorboardX."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from tensorcore import missing
from tensorcore.errors import InvalidArgumentError
from tensorcore.tensor import as_tensor

__all__ = ["SummaryWriter", "create_file_writer", "flush", "histogram", "image", "scalar", "text"]


class _Current(threading.local):
    writers: tuple[Any, ...] = ()
    step: int | None = None


_current = _Current()


class SummaryWriter:
    """Writes events into a folder: `with writer.as_default(): tf.summary.scalar(...)`."""

    def __init__(self, logdir: str) -> None:
        try:
            from tensorboardX import SummaryWriter as Writer
        except ImportError as error:
            raise ImportError(
                "tf.summary writes by tensorboardX, which is not installed: "
                "pip install tensorboardX"
            ) from error
        self.writer = Writer(str(logdir))

    def as_default(self, step: int | None = None) -> SummaryWriter:
        """A context in which summaries go to this writer."""
        self._step = step
        return self

    def __enter__(self) -> SummaryWriter:
        _current.writers = (*_current.writers, self)
        return self

    def __exit__(self, *exception: object) -> None:
        _current.writers = _current.writers[:-1]
        self.flush()

    def set_as_default(self, step: int | None = None) -> None:
        """Summaries go to this writer from now on."""
        _current.writers = (*_current.writers, self)

    def flush(self) -> None:
        """Write what is waiting."""
        self.writer.flush()

    def close(self) -> None:
        """Write what is waiting and close the file."""
        self.writer.close()


def create_file_writer(logdir: str, **options: Any) -> SummaryWriter:
    """A writer of events into a folder."""
    return SummaryWriter(logdir)


def _write(kind: str, name: str, value: Any, step: Any) -> bool:
    if not _current.writers:
        return False  # as in TensorFlow: without a writer nothing is written
    if step is None:
        raise InvalidArgumentError(
            f"tf.summary.{kind}: no step; give step=..., the number of the training step"
        )
    writer = _current.writers[-1].writer
    getattr(writer, f"add_{kind}")(name, value, int(step))
    return True


def scalar(name: str, data: Any, step: Any = None, description: str | None = None) -> bool:
    """A number."""
    return _write("scalar", name, float(as_tensor(data).item()), step)


def histogram(name: str, data: Any, step: Any = None, **options: Any) -> bool:
    """The distribution of values."""
    return _write("histogram", name, as_tensor(data).numpy(), step)


def image(name: str, data: Any, step: Any = None, max_outputs: int = 3, **options: Any) -> bool:
    """Pictures (N, height, width, channels), of which the first `max_outputs` are written."""
    pictures = as_tensor(data).numpy()[:max_outputs]
    written = False
    for number, picture in enumerate(pictures):
        channels_first = np.moveaxis(picture, -1, 0)
        written = _write("image", f"{name}/{number}", channels_first, step)
    return written


def text(name: str, data: Any, step: Any = None, **options: Any) -> bool:
    """A text."""
    from tensorcore.data.texts import as_bytes

    return _write("text", name, as_bytes(data).item().decode(), step)


def flush(writer: Any = None) -> None:
    """Write what is waiting."""
    for each in [writer] if writer is not None else _current.writers:
        each.flush()


def __getattr__(name: str) -> Any:
    raise missing.attribute(__name__, name, __all__)
