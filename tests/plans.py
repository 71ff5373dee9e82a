"""What tests ask of a traced function's plan."""

from __future__ import annotations

import tensorcore as tc


def traced(function, *args, passes=None):
    """The value of a traced call with kernels that were compiled for it, and the plan."""
    tc.config.passes = passes
    f = tc.function(function)
    f(*args)
    plan = next(iter(f._traces.values())).plan
    plan.compile()
    return f(*args), plan


def operations(plan):
    """The names of a plan's operations."""
    return [node.op.name for node in plan.nodes if node.op is not None]
