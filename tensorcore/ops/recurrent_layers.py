"""LSTM and GRU over whole sequences, with the product of the inputs: as a library computes them.

They are for devices that have such a library (`is_whole` tells); elsewhere a layer makes that
product itself and takes the operations of `recurrent`, which know masks too.  The formulas are
those of `recurrent`, and so are the references.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from tensorcore import dtypes
from tensorcore.errors import ShapeError
from tensorcore.mode import mode
from tensorcore.ops.creation import ones
from tensorcore.ops.record import Spec, check_inexact, op
from tensorcore.ops.recurrent import (
    ON_TENSORS,
    gru_steps,
    gru_steps_back,
    lstm_steps,
    lstm_steps_back,
    on_arrays,
)
from tensorcore.ops.reductions import sum as total
from tensorcore.ops.shaping import reshape

_NO_SECOND = "none: not taped, since while a tape listens the steps are taken one by one instead"


def is_whole(name: str, x: Any, units: int) -> bool:
    """Whether the "lstm" or "gru" layer of these inputs (steps, batch, features) is to be computed
    by `lstm_layer` or `gru_layer`.
    """
    if x.device.kind != "gpu" or None in x.shape:
        return False
    from tensorcore.kernels.cuda import cudnn_recurrent

    return x.device.run(cudnn_recurrent.pays, name, x.dtype.name, *x.shape, units)


# The steps, on arrays and on tensors --------------------------------------------------------------


def _on(xp: Any) -> SimpleNamespace:
    return SimpleNamespace(
        **vars(on_arrays(xp)),
        every_step=lambda x: xp.ones(x.shape[:2], bool),
        rows=lambda x: x.reshape(-1, x.shape[-1]),
        total=lambda x: x.sum(axis=0),
        like=lambda x, y: x.reshape(y.shape),
    )


_ON_TENSORS = SimpleNamespace(
    **vars(ON_TENSORS),
    every_step=lambda x: ones(x.shape[:2], dtype=dtypes.bool, device=x.device),
    rows=lambda x: reshape(x, (x.shape[0] * x.shape[1], x.shape[2])),
    total=lambda x: total(x, axis=0),
    like=lambda x, y: reshape(x, y.shape),
)


def _lstm(on: Any, x: Any, kernel: Any, inner: Any, bias: Any, h: Any, c: Any) -> Any:
    hs, cs = lstm_steps(on, x @ kernel + bias, inner, h, c, on.every_step(x))
    return hs, cs[-1]


def _gru(on: Any, x: Any, kernel: Any, inner: Any, bias: Any, h: Any) -> Any:
    return gru_steps(on, x @ kernel + bias[0], inner, bias[1], h, on.every_step(x))


def _before(on: Any, h: Any, hs: Any) -> Any:
    """The state with which each step starts."""
    return on.stack([h, *on.steps(hs)[:-1]])


def _of_product(on: Any, slope: Any, x: Any, kernel: Any) -> Any:
    """The gradients of x @ kernel for x and for the kernel."""
    rows = on.rows(slope)
    return on.like(rows @ on.turned(kernel), x), on.turned(on.rows(x)) @ rows


def _lstm_back(
    on: Any, g_h: Any, g_c: Any, x: Any, kernel: Any, inner: Any, bias: Any, h: Any, c: Any
) -> Any:
    mask = on.every_step(x)
    projected = x @ kernel + bias
    hs, cs = lstm_steps(on, projected, inner, h, c, mask)
    before = _before(on, h, hs)
    of_cells = on.stack([*[on.zeros_like(g_c)] * (x.shape[0] - 1), g_c])
    z = projected + before @ inner
    dz, dh, dc = lstm_steps_back(on, g_h, of_cells, z, inner, c, cs, mask)
    dx, of_kernel = _of_product(on, dz, x, kernel)
    of_inner = _of_product(on, dz, before, inner)[1]
    return dx, of_kernel, of_inner, on.total(on.rows(dz)), dh, dc


def _gru_back(on: Any, g: Any, x: Any, kernel: Any, inner: Any, bias: Any, h: Any) -> Any:
    mask = on.every_step(x)
    projected = x @ kernel + bias[0]
    hs = gru_steps(on, projected, inner, bias[1], h, mask)
    before = _before(on, h, hs)
    arguments = before @ inner + bias[1]
    of_x, of_h, dh = gru_steps_back(on, g, projected, arguments, inner, h, hs, mask)
    dx, of_kernel = _of_product(on, of_x, x, kernel)
    of_inner = _of_product(on, of_h, before, inner)[1]
    of_bias = on.stack([on.total(on.rows(of_x)), on.total(on.rows(of_h))])
    return dx, of_kernel, of_inner, of_bias, dh


def _reference(steps: Callable[..., Any]) -> Callable[..., Any]:
    """The steps as a record's reference; 16-bit floats are computed as float32."""

    @functools.wraps(steps)
    def run(xp: Any, *arrays: Any) -> Any:
        dtype = arrays[0].dtype
        wide = dtypes.accumulator(dtype)
        result = steps(_on(xp), *(array.astype(wide, copy=False) for array in arrays))
        if type(result) is tuple:
            return tuple(part.astype(dtype, copy=False) for part in result)
        return result.astype(dtype, copy=False)

    return run


