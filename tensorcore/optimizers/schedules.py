"""Learning rates that change with the number of steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorcore.errors import InvalidArgumentError
from tensorcore.initializers.registry import Registry
from tensorcore.ops.arithmetic import divide, floor, multiply, pow
from tensorcore.ops.logical import less_equal, where
from tensorcore.ops.transfer import astype
from tensorcore.saving.registry import Configurable


class LearningRateSchedule(Configurable, keras_module="keras.optimizers.schedules"):
    """Base class: a subclass computes the learning rate in `__call__(step)`.

    `step` is a tensor (or variable) of the CPU that counts the finished steps.
    """

    def __call__(self, step: Any) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__}: a schedule needs a method __call__(step)"
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal schedule."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A schedule made from what `get_config` returned."""
        return cls(**config)


class ExponentialDecay(LearningRateSchedule):
    """initial_learning_rate * decay_rate ** (step / decay_steps).

    Args:
        initial_learning_rate: at step 0.
        decay_steps: steps after which the rate is multiplied by decay_rate.
        decay_rate: the factor.
        staircase: change only at multiples of decay_steps.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        if decay_steps <= 0:
            raise InvalidArgumentError(
                f"ExponentialDecay: decay_steps must be positive, received {decay_steps}"
            )
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def __call__(self, step: Any) -> Any:
        done = divide(astype(step, "float32"), float(self.decay_steps))
        if self.staircase:
            done = floor(done)
        return multiply(self.initial_learning_rate, pow(self.decay_rate, done))

    def get_config(self) -> dict[str, Any]:
        names = ("initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name")
        return {name: getattr(self, name) for name in names}


class PiecewiseConstantDecay(LearningRateSchedule):
    """values[0] up to and including step boundaries[0], then values[1], and so on.

    Args:
        boundaries: rising step counts.
        values: one learning rate more than boundaries.
    """

    def __init__(
        self, boundaries: Sequence[int], values: Sequence[float], name: str = "PiecewiseConstant"
    ) -> None:
        if len(values) != len(boundaries) + 1:
            raise InvalidArgumentError(
                "PiecewiseConstantDecay: values must be one more than boundaries, received "
                f"{len(values)} and {len(boundaries)}"
            )
        self.boundaries = list(boundaries)
        self.values = list(values)
        self.name = name

    def __call__(self, step: Any) -> Any:
        rate: Any = astype(step, "float32") * 0.0 + self.values[-1]
        for boundary, value in zip(
            reversed(self.boundaries), reversed(self.values[:-1]), strict=True
        ):
            rate = where(less_equal(step, boundary), value, rate)
        return rate

    def get_config(self) -> dict[str, Any]:
        return {"boundaries": self.boundaries, "values": self.values, "name": self.name}


_registry = Registry("learning rate schedule", ExponentialDecay, PiecewiseConstantDecay)


def deserialize(config: Any) -> Any:
    """The schedule of this class name and configuration."""
    return _registry.get(config)
