"""`tf.dtypes`: data types, and `cast`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.data.texts import string
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
from tensorcore.ops.transfer import astype
from tensorcore.tensor import as_tensor

half = float16
double = float64
DType = np.dtype

__all__ = [
    "DType",
    "as_dtype",
    "bfloat16",
    "bool",
    "cast",
    "complex64",
    "complex128",
    "double",
    "float16",
    "float32",
    "float64",
    "half",
    "int8",
    "int16",
    "int32",
    "int64",
    "saturate_cast",
    "string",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]


def as_dtype(type_value: Any) -> Any:
    """The dtype named by a text, a NumPy or Python type; `tf.string` for texts."""
    if type_value is string or type_value in ("string", str, bytes):
        return string
    return dtypes.as_dtype(type_value)


def cast(x: Any, dtype: Any, name: str | None = None) -> Any:
    """x converted to another dtype; fractions are cut off on the way to integers."""
    return astype(as_tensor(x), as_dtype(dtype))


def saturate_cast(value: Any, dtype: Any, name: str | None = None) -> Any:
    """`value` converted, with what does not fit set to the nearest value that does."""
    from tensorcore.ops.arithmetic import clip

    kind = as_dtype(dtype)
    if dtypes.is_integer(kind):
        limits = np.iinfo(kind)
        value = clip(as_tensor(value), limits.min, limits.max)
    return cast(value, kind)
