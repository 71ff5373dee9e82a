"""On which device a model is trained fastest, and from which batch size another one is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from tensorcore.costs.prediction import Prediction, predict
from tensorcore.costs.rates import Rates

BATCHES = (32, 128, 512, 2048)


class Choice(NamedTuple):
    """The device that is expected to be fastest, and why."""

    device: str
    reason: str
    predictions: tuple[Prediction, ...]


def choose(
    model: Any, x: Any, y: Any, batch_size: int = 32, rates: Sequence[Rates] | None = None
) -> Choice:
    """The best device for training a model with batches of this size."""
    found = predict(model, x, y, batch_size, rates=rates)
    best = min(found, key=lambda one: one.seconds)
    reason = ", ".join(f"{one} predicted" for one in found)
    if len(found) > 1:
        place = crossover(model, x, y, found, rates)
        if place is not None:
            other, size = place
            reason += f"; {other} wins from batch {size}"
    return Choice(best.device, reason, tuple(found))


def crossover(
    model: Any,
    x: Any,
    y: Any,
    found: Sequence[Prediction],
    rates: Sequence[Rates] | None = None,
) -> tuple[str, int] | None:
    """The batch size from which another device is faster than the one that is now, with its name;
    None if there is none among those that the data has rows for.
    """
    now = min(found, key=lambda one: one.seconds)
    for batch in BATCHES:
        if batch <= now.batch_size or batch > len(x):
            continue
        best = min(predict(model, x, y, batch, rates=rates), key=lambda one: one.seconds)
        if best.device != now.device:
            return best.device, batch
    return None
