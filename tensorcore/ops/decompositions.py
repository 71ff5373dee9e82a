"""Decompositions of matrices.  On a GPU they need cuSOLVER; where that library
cannot be loaded they run on the CPU, and `op.runs` says "host".

The gradients are written for real and complex matrices alike, with G the gradient as users see it
and H the conjugate transpose: I. Murray,
"Differentiation of the Cholesky decomposition" (2016); D. Roberts, L. Roberts, "QR and LQ
decomposition matrix backpropagation" (2020); J. Townsend, "Differentiating the singular value
decomposition" (2016); G. Golub, V. Pereyra (1973) for the pseudo-inverse.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import GradientError, InvalidArgumentError
from tensorcore.ops.arithmetic import add, divide, multiply, subtract
from tensorcore.ops.complex_numbers import real
from tensorcore.ops.composing import composed
from tensorcore.ops.diagonals import check_matrices, diagonal, tril, with_diagonal
from tensorcore.ops.joining import concat, cut
from tensorcore.ops.lapack import (
    adjoint,
    check_square,
    complex_matrices,
    conjugated,
    lapack,
    outside,
    real_part,
    well_conditioned,
)
from tensorcore.ops.linear import matmul
from tensorcore.ops.logical import equal, where
from tensorcore.ops.record import Spec, check_inexact, op
from tensorcore.ops.shaping import expand_dims
from tensorcore.ops.solving import solve
from tensorcore.tensor import as_tensor


def _symmetric(xp: Any, x: Any) -> Any:
    return (x + xp.conjugate(x.swapaxes(-1, -2))) / 2


def _symmetrised(x: Any) -> Any:
    return divide(add(x, adjoint(x)), 2)


def _differences(values: Any) -> Any:
    """values[j] - values[i], with 1 where that is 0; the terms divided by it are 0 there."""
    difference = subtract(expand_dims(values, -2), expand_dims(values, -1))
    return where(equal(difference, 0), 1, difference)


def _off_diagonal(x: Any, values: Any) -> Any:
    """x where `values` differ, 0 where they are equal (on the diagonal at least)."""
    return where(equal(expand_dims(values, -2), expand_dims(values, -1)), 0, x)


def _positive(rng: np.random.Generator, *shape: int) -> Any:
    x = well_conditioned(rng, *shape)
    return x @ np.swapaxes(x, -1, -2) / 4


# Cholesky -----------------------------------------------------------------------------------------


@lapack("cholesky: x must be positive definite")
def _cholesky(xp: Any, x: Any, upper: bool) -> Any:
    lower = xp.linalg.cholesky(_symmetric(xp, x))
    return xp.conjugate(lower.swapaxes(-1, -2)).copy() if upper else lower


@outside
def _cholesky_back(g: Any, y: Any, upper: bool) -> Any:
    lower, g = (adjoint(y), adjoint(g)) if upper else (y, g)
    inner = tril(matmul(adjoint(lower), tril(g)))
    inner = subtract(inner, with_diagonal(divide(diagonal(inner), 2), shape=inner.shape[-2:]))
    inner = solve(adjoint(lower), inner)
    return _symmetrised(adjoint(solve(adjoint(lower), adjoint(inner))))


@op(
    reference=_cholesky,
    gradient=(_cholesky_back,),
    samples=lambda rng: [
        ((_positive(rng, 3, 3),), {}),
        ((_positive(rng, 2, 3, 3),), {"upper": True}),
        ((_positive(rng, 3, 3) + 0j,), {}),
    ],
    library="cuSOLVER",
)
def cholesky(x, /, *, upper=False):
    """The triangular L with L L^H = x.

    Args:
        x: shape (..., n, n), positive definite; (x + x^H) / 2 is used.
        upper: return U = L^H, so that U^H U = x.

    Raises:
        InvalidArgumentError: x is not positive definite (on the GPU: NaN).

    >>> tc.linalg.cholesky(tc.asarray([[4.0, 2.0], [2.0, 5.0]])).tolist()
    [[2.0, 0.0], [1.0, 2.0]]
    """
    check_square("cholesky", x)
    return Spec(tuple(x.shape), x.dtype)


# Eigenvalues --------------------------------------------------------------------------------------


@lapack("eigh: did not converge")
def _eigh(xp: Any, x: Any) -> Any:
    values, vectors = xp.linalg.eigh(_symmetric(xp, x))
    return values, vectors


@outside
def _eigh_back(g: Any, y: Any) -> Any:
    of_values, of_vectors = g
    values, vectors = y
    inner = divide(matmul(adjoint(vectors), of_vectors), _differences(values))
    inner = _off_diagonal(inner, values)
    inner = add(inner, with_diagonal(of_values, shape=inner.shape[-2:]))
    return _symmetrised(matmul(matmul(vectors, inner), adjoint(vectors)))


@op(
    name="eigh",
    reference=_eigh,
    gradient=(_eigh_back,),
    samples=lambda rng: [
        ((_positive(rng, 3, 3),), {}),
        ((_positive(rng, 2, 3, 3),), {}),
    ],
    library="cuSOLVER",
)
def eigh_parts(x, /):
    """Eigenvalues and eigenvectors of symmetric matrices: what `eigh` does."""
    check_square("eigh", x)
    shape = tuple(x.shape)
    return Spec(shape[:-1], dtypes.real_of(x.dtype)), Spec(shape, x.dtype)


@lapack("eig: did not converge")
def _eig(xp: Any, x: Any) -> Any:
    values, vectors = xp.linalg.eig(x)
    kind = dtypes.complex_of(x.dtype)
    return values.astype(kind, copy=False), vectors.astype(kind, copy=False)


@outside
def _eig_back(g: Any, y: Any) -> Any:
    of_values, of_vectors = g
    values, vectors = y
    back = adjoint(vectors)
    inner = matmul(back, of_vectors)
    # eigenvectors have length 1: changes of length are taken out
    length = multiply(matmul(back, vectors), expand_dims(real(diagonal(inner)), -2))
    inner = divide(subtract(inner, length), conjugated(_differences(values)))
    inner = _off_diagonal(inner, values)
    inner = add(inner, with_diagonal(of_values, shape=inner.shape[-2:]))
    return solve(back, matmul(inner, back))


@op(
    name="eig",
    reference=_eig,
    gradient=(_eig_back,),
    samples=lambda rng: [((well_conditioned(rng, 3, 3),), {})],
    library="cuSOLVER",
)
def eig_parts(x, /):
    """Eigenvalues and eigenvectors of any square matrices: what `eig` does."""
    check_square("eig", x)
    shape, kind = tuple(x.shape), dtypes.complex_of(x.dtype)
    return Spec(shape[:-1], kind), Spec(shape, kind)


# Singular values ----------------------------------------------------------------------------------


@lapack("svd: did not converge")
def _svd(xp: Any, x: Any, full_matrices: bool) -> Any:
    u, s, vh = xp.linalg.svd(x, full_matrices=full_matrices)
    return u, s, vh


def _skew(x: Any) -> Any:
    return subtract(x, adjoint(x))


@outside
def _svd_back(g: Any, y: Any, full_matrices: bool, x_shape: tuple[int, ...]) -> Any:
    of_u, of_s, of_vh = g
    u, s, vh = y
    rows, columns = x_shape[-2:]
    if full_matrices and rows != columns:
        raise GradientError(
            "svd: the gradient needs full_matrices=False; the additional vectors of full_matrices "
            "are not determined by x"
        )
    squares = multiply(s, s)
    across, down = expand_dims(s, -2), expand_dims(s, -1)
    left = _off_diagonal(divide(_skew(matmul(adjoint(u), of_u)), _differences(squares)), s)
    right = matmul(vh, adjoint(of_vh))
    right = _off_diagonal(divide(_skew(right), _differences(squares)), s)
    inner = add(multiply(left, across), multiply(down, right))
    inner = add(inner, with_diagonal(of_s, shape=inner.shape[-2:]))
    if rows > columns:
        outside = divide(subtract(of_u, matmul(u, matmul(adjoint(u), of_u))), across)
        return matmul(add(matmul(u, inner), outside), vh)
    inner = matmul(inner, vh)
    if columns > rows:
        outside = subtract(of_vh, matmul(matmul(of_vh, adjoint(vh)), vh))
        inner = add(inner, divide(outside, down))
    return matmul(u, inner)


@op(
    name="svd",
    reference=_svd,
    gradient=(_svd_back,),
    samples=lambda rng: [
        ((well_conditioned(rng, 3, 3),), {}),
        ((well_conditioned(rng, 2, 4, 2),), {"full_matrices": False}),
        ((well_conditioned(rng, 2, 3),), {"full_matrices": False}),
    ],
    library="cuSOLVER",
)
def svd_parts(x, /, *, full_matrices=True):
    """U, S, V^H: what `svd` does."""
    check_matrices("svd", x)
    check_inexact("svd", "x", x.dtype)
    *batch, rows, columns = x.shape
    size = None if None in (rows, columns) else min(rows, columns)
    u = (*batch, rows, rows if full_matrices else size)
    vh = (*batch, columns if full_matrices else size, columns)
    real_dtype = dtypes.real_of(x.dtype)
    return Spec(u, x.dtype), Spec((*batch, size), real_dtype), Spec(vh, x.dtype)


@lapack("pinv: did not converge")
def _pinv(xp: Any, x: Any, rtol: Any) -> Any:
    if x.size == 0:
        return xp.zeros((*x.shape[:-2], x.shape[-1], x.shape[-2]), x.dtype)
    u, s, vh = xp.linalg.svd(x, full_matrices=False)
    cutoff = xp.asarray(rtol)[..., None] * s[..., :1]
    inverse = xp.where(s > cutoff, 1 / xp.where(s > cutoff, s, s.dtype.type(1)), s.dtype.type(0))
    product = xp.matmul(
        vh.swapaxes(-1, -2).conj() * inverse[..., None, :], u.swapaxes(-1, -2).conj()
    )
    return product.astype(x.dtype, copy=False)


@outside
def _pinv_back(g: Any, x: Any, y: Any) -> Any:
    back, p = adjoint(g), y
    ph = adjoint(p)
    if x.shape[-2] <= x.shape[-1]:
        k = matmul(back, p)
        result = subtract(matmul(k, ph), adjoint(matmul(p, k)))
        result = subtract(result, matmul(matmul(x, p), matmul(k, ph)))
        return add(result, matmul(matmul(ph, p), subtract(back, matmul(k, x))))
    k = matmul(p, back)
    result = subtract(matmul(ph, k), adjoint(matmul(k, p)))
    result = subtract(result, matmul(matmul(ph, k), matmul(p, x)))
    return add(result, matmul(subtract(back, matmul(x, k)), matmul(p, ph)))


@op(
    name="pinv",
    reference=_pinv,
    gradient=(_pinv_back,),
    samples=lambda rng: [
        ((well_conditioned(rng, 4, 2),), {"rtol": 1e-6}),
        ((well_conditioned(rng, 2, 2, 3),), {"rtol": 1e-6}),
        ((complex_matrices(rng, 2, 3),), {"rtol": 1e-6}),
    ],
    library="cuSOLVER",
)
def pinv_with(x, /, *, rtol):
    """Pseudo-inverses with the given tolerance: what `pinv` does."""
    check_matrices("pinv", x)
    check_inexact("pinv", "x", x.dtype)
    *batch, rows, columns = x.shape
    return Spec((*batch, columns, rows), x.dtype)


# QR -----------------------------------------------------------------------------------------------


@lapack("qr: failed")
def _qr(xp: Any, x: Any, mode: str) -> Any:
    q, r = xp.linalg.qr(x, mode=mode)
    return q, r


def _qr_square_back(of_q: Any, of_r: Any, q: Any, r: Any) -> Any:
    inner = subtract(matmul(r, adjoint(of_r)), matmul(adjoint(of_q), q))
    below = tril(inner, k=-1)
    middle = with_diagonal(real_part(diagonal(inner)), shape=inner.shape[-2:])
    inner = add(add(below, adjoint(below)), middle)
    # Y R^-H, by solving R Z = Y^H
    return adjoint(solve(r, adjoint(add(of_q, matmul(q, inner)))))


@outside
def _qr_back(g: Any, x: Any, y: Any, mode: str) -> Any:
    of_q, of_r = g
    q, r = y
    rows, columns = x.shape[-2:]
    if rows >= columns:
        if mode == "complete" and rows > columns:
            raise GradientError('qr: the gradient of a tall matrix needs mode="reduced"')
        return _qr_square_back(of_q, of_r, q, r)

    def split(m: Any) -> tuple[Any, Any]:
        return (
            cut(m, axis=-1, start=0, stop=rows),
            cut(m, axis=-1, start=rows, stop=columns),
        )

    (_, x_right), (r_left, _), (of_left, of_right) = split(x), split(r), split(of_r)
    of_q = add(of_q, matmul(x_right, adjoint(of_right)))
    left = _qr_square_back(of_q, of_left, q, r_left)
    return concat([left, matmul(q, of_right)], axis=-1)


@op(
    name="qr",
    reference=_qr,
    gradient=(_qr_back,),
    samples=lambda rng: [
        ((well_conditioned(rng, 3, 3),), {}),
        ((well_conditioned(rng, 2, 4, 2),), {}),
        ((well_conditioned(rng, 2, 3),), {}),
        ((well_conditioned(rng, 2, 3),), {"mode": "complete"}),
    ],
    library="cuSOLVER",
)
def qr_parts(x, /, *, mode="reduced"):
    """Q and R: what `qr` does."""
    check_matrices("qr", x)
    check_inexact("qr", "x", x.dtype)
    if mode not in ("reduced", "complete"):
        raise InvalidArgumentError(f'qr: mode must be "reduced" or "complete", received {mode!r}')
    *batch, rows, columns = x.shape
    size = rows if mode == "complete" else None if None in (rows, columns) else min(rows, columns)
    return Spec((*batch, rows, size), x.dtype), Spec((*batch, size, columns), x.dtype)


# With named results -------------------------------------------------------------------------------


class Eigen(NamedTuple):
    """Eigenvalues, and the eigenvectors as columns."""

    eigenvalues: Any
    eigenvectors: Any


class QR(NamedTuple):
    """Q with orthonormal columns, and the upper triangular R."""

    Q: Any
    R: Any


class SVD(NamedTuple):
    """U and V^H with orthonormal columns and rows, and the singular values, descending."""

    U: Any
    S: Any
    Vh: Any


@composed
def eigh(x: Any, /) -> Eigen:
    """Eigenvalues, ascending, and eigenvectors of symmetric (Hermitian) matrices.

    Args:
        x: shape (..., n, n); (x + x^H) / 2 is used.

    The gradient of the eigenvectors needs distinct eigenvalues: terms of equal ones are left out.

    >>> tc.linalg.eigh(tc.asarray([[2.0, 0.0], [0.0, 1.0]])).eigenvalues.tolist()
    [1.0, 2.0]
    """
    return Eigen(*eigh_parts(x))


@composed
def eigvalsh(x: Any, /) -> Any:
    """Eigenvalues, ascending, of symmetric (Hermitian) matrices.

    >>> tc.linalg.eigvalsh(tc.asarray([[2.0, 0.0], [0.0, 1.0]])).tolist()
    [1.0, 2.0]
    """
    return eigh_parts(x)[0]


@composed
def eig(x: Any, /) -> Eigen:
    """Eigenvalues and eigenvectors of square matrices, always complex.

    >>> tc.linalg.eig(tc.asarray([[0.0, 1.0], [-1.0, 0.0]])).eigenvalues.tolist()
    [1j, -1j]
    """
    return Eigen(*eig_parts(x))


@composed
def eigvals(x: Any, /) -> Any:
    """Eigenvalues of square matrices, always complex.

    >>> tc.linalg.eigvals(tc.asarray([[0.0, 1.0], [-1.0, 0.0]])).tolist()
    [1j, -1j]
    """
    return eig_parts(x)[0]


@composed
def qr(x: Any, /, *, mode: str = "reduced") -> QR:
    """The decomposition x = Q R.

    Args:
        x: shape (..., m, n).
        mode: "reduced": Q of shape (..., m, min(m, n)); "complete": Q of shape (..., m, m).

    >>> tc.linalg.qr(tc.ones((3, 2))).R.shape
    (2, 2)
    """
    return QR(*qr_parts(x, mode=mode))


@composed
def svd(x: Any, /, *, full_matrices: bool = True) -> SVD:
    """The singular value decomposition x = U diag(S) V^H.

    Args:
        x: shape (..., m, n).
        full_matrices: square U and V^H; else the min(m, n) first vectors, as gradients need it.

    >>> tc.linalg.svd(tc.asarray([[3.0, 0.0], [0.0, 4.0]])).S.tolist()
    [4.0, 3.0]
    """
    return SVD(*svd_parts(x, full_matrices=full_matrices))


@composed
def svdvals(x: Any, /) -> Any:
    """The singular values of matrices, descending.

    >>> tc.linalg.svdvals(tc.asarray([[3.0, 0.0], [0.0, 4.0]])).tolist()
    [4.0, 3.0]
    """
    return svd_parts(x, full_matrices=False)[1]


def default_rtol(x: Any) -> float:
    """The tolerance relative to the greatest singular value: max(m, n) eps."""
    dtype = dtypes.accumulator(dtypes.real_of(check_inexact("rtol", "x", x.dtype)))
    return float(max(x.shape[-2:]) * np.finfo(dtype).eps)


@composed
def pinv(x: Any, /, *, rtol: Any = None) -> Any:
    """Pseudo-inverses (Moore, Penrose).

    Args:
        x: shape (..., m, n).
        rtol: singular values below rtol times the greatest count as 0; max(m, n) eps by default.

    >>> tc.linalg.pinv(tc.asarray([[2.0], [0.0]])).tolist()
    [[0.5, 0.0]]
    """
    x = as_tensor(x)
    check_matrices("pinv", x)
    if rtol is None:
        rtol = default_rtol(x)
    elif hasattr(rtol, "shape"):
        rtol = as_tensor(rtol).numpy()
    return pinv_with(x, rtol=rtol)
