"""The CUDA texts of programs whose results are summed over the first or the last axes.

over_rows   sums over the last axes: the threads along x of a block share a row
over_lines  sums over the first ones: a thread adds one column of every so many lines

What a program computes stands at `line * width + place`.  A letter for each input says where its
element is: F there, R at `place`, C at `line`, S in an array of one, N in the argument itself.  A
row, or the lines, may be cut into sections whose sums are written one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence

from tensorcore.kernels.cuda.generated_texts import element_function
from tensorcore.kernels.cuda.modules import C_TYPES, read_text, with_headers
from tensorcore.kernels.program import Program, Sums

KINDS = ("over_rows", "over_lines")
THREADS = 256


def write_source(program: Program, sums: Sums, letters: str) -> str:
    """The text of the one kernel for inputs at the places that `letters` say."""
    inputs = [C_TYPES[dtype.name] for _, dtype in program.inputs]
    outputs = [C_TYPES[dtype.name] for dtype in program.outputs]
    text = "\n".join(
        [
            read_text("scalar_functions.cuh"),
            read_text("common.cuh"),
            read_text("rows.cuh"),
            element_function(program, inputs, outputs),
            (_OVER_LINES if sums.over_first else _OVER_ROWS) % _parts(program, sums, letters),
        ]
    )
    return with_headers(text, [*inputs, *outputs])


def _parts(program: Program, sums: Sums, letters: str) -> dict[str, str]:
    """What the kernels say about each array: inputs are p0, p1..., outputs q0, q1..."""
    inputs = [C_TYPES[dtype.name] for _, dtype in program.inputs]
    outputs = [C_TYPES[dtype.name] for dtype in program.outputs]
    summed = [k for k, kind in enumerate(sums.kinds) if kind]
    stored = [k for k, kind in enumerate(sums.kinds) if not kind]
    elements = {"F": "p{0}[k]", "R": "p{0}[place]", "C": "v{0}", "S": "v{0}", "N": "p{0}"}
    if sums.over_first:  # a thread stays in its place and goes from line to line
        elements |= {"R": "v{0}", "C": "p{0}[line]"}
    parameters = [
        f"{c_type} p{k}" if letter == "N" else f"const {c_type}* p{k}"
        for k, (c_type, letter) in enumerate(zip(inputs, letters, strict=True))
    ]
    parameters += [f"{outputs[k]} divisor{k}" for k in summed]
    parameters += [f"{c_type}* q{k}" for k, c_type in enumerate(outputs)]
    arguments = [elements[letter].format(k) for k, letter in enumerate(letters)]
    arguments += [f"r{k}" for k in range(len(outputs))]
    return {
        "name": program.name,
        "type": C_TYPES[program.compute.name],
        "parameters": ", ".join(parameters),
        "once": _loads(inputs, letters, "S", "*p{0}"),
        "of_line": _loads(inputs, letters, "C", "p{0}[line]"),
        "of_place": _loads(inputs, letters, "R", "p{0}[place]"),
        "begin": " ".join(f"T sum{k} = 0;" for k in summed),
        "element": " ".join(f"{outputs[k]} r{k};" for k in range(len(outputs)))
        + f" scalar::element({', '.join(arguments)});",
        "add": " ".join(f"sum{k} += r{k};" for k in summed),
        "store": " ".join(f"q{k}[k] = r{k};" for k in stored),
        "reduce": " ".join(f"sum{k} = row_reduce(sum{k}, T(0), Sum());" for k in summed),
        "write": " ".join(f"q{k}[step] = sum{k} / divisor{k};" for k in summed),
        "write_columns": "\n".join(
            f"    const T whole{k} = column_sum(sum{k});\n"
            f"    if (writes) q{k}[section * width + place] = whole{k} / divisor{k};"
            for k in summed
        ),
    }


def _loads(inputs: Sequence[str], letters: str, wanted: str, text: str) -> str:
    return " ".join(
        f"const {c_type} v{k} = {text.format(k)};"
        for k, (c_type, letter) in enumerate(zip(inputs, letters, strict=True))
        if letter == wanted
    )


_OVER_ROWS = """
// %(name)s
extern "C" __global__ void __launch_bounds__(256) over_rows(
    long long lines, long long width, long long sections, long long section_size, %(parameters)s) {
  using T = %(type)s;
  %(once)s
  for (long long step = first_row(); step < lines * sections; step += row_step()) {
    const long long line = divide(step, sections);
    const long long from = (step - line * sections) * section_size;
    const long long to = from + section_size < width ? from + section_size : width;
    %(of_line)s
    %(begin)s
#pragma unroll 4
    for (long long place = from + threadIdx.x; place < to; place += blockDim.x) {
      const long long k = line * width + place;
      %(element)s
      %(add)s
      %(store)s
    }
    %(reduce)s
    if (threadIdx.x == 0) { %(write)s }
  }
}
"""

_OVER_LINES = """
// The sum of a value of each thread with the same x; the threads with y = 0 get it.
template <typename T> __device__ inline T column_sum(T value) {
  __shared__ T values[256];
  __syncthreads();  // they may still be read
  values[threadIdx.y * blockDim.x + threadIdx.x] = value;
  __syncthreads();
  if (threadIdx.y == 0)
    for (int y = 1; y < (int)blockDim.y; ++y) value += values[y * blockDim.x + threadIdx.x];
  return value;
}

// %(name)s
extern "C" __global__ void __launch_bounds__(256) over_lines(
    long long lines, long long width, long long sections, long long section_size, %(parameters)s) {
  using T = %(type)s;
  %(once)s
  const long long panels = divide(width + blockDim.x - 1, blockDim.x);
  for (long long step = blockIdx.x; step < panels * sections; step += gridDim.x) {
    const long long section = divide(step, panels);
    const long long place = (step - section * panels) * blockDim.x + threadIdx.x;
    const long long from = section * section_size;
    const long long to = from + section_size < lines ? from + section_size : lines;
    const bool writes = threadIdx.y == 0 && place < width;
    %(begin)s
    if (place < width) {
      %(of_place)s
#pragma unroll 4
      for (long long line = from + threadIdx.y; line < to; line += blockDim.y) {
        const long long k = line * width + place;
        %(element)s
        %(add)s
        %(store)s
      }
    }
%(write_columns)s
  }
}
"""
