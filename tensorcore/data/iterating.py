"""Passing over a data set: what every iterator has in common."""

from __future__ import annotations

from tensorcore.errors import OutOfRangeError


class EndOfSequence(OutOfRangeError):
    """The data set has no further element."""
