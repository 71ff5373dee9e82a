"""Batches brought to a GPU while it is at work on the batch before.

The host writes rows into page-locked memory, from which a stream of its own copies them to the GPU;
the stream that computes waits for that copy only.  There are two buffers of each kind: while one is
read, the other is written to, so that neither the host nor the GPU waits for the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cupy
import numpy as np

SLOTS = 2


class _Slot:
    """One of the buffers: on the host, on the GPU, and when each may be written to again."""

    def __init__(self, places: Sequence[Any]) -> None:
        self.host = [_page_locked(place) for place in places]
        self.staged = [cupy.empty(place.shape, place.dtype) for place in places]
        self.is_sent = cupy.cuda.Event(disable_timing=True)
        self.is_used = cupy.cuda.Event(disable_timing=True)


def _page_locked(like: Any) -> np.ndarray:
    memory = cupy.cuda.alloc_pinned_memory(like.nbytes)
    return np.frombuffer(memory, like.dtype, like.size).reshape(like.shape)


class Feeder:
    """Call it with a function that writes a batch into arrays of the host.

    Args:
        places: arrays of the current GPU that get the batches.
    """

    def __init__(self, places: Sequence[Any]) -> None:
        self._places = places
        self._stream = cupy.cuda.Stream(non_blocking=True)
        self._slots = [_Slot(places) for _ in range(SLOTS)]
        self._next = 0

    def __call__(self, fill: Callable[[list[np.ndarray]], Any]) -> None:
        """Write a batch; what is launched in the current stream from now on sees it."""
        slot = self._slots[self._next]
        self._next = (self._next + 1) % SLOTS
        if not slot.is_sent.done:  # the host is two batches ahead of the copies
            slot.is_sent.synchronize()
        fill(slot.host)
        self._stream.wait_event(slot.is_used)
        for staged, host in zip(slot.staged, slot.host, strict=True):
            staged.set(host, self._stream)
        slot.is_sent.record(self._stream)
        computing = cupy.cuda.get_current_stream()
        computing.wait_event(slot.is_sent)
        for place, staged in zip(self._places, slot.staged, strict=True):
            cupy.copyto(place, staged)
        slot.is_used.record(computing)
