"""Discrete Fourier transforms: the array API standard's `fft`."""

from typing import Any

from tensorcore import missing
from tensorcore.ops.fourier import (
    fft,
    fftfreq,
    fftn,
    fftshift,
    hfft,
    ifft,
    ifftn,
    ifftshift,
    ihfft,
    irfft,
    irfftn,
    rfft,
    rfftfreq,
    rfftn,
)

__all__ = [
    "fft",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfftn",
    "rfft",
    "rfftfreq",
    "rfftn",
]


def __getattr__(name: str) -> Any:
    raise missing.attribute(__name__, name, __all__)


def __dir__() -> list[str]:
    return sorted(__all__)
