"""Why a gradient is None, in words."""

from __future__ import annotations

from typing import Any, NamedTuple

from tensorcore import dtypes
from tensorcore.ops.record import Gradient, Op
from tensorcore.variable import Variable


class Step(NamedTuple):
    """What is left of an operation after the walk: no values, only who was computed from whom."""

    op: Op
    inputs: tuple[int, ...]  # serials; 0 where no gradient is wanted
    outputs: tuple[int, ...]


def why_none(steps: list[Step], targets: set[int], source: Any, is_followed: bool) -> str:
    """Why no gradient arrives at `source`; "" if one does.

    Args:
        steps: the operations in the order in which they ran.
        targets: serials of what was differentiated.
        source: tensor or variable.
        is_followed: whether the tape watched it, or computed it from what it watched.
    """
    name = source.name if isinstance(source, Variable) else "the source"
    if not dtypes.is_inexact(source.dtype):
        return f"{name} has dtype {source.dtype.name}; only floating-point values have gradients"
    if isinstance(source, Variable) and not source.trainable and not is_followed:
        return f"{name} is not trainable; call tape.watch(variable) inside the tape"
    reached = {source.serial}
    used = False
    ends: dict[str, None] = {}
    for op, inputs, outputs in steps:
        for index, serial in enumerate(inputs):
            if serial in reached:
                used = True
                rule = op.gradients[0 if op.variadic else index]
                if type(rule) is Gradient:
                    reached.update(outputs)
                else:
                    ends[f"{op.name} ({rule})"] = None
    if reached & targets:
        return ""
    if not used and not is_followed:
        return (
            f"{name} is not watched: call tape.watch(x) inside the tape, before x is used, and ask "
            "for the gradient of that very tensor"
        )
    if not used:
        return (
            f"no operation inside the tape used {name}: it was used before the tape began, after "
            "it ended, or as a NumPy array"
        )
    if ends:
        return f"{name} reaches the target only through {', '.join(ends)}"
    return f"what was computed from {name} is not part of the target"
