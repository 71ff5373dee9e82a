"""Matrix products into `out` directly, by NumPy's BLAS or own kernels as `product_ways` says.

16-bit floats multiply as float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorcore.kernels.cpu import blas_threads, product_ways, tiers


def matmul(
    x1: Any, x2: Any, *, transpose_a: bool = False, transpose_b: bool = False, out: Any = None
) -> Any:
    """x1 (..., M, K), x2 (..., K, N) -> (..., M, N); with a flag, that operand comes transposed."""
    if x1.ndim > 2 and x2.ndim == 2 and not transpose_a and x1.flags.c_contiguous and x1.size:
        return _as_one(x1, x2, transpose_b, out)
    if x1.ndim == x2.ndim == 2:
        x1, transpose_a = _as_stored(x1, transpose_a)
        x2, transpose_b = _as_stored(x2, transpose_b)
        depth, rows = x1.shape if transpose_a else x1.shape[::-1]
        columns = x2.shape[0 if transpose_b else 1]
        is_own = product_ways.is_own(rows, columns, depth, transpose_a)
        if is_own and not tiers.approximates():
            result = _own(x1, x2, transpose_a, transpose_b, out)
            if result is not None:
                return result
    if transpose_a and x1.ndim > 1:
        x1 = x1.swapaxes(-1, -2)
    if transpose_b and x2.ndim > 1:
        x2 = x2.swapaxes(-1, -2)
    dtype = x1.dtype
    if dtype.itemsize != 2 or dtype.kind in "iu":
        # The result of two vectors is a number, for which NumPy wants no `out`.
        if out is None or out.ndim == 0 or not out.flags.c_contiguous:
            return _stored(blas_threads.matmul(x1, x2), out)
        return blas_threads.matmul(x1, x2, out)
    result = blas_threads.matmul(x1.astype(np.float32), x2.astype(np.float32))
    return _stored(result.astype(dtype), out)


def _as_stored(matrix: Any, is_transposed: bool) -> tuple[Any, bool]:
    """What a transposed view shows, with the other flag: plans multiply it in the same way."""
    if matrix.flags.f_contiguous and not matrix.flags.c_contiguous:
        return matrix.T, not is_transposed
    return matrix, is_transposed


def matmul_mask(g: Any, w: Any, y: Any, *, out: Any, **attrs: Any) -> Any:
    """g w^T where y, as large as that, is not 0 or less, else 0."""
    if tiers.approximates():
        matmul(g, w, out=out, **attrs)
        np.copyto(out, 0, where=y <= 0)
        return out
    from tensorcore.kernels.cpu import products

    piece = products.product(g, w, out, mask=y, **attrs)
    if piece is None:
        return NotImplemented
    piece()
    return out


def matmul_add(x1: Any, x2: Any, bias: Any, *, out: Any, **attrs: Any) -> Any:
    """x1 x2 + bias, a number for each column."""
    return _with_bias(x1, x2, bias, out, False, attrs)


def matmul_add_relu(x1: Any, x2: Any, bias: Any, *, out: Any, **attrs: Any) -> Any:
    """max(x1 x2 + bias, 0)."""
    return _with_bias(x1, x2, bias, out, True, attrs)


def _with_bias(x1: Any, x2: Any, bias: Any, out: Any, is_relu: bool, attrs: Any) -> Any:
    if tiers.approximates():
        matmul(x1, x2, out=out, **attrs)
        out += bias
        return np.maximum(out, 0, out=out) if is_relu else out
    from tensorcore.kernels.cpu import products

    piece = products.with_bias(x1, x2, bias, out, is_relu=is_relu, **attrs)
    if piece is None:
        return NotImplemented
    piece()
    return out


def _own(x1: Any, x2: Any, transpose_a: bool, transpose_b: bool, out: Any) -> Any:
    """The product by own kernels; None where they do not take these arrays."""
    from tensorcore.kernels.cpu import products

    result = out
    if out is None or not out.flags.c_contiguous:
        shape = (x1.shape[1 if transpose_a else 0], x2.shape[0 if transpose_b else 1])
        result = np.empty(shape, x1.dtype)
    piece = products.product(x1, x2, result, transpose_a, transpose_b)
    if piece is None:
        return None
    piece()
    return result if out is None or out is result else _stored(result, out)


def _as_one(x1: Any, x2: Any, transpose_b: bool, out: Any) -> Any:
    """Many matrices times the same one, as one large product: NumPy would make many small ones."""
    shape = (*x1.shape[:-1], x2.shape[0 if transpose_b else 1])
    rows = x1.reshape(-1, x1.shape[-1])
    if out is None or not out.flags.c_contiguous:
        return _stored(matmul(rows, x2, transpose_b=transpose_b).reshape(shape), out)
    matmul(rows, x2, transpose_b=transpose_b, out=out.reshape(-1, shape[-1]))
    return out


def _stored(result: Any, out: Any) -> Any:
    if out is None:
        return result
    out[...] = result
    return out
