"""`python -m tensorcore.ops`: every operation, how each device runs it, and where its gradient
comes from.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator

from tensorcore.ops.elementwise import Elementwise
from tensorcore.ops.record import OPS, Gradient, Op


def how(op: Op, kind: str) -> str:
    """How a device runs the operation: an own kernel, a generated one, NumPy or CuPy."""
    if kind == "cpu":
        from tensorcore.kernels.cpu import KERNELS
    else:
        from tensorcore.kernels.cuda import KERNELS  # type: ignore[no-redef]
    library = "numpy" if kind == "cpu" else "cupy"
    ways = []
    if op.name in KERNELS:
        size = KERNELS[op.name].from_size
        ways.append(f"kernel from {size}" if size else "kernel")
    if isinstance(op, Elementwise) and (kind == "gpu" or op.numpy is None):
        ways.append("generated" if kind == "gpu" else "generated if large")
    if not ways or (kind == "cpu" and ways != ["kernel"]):
        ways.append(library)
    if op.library is not None and kind == "gpu":
        ways.append(f"on the host without {op.library}")
    return ", ".join(ways)


def gradient(op: Op) -> str:
    """Where the gradient comes from, or why there is none."""
    words = []
    for rule in op.gradients:
        if not isinstance(rule, Gradient):
            words.append(rule)
        elif isinstance(op, Elementwise) and op.gradient_is_derived:
            words.append("derived")
        else:
            words.append("rule")
    return "; ".join(dict.fromkeys(words))


def rows() -> Iterator[tuple[str, str, str, str]]:
    """(name, CPU, GPU, gradient) of each declared operation."""
    importlib.import_module("tensorcore.graph")  # which declares those of control flow
    for name, op in sorted(OPS.items()):
        if "_vjp_" not in name:
            yield name, how(op, "cpu"), how(op, "gpu"), gradient(op)


def main() -> int:
    """Print the table."""
    table = [("operation", "cpu", "gpu", "gradient"), *rows()]
    widths = [max(len(row[column]) for row in table) for column in range(4)]
    for row in table:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    print(f"\n{len(table) - 1} operations")
    return 0


if __name__ == "__main__":
    from tensorcore.__main__ import main as command

    sys.exit(command(["ops"]))
