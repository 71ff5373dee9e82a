"""Gradients of products, of what follows them in a layer and of biases, in one call of cuBLASLt.

Backwards a layer multiplies what arrives by the slope of its activation, and sums that for its
bias.  The library does the first at the end of the product that brings the gradient there
(TIMES_RELU_SLOPE, TIMES_GELU_SLOPE), and the sums with it, or else beside the product that is the
gradient of the weights (RIGHT_FACTOR_SUMS, LEFT_FACTOR_SUMS).
"""

from __future__ import annotations

from typing import Any

import cupy
from tensorcore.kernels.cuda.arrays import deliver, dense, result_for
from tensorcore.kernels.cuda.blas import matmul, multiplied
from tensorcore.kernels.cuda.product_endings import DTYPES, gelu_is_exact_enough, run_ending
from tensorcore.kernels.cuda.product_plans import Ending


def matmul_relu_slope(
    g: Any,
    w: Any,
    bits: Any,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    sums: bool = False,
    out: Any = None,
) -> Any:
    """g @ w where relu's slope is 1, else 0.

    Args:
        g, w, transpose_a, transpose_b: as those of `blas.matmul`.
        bits: of the slopes, as `product_endings.matmul_add_relu_bits` makes them.
        sums: return the sum of each column of the result too, which is a bias's gradient.
        out: where to write, or None.
    """
    endings = (Ending.TIMES_RELU_SLOPE, Ending.TIMES_RELU_SLOPE_SUMS)
    return _with_slope(g, w, (transpose_a, transpose_b), endings[sums], dense(bits), out)


def matmul_gelu_slope(
    g: Any,
    w: Any,
    z: Any,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    sums: bool = False,
    out: Any = None,
) -> Any:
    """(g @ w) gelu'(z), GELU approximated by tanh; z of the result's shape is what went into it.

    See `matmul_relu_slope`.
    """
    endings = (Ending.TIMES_GELU_SLOPE, Ending.TIMES_GELU_SLOPE_SUMS)
    return _with_slope(g, w, (transpose_a, transpose_b), endings[sums], dense(z), out)


def matmul_and_sums(
    x1: Any,
    x2: Any,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    of_left: bool = False,
    out: Any = None,
) -> Any:
    """The product of two matrices, and the sums of a factor over the axis that is multiplied away.

    The gradient of a layer's weights is x^T g, and that of its bias the sum of g over its rows.

    Args:
        x1, x2, transpose_a, transpose_b: matrices, as those of `blas.matmul`.
        of_left: sum x1 (m, k) rather than x2 (k, n).
        out: where to write, or None.

    Returns:
        The product (m, n) and the sums, (m,) or (n,).
    """
    if x1.dtype.name not in DTYPES:
        return NotImplemented
    given_y, given_sums = out or (None, None)
    factor, is_turned = (x1, not transpose_a) if of_left else (x2, transpose_b)
    length = factor.shape[-2 if is_turned else -1]
    total = result_for(given_sums, (length,), x1.dtype, x1, x2)
    ending = Ending.LEFT_FACTOR_SUMS if of_left else Ending.RIGHT_FACTOR_SUMS
    y = multiplied(x1, x2, transpose_a, transpose_b, given_y, ending, total)
    if y is NotImplemented:
        y = matmul(x1, x2, transpose_a=transpose_a, transpose_b=transpose_b, out=given_y)
        total = _sum_of_rows(factor.T if is_turned else factor)
    return y, deliver(total, given_sums)


def _with_slope(
    g: Any, w: Any, transposes: tuple[bool, bool], ending: Ending, slopes: Any, out: Any
) -> Any:
    if g.dtype.name not in DTYPES:
        return NotImplemented
    transpose_a, transpose_b = transposes
    has_sums = ending in (Ending.TIMES_RELU_SLOPE_SUMS, Ending.TIMES_GELU_SLOPE_SUMS)
    given_y, given_sums = (out or (None, None)) if has_sums else (out, None)
    length = w.shape[-2 if transpose_b else -1]
    total = result_for(given_sums, (length,), g.dtype, g, w, slopes) if has_sums else None
    y = NotImplemented
    if ending.reads_bits or gelu_is_exact_enough(g):
        y = multiplied(g, w, transpose_a, transpose_b, given_y, ending, total, slopes)
    if y is NotImplemented:
        y = matmul(g, w, transpose_a=transpose_a, transpose_b=transpose_b)
        run_ending("relu_slope" if ending.reads_bits else "gelu_slope", y, slopes)
        total = _sum_of_rows(y.reshape(-1, length)) if has_sums else None
        y = deliver(y, given_y)
    return (y, deliver(total, given_sums)) if has_sums else y


def _sum_of_rows(x: Any) -> Any:
    """The sum of each column, added up in float32."""
    return x.sum(axis=0, dtype=cupy.float32).astype(x.dtype, copy=False)
