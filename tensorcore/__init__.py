"""tensorcore: tensors on the CPU and on NVIDIA GPUs, with automatic differentiation and Keras-style
training.

    import tensorcore as tc
    from tensorcore import keras

Names follow the Python array API standard; `tc.nn`, `tc.random` and `tc.keras` add the rest.
"""

import importlib
from typing import TYPE_CHECKING, Any

from tensorcore import errors, missing, random
from tensorcore import ops as ops
from tensorcore.autodiff import (
    GradientTape,
    checkpoint,
    custom_gradient,
    grad,
    gradcheck,
    hessian,
    hvp,
    jacobian,
    jvp,
    stop_gradient,
    value_and_grad,
    vjp,
    vmap,
)
from tensorcore.config import config, matmul_precision, set_matmul_precision
from tensorcore.device import (
    Device,
    default_device,
    device,
    devices,
    set_default_device,
)
from tensorcore.dtypes import (
    bfloat16,
    bool,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from tensorcore.errors import TensorcoreError
from tensorcore.info import API_VERSION as __array_api_version__
from tensorcore.info import array_namespace_info as __array_namespace_info__
from tensorcore.memory import empty_cache, memory_summary, set_memory_limit
from tensorcore.ops.arithmetic import (
    abs,
    add,
    ceil,
    clip,
    copysign,
    divide,
    floor,
    floor_divide,
    hypot,
    maximum,
    minimum,
    multiply,
    negative,
    nextafter,
    positive,
    pow,
    reciprocal,
    remainder,
    round,
    sign,
    square,
    subtract,
    trunc,
)
from tensorcore.ops.assignment import written
from tensorcore.ops.choosing import (
    nonzero,
    take,
    take_along_axis,
    where,
)
from tensorcore.ops.complex_numbers import (
    angle,
    conj,
    imag,
    real,
)
from tensorcore.ops.creation import (
    arange,
    asarray,
    empty,
    empty_like,
    eye,
    from_dlpack,
    full,
    full_like,
    linspace,
    ones,
    ones_like,
    zeros,
    zeros_like,
)
from tensorcore.ops.data_types import (
    can_cast,
    finfo,
    iinfo,
    isdtype,
    result_type,
)
from tensorcore.ops.diagonals import (
    tril,
    triu,
)
from tensorcore.ops.exponential import (
    exp,
    exp2,
    expm1,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    rsqrt,
    sqrt,
)
from tensorcore.ops.indexing import scatter_add
from tensorcore.ops.joining import (
    concat,
    pad,
    split,
    stack,
    unstack,
)
from tensorcore.ops.linear import einsum, matmul, outer, tensordot, vecdot
from tensorcore.ops.logical import (
    bitwise_and,
    bitwise_invert,
    bitwise_left_shift,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    equal,
    greater,
    greater_equal,
    isfinite,
    isinf,
    isnan,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    not_equal,
    signbit,
)
from tensorcore.ops.matrices import kron
from tensorcore.ops.nan_reductions import (
    nanmax,
    nanmean,
    nanmin,
    nanprod,
    nanstd,
    nansum,
    nanvar,
)
from tensorcore.ops.order import (
    flip,
    roll,
)
from tensorcore.ops.reductions import (
    all,
    any,
    argmax,
    argmin,
    count_nonzero,
    cumulative_prod,
    cumulative_sum,
    diff,
    logsumexp,
    max,
    mean,
    min,
    prod,
    std,
    sum,
    var,
)
from tensorcore.ops.repetition import (
    meshgrid,
    repeat,
    tile,
)
from tensorcore.ops.sets import (
    isin,
    unique_all,
    unique_counts,
    unique_inverse,
    unique_values,
)
from tensorcore.ops.shaping import (
    broadcast_arrays,
    broadcast_shapes,
    broadcast_to,
    expand_dims,
    matrix_transpose,
    moveaxis,
    permute_dims,
    reshape,
    squeeze,
    transpose,
)
from tensorcore.ops.signals import (
    convolve,
    interp,
)
from tensorcore.ops.sorting import (
    argsort,
    searchsorted,
    sort,
    topk,
)
from tensorcore.ops.statistics import (
    bincount,
    histogram,
    median,
    percentile,
    quantile,
)
from tensorcore.ops.transfer import astype
from tensorcore.ops.trigonometric import (
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cos,
    cosh,
    erf,
    sin,
    sinh,
    tan,
    tanh,
)
from tensorcore.tensor import Tensor
from tensorcore.variable import Variable

from tensorcore import fft, linalg, nn  # isort: skip

if TYPE_CHECKING:
    from tensorcore.data.spec import TensorSpec as TensorSpec
    from tensorcore.graph import (
        cond,
        fori_loop,
        map_fn,
        scan,
        switch_case,
        while_loop,
    )
    from tensorcore.graph.function import function
    from tensorcore.profiler import profile as profile

__version__ = "0.1.0"

e = 2.718281828459045
inf = float("inf")
nan = float("nan")
newaxis = None
pi = 3.141592653589793

__all__ = [
    "Device",
    "GradientTape",
    "Tensor",
    "TensorcoreError",
    "Variable",
    "abs",
    "acos",
    "acosh",
    "add",
    "all",
    "angle",
    "any",
    "arange",
    "argmax",
    "argmin",
    "argsort",
    "asarray",
    "asin",
    "asinh",
    "astype",
    "atan",
    "atan2",
    "atanh",
    "bfloat16",
    "bincount",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "bool",
    "broadcast_arrays",
    "broadcast_shapes",
    "broadcast_to",
    "can_cast",
    "ceil",
    "checkpoint",
    "clip",
    "complex64",
    "complex128",
    "concat",
    "cond",
    "config",
    "conj",
    "convolve",
    "copysign",
    "cos",
    "cosh",
    "count_nonzero",
    "cumulative_prod",
    "cumulative_sum",
    "custom_gradient",
    "default_device",
    "device",
    "devices",
    "diff",
    "divide",
    "e",
    "einsum",
    "empty",
    "empty_cache",
    "empty_like",
    "equal",
    "erf",
    "errors",
    "exp",
    "exp2",
    "expand_dims",
    "expm1",
    "eye",
    "fft",
    "finfo",
    "flip",
    "float16",
    "float32",
    "float64",
    "floor",
    "floor_divide",
    "fori_loop",
    "from_dlpack",
    "full",
    "full_like",
    "function",
    "grad",
    "gradcheck",
    "greater",
    "greater_equal",
    "hessian",
    "histogram",
    "hvp",
    "hypot",
    "iinfo",
    "imag",
    "inf",
    "int8",
    "int16",
    "int32",
    "int64",
    "interp",
    "isdtype",
    "isfinite",
    "isin",
    "isinf",
    "isnan",
    "jacobian",
    "jvp",
    "kron",
    "less",
    "less_equal",
    "linalg",
    "linspace",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logsumexp",
    "map_fn",
    "matmul",
    "matmul_precision",
    "matrix_transpose",
    "max",
    "maximum",
    "mean",
    "median",
    "memory_summary",
    "meshgrid",
    "min",
    "minimum",
    "moveaxis",
    "multiply",
    "nan",
    "nanmax",
    "nanmean",
    "nanmin",
    "nanprod",
    "nanstd",
    "nansum",
    "nanvar",
    "negative",
    "newaxis",
    "nextafter",
    "nn",
    "nonzero",
    "not_equal",
    "ones",
    "ones_like",
    "ops",
    "outer",
    "pad",
    "percentile",
    "permute_dims",
    "pi",
    "positive",
    "pow",
    "prod",
    "quantile",
    "random",
    "real",
    "reciprocal",
    "remainder",
    "repeat",
    "reshape",
    "result_type",
    "roll",
    "round",
    "rsqrt",
    "scan",
    "scatter_add",
    "searchsorted",
    "set_default_device",
    "set_matmul_precision",
    "set_memory_limit",
    "sign",
    "signbit",
    "sin",
    "sinh",
    "sort",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "stop_gradient",
    "subtract",
    "sum",
    "switch_case",
    "take",
    "take_along_axis",
    "tan",
    "tanh",
    "tensordot",
    "tile",
    "topk",
    "transpose",
    "tril",
    "triu",
    "trunc",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "unique_all",
    "unique_counts",
    "unique_inverse",
    "unique_values",
    "unstack",
    "value_and_grad",
    "var",
    "vecdot",
    "vjp",
    "vmap",
    "where",
    "while_loop",
    "written",
    "zeros",
    "zeros_like",
]

_LATE = (
    "keras",
    "constraints",
    "datasets",
    "hub",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "optimizers",
    "regularizers",
    "tf",
    "tfds",
    "training",
)
_HOMES = {
    **dict.fromkeys(
        ("cond", "fori_loop", "function", "map_fn", "scan", "switch_case", "while_loop"), "graph"
    ),
    "TensorSpec": "data.spec",
    "profile": "profiler",
}

# What NumPy calls otherwise than the array API standard.
_NAMES_OF_NUMPY = {
    "absolute": "tc.abs",
    "amax": "tc.max",
    "amin": "tc.min",
    "arccos": "tc.acos",
    "arccosh": "tc.acosh",
    "arcsin": "tc.asin",
    "arcsinh": "tc.asinh",
    "arctan": "tc.atan",
    "arctan2": "tc.atan2",
    "arctanh": "tc.atanh",
    "array": "tc.asarray",
    "concatenate": "tc.concat",
    "conjugate": "tc.conj",
    "cumprod": "tc.cumulative_prod",
    "cumsum": "tc.cumulative_sum",
    "dot": "tc.matmul, or tc.vecdot for vectors",
    "invert": "tc.bitwise_invert",
    "left_shift": "tc.bitwise_left_shift",
    "mod": "tc.remainder",
    "power": "tc.pow",
    "ravel": "tc.reshape(x, (-1,))",
    "right_shift": "tc.bitwise_right_shift",
    "swapaxes": "tc.moveaxis or tc.permute_dims",
    "tensor": "tc.asarray",
    "true_divide": "tc.divide",
    "unique": "tc.unique_values, tc.unique_counts, tc.unique_inverse or tc.unique_all",
}


def __getattr__(name: str) -> Any:
    # The rooms above the operations are imported when first used.
    if name in _LATE:
        return importlib.import_module(f"tensorcore.{name}")
    if name in _HOMES:
        found = getattr(importlib.import_module(f"tensorcore.{_HOMES[name]}"), name)
        globals()[name] = found
        return found
    instead = dict(_NAMES_OF_NUMPY)
    for place, room in (("nn", nn), ("linalg", linalg), ("fft", fft), ("random", random)):
        instead |= {there: f"tc.{place}.{there}" for there in dir(room)}
    raise missing.attribute(__name__, name, __dir__(), instead=instead)


def __dir__() -> list[str]:
    own = [name for name in globals() if name.startswith("__")]
    return sorted([*own, *__all__, *_LATE, "TensorSpec", "profile"])


def _numbers_that_overflow_are_no_news() -> None:
    # NumPy warns where a result is infinite or NaN; a GPU does not, and neither does any tensor
    # framework.
    import warnings

    warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"tensorcore\.")


_numbers_that_overflow_are_no_news()
