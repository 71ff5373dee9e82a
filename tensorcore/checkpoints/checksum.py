"""CRC32C as TensorFlow's files hold it: computed over bytes, then masked."""

from __future__ import annotations

from typing import Any

_POLYNOMIAL = 0x82F63B78
_SMALL = 16384  # bytes up to which a loop in Python is over before numba would be imported
_TABLE: list[int] = []


def crc32c(data: Any, start: int = 0) -> int:
    """The CRC32C (Castagnoli; RFC 3720, B.4) of bytes, going on from the checksum `start`.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    view = memoryview(data).cast("B")
    if len(view) > _SMALL:
        from tensorcore.kernels.cpu import crc32c as compiled

        return compiled.crc32c(view, start)
    table = _table()
    crc = start ^ 0xFFFFFFFF
    for byte in view:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _table() -> list[int]:
    if not _TABLE:
        for byte in range(256):
            for _ in range(8):
                byte = (byte >> 1) ^ (_POLYNOMIAL if byte & 1 else 0)
            _TABLE.append(byte)
    return _TABLE


def mask(crc: int) -> int:
    """The form in which a checksum is stored, so that checksums of checksums stay good ones."""
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
