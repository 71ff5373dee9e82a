"""What weights are brought back to after each step of an optimizer: by class or by name."""

from __future__ import annotations

from typing import Any

from tensorcore.initializers.registry import Registry
from tensorcore.ops.arithmetic import add, clip, divide, maximum, multiply, square
from tensorcore.ops.exponential import sqrt
from tensorcore.ops.reductions import sum
from tensorcore.saving.registry import Configurable

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]

EPSILON = 1e-7  # keeps the division by a norm of 0 finite


class Constraint(Configurable, keras_module="keras.constraints"):
    """Base class: a subclass computes the allowed weights in `__call__(w)`."""

    def __call__(self, w: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__}: a constraint needs __call__(w)")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal constraint."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A constraint made from what `get_config` returned."""
        return cls(**config)


class _Norm(Constraint):
    """Base of constraints on the Euclidean norm along `axis`."""

    axis: Any = 0

    def norms(self, w: Any) -> Any:
        axis = tuple(self.axis) if isinstance(self.axis, list) else self.axis
        return sqrt(sum(square(w), axis=axis, keepdims=True))


class MaxNorm(_Norm):
    """Norms of at most `max_value` along `axis`.

    >>> MaxNorm(1.0)([[3.0], [4.0]]).numpy().round(4).tolist()
    [[0.6000000238418579], [0.800000011920929]]
    """

    def __init__(self, max_value: float = 2, axis: Any = 0) -> None:
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        norms = self.norms(w)
        wanted = clip(norms, 0, self.max_value)
        return multiply(w, divide(wanted, add(norms, EPSILON)))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """No weight below 0.

    >>> NonNeg()([-1.0, 2.0]).tolist()
    [0.0, 2.0]
    """

    def __call__(self, w: Any) -> Any:
        return maximum(w, 0.0)


class UnitNorm(_Norm):
    """Norms of 1 along `axis`."""

    def __init__(self, axis: Any = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        return divide(w, add(self.norms(w), EPSILON))

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


class MinMaxNorm(_Norm):
    """Norms from `min_value` to `max_value` along `axis`; `rate` is the share of the way there."""

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0
    ) -> None:
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        norms = self.norms(w)
        limited = multiply(clip(norms, self.min_value, self.max_value), self.rate)
        wanted = add(limited, multiply(norms, 1 - self.rate))
        return multiply(w, divide(wanted, add(norms, EPSILON)))

    def get_config(self) -> dict[str, Any]:
        names = ("min_value", "max_value", "rate", "axis")
        return {name: getattr(self, name) for name in names}


max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm

_registry = Registry("constraint", MaxNorm, MinMaxNorm, NonNeg, UnitNorm)


def get(identifier: Any) -> Any:
    """The constraint named by a string, made from a configuration, or given as class, object or
    function.

    >>> type(get("non_neg")).__name__
    'NonNeg'
    """
    return _registry.get(identifier)


def serialize(constraint: Any) -> Any:
    """The constraint as a name and a configuration."""
    return _registry.serialize(constraint)


def deserialize(config: Any) -> Any:
    """The constraint that `serialize` wrote down."""
    return get(config)
