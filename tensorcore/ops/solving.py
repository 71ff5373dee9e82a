"""Linear systems, inverses, determinants.  On a GPU they need cuSOLVER; where it cannot be loaded
they run on the CPU, and `op.runs` says "host".

The gradients: M. Giles, "Collected matrix derivative results" (2008).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tensorcore import dtypes
from tensorcore.errors import ShapeError
from tensorcore.ops.arithmetic import multiply, negative
from tensorcore.ops.complex_numbers import imag, make_complex
from tensorcore.ops.composing import composed
from tensorcore.ops.lapack import check_square, complex_matrices, lapack, well_conditioned
from tensorcore.ops.linear import matmul
from tensorcore.ops.record import Spec, op
from tensorcore.ops.shapes import broadcast
from tensorcore.ops.shaping import expand_dims, matrix_transpose, squeeze


@lapack("inv: x must not be singular")
def _inv(xp: Any, x: Any) -> Any:
    return xp.linalg.inv(x)


@op(
    reference=_inv,
    gradient=(lambda g, y: negative(matmul(matmul(y, g, transpose_a=True), y, transpose_b=True)),),
    samples=lambda rng: [
        ((well_conditioned(rng, 3, 3),), {}),
        ((complex_matrices(rng, 2, 2, 2),), {}),
    ],
    library="cuSOLVER",
)
def inv(x, /):
    """The inverses of square matrices.

    >>> tc.linalg.inv(tc.asarray([[2.0, 0.0], [0.0, 4.0]])).tolist()
    [[0.5, 0.0], [0.0, 0.25]]
    """
    check_square("inv", x)
    return Spec(tuple(x.shape), x.dtype)


@lapack("solve: x1 must not be singular")
def _solve(xp: Any, x1: Any, x2: Any) -> Any:
    vector = x2.ndim == 1
    if vector:
        x2 = x2[:, None]
    batch = broadcast("solve", {"x1": x1.shape[:-2], "x2": x2.shape[:-2]})
    x1 = xp.broadcast_to(x1, (*batch, *x1.shape[-2:]))
    x2 = xp.broadcast_to(x2, (*batch, *x2.shape[-2:]))
    result = xp.linalg.solve(x1, x2)
    return result[..., 0] if vector else result


def _columns(g: Any, x2: Any) -> tuple[Any, Any]:
    return (expand_dims(g, -1), expand_dims(x2, -1)) if x2.ndim == 1 else (g, x2)


def _solve_matrix_back(g: Any, x1: Any, x2: Any) -> Any:
    g, x2 = _columns(g, x2)
    back = solve(matrix_transpose(x1), g)
    return negative(matmul(back, solve(x1, x2), transpose_b=True))


def _solve_right_back(g: Any, x1: Any, x2_shape: tuple[int, ...]) -> Any:
    if len(x2_shape) > 1:
        return solve(matrix_transpose(x1), g)
    return squeeze(solve(matrix_transpose(x1), expand_dims(g, -1)), -1)


@op(
    reference=_solve,
    gradient=(_solve_matrix_back, _solve_right_back),
    samples=lambda rng: [
        ((well_conditioned(rng, 3, 3), rng.normal(size=(3, 2))), {}),
        ((well_conditioned(rng, 3, 3), rng.normal(size=(3,))), {}),
        ((well_conditioned(rng, 2, 3, 3), rng.normal(size=(3,))), {}),
        ((complex_matrices(rng, 2, 2), rng.normal(size=(4, 2, 1)) + 0j), {}),
    ],
    promote=("x1", "x2"),
    library="cuSOLVER",
)
def solve(x1, x2, /):
    """The x with x1 @ x = x2.

    Args:
        x1: shape (..., n, n).
        x2: shape (n,), or (..., n, k); leading dimensions broadcast.

    Raises:
        InvalidArgumentError: x1 is singular (on the GPU: infinities or NaN).

    >>> tc.linalg.solve(tc.asarray([[2.0, 0.0], [0.0, 4.0]]), tc.asarray([2.0, 4.0])).tolist()
    [1.0, 1.0]
    """
    check_square("solve", x1, "x1")
    size = x1.shape[-1]
    columns = tuple(x2.shape[-1:]) if len(x2.shape) > 1 else ()
    rows = x2.shape[-2] if len(x2.shape) > 1 else x2.shape[-1] if x2.shape else 0
    if rows != size and None not in (rows, size):
        raise ShapeError(
            f"solve: x1 of shape {tuple(x1.shape)} needs {size} rows in x2, received shape "
            f"{tuple(x2.shape)}"
        )
    batch = broadcast("solve", {"x1": tuple(x1.shape[:-2]), "x2": tuple(x2.shape[:-2])})
    return Spec((*batch, size, *columns), x1.dtype)


def _matrices_of(values: Any) -> Any:
    return expand_dims(expand_dims(values, -1), -1)


@lapack("det: failed")
def _det(xp: Any, x: Any) -> Any:
    return xp.asarray(xp.linalg.det(x), x.dtype)


@op(
    reference=_det,
    gradient=(lambda g, x, y: multiply(_matrices_of(multiply(g, y)), matrix_transpose(inv(x))),),
    samples=lambda rng: [
        ((well_conditioned(rng, 3, 3) / 2,), {}),
        ((complex_matrices(rng, 2, 2, 2),), {}),
    ],
    library="cuSOLVER",
)
def det(x, /):
    """The determinants of square matrices; the gradient needs matrices that are not singular.

    >>> round(float(tc.linalg.det(tc.asarray([[1.0, 2.0], [3.0, 4.0]]))), 4)
    -2.0
    """
    check_square("det", x)
    return Spec(tuple(x.shape[:-2]), x.dtype)


@lapack("slogdet: failed")
def _slogdet(xp: Any, x: Any) -> Any:
    sign, logarithm = xp.linalg.slogdet(x)
    return xp.asarray(sign, x.dtype), xp.asarray(logarithm, dtypes.real_of(x.dtype))


def _slogdet_back(g: Any, x: Any, y: Any) -> Any:
    of_sign, slope = g
    sign, _ = y
    if dtypes.KIND[x.dtype] == "complex":
        slope = make_complex(slope, imag(multiply(of_sign, sign)))
    return multiply(_matrices_of(slope), matrix_transpose(inv(x)))


@op(
    name="slogdet",
    reference=_slogdet,
    gradient=(_slogdet_back,),
    samples=lambda rng: [
        ((well_conditioned(rng, 3, 3),), {}),
        ((complex_matrices(rng, 2, 2, 2),), {}),
    ],
    library="cuSOLVER",
)
def slogdet_parts(x, /):
    """Sign, and logarithm of the absolute value, of determinants: what `slogdet` does."""
    check_square("slogdet", x)
    shape = tuple(x.shape[:-2])
    return Spec(shape, x.dtype), Spec(shape, dtypes.real_of(x.dtype))


class SignLogDet(NamedTuple):
    """The sign of determinants and the logarithm of their absolute values."""

    sign: Any
    logabsdet: Any


@composed
def slogdet(x: Any, /) -> SignLogDet:
    """Sign of determinants, and logarithm of their absolute values, without overflow.

    >>> tc.linalg.slogdet(tc.asarray([[-1.0, 0.0], [0.0, 1.0]])).sign.item()
    -1.0
    """
    return SignLogDet(*slogdet_parts(x))
