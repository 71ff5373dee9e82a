"""Element-wise programs as CUDA kernels.

Each program becomes one text with two kernels: `flat` walks over arrays of one shape in memory
order, several elements at a time, and `strided` handles broadcasting and views.  NumPy scalars are
passed by value in both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cupy
import numpy as np
from cupy.cuda.device import get_device_id
from tensorcore.kernels.cuda.modules import (
    C_TYPES,
    MOST_BLOCKS,
    compile_source,
    read_text,
    with_headers,
)
from tensorcore.kernels.program import Program

MOST_DIMENSIONS = 8
THREADS = 256
_BLOCK = (THREADS, 1, 1)
_MOST_PLANS = 4096
_PACK_BYTES = 16  # the widest load of one thread

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
    kernel: int  # 0: flat, 1: strided, -1: strided in too many dimensions
    grid: tuple[int, int, int]  # no blocks at all: nothing to compute
    head: tuple[Any, ...]  # the arguments before the arrays
    scalars: tuple[bool, ...] | None  # which inputs are passed by value; None if none is


class GeneratedKernel:
    """A program's kernels, and the plans for the shapes and strides that were seen."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._outputs = program.outputs
        self._functions: dict[int, list[Any]] = {}
        self._plans: dict[tuple[Any, ...], Plan] = {}

    def source(self) -> str:
        """The CUDA text."""
        return write_source(self.program)

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
                kernel = -1
        if grid[0]:
            if kernel < 0:
                return self._through_copies(arrays, outs, shape)
            if scalars is not None:
                arrays = [_bits(a) if by_value else a for a, by_value in zip(arrays, scalars)]
            device = get_device_id()
            functions = self._functions.get(device)
            if functions is None:
                functions = self._load(device)
            functions[kernel](grid, _BLOCK, (*head, *arrays, *outs))
        return outs[0] if len(outs) == 1 else outs

    def _check(self, outs: Sequence[Any]) -> None:
        for array, dtype in zip(outs, self._outputs, strict=True):
            if array.dtype != dtype:
                raise TypeError(
                    f"{self.program.name}: out must have dtype {dtype}, received {array.dtype}"
                )

    def _load(self, device: int) -> list[Any]:
        dtypes = ", ".join(dtype.name for _, dtype in self.program.inputs)
        title = f"{self.program.name} ({dtypes})"
        functions = compile_source(self.source(), ["flat", "strided"], title, template=False)
        self._functions[device] = functions
        return functions

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
    is_scalar = [layout is None for layout in layouts[:n_inputs]]
    mask = np.uint32(sum(1 << index for index, flag in enumerate(is_scalar) if flag))
    scalars = tuple(is_scalar) if any(is_scalar) else None
    itemsizes = [dtype.itemsize for _, dtype in program.inputs]
    itemsizes += [dtype.itemsize for dtype in program.outputs]
    strides = [
        (0,) * len(shape) if layout is None else _broadcast_strides(layout, shape)
        for layout in (*layouts[:n_inputs], *outs)
    ]
    merged_shape, merged = merge_dimensions(shape, strides)
    if not size:
        return Plan(shape, 0, (0, 1, 1), (), None)
    dense = len(merged_shape) <= 1 and all(
        layout is None or size == 1 or stride == (itemsize,)
        for layout, stride, itemsize in zip((*layouts[:n_inputs], *outs), merged, itemsizes)
    )
    if dense:
        threads = -(-size // pack_width(program))
        return Plan(shape, 0, _grid(threads), (size, mask), scalars)
    if len(merged_shape) > MOST_DIMENSIONS:
        return Plan(shape, -1, _grid(size), (), scalars)
    head = (_layout_struct(merged_shape, merged), size, mask)
    return Plan(shape, 1, _grid(size), head, scalars)


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


# Texts -----------------------------------------------------------------------------------------

_COMMON = """
// What one thread loads at once: WIDTH neighbours.
template <typename S> struct alignas(sizeof(S) * WIDTH) Pack { S at[WIDTH]; };

struct Layout {
  long long shape[DIMENSIONS];
  long long strides[ARRAYS][DIMENSIONS];  // in bytes
  long long dimensions;
};

// A number takes the place of its pointer; bit k of `scalars` tells that it does for input k.
template <typename S> __device__ inline S value_in(const S* pointer) {
  const unsigned long long bits = (unsigned long long)pointer;
  S value;
  memcpy(&value, &bits, sizeof(S));
  return value;
}
template <typename S> __device__ inline bool aligned(const S* pointer) {
  return (unsigned long long)pointer % sizeof(Pack<S>) == 0;
}
template <typename S> __device__ inline S& at(S* pointer, long long offset) {
  return *(S*)((char*)pointer + offset);
}
template <typename S> __device__ inline const S& at(const S* pointer, long long offset) {
  return *(const S*)((const char*)pointer + offset);
}
"""


def pack_width(program: Program) -> int:
    """How many elements a thread handles at once: 16 bytes of the widest dtype."""
    widest = max(dtype.itemsize for dtype in (*dict(program.inputs).values(), *program.outputs))
    return max(_PACK_BYTES // widest, 1)


def write_source(program: Program) -> str:
    """The CUDA text of a program: the function of one element, and the two kernels around it."""
    inputs = [C_TYPES[dtype.name] for _, dtype in program.inputs]
    outputs = [C_TYPES[dtype.name] for dtype in program.outputs]
    n = range(len(inputs))
    m = range(len(outputs))
    parts = {
        "name": program.name,
        "parameters": ", ".join(
            [f"const {inputs[k]}* p{k}" for k in n] + [f"{outputs[k]}* q{k}" for k in m]
        ),
        "arguments": ", ".join([f"p{k}" for k in n] + [f"q{k}" for k in m]),
        "values": "\n".join(f"  const {inputs[k]} v{k} = value_in(p{k});" for k in n),
        "all_aligned": " && ".join(
            [f"((scalars >> {k} & 1) || aligned(p{k}))" for k in n] + [f"aligned(q{k})" for k in m]
        ),
        "load_packs": "\n".join(
            f"    Pack<{inputs[k]}> a{k};\n"
            f"    if (!(scalars >> {k} & 1)) a{k} = ((const Pack<{inputs[k]}>*)p{k})[i];"
            for k in n
        ),
        "declare_packs": "\n".join(f"    Pack<{outputs[k]}> b{k};" for k in m),
        "of_pack": ", ".join(
            [f"scalars >> {k} & 1 ? v{k} : a{k}.at[j]" for k in n] + [f"b{k}.at[j]" for k in m]
        ),
        "store_packs": "\n".join(f"    ((Pack<{outputs[k]}>*)q{k})[i] = b{k};" for k in m),
        "of_element": ", ".join(
            [f"scalars >> {k} & 1 ? v{k} : p{k}[i]" for k in n] + [f"r{k}" for k in m]
        ),
        "of_offset": ", ".join(
            [f"scalars >> {k} & 1 ? v{k} : at(p{k}, o{k})" for k in n] + [f"r{k}" for k in m]
        ),
        "declare_results": " ".join(f"{outputs[k]} r{k};" for k in m),
        "store_element": " ".join(f"q{k}[i] = r{k};" for k in m),
        "store_offset": " ".join(f"at(q{k}, o{len(inputs) + k}) = r{k};" for k in m),
        "zero_offsets": "long long " + ", ".join(f"o{k} = 0" for k in range(len(n) + len(m))) + ";",
        "add_offsets": "\n".join(
            f"      o{k} += position * layout.strides[{k}][d];" for k in range(len(n) + len(m))
        ),
    }
    text = "\n".join(
        [
            read_text("scalar_functions.cuh"),
            f"constexpr int WIDTH = {pack_width(program)};",
            f"constexpr int DIMENSIONS = {MOST_DIMENSIONS};",
            f"constexpr int ARRAYS = {len(inputs) + len(outputs)};",
            _COMMON,
            _element_function(program, inputs, outputs),
            _KERNELS % parts,
        ]
    )
    return with_headers(text, [*inputs, *outputs])


def _element_function(program: Program, inputs: Sequence[str], outputs: Sequence[str]) -> str:
    arguments = [f"{c_type} argument{k}" for k, c_type in enumerate(inputs)]
    arguments += [f"{c_type}& result{k}" for k, c_type in enumerate(outputs)]
    lines = [
        "namespace scalar {",
        f"using T = {C_TYPES[program.compute.name]};",
        f"__device__ inline void element({', '.join(arguments)}) {{",
    ]
    for k, (name, dtype) in enumerate(program.inputs):
        kind = "bool" if dtype.kind == "b" else "T"
        lines.append(f"  const {kind} {name} = {kind}(argument{k});")
    for name, text, is_bool in program.statements:
        lines.append(f"  const {'bool' if is_bool else 'T'} {name} = {text};")
    for k, (c_type, text) in enumerate(zip(outputs, program.results)):
        lines.append(f"  result{k} = static_cast<{c_type}>({text});")
    lines += ["}", "}  // namespace scalar"]
    return "\n".join(lines)


_KERNELS = """
// %(name)s
extern "C" __global__ void __launch_bounds__(256) flat(
    long long n, unsigned int scalars, %(parameters)s) {
%(values)s
  const long long first = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  const long long step = (long long)gridDim.x * blockDim.x;
  const long long packs = %(all_aligned)s ? n / WIDTH : 0;
  for (long long i = first; i < packs; i += step) {
%(load_packs)s
%(declare_packs)s
#pragma unroll
    for (int j = 0; j < WIDTH; ++j) scalar::element(%(of_pack)s);
%(store_packs)s
  }
  for (long long i = packs * WIDTH + first; i < n; i += step) {
    %(declare_results)s
    scalar::element(%(of_element)s);
    %(store_element)s
  }
}

// Divisions of 32 bits are several times faster, so Index is unsigned int wherever n allows it.
template <typename Index>
__device__ inline void walk(
    const Layout& layout, long long n, unsigned int scalars, %(parameters)s) {
%(values)s
  const long long first = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  const long long step = (long long)gridDim.x * blockDim.x;
  for (long long i = first; i < n; i += step) {
    Index rest = (Index)i;
    %(zero_offsets)s
#pragma unroll
    for (int d = DIMENSIONS - 1; d >= 0; --d) {
      if (d >= layout.dimensions) continue;
      const Index size = (Index)layout.shape[d];
      const Index whole = rest / size;
      const long long position = rest - whole * size;
      rest = whole;
%(add_offsets)s
    }
    %(declare_results)s
    scalar::element(%(of_offset)s);
    %(store_offset)s
  }
}

extern "C" __global__ void __launch_bounds__(256) strided(
    const Layout layout, long long n, unsigned int scalars, %(parameters)s) {
  if (n <= 0x7fffffffll)
    walk<unsigned int>(layout, n, scalars, %(arguments)s);
  else
    walk<unsigned long long>(layout, n, scalars, %(arguments)s);
}
"""
