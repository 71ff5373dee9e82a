"""tensorcore: tensors on the CPU and on NVIDIA GPUs, with automatic differentiation and Keras-style
training.

    import tensorcore as tc
    from tensorcore import keras

Names follow the Python array API standard; `tc.nn`, `tc.random` and `tc.keras` add the rest.
"""

import importlib
from typing import Any

from tensorcore import errors, random
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
from tensorcore.config import config
from tensorcore.device import (
    Device,
    default_device,
    device,
    devices,
    memory_summary,
    release_memory,
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
from tensorcore.graph import function
from tensorcore.info import API_VERSION as __array_api_version__
from tensorcore.info import array_namespace_info as __array_namespace_info__
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
    take,
    take_along_axis,
)
from tensorcore.ops.complex_numbers import (
    angle,
    conj,
    imag,
    make_complex,
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
from tensorcore.ops.indexing import (
    add_along_axis,
    scatter_add,
)
from tensorcore.ops.indexing import where_true as nonzero
from tensorcore.ops.joining import (
    concat,
    cut,
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
    where,
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
    sum_to,
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

__version__ = "0.1.0"

e = 2.718281828459045
inf = float("inf")
nan = float("nan")
newaxis = None
pi = 3.141592653589793

_LATE = (
    "keras",
    "datasets",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "optimizers",
    "training",
)


def __getattr__(name: str) -> Any:
    # The rooms above the operations are imported when first used.
    if name in _LATE:
        return importlib.import_module(f"tensorcore.{name}")
    raise AttributeError(f"module 'tensorcore' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LATE])


def _numbers_that_overflow_are_no_news() -> None:
    # NumPy warns where a result is infinite or NaN; a GPU does not, and neither does any tensor
    # framework.
    import warnings

    warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"tensorcore\.")


_numbers_that_overflow_are_no_news()
