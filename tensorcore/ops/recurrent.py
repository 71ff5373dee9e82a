"""Gated recurrent layers over all steps of a sequence: one operation, and one for its gradient.

The inputs are projected already, for all steps in one product, and everything is ordered by time:
x[t] is step t of all sequences.  Where `mask` is False a sequence keeps its states.

Back-propagation through time walks over the steps in `*_sequence_gradient`; what does not depend on
later steps (the gates' arguments, the gradient of the kernel) is one product for all of them.  The
gates' arguments are computed again rather than kept.  While another tape listens, a second
derivative may be wanted: then the same steps are taken in operations that have one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from tensorcore import dtypes
from tensorcore.errors import ShapeError
from tensorcore.mode import mode
from tensorcore.ops.activations import sigmoid
from tensorcore.ops.arithmetic import add
from tensorcore.ops.creation import zeros_like
from tensorcore.ops.joining import concatenate, cut, stack, unstack
from tensorcore.ops.linear import matmul
from tensorcore.ops.logical import where
from tensorcore.ops.record import Spec, check_inexact, op
from tensorcore.ops.reductions import sum as total
from tensorcore.ops.shaping import expand_dims, permute_dims, reshape
from tensorcore.ops.trigonometric import tanh

_NO_SECOND = "none: not taped, since while a tape listens the steps are taken one by one instead"


# The steps, on arrays and on tensors --------------------------------------------------------------


def on_arrays(xp: Any) -> SimpleNamespace:
    """What the steps below are written in, for arrays of NumPy or CuPy."""
    return SimpleNamespace(
        tanh=xp.tanh,
        sigmoid=lambda x: (xp.tanh(x / 2) + 1) / 2,  # never overflows
        where=xp.where,
        zeros_like=xp.zeros_like,
        join=lambda parts: xp.concatenate(parts, axis=-1),
        cut=lambda x, count: xp.split(x, count, axis=-1),
        stack=xp.stack,
        steps=list,
        turned=lambda x: x.T,
    )


def _cut_tensor(x: Any, count: int) -> Any:
    return unstack(reshape(x, (x.shape[0], count, x.shape[1] // count)), axis=1)


ON_TENSORS = SimpleNamespace(
    tanh=tanh,
    sigmoid=sigmoid,
    where=where,
    zeros_like=zeros_like,
    join=lambda parts: concatenate(parts, axis=-1),
    cut=_cut_tensor,
    stack=stack,
    steps=unstack,
    turned=lambda x: permute_dims(x, (1, 0)),
)


def lstm_steps(on: Any, x: Any, kernel: Any, h: Any, c: Any, mask: Any) -> Any:
    outputs, carried = [], []
    for x_now, counts in zip(on.steps(x), on.steps(mask[..., None]), strict=True):
        i, f, g, o = on.cut(x_now + h @ kernel, 4)
        new = on.sigmoid(f) * c + on.sigmoid(i) * on.tanh(g)
        c = on.where(counts, new, c)
        h = on.where(counts, on.sigmoid(o) * on.tanh(new), h)
        outputs.append(h)
        carried.append(c)
    return on.stack(outputs), on.stack(carried)


def lstm_steps_back(
    on: Any, g_h: Any, g_c: Any, z: Any, kernel: Any, c: Any, cs: Any, mask: Any
) -> Any:
    turned = on.turned(kernel)
    g_h, g_c, z, cs = map(on.steps, (g_h, g_c, z, cs))
    mask = on.steps(mask[..., None])
    dh, dc = on.zeros_like(c), on.zeros_like(c)
    found = []
    for t in reversed(range(len(z))):
        before = cs[t - 1] if t else c
        dh, dc = dh + g_h[t], dc + g_c[t]
        i, f, g, o = on.cut(z[t], 4)
        i, f, g, o = on.sigmoid(i), on.sigmoid(f), on.tanh(g), on.sigmoid(o)
        value = on.tanh(cs[t])
        of_c = dc + dh * o * (1 - value * value)
        dz = on.join(
            [
                of_c * g * i * (1 - i),
                of_c * before * f * (1 - f),
                of_c * i * (1 - g * g),
                dh * value * o * (1 - o),
            ]
        )
        dz = on.where(mask[t], dz, on.zeros_like(dz))
        dh = on.where(mask[t], on.zeros_like(dh), dh) + dz @ turned
        dc = on.where(mask[t], of_c * f, dc)
        found.append(dz)
    return on.stack(found[::-1]), dh, dc


def gru_steps(on: Any, x: Any, kernel: Any, bias: Any, h: Any, mask: Any) -> Any:
    outputs = []
    for x_now, counts in zip(on.steps(x), on.steps(mask[..., None]), strict=True):
        x_z, x_r, x_n = on.cut(x_now, 3)
        h_z, h_r, h_n = on.cut(h @ kernel + bias, 3)
        z = on.sigmoid(x_z + h_z)
        new = on.tanh(x_n + on.sigmoid(x_r + h_r) * h_n)
        h = on.where(counts, z * h + (1 - z) * new, h)
        outputs.append(h)
    return on.stack(outputs)


def gru_steps_back(
    on: Any, g: Any, x: Any, inner: Any, kernel: Any, h: Any, hs: Any, mask: Any
) -> Any:
    turned = on.turned(kernel)
    g, x, inner, hs = map(on.steps, (g, x, inner, hs))
    mask = on.steps(mask[..., None])
    dh = on.zeros_like(h)
    of_x, of_inner = [], []
    for t in reversed(range(len(x))):
        before = hs[t - 1] if t else h
        dh = dh + g[t]
        (x_z, x_r, x_n), (h_z, h_r, h_n) = on.cut(x[t], 3), on.cut(inner[t], 3)
        z, r = on.sigmoid(x_z + h_z), on.sigmoid(x_r + h_r)
        new = on.tanh(x_n + r * h_n)
        dz = dh * (before - new) * z * (1 - z)
        dn = dh * (1 - z) * (1 - new * new)
        dr = dn * h_n * r * (1 - r)
        outside, inside = on.join([dz, dr, dn]), on.join([dz, dr, dn * r])
        of_x.append(on.where(mask[t], outside, on.zeros_like(outside)))
        of_inner.append(on.where(mask[t], inside, on.zeros_like(inside)))
        dh = on.where(mask[t], dh * z, dh) + of_inner[-1] @ turned
    return on.stack(of_x[::-1]), on.stack(of_inner[::-1]), dh


def _reference(steps: Callable[..., Any]) -> Callable[..., Any]:
    """The steps as a record's reference; 16-bit floats are computed as float32."""

    @functools.wraps(steps)
    def run(xp: Any, *arrays: Any) -> Any:
        *values, mask = arrays
        dtype = values[0].dtype
        compute = dtypes.accumulator(dtype)
        result = steps(on_arrays(xp), *(v.astype(compute, copy=False) for v in values), mask)
        if type(result) is tuple:
            return tuple(part.astype(dtype, copy=False) for part in result)
        return result.astype(dtype, copy=False)

    return run


