"""Large kernels on a GPU beside the copy bandwidth and PyTorch: `python benchmarks/gpu_kernels.py`.

Everything is measured in one run on the same GPU, with CUDA events: what is bound by memory over
1 GB, matrix products of 8192, what the host needs to launch an operation, eager and traced, and
attention, convolutions and an LSTM (`gpu_layers.py`).  PyTorch's rows are missing where it is not
there.  `compare.py` puts the rows into its table.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import gpu_layers
import gpu_timing
import workloads
from gpu_timing import Row, rounds_of, row, torch_here, torch_rounds_of

import tensorcore as tc
from tensorcore.optimizers.adam import Adam


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lines", action="store_true", help="a line of JSON for each row")
    parser.add_argument("--elements", type=int, default=1 << 28, help="of the large arrays")
    parser.add_argument("--rehearse", action="store_true", help="tiny, on an emulated GPU too")
    options = parser.parse_args()
    problem = workloads.gpu_problem(emulated_too=options.rehearse)
    if problem is not None:
        print(f"gpu_kernels: {problem}")
        return 2
    device = tc.device("gpu")
    with device:
        for row in all_rows(device, options.elements, options.rehearse):
            print(json.dumps(row) if options.lines else line(row), flush=True)
    return 0


def all_rows(device: Any, elements: int, tiny: bool = False) -> Iterator[Row]:
    """All that there is; tiny: so small that an emulated device takes a second."""
    yield from memory_rows(device, 4096 if tiny else elements)
    yield from product_rows(device, 32 if tiny else 8192)
    yield from host_rows(device, 3 if tiny else 200)
    yield from gpu_layers.all_rows(device, tiny)


# What is bound by memory -------------------------------------------------------------------------


def memory_rows(device: Any, elements: int) -> Iterator[Row]:
    """Each beside the time in which a copy moves as many bytes."""
    x = tc.random.normal((elements // 1024, 1024))
    target = device.empty(x.shape, x.dtype)
    copied = rounds_of(lambda: device.xp.copyto(target, x.data), device)
    yield row("copy, 1 GB", "copy", copied, nbytes=2 * x.nbytes)
    torch = torch_here()
    theirs = torch_functions(torch, x.shape) if torch else {}
    one, zero = (make((x.shape[-1],), device=device) for make in (tc.ones, tc.zeros))
    ours: dict[str, Callable[[Any], Any]] = {
        "element-wise chain, 1 GB": tc.function(lambda v: tc.tanh(v * 1.5 + 0.5) * v),
        "bias and relu, 1 GB": tc.function(lambda v: tc.nn.relu(v + one)),
        "softmax, 1 GB": tc.nn.softmax,
        "layer norm, 1 GB": lambda v: tc.nn.layer_norm(v, one, zero, epsilon=1e-5),
    }
    for name, function in ours.items():
        mine = rounds_of(lambda run=function: run(x), device)
        other = torch_rounds_of(theirs[name]) if theirs else None
        yield from _beside(name, mine, other, 2 * x.nbytes, copied, 2 * x.nbytes)
    theirs.clear()
    yield from _adam_rows(device, elements, copied, 2 * x.nbytes)


def _beside(
    name: str,
    mine: list[float],
    theirs: list[float] | None,
    nbytes: int,
    copied: list[float],
    copied_nbytes: int,
) -> Iterator[Row]:
    yield row(name, "tensorcore", mine, nbytes=nbytes)
    yield row(name, "copy", [s * nbytes / copied_nbytes for s in copied], nbytes=nbytes)
    if theirs is not None:
        yield row(name, "torch", theirs, nbytes=nbytes)


def torch_functions(torch: Any, shape: tuple[int, ...]) -> dict[str, Callable[[], Any]]:
    """The same in PyTorch."""
    x = torch.randn(*shape, device="cuda")
    one = torch.ones(shape[-1], device="cuda")
    return {
        "element-wise chain, 1 GB": lambda: torch.tanh(x * 1.5 + 0.5) * x,
        "bias and relu, 1 GB": lambda: torch.relu(x + one),
        "softmax, 1 GB": lambda: torch.softmax(x, -1),
        "layer norm, 1 GB": lambda: torch.nn.functional.layer_norm(x, shape[-1:]),
    }


def _adam_rows(
    device: Any, elements: int, copied: list[float], copied_nbytes: int
) -> Iterator[Row]:
    """Adam reads weight, gradient and two moments, and writes three of them."""
    weight, gradient = tc.Variable(tc.zeros((elements,))), tc.random.normal((elements,))
    optimizer = Adam(1e-3)
    step = tc.function(lambda g: optimizer.apply([g], [weight]))
    optimizer.build([weight])
    mine = rounds_of(lambda: step(gradient), device)
    theirs = None
    torch = torch_here()
    if torch:
        parameter = torch.nn.Parameter(torch.zeros(elements, device="cuda"))
        parameter.grad = torch.randn(elements, device="cuda")
        fused = torch.optim.Adam([parameter], lr=1e-3, fused=True)
        theirs = torch_rounds_of(fused.step)
    yield from _beside("Adam, 1 GB", mine, theirs, 7 * 4 * elements, copied, copied_nbytes)


# Products ---------------------------------------------------------------------------------------


def product_rows(device: Any, size: int = 8192) -> Iterator[Row]:
    """Products of large matrices in each precision."""
    torch = torch_here()
    for name, dtype, precision in (
        ("bfloat16", "bfloat16", "float32"),
        ("TF32", "float32", "tf32"),
        ("float16", "float16", "float32"),
        ("float32", "float32", "float32"),
    ):
        x, y = (tc.astype(tc.random.normal((size, size)), dtype) for _ in range(2))
        before = tc.matmul_precision()
        tc.set_matmul_precision(precision)
        try:
            mine = rounds_of(lambda x=x, y=y: x @ y, device)
        finally:
            tc.set_matmul_precision(before)
        yield row(f"matmul 8192 {name}", "tensorcore", mine, flops=2.0 * size**3)
        if torch:
            torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
            a, b = (torch.randn(size, size, device="cuda").to(getattr(torch, dtype)) for _ in "ab")
            theirs = torch_rounds_of(lambda a=a, b=b: a @ b)
            yield row(f"matmul 8192 {name}", "torch", theirs, flops=2.0 * size**3)


# The host ----------------------------------------------------------------------------------------


def host_rows(device: Any, operations: int = 200) -> Iterator[Row]:
    """The host's time for each launched operation, as part of a graph and eager."""
    x = tc.ones((64, 64)) / 64

    def products(v: Any) -> Any:
        for _ in range(operations):
            v = v @ x  # products are not fused
        return v

    def products_and_sums(v: Any) -> Any:
        for _ in range(operations // 2):
            v = v @ x + x
        return v

    for name, run, count in (
        ("traced", tc.function(products), operations),
        ("eager", products_and_sums, operations // 2 * 2),
    ):
        for _ in range(3):
            run(x)
        found = []
        for _ in range(gpu_timing.ROUNDS):
            device.synchronize()
            start = time.perf_counter()
            run(x)
            found.append((time.perf_counter() - start) / count)
        device.synchronize()
        yield row(f"host time an operation, {name}", "tensorcore", found)


def line(row: Row) -> str:
    """A row as text."""
    parts = [f"{row['workload']:32} {row['competitor']:10} {row['median_us']:12.2f} us"]
    for name, unit in (("gbytes", "GB/s"), ("tflops", "TFLOP/s")):
        if name in row:
            parts.append(f"{row[name]:10.3f} {unit}")
    return "  ".join(parts)


if __name__ == "__main__":
    raise SystemExit(main())
