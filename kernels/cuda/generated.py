"""Element-wise programs as CUDA kernels.

Each program becomes up to four kernels, of which those that are launched are compiled: `flat` walks
over arrays of one shape in memory order, with 16 bytes a load; `packed` does the same where arrays
are repeated along some dimensions, as a bias is; `strided` handles all other views, and
`strided_wide` those of more than 2**31 elements.  NumPy scalars are passed by value; arrays of one
element are read once by each thread.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cupy
import numpy as np
from cupy.cuda.device import get_device_id
from tensorcore.kernels.cuda.generated_texts import (
    KINDS,
    MOST_DIMENSIONS,
    pack_width,
    write_source,
)
from tensorcore.kernels.cuda.modules import MOST_BLOCKS, compile_source
from tensorcore.kernels.program import Program

THREADS = 256
_BLOCK = (THREADS, 1, 1)
_MOST_PLANS = 4096
_MOST_SHORT = (
    0x7FFFFFFF  # indices up to here are computed in 32 bits, which is several times faster
)

FLAT, PACKED, STRIDED, STRIDED_WIDE = range(len(KINDS))
_THROUGH_COPIES = -1

_ndarray = cupy.ndarray


def pays(arrays: Sequence[Any], has_numpy: bool) -> bool:
    """Whether to use a generated kernel: for all real dtypes, as CuPy's own launches cost more."""
    del has_numpy
    return all(array.dtype.kind != "c" for array in arrays)


def compile(program: Program) -> Callable[..., Any]:
    """The function `f(*arrays, out=None)` that runs a program on arrays of the current device."""
    return GeneratedKernel(program)


class Plan(NamedTuple):
    """How a program is launched for arrays of given shapes and strides."""

    shape: tuple[int, ...]
    kernel: int  # its number in KINDS; -1: more dimensions than a kernel takes
    grid: tuple[int, int, int]  # no blocks at all: nothing to compute
    head: tuple[Any, ...]  # the arguments before the arrays
    scalars: tuple[bool, ...] | None  # which inputs are passed by value; None if none is


