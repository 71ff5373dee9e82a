"""The one table of tolerances: how far results may be from the truth, by dtype."""

from __future__ import annotations

import numpy as np

from tensorcore import dtypes

# dtype -> (relative, absolute); errors of sums grow with the number of terms, which is small in
# tests.
TOLERANCE = {
    "float64": (1e-12, 1e-13),
    "float32": (3e-6, 3e-6),
    "float16": (4e-3, 4e-3),
    "bfloat16": (3e-2, 3e-2),
    "complex128": (1e-12, 1e-13),
    "complex64": (3e-6, 3e-6),
}


def assert_close(actual, expected, dtype=None, scale=1.0):
    """Compare with the tolerance of `dtype` (by default that of `actual`); integers must be
    equal.
    """
    actual, expected = np.asarray(actual), np.asarray(expected)
    name = np.dtype(dtype or actual.dtype).name
    assert actual.shape == expected.shape, f"shape {actual.shape}, expected {expected.shape}"
    if name not in TOLERANCE:
        np.testing.assert_array_equal(actual, expected)
        return
    relative, absolute = TOLERANCE[name]
    wide = "complex128" if dtypes.KIND[np.dtype(dtype or actual.dtype)] == "complex" else "float64"
    np.testing.assert_allclose(
        actual.astype(wide), expected.astype(wide), rtol=relative * scale, atol=absolute * scale
    )
