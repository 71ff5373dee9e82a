"""Products and what comes before or after them, as operations that passes make.

Kernels are found under their names, and explained there: `kernels/cuda/product_endings.py` and
`product_gradients.py`.  What stands here is the plain form.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.graph.made import Made
from tensorcore.ops.activations import gelu_tanh, relu
from tensorcore.ops.linear import matmul


def _added(xp: Any, x1: Any, x2: Any, bias: Any, **attrs: Any) -> Any:
    return matmul.reference(xp, x1, x2, **attrs) + bias


def _added_relu(xp: Any, x1: Any, x2: Any, bias: Any, **attrs: Any) -> Any:
    return relu.reference(xp, _added(xp, x1, x2, bias, **attrs))


def _added_relu_bits(xp: Any, x1: Any, x2: Any, bias: Any, **attrs: Any) -> Any:
    y = _added_relu(xp, x1, x2, bias, **attrs)
    is_kept = ~(y <= y.dtype.type(0))  # NaN is
    eights = is_kept.reshape(*y.shape[:-1], -1, 8).astype(np.uint8)
    return y, (eights << xp.arange(8, dtype=np.uint8)).sum(axis=-1, dtype=np.uint8)


def _added_gelu(xp: Any, x1: Any, x2: Any, bias: Any, **attrs: Any) -> Any:
    return gelu_tanh.reference(xp, _added(xp, x1, x2, bias, **attrs))


def _added_gelu_keeping(xp: Any, x1: Any, x2: Any, bias: Any, **attrs: Any) -> Any:
    z = _added(xp, x1, x2, bias, **attrs)
    return gelu_tanh.reference(xp, z), z


def _times_relu_slope(xp: Any, g: Any, w: Any, bits: Any, *, sums: bool, **attrs: Any) -> Any:
    y = matmul.reference(xp, g, w, **attrs)
    eights = xp.expand_dims(bits, -1) >> xp.arange(8, dtype=np.uint8)
    y = xp.where((eights & np.uint8(1)).reshape(y.shape) != 0, y, y.dtype.type(0))
    return (y, _column_sums(y)) if sums else y


def _times_gelu_slope(xp: Any, g: Any, w: Any, z: Any, *, sums: bool, **attrs: Any) -> Any:
    y = matmul.reference(xp, g, w, **attrs)
    z = z.astype(dtypes.accumulator(z.dtype))
    gate = 1 / (1 + xp.exp(-2 * np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)))
    slope = gate * (1 + 2 * np.sqrt(2 / np.pi) * z * (1 - gate) * (1 + 3 * 0.044715 * z**2))
    y = (y * slope).astype(y.dtype)
    return (y, _column_sums(y)) if sums else y


def _with_factor_sums(xp: Any, x1: Any, x2: Any, *, of_left: bool, **attrs: Any) -> Any:
    y = matmul.reference(xp, x1, x2, **attrs)
    if of_left:
        return y, _column_sums(x1 if attrs["transpose_a"] else x1.T)
    return y, _column_sums(x2.T if attrs["transpose_b"] else x2)


def _column_sums(y: Any) -> Any:
    wide = dtypes.accumulator(y.dtype)
    return y.reshape(-1, y.shape[-1]).sum(axis=0, dtype=wide).astype(y.dtype)


PRODUCT_ADD = Made("matmul_add", _added)
PRODUCT_ADD_RELU = Made("matmul_add_relu", _added_relu)
PRODUCT_ADD_RELU_BITS = Made("matmul_add_relu_bits", _added_relu_bits)
PRODUCT_ADD_GELU = Made("matmul_add_gelu", _added_gelu)
PRODUCT_ADD_GELU_KEEPING = Made("matmul_add_gelu_keeping", _added_gelu_keeping)
PRODUCT_RELU_SLOPE = Made("matmul_relu_slope", _times_relu_slope)
PRODUCT_GELU_SLOPE = Made("matmul_gelu_slope", _times_gelu_slope)
PRODUCT_AND_SUMS = Made("matmul_and_sums", _with_factor_sums)
