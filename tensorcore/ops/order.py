"""The order of the elements along a dimension: reversed, or moved on."""

from __future__ import annotations

from typing import Any

from tensorcore.errors import ArgumentTypeError, InvalidArgumentError
from tensorcore.ops.record import Spec, op
from tensorcore.ops.shapes import axes_tuple


@op(
    reference=lambda xp, x, axis: xp.flip(x, axes_tuple("flip", axis, x.ndim)),
    gradient=(lambda g, axis: flip(g, axis=axis),),
    samples=lambda rng: [
        ((rng.normal(size=(2, 3)),), {}),
        ((rng.normal(size=(2, 3)),), {"axis": -1}),
    ],
    is_view=True,
)
def flip(x, /, *, axis=None):
    """The elements in reverse order along the named dimensions, or along all.

    >>> tc.flip(tc.arange(3)).tolist()
    [2, 1, 0]
    """
    axes_tuple("flip", axis, len(x.shape))
    return Spec(tuple(x.shape), x.dtype)


def _negated(shift: Any) -> Any:
    return tuple(-s for s in shift) if isinstance(shift, (tuple, list)) else -shift


@op(
    reference=lambda xp, x, shift, axis: xp.roll(x, shift, axis=axis),
    gradient=(lambda g, shift, axis: roll(g, _negated(shift), axis=axis),),
    samples=lambda rng: [
        ((rng.normal(size=(2, 5)),), {"shift": 2, "axis": 1}),
        ((rng.normal(size=(2, 5)),), {"shift": 3}),
        ((rng.normal(size=(2, 5)),), {"shift": (1, -1), "axis": (0, 1)}),
    ],
)
def roll(x, /, shift, *, axis=None):
    """The elements moved on by `shift` places; what leaves at the end comes back in front.

    >>> tc.roll(tc.arange(4), 1).tolist()
    [3, 0, 1, 2]
    """
    if axis is not None:
        axes = axes_tuple("roll", axis, len(x.shape))
        if isinstance(shift, (tuple, list)) and len(shift) != len(axes):
            raise InvalidArgumentError(f"roll: {len(shift)} shifts, but {len(axes)} axes")
    for part in shift if isinstance(shift, (tuple, list)) else (shift,):
        if not isinstance(part, int):
            raise ArgumentTypeError(f"roll: shift must be an int, received {part!r}")
    return Spec(tuple(x.shape), x.dtype)
