"""Learning rates that follow the number of steps, as tensors of the graph."""

from __future__ import annotations

from typing import Any

import numpy as np

import tensorcore as tc
from tensorcore.session.calls import operation
from tensorcore.tensor import as_tensor


def _progress(step: Any, steps: Any, staircase: bool) -> Any:
    share = tc.astype(as_tensor(step), "float32") / steps
    return tc.floor(share) if staircase else share


@operation("ExponentialDecay")
def exponential_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
) -> Any:
    """learning_rate * decay_rate ** (global_step / decay_steps)."""
    power = _progress(global_step, decay_steps, staircase)
    return learning_rate * as_tensor(decay_rate, dtype="float32") ** power


@operation("InverseTimeDecay")
def inverse_time_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
) -> Any:
    """learning_rate / (1 + decay_rate * global_step / decay_steps)."""
    return learning_rate / (1 + decay_rate * _progress(global_step, decay_steps, staircase))


@operation("NaturalExpDecay")
def natural_exp_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
) -> Any:
    """learning_rate * exp(-decay_rate * global_step / decay_steps)."""
    return learning_rate * tc.exp(-decay_rate * _progress(global_step, decay_steps, staircase))


@operation("PolynomialDecay")
def polynomial_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    end_learning_rate: Any = 0.0001,
    power: float = 1.0,
    cycle: bool = False,
) -> Any:
    """From learning_rate to end_learning_rate in decay_steps, along (1 - t)**power."""
    step = tc.astype(as_tensor(global_step), "float32")
    if cycle:
        decay_steps = decay_steps * tc.maximum(tc.ceil(step / decay_steps), as_tensor(1.0))
    else:
        step = tc.minimum(step, as_tensor(np.float32(decay_steps)))
    return (learning_rate - end_learning_rate) * (1 - step / decay_steps) ** power + (
        end_learning_rate
    )


@operation("cosine_decay")
def cosine_decay(learning_rate: Any, global_step: Any, decay_steps: Any, alpha: float = 0.0) -> Any:
    """Half a cosine from learning_rate to alpha * learning_rate."""
    step = tc.minimum(tc.astype(as_tensor(global_step), "float32"), as_tensor(float(decay_steps)))
    wave = 0.5 * (1 + tc.cos(np.pi * step / decay_steps))
    return learning_rate * ((1 - alpha) * wave + alpha)


def piecewise_constant(x: Any, boundaries: Any, values: Any, name: str | None = None) -> Any:
    """values[0] up to boundaries[0], values[1] up to boundaries[1], ..."""
    return _piecewise(x, list(boundaries), list(values), name=name or "PiecewiseConstant")


@operation("PiecewiseConstant")
def _piecewise(x: Any, boundaries: list[Any], values: list[Any]) -> Any:
    passed = sum(tc.astype(x > limit, "int32") for limit in boundaries)
    return tc.take(as_tensor(np.asarray(values, np.float32)), as_tensor(passed), axis=0)
