"""Relatives of Adam: AdamW, Adamax, Nadam, Lion."""

from __future__ import annotations

from typing import Any

from tensorcore.errors import InvalidArgumentError
from tensorcore.ops import optimizer_updates as updates
from tensorcore.optimizers.adam import Adam
from tensorcore.optimizers.base import Optimizer


class AdamW(Adam):
    """Adam, with the weights themselves drawn to 0: w -= learning_rate * weight_decay * w.

    Args:
        learning_rate: a float, a schedule, or a function without arguments.
        weight_decay: see above.
        others: see `Adam`.

    Source: Loshchilov and Hutter, 2019.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float | None = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **others: Any,
    ) -> None:
        if weight_decay is None:
            raise InvalidArgumentError("AdamW: weight_decay must be a number; use Adam without it")
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **others
        )


class _Betas(Optimizer):
    """Base of optimizers with two running means."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **others: Any,
    ) -> None:
        super().__init__(learning_rate, **others)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def get_config(self) -> dict[str, Any]:
        names = ("beta_1", "beta_2", "epsilon")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


class Adamax(_Betas):
    """Adam with the greatest recent gradient in the place of the mean of squares.

    m' = m + (1 - beta_1)(g - m), u' = max(beta_2 u, |g|), w' = w - learning_rate / (1 - beta_1**t)
    m' / (u' + epsilon).

    Args:
        learning_rate, beta_1, beta_2, epsilon, others: as those of `Adam`.

    Source: Kingma and Ba, 2014, section 7.
    """

    state_names = ("momentum", "norm")
    update_op = updates.adamax_update

    def scalars(self, learning_rate: float, step: int) -> tuple[Any, ...]:
        step_size = learning_rate / (1 - self.beta_1**step)
        return step_size, 1 - self.beta_1, self.beta_2, self.epsilon


class Nadam(_Betas):
    """Adam with Nesterov's look ahead.

    Args:
        learning_rate, beta_1, beta_2, epsilon, others: as those of `Adam`.

    Source: Dozat, 2016.
    """

    state_names = ("momentum", "velocity")
    update_op = updates.nadam_update

    def _rate(self, step: int) -> float:
        return self.beta_1 * (1 - 0.5 * 0.96**step)

    def scalars(self, learning_rate: float, step: int) -> tuple[Any, ...]:
        product = 1.0
        # After some hundred steps the product is 0 for every purpose.
        for past in range(1, min(step, 2000) + 1):
            product *= self._rate(past)
        now, ahead = self._rate(step), self._rate(step + 1)
        return (
            learning_rate * ahead / (1 - product * ahead),
            learning_rate * (1 - now) / (1 - product),
            1 - self.beta_1,
            1 - self.beta_2,
            1 / (1 - self.beta_2**step),
            self.epsilon,
        )


class Lion(Optimizer):
    """Steps of one size in the direction of the sign of a mean of gradients.

    w' = w - learning_rate sign(beta_1 m + (1 - beta_1) g), m' = beta_2 m + (1 - beta_2) g.

    Args:
        learning_rate: a float, a schedule, or a function without arguments; smaller than Adam's.
        beta_1, beta_2: how much of the mean counts in the step, and is kept.
        others: see `Optimizer`.

    Source: Chen et al., 2023.
    """

    state_names = ("momentum",)
    update_op = updates.lion_update

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        **others: Any,
    ) -> None:
        super().__init__(learning_rate, **others)
        if not 0 < beta_1 <= 1:
            raise InvalidArgumentError(f"Lion: beta_1 must be in (0, 1], received {beta_1!r}")
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def scalars(self, learning_rate: float, step: int) -> tuple[Any, ...]:
        return learning_rate, self.beta_1, 1 - self.beta_1, self.beta_2, 1 - self.beta_2

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2}
