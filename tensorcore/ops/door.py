"""The one door: every operation, on every device, eager or taped, passes through `apply`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorcore import dtypes
from tensorcore.device import Device, check_range, default_device
from tensorcore.errors import DeviceMismatchError, TensorcoreError
from tensorcore.mode import dialect, listeners, mode, place
from tensorcore.ops.composing import FOREIGN, ours
from tensorcore.tensor import Tensor, as_tensor, wrap

if TYPE_CHECKING:
    from tensorcore.ops.record import Op

NUMBERS = (bool, int, float, complex)


def apply(op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> Any:
    """Run `op` on `inputs`: check, compute where the data is, and tell the active tapes.

    While a graph is traced, the operation becomes a node of it instead.
    """
    if mode.graph is not None:
        return mode.graph.add(op, inputs, attrs)
    if listeners.profiles and mode.profile is not None:
        with mode.profile.operation(op.name) as running:
            return running.made(_run_now(op, inputs, attrs))
    return _run_now(op, inputs, attrs)


def _run_now(op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> Any:
    device = common_device(inputs)
    if device is None:
        settled = settle(op, inputs)
        if settled is None:
            return symbol_in(inputs).defer(op, inputs, attrs)
        inputs, device = settled
    arrays = common_dtype(op, inputs)
    try:
        if device.kind not in op.trusted_on:
            op.rule(*op.grouped(arrays), **attrs)
            if op.bounds is not None:
                check_bounds(op, device, arrays, attrs)
        result = run(op, device, arrays, attrs)
    except TensorcoreError:
        raise
    except FOREIGN as error:
        raise refusal(op, arrays, attrs, error) from error
    return hand_out(op, device, inputs, attrs, result)


def refusal(op: Op, arrays: Any, attrs: dict[str, Any], error: Exception) -> TensorcoreError:
    """What to raise for an error of NumPy or CuPy: the rule knows best what is wrong."""
    try:
        op.rule(*op.grouped(arrays), **attrs)
    except TensorcoreError as said:
        return said
    except FOREIGN:
        pass
    return ours(f"{op.name}{op.__signature__}", error)


def common_device(inputs: Sequence[Any]) -> Device | None:
    """The device of the inputs if all are tensors and live together: the usual case, told
    quickly.
    """
    device = None
    for value in inputs:
        if type(value) is not Tensor:
            return None
        if device is None:
            device = value.device
        elif value.device is not device:
            return None
    return device


def hand_out(
    op: Op, device: Device, inputs: Sequence[Any], attrs: dict[str, Any], result: Any
) -> Any:
    """The result as tensors, after the tapes were told."""
    if type(result) is tuple:
        output: Any = tuple(wrap(array, device) for array in result)
    else:
        if op.is_view and inputs[0].variable is not None:
            result = device.copy(
                result
            )  # a variable's memory is written to; a view of it would change too
        output = wrap(result, device)
    for tape in mode.tapes:
        tape.record(op, inputs, attrs, output)
    return output


def settle(op: Op, inputs: Sequence[Any]) -> tuple[list[Any], Device] | None:
    """The inputs as tensors of one device; Python numbers that meet a tensor stay numbers.

    None if one of them is a symbol, which has no values yet although nothing is being traced.
    """
    device = None
    tensors = []
    for value in inputs:
        kind = type(value)
        if kind is not Tensor:
            value = as_operand(value)
        if type(value) is Tensor:
            if device is None:
                device = value.device
            elif value.device is not device:
                raise mismatch(op, inputs)
        tensors.append(value)
    found = device is not None
    if device is None:
        device = default_device()
    keeps_numbers = op.takes_numbers or (op.promote and found)
    for index, value in enumerate(tensors):
        if type(value) is not Tensor and not (keeps_numbers and is_number(value)):
            if isinstance(value, Tensor):
                return None
            dtype = host_dtype(op, index, value, tensors)
            tensors[index] = as_input(op, index, value, dtype, device)
    return tensors, device


def as_input(op: Op, index: int, value: Any, dtype: Any, device: Device) -> Tensor:
    """A value of the host as a tensor; what is none is refused by operation and argument."""
    try:
        return as_tensor(value, dtype=dtype, device=device)
    except TensorcoreError as error:
        name = f"{op.inputs[0]}[{index}]" if op.variadic else op.inputs[index]
        raise type(error)(f"{op.name}: {name}: {error}") from error


def host_dtype(op: Op, index: int, value: Any, operands: Sequence[Any]) -> np.dtype | None:
    """The dtype that an array or a list of the host takes beside these operands; None: its own."""
    if dialect.host_dtype is None or not (op.variadic or index in op.promote):
        return None
    return dialect.host_dtype(op, value, operands)


def symbol_in(inputs: Sequence[Any]) -> Any:
    """The first of the inputs that is a symbol."""
    return next(v for v in inputs if isinstance(v, Tensor) and type(v) is not Tensor)


def is_number(value: Any) -> bool:
    """Whether `value` is a scalar of Python or NumPy, which kernels take as it is."""
    return type(value) in NUMBERS or isinstance(value, np.generic)


def as_operand(value: Any) -> Any:
    """Variables as their current tensor; tensors and numbers as they are; the rest is made a tensor
    later.
    """
    read = getattr(value, "__tensor__", None)
    return value if read is None else read()


def mismatch(op: Op, inputs: Sequence[Any]) -> DeviceMismatchError:
    """The error for inputs on different devices."""
    names = [f"{op.inputs[0]}[{i}]" for i in range(len(inputs))] if op.variadic else op.inputs
    places = {
        name: operand.device.name
        for name, operand in zip(names, map(as_operand, inputs), strict=True)
        if isinstance(operand, Tensor)
    }
    where = ", ".join(f"{name} is on {place}" for name, place in places.items())
    first, other = (
        next(iter(places.values())),
        next(p for p in places.values() if p != next(iter(places.values()))),
    )
    name = next(n for n, place in places.items() if place == other)
    return DeviceMismatchError(
        f"{op.name}: its inputs must be on one device, but {where}. Move one of them, for example "
        f'{name}.to("{first}").'
    )


def common_dtype(op: Op, tensors: Sequence[Any]) -> list[Any]:
    """The inputs' arrays, those named by `op.promote` in the dtype in which they meet."""
    arrays = [value.data if type(value) is Tensor else value for value in tensors]
    if not op.promote:
        return arrays
    positions = range(len(tensors)) if op.variadic else op.promote
    wanted = wanted_dtype(op, [arrays[index] for index in positions])
    for index, value in enumerate(tensors):
        if type(value) is not Tensor:
            arrays[index] = as_scalar(op, index, value, wanted)
        elif (
            index in positions
            and arrays[index].dtype is not wanted
            and arrays[index].dtype != wanted
        ):
            arrays[index] = value.device.run(arrays[index].astype, wanted)
    return arrays


