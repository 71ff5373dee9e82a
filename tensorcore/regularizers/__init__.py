"""Penalties on weights or outputs, added to the loss: by class or by name."""

from __future__ import annotations

from typing import Any

from tensorcore.errors import InvalidArgumentError, ShapeError
from tensorcore.initializers.registry import Registry
from tensorcore.ops.arithmetic import abs, add, divide, maximum, multiply, square, subtract
from tensorcore.ops.creation import eye
from tensorcore.ops.exponential import sqrt
from tensorcore.ops.linear import matmul
from tensorcore.ops.reductions import sum
from tensorcore.ops.shaping import transpose
from tensorcore.saving.registry import Configurable

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]


class Regularizer(Configurable, keras_module="keras.regularizers"):
    """Base class: a subclass computes a scalar penalty in `__call__(x)`."""

    def __call__(self, x: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__}: a regularizer needs __call__(x)")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal regularizer."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A regularizer made from what `get_config` returned."""
        return cls(**config)


class L1L2(Regularizer):
    """l1 sum|x| + l2 sum x**2.

    >>> round(float(L1L2(l1=0.1, l2=0.01)([3.0, -4.0])), 4)
    0.95
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = _factor(self, "l1", 0.0 if l1 is None else l1)
        self.l2 = _factor(self, "l2", 0.0 if l2 is None else l2)

    def __call__(self, x: Any) -> Any:
        if not self.l2:
            return multiply(sum(abs(x)), self.l1)
        penalty = multiply(sum(square(x)), self.l2)
        return add(penalty, multiply(sum(abs(x)), self.l1)) if self.l1 else penalty

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


class L1(L1L2):
    """l1 sum|x|, which draws small values to 0."""

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(0.01 if l1 is None else l1, 0.0)

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


class L2(L1L2):
    """l2 sum x**2, which draws large values down.

    >>> round(float(L2(0.1)([3.0, 4.0])), 4)
    2.5
    """

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(0.0, 0.01 if l2 is None else l2)

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """factor times the mean |dot product| of all pairs of rows (or columns), scaled to length 1.

    Args:
        factor: of the penalty.
        mode: "rows" or "columns".
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        if mode not in ("rows", "columns"):
            raise InvalidArgumentError(
                f'OrthogonalRegularizer: mode must be "rows" or "columns", received {mode!r}'
            )
        self.factor = _factor(self, "factor", factor)
        self.mode = mode

    def __call__(self, x: Any) -> Any:
        if len(x.shape) != 2:
            raise ShapeError(
                f"OrthogonalRegularizer: expected a matrix, received shape {tuple(x.shape)}"
            )
        rows = x if self.mode == "rows" else transpose(x)
        length = sqrt(sum(square(rows), axis=1, keepdims=True))
        rows = divide(rows, maximum(length, 1e-12))
        count = rows.shape[0]
        products = matmul(rows, transpose(rows))
        others = multiply(
            products, subtract(1.0, eye(count, dtype=products.dtype, device=products.device))
        )
        pairs = count * (count - 1) / 2
        return multiply(sum(abs(others)), self.factor * 0.5 / pairs)

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}


l1, l2, l1_l2 = L1, L2, L1L2
orthogonal_regularizer = OrthogonalRegularizer

_registry = Registry("regularizer", L1, L2, L1L2, OrthogonalRegularizer)


def get(identifier: Any) -> Any:
    """The regularizer named by a string, made from a configuration, or given as class, object or
    function.

    >>> get("l2").get_config()
    {'l2': 0.01}
    """
    return _registry.get(identifier)


def serialize(regularizer: Any) -> Any:
    """The regularizer as a name and a configuration."""
    return _registry.serialize(regularizer)


def deserialize(config: Any) -> Any:
    """The regularizer that `serialize` wrote down."""
    return get(config)


def _factor(owner: Regularizer, argument: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InvalidArgumentError(
            f"{type(owner).__name__}: {argument} must be a number, received {value!r}"
        ) from None
