"""cuDNN by ctypes: the library, its handles and its descriptors.  Nothing needs it.

It is found where CuPy's libraries are found (a wheel such as nvidia-cudnn-cu13, CUDNN_PATH, the
system).  A library that is there and does not work, since it does not fit the driver or the GPU, is
as good as none; `problem` says why.

Names and numbers are those of cudnn_graph.h and cudnn_ops.h, version 9; what is used here is the
same in version 8.
"""

from __future__ import annotations

import ctypes
import functools
import threading
import warnings
from collections.abc import Sequence
from typing import Any

import cupy
from cupy.cuda.device import get_device_id
from tensorcore.kernels.cuda.cudnn_functions import SIGNATURES
from tensorcore.kernels.cuda.ways import chosen_way
from tensorcore.kernels.precision import matmul_precision

CUDNN_DATA_FLOAT = 0
CUDNN_DATA_DOUBLE = 1
CUDNN_DATA_HALF = 2
CUDNN_DATA_BFLOAT16 = 9
CUDNN_TENSOR_NHWC = 1
CUDNN_CROSS_CORRELATION = 1
CUDNN_DEFAULT_MATH = 0
CUDNN_TENSOR_OP_MATH = 1
CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION = 2
CUDNN_FMA_MATH = 3
CUDNN_DETERMINISTIC = 1
CUDNN_STATUS_SUCCESS = 0
CUDNN_STATUS_NOT_SUPPORTED = 3000  # and what follows, up to 3999

DATA_TYPES = {
    "float32": CUDNN_DATA_FLOAT,
    "float64": CUDNN_DATA_DOUBLE,
    "float16": CUDNN_DATA_HALF,
    "bfloat16": CUDNN_DATA_BFLOAT16,
}
ALIGNMENT = 16  # bytes, of what kernels for tensor cores read and write
_OLDEST = 8000
_VERSION_8 = "libcudnn.so.8"
_NOT_SUPPORTED_BY_8 = 9  # CUDNN_STATUS_NOT_SUPPORTED before version 9

# A handle has one stream at a time, so that it is set and used by one thread at a time.
_lock = threading.RLock()


class CudnnError(RuntimeError):
    """cuDNN refused a call.

    Attributes:
        status: its cudnnStatus_t.
    """

    def __init__(self, function: str, status: int) -> None:
        super().__init__(f"{function} failed: {_explanation(status)}")
        self.status = status

    @property
    def is_unsupported(self) -> bool:
        """Whether the library does not compute this, rather than that something went wrong."""
        return self.status == _NOT_SUPPORTED_BY_8 or self.status // 1000 == 3


class CudnnMissingError(RuntimeError):
    """cuDNN was asked for, and cannot be used."""


# The library and its handles ---------------------------------------------------------------------


@functools.cache
def _load() -> tuple[Any, str]:
    """The library, or None and why there is none."""
    try:
        library = opened(path())
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        first_line = str(error).partition("\n")[0]
        return None, f"it cannot be loaded: {first_line}"
    number = library.cudnnGetVersion()
    if number < _OLDEST:
        return None, f"version {version_text(number)} is older than 8.0"
    return library, ""


def path() -> str:
    """The file of the library; raises what the loader raises where there is none."""
    from cuda.pathfinder import load_nvidia_dynamic_lib

    try:
        return load_nvidia_dynamic_lib("cudnn").abs_path
    except (ImportError, OSError, RuntimeError):
        try:
            return ctypes.CDLL(_VERSION_8)._name  # the loader knows version 9 only
        except OSError:
            pass
        raise


def opened(file: str) -> Any:
    """The library in a file, with the types of what is called here."""
    library = ctypes.CDLL(file)
    for name, arguments in SIGNATURES.items():
        function = getattr(library, name)
        function.argtypes = arguments
        function.restype = ctypes.c_int
    library.cudnnGetVersion.restype = ctypes.c_size_t
    library.cudnnGetErrorString.argtypes = [ctypes.c_int]
    library.cudnnGetErrorString.restype = ctypes.c_char_p
    return library


def version_text(number: int) -> str:
    """What cudnnGetVersion returns, as a version: "9.28.0" for 92800, "8.9.7" for 8907."""
    thousands = 10000 if number >= 90000 else 1000
    return f"{number // thousands}.{number % thousands // 100}.{number % 100}"


def version() -> str:
    """The version of the library, "" where there is none."""
    library, _ = _load()
    return "" if library is None else version_text(library.cudnnGetVersion())


@functools.cache
def _handle(device: int) -> tuple[Any, str]:
    """The library's handle on a device, which must be current; or None and why there is none."""
    library, missing = _load()
    if library is None:
        return None, missing
    handle = ctypes.c_void_p()
    status = library.cudnnCreate(ctypes.byref(handle))
    if status:
        return None, f"cudnnCreate failed: {_explanation(status)}"
    return handle, ""


def problem() -> str | None:
    """Why cuDNN cannot be used on the current device; None if it can."""
    return _handle(get_device_id())[1] or None


def require() -> None:
    """Raise where cuDNN cannot be used on the current device."""
    reason = problem()
    if reason is not None:
        major = cupy.cuda.runtime.runtimeGetVersion() // 1000
        raise CudnnMissingError(
            f"TENSORCORE_CONV=cudnn: cuDNN was expected on gpu:{get_device_id()}, but {reason}; "
            f"pip install nvidia-cudnn-cu{major}, or set TENSORCORE_CONV=auto"
        )