# Gradients ----------------------------------------------------------------------------------------


def _before(h: Any, hs: Any) -> Any:
    """The state with which each step starts."""
    start = expand_dims(h, 0)
    count = hs.shape[0]
    return concatenate([start, cut(hs, axis=0, start=0, stop=count - 1)]) if count > 1 else start


def _of_kernel(before: Any, dz: Any) -> Any:
    rows = dz.shape[0] * dz.shape[1]
    before = reshape(before, (rows, before.shape[2]))
    return matmul(before, reshape(dz, (rows, dz.shape[2])), transpose_a=True)


def _lstm_gradient(name: str) -> Callable[..., Any]:
    """The rule for one input; the walk through time is made by the rule that comes first."""

    def rule(g, x, kernel, h, c, mask, y, shared):  # type: ignore[no-untyped-def]
        if not shared:
            hs, cs = y
            shared["before"] = before = _before(h, hs)
            walk = (
                functools.partial(lstm_steps_back, ON_TENSORS)
                if mode.tapes
                else lstm_sequence_gradient
            )
            z = add(x, matmul(before, kernel))
            shared["x"], shared["h"], shared["c"] = walk(*g, z, kernel, c, cs, mask)
        if name == "kernel":
            return _of_kernel(shared["before"], shared["x"])
        return shared[name]

    return rule