# Gradients ----------------------------------------------------------------------------------------


def _lstm_gradient(position: int) -> Callable[..., Any]:
    """The rule for one input; the first that is asked for computes all."""

    def rule(g, x, kernel, recurrent_kernel, bias, h, c, shared):  # type: ignore[no-untyped-def]
        if not shared:
            walk = functools.partial(_lstm_back, _ON_TENSORS) if mode.tapes else lstm_layer_gradient
            shared["all"] = walk(*g, x, kernel, recurrent_kernel, bias, h, c)
        return shared["all"][position]

    return rule


def _gru_gradient(position: int) -> Callable[..., Any]:
    def rule(g, x, kernel, recurrent_kernel, bias, h, shared):  # type: ignore[no-untyped-def]
        if not shared:
            walk = functools.partial(_gru_back, _ON_TENSORS) if mode.tapes else gru_layer_gradient
            shared["all"] = walk(g, x, kernel, recurrent_kernel, bias, h)
        return shared["all"][position]

    return rule


# Records ------------------------------------------------------------------------------------------


def _check(name: str, gates: int, x: Any, arrays: dict[str, Any], biases: int | None) -> None:
    check_inexact(name, "x", x.dtype)
    if len(x.shape) != 3 or x.shape[0] == 0 or len(arrays["recurrent_kernel"].shape) != 2:
        raise ShapeError(
            f"{name}: x must have shape (steps, batch, features) with at least one step, and "
            f"recurrent_kernel (units, {gates} * units), received {tuple(x.shape)} and "
            f"{tuple(arrays['recurrent_kernel'].shape)}"
        )
    _, batch, features = x.shape
    units = arrays["recurrent_kernel"].shape[0]
    columns = None if units is None else gates * units
    expected = {
        "kernel": (features, columns),
        "recurrent_kernel": (units, columns),
        "bias": (columns,) if biases is None else (biases, columns),
        "h": (batch, units),
        "c": (batch, units),
    }
    for key, value in arrays.items():
        shape = expected[key]
        if len(value.shape) != len(shape) or any(
            None not in pair and pair[0] != pair[1] for pair in zip(value.shape, shape, strict=True)
        ):
            raise ShapeError(
                f"{name}: for x of shape {tuple(x.shape)} and {units} units {key} must have shape "
                f"{shape}, received {tuple(value.shape)}"
            )


_SIZES = [(4, 3, 2, 5), (1, 1, 3, 2), (3, 2, 5, 3)]  # steps, batch, features, units


def _samples(gates: int, biases: tuple[int, ...], states: int) -> Callable[[Any], list[Any]]:
    def samples(rng: Any) -> list[Any]:
        cases = []
        for steps, batch, features, units in _SIZES:
            x = rng.normal(size=(steps, batch, features))
            kernel = rng.normal(size=(features, gates * units)) / 2
            inner = rng.normal(size=(units, gates * units)) / 2
            bias = rng.normal(size=(*biases, gates * units)) / 2
            cases.append(((x, kernel, inner, bias, *rng.normal(size=(states, batch, units))), {}))
        return cases

    return samples


_lstm_samples = _samples(4, (), 2)
_gru_samples = _samples(3, (2,), 1)


def _gradient_samples(samples: Callable[[Any], list[Any]], states: int) -> Callable[[Any], Any]:
    def with_arriving(rng: Any) -> list[Any]:
        cases = []
        for given, _ in samples(rng):
            steps, (batch, units) = len(given[0]), given[4].shape
            arriving = [rng.normal(size=(steps, batch, units)), rng.normal(size=(batch, units))]
            cases.append(((*arriving[:states], *given), {}))
        return cases

    return with_arriving


