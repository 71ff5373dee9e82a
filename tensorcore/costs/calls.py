"""The calls that a plan makes, each with the tasks that it does."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tensorcore.costs.tasks import Task, tasks_of
from tensorcore.graph.passes import optimise


class Call(NamedTuple):
    """Steps of a plan that belong together.

    Attributes:
        name: of the operation.
        tasks: what they do.
        steps: what is called, as a run of the plan does it; nothing where there is no plan.
        is_native: whether it can be joined with its neighbours into one call without Python.
    """

    name: str
    tasks: list[Task]
    steps: list[Callable[[], Any]]
    is_native: bool


def calls_of(plan: Any) -> list[Call]:
    """What a plan calls, in order; steps of a node apart where there is a task for each."""
    found: list[Call] = []
    entries = zip(plan.origins, plan.labels, plan.steps, strict=True)
    for _, group in itertools.groupby(entries, lambda entry: id(entry[0])):
        nodes, labels, steps = zip(*group, strict=True)
        tasks = [_check(step) for step in steps] if nodes[0] is None else tasks_of(nodes[0])
        parts = [(tasks, list(steps))]
        if len(tasks) == len(steps):
            parts = [([task], [step]) for task, step in zip(tasks, steps, strict=True)]
        for some, own in parts:
            ready = plan.joined(own)
            native = not any(step in own for step in ready)
            found.append(Call(labels[0], _placed(some, plan), ready, native))
    return found


def calls_on(plan: Any, kind: str) -> list[Call]:
    """What a plan of the same graph would call on a device of another kind; it is not made."""
    nodes, _, _ = optimise(plan.graph.nodes, plan.asked, kind, compiling=True)
    work = [n for n in nodes if n.writes or (n.op is not None and not n.op.is_view)]
    named = [("copy" if n.op is None else n.op.name, tasks_of(n)) for n in work]
    return [Call(name, _placed(tasks, plan), [], False) for name, tasks in named]


def _placed(tasks: list[Task], plan: Any) -> list[Task]:
    weights = sum(variable.size * variable.dtype.itemsize for variable in plan.variables)
    return [task._replace(footprint=float(plan.nbytes + weights)) for task in tasks]


def joined_runs(calls: Sequence[Call]) -> int:
    """How many calls are left of those that can be joined with their neighbours."""
    return sum(native for native, _ in itertools.groupby(calls, lambda call: call.is_native))


def is_one_call(calls: Sequence[Call]) -> bool:
    """Whether nothing of a step needs Python."""
    return all(call.is_native for call in calls)


def _check(step: Any) -> Task:
    """The range of an argument's elements is looked at."""
    elements = float(max(getattr(value, "size", 1) for value in step.args))
    return Task("check", "check", (elements,), elements)
