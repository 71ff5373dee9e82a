"""The steps of optimizers: new values of weights and of their state, computed in one pass.

They are element-wise with several results; `variable_update` writes the results over the variables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorcore.errors import TracingError
from tensorcore.mode import mode
from tensorcore.ops import scalar
from tensorcore.ops.door import common_dtype, run, settle, symbol_in
from tensorcore.ops.elementwise import elementwise
from tensorcore.variable import Variable

NONE = "none: an update in place"


@elementwise(takes="real", domain=(0.1, 0.9), gradient=(NONE,) * 3, outputs=1)
def sgd_update(w, g, learning_rate):
    """Gradient descent: w - learning_rate * g."""
    return w - learning_rate * g


@elementwise(takes="real", domain=(0.1, 0.9), gradient=(NONE,) * 5, outputs=2)
def momentum_update(w, v, g, learning_rate, momentum):
    """Gradient descent with momentum: v' = momentum v - learning_rate g; w' = w + v'."""
    velocity = momentum * v - learning_rate * g
    return w + velocity, velocity


@elementwise(takes="real", domain=(0.1, 0.9), gradient=(NONE,) * 5, outputs=2)
def nesterov_update(w, v, g, learning_rate, momentum):
    """Nesterov's momentum: v' = momentum v - learning_rate g; w' = w + momentum v' - learning_rate
    g.
    """
    velocity = momentum * v - learning_rate * g
    return w + momentum * velocity - learning_rate * g, velocity


@elementwise(takes="real", domain=(0.1, 0.9), gradient=(NONE,) * 8, outputs=3)
def adam_update(w, m, v, g, step_size, rate_1, rate_2, epsilon):
    """Adam (Kingma and Ba, 2014); rate = 1 - beta, and the bias correction is in the step size.

    m' = m + (g - m) rate_1; v' = v + (g**2 - v) rate_2;
    w' = w - step_size m' / (sqrt(v') + epsilon)
    """
    new_m = m + (g - m) * rate_1
    new_v = v + (g * g - v) * rate_2
    return w - step_size * new_m / (scalar.sqrt(new_v) + epsilon), new_m, new_v


def variable_update(
    op: Any,
    variables: Sequence[Variable],
    inputs: Sequence[Any],
    parts: Sequence[Variable] = (),
) -> None:
    """Run an update whose results become the values of `variables`, writing over their memory.

    `parts` are variables that live in slices of that memory, so that their values change too.
    """
    if mode.graph is not None:
        mode.graph.update(op, variables, inputs, parts)
        return
    settled = settle(op, inputs)
    if settled is None:
        symbol_in(inputs).defer(op, inputs, {})  # a symbol that was kept from a trace: its error
        raise TracingError(f"{op.name}: a symbolic tensor cannot be written to a variable")
    tensors, device = settled
    del settled
    arrays = common_dtype(op, tensors)
    del tensors  # so that only the variables hold their values, and nothing has to be copied
    for part in parts:
        part.begin_write()
    out = tuple(variable.begin_write() for variable in variables)
    run(op, device, arrays, {}, out=out if len(out) > 1 else out[0])
