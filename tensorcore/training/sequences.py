"""Lists of different lengths as one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorcore.errors import ArgumentTypeError, InvalidArgumentError, ShapeError


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Sequences brought to one length: what is longer is cut, what is shorter is filled up.

    Args:
        sequences: N lists (or arrays) of numbers, or of rows of one shape.
        maxlen: the length; None for that of the longest.
        dtype: of the result.
        padding: "pre" fills up before a sequence, "post" after it.
        truncating: "pre" cuts the beginning off, "post" the end.
        value: what to fill up with.

    Returns:
        Array of shape (N, maxlen, ...).

    >>> pad_sequences([[1], [2, 3, 4]], maxlen=2).tolist()
    [[0, 1], [3, 4]]
    """
    for name, choice in (("padding", padding), ("truncating", truncating)):
        if choice not in ("pre", "post"):
            raise InvalidArgumentError(
                f'pad_sequences: {name} must be "pre" or "post", received {choice!r}'
            )
    try:
        lengths = [len(sequence) for sequence in sequences]
    except TypeError:
        raise ArgumentTypeError(
            "pad_sequences: expected a list of lists of numbers, received "
            f"{type(sequences).__name__} with single values in it"
        ) from None
    if maxlen is None:
        maxlen = max(lengths, default=0)
    row_shape = next((np.shape(s)[1:] for s, n in zip(sequences, lengths, strict=True) if n), ())
    result = np.full((len(lengths), maxlen, *row_shape), value, dtype=dtype)
    for place, (sequence, length) in enumerate(zip(sequences, lengths, strict=True)):
        if not length or not maxlen:
            continue
        kept = np.asarray(sequence[-maxlen:] if truncating == "pre" else sequence[:maxlen], dtype)
        if kept.shape[1:] != row_shape:
            raise ShapeError(
                f"pad_sequences: the rows of sequence {place} have shape {kept.shape[1:]}, those "
                f"before {row_shape}"
            )
        if padding == "post":
            result[place, : len(kept)] = kept
        else:
            result[place, -len(kept) :] = kept
    return result
