"""Convolution and its gradients by cuDNN.

The library chooses an algorithm from the sizes alone (its "v7" heuristics), so that nothing is
measured and nobody waits; what is found is kept per kind of convolution.  Workspace and copies come
from the pool in use, and the stream goes with every call: a call can be captured in a CUDA graph.

The library pads both sides of an axis alike.  Where more is asked for on one side, as "SAME" does
with strides, the image is copied into a larger one of zeros first.  Filters are turned from
(KH, KW, C, O) to the library's (O, KH, KW, C) in a copy.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import cupy
from cupy.cuda.device import get_device_id
from tensorcore.kernels.cpu.threads import deterministic
from tensorcore.kernels.cuda import cudnn
from tensorcore.kernels.precision import matmul_precision

WORKSPACE_BYTES = 256 << 20  # an algorithm that wants more is not taken
_MOST_PLANS = 1024
_LARGEST = 2**31 - 1
_ASKED_FOR = 16  # algorithms; the same may come twice, with another type of math

CUDNN_CONVOLUTION_FWD_ALGO_FFT = 4
CUDNN_CONVOLUTION_FWD_ALGO_FFT_TILING = 5
CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD = 6
CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD_NONFUSED = 7
CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT = 2
CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT_TILING = 3
CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD = 4
CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD_NONFUSED = 5
CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT = 2
CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD = 4
CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD_NONFUSED = 5
CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT_TILING = 6


class _Call(NamedTuple):
    """The library's functions for one of the three, and algorithms that are not taken.

    Those go through another basis (Fourier, Winograd) and lose digits there.
    """

    choose: str
    measure: str
    run: str
    inexact: tuple[int, ...]


_CALLS = {
    "conv2d": _Call(
        "cudnnGetConvolutionForwardAlgorithm_v7",
        "cudnnGetConvolutionForwardWorkspaceSize",
        "cudnnConvolutionForward",
        (
            CUDNN_CONVOLUTION_FWD_ALGO_FFT,
            CUDNN_CONVOLUTION_FWD_ALGO_FFT_TILING,
            CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD,
            CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD_NONFUSED,
        ),
    ),
    "conv2d_input_gradient": _Call(
        "cudnnGetConvolutionBackwardDataAlgorithm_v7",
        "cudnnGetConvolutionBackwardDataWorkspaceSize",
        "cudnnConvolutionBackwardData",
        (
            CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT,
            CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT_TILING,
            CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD,
            CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD_NONFUSED,
        ),
    ),
    "conv2d_filter_gradient": _Call(
        "cudnnGetConvolutionBackwardFilterAlgorithm_v7",
        "cudnnGetConvolutionBackwardFilterWorkspaceSize",
        "cudnnConvolutionBackwardFilter",
        (
            CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT,
            CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD,
            CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD_NONFUSED,
            CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT_TILING,
        ),
    ),
}


class _Performance(ctypes.Structure):
    """cudnnConvolutionFwdAlgoPerf_t, and those of the gradients, which are the same."""

    _fields_ = (
        ("algorithm", ctypes.c_int),
        ("status", ctypes.c_int),
        ("time", ctypes.c_float),
        ("workspace_bytes", ctypes.c_size_t),
        ("determinism", ctypes.c_int),
        ("math", ctypes.c_int),
        ("reserved", ctypes.c_int * 3),
    )


def conv2d(x: Any, w: Any, y: Any, s: Any) -> bool:
    """Write the convolution to y; False where the library does not compute it."""

    def work(plan: _Plan) -> None:
        plan.run(plan.bordered(x), _turned(w), y)

    return _is_done("conv2d", s, y.dtype.name, work)


def conv2d_input_gradient(g: Any, w: Any, dx: Any, s: Any) -> bool:
    """Write the gradient for x to dx; False where the library does not compute it."""

    def work(plan: _Plan) -> None:
        image = dx if plan.image == s.x_shape else cupy.empty(plan.image, dx.dtype)
        plan.run(_turned(w), g, image)
        if image is not dx:
            dx[...] = image[plan.inside]

    return _is_done("conv2d_input_gradient", s, dx.dtype.name, work)


def conv2d_filter_gradient(x: Any, g: Any, dw: Any, s: Any) -> bool:
    """Write the gradient for w to dw; False where the library does not compute it."""

    def work(plan: _Plan) -> None:
        turned = cupy.empty((s.o, s.kh, s.kw, s.cg), dw.dtype)
        plan.run(plan.bordered(x), g, turned)
        dw[...] = turned.transpose(1, 2, 3, 0)

    return _is_done("conv2d_filter_gradient", s, dw.dtype.name, work)


def _turned(w: Any) -> Any:
    return cupy.ascontiguousarray(w.transpose(3, 0, 1, 2))


# Plans -------------------------------------------------------------------------------------------

# What computes each kind of convolution: a plan, None where the library has no algorithm, or the
# error that it made.
_plans: dict[tuple[Any, ...], _Plan | cudnn.CudnnError | None] = {}


def _is_done(name: str, s: Any, dtype: str, work: Callable[[_Plan], None]) -> bool:
    """Do the work with the plan for it; False where the library has none."""
    key = (get_device_id(), name, s, dtype, matmul_precision(), deterministic())
    try:
        if key not in _plans:
            if len(_plans) >= _MOST_PLANS:
                _plans.clear()  # shapes that never come back must not pile up
            _plans[key] = _Plan(name, s, dtype) if _is_covered(s) else None
        plan = _plans[key]
        if isinstance(plan, cudnn.CudnnError):
            raise plan.with_traceback(None)
        if plan is not None:
            work(plan)
        return plan is not None
    except cudnn.CudnnError as error:
        _plans[key] = None if error.is_unsupported else error
        if error.is_unsupported:
            return False
        raise


def _is_covered(s: Any) -> bool:
    """Whether there is something to compute, and the library's 32-bit sizes and strides hold it."""
    counts = [math.prod(shape) for shape in (s.x_shape, s.w_shape, s.y_shape)]
    return min(counts) > 0 and max(counts) <= _LARGEST


