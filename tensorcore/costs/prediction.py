"""How long a training step of a model will take on each device, from its graph and the rates."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from tensorcore.costs.rates import Rates, at, rates_of
from tensorcore.device import CPU, Device
from tensorcore.device import devices as all_devices
from tensorcore.graph.symbol import Symbol

ERROR = 0.3  # share of a prediction that it may be wrong by


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
        return f"{self.device} {1e3 * self.seconds:.2g} ms/step"


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
    nodes, buffers, uploaded = work_of(model, x, y, batch_size)
    return [_predicted(each, nodes, buffers, uploaded, batch_size) for each in rates]


def work_of(model: Any, x: Any, y: Any, batch_size: int) -> tuple[list[Any], int, int]:
    """The nodes of a step's graph, the bytes it lives in, and the bytes of its batch."""
    with CPU:
        twin = copy.deepcopy(model)
        for _ in range(2):  # the second one is traced
            twin.train_on_batch(x[:batch_size], y[:batch_size])
        (plan,) = twin.step("train_step").plans
        plan.compile()
        weights = sum(v.size * v.dtype.itemsize for v in twin.weights)
        uploaded = sum(math.prod(s.shape) * s.dtype.itemsize for s in plan.graph.arguments)
        return list(plan.nodes), plan.nbytes + 4 * weights, uploaded


def _predicted(
    rates: Rates, nodes: Sequence[Any], buffers: int, uploaded: int, batch_size: int
) -> Prediction:
    parts: dict[str, float] = {}
    total = rates.run_s
    if rates.upload:
        total += uploaded / rates.upload
    for node in nodes:
        seconds = node_seconds(node, rates, buffers)
        if seconds:
            parts[node.op.name if node.op else "copy"] = (
                parts.get(node.op.name if node.op else "copy", 0.0) + seconds
            )
            total += seconds
    longest = tuple(sorted(parts.items(), key=lambda part: -part[1]))
    return Prediction(rates.device, batch_size, total, ERROR * total, longest)


def node_seconds(node: Any, rates: Rates, buffers: int) -> float:
    """Seconds of one operation of a graph, the work and the call."""
    if node.op is None and not node.writes:
        return 0.0
    if node.op is not None and node.op.is_view:
        return 0.0
    return _work_s(node, rates, buffers) + rates.call_s


def _work_s(node: Any, rates: Rates, buffers: int) -> float:
    name = "copy" if node.op is None else node.op.name
    inputs = [value for value in node.inputs if isinstance(value, Symbol)]
    elements = sum(out.size for out in node.outputs)
    nbytes = sum(s.size * s.dtype.itemsize for s in (*inputs, *node.outputs))
    memory_s = nbytes / at(rates.bandwidth, max(nbytes, min(buffers, 8 * nbytes)))
    if "matmul" in name:
        return max(_product_s(node, inputs, rates), memory_s / 2)
    if name.startswith("conv2d"):
        return _convolution_operations(node, inputs) / rates.convolutions
    if name.startswith(("random", "dropout_mask")):
        return elements / rates.random_floats
    if name.startswith("take"):
        return nbytes / rates.gather
    if "scatter" in name:
        return nbytes / rates.scatter
    if any(word in name for word in ("exp", "softmax", "entropy", "tanh", "sigmoid", "gelu")):
        widest = max([elements, *(s.size for s in inputs)])
        return max(memory_s, widest / rates.exponentials)
    return memory_s


def _product_s(node: Any, inputs: Sequence[Any], rates: Rates) -> float:
    first, second = inputs[:2]
    attrs = node.attrs
    inner = first.shape[-2 if attrs.get("transpose_a") and first.ndim > 1 else -1]
    elements = node.outputs[0].size
    operations = 2.0 * elements * inner
    rows = min(inner, *(size for size in node.outputs[0].shape[-2:]), *second.shape[-2:])
    table = rates.thin_products if rows <= 48 else rates.square_products
    return operations / at(table, operations)


def _convolution_operations(node: Any, inputs: Sequence[Any]) -> float:
    """2 x (output positions) x (filter): the same for the three products of a convolution."""
    shapes = [s.shape for s in (*inputs, *node.outputs)]
    images = sorted((s for s in shapes if len(s) == 4), key=math.prod)
    name = node.op.name
    if name == "conv2d":
        output, filters = node.outputs[0].shape, inputs[1].shape
    elif name == "conv2d_input_gradient":
        output, filters = inputs[0].shape, inputs[1].shape
    elif name == "conv2d_filter_gradient":
        output, filters = inputs[1].shape, node.outputs[0].shape
    else:
        return float(sum(math.prod(s) for s in images))
    return 2.0 * math.prod(output) * math.prod(filters[:-1])
