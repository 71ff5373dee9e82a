"""LSTM and GRU over whole sequences, with the product of the inputs, by cuDNN.

The library keeps the gates of a forward run in "reserve space" of its own layout and size, so that
the gradient runs forward once more rather than have every forward run keep it.  Weights are packed
into one space for each call, see `cudnn_weights`.

Nothing waits for the host, and all memory comes from the pool in use, as in `cudnn_convolution`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, NamedTuple

import cupy
from cupy.cuda.device import get_device_id
from tensorcore.kernels.cpu.threads import deterministic
from tensorcore.kernels.cuda import cudnn
from tensorcore.kernels.cuda.arrays import deliver
from tensorcore.kernels.cuda.cudnn_weights import Gates, WeightSpace
from tensorcore.kernels.cuda.ways import chosen_way
from tensorcore.kernels.precision import matmul_precision

CUDNN_RNN_ALGO_STANDARD = 0
CUDNN_LSTM = 2
CUDNN_GRU = 3
CUDNN_RNN_SINGLE_INP_BIAS = 1
CUDNN_RNN_DOUBLE_BIAS = 2
CUDNN_UNIDIRECTIONAL = 0
CUDNN_LINEAR_INPUT = 0
CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED = 1
CUDNN_FWD_MODE_INFERENCE = 0
CUDNN_FWD_MODE_TRAINING = 1
CUDNN_WGRAD_MODE_ADD = 0

_MOST_PLANS = 256
_FROM_UNITS = 64


class _Kind(NamedTuple):
    """What differs between LSTM and GRU."""

    mode: int
    bias_mode: int
    weights: Gates


# LSTM's gates are i, f, c, o as in Keras, with one bias; GRU's are r, z, h, Keras's z, r, h.
_KINDS = {
    "lstm": _Kind(CUDNN_LSTM, CUDNN_RNN_SINGLE_INP_BIAS, Gates(4, 1, are_swapped=False)),
    "gru": _Kind(CUDNN_GRU, CUDNN_RNN_DOUBLE_BIAS, Gates(3, 2, are_swapped=True)),
}


def pays(name: str, dtype: str, steps: int, batch: int, features: int, units: int) -> bool:
    """Whether a layer of these sizes is computed here, as TENSORCORE_CONV says.

    "auto" takes 16-bit floats, which the library multiplies on tensor cores and our kernels as
    float32; for float32 both make a product and a kernel a step, and ours need no second forward
    run for the gradient.  The library rounds the state to 16 bits after each step, as it does in
    other frameworks.  It does not promise the same bits in every run.
    """
    way = chosen_way()
    if way == "cudnn":
        cudnn.require()
    elif way != "auto" or not _is_expected_to_pay(dtype, features, units):
        return False
    return _plan(name, dtype, steps, batch, features, units) is not None


def _is_expected_to_pay(dtype: str, features: int, units: int) -> bool:
    fits_tiles = units >= _FROM_UNITS and units % 8 == 0 and features % 8 == 0
    return dtype in ("float16", "bfloat16") and fits_tiles


def lstm_layer(
    x: Any, kernel: Any, recurrent: Any, bias: Any, h: Any, c: Any, *, out: Any = None
) -> Any:
    """The state h after each step (steps, batch, units), and the last c (batch, units)."""
    given = x, kernel, recurrent, bias, h, c
    return _computed("lstm", given, lambda plan: _delivered(plan.forward(*given), out))


def lstm_layer_gradient(g_h: Any, g_c: Any, *given: Any, out: Any = None) -> Any:
    """The gradients for all inputs of lstm_layer, which are given after those that arrive."""
    return _computed("lstm", given, lambda plan: _delivered(plan.gradient(g_h, g_c, *given), out))


def gru_layer(x: Any, kernel: Any, recurrent: Any, bias: Any, h: Any, *, out: Any = None) -> Any:
    """The state after each step, (steps, batch, units); bias (2, 3 units)."""
    given = x, kernel, recurrent, bias, h, None
    return _computed("gru", given, lambda plan: deliver(plan.forward(*given)[0], out))


def gru_layer_gradient(g: Any, *given: Any, out: Any = None) -> Any:
    """The gradients for all inputs of gru_layer, which are given after the one that arrives."""
    given = (*given, None)
    return _computed(
        "gru", given, lambda plan: _delivered(plan.gradient(g, None, *given)[:-1], out)
    )


def _computed(name: str, given: tuple[Any, ...], work: Callable[[_Plan], Any]) -> Any:
    """What the plan for these arrays makes; NotImplemented where there is none."""
    if chosen_way() not in ("auto", "cudnn"):
        return NotImplemented
    x, _, recurrent = given[:3]
    sizes = (name, x.dtype.name, *x.shape, recurrent.shape[0])
    plan = _plan(*sizes)
    if plan is None:
        return NotImplemented
    try:
        return work(plan)
    except cudnn.CudnnError as error:
        cudnn.pass_over(error)
        _plans[_key(*sizes)] = None
        return NotImplemented


def _delivered(results: Any, out: Any) -> tuple[Any, ...]:
    given = (None,) * len(results) if out is None else out
    return tuple(deliver(y, to) for y, to in zip(results, given, strict=True))


def _ready(array: Any) -> Any:
    """The array as the library reads it: dense, at an address for tensor cores."""
    return None if array is None else cudnn.aligned(cupy.ascontiguousarray(array))


def _address(array: Any) -> int | None:
    return None if array is None else array.data.ptr


# Plans -------------------------------------------------------------------------------------------

_plans: dict[tuple[Any, ...], _Plan | None] = {}


def _key(*sizes: Any) -> tuple[Any, ...]:
    return (get_device_id(), matmul_precision(), *sizes)


def _plan(name: str, dtype: str, steps: int, batch: int, features: int, units: int) -> _Plan | None:
    """The plan for these sizes; None where the library has none."""
    if deterministic() or cudnn.problem() is not None or not steps * batch * features * units:
        return None
    key = _key(name, dtype, steps, batch, features, units)
    if key not in _plans:
        if len(_plans) >= _MOST_PLANS:
            _plans.clear()  # shapes that never come back must not pile up
        try:
            _plans[key] = _Plan(_KINDS[name], dtype, steps, batch, features, units)
        except cudnn.CudnnError as error:
            cudnn.pass_over(error)
            _plans[key] = None
    return _plans[key]


class _Plan:
    """Descriptors and sizes for sequences of one shape."""

    def __init__(
        self, kind: _Kind, dtype: str, steps: int, batch: int, features: int, units: int
    ) -> None:
        self._kind = kind
        self._dtype = dtype
        self._sizes = steps, batch, features, units
        self._layer = self._described()
        self._x = self._sequences(features)
        self._y = self._sequences(units)
        self._state = cudnn.tensor(dtype, (1, batch, units), (batch * units, units, 1))
        self._spaces = {
            mode: cudnn.sizes("cudnnGetRNNTempSpaceSizes", self._layer, mode, self._x, count=2)
            for mode in (CUDNN_FWD_MODE_INFERENCE, CUDNN_FWD_MODE_TRAINING)
        }
        self._weights = WeightSpace(self._layer, kind.weights, dtype, features, units)

    def _described(self) -> cudnn.Descriptor:
        _, _, features, units = self._sizes
        self._dropout = cudnn.Descriptor("Dropout")  # of nothing; one has to be there
        nothing = (ctypes.c_float(0.0), None, 0, 0)
        cudnn.call("cudnnSetDropoutDescriptor", self._dropout, cudnn.handle(), *nothing)
        layer = cudnn.Descriptor("RNN")
        double = self._dtype == "float64"
        cudnn.call(
            "cudnnSetRNNDescriptor_v8",
            layer,
            CUDNN_RNN_ALGO_STANDARD,
            self._kind.mode,
            self._kind.bias_mode,
            CUDNN_UNIDIRECTIONAL,
            CUDNN_LINEAR_INPUT,
            cudnn.DATA_TYPES[self._dtype],
            cudnn.CUDNN_DATA_DOUBLE if double else cudnn.CUDNN_DATA_FLOAT,
            cudnn.math_type(self._dtype),
            features,
            units,
            units,  # of the projection: there is none
            1,
            self._dropout,
            0,
        )
        return layer

    def _sequences(self, size: int) -> cudnn.Descriptor:
        """Describes an array (steps, batch, size)."""
        steps, batch, _, _ = self._sizes
        described = cudnn.Descriptor("RNNData")
        cudnn.call(
            "cudnnSetRNNDataDescriptor",
            described,
            cudnn.DATA_TYPES[self._dtype],
            CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED,
            steps,
            batch,
            size,
            cudnn.ints(*[steps] * batch),
            None,
        )
        return described

    # Runs -----------------------------------------------------------------------------------------

    def _lengths(self) -> Any:
        """Every sequence's length on the device; older versions read it there."""
        steps, batch, _, _ = self._sizes
        return cupy.full(batch, steps, cupy.int32)

    def _run_forward(self, mode: int, x: Any, h: Any, c: Any, weights: Any) -> tuple[Any, ...]:
        """hs, the last c, and the reserve space."""
        steps, batch, _, units = self._sizes
        hs = cupy.empty((steps, batch, units), x.dtype)
        last = None if c is None else cupy.empty_like(c)
        lengths = self._lengths()
        workspace, reserve = (cupy.empty(size, cupy.uint8) for size in self._spaces[mode])
        cudnn.launch(
            "cudnnRNNForward",
            self._layer,
            mode,
            lengths.data.ptr,
            self._x,
            x.data.ptr,
            self._y,
            hs.data.ptr,
            self._state,
            h.data.ptr,
            None,
            self._state,
            _address(c),
            _address(last),
            *_space(weights),
            *_space(workspace),
            *_space(reserve),
        )
        return hs, last, reserve

    def forward(
        self, x: Any, kernel: Any, recurrent: Any, bias: Any, h: Any, c: Any
    ) -> tuple[Any, Any]:
        """The states h of all steps, and the last c (None for GRU)."""
        weights = self._weights.packed(kernel, recurrent, bias)
        x, h, c = map(_ready, (x, h, c))
        return self._run_forward(CUDNN_FWD_MODE_INFERENCE, x, h, c, weights)[:2]

    def gradient(
        self,
        g_h: Any,
        g_c: Any,
        x: Any,
        kernel: Any,
        recurrent: Any,
        bias: Any,
        h: Any,
        c: Any,
    ) -> tuple[Any, ...]:
        """The gradients for x, kernel, recurrent kernel, bias, first h and first c."""
        weights = self._weights.packed(kernel, recurrent, bias)
        x, h, c, g_h, g_c = map(_ready, (x, h, c, g_h, g_c))
        hs, _, reserve = self._run_forward(CUDNN_FWD_MODE_TRAINING, x, h, c, weights)
        dx, dh = cupy.empty_like(x), cupy.empty_like(h)
        dc = None if c is None else cupy.empty_like(c)
        lengths = self._lengths()
        workspace = cupy.empty(self._spaces[CUDNN_FWD_MODE_TRAINING][0], cupy.uint8)
        spaces = (*_space(workspace), *_space(reserve))
        cudnn.launch(
            "cudnnRNNBackwardData_v8",
            self._layer,
            lengths.data.ptr,
            self._y,
            hs.data.ptr,
            g_h.data.ptr,
            self._x,
            dx.data.ptr,
            self._state,
            h.data.ptr,
            None,
            dh.data.ptr,
            self._state,
            _address(c),
            _address(g_c),
            _address(dc),
            *_space(weights),
            *spaces,
        )
        slopes = cupy.zeros_like(weights)  # the library adds to it
        cudnn.launch(
            "cudnnRNNBackwardWeights_v8",
            self._layer,
            CUDNN_WGRAD_MODE_ADD,
            lengths.data.ptr,
            self._x,
            x.data.ptr,
            self._state,
            h.data.ptr,
            self._y,
            hs.data.ptr,
            *_space(slopes),
            *spaces,
        )
        return dx, *self._weights.unpacked(slopes, kernel, recurrent, bias), dh, dc


def _space(array: Any) -> tuple[int, int]:
    """Bytes and address, as the library takes its spaces."""
    return array.nbytes, array.data.ptr
