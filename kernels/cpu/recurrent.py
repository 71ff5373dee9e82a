"""Recurrent layers over all steps of a sequence, and their gradients: one call for all of it.

Sequences do not see each other, so threads share the batch and never wait between steps.  A thread
keeps the states of its sequences in buffers of its own.  Loops have few arrays each: then the
compiler can prove that they do not overlap, and computes in vector registers.  A literal 1 would
turn float32 into float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tensorcore.kernels.cpu import float32_functions, float64_functions, scalar_functions
from tensorcore.kernels.cpu.compiler import overload, types
from tensorcore.kernels.cpu.jit import inline, kernel, split
from tensorcore.kernels.cpu.register_products import multiply

OPERATIONS_A_THREAD = 1 << 21
OPERATIONS_OF_GATES = 200  # what the functions of an element cost, in multiplications


def sigmoid(x):
    """1 / (1 + e^-x) without branches."""
    raise NotImplementedError


def tanh(x):
    """The hyperbolic tangent without branches."""
    raise NotImplementedError


@overload(sigmoid, jit_options=scalar_functions.OPTIONS)
def _sigmoid(x):
    if x == types.float32:
        return lambda x: float32_functions.sigmoid(x)
    return lambda x: float64_functions.sigmoid(x)


@overload(tanh, jit_options=scalar_functions.OPTIONS)
def _tanh(x):
    if x == types.float32:
        return lambda x: float32_functions.tanh(x)
    return lambda x: float64_functions.tanh(x)


@inline
def _add_and_sigmoid(result, b):
    for j in range(np.uintp(result.size)):
        result[j] = sigmoid(result[j] + b[j])


@inline
def _add_and_tanh(result, b):
    for j in range(np.uintp(result.size)):
        result[j] = tanh(result[j] + b[j])


@inline
def _sigmoid_of_sum(a, b, result):
    for j in range(np.uintp(result.size)):
        result[j] = sigmoid(a[j] + b[j])


@inline
def _sigmoid_of(a, result):
    for j in range(np.uintp(result.size)):
        result[j] = sigmoid(a[j])


@inline
def _tanh_of(a, result):
    for j in range(np.uintp(result.size)):
        result[j] = tanh(a[j])


# LSTM ---------------------------------------------------------------------------------------------


@kernel
def _lstm(start, stop, x, weights, h, c, mask, hs, cs):
    steps, _, columns = x.shape
    units = columns // 4
    count = stop - start
    state, carried = h[start:stop].copy(), c[start:stop].copy()
    flat = state.reshape(-1)
    z = np.empty((count, columns), x.dtype)
    products = z.reshape(-1)
    for t in range(steps):
        multiply(
            flat, 0, units, 1, weights, 0, columns, products, 0, columns, count, columns, units
        )
        for r in range(count):
            n = start + r
            if mask[t, n]:
                gate, given = z[r], x[t, n]
                _add_and_sigmoid(gate[: 2 * units], given[: 2 * units])
                i, f = gate[:units], gate[units : 2 * units]
                g, o = gate[2 * units : 3 * units], gate[3 * units :]
                _add_and_tanh(g, given[2 * units : 3 * units])
                _add_and_sigmoid(o, given[3 * units :])
                now, new = carried[r], state[r]
                for j in range(np.uintp(units)):
                    now[j] = f[j] * now[j] + i[j] * g[j]
                for j in range(np.uintp(units)):
                    new[j] = o[j] * tanh(now[j])
            hs[t, n] = state[r]
            cs[t, n] = carried[r]


@inline
def _lstm_slopes(gate, value, before, of_h, of_c, dz, units):
    """dz from the values of the gates and tanh(c'); of_c becomes the gradient of c."""
    one = gate.dtype.type(1)
    i, f = gate[:units], gate[units : 2 * units]
    g, o = gate[2 * units : 3 * units], gate[3 * units :]
    of_i, of_f = dz[:units], dz[units : 2 * units]
    of_g, of_o = dz[2 * units : 3 * units], dz[3 * units :]
    for j in range(np.uintp(units)):
        of_c[j] += of_h[j] * o[j] * (one - value[j] * value[j])
    for j in range(np.uintp(units)):
        of_o[j] = of_h[j] * value[j] * o[j] * (one - o[j])
    for j in range(np.uintp(units)):
        of_i[j] = of_c[j] * g[j] * i[j] * (one - i[j])
    for j in range(np.uintp(units)):
        of_g[j] = of_c[j] * i[j] * (one - g[j] * g[j])
    for j in range(np.uintp(units)):
        of_f[j] = of_c[j] * before[j] * f[j] * (one - f[j])
    for j in range(np.uintp(units)):
        of_c[j] *= f[j]


@kernel
def _lstm_back(start, stop, g_h, g_c, z, turned, c, cs, mask, dz, dh, dc):
    steps, batch, columns = z.shape
    units = columns // 4
    count = stop - start
    flat = dz.reshape(-1)
    gate, value = np.empty(columns, z.dtype), np.empty(units, z.dtype)
    product = np.zeros((count, units), z.dtype)  # the part of dh that came through the gates
    products = product.reshape(-1)
    for r in range(start, stop):
        dh[r] = 0  # the part that passed by
        dc[r] = 0
    for t in range(steps - 1, -1, -1):
        for r in range(count):
            n = start + r
            of_h, of_c, came = dh[n], dc[n], product[r]
            arriving_h, arriving_c = g_h[t, n], g_c[t, n]
            for j in range(np.uintp(units)):
                of_h[j] += came[j] + arriving_h[j]
            for j in range(np.uintp(units)):
                of_c[j] += arriving_c[j]
            if not mask[t, n]:
                dz[t, n] = 0
                continue
            given = z[t, n]
            _sigmoid_of(given[: 2 * units], gate[: 2 * units])
            _tanh_of(given[2 * units : 3 * units], gate[2 * units : 3 * units])
            _sigmoid_of(given[3 * units :], gate[3 * units :])
            _tanh_of(cs[t, n], value)
            before = cs[t - 1, n] if t > 0 else c[n]
            _lstm_slopes(gate, value, before, of_h, of_c, dz[t, n], units)
            dh[n] = 0
        multiply(
            flat, (t * batch + start) * columns, columns, 1, turned, 0, units, products, 0, units,
            count, units, columns,
        )  # fmt: skip
    for r in range(count):
        dh[start + r] += product[r]


# GRU ----------------------------------------------------------------------------------------------


@kernel
def _gru(start, stop, x, weights, bias, h, mask, hs):
    steps, _, columns = x.shape
    units = columns // 3
    count = stop - start
    one = x.dtype.type(1)
    state = h[start:stop].copy()
    flat = state.reshape(-1)
    inner = np.empty((count, columns), x.dtype)
    products = inner.reshape(-1)
    for t in range(steps):
        multiply(
            flat, 0, units, 1, weights, 0, columns, products, 0, columns, count, columns, units
        )
        for r in range(count):
            n = start + r
            if mask[t, n]:
                gate, given, now = inner[r], x[t, n], state[r]
                for j in range(np.uintp(columns)):
                    gate[j] += bias[j]
                _add_and_sigmoid(gate[: 2 * units], given[: 2 * units])
                z, reset = gate[:units], gate[units : 2 * units]
                new, added = gate[2 * units :], given[2 * units :]
                for j in range(np.uintp(units)):
                    new[j] = tanh(added[j] + reset[j] * new[j])
                for j in range(np.uintp(units)):
                    now[j] = z[j] * now[j] + (one - z[j]) * new[j]
            hs[t, n] = state[r]


@inline
def _gru_slopes(gate, inside, before, of_h, of_x, of_inner, units):
    """Gradients of both arguments from the values of the gates; of_h becomes what passes by."""
    one = gate.dtype.type(1)
    z, reset, new = gate[:units], gate[units : 2 * units], gate[2 * units :]
    of_z, of_r, of_n = of_x[:units], of_x[units : 2 * units], of_x[2 * units :]
    for j in range(np.uintp(units)):
        of_z[j] = of_h[j] * (before[j] - new[j]) * z[j] * (one - z[j])
    for j in range(np.uintp(units)):
        of_n[j] = of_h[j] * (one - z[j]) * (one - new[j] * new[j])
    for j in range(np.uintp(units)):
        of_r[j] = of_n[j] * inside[j] * reset[j] * (one - reset[j])
    for j in range(np.uintp(2 * units)):
        of_inner[j] = of_x[j]
    last = of_inner[2 * units :]
    for j in range(np.uintp(units)):
        last[j] = of_n[j] * reset[j]
    for j in range(np.uintp(units)):
        of_h[j] *= z[j]


@kernel
def _gru_back(start, stop, g, x, inner, turned, h, hs, mask, dx, d_inner, dh):
    steps, batch, columns = x.shape
    units = columns // 3
    count = stop - start
    flat = d_inner.reshape(-1)
    gate = np.empty(columns, x.dtype)
    product = np.zeros((count, units), x.dtype)  # the part of dh that came through the gates
    products = product.reshape(-1)
    for r in range(start, stop):
        dh[r] = 0  # the part that passed by
    for t in range(steps - 1, -1, -1):
        for r in range(count):
            n = start + r
            of_h, came, arriving = dh[n], product[r], g[t, n]
            for j in range(np.uintp(units)):
                of_h[j] += came[j] + arriving[j]
            if not mask[t, n]:
                dx[t, n] = 0
                d_inner[t, n] = 0
                continue
            given, inside = x[t, n], inner[t, n, 2 * units :]
            _sigmoid_of_sum(given[: 2 * units], inner[t, n, : 2 * units], gate[: 2 * units])
            new, reset, added = gate[2 * units :], gate[units : 2 * units], given[2 * units :]
            for j in range(np.uintp(units)):
                new[j] = tanh(added[j] + reset[j] * inside[j])
            before = hs[t - 1, n] if t > 0 else h[n]
            _gru_slopes(gate, inside, before, of_h, dx[t, n], d_inner[t, n], units)
        multiply(
            flat, (t * batch + start) * columns, columns, 1, turned, 0, units, products, 0, units,
            count, units, columns,
        )  # fmt: skip
    for r in range(count):
        dh[start + r] += product[r]


# Entry points -------------------------------------------------------------------------------------


def lstm_sequence(x: Any, kernel: Any, h: Any, c: Any, mask: Any, *, out: Any = None) -> Any:
    """The states of an LSTM after each step; everything is ordered by time."""
    shape = (*x.shape[:2], h.shape[1])
    given = (*map(np.ascontiguousarray, (x, kernel.reshape(-1), h, c, mask)),)
    return _run(_lstm, given, (shape, shape), x, out)


def lstm_sequence_gradient(
    g_h: Any, g_c: Any, z: Any, kernel: Any, c: Any, cs: Any, mask: Any, *, out: Any = None
) -> Any:
    """The gradients of lstm_sequence for x and for the first states."""
    given = (*map(np.ascontiguousarray, (g_h, g_c, z, kernel.T.reshape(-1), c, cs, mask)),)
    return _run(_lstm_back, given, (z.shape, c.shape, c.shape), z, out)


def gru_sequence(x: Any, kernel: Any, bias: Any, h: Any, mask: Any, *, out: Any = None) -> Any:
    """The state of gated recurrent units after each step; everything is ordered by time."""
    given = (*map(np.ascontiguousarray, (x, kernel.reshape(-1), bias, h, mask)),)
    found = _run(_gru, given, ((*x.shape[:2], h.shape[1]),), x, None if out is None else (out,))
    return found[0]


def gru_sequence_gradient(
    g: Any, x: Any, inner: Any, kernel: Any, h: Any, hs: Any, mask: Any, *, out: Any = None
) -> Any:
    """The gradients of gru_sequence for x, for the recurrent products, and for the first state."""
    given = (*map(np.ascontiguousarray, (g, x, inner, kernel.T.reshape(-1), h, hs, mask)),)
    return _run(_gru_back, given, (x.shape, x.shape, h.shape), x, out)


def _run(loop: Callable[..., None], given: Any, shapes: Any, x: Any, out: Any) -> Any:
    """Call `loop(start, stop, *given, *results)` on parts of the batch."""
    targets = out or (None,) * len(shapes)
    results = tuple(
        target if target is not None and target.flags.c_contiguous else np.empty(shape, x.dtype)
        for target, shape in zip(targets, shapes, strict=True)
    )
    steps, batch, columns = x.shape
    if batch and columns:
        units = shapes[-1][-1]
        cost = steps * columns * (units + OPERATIONS_OF_GATES)
        split(loop, batch, max(1, OPERATIONS_A_THREAD // max(cost, 1)), *given, *results)
    for target, result in zip(targets, results, strict=True):
        if target is not None and target is not result:
            target[...] = result
    return out if out is not None else results
