"""Linear algebra: the array API standard's `linalg`, and NumPy's `norm`."""

from typing import Any

from tensorcore import missing
from tensorcore.ops.decompositions import (
    cholesky,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    pinv,
    qr,
    svd,
    svdvals,
)
from tensorcore.ops.diagonals import diagonal, trace
from tensorcore.ops.linear import matmul, tensordot, vecdot
from tensorcore.ops.matrices import (
    cross,
    expm,
    lstsq,
    matrix_norm,
    matrix_power,
    matrix_rank,
    norm,
    outer,
    vector_norm,
)
from tensorcore.ops.shaping import matrix_transpose
from tensorcore.ops.solving import det, inv, slogdet, solve

__all__ = [
    "cholesky",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "expm",
    "inv",
    "lstsq",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "norm",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]


def __getattr__(name: str) -> Any:
    raise missing.attribute(__name__, name, __all__)


def __dir__() -> list[str]:
    return sorted(__all__)
