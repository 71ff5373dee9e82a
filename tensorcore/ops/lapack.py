"""What the operations of linear algebra share: checks, the way to LAPACK, conjugates, samples."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import InvalidArgumentError, ShapeError
from tensorcore.ops.complex_numbers import conj, real
from tensorcore.ops.diagonals import check_matrices
from tensorcore.ops.record import check_inexact
from tensorcore.ops.shaping import matrix_transpose


def check_square(op_name: str, x: Any, argument: str = "x") -> None:
    """Refuse what is not a stack of square matrices of floating-point numbers."""
    check_matrices(op_name, x)
    check_inexact(op_name, argument, x.dtype)
    rows, columns = x.shape[-2:]
    if rows != columns and None not in (rows, columns):
        raise ShapeError(
            f"{op_name}: {argument} must hold square matrices, received shape {tuple(x.shape)}"
        )


def lapack(problem: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A reference for libraries that compute in 32 bits at least and have errors of their own."""

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def reference(xp: Any, *arrays: Any, **attrs: Any) -> Any:
            dtype = arrays[0].dtype
            wide = [array.astype(dtypes.accumulator(array.dtype), copy=False) for array in arrays]
            try:
                result = function(xp, *wide, **attrs)
            except np.linalg.LinAlgError as error:
                raise InvalidArgumentError(f"{problem} ({error})") from None
            if dtype.itemsize > 2:
                return result
            if type(result) is tuple:
                return tuple(_narrow(part, dtype) for part in result)
            return _narrow(result, dtype)

        return reference

    return declare


def _narrow(array: Any, dtype: np.dtype) -> Any:
    return array.astype(dtype) if array.dtype == dtypes.float32 else array


def conjugated(x: Any) -> Any:
    return conj(x) if dtypes.KIND[x.dtype] == "complex" else x


def real_part(x: Any) -> Any:
    return real(x) if dtypes.KIND[x.dtype] == "complex" else x


def adjoint(x: Any) -> Any:
    """The conjugate transpose of matrices."""
    return conjugated(matrix_transpose(x))


def outside(rule: Callable[..., Any]) -> Callable[..., Any]:
    """A rule written for gradients as users see them; inside the engine their conjugates travel."""

    @functools.wraps(rule)
    def inside(g: Any, **kept: Any) -> Any:
        g = tuple(map(conjugated, g)) if isinstance(g, tuple) else conjugated(g)
        return conjugated(rule(g, **kept))

    return inside


def well_conditioned(rng: np.random.Generator, *shape: int) -> Any:
    """Random matrices far from singular, with distinct singular values."""
    spread = np.zeros(shape)
    for i in range(min(shape[-2:])):
        spread[..., i, i] = 2.0 + 1.5 * i
    return 0.4 * rng.normal(size=shape) + spread


def complex_matrices(rng: np.random.Generator, *shape: int) -> Any:
    return well_conditioned(rng, *shape) + 0.3j * rng.normal(size=shape)
