"""Checks of values on the device, reported later, so that nothing waits for them."""

from __future__ import annotations

from typing import Any

import cupy
from tensorcore.kernels.cuda.modules import Text, blocks_for

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")

_text = Text("checks.cu", ["note_out_of_range"], [(name,) for name in INTEGERS])


def new_record() -> Any:
    """A record in which nothing is found yet: int64 (found, number, value, low, high), all 0."""
    return cupy.zeros(5, cupy.int64)


def note_out_of_range(array: Any, low: int, high: int, number: int, record: Any) -> None:
    """Write `[1, number, value, low, high]` to `record` if a value is outside [low, high).

    Args:
        array: integers of any shape on the current device.
        low: the smallest allowed value.
        high: one more than the largest allowed value.
        number: what to call this check in the record.
        record: from `new_record`; the first finding stays, later ones are not written.
    """
    if array.size == 0:
        return
    if not array.flags.c_contiguous:
        array = cupy.ascontiguousarray(array)
    kernel = _text.kernel("note_out_of_range", array.dtype.name)
    kernel(blocks_for(array.size), (256, 1, 1), array, array.size, low, high, number, record)