def _like(*inputs: Any) -> tuple[Spec, ...]:
    return tuple(Spec(tuple(value.shape), inputs[0].dtype) for value in inputs)


@op(
    reference=_reference(_lstm),
    gradient=tuple(map(_lstm_gradient, range(6))),
    samples=_lstm_samples,
    promote=("x", "kernel", "recurrent_kernel", "bias", "h", "c"),
)
def lstm_layer(x, kernel, recurrent_kernel, bias, h, c, /):
    """The state h of an LSTM after each step, and the last state c.

    i, f, g, o are the blocks of x[t] @ kernel + bias + h @ recurrent_kernel, and with s the sigmoid
    c' = s(f) c + s(i) tanh(g), h' = s(o) tanh(c').

    Args:
        x: inputs, shape (steps, batch, features).
        kernel: shape (features, 4 * units).
        recurrent_kernel: shape (units, 4 * units).
        bias: shape (4 * units,).
        h, c: first states, shape (batch, units).

    Returns:
        Tensors of shape (steps, batch, units) and (batch, units).

    Source: Hochreiter and Schmidhuber, 1997; Gers et al., 2000.

    >>> x, kernel, inner = tc.zeros((5, 2, 6)), tc.zeros((6, 12)), tc.zeros((3, 12))
    >>> state = tc.ones((2, 3))
    >>> h, c = tc.ops.recurrent_layers.lstm_layer(x, kernel, inner, tc.zeros(12), state, state)
    >>> h.shape, c[0].tolist()
    ((5, 2, 3), [0.03125, 0.03125, 0.03125])
    """
    arrays = {"kernel": kernel, "recurrent_kernel": recurrent_kernel, "bias": bias, "h": h, "c": c}
    _check("lstm_layer", 4, x, arrays, None)
    units = recurrent_kernel.shape[0]
    return Spec((*x.shape[:2], units), x.dtype), Spec((x.shape[1], units), x.dtype)


@op(
    reference=_reference(_lstm_back),
    gradient=_NO_SECOND,
    samples=_gradient_samples(_lstm_samples, 2),
)
def lstm_layer_gradient(g_h, g_c, x, kernel, recurrent_kernel, bias, h, c, /):
    """The gradients of lstm_layer for its six inputs.

    Args:
        g_h, g_c: gradients that arrive at both results.
        x, kernel, recurrent_kernel, bias, h, c: as they were given.
    """
    return _like(x, kernel, recurrent_kernel, bias, h, c)


@op(
    reference=_reference(_gru),
    gradient=tuple(map(_gru_gradient, range(5))),
    samples=_gru_samples,
    promote=("x", "kernel", "recurrent_kernel", "bias", "h"),
)
def gru_layer(x, kernel, recurrent_kernel, bias, h, /):
    """The state of gated recurrent units after each step; the reset gate follows the product.

    With a the blocks of x[t] @ kernel + bias[0], b those of h @ recurrent_kernel + bias[1], and s
    the sigmoid, z, r = s(a_z + b_z), s(a_r + b_r), h' = z h + (1 - z) tanh(a_n + r b_n).

    Args:
        x: inputs, shape (steps, batch, features).
        kernel: shape (features, 3 * units).
        recurrent_kernel: shape (units, 3 * units).
        bias: shape (2, 3 * units).
        h: first state, shape (batch, units).

    Returns:
        A tensor of shape (steps, batch, units).

    Source: Cho et al., 2014.

    >>> x, kernel, inner = tc.zeros((3, 2, 6)), tc.zeros((6, 12)), tc.zeros((4, 12))
    >>> h = tc.ops.recurrent_layers.gru_layer(x, kernel, inner, tc.zeros((2, 12)), tc.ones((2, 4)))
    >>> h[:, 0, 0].tolist()
    [0.5, 0.25, 0.125]
    """
    arrays = {"kernel": kernel, "recurrent_kernel": recurrent_kernel, "bias": bias, "h": h}
    _check("gru_layer", 3, x, arrays, 2)
    return Spec((*x.shape[:2], recurrent_kernel.shape[0]), x.dtype)


@op(
    reference=_reference(_gru_back),
    gradient=_NO_SECOND,
    samples=_gradient_samples(_gru_samples, 1),
)
def gru_layer_gradient(g, x, kernel, recurrent_kernel, bias, h, /):
    """The gradients of gru_layer for its five inputs.

    Args:
        g: gradient that arrives at the result.
        x, kernel, recurrent_kernel, bias, h: as they were given.
    """
    return _like(x, kernel, recurrent_kernel, bias, h)
