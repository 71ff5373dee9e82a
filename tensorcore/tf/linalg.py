"""`tf.linalg`: linear algebra under TensorFlow's names."""

from __future__ import annotations

from typing import Any

from tensorcore import linalg as own
from tensorcore import missing
from tensorcore.ops import decompositions, diagonals, shaping, solving
from tensorcore.ops.logical import greater_equal, less_equal
from tensorcore.tensor import Tensor, as_tensor
from tensorcore.tf.arrays import eye
from tensorcore.tf.math import einsum, l2_normalize, matmul, tensordot
from tensorcore.tf.naming import named, table

OPERATIONS = {
    "cholesky": decompositions.cholesky,
    "cross": own.cross,
    "det": solving.det,
    "diag_part": diagonals.diagonal,
    "eigh": decompositions.eigh,
    "eigvalsh": decompositions.eigvalsh,
    "expm": own.expm,
    "inv": solving.inv,
    "matrix_rank": own.matrix_rank,
    "matrix_transpose": shaping.matrix_transpose,
    "pinv": decompositions.pinv,
    "slogdet": solving.slogdet,
    "trace": diagonals.trace,
}
globals().update(table(OPERATIONS))

__all__ = [
    *OPERATIONS,
    "adjoint",
    "band_part",
    "diag",
    "einsum",
    "eye",
    "l2_normalize",
    "lstsq",
    "matmul",
    "matvec",
    "norm",
    "normalize",
    "qr",
    "solve",
    "svd",
    "tensordot",
]

lstsq = named(lambda matrix, rhs: own.lstsq(as_tensor(matrix), as_tensor(rhs))[0])


def norm(
    tensor: Any,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
) -> Tensor:
    """The length of all elements together, or along dimensions."""
    x = as_tensor(tensor)
    kind = 2 if ord == "euclidean" else ord
    if axis is None:
        length = own.norm(shaping.reshape(x, (-1,)), ord=kind)
        return shaping.reshape(length, (1,) * x.ndim) if keepdims else length
    over = tuple(axis) if isinstance(axis, list) else axis
    if isinstance(over, tuple) and ord == "euclidean":
        kind = "fro"
    return own.norm(x, ord=kind, axis=over, keepdims=bool(keepdims))


def normalize(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, name: str | None = None
) -> Any:
    """(tensor / norm, norm)."""
    x = as_tensor(tensor)
    length = norm(x, ord, axis, keepdims=True)
    return x / length, length  # type: ignore[operator]


def matvec(a: Any, b: Any, transpose_a: bool = False, name: str | None = None) -> Tensor:
    """A matrix times a vector."""
    column = shaping.expand_dims(as_tensor(b), axis=-1)
    return shaping.squeeze(matmul(a, column, transpose_a=transpose_a), axis=-1)


def solve(matrix: Any, rhs: Any, adjoint: bool = False, name: str | None = None) -> Tensor:
    """x with matrix @ x = rhs."""
    a = as_tensor(matrix)
    return solving.solve(shaping.matrix_transpose(a) if adjoint else a, as_tensor(rhs))


def svd(
    tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: str | None = None
) -> Any:
    """(s, u, v) with tensor = u @ diag(s) @ transpose(v)."""
    x = as_tensor(tensor)
    if not compute_uv:
        return decompositions.svdvals(x)
    u, s, vh = decompositions.svd(x, full_matrices=full_matrices)
    return s, u, shaping.matrix_transpose(vh)


def qr(input: Any, full_matrices: bool = False, name: str | None = None) -> Any:
    """(q, r): an orthogonal and an upper triangular matrix."""
    return decompositions.qr(as_tensor(input), mode="complete" if full_matrices else "reduced")


def adjoint(matrix: Any, name: str | None = None) -> Tensor:
    """The transposed matrix, conjugated."""
    from tensorcore.ops.complex_numbers import conj

    return conj(shaping.matrix_transpose(as_tensor(matrix)))


def diag(diagonal: Any, name: str = "diag", k: int = 0) -> Tensor:
    """A matrix with this diagonal."""
    from tensorcore.ops.creation import eye as own_eye
    from tensorcore.ops.joining import pad

    values = as_tensor(diagonal)
    size = values.shape[-1]
    unit = own_eye(size, dtype=values.dtype, device=values.device)
    matrix = shaping.expand_dims(values, axis=-1) * unit  # type: ignore[operator]
    if not k:
        return matrix
    rows, columns = (0, k), (k, 0)
    width = (rows, columns) if k > 0 else ((-k, 0), (0, -k))
    return pad(matrix, [(0, 0)] * (matrix.ndim - 2) + list(width))


def band_part(input: Any, num_lower: int, num_upper: int, name: str | None = None) -> Tensor:
    """The matrix with what lies outside a band around the diagonal set to 0; -1 keeps a side."""
    from tensorcore.ops.creation import arange

    x = as_tensor(input)
    rows, columns = x.shape[-2:]
    with x.device:
        distance = shaping.expand_dims(arange(rows), axis=-1) - arange(columns)  # type: ignore[operator]
    keep = None
    if num_lower >= 0:
        keep = less_equal(distance, num_lower)
    if num_upper >= 0:
        upper = greater_equal(distance, -num_upper)
        keep = upper if keep is None else keep & upper  # type: ignore[operator]
    return x if keep is None else x * keep.astype(x.dtype)  # type: ignore[operator, attr-defined]


def __getattr__(name: str) -> Any:
    raise missing.attribute(__name__, name, __all__)
