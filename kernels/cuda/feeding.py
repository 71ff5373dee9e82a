"""Batches brought to a GPU while it is at work on the batch before.

The host writes a batch into a block of page-locked memory, from which a stream of its own copies
it to the GPU in one go; the stream that computes waits for that copy only.  There are two blocks:
while one is read, the other is written to, so that neither the host nor the GPU waits for the
other.  Of rows of arrays that are on the GPU already only the numbers are brought.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import cupy
import numpy as np
from tensorcore.kernels.cuda.modules import MOST_BLOCKS, Text

SLOTS = 2
CHUNK = 1 << 24  # bytes of an array that are converted at a time, on its way to the GPU
THREADS = 256
WIDEST = 16  # bytes that a thread moves at a time
MOST_PARTS = 1024  # blocks of a row
_OF_AN_ARRAY = 3  # numbers that gather_rows.cu reads: source, place, bytes of a row

_gather = Text("gather_rows.cu", ["gather_rows"], [("int64",)])


class _Slot:
    """One of the blocks: on the host, on the GPU, and when each may be written to again."""

    def __init__(self, places: Sequence[Any], starts: Sequence[int]) -> None:
        nbytes = max(starts[-1], 1)
        memory = cupy.cuda.alloc_pinned_memory(nbytes)
        self.block = np.frombuffer(memory, np.uint8, nbytes)
        self.staged = cupy.empty(nbytes, np.uint8)
        self.host = _cut(self.block, places, starts)
        self.is_sent = cupy.cuda.Event(disable_timing=True)
        self.is_used = cupy.cuda.Event(disable_timing=True)
        # The memory may have been another array's, which the GPU has still to read.
        self.is_used.record()


def _cut(block: Any, places: Sequence[Any], starts: Sequence[int]) -> list[Any]:
    """The parts of a block that are like the places."""
    return [
        block[start : start + place.nbytes].view(place.dtype).reshape(place.shape)
        for start, place in zip(starts, places, strict=False)
    ]


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
        staying: arrays like what comes before that in a block, and is read there.
    """

    def __init__(
        self, places: Sequence[Any], alignment: int, staying: Sequence[np.ndarray] = ()
    ) -> None:
        starts = [0]
        for place in (*staying, *places):
            starts.append(starts[-1] + -(-place.nbytes // alignment) * alignment)
        self._pieces = _pieces(places, starts[len(staying) :])
        self._stream = cupy.cuda.Stream(non_blocking=True)
        self._slots = [_Slot((*staying, *places), starts) for _ in range(SLOTS)]
        self._staying = [_cut(slot.staged, staying, starts) for slot in self._slots]
        self._next = 0
        # Nobody else may get the page-locked memory while it is copied from.
        sent = [slot.is_sent for slot in self._slots]
        weakref.finalize(self, _wait_for, sent).atexit = False

    def __call__(self, fill: Callable[[list[np.ndarray]], Any]) -> None:
        """Write a batch; what is launched in the current stream from now on sees it."""
        slot, staying = self._slots[self._next], self._staying[self._next]
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
        self._read(*staying)
        slot.is_used.record(computing)

    def _read(self, *staying: Any) -> None:
        """Launch what reads the parts of a block that stay there."""


class RowFeeder(Feeder):
    """A feeder for rows of arrays of the GPU, gathered there by one kernel.

    Its function is given, as arrays of the host, the addresses of the arrays, the numbers of the
    rows, and what gets the numbers of a run.

    Args:
        places: arrays of the current GPU, each in one piece, that get as many rows each.
        numbers: further arrays of the GPU, written to as they are.
        alignment: as for `Feeder`.
    """

    def __init__(self, places: Sequence[Any], numbers: Sequence[Any], alignment: int) -> None:
        self._places = places
        self._count = len(places[0])
        table = np.zeros((len(places), _OF_AN_ARRAY), np.uint64)
        super().__init__(numbers, alignment, [table, np.zeros(self._count, np.int64)])
        for slot in self._slots:
            table = slot.host[0]
            table[:, 1] = [place.data.ptr for place in places]
            table[:, 2] = [place.nbytes // self._count for place in places]
            slot.host[0] = table[:, 0]
        words = max(place.nbytes for place in places) // (WIDEST * self._count)
        parts = min(max(-(-words // THREADS), 1), MOST_PARTS)
        self._grid = (min(self._count, MOST_BLOCKS), len(places), parts)
        self._kernel = _gather.kernel("gather_rows", "int64")

    def _read(self, *staying: Any) -> None:
        self._kernel(self._grid, (THREADS, 1, 1), *staying, self._count)


def brought(array: np.ndarray, dtype: np.dtype) -> Any:
    """A host array on the current GPU in C order, as `dtype`; no whole copy is made on the way.

    Whoever asks keeps the host array as it is until the GPU has been waited for.
    """
    nbytes = array.size * dtype.itemsize
    raw = cupy.empty(nbytes, np.uint8)
    if nbytes:
        row = nbytes // len(array)
        is_ready = array.dtype == dtype and array.flags.c_contiguous
        rows = len(array) if is_ready else max(CHUNK // row, 1)
        stream = cupy.cuda.get_current_stream()
        for start in range(0, len(array), rows):
            part = np.ascontiguousarray(array[start : start + rows]).astype(dtype, copy=False)
            raw[start * row : start * row + part.nbytes].set(
                part.reshape(-1).view(np.uint8), stream
            )
            if not is_ready:
                stream.synchronize()  # before the part goes
    return raw.view(dtype).reshape(array.shape)