def _gru_gradient(name: str) -> Callable[..., Any]:
    def rule(g, x, kernel, bias, h, mask, y, shared):  # type: ignore[no-untyped-def]
        if not shared:
            shared["before"] = before = _before(h, y)
            walk = (
                functools.partial(gru_steps_back, ON_TENSORS)
                if mode.tapes
                else gru_sequence_gradient
            )
            inner = add(matmul(before, kernel), bias)
            shared["x"], shared["inner"], shared["h"] = walk(g, x, inner, kernel, h, y, mask)
        if name == "kernel":
            return _of_kernel(shared["before"], shared["inner"])
        return total(shared["inner"], axis=(0, 1)) if name == "bias" else shared[name]

    return rule


# Records ------------------------------------------------------------------------------------------


def _check(name: str, gates: int, x: Any, kernel: Any, states: dict[str, Any], mask: Any) -> None:
    check_inexact(name, "x", x.dtype)
    if len(x.shape) != 3 or len(kernel.shape) != 2 or x.shape[0] == 0:
        raise ShapeError(
            f"{name}: x must have shape (steps, batch, {gates} * units) with at least one step, "
            f"and kernel (units, {gates} * units), received {tuple(x.shape)} and "
            f"{tuple(kernel.shape)}"
        )
    steps, batch, columns = x.shape
    units = columns // gates if columns is not None else kernel.shape[0]
    expected = {"kernel": (kernel, (units, gates * units if units is not None else None))}
    expected |= {key: (state, (batch, units)) for key, state in states.items()}
    expected["mask"] = (mask, (steps, batch))
    for key, (value, shape) in expected.items():
        if len(value.shape) != len(shape) or any(
            None not in (a, b) and a != b for a, b in zip(value.shape, shape, strict=True)
        ):
            raise ShapeError(
                f"{name}: for x of shape {tuple(x.shape)} {key} must have shape {shape}, received "
                f"{tuple(value.shape)}"
            )


def _sample(rng: Any, gates: int, steps: int, batch: int, units: int) -> tuple[Any, ...]:
    x = rng.normal(size=(steps, batch, gates * units))
    kernel = rng.normal(size=(units, gates * units)) / 2
    return x, kernel, rng.uniform(size=(steps, batch)) < 0.7


_SIZES = [(4, 3, 2), (1, 1, 3), (3, 2, 5)]


def _lstm_samples(rng: Any) -> list[Any]:
    cases = []
    for steps, batch, units in _SIZES:
        x, kernel, mask = _sample(rng, 4, steps, batch, units)
        states = rng.normal(size=(2, batch, units))
        cases.append(((x, kernel, *states, mask), {}))
    return cases


def _gru_samples(rng: Any) -> list[Any]:
    cases = []
    for steps, batch, units in _SIZES:
        x, kernel, mask = _sample(rng, 3, steps, batch, units)
        h = rng.normal(size=(batch, units))
        cases.append(((x, kernel, rng.normal(size=3 * units), h, mask), {}))
    return cases


def _lstm_gradient_samples(rng: Any) -> list[Any]:
    cases = []
    for (z, kernel, h, c, mask), _ in _lstm_samples(rng):
        g_h, g_c, cs = rng.normal(size=(3, *z.shape[:2], h.shape[1]))
        cases.append(((g_h, g_c, z, kernel, c, cs, mask), {}))
    return cases


def _gru_gradient_samples(rng: Any) -> list[Any]:
    cases = []
    for (x, kernel, _, h, mask), _ in _gru_samples(rng):
        g, hs = rng.normal(size=(2, *x.shape[:2], h.shape[1]))
        cases.append(((g, x, rng.normal(size=x.shape), kernel, h, hs, mask), {}))
    return cases