class _Plan:
    """Descriptors, algorithm and workspace for one kind of convolution.

    Attributes:
        image: shape of the image as the library gets it, with what it does not pad itself.
        inside: where in it the image proper is.
        algorithm: number of the algorithm.
        workspace_bytes: what it needs.
    """

    def __init__(self, name: str, s: Any, dtype: str) -> None:
        top, height = _border(s.h, s.top, s.oh, s.kh, s.sh, s.dh)
        left, width = _border(s.w, s.left, s.ow, s.kw, s.sw, s.dw)
        self.image = (s.n, height, width, s.c)
        self._is_bordered = self.image != s.x_shape
        above, before = s.top - top, s.left - left
        self.inside = (slice(None), slice(above, above + s.h), slice(before, before + s.w))
        x = cudnn.images(dtype, self.image)
        w = cudnn.filters(dtype, (s.o, s.kh, s.kw, s.cg))
        y = cudnn.images(dtype, s.y_shape)
        self._math = cudnn.math_type(dtype)
        steps = (s.sh, s.sw), (s.dh, s.dw)
        self._kind = cudnn.convolution(dtype, (top, left), *steps, s.groups, self._math)
        self._operands = {
            "conv2d": (x, w, y),
            "conv2d_input_gradient": (w, y, x),
            "conv2d_filter_gradient": (x, y, w),
        }[name]
        self._call = _CALLS[name]
        number = ctypes.c_double if dtype == "float64" else ctypes.c_float
        self._one = ctypes.byref(number(1))
        self._zero = ctypes.byref(number(0))
        self.algorithm, self.workspace_bytes = self._choose()

    def _choose(self) -> tuple[int, int]:
        """The first algorithm of the library's list that may be taken, and its workspace."""
        a, b, y = self._operands
        asked = (cudnn.handle(), a, b, self._kind, y)
        found = (_Performance * _ASKED_FOR)()
        count = ctypes.c_int()
        cudnn.call(self._call.choose, *asked, _ASKED_FOR, ctypes.byref(count), found)
        for one in found[: count.value]:
            workspace_bytes = self._needed(one, asked) if self._may_be_taken(one) else None
            if workspace_bytes is not None and workspace_bytes <= WORKSPACE_BYTES:
                return one.algorithm, workspace_bytes
        raise cudnn.CudnnError(self._call.choose, cudnn.CUDNN_STATUS_NOT_SUPPORTED)

    def _may_be_taken(self, found: _Performance) -> bool:
        is_exact = self._math == cudnn.CUDNN_FMA_MATH
        return (
            found.status == cudnn.CUDNN_STATUS_SUCCESS
            and found.algorithm not in self._call.inexact
            and found.math != cudnn.CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION
            and not (is_exact and found.math == cudnn.CUDNN_TENSOR_OP_MATH)
            and (found.determinism == cudnn.CUDNN_DETERMINISTIC or not deterministic())
        )

    def _needed(self, found: _Performance, asked: tuple[Any, ...]) -> int | None:
        """The bytes of workspace for an algorithm; None where it is not for these arrays."""
        if self._math != cudnn.CUDNN_FMA_MATH:  # the exact one is not given up for a faster one
            cudnn.call("cudnnSetConvolutionMathType", self._kind, found.math)
        needed = ctypes.c_size_t()
        try:
            cudnn.call(self._call.measure, *asked, found.algorithm, ctypes.byref(needed))
        except cudnn.CudnnError as error:
            if error.is_unsupported:
                return None
            raise
        return needed.value

    def bordered(self, x: Any) -> Any:
        """The image as the library gets it."""
        if not self._is_bordered:
            return x
        image = cupy.zeros(self.image, x.dtype)
        image[self.inside] = x
        return image

    def run(self, a: Any, b: Any, y: Any) -> None:
        """Compute y from both operands, dense arrays, in the library's order."""
        a, b = cudnn.aligned(a), cudnn.aligned(b)
        result = y if cudnn.is_aligned(y) else cupy.empty_like(y)
        workspace = cupy.empty(self.workspace_bytes, cupy.uint8)
        cudnn.launch(
            self._call.run,
            self._one,
            self._operands[0],
            a.data.ptr,
            self._operands[1],
            b.data.ptr,
            self._kind,
            self.algorithm,
            workspace.data.ptr,
            self.workspace_bytes,
            self._zero,
            self._operands[2],
            result.data.ptr,
        )
        if result is not y:
            y[...] = result


def _border(
    size: int, before: int, outputs: int, window: int, stride: int, dilation: int
) -> tuple[int, int]:
    """What the library pads on both sides of an axis, and the size of the image that it gets.

    They are `before` and `size` where as much padding behind the image makes as many outputs.
    """
    reach = (window - 1) * dilation + 1
    if (size + 2 * before - reach) // stride + 1 == outputs:
        return before, size
    return 0, max((outputs - 1) * stride + reach, before + size)
