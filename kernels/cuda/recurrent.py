"""Recurrent layers over all steps of a sequence: a product a step, and one kernel for the rest.

Nothing waits for the host, and the memory of a step is used again by the next one, so that all
steps of a sequence can be captured into a CUDA graph.  16-bit floats are computed as float32, as in
the reference: a state would lose digits in every step.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import cupy
from tensorcore.kernels.cuda.arrays import deliver, dense, result_for
from tensorcore.kernels.cuda.blas import matmul
from tensorcore.kernels.cuda.modules import Text, blocks_for

THREADS = 256
_NARROW = ("float16", "bfloat16")

_text = Text(
    "recurrent.cu",
    ["lstm_step", "lstm_step_back", "gru_step", "gru_step_back"],
    [("float32",), ("float64",)],
)


def _computed_wide(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with 16-bit floats computed as float32 and returned in their dtype."""

    @wraps(function)
    def run(*arrays: Any, out: Any = None) -> Any:
        dtype = arrays[0].dtype
        if dtype.name not in _NARROW:
            return function(*map(dense, arrays), out=out)
        *values, mask = arrays
        wide = [dense(value.astype(cupy.float32)) for value in values]
        found = function(*wide, dense(mask), out=None)
        if type(found) is not tuple:
            return deliver(found.astype(dtype), out)
        given = (None,) * len(found) if out is None else out
        return tuple(deliver(y.astype(dtype), to) for y, to in zip(found, given, strict=True))

    return run


def _results(out: Any, shapes: Any, *inputs: Any) -> list[Any]:
    """Where the results of these shapes are written, in the dtype of the inputs."""
    given = (None,) * len(shapes) if out is None else out
    dtype = inputs[0].dtype
    return [result_for(to, shape, dtype, *inputs) for to, shape in zip(given, shapes, strict=True)]


def _delivered(results: Any, out: Any) -> tuple[Any, ...]:
    given = (None,) * len(results) if out is None else out
    return tuple(deliver(y, to) for y, to in zip(results, given, strict=True))


class _Steps:
    """Launches a kernel for a step: batch and units at the end of its arguments."""

    def __init__(self, name: str, dtype: Any, batch: int, units: int) -> None:
        self._kernel = _text.kernel(name, dtype.name)
        self._sizes = batch, units
        self._launch = blocks_for(batch * units, THREADS), (THREADS, 1, 1)

    def __call__(self, *arrays: Any) -> None:
        if self._sizes[0] * self._sizes[1]:
            self._kernel(*self._launch, *arrays, *self._sizes)


@_computed_wide
def lstm_sequence(x: Any, kernel: Any, h: Any, c: Any, mask: Any, *, out: Any = None) -> Any:
    """The states h and c after each step, each (steps, batch, units); x (steps, batch, 4 units)."""
    steps, batch, units = x.shape[0], *h.shape
    hs, cs = _results(out, 2 * [(steps, batch, units)], x, kernel, h, c)
    product = cupy.empty((batch, 4 * units), x.dtype)
    step = _Steps("lstm_step", x.dtype, batch, units)
    for t in range(steps):
        matmul(h, kernel, out=product)
        step(x[t], product, h, c, mask[t], hs[t], cs[t])
        h, c = hs[t], cs[t]
    return _delivered((hs, cs), out)


@_computed_wide
def lstm_sequence_gradient(
    g_h: Any, g_c: Any, z: Any, kernel: Any, c: Any, cs: Any, mask: Any, *, out: Any = None
) -> Any:
    """The gradients for x, shape (steps, batch, 4 units), and for the first h and c."""
    batch, units = c.shape
    dz, dh, dc = _results(out, (z.shape, c.shape, c.shape), g_h, g_c, z, kernel, c, cs)
    dh.fill(0)
    dc.fill(0)
    product = cupy.zeros(c.shape, z.dtype)
    step = _Steps("lstm_step_back", z.dtype, batch, units)
    for t in reversed(range(len(z))):
        before = cs[t - 1] if t else c
        step(g_h[t], g_c[t], product, z[t], before, cs[t], mask[t], dh, dc, dz[t])
        matmul(dz[t], kernel, transpose_b=True, out=product)
    cupy.add(dh, product, out=dh)
    return _delivered((dz, dh, dc), out)


@_computed_wide
def gru_sequence(x: Any, kernel: Any, bias: Any, h: Any, mask: Any, *, out: Any = None) -> Any:
    """The state after each step: x (steps, batch, 3 units), result (steps, batch, units)."""
    steps, batch, units = x.shape[0], *h.shape
    hs = result_for(out, (steps, batch, units), x.dtype, x, kernel, bias, h)
    product = cupy.empty((batch, 3 * units), x.dtype)
    step = _Steps("gru_step", x.dtype, batch, units)
    for t in range(steps):
        matmul(h, kernel, out=product)
        step(x[t], product, bias, h, mask[t], hs[t])
        h = hs[t]
    return deliver(hs, out)


@_computed_wide
def gru_sequence_gradient(
    g: Any, x: Any, inner: Any, kernel: Any, h: Any, hs: Any, mask: Any, *, out: Any = None
) -> Any:
    """The gradients for x, for h @ kernel + bias in each step, and for the first h."""
    batch, units = h.shape
    shapes = x.shape, x.shape, h.shape
    of_x, of_inner, dh = _results(out, shapes, g, x, inner, kernel, h, hs)
    dh.fill(0)
    product = cupy.zeros(h.shape, x.dtype)
    step = _Steps("gru_step_back", x.dtype, batch, units)
    for t in reversed(range(len(x))):
        before = hs[t - 1] if t else h
        step(g[t], product, x[t], inner[t], before, mask[t], dh, of_x[t], of_inner[t])
        matmul(of_inner[t], kernel, transpose_b=True, out=product)
    cupy.add(dh, product, out=dh)
    return _delivered((of_x, of_inner, dh), out)