def _explanation(status: int) -> str:
    """The library's own words for a status, and for the last error where it keeps them."""
    library, _ = _load()
    words = f"{library.cudnnGetErrorString(status).decode()} ({status})"
    if hasattr(library, "cudnnGetLastErrorString"):  # since version 9
        text = ctypes.create_string_buffer(512)
        library.cudnnGetLastErrorString(text, ctypes.c_size_t(len(text)))
        last = text.value.decode(errors="replace").strip()
        words += f": {last}" if last else ""
    return words


def pass_over(error: CudnnError) -> None:
    """Let a kernel of ours compute what the library failed at, with a warning.

    Nothing is said of what it does not compute at all; raises where TENSORCORE_CONV asks for it.
    """
    if error.is_unsupported:
        return
    if chosen_way() == "cudnn":
        raise error
    words = "a kernel of tensorcore computes it instead, TENSORCORE_CONV=own leaves cuDNN out"
    warnings.warn(f"{error}; {words}", RuntimeWarning, stacklevel=4)


def call(function: str, *arguments: Any) -> None:
    """Call a function of `SIGNATURES`; CudnnError if it does not succeed."""
    status = getattr(_load()[0], function)(*arguments)
    if status:
        raise CudnnError(function, status)


def sizes(function: str, *arguments: Any, count: int = 1) -> tuple[int, ...]:
    """What a function tells in bytes; the handle comes first."""
    found = [ctypes.c_size_t() for _ in range(count)]
    call(function, handle(), *arguments, *map(ctypes.byref, found))
    return tuple(size.value for size in found)


def handle() -> Any:
    """The handle on the current device, for functions that only ask."""
    return _handle(get_device_id())[0]


def launch(function: str, *arguments: Any) -> None:
    """Call a function that works on the device, in the current stream; the handle comes first."""
    with _lock:
        call("cudnnSetStream", handle(), cupy.cuda.get_current_stream().ptr)
        call(function, handle(), *arguments)


def math_type(dtype: str) -> int:
    """float32 is float32 unless `set_matmul_precision` allows TF32, which "default" stands for."""
    if dtype in ("float16", "bfloat16"):
        return CUDNN_TENSOR_OP_MATH
    if dtype == "float32" and matmul_precision() == "float32":
        return CUDNN_FMA_MATH
    return CUDNN_DEFAULT_MATH


def is_aligned(array: Any) -> bool:
    """Whether kernels for tensor cores may read and write the array."""
    return array.data.ptr % ALIGNMENT == 0


def aligned(array: Any) -> Any:
    """The array itself, or a copy where kernels for tensor cores may read it."""
    return array if is_aligned(array) else array.copy()


# Descriptors -------------------------------------------------------------------------------------


class Descriptor:
    """A descriptor of one of the library's kinds, which lives as long as this object."""

    def __init__(self, kind: str) -> None:
        self._as_parameter_ = ctypes.c_void_p()  # what ctypes passes for this object
        self._destroy = getattr(_load()[0], f"cudnnDestroy{kind}Descriptor")
        call(f"cudnnCreate{kind}Descriptor", ctypes.byref(self._as_parameter_))

    def __del__(self) -> None:
        if self._as_parameter_:
            self._destroy(self._as_parameter_)


def images(dtype: str, shape: Sequence[int]) -> Descriptor:
    """Describes images of shape (N, H, W, C), one pixel's channels after the other's."""
    n, h, w, c = shape
    # The library's order is N, C, H, W whatever the layout; the strides say that C is innermost.
    return tensor(dtype, (n, c, h, w), (h * w * c, 1, w * c, c))


def tensor(dtype: str, shape: Sequence[int], strides: Sequence[int]) -> Descriptor:
    """Describes an array; strides in elements."""
    described = Descriptor("Tensor")
    sizes, steps = ints(*shape), ints(*strides)
    call("cudnnSetTensorNdDescriptor", described, DATA_TYPES[dtype], len(shape), sizes, steps)
    return described


def filters(dtype: str, shape: Sequence[int]) -> Descriptor:
    """Describes filters that lie as (O, KH, KW, C / groups), the library's NHWC."""
    o, kh, kw, c = shape
    described = Descriptor("Filter")
    sizes = ints(o, c, kh, kw)
    call("cudnnSetFilterNdDescriptor", described, DATA_TYPES[dtype], CUDNN_TENSOR_NHWC, 4, sizes)
    return described


def convolution(
    dtype: str,
    pads: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    math: int,
) -> Descriptor:
    """Describes a cross-correlation; sums are float32, or float64 for float64."""
    described = Descriptor("Convolution")
    compute = CUDNN_DATA_DOUBLE if dtype == "float64" else CUDNN_DATA_FLOAT
    pairs = (ints(*pair) for pair in (pads, strides, dilation))
    call("cudnnSetConvolutionNdDescriptor", described, 2, *pairs, CUDNN_CROSS_CORRELATION, compute)
    call("cudnnSetConvolutionGroupCount", described, groups)
    call("cudnnSetConvolutionMathType", described, math)
    return described


def ints(*values: int) -> Any:
    """A C array of int."""
    return (ctypes.c_int * len(values))(*values)
