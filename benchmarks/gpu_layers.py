"""Attention, convolutions and an LSTM on a GPU, each with its gradients, beside PyTorch.

Convolutions and the LSTM are computed by our kernels, and by cuDNN where that is there.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

from gpu_timing import Row, rounds_of, row, torch_here, torch_rounds_of

import tensorcore as tc


def all_rows(device: Any, tiny: bool = False) -> Iterator[Row]:
    """All that there is; tiny: so small that an emulated device takes seconds."""
    yield from attention_rows(device, *((17, 1) if tiny else ()))
    yield from convolution_rows(device, *((1, 5, 3) if tiny else ()))
    yield from lstm_rows(device, *((3, 2, 2) if tiny else ()))


def attention_rows(device: Any, length: int = 2048, heads: int = 16) -> Iterator[Row]:
    """Causal attention of 8 sequences with 64 features a head, alone and with its gradients."""
    torch = torch_here()
    shape = (8, length, heads, 64)
    for dtype in ("bfloat16", "float32"):
        arrays = [tc.astype(tc.random.normal(shape), dtype) for _ in range(4)]
        theirs = torch_attention(torch, shape, dtype) if torch else {}
        # Two products in the forward run, five in the gradients, of which causality leaves half.
        for name, function, products in (
            ("attention", our_attention, 2),
            ("attention, gradients", our_attention_gradients, 7),
        ):
            flops = float(products * 8 * heads * length**2 * 64)
            mine = rounds_of(lambda run=function, given=arrays: run(*given), device)
            yield row(f"{name} {dtype}", "tensorcore", mine, flops=flops)
            if theirs:
                yield row(f"{name} {dtype}", "torch", torch_rounds_of(theirs[name]), flops=flops)


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
) -> Iterator[Row]:
    """Filters of 3 x 3 over images, and both gradients, in each precision and way."""
    torch = torch_here()
    shapes = (batch, size, size, channels), (3, 3, channels, channels)
    for name, dtype, precision in (
        ("bfloat16", "bfloat16", "float32"),
        ("TF32", "float32", "tf32"),
        ("float32", "float32", "float32"),
    ):
        x, w = (tc.astype(tc.random.normal(shape), dtype) for shape in shapes)
        theirs = torch_convolution(torch, shapes[0], dtype, precision) if torch else {}
        # The gradients' row has the forward run in it: three such sums of products in all.
        for what, run, products in (
            ("convolution", our_convolution, 1),
            ("convolution, gradients", our_slopes, 3),
        ):
            flops = 2.0 * products * batch * size**2 * 9 * channels**2
            for way in ways():
                with computed(way, precision):
                    mine = rounds_of(lambda run=run, x=x, w=w: run(x, w), device)
                yield row(f"{what} {name}", f"tensorcore {way}", mine, flops=flops)
            if theirs:
                yield row(f"{what} {name}", "torch", torch_rounds_of(theirs[what]), flops=flops)


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


def lstm_rows(device: Any, steps: int = 128, batch: int = 64, units: int = 512) -> Iterator[Row]:
    """A layer of LSTM forward and back, by our kernels and by cuDNN."""
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
                mine = rounds_of(lambda run=traced, x=x: run(x), device)
            yield row(f"LSTM, gradients {dtype}", f"tensorcore {way}", mine)