def wanted_dtype(op: Op, values: Sequence[Any]) -> np.dtype:
    """The dtype in which `op` computes these arrays and numbers."""
    wanted = op.compute_dtype(meeting_dtype(values))
    return wanted if dialect.judge is None else dialect.judge(op, values, wanted)


def meeting_dtype(values: Sequence[Any]) -> np.dtype:
    """The dtype in which arrays and numbers meet; Python's numbers are weak."""
    wanted = None
    weak = []
    for value in values:
        if type(value) in NUMBERS:
            weak.append(type(value))
        elif wanted is None:
            wanted = value.dtype
        elif value.dtype is not wanted:
            wanted = dtypes.promote(wanted, value.dtype)
    if wanted is None:
        wanted = dtypes.weak(weak[0], dtypes.bool)
    for kind in weak:
        wanted = dtypes.weak(kind, wanted)
    return wanted


def as_scalar(op: Op, index: int, value: Any, dtype: np.dtype) -> Any:
    """A number of the host in the dtype of the tensors it meets."""
    try:
        return dtype.type(value)
    except OverflowError:
        raise dtypes.DTypeError(
            f"{op.name}: the number {value} for {op.inputs[index]} does not fit the tensor's dtype "
            f"{dtype.name}"
        ) from None


def check_bounds(op: Op, device: Device, arrays: Sequence[Any], attrs: dict[str, Any]) -> None:
    """Refuse indices and labels outside the range that the record states."""
    for index, low, high, message in op.bounds(*arrays, **attrs):  # type: ignore[misc]
        check_range(device, arrays[index], low, high, in_layer(message, place.layers))


def in_layer(message: str, layers: Sequence[str]) -> str:
    """The template of a message, which begins with the layer's name if that is known."""
    if not layers:
        return message
    name = layers[-1].replace("{", "{{").replace("}", "}}")
    return f'layer "{name}": {message}'


def run(
    op: Op, device: Device, arrays: Sequence[Any], attrs: dict[str, Any], out: Any = None
) -> Any:
    """The fallback chain: an own kernel, a kernel generated from the expression, the reference."""
    kind = device.kind
    try:
        kernel = op.kernels[kind]
    except KeyError:
        kernel = op.kernels[kind] = _find_kernel(op.name, kind)
    if kernel is not None and kernel.accepts(arrays, attrs) and not kernel.waits(arrays, attrs):
        result = device.run(kernel.load(), *op.grouped(arrays), out=out, **attrs)
        if result is not NotImplemented:
            op.runs[kind, "kernel"] += 1
            return result
    generated = op.generated(kind, arrays)
    if generated is not None:
        result = device.run(generated, *arrays, out=out)
        if result is not NotImplemented:
            op.runs[kind, "generated"] += 1
            return result
    op.runs[kind, "reference"] += 1
    result = device.run(op.reference, device.xp, *op.grouped(arrays), **attrs)
    if out is None:
        return result
    for target, values in zip(out, result, strict=True) if type(out) is tuple else ((out, result),):
        target[...] = values
    return out


def kernel_for(
    op: Op, device: Device, arrays: Sequence[Any], attrs: dict[str, Any], often: bool
) -> Iterator[Callable[..., Any]]:
    """The kernels that may compute `op` on these arrays, best first; then comes the reference.

    `often` tells whether it will be computed so often that any kernel is worth compiling.
    """
    kind = device.kind
    if kind not in op.kernels:
        op.kernels[kind] = _find_kernel(op.name, kind)
    kernel = op.kernels[kind]
    is_for_these = kernel is not None and kernel.accepts(arrays, attrs)
    if is_for_these and (often or not kernel.is_small(arrays, attrs)):
        yield kernel.load()
    generated = op.generated(kind, arrays, often)
    if generated is not None:
        yield generated


def _find_kernel(name: str, kind: str) -> Any:
    """What `kernels.cpu` or `kernels.cuda` has under the operation's name, or None."""
    if kind == "cpu":
        from tensorcore.kernels import cpu as room
    else:
        from tensorcore.kernels import cuda as room  # type: ignore[no-redef]
    return room.KERNELS.get(name)
