"""Adam."""

from __future__ import annotations

import math
from typing import Any

from tensorcore.ops import optimizer_updates, updates
from tensorcore.optimizers.base import Optimizer


class Adam(Optimizer):
    """Gradient descent with running means of the gradient and of its square (Kingma and Ba, 2014).

    m' = m + (1 - beta_1)(g - m), v' = v + (1 - beta_2)(g**2 - v), w' = w - a m' / (sqrt(v') +
    epsilon) with a = learning_rate sqrt(1 - beta_2**t) / (1 - beta_1**t).

    Args:
        learning_rate: a float, a schedule, or a function without arguments.
        beta_1, beta_2: how much of the means is kept at each step.
        epsilon: keeps the division finite.
        amsgrad: divide by the greatest v so far (Reddi et al., 2018).
        others: see `Optimizer`.

    >>> import tensorcore as tc
    >>> w = tc.Variable([1.0])
    >>> Adam(0.1).apply([tc.asarray([5.0])], [w])
    >>> round(float(w.numpy()[0]), 4)
    0.9
    """

    state_names = ("momentum", "velocity")
    update_op = updates.adam_update

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **others: Any,
    ) -> None:
        super().__init__(learning_rate, **others)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.amsgrad = bool(amsgrad)
        if amsgrad:
            self.state_names = (*self.state_names, "velocity_hat")
            self.update_op = optimizer_updates.amsgrad_update

    def scalars(self, learning_rate: float, step: int) -> tuple[Any, ...]:
        correction = math.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        # 1 - beta is taken here: in float32 0.999 would leave it only four digits.
        return learning_rate * correction, 1 - self.beta_1, 1 - self.beta_2, self.epsilon

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }
