"""Large kernels on a GPU beside the copy bandwidth and PyTorch: `python benchmarks/gpu_kernels.py`.

Everything is measured in one run on the same GPU, with CUDA events: an element-wise chain, softmax
and layer norm over 1 GB, Adam on 1 GB of parameters, matrix products of 8192, attention over 2048
places, convolutions and an LSTM by our kernels and by cuDNN where that is there, and what the host
needs to launch an operation, eager and traced.  PyTorch's column is empty where it is not there.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from measure import save

import tensorcore as tc
from tensorcore.benchmark.machine import product_name, refuse_emulated
from tensorcore.benchmark.timing import measure
from tensorcore.errors import TensorcoreError
from tensorcore.optimizers.adam import Adam

ROUNDS = 7


def main() -> int:
    """Measure and print; `--json` writes results/gpu-kernels.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="write the results")
    parser.add_argument("--elements", type=int, default=1 << 28, help="of the large arrays")
    options = parser.parse_args()
    try:
        device = tc.device("gpu")
        refuse_emulated(device)
    except TensorcoreError as problem:
        print(f"gpu_kernels: {problem}")
        return 2
    with device:
        rows = memory_rows(device, options.elements) + product_rows(device)
        rows += attention_rows(device) + convolution_rows(device) + lstm_rows(device)
        rows += host_rows(device)
    for row in rows:
        print(line(row), flush=True)
    if options.json:
        print(save("gpu-kernels", rows, device=product_name(device)))
    return 0


def seconds(function: Callable[[], Any], device: Any) -> float:
    """The median of some rounds by CUDA events; the first calls stay out."""
    return measure(function, device, rounds=ROUNDS).median


def torch_here() -> Any:
    """PyTorch with a GPU, or None."""
    try:
        import torch
    except ImportError:
        return None
    return torch if torch.cuda.is_available() else None


def torch_seconds(function: Callable[[], Any], calls: int = 10) -> float:
    """The same for PyTorch, whose events live in its own stream."""
    import torch

    for _ in range(3):
        function()
    torch.cuda.synchronize()
    found = []
    for _ in range(ROUNDS):
        start = torch.cuda.Event(enable_timing=True)
        stop = torch.cuda.Event(enable_timing=True)
        start.record()
        for _ in range(calls):
            function()
        stop.record()
        stop.synchronize()
        found.append(start.elapsed_time(stop) / 1e3 / calls)
    return statistics.median(found)


