"""Every error that tensorcore raises on purpose.

Each class is also one of Python's own families, so `except ValueError` keeps working.  A message
says what went wrong, what was expected, what came, and what to do about it.
"""

from __future__ import annotations


class TensorcoreError(Exception):
    """Base of all errors raised by tensorcore."""


class InvalidArgumentError(TensorcoreError, ValueError):
    """An argument has a value that the function does not take."""


class ShapeError(InvalidArgumentError):
    """Shapes do not fit each other or the function."""


class OutOfRangeError(InvalidArgumentError, IndexError):
    """An index, an id or a label lies outside the range that is allowed."""


class DTypeError(TensorcoreError, TypeError):
    """A data type does not fit the function."""


class ArgumentTypeError(TensorcoreError, TypeError):
    """An argument has a Python type that the function does not take."""


class DeviceMismatchError(TensorcoreError, TypeError):
    """Tensors that meet in one operation live on different devices."""


class DeviceUnavailableError(TensorcoreError, RuntimeError):
    """A device was asked for by name and cannot be used; the reason is in the message."""


class OutOfMemoryError(TensorcoreError, MemoryError):
    """The device has no room for an allocation.

    Attributes:
        asked, used, room: bytes that were asked for, that were in use, and that there are at most;
            0 where that is not known.
    """

    asked = used = room = 0


class GradientError(TensorcoreError, RuntimeError):
    """A gradient was asked for that cannot be computed."""


class TrainingError(TensorcoreError, RuntimeError):
    """A model is used in a state in which it cannot be trained, evaluated or run."""


class MissingAttributeError(TensorcoreError, AttributeError):
    """Something is asked of an object that it does not have in its present state."""


class FileFormatError(InvalidArgumentError):
    """A file is damaged, is not what it should be, or holds what is never loaded."""


class TracingError(TensorcoreError, RuntimeError):
    """A function cannot be traced into a graph; the message names the place and the remedy."""


class TracedShapeError(TracingError, ShapeError):
    """Traced branches or loops give different shapes; an eager run, which takes one, may go on."""


class TracedDTypeError(TracingError, DTypeError):
    """Traced branches or loops give different dtypes."""


class CheckpointError(TensorcoreError, ValueError):
    """A file of weights is damaged, incomplete, or not of the format that its name says."""


class MissingNameError(TensorcoreError, AttributeError):
    """A module has no such name; the message shows what is near to it."""


class NotInGraphError(InvalidArgumentError, KeyError):
    """A name or a tensor was asked for that this graph does not have."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would put it in quotes


class FailedPreconditionError(TrainingError):
    """What has to be done first was not: a variable has no value yet."""


class NotFoundError(TensorcoreError, FileNotFoundError):
    """A file, or a name in a file, does not exist."""


class SessionError(TensorcoreError, RuntimeError):
    """A session is used in a state in which it cannot run."""
