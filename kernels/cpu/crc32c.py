"""CRC32C (Castagnoli), the checksum of TensorFlow's checkpoint files, eight bytes a step.

Slicing by eight (Kounavis and Berry, 2005): one table for each byte of a 64-bit word, so that the
eight look-ups of a step do not wait for each other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorcore.kernels.cpu.jit import kernel

POLYNOMIAL = 0x82F63B78  # Castagnoli's, lowest bit first


def tables() -> np.ndarray:
    """(8, 256): row k holds the checksum of a byte that k zero bytes follow."""
    rows = np.zeros((8, 256), np.uint32)
    rows[0] = np.arange(256)
    for _ in range(8):
        odd = rows[0] & 1
        rows[0] = (rows[0] >> 1) ^ (odd * np.uint32(POLYNOMIAL))
    for k in range(1, 8):
        rows[k] = (rows[k - 1] >> 8) ^ rows[0][rows[k - 1] & 0xFF]
    return rows


_TABLES = tables()


@kernel
def _update(state, words, tail, table):
    low = np.uint64(0xFF)
    crc = np.uint64(state)
    for n in range(words.size):
        word = words[n] ^ crc
        crc = np.uint64(
            table[7, word & low]
            ^ table[6, (word >> np.uint64(8)) & low]
            ^ table[5, (word >> np.uint64(16)) & low]
            ^ table[4, (word >> np.uint64(24)) & low]
            ^ table[3, (word >> np.uint64(32)) & low]
            ^ table[2, (word >> np.uint64(40)) & low]
            ^ table[1, (word >> np.uint64(48)) & low]
            ^ table[0, word >> np.uint64(56)]
        )
    for n in range(tail.size):
        crc = np.uint64(table[0, (crc ^ np.uint64(tail[n])) & low]) ^ (crc >> np.uint64(8))
    return crc


def crc32c(data: Any, start: int = 0) -> int:
    """The checksum of bytes (anything with the buffer protocol), going on from `start`."""
    raw = np.frombuffer(data, np.uint8)
    whole = raw.size // 8 * 8
    words = raw[:whole].view("<u8")
    return int(_update(np.uint64(start ^ 0xFFFFFFFF), words, raw[whole:], _TABLES)) ^ 0xFFFFFFFF
