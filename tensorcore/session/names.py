"""Names of data types as TensorFlow has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore import dtypes

_NAMES = {"float": dtypes.float32, "double": dtypes.float64, "half": dtypes.float16}


def tf_dtype(value: Any) -> np.dtype:
    """The dtype that a program names; "float" is float32 in TensorFlow, not NumPy's float64.

    >>> tf_dtype("float"), tf_dtype("int64")
    (dtype('float32'), dtype('int64'))
    """
    if isinstance(value, str) and value in _NAMES:
        return _NAMES[value]
    return dtypes.as_dtype(value)
