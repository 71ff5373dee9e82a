"""Loss scaling: gradients of float16 that would vanish are made larger on their way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.device import default_device
from tensorcore.errors import InvalidArgumentError
from tensorcore.ops.arithmetic import divide, multiply
from tensorcore.ops.logical import isfinite, logical_and, where
from tensorcore.ops.reductions import all as all_of
from tensorcore.ops.transfer import astype
from tensorcore.optimizers.base import Optimizer
from tensorcore.variable import Variable


class LossScaleOptimizer(Optimizer):
    """An optimizer whose loss is multiplied by a scale that fits itself to the gradients.

    float16 has no number between 0 and 6e-8, so that small gradients vanish.  Those of a scaled
    loss do not; before the update they are divided by the scale.  A step whose gradients overflow
    changes nothing and halves the scale; after `dynamic_growth_steps` good steps it is doubled.
    All of this happens on the device.

    Args:
        inner_optimizer: what makes the steps.
        initial_scale: the scale at the start.
        dynamic_growth_steps: good steps in a row after which the scale is doubled.
        name: of the optimizer.

    Attributes:
        dynamic_scale: the scale now, a variable.
        skipped_steps: how many steps were left out because gradients overflowed, a variable;
            `fit` shows it behind the metrics of an epoch.

    Source: Micikevicius et al., Mixed Precision Training, 2018.

    >>> from tensorcore import keras
    >>> optimizer = keras.mixed_precision.LossScaleOptimizer(keras.optimizers.SGD(0.1))
    >>> float(optimizer.scale_loss(tc.asarray(2.0)))
    65536.0
    """

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
    ) -> None:
        if not isinstance(inner_optimizer, Optimizer) or isinstance(
            inner_optimizer, LossScaleOptimizer
        ):
            raise InvalidArgumentError(
                "LossScaleOptimizer: inner_optimizer must be an optimizer such as Adam(), received "
                f"{inner_optimizer!r}"
            )
        if not initial_scale > 0 or dynamic_growth_steps < 1:
            raise InvalidArgumentError(
                "LossScaleOptimizer: initial_scale must be positive and dynamic_growth_steps at "
                f"least 1, received {initial_scale} and {dynamic_growth_steps}"
            )
        self.inner_optimizer = inner_optimizer
        super().__init__(inner_optimizer.learning_rate, name=name)
        self.initial_scale = float(initial_scale)
        self.dynamic_growth_steps = int(dynamic_growth_steps)
        self.iterations = inner_optimizer.iterations
        self.dynamic_scale = _state("dynamic_scale", np.float32(initial_scale))
        self.step_counter = _state("step_counter", np.int32(0))
        self.skipped_steps = _state("skipped_steps", np.int32(0))

    @property
    def learning_rate(self) -> Any:
        """That of the inner optimizer."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if value is not self.inner_optimizer.learning_rate:
            self.inner_optimizer.learning_rate = value

    @property
    def variables(self) -> list[Variable]:
        """Counter and scale, then the variables of the inner optimizer."""
        return [self.step_counter, self.dynamic_scale, *self.inner_optimizer.variables]

    def scale_loss(self, loss: Any) -> Any:
        """The loss whose gradients `apply` expects."""
        return multiply(loss, astype(self.dynamic_scale.value, loss.dtype))

    def build(self, variables: Iterable[Variable]) -> None:
        """Let the inner optimizer make its state."""
        self.inner_optimizer.build(list(variables))
        self.built = True

    def apply(
        self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None
    ) -> None:
        """One step with the gradients of a scaled loss; none if they overflowed."""
        inner = self.inner_optimizer
        if trainable_variables is None:
            trainable_variables = inner.known_variables
        variables = list(trainable_variables)
        inner.build(variables)
        is_finite = _all_finite([gradient for gradient in grads if gradient is not None])
        unscaled = [None if g is None else self._unscaled(g, is_finite) for g in grads]
        touched = [part for v in variables for part in (v, *inner.state_of(v))]
        before = [variable.value for variable in touched]
        inner.apply(unscaled, variables)
        for variable, old in zip(touched, before, strict=True):
            variable.assign(where(is_finite, variable.value, old))
        self._adapt(is_finite)

    def _unscaled(self, gradient: Any, is_finite: Any) -> Any:
        scale = astype(self.dynamic_scale.value, gradient.dtype)
        return where(is_finite, divide(gradient, scale), 0.0)

    def _adapt(self, is_finite: Any) -> None:
        scale, count = self.dynamic_scale.value, self.step_counter.value + 1
        is_due = count >= self.dynamic_growth_steps
        grown = where(is_due, scale * 2.0, scale)
        self.dynamic_scale.assign(where(is_finite, grown, scale * 0.5))
        self.step_counter.assign(where(logical_and(is_finite, ~is_due), count, 0))
        self.skipped_steps.assign_add(1 - astype(is_finite, dtypes.int32))

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal optimizer (without its state)."""
        return {
            "name": self.name,
            "inner_optimizer": self.inner_optimizer,
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }


def _state(name: str, value: Any) -> Variable:
    return Variable(value, trainable=False, name=name, device=default_device())


def _all_finite(gradients: Sequence[Any]) -> Any:
    return reduce(logical_and, [all_of(isfinite(gradient)) for gradient in gradients])
