"""Initializers without randomness."""

from __future__ import annotations

from typing import Any

from tensorcore.initializers.base import Initializer
from tensorcore.ops.creation import full


class Constant(Initializer):
    """One value everywhere."""

    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Any, dtype: Any = None, **ignored: Any) -> Any:
        return full(
            tuple(shape), self.value, dtype="float32" if dtype is None else dtype, device="cpu"
        )

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


class Zeros(Constant):
    """0 everywhere."""

    def __init__(self) -> None:
        super().__init__(0)

    def get_config(self) -> dict[str, Any]:
        return {}


class Ones(Constant):
    """1 everywhere."""

    def __init__(self) -> None:
        super().__init__(1)

    def get_config(self) -> dict[str, Any]:
        return {}
