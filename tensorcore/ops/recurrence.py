"""A linear recurrence along a dimension, from which running products are differentiated.

Its gradients are recurrences again, so that derivatives of every order are right, also at zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import ShapeError
from tensorcore.ops.arithmetic import multiply
from tensorcore.ops.joining import cut, pad
from tensorcore.ops.record import Spec, op
from tensorcore.ops.shapes import axis_index


def _reference(xp: Any, a: Any, b: Any, axis: int, reverse: bool) -> Any:
    # Steps of 1, 2, 4... instead of a loop over the elements (Hillis and Steele, 1986): after each,
    # b is the result of the last so many steps from zero, and a the product of their factors.
    dtype = b.dtype
    compute = dtypes.accumulator(dtype)
    a, b = (xp.moveaxis(v, axis, -1).astype(compute) for v in (a, b))
    if reverse:
        a, b = a[..., ::-1], b[..., ::-1]
    size, step = b.shape[-1], 1
    while step < size:
        b = xp.concatenate([b[..., :step], b[..., step:] + a[..., step:] * b[..., :-step]], axis=-1)
        a = xp.concatenate([a[..., :step], a[..., step:] * a[..., :-step]], axis=-1)
        step *= 2
    result = b[..., ::-1] if reverse else b
    return xp.ascontiguousarray(xp.moveaxis(result, -1, axis)).astype(dtype)


def shifted(x: Any, axis: int, back: bool) -> Any:
    """x moved by one place along a dimension, with a zero where nothing comes from."""
    size, ndim = x.shape[axis], len(x.shape)
    place = axis_index("linear_recurrence", axis, ndim)
    if size == 0:
        return x
    kept = cut(x, axis=place, start=int(back), stop=size - (not back))
    width = [(0, 0)] * ndim
    width[place] = (0, 1) if back else (1, 0)
    return pad(kept, width)


def _of_b(g: Any, a: Any, axis: int, reverse: bool) -> Any:
    return linear_recurrence(shifted(a, axis, not reverse), g, axis=axis, reverse=not reverse)


@op(
    reference=_reference,
    gradient=(
        lambda g, a, y, axis, reverse: multiply(
            _of_b(g, a, axis, reverse), shifted(y, axis, reverse)
        ),
        _of_b,
    ),
    samples=lambda rng: [
        ((rng.normal(size=(5,)), rng.normal(size=(5,))), {}),
        ((rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 4, 3))), {"axis": 1, "reverse": True}),
        ((np.array([[2.0, 0.0, 3.0, 0.0]]), rng.normal(size=(1, 4))), {}),
        ((rng.normal(size=(2, 0)), rng.normal(size=(2, 0))), {}),
    ],
    promote=("a", "b"),
)
def linear_recurrence(a, b, /, *, axis=-1, reverse=False):
    """y[t] = a[t] * y[t - 1] + b[t] along a dimension, from y[-1] = 0; from the end with `reverse`.

    Args:
        a: tensor of a numeric dtype.
        b: tensor of the shape of a.
        axis: the dimension along which t counts.
        reverse: y[t] = a[t] * y[t + 1] + b[t] instead.

    >>> a, b = tc.asarray([0.5, 0.5, 0.5]), tc.asarray([8.0, 0.0, 1.0])
    >>> tc.ops.recurrence.linear_recurrence(a, b).tolist()
    [8.0, 4.0, 3.0]
    """
    axis_index("linear_recurrence", axis, len(a.shape))
    if tuple(a.shape) != tuple(b.shape):
        raise ShapeError(
            f"linear_recurrence: a and b must have one shape, received {tuple(a.shape)} and "
            f"{tuple(b.shape)}"
        )
    return Spec(tuple(a.shape), a.dtype)
