"""`keras.datasets`: modules with a `load_data()`."""

from typing import Any

from tensorcore import datasets as _datasets
from tensorcore.datasets import __all__ as __all__
from tensorcore.keras.later import refusal

_refusal = refusal(__name__, __all__)


def __getattr__(name: str) -> Any:
    return getattr(_datasets, name) if name in __all__ else _refusal(name)


def __dir__() -> list[str]:
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__})