@op(
    reference=_reference(lstm_steps),
    gradient=(*map(_lstm_gradient, ("x", "kernel", "h", "c")), "none: mask is a condition"),
    samples=_lstm_samples,
    promote=("x", "kernel", "h", "c"),
)
def lstm_sequence(x, kernel, h, c, mask, /):
    """The states h and c of an LSTM after each step.

    i, f, g, o are the blocks of x[t] + h @ kernel, and with s the sigmoid
    c' = s(f) c + s(i) tanh(g), h' = s(o) tanh(c').

    Args:
        x: inputs times their kernel, plus bias, shape (steps, batch, 4 * units).
        kernel: recurrent kernel, shape (units, 4 * units).
        h, c: first states, shape (batch, units).
        mask: bool, shape (steps, batch); where it is False the states stay.

    Returns:
        Two tensors of shape (steps, batch, units).

    Source: Hochreiter and Schmidhuber, 1997; Gers et al., 2000.

    >>> x, kernel, state = tc.zeros((5, 2, 12)), tc.zeros((3, 12)), tc.ones((2, 3))
    >>> mask = tc.ones((5, 2), dtype=tc.bool)
    >>> h, c = tc.ops.recurrent.lstm_sequence(x, kernel, state, state, mask)
    >>> c[:, 0, 0].tolist()
    [0.5, 0.25, 0.125, 0.0625, 0.03125]
    """
    _check("lstm_sequence", 4, x, kernel, {"h": h, "c": c}, mask)
    spec = Spec((x.shape[0], x.shape[1], kernel.shape[0]), x.dtype)
    return spec, spec


@op(
    reference=_reference(lstm_steps_back),
    gradient=_NO_SECOND,
    samples=_lstm_gradient_samples,
)
def lstm_sequence_gradient(g_h, g_c, z, kernel, c, cs, mask, /):
    """The gradients of lstm_sequence for x and for the first h and c.

    Args:
        g_h, g_c: gradients that arrive at both results, shape (steps, batch, units).
        z: arguments of the gates, x[t] + h @ kernel.
        kernel, c, mask: as they were given.
        cs: the second result.
    """
    state = Spec((z.shape[1], kernel.shape[0]), z.dtype)
    return Spec(tuple(z.shape), z.dtype), state, state


@op(
    reference=_reference(gru_steps),
    gradient=(*map(_gru_gradient, ("x", "kernel", "bias", "h")), "none: mask is a condition"),
    samples=_gru_samples,
    promote=("x", "kernel", "bias", "h"),
)
def gru_sequence(x, kernel, bias, h, mask, /):
    """The state of gated recurrent units after each step; the reset gate follows the product.

    With a the blocks of x[t], b those of h @ kernel + bias, and s the sigmoid,
    z, r = s(a_z + b_z), s(a_r + b_r), h' = z h + (1 - z) tanh(a_n + r b_n).

    Args:
        x: inputs times their kernel, plus bias, shape (steps, batch, 3 * units).
        kernel: recurrent kernel, shape (units, 3 * units).
        bias: of the recurrent product, shape (3 * units,).
        h: first state, shape (batch, units).
        mask: bool, shape (steps, batch); where it is False the state stays.

    Returns:
        A tensor of shape (steps, batch, units).

    Source: Cho et al., 2014.

    >>> x, kernel, bias = tc.zeros((3, 2, 12)), tc.zeros((4, 12)), tc.zeros(12)
    >>> mask = tc.ones((3, 2), dtype=tc.bool)
    >>> h = tc.ops.recurrent.gru_sequence(x, kernel, bias, tc.ones((2, 4)), mask)
    >>> h[:, 0, 0].tolist()
    [0.5, 0.25, 0.125]
    """
    _check("gru_sequence", 3, x, kernel, {"h": h}, mask)
    if tuple(bias.shape) not in ((x.shape[2],), (None,)):
        raise ShapeError(
            f"gru_sequence: bias must have shape ({x.shape[2]},), received {tuple(bias.shape)}"
        )
    return Spec((x.shape[0], x.shape[1], kernel.shape[0]), x.dtype)


@op(
    reference=_reference(gru_steps_back),
    gradient=_NO_SECOND,
    samples=_gru_gradient_samples,
)
def gru_sequence_gradient(g, x, inner, kernel, h, hs, mask, /):
    """The gradients of gru_sequence for x, for h @ kernel + bias in each step, and for the first h.

    Args:
        g: gradient that arrives at the result, shape (steps, batch, units).
        x, kernel, h, mask: as they were given.
        inner: h @ kernel + bias for each step, shape (steps, batch, 3 * units).
        hs: the result.
    """
    spec = Spec(tuple(x.shape), x.dtype)
    return spec, spec, Spec((x.shape[1], kernel.shape[0]), x.dtype)