class GeneratedKernel:
    """A program's kernels, and the plans for the shapes and strides that were seen."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._outputs = program.outputs
        self._functions: dict[tuple[int, int], Any] = {}
        self._plans: dict[tuple[Any, ...], Plan] = {}

    def source(self) -> str:
        """The CUDA text of the kernels that were launched, or of the one for contiguous arrays."""
        kernels = sorted({kernel for _, kernel in self._functions}) or [FLAT]
        return write_source(self.program, [KINDS[kernel] for kernel in kernels])

    def __call__(self, *arrays: Any, out: Any = None) -> Any:
        """The results for CuPy arrays or NumPy scalars, written to `out` if it is given."""
        layouts = [
            (array.shape, array.strides) if type(array) is _ndarray else None for array in arrays
        ]
        outs = None
        if out is not None:
            outs = out if type(out) is tuple else (out,)
            layouts += [(array.shape, array.strides) for array in outs]
        key = tuple(layouts)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plan(key, len(arrays))
        shape, kernel, grid, head, scalars = plan
        if outs is None:
            outs = tuple([_ndarray(shape, dtype) for dtype in self._outputs])
        else:
            self._check(outs)
            if _overlap(arrays, outs):
                kernel = _THROUGH_COPIES
        if grid[0]:
            if kernel == _THROUGH_COPIES:
                return self._through_copies(arrays, outs, shape)
            if scalars is not None:
                arrays = [_bits(a) if by_value else a for a, by_value in zip(arrays, scalars)]
            device = get_device_id()
            function = self._functions.get((device, kernel))
            if function is None:
                function = self._load(device, kernel)
            function(grid, _BLOCK, (*head, *arrays, *outs))
        return outs[0] if len(outs) == 1 else outs

    def _check(self, outs: Sequence[Any]) -> None:
        for array, dtype in zip(outs, self._outputs, strict=True):
            if array.dtype != dtype:
                raise TypeError(
                    f"{self.program.name}: out must have dtype {dtype}, received {array.dtype}"
                )

    def _load(self, device: int, kernel: int) -> Any:
        kind = KINDS[kernel]
        dtypes = ", ".join(dtype.name for _, dtype in self.program.inputs)
        title = f"{self.program.name} ({dtypes}; {kind})"
        text = write_source(self.program, [kind])
        function = compile_source(text, [kind], title, template=False)[0]
        self._functions[device, kernel] = function
        return function

    def _plan(self, key: tuple[Any, ...], n_inputs: int) -> Plan:
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()  # shapes that never come back must not pile up
        plan = make_plan(self.program, key, n_inputs)
        self._plans[key] = plan
        return plan

    def _through_copies(self, arrays: Sequence[Any], outs: tuple[Any, ...], shape: Any) -> Any:
        """Contiguous inputs and a copy to `outs`: for overlapping memory, and many dimensions."""
        dense = [
            cupy.ascontiguousarray(cupy.broadcast_to(a, shape)) if type(a) is _ndarray else a
            for a in arrays
        ]
        results = self(*dense)
        for array, result in zip(outs, results if type(results) is tuple else (results,)):
            array[...] = result
        return outs[0] if len(outs) == 1 else outs


def _overlap(arrays: Sequence[Any], outs: Sequence[Any]) -> bool:
    """Whether an output shares memory with an input otherwise than by being the same elements."""
    for out in outs:
        memory = out.data.mem
        for array in arrays:
            if array is out or type(array) is not _ndarray or array.data.mem is not memory:
                continue
            same = array.data.ptr == out.data.ptr and array.strides == out.strides
            if not (same and array.shape == out.shape) and cupy.may_share_memory(array, out):
                return True
    return False


def _bits(scalar: Any) -> int:
    """The bytes of a NumPy scalar as the 8-byte integer that takes the place of a pointer."""
    return int.from_bytes(scalar.tobytes().ljust(8, b"\0"), "little", signed=True)


# Plans -----------------------------------------------------------------------------------------


def make_plan(program: Program, layouts: Sequence[Any], n_inputs: int) -> Plan:
    """The plan for inputs and outputs with the layouts (shape, strides); None stands for a scalar.

    Without outputs in `layouts` they are taken to be contiguous.
    """
    given = [layout for layout in layouts[:n_inputs] if layout is not None]
    shape = np.broadcast_shapes(*(layout[0] for layout in given))
    outs = list(layouts[n_inputs:])
    for out_shape, _ in outs:
        if out_shape != shape:
            raise ValueError(
                f"{program.name}: out must have the shape {shape}, received {out_shape}"
            )
    if not outs:
        outs = [(shape, _dense_strides(shape, dtype.itemsize)) for dtype in program.outputs]
    size = math.prod(shape)
    if not size:
        return Plan(shape, FLAT, (0, 1, 1), (), None)
    layouts = [*layouts[:n_inputs], *outs]
    is_scalar = [layout is None for layout in layouts]
    scalars = tuple(is_scalar[:n_inputs]) if any(is_scalar) else None
    itemsizes = [dtype.itemsize for _, dtype in program.inputs]
    itemsizes += [dtype.itemsize for dtype in program.outputs]
    strides = [
        (0,) * len(shape) if layout is None else _broadcast_strides(layout, shape)
        for layout in layouts
    ]
    merged_shape, merged = merge_dimensions(shape, strides)
    is_dense = [size == 1 or stride == (item,) for stride, item in zip(merged, itemsizes)]
    is_single = [not any(stride) and not dense for stride, dense in zip(merged, is_dense)]
    width = pack_width(program)
    if all(dense or single for dense, single in zip(is_dense, is_single)):
        head = (size, _mask(is_scalar), _mask(is_single))
        return Plan(shape, FLAT, _grid(-(-size // width)), head, scalars)
    if len(merged_shape) > MOST_DIMENSIONS:
        return Plan(shape, _THROUGH_COPIES, _grid(size), (), scalars)
    if _can_be_packed(merged_shape, merged, itemsizes, width):
        return _packed_plan(shape, merged_shape, merged, itemsizes, width, is_scalar, scalars)
    kernel = STRIDED if size <= _MOST_SHORT else STRIDED_WIDE
    head = (_layout_struct(merged_shape, merged), size, _mask(is_scalar))
    return Plan(shape, kernel, _grid(size), head, scalars)


def _can_be_packed(
    shape: Sequence[int], strides: Sequence[Sequence[int]], itemsizes: Sequence[int], width: int
) -> bool:
    """Whether the last dimension consists of packs, of neighbours or of one repeated element."""
    packs, rest = divmod(math.prod(shape), width)
    return (
        width > 1
        and not rest
        and packs <= _MOST_SHORT
        and shape[-1] % width == 0
        and all(stride[-1] in (0, item) for stride, item in zip(strides, itemsizes))
    )


def _packed_plan(
    shape: tuple[int, ...],
    merged_shape: Sequence[int],
    merged: Sequence[Sequence[int]],
    itemsizes: Sequence[int],
    width: int,
    is_scalar: Sequence[bool],
    scalars: tuple[bool, ...] | None,
) -> Plan:
    """The plan of the kernel `packed`, in whose last dimension a step is a pack."""
    packs = math.prod(merged_shape) // width
    layout = _layout_struct(
        (*merged_shape[:-1], merged_shape[-1] // width),
        [(*stride[:-1], stride[-1] * width) for stride in merged],
    )
    is_repeated = [not stride[-1] for stride in merged]
    is_even = [
        not any(step % (item * width) for step in stride[:-1])
        for stride, item in zip(merged, itemsizes)
    ]
    head = (layout, packs, _mask(is_scalar), _mask(is_repeated), _mask(is_even))
    return Plan(shape, PACKED, _grid(packs), head, scalars)


def _mask(flags: Sequence[bool]) -> np.uint32:
    """Bit k says whether flag k is set."""
    return np.uint32(sum(1 << index for index, flag in enumerate(flags) if flag))


def _grid(threads: int) -> tuple[int, int, int]:
    return (min(-(-threads // THREADS), MOST_BLOCKS), 1, 1)


def _dense_strides(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    strides = []
    step = itemsize
    for size in reversed(shape):
        strides.append(step)
        step *= size
    return tuple(reversed(strides))


def _broadcast_strides(layout: Any, shape: Sequence[int]) -> tuple[int, ...]:
    """The strides in bytes for reading an array as if it had `shape`: 0 where it is repeated."""
    own_shape, own_strides = layout
    missing = len(shape) - len(own_shape)
    strides = [0 if size == 1 else stride for size, stride in zip(own_shape, own_strides)]
    return (0,) * missing + tuple(strides)


def merge_dimensions(
    shape: Sequence[int], strides: Sequence[Sequence[int]]
) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """The same walk in as few dimensions as possible.

    Axes of size 1 are dropped; neighbours are joined where every array passes from one to the next
    by its own stride.

    >>> merge_dimensions((2, 3, 4), [(48, 16, 4), (0, 0, 4)])
    ((6, 4), [(16, 4), (0, 4)])
    """
    sizes: list[int] = []
    columns: list[tuple[int, ...]] = []  # the strides of all arrays, one tuple for each dimension
    for size, column in zip(shape, zip(*strides)):
        if size == 1:
            continue
        if sizes and all(outer == inner * size for outer, inner in zip(columns[-1], column)):
            sizes[-1] *= size
            columns[-1] = column
        else:
            sizes.append(size)
            columns.append(column)
    return tuple(sizes), [tuple(row) for row in zip(*columns)] or [()] * len(strides)


def _layout_struct(shape: Sequence[int], strides: Sequence[Sequence[int]]) -> Any:
    """The struct Layout of the kernel, as a value that is passed by copy."""
    fields = [
        ("shape", np.int64, MOST_DIMENSIONS),
        ("strides", np.int64, (len(strides), MOST_DIMENSIONS)),
        ("dimensions", np.int64),
    ]
    layout = np.zeros((), fields)
    layout["shape"][: len(shape)] = shape
    layout["dimensions"] = len(shape)
    for row, values in zip(layout["strides"], strides):
        row[: len(values)] = values
    return layout[()]