def memory_rows(device: Any, elements: int) -> list[dict[str, Any]]:
    """What is bound by memory, as a share of the copy bandwidth."""
    x = tc.random.normal((elements // 1024, 1024))
    target = device.empty(x.shape, x.dtype)
    copy_s = seconds(lambda: device.xp.copyto(target, x.data), device)
    copied = 2 * x.nbytes / copy_s
    torch = torch_here()
    theirs = torch_functions(torch, x.shape) if torch else {}
    one, zero = (make((x.shape[-1],), device=device) for make in (tc.ones, tc.zeros))
    rows = [_row("copy", copy_s, 2 * x.nbytes, copied, None)]
    for name, function in {
        "element-wise chain": tc.function(lambda v: tc.tanh(v * 1.5 + 0.5) * v),
        "softmax": tc.nn.softmax,
        "layer norm": lambda v: tc.nn.layer_norm(v, one, zero, epsilon=1e-5),
    }.items():
        ours = seconds(lambda run=function: run(x), device)
        other = torch_seconds(theirs[name]) if theirs else None
        rows.append(_row(name, ours, 2 * x.nbytes, copied, other))
    return [*rows, _adam_row(device, elements, copied, torch)]


def torch_functions(torch: Any, shape: tuple[int, ...]) -> dict[str, Callable[[], Any]]:
    """The same in PyTorch."""
    x = torch.randn(*shape, device="cuda")
    return {
        "element-wise chain": lambda: torch.tanh(x * 1.5 + 0.5) * x,
        "softmax": lambda: torch.softmax(x, -1),
        "layer norm": lambda: torch.nn.functional.layer_norm(x, shape[-1:]),
    }


def _adam_row(device: Any, elements: int, copied: float, torch: Any) -> dict[str, Any]:
    """Adam reads weight, gradient and two moments, and writes three of them."""
    weight, gradient = tc.Variable(tc.zeros((elements,))), tc.random.normal((elements,))
    optimizer = Adam(1e-3)
    step = tc.function(lambda g: optimizer.apply([g], [weight]))
    optimizer.build([weight])
    ours = seconds(lambda: step(gradient), device)
    theirs = None
    if torch:
        parameter = torch.nn.Parameter(torch.zeros(elements, device="cuda"))
        parameter.grad = torch.randn(elements, device="cuda")
        fused = torch.optim.Adam([parameter], lr=1e-3, fused=True)
        theirs = torch_seconds(fused.step)
    return _row("Adam", ours, 7 * 4 * elements, copied, theirs)


def product_rows(device: Any, size: int = 8192) -> list[dict[str, Any]]:
    """Products of large matrices in each precision."""
    torch = torch_here()
    rows = []
    for name, dtype, precision in (
        ("matmul 8192 float32", "float32", "float32"),
        ("matmul 8192 TF32", "float32", "tf32"),
        ("matmul 8192 bfloat16", "bfloat16", "float32"),
        ("matmul 8192 float16", "float16", "float32"),
    ):
        x, y = (tc.astype(tc.random.normal((size, size)), dtype) for _ in range(2))
        tc.set_matmul_precision(precision)
        ours = seconds(lambda x=x, y=y: x @ y, device)
        tc.set_matmul_precision("float32")
        theirs = None
        if torch:
            torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
            a, b = (torch.randn(size, size, device="cuda").to(getattr(torch, dtype)) for _ in "ab")
            theirs = torch_seconds(lambda a=a, b=b: a @ b)
        row = {"what": name, "ms": 1e3 * ours, "tflops": 2e-12 * size**3 / ours}
        rows.append({**row, "torch_ms": None if theirs is None else 1e3 * theirs})
    return rows


def attention_rows(device: Any, length: int = 2048, heads: int = 16) -> list[dict[str, Any]]:
    """Causal attention of 8 sequences with 64 features a head, alone and with its gradients."""
    torch = torch_here()
    shape = (8, length, heads, 64)
    rows = []
    for dtype in ("float32", "bfloat16"):
        arrays = [tc.astype(tc.random.normal(shape), dtype) for _ in range(4)]
        theirs = torch_attention(torch, shape, dtype) if torch else {}
        # Two products in the forward run, five in the gradients, of which causality leaves half.
        for name, function, products in (
            ("attention", our_attention, 2),
            ("attention, gradients", our_attention_gradients, 7),
        ):
            ours = seconds(lambda run=function, given=arrays: run(*given), device)
            other = torch_seconds(theirs[name]) if theirs else None
            tflops = products * 8 * heads * length**2 * 64 / ours / 1e12
            row = {"what": f"{name} {dtype}", "ms": 1e3 * ours, "tflops": tflops}
            rows.append({**row, "torch_ms": None if other is None else 1e3 * other})
    return rows


def our_attention(query: Any, key: Any, value: Any, g: Any) -> Any:
    """The forward run."""
    return tc.nn.scaled_dot_product_attention(query, key, value, is_causal=True)


def our_attention_gradients(query: Any, key: Any, value: Any, g: Any) -> Any:
    """The forward run and the gradients of its three inputs."""
    with tc.GradientTape() as tape:
        tape.watch(query, key, value)
        y = our_attention(query, key, value, g)
    return tape.gradient(y, [query, key, value], output_gradients=g)


def torch_attention(torch: Any, shape: Any, dtype: str) -> dict[str, Callable[[], Any]]:
    """The same in PyTorch, whose heads stand before the places."""
    kind = getattr(torch, dtype)
    query, key, value, g = (
        torch.randn(*shape, device="cuda", dtype=kind).transpose(1, 2) for _ in range(4)
    )
    inputs = [x.requires_grad_() for x in (query, key, value)]

    def forward() -> Any:
        return torch.nn.functional.scaled_dot_product_attention(*inputs, is_causal=True)

    def alone() -> Any:
        with torch.no_grad():
            return forward()

    return {
        "attention": alone,
        "attention, gradients": lambda: torch.autograd.grad(forward(), inputs, g),
    }


def ways() -> list[str]:
    """How convolutions and recurrent layers can be computed here."""
    from tensorcore.kernels.cuda import cudnn

    return ["own"] if cudnn.problem() else ["own", "cudnn"]


@contextlib.contextmanager
def computed(way: str, precision: str = "float32") -> Iterator[None]:
    """Within it TENSORCORE_CONV is `way`."""
    before = os.environ.get("TENSORCORE_CONV", "auto")
    os.environ["TENSORCORE_CONV"] = way
    tc.set_matmul_precision(precision)
    try:
        yield
    finally:
        os.environ["TENSORCORE_CONV"] = before
        tc.set_matmul_precision("float32")


def convolution_rows(
    device: Any, batch: int = 64, size: int = 56, channels: int = 128
) -> list[dict[str, Any]]:
    """Filters of 3 x 3 over images, and both gradients, in each precision and way."""
    torch = torch_here()
    rows = []
    for name, dtype, precision in (
        ("float32", "float32", "float32"),
        ("TF32", "float32", "tf32"),
        ("bfloat16", "bfloat16", "float32"),
    ):
        shapes = (batch, size, size, channels), (3, 3, channels, channels)
        x, w = (tc.astype(tc.random.normal(shape), dtype) for shape in shapes)
        runs = {"convolution": our_convolution, "convolution, gradients": our_slopes}
        theirs = torch_convolution(torch, shapes[0], dtype, precision) if torch else {}
        for what, run in runs.items():
            # The gradients' row has the forward run in it: three such sums of products in all.
            work = 2e-12 * batch * size**2 * 9 * channels**2 * (1 if what == "convolution" else 3)
            other = torch_seconds(theirs[what]) if theirs else None
            for way in ways():
                with computed(way, precision):
                    ours = seconds(lambda run=run, x=x, w=w: run(x, w), device)
                row = {"what": f"{what} {name}, {way}", "ms": 1e3 * ours, "tflops": work / ours}
                rows.append({**row, "torch_ms": None if other is None else 1e3 * other})
    return rows


def our_convolution(x: Any, w: Any) -> Any:
    """The forward run."""
    return tc.nn.conv2d(x, w, padding="SAME")


def our_slopes(x: Any, w: Any) -> Any:
    """The forward run and both gradients."""
    with tc.GradientTape() as tape:
        tape.watch(x, w)
        y = our_convolution(x, w)
    return tape.gradient(y, [x, w], output_gradients=y)


def torch_convolution(
    torch: Any, shape: tuple[int, ...], dtype: str, precision: str
) -> dict[str, Callable[[], Any]]:
    """The same in PyTorch, channels last."""
    batch, height, width, channels = shape
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    last = {"memory_format": torch.channels_last}
    kind = getattr(torch, dtype)
    sizes = (batch, channels, height, width), (channels, channels, 3, 3)
    x, w = (torch.randn(*s, device="cuda", dtype=kind).to(**last).requires_grad_() for s in sizes)

    def forward() -> Any:
        return torch.nn.functional.conv2d(x, w, padding=1)

    def alone() -> Any:
        with torch.no_grad():
            return forward()

    def slopes() -> Any:
        y = forward()
        return torch.autograd.grad(y, [x, w], y)

    return {"convolution": alone, "convolution, gradients": slopes}


def lstm_rows(
    device: Any, steps: int = 128, batch: int = 64, units: int = 512
) -> list[dict[str, Any]]:
    """A layer of LSTM forward and back, by our kernels and by cuDNN."""
    rows = []
    for dtype in ("float32", "bfloat16"):
        layer = tc.keras.layers.LSTM(units, return_sequences=True, dtype=dtype)
        x = tc.astype(tc.random.normal((batch, steps, units)), dtype)
        layer(x)

        def forward_and_back(x: Any, layer: Any = layer) -> Any:
            with tc.GradientTape() as tape:
                y = layer(x)
            return tape.gradient(y, layer.trainable_variables, output_gradients=y)

        for way in ways():
            with computed(way):
                traced = tc.function(forward_and_back)
                ours = seconds(lambda run=traced, x=x: run(x), device)
            rows.append({"what": f"LSTM, gradients {dtype}, {way}", "ms": 1e3 * ours})
    return rows


def host_rows(device: Any, operations: int = 200) -> list[dict[str, Any]]:
    """Microseconds of the host for each launched operation, eager and as part of a graph."""
    x = tc.ones((64, 64))

    def chain(v: Any) -> Any:
        for _ in range(operations):
            v = v @ x  # products are not fused
        return v

    traced = tc.function(chain)
    rows = []
    for name, run in (("host time an operation, eager", chain), ("..., traced", traced)):
        for _ in range(3):
            run(x)
        found = []
        for _ in range(ROUNDS):
            device.synchronize()
            start = time.perf_counter()
            run(x)
            found.append((time.perf_counter() - start) / operations)
        device.synchronize()
        rows.append({"what": name, "us": 1e6 * statistics.median(found)})
    return rows


def _row(
    name: str, ours: float, nbytes: int, copied: float, theirs: float | None
) -> dict[str, Any]:
    return {
        "what": name,
        "ms": 1e3 * ours,
        "gbytes": nbytes / ours / 1e9,
        "percent_of_copy": 100 * nbytes / ours / copied,
        "torch_ms": None if theirs is None else 1e3 * theirs,
    }


def line(row: dict[str, Any]) -> str:
    """A row as text."""
    parts = [f"{row['what']:32}"]
    for name, unit in (
        ("ms", "ms"),
        ("us", "us"),
        ("gbytes", "GB/s"),
        ("tflops", "TFLOP/s"),
        ("percent_of_copy", "% of copy"),
        ("torch_ms", "ms in PyTorch"),
    ):
        if row.get(name) is not None:
            parts.append(f"{row[name]:10.3f} {unit}")
    return "  ".join(parts)


if __name__ == "__main__":
    raise SystemExit(main())
