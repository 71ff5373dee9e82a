"""`tf.errors`: TensorFlow's names for tensorcore's errors."""

from tensorcore.data.iterating import EndOfSequence as OutOfRangeError
from tensorcore.errors import (
    DeviceUnavailableError,
    FileFormatError,
    InvalidArgumentError,
    OutOfMemoryError,
    TensorcoreError,
    TrainingError,
)

OpError = TensorcoreError
FailedPreconditionError = TrainingError
ResourceExhaustedError = OutOfMemoryError
DataLossError = FileFormatError
UnavailableError = DeviceUnavailableError
NotFoundError = FileNotFoundError

__all__ = [
    "DataLossError",
    "FailedPreconditionError",
    "InvalidArgumentError",
    "NotFoundError",
    "OpError",
    "OutOfRangeError",
    "ResourceExhaustedError",
    "UnavailableError",
]
