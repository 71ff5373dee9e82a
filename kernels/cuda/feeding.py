"""Batches brought to a GPU while it is at work on the batch before.

The host writes a batch into a block of page-locked memory, from which a stream of its own copies
it to the GPU in one go; the stream that computes waits for that copy only.  There are two blocks:
while one is read, the other is written to, so that neither the host nor the GPU waits for the
other.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import cupy
import numpy as np

SLOTS = 2


class _Slot:
    """One of the blocks: on the host, on the GPU, and when each may be written to again."""

    def __init__(self, places: Sequence[Any], starts: Sequence[int]) -> None:
        nbytes = max(starts[-1], 1)
        memory = cupy.cuda.alloc_pinned_memory(nbytes)
        self.block = np.frombuffer(memory, np.uint8, nbytes)
        self.staged = cupy.empty(nbytes, np.uint8)
        self.host = [
            self.block[start : start + place.nbytes].view(place.dtype).reshape(place.shape)
            for start, place in zip(starts, places, strict=False)
        ]
        self.is_sent = cupy.cuda.Event(disable_timing=True)
        self.is_used = cupy.cuda.Event(disable_timing=True)
        # The memory may have been another array's, which the GPU has still to read.
        self.is_used.record()


def _pieces(places: Sequence[Any], starts: Sequence[int]) -> list[tuple[Any, int, int]]:
    """Copies from a block to the places: (where to, where in the block, bytes).

    Neighbours that lie in their memory as in the block are one copy.
    """
    pieces: list[tuple[Any, int, int]] = []
    for place, start in zip(places, starts, strict=False):
        to, first, _ = pieces[-1] if pieces else (None, 0, 0)
        if to is not None and to.mem is place.data.mem and place.data.ptr - to.ptr == start - first:
            pieces[-1] = to, first, start - first + place.nbytes
        else:
            pieces.append((place.data, start, place.nbytes))
    return pieces


def _wait_for(events: Sequence[Any]) -> None:
    for event in events:
        if not event.done:
            event.synchronize()


class Feeder:
    """Call it with a function that writes a batch into arrays of the host.

    Args:
        places: arrays of the current GPU, each in one piece, that get the batches.
        alignment: bytes; in a block each array begins at a multiple of it.
    """

    def __init__(self, places: Sequence[Any], alignment: int) -> None:
        starts = [0]
        for place in places:
            starts.append(starts[-1] + -(-place.nbytes // alignment) * alignment)
        self._pieces = _pieces(places, starts)
        self._stream = cupy.cuda.Stream(non_blocking=True)
        self._slots = [_Slot(places, starts) for _ in range(SLOTS)]
        self._next = 0
        # Nobody else may get the page-locked memory while it is copied from.
        sent = [slot.is_sent for slot in self._slots]
        weakref.finalize(self, _wait_for, sent).atexit = False

    def __call__(self, fill: Callable[[list[np.ndarray]], Any]) -> None:
        """Write a batch; what is launched in the current stream from now on sees it."""
        slot = self._slots[self._next]
        _wait_for([slot.is_sent])  # where the host is two batches ahead of the copies
        fill(slot.host)
        self._next = (self._next + 1) % SLOTS
        self._stream.wait_event(slot.is_used)
        slot.staged.set(slot.block, self._stream)
        slot.is_sent.record(self._stream)
        computing = cupy.cuda.get_current_stream()
        computing.wait_event(slot.is_sent)
        for place, start, nbytes in self._pieces:
            place.copy_from_device_async(slot.staged.data + start, nbytes)
        slot.is_used.record(computing)
