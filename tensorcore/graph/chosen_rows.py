"""Rows of arrays of a GPU as the arguments of a plan's run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorcore.device import address


class ChosenRows:
    """Which rows of which arrays; call it to write that for `Device.row_feeder`.

    Args:
        arrays: on the plan's device, in C order, one for each argument, with rows like its rows.
        numbers: of the rows, as many as an argument has.
    """

    __slots__ = ("_addresses", "_arrays", "_numbers")

    def __init__(self, arrays: Sequence[Any], numbers: np.ndarray) -> None:
        self._arrays = arrays  # which nobody may free before the run
        self._addresses = [address(array) for array in arrays]
        self._numbers = numbers

    def __call__(self, places: Sequence[np.ndarray]) -> None:
        places[0][:] = self._addresses
        places[1][:] = self._numbers
