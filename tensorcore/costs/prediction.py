"""How long a training step of a model will take on each device: the sum of what its plan calls."""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from tensorcore.costs.calls import Call, calls_of, calls_on, is_one_call, joined_runs
from tensorcore.costs.rates import Rates, compiled_plan, rates_of
from tensorcore.costs.tasks import feeding
from tensorcore.device import CPU, Device
from tensorcore.device import devices as all_devices
from tensorcore.training.batches import ArrayBatches


class Prediction(NamedTuple):
    """A step on one device.

    Attributes:
        device: its name.
        batch_size: examples of the step.
        seconds: expected length of the step.
        error_s: how far the real length may be from that.
        parts: seconds of each operation of the step, the longest first.
    """

    device: str
    batch_size: int
    seconds: float
    error_s: float
    parts: tuple[tuple[str, float], ...]

    def __str__(self) -> str:
        share = round(100 * self.error_s / self.seconds)
        return f"{self.device} {1e3 * self.seconds:.2g} ms/step +- {share} %"


def predict(
    model: Any,
    x: Any,
    y: Any,
    batch_size: int = 32,
    devices: Sequence[Device] | None = None,
    rates: Sequence[Rates] | None = None,
) -> list[Prediction]:
    """Predict a step of `fit` on each device.

    Args:
        model: a compiled model; it stays as it is, a copy makes two steps on the CPU.
        x, y: data, of which the first rows are used.
        batch_size: examples of a step.
        devices: all that there are if None.
        rates: of devices that are not there, or those kept for the devices if None.
    """
    if rates is None:
        rates = [rates_of(device) for device in (all_devices() if devices is None else devices)]
    with CPU:
        plan = compiled_plan(copy.deepcopy(model), x, y, batch_size)
    arrays = ArrayBatches(x, y, batch_size=batch_size).arrays()
    return [_predicted(each, plan, arrays, batch_size) for each in rates]


def _predicted(rates: Rates, plan: Any, arrays: Sequence[Any], batch_size: int) -> Prediction:
    is_cpu = rates.device == CPU.name
    calls = calls_of(plan) if is_cpu else calls_on(plan, rates.device.partition(":")[0])
    runs = joined_runs(calls) if is_cpu else 1
    fed = Call("fit", [feeding(arrays, batch_size, is_one_call(calls))], [], False)
    parts = defaultdict(float, joining=runs * rates.run_s)
    errors: dict[str, float] = defaultdict(float)
    for call in (*calls, fed):
        for task in call.tasks:
            seconds = rates.points.seconds(task)
            parts[call.name] += seconds
            errors[task.family] += seconds * rates.points.error(task)
    return Prediction(
        rates.device,
        batch_size,
        sum(parts.values()),
        math.hypot(*errors.values()),
        tuple(sorted(parts.items(), key=lambda part: -part[1])),
    )
