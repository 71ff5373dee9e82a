"""A model, its optimizer and its metrics on another device; and the choice of that device."""

from __future__ import annotations

import sys
from typing import Any

from tensorcore.config import config
from tensorcore.device import CPU, Device, automatic_device, device
from tensorcore.optimizers.loss_scale import LossScaleOptimizer


def move(model: Any, where: Device) -> None:
    """Move everything that belongs to a model."""
    for variable in model.weights:
        variable.move_to(where)
    for metric in model.metrics:
        for variable in metric.variables:
            variable.move_to(where)
    if model.optimizer is not None:
        _move_optimizer(model.optimizer, where)
    model.forget_steps()


def _move_optimizer(optimizer: Any, where: Device) -> None:
    if isinstance(optimizer, LossScaleOptimizer):
        for variable in (optimizer.dynamic_scale, optimizer.step_counter, optimizer.skipped_steps):
            variable.move_to(where)
        optimizer = optimizer.inner_optimizer
    for kept in (optimizer._averages, optimizer._sums):
        for variable in kept.values():
            variable.move_to(where)
    # Its state lives in flat buffers, which are made anew for the variables where they are now.
    optimizer.__setstate__(optimizer.__getstate__())


def place_by_rates(model: Any, x: Any, y: Any, batch_size: int | None) -> None:
    """With `tc.config.auto_device("measured")`: move the model to where a step is faster.

    Without it, and where "auto" has taken a GPU, say once if that is too large for the model.
    """
    if not hasattr(x, "shape") or y is None:
        return
    if not config.chooses_by_rates:
        if automatic_device() is model.device is not CPU:
            _warn_of_small_model(model, x, y, batch_size or 32)
        return
    from tensorcore import costs

    choice = costs.choose(model, x, y, batch_size or 32)
    print(f"tensorcore: training on {choice.device}: {choice.reason}", file=sys.stderr)
    if choice.device != model.device.name:
        model.to(device(choice.device))


class _Said:
    """Whether somebody was told that a model is too small for the GPU; once is enough."""

    small_model = False


def _warn_of_small_model(model: Any, x: Any, y: Any, batch_size: int) -> None:
    """One line where rates that were measured before say that the CPU is faster."""
    if _Said.small_model:
        return
    from tensorcore import costs

    rates = costs.kept_rates([CPU, model.device])
    if rates is None:
        return
    _Said.small_model = True
    try:
        choice = costs.choose(model, x, y, batch_size, rates=rates)
    except Exception:  # what cannot be predicted can be trained all the same, or says so itself
        return
    if choice.device == CPU.name:
        print(
            f"tensorcore: this model is too small to profit from {model.device}: {choice.reason}. "
            'tc.config.auto_device("measured") trains it where it is faster',
            file=sys.stderr,
        )
