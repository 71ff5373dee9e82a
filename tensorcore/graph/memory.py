"""The memory of a plan: buffers that serve one intermediate result after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorcore.device import ALIGNMENT, FED_ALIGNMENT, Device, address, aligned_part
from tensorcore.graph.symbol import NoData

WASTE = 2  # a free buffer is taken for a result of at least 1 / WASTE of its size


class Buffers:
    """Hands out arrays, and takes back those whose values are needed no more."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._free: list[Any] = []  # raw buffers of bytes
        self.nbytes = 0  # of all buffers ever made

    def take(self, spec: NoData) -> Any:
        """An array of this shape and dtype, in a buffer that is free or new."""
        wanted = max(spec.nbytes, 1)
        fitting = [raw for raw in self._free if wanted <= raw.size - ALIGNMENT <= WASTE * wanted]
        if not fitting:
            return self.own(spec)
        chosen = min(fitting, key=lambda buffer: buffer.size)
        self._free = [buffer for buffer in self._free if buffer is not chosen]
        return aligned_part(chosen, spec.shape, spec.dtype)

    def own(self, spec: NoData) -> Any:
        """An array in a buffer of its own: for what is written before the first node runs."""
        # Zeros, not garbage: a kernel that is tried on it must not meet wild indices.
        size = max(spec.nbytes, 1) + ALIGNMENT
        raw = self._device.run(self._device.xp.zeros, size, np.uint8)
        self.nbytes += size
        return aligned_part(raw, spec.shape, spec.dtype)

    def side_by_side(self, specs: Sequence[NoData]) -> list[Any]:
        """Arrays for what comes from the host at each run, in one buffer in the order of a
        `Device.feeder`, so that one copy brings them.
        """
        starts = [0]
        for spec in specs:
            starts.append(starts[-1] + -(-spec.nbytes // FED_ALIGNMENT) * FED_ALIGNMENT)
        size = starts[-1] + FED_ALIGNMENT
        raw = self._device.run(self._device.xp.zeros, size, np.uint8)
        self.nbytes += size
        first = -address(raw) % FED_ALIGNMENT
        return [
            raw[first + start : first + start + spec.nbytes].view(spec.dtype).reshape(spec.shape)
            for start, spec in zip(starts, specs, strict=False)
        ]

    def give_back(self, array: Any) -> None:
        """The memory of an array that `take` gave may be used again."""
        self._free.append(owner(array))


def owner(array: Any) -> Any:
    """The array whose memory a view shows."""
    while getattr(array, "base", None) is not None:
        array = array.base
    return array
