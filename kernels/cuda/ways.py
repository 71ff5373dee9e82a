"""What the environment variable TENSORCORE_CONV chooses, for convolutions and recurrent layers."""

from __future__ import annotations

import os

WAYS = ("auto", "own", "cudnn", "im2col")


def chosen_way() -> str:
    """One of `WAYS`."""
    way = os.environ.get("TENSORCORE_CONV", "auto")
    if way not in WAYS:
        raise ValueError(f"TENSORCORE_CONV must be one of {WAYS}, received {way!r}")
    return way
