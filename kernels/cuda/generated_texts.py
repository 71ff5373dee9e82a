"""The CUDA texts of element-wise programs: a function of one element, and kernels that walk.

flat          arrays of one shape in memory order, 16 bytes a load
packed        the same where arrays are repeated along some dimensions
strided       every other view, an element at a time
strided_wide  the same for more than 2**31 elements: their indices need 64 bits
"""

from __future__ import annotations

from collections.abc import Sequence

from tensorcore.kernels.cuda.modules import C_TYPES, read_text, with_headers
from tensorcore.kernels.program import Program

KINDS = ("flat", "packed", "strided", "strided_wide")
MOST_DIMENSIONS = 8
PACK_BYTES = 16  # the widest load of one thread

_COMMON = """
// What one thread loads at once: WIDTH neighbours.
template <typename S> struct alignas(sizeof(S) * WIDTH) Pack { S at[WIDTH]; };

struct Layout {
  long long shape[DIMENSIONS];
  long long strides[ARRAYS][DIMENSIONS];  // in bytes
  long long dimensions;
};

// A number takes the place of its pointer; bit k of `scalars` tells that it does for input k.
// Other masks have a bit for each array in the same order, outputs last.
template <typename S> __device__ inline S value_in(const S* pointer) {
  const unsigned long long bits = (unsigned long long)pointer;
  S value;
  memcpy(&value, &bits, sizeof(S));
  return value;
}
template <typename S> __device__ inline bool aligned(const S* pointer) {
  return (unsigned long long)pointer % sizeof(Pack<S>) == 0;
}
// WIDTH neighbours, or one element repeated; `even`: a load of all of them at once is allowed.
template <typename S>
__device__ inline Pack<S> load_pack(
    const S* pointer, long long offset, bool repeated, bool even) {
  const S* from = (const S*)((const char*)pointer + offset);
  if (even && !repeated) return *(const Pack<S>*)from;
  Pack<S> pack;
#pragma unroll
  for (int j = 0; j < WIDTH; ++j) pack.at[j] = repeated ? *from : from[j];
  return pack;
}
template <typename S>
__device__ inline void store_pack(S* pointer, long long offset, bool even, const Pack<S>& pack) {
  S* to = (S*)((char*)pointer + offset);
  if (even) {
    *(Pack<S>*)to = pack;
    return;
  }
#pragma unroll
  for (int j = 0; j < WIDTH; ++j) to[j] = pack.at[j];
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
    return max(PACK_BYTES // widest, 1)


def write_source(program: Program, kinds: Sequence[str] = KINDS) -> str:
    """The CUDA text of a program: the function of one element, and the kernels around it."""
    inputs = [C_TYPES[dtype.name] for _, dtype in program.inputs]
    outputs = [C_TYPES[dtype.name] for dtype in program.outputs]
    parts = {"name": program.name, **_lists(inputs, outputs)}
    text = "\n".join(
        [
            read_text("scalar_functions.cuh"),
            f"constexpr int WIDTH = {pack_width(program)};",
            f"constexpr int DIMENSIONS = {MOST_DIMENSIONS};",
            f"constexpr int ARRAYS = {len(inputs) + len(outputs)};",
            _COMMON,
            element_function(program, inputs, outputs),
            *(_KERNELS[kind] % parts for kind in kinds),
        ]
    )
    return with_headers(text, [*inputs, *outputs])


def _lists(inputs: Sequence[str], outputs: Sequence[str]) -> dict[str, str]:
    """What the kernels say about each array: inputs are p0, p1..., outputs q0, q1..."""
    n, m = range(len(inputs)), range(len(outputs))
    both = range(len(inputs) + len(outputs))
    return {
        "parameters": ", ".join(
            [f"const {inputs[k]}* p{k}" for k in n] + [f"{outputs[k]}* q{k}" for k in m]
        ),
        "values": "\n".join(f"  const {inputs[k]} v{k} = value_in(p{k});" for k in n),
        "values_and_singles": "\n".join(
            f"  const {inputs[k]} v{k} = singles >> {k} & 1 && !(scalars >> {k} & 1) ? *p{k}"
            f" : value_in(p{k});"
            for k in n
        ),
        "all_aligned": " && ".join(
            [f"((fixed >> {k} & 1) || aligned(p{k}))" for k in n] + [f"aligned(q{k})" for k in m]
        ),
        "load_packs": "\n".join(
            f"    Pack<{inputs[k]}> a{k};\n"
            f"    if (!(fixed >> {k} & 1)) a{k} = ((const Pack<{inputs[k]}>*)p{k})[i];"
            for k in n
        ),
        "find_even": "\n".join(
            [f"  const bool e{k} = even >> {k} & 1 && aligned(p{k});" for k in n]
            + [f"  const bool f{k} = even >> {len(inputs) + k} & 1 && aligned(q{k});" for k in m]
        ),
        "load_at_offsets": "\n".join(
            f"    Pack<{inputs[k]}> a{k};\n"
            f"    if (!(scalars >> {k} & 1))"
            f" a{k} = load_pack(p{k}, o{k}, repeated >> {k} & 1, e{k});"
            for k in n
        ),
        "store_at_offsets": "\n".join(
            f"    store_pack(q{k}, o{len(inputs) + k}, f{k}, b{k});" for k in m
        ),
        "declare_packs": "\n".join(f"    Pack<{outputs[k]}> b{k};" for k in m),
        "of_fixed_pack": ", ".join(
            [f"fixed >> {k} & 1 ? v{k} : a{k}.at[j]" for k in n] + [f"b{k}.at[j]" for k in m]
        ),
        "of_pack": ", ".join(
            [f"scalars >> {k} & 1 ? v{k} : a{k}.at[j]" for k in n] + [f"b{k}.at[j]" for k in m]
        ),
        "store_packs": "\n".join(f"    ((Pack<{outputs[k]}>*)q{k})[i] = b{k};" for k in m),
        "of_element": ", ".join(
            [f"fixed >> {k} & 1 ? v{k} : p{k}[i]" for k in n] + [f"r{k}" for k in m]
        ),
        "of_offset": ", ".join(
            [f"scalars >> {k} & 1 ? v{k} : at(p{k}, o{k})" for k in n] + [f"r{k}" for k in m]
        ),
        "declare_results": " ".join(f"{outputs[k]} r{k};" for k in m),
        "store_element": " ".join(f"q{k}[i] = r{k};" for k in m),
        "store_offset": " ".join(f"at(q{k}, o{len(inputs) + k}) = r{k};" for k in m),
        "zero_offsets": "long long " + ", ".join(f"o{k} = 0" for k in both) + ";",
        "add_offsets": "\n".join(f"      o{k} += position * layout.strides[{k}][d];" for k in both),
    }


def element_function(program: Program, inputs: Sequence[str], outputs: Sequence[str]) -> str:
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


_FLAT = """
// %(name)s
extern "C" __global__ void __launch_bounds__(256) flat(
    long long n, unsigned int scalars, unsigned int singles, %(parameters)s) {
  const unsigned int fixed = scalars | singles;
%(values_and_singles)s
  const long long first = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  const long long step = (long long)gridDim.x * blockDim.x;
  const long long packs = %(all_aligned)s ? n / WIDTH : 0;
  for (long long i = first; i < packs; i += step) {
%(load_packs)s
%(declare_packs)s
#pragma unroll
    for (int j = 0; j < WIDTH; ++j) scalar::element(%(of_fixed_pack)s);
%(store_packs)s
  }
  for (long long i = packs * WIDTH + first; i < n; i += step) {
    %(declare_results)s
    scalar::element(%(of_element)s);
    %(store_element)s
  }
}
"""

# Where each array is at position `i` of the walk; `Index` is the type of the divisions.
_OFFSETS = """
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
    }"""

_PACKED = f"""
// %(name)s
extern "C" __global__ void __launch_bounds__(256) packed(
    const Layout layout, long long n, unsigned int scalars, unsigned int repeated,
    unsigned int even, %(parameters)s) {{
  using Index = unsigned int;
%(values)s
%(find_even)s
  const long long first = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  const long long step = (long long)gridDim.x * blockDim.x;
  for (long long i = first; i < n; i += step) {{{_OFFSETS}
%(load_at_offsets)s
%(declare_packs)s
#pragma unroll
    for (int j = 0; j < WIDTH; ++j) scalar::element(%(of_pack)s);
%(store_at_offsets)s
  }}
}}
"""

_STRIDED = f"""
// %(name)s
extern "C" __global__ void __launch_bounds__(256) KIND(
    const Layout layout, long long n, unsigned int scalars, %(parameters)s) {{
  using Index = INDEX;
%(values)s
  const long long first = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  const long long step = (long long)gridDim.x * blockDim.x;
  for (long long i = first; i < n; i += step) {{{_OFFSETS}
    %(declare_results)s
    scalar::element(%(of_offset)s);
    %(store_offset)s
  }}
}}
"""

_KERNELS = {
    "flat": _FLAT,
    "packed": _PACKED,
    "strided": _STRIDED.replace("KIND", "strided").replace("INDEX", "unsigned int"),
    "strided_wide": _STRIDED.replace("KIND", "strided_wide").replace("INDEX", "unsigned long long"),
}
