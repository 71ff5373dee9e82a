"""Learning rates that change with the number of steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorcore.device import CPU
from tensorcore.errors import InvalidArgumentError
from tensorcore.initializers.registry import Registry
from tensorcore.ops.arithmetic import divide, floor, multiply, pow
from tensorcore.ops.logical import less_equal, where
from tensorcore.ops.transfer import astype
from tensorcore.saving.registry import Configurable
from tensorcore.tensor import as_tensor


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


class _HostSchedule(LearningRateSchedule):
    """Base of schedules that are computed with Python's numbers: steps are counted on the host."""

    names: tuple[str, ...] = ()

    def keep_options(self, **options: Any) -> None:
        """Make the options attributes, and check the number of steps."""
        for name, value in options.items():
            if name.endswith("decay_steps") and value <= 0:
                raise InvalidArgumentError(
                    f"{type(self).__name__}: {name} must be positive, received {value!r}"
                )
            setattr(self, name, value)
        self.names = tuple(options)

    def rate(self, step: float) -> float:
        """The learning rate after so many steps."""
        raise NotImplementedError

    def __call__(self, step: Any) -> Any:
        return as_tensor(np.float32(self.rate(float(step))), device=CPU)

    def get_config(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.names}


class PolynomialDecay(_HostSchedule):
    """(initial - end) (1 - step / decay_steps)**power + end, then end.

    Args:
        initial_learning_rate: at step 0.
        decay_steps: steps until the end.
        end_learning_rate: from then on.
        power: 1 is a straight line.
        cycle: after the end start again from where a curve twice, thrice... as long would be.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self.keep_options(
            initial_learning_rate=initial_learning_rate,
            decay_steps=decay_steps,
            end_learning_rate=end_learning_rate,
            power=power,
            cycle=cycle,
            name=name,
        )

    def rate(self, step: float) -> float:
        steps = float(self.decay_steps)
        if self.cycle:
            steps *= math.ceil(step / steps) if step else 1
        share = 1 - min(step, steps) / steps
        span = self.initial_learning_rate - self.end_learning_rate
        return span * share**self.power + self.end_learning_rate


class InverseTimeDecay(_HostSchedule):
    """initial / (1 + decay_rate * step / decay_steps).

    Args:
        initial_learning_rate: at step 0.
        decay_steps, decay_rate: see above.
        staircase: change only at multiples of decay_steps.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        self.keep_options(
            initial_learning_rate=initial_learning_rate,
            decay_steps=decay_steps,
            decay_rate=decay_rate,
            staircase=staircase,
            name=name,
        )

    def rate(self, step: float) -> float:
        done = step / self.decay_steps
        done = math.floor(done) if self.staircase else done
        return self.initial_learning_rate / (1 + self.decay_rate * done)


class CosineDecay(_HostSchedule):
    """Half a cosine from the initial learning rate down to alpha times it.

    Args:
        initial_learning_rate: at step 0.
        decay_steps: steps until the end.
        alpha: the last learning rate as a share of the first.
        warmup_target: rise to this learning rate first, and come down from it.
        warmup_steps: steps of that rise.

    Source: Loshchilov and Hutter, 2017.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        self.keep_options(
            initial_learning_rate=initial_learning_rate,
            decay_steps=decay_steps,
            alpha=alpha,
            name=name,
            warmup_target=warmup_target,
            warmup_steps=warmup_steps,
        )

    def rate(self, step: float) -> float:
        top = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return top + (self.warmup_target - top) * step / self.warmup_steps
            top, step = self.warmup_target, step - self.warmup_steps
        return top * _half_cosine(min(step / self.decay_steps, 1.0), self.alpha)


class CosineDecayRestarts(_HostSchedule):
    """Cosine decays one after the other, each t_mul times as long and m_mul times as high.

    Args:
        initial_learning_rate: at step 0.
        first_decay_steps: steps of the first decay.
        t_mul, m_mul: see above.
        alpha: the least learning rate as a share of the first.

    Source: Loshchilov and Hutter, 2017.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        self.keep_options(
            initial_learning_rate=initial_learning_rate,
            first_decay_steps=first_decay_steps,
            t_mul=t_mul,
            m_mul=m_mul,
            alpha=alpha,
            name=name,
        )

    def rate(self, step: float) -> float:
        done = step / self.first_decay_steps
        if self.t_mul == 1:
            restarts = math.floor(done)
            done -= restarts
        else:
            restarts = math.floor(math.log(1 - done * (1 - self.t_mul)) / math.log(self.t_mul))
            before = (1 - self.t_mul**restarts) / (1 - self.t_mul)
            done = (done - before) / self.t_mul**restarts
        return self.initial_learning_rate * _half_cosine(done, self.alpha, self.m_mul**restarts)


def _half_cosine(done: float, alpha: float, height: float = 1.0) -> float:
    return (1 - alpha) * height * 0.5 * (1 + math.cos(math.pi * done)) + alpha


_registry = Registry(
    "learning rate schedule",
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)


def serialize(schedule: Any) -> Any:
    """The schedule as a name and a configuration."""
    return _registry.serialize(schedule)


def deserialize(config: Any) -> Any:
    """The schedule of this class name and configuration."""
    return _registry.get(config)
