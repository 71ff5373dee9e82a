"""RMSprop."""

from __future__ import annotations

from typing import Any

from tensorcore.errors import InvalidArgumentError
from tensorcore.ops import optimizer_updates as updates
from tensorcore.optimizers.base import Optimizer


class RMSprop(Optimizer):
    """Gradient descent divided by the root of a running mean of the squared gradient.

    v' = rho v + (1 - rho) g**2, w' = w - learning_rate g / sqrt(v' + epsilon).

    Args:
        learning_rate: a float, a schedule, or a function without arguments.
        rho: how much of the mean is kept at each step.
        momentum: of the steps, from 0 to 1.
        epsilon: keeps the division finite.
        centered: divide by the standard deviation, from a running mean of the gradient too.
        others: see `Optimizer`.

    Source: Tieleman and Hinton, 2012.
    """

    saved_by_state = True

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **others: Any,
    ) -> None:
        super().__init__(learning_rate, **others)
        if not 0 <= momentum <= 1:
            raise InvalidArgumentError(
                f"RMSprop: momentum must be from 0 to 1, received {momentum!r}"
            )
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered
        names = ["velocity"]
        names += ["momentum"] if momentum else []
        names += ["average_gradient"] if centered else []
        self.state_names = tuple(names)
        self.update_op = {
            (False, False): updates.rmsprop_update,
            (True, False): updates.rmsprop_momentum_update,
            (False, True): updates.rmsprop_centered_update,
            (True, True): updates.rmsprop_centered_momentum_update,
        }[momentum > 0, bool(centered)]

    def scalars(self, learning_rate: float, step: int) -> tuple[Any, ...]:
        found = (learning_rate, self.rho, 1 - self.rho, self.epsilon)
        return (*found, self.momentum) if self.momentum else found

    def get_config(self) -> dict[str, Any]:
        names = ("rho", "momentum", "epsilon", "centered")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
