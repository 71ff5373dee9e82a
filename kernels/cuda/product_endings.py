"""Products and what follows them in a layer, forwards and backwards, in one call of cuBLASLt.

Without an ending a layer's bias, activation and their gradients each read and write the whole
matrix again.  Where the library has no algorithm, or not the values that this project promises, the
same is computed by the product and a kernel of our own behind it:

* Its relu may make 0 of NaN, see `blas`.
* Its GELU is the approximation by tanh, with a tanh of some 11 bits (errors of 2e-4 have
  been seen in float32).  That is enough for 16-bit floats, and for float32 where factors are
  rounded to as many bits anyway; but float32 means float32.
* Its mask of relu has a 1 where the sum is 0, where the slope is 0 here.  So the mask is made by
  the kernel that computes relu, and only read by the library.
"""

from __future__ import annotations

from typing import Any

import cupy
from tensorcore.kernels.cuda.arrays import deliver, dense, result_for
from tensorcore.kernels.cuda.blas import multiplied
from tensorcore.kernels.cuda.modules import Text, blocks_for
from tensorcore.kernels.cuda.product_plans import Ending
from tensorcore.kernels.precision import matmul_precision

DTYPES = ("float32", "float16", "bfloat16")
_BITS = 8  # of a byte of a mask

_text = Text(
    "endings.cu", ["relu_bits", "relu_slope", "gelu", "gelu_slope"], [(name,) for name in DTYPES]
)


def matmul_add(x1: Any, x2: Any, bias: Any, *, out: Any = None, **transposes: bool) -> Any:
    """x1 @ x2 + bias, bias of shape (n,), added before a sum is stored.

    `transposes` are `transpose_a` and `transpose_b` of `blas.matmul`, here and below.
    """
    y = _ended(x1, x2, transposes, out, Ending.ADD, dense(bias))
    if y is NotImplemented:
        y = multiplied(x1, x2, out=out, **transposes)
        if y is not NotImplemented:
            cupy.add(y, bias, out=y)
    return y


def matmul_add_relu(x1: Any, x2: Any, bias: Any, *, out: Any = None, **transposes: bool) -> Any:
    """max(x1 @ x2 + bias, 0); see `matmul_add`."""
    y = _ended(x1, x2, transposes, out, Ending.ADD_RELU, dense(bias))
    if y is NotImplemented:
        y = matmul_add(x1, x2, bias, out=out, **transposes)
        if y is not NotImplemented:
            if y.dtype.name in DTYPES and y.flags.c_contiguous:
                run_ending("relu_bits", y, None)
            else:
                cupy.maximum(y, y.dtype.type(0), out=y)
    return y


def matmul_add_relu_bits(
    x1: Any, x2: Any, bias: Any, *, out: Any = None, **transposes: bool
) -> Any:
    """max(x1 @ x2 + bias, 0) and where its slope is 1.

    Returns:
        The result (..., n), and for each 8 of its elements in a row one uint8 (..., n / 8), the
        first element in the lowest bit.  NotImplemented where n is not a multiple of 8.
    """
    given_y, given_bits = out or (None, None)
    n = len(bias)
    if n % _BITS or x1.dtype.name not in DTYPES:
        return NotImplemented
    y = matmul_add(x1, x2, bias, out=given_y, **transposes)
    if y is NotImplemented:
        return NotImplemented
    bits = result_for(given_bits, (*y.shape[:-1], n // _BITS), cupy.uint8)
    y = dense(y)
    run_ending("relu_bits", y, bits)
    return deliver(y, given_y), deliver(bits, given_bits)


def matmul_add_gelu(x1: Any, x2: Any, bias: Any, *, out: Any = None, **transposes: bool) -> Any:
    """GELU, approximated by tanh, of x1 @ x2 + bias; see `matmul_add`."""
    if gelu_is_exact_enough(x1):
        y = _ended(x1, x2, transposes, out, Ending.ADD_GELU, dense(bias))
        if y is not NotImplemented:
            return y
    z = matmul_add(x1, x2, bias, **transposes)
    if z is NotImplemented or z.dtype.name not in DTYPES:
        return NotImplemented
    run_ending("gelu", z, z)
    return deliver(z, out)


def matmul_add_gelu_keeping(
    x1: Any, x2: Any, bias: Any, *, out: Any = None, **transposes: bool
) -> Any:
    """GELU as that of `matmul_add_gelu`, and what went into it, which its gradient needs."""
    given_y, given_z = out or (None, None)
    if x1.dtype.name not in DTYPES:
        return NotImplemented
    if gelu_is_exact_enough(x1):
        rows = x1.shape[-1 if transposes.get("transpose_a") else -2]
        z = result_for(given_z, (*x1.shape[:-2], rows, len(bias)), x1.dtype, x1, x2)
        y = _ended(x1, x2, transposes, given_y, Ending.ADD_GELU_KEEPING, dense(bias), z)
        if y is not NotImplemented:
            return y, deliver(z, given_z)
    z = matmul_add(x1, x2, bias, **transposes)
    if z is NotImplemented:
        return NotImplemented
    y = result_for(given_y, z.shape, z.dtype)
    run_ending("gelu", z, y)
    return deliver(y, given_y), deliver(z, given_z)


def gelu_is_exact_enough(x: Any) -> bool:
    """Whether the library's GELU may be used for a product of arrays like this one."""
    return x.dtype.name != "float32" or matmul_precision() != "float32"


def run_ending(name: str, first: Any, second: Any) -> None:
    """Launch a kernel of endings.cu over all elements of `first`."""
    if first.size:
        kernel = _text.kernel(name, first.dtype.name)
        threads = -(-first.size // 8) if name == "relu_bits" else first.size
        kernel(blocks_for(threads), (256, 1, 1), first, second, first.size)


def _ended(
    x1: Any,
    x2: Any,
    transposes: dict[str, bool],
    out: Any,
    ending: Ending,
    bias: Any,
    aux: Any = None,
) -> Any:
    """The product with an ending of the library; NotImplemented where it has none."""
    if x1.dtype.name not in DTYPES:
        return NotImplemented
    return multiplied(x1, x2, out=out, ending=ending, vector=bias, aux=aux, **transposes)
