"""How large a batch may be where memory has run out."""

from __future__ import annotations

from tensorcore.errors import OutOfMemoryError

STOPPED_AT = 0.5  # share of what a step needs that it may have had when it stopped


def rows_that_fit(rows: int, kept: int, error: OutOfMemoryError) -> int:
    """The largest power of two of rows that may fit where `rows` did not; 0 if not even one.

    The step got as far as `used` bytes and wanted `asked` more, of which `kept` were there before;
    the rest grows with the batch.  Nobody knows what would have come later.

    Args:
        rows: of the batch that did not fit.
        kept: bytes that were in use before the batch.
        error: says what was asked for, what was in use, and what there is.

    >>> error = OutOfMemoryError("full")
    >>> error.asked, error.used, error.room = 400, 700, 1000
    >>> rows_that_fit(64, 100, error)
    16
    """
    a_row = max(error.used + error.asked - kept, 1) / rows
    fit = min(STOPPED_AT * (error.room - kept) / a_row, rows / 2)
    return 1 << int(fit).bit_length() - 1 if fit >= 1 else 0


def with_advice(error: OutOfMemoryError, rows: int, kept: int) -> OutOfMemoryError:
    """The error with the batch size that may fit, if that can be told."""
    if not error.asked or rows < 2:
        return error
    fit = rows_that_fit(rows, kept, error)
    advice = f"try batch_size={fit}" if fit else "not even one may fit beside what is there"
    error.args = (f"{error} This batch had {rows} samples; {advice}.",)
    return error
