"""How exactly float32 matrices are multiplied where tensor cores could do it faster."""

from __future__ import annotations

# float32 is true float32.  The others let tensor cores round the factors, to 10 bits of mantissa
# (tf32) or to 7 (bfloat16); sums stay float32.
PRECISIONS = ("float32", "tf32", "bfloat16")


class _Chosen:
    precision = "float32"


def matmul_precision() -> str:
    """What `set_matmul_precision` chose."""
    return _Chosen.precision


def set_matmul_precision(precision: str) -> None:
    """Choose one of `PRECISIONS`."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {PRECISIONS}, received {precision!r}")
    _Chosen.precision = precision
