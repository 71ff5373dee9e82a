"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from tensorcore.errors import InvalidArgumentError
from tensorcore.ops import updates
from tensorcore.optimizers.base import Optimizer


class SGD(Optimizer):
    """w - learning_rate * g, with momentum on request.

    Args:
        learning_rate: a float, a schedule, or a function without arguments.
        momentum: from 0 to 1; v' = momentum * v - learning_rate * g and w' = w + v'.
        nesterov: look ahead: w' = w + momentum * v' - learning_rate * g.
        others: see `Optimizer`.

    >>> import tensorcore as tc
    >>> w = tc.Variable([1.0, 2.0])
    >>> SGD(0.5).apply([tc.asarray([1.0, 1.0])], [w])
    >>> w.numpy().tolist()
    [0.5, 1.5]
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **others: Any,
    ) -> None:
        super().__init__(learning_rate, **others)
        if not 0 <= momentum <= 1:
            raise InvalidArgumentError(f"SGD: momentum must be from 0 to 1, received {momentum!r}")
        self.momentum = momentum
        self.nesterov = nesterov
        self.state_names = ("momentum",) if momentum else ()
        self.update_op = updates.sgd_update
        if momentum:
            self.update_op = updates.nesterov_update if nesterov else updates.momentum_update

    def scalars(self, learning_rate: float, step: int) -> tuple[Any, ...]:
        return (learning_rate, self.momentum) if self.momentum else (learning_rate,)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}
