"""Adagrad, Adadelta and FTRL: each parameter has a learning rate of its own."""

from __future__ import annotations

from typing import Any

from tensorcore.errors import InvalidArgumentError
from tensorcore.ops import optimizer_updates as updates
from tensorcore.optimizers.base import Optimizer


class Adagrad(Optimizer):
    """Gradient descent divided by the root of the sum of all squared gradients.

    s' = s + g**2, w' = w - learning_rate g / sqrt(s' + epsilon).

    Args:
        learning_rate: a float, a schedule, or a function without arguments.
        initial_accumulator_value: what s starts with.
        epsilon: keeps the division finite.
        others: see `Optimizer`.

    Source: Duchi et al., 2011.
    """

    state_names = ("accumulator",)
    update_op = updates.adagrad_update

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **others: Any,
    ) -> None:
        super().__init__(learning_rate, **others)
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon
        self.state_starts = {"accumulator": initial_accumulator_value}

    def scalars(self, learning_rate: float, step: int) -> tuple[Any, ...]:
        return learning_rate, self.epsilon

    def get_config(self) -> dict[str, Any]:
        names = ("initial_accumulator_value", "epsilon")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


class Adadelta(Optimizer):
    """Steps in the units of the parameters, from running means of squared gradients and steps.

    s' = rho s + (1 - rho) g**2, step = -sqrt(d + epsilon) / sqrt(s' + epsilon) g, d' = rho d + (1 -
    rho) step**2, w' = w + learning_rate step.

    Args:
        learning_rate: a float, a schedule, or a function without arguments; the paper has 1.0.
        rho: how much of the means is kept at each step.
        epsilon: keeps the division finite.
        others: see `Optimizer`.

    Source: Zeiler, 2012.
    """

    state_names = ("accumulated_grad", "accumulated_delta_var")
    update_op = updates.adadelta_update

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **others: Any,
    ) -> None:
        super().__init__(learning_rate, **others)
        self.rho = rho
        self.epsilon = epsilon

    def scalars(self, learning_rate: float, step: int) -> tuple[Any, ...]:
        return learning_rate, self.rho, 1 - self.rho, self.epsilon

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rho": self.rho, "epsilon": self.epsilon}


class Ftrl(Optimizer):
    """Follow the regularized leader: sparse weights for very many features.

    The formula is that of `ops.optimizer_updates.ftrl_update`.

    Args:
        learning_rate: a float, a schedule, or a function without arguments.
        learning_rate_power: at most 0; -0.5 divides by the root of the sum of squared gradients.
        initial_accumulator_value: what that sum starts with.
        l1_regularization_strength, l2_regularization_strength: penalties on the weights.
        l2_shrinkage_regularization_strength: penalty that counts as part of the gradient.
        beta: of the paper.
        others: see `Optimizer`.

    Source: McMahan et al., 2013.
    """

    state_names = ("accumulator", "linear")
    update_op = updates.ftrl_update

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **others: Any,
    ) -> None:
        super().__init__(learning_rate, **others)
        if learning_rate_power > 0:
            raise InvalidArgumentError(
                f"Ftrl: learning_rate_power must be at most 0, received {learning_rate_power!r}"
            )
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta
        self.state_starts = {"accumulator": initial_accumulator_value}

    def scalars(self, learning_rate: float, step: int) -> tuple[Any, ...]:
        l2 = self.l2_regularization_strength + self.beta / (2 * learning_rate)
        return (
            learning_rate,
            -self.learning_rate_power,
            self.l1_regularization_strength,
            2 * l2,
            2 * self.l2_shrinkage_regularization_strength,
        )

    def get_config(self) -> dict[str, Any]:
        names = (
            "learning_rate_power",
            "initial_accumulator_value",
            "l1_regularization_strength",
            "l2_regularization_strength",
            "l2_shrinkage_regularization_strength",
            "beta",
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
