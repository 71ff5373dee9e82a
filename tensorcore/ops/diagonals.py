"""Parts of matrices: triangles, diagonals, the trace."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tensorcore.errors import ArgumentTypeError, ShapeError
from tensorcore.ops.composing import composed
from tensorcore.ops.logical import where
from tensorcore.ops.record import Spec, op
from tensorcore.ops.reductions import sum
from tensorcore.tensor import as_tensor


def check_matrices(op_name: str, x: Any) -> None:
    """Refuse what has fewer than two dimensions."""
    if len(x.shape) < 2:
        raise ShapeError(
            f"{op_name}: x must have at least 2 dimensions, received shape {tuple(x.shape)}"
        )


def _offset(op_name: str, argument: str, value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise ArgumentTypeError(
            f"{op_name}: {argument} must be an int, received {value!r}"
        ) from None


def _triangle(op_name: str, x: Any, k: Any, upper: bool) -> Any:
    x = as_tensor(x)
    check_matrices(op_name, x)
    k = _offset(op_name, "k", k)
    mask = np.tri(*x.shape[-2:], k=k - 1 if upper else k, dtype=np.bool_)
    kept = as_tensor(~mask if upper else mask, device=x.device)
    return where(kept, x, x.dtype.type(0))


@composed
def tril(x: Any, /, *, k: int = 0) -> Any:
    """The lower triangles of matrices: zeros above the k-th diagonal.

    Args:
        x: shape (..., rows, columns).
        k: diagonal; positive above the main one, negative below.

    >>> tc.tril(tc.ones((2, 2))).tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    return _triangle("tril", x, k, upper=False)


@composed
def triu(x: Any, /, *, k: int = 0) -> Any:
    """The upper triangles of matrices: zeros below the k-th diagonal.

    Args:
        x: shape (..., rows, columns).
        k: diagonal; positive above the main one, negative below.

    >>> tc.triu(tc.ones((2, 2))).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    return _triangle("triu", x, k, upper=True)


def _diagonal_size(shape: tuple[Any, ...], offset: int) -> Any:
    if None in shape[-2:]:
        return None
    rows, columns = shape[-2:]
    return max(0, min(rows + min(offset, 0), columns - max(offset, 0)))


@op(
    reference=lambda xp, x, offset: xp.diagonal(x, offset, -2, -1),
    gradient=(lambda g, x_shape, offset: with_diagonal(g, shape=x_shape[-2:], offset=offset),),
    samples=lambda rng: [
        ((rng.normal(size=(3, 3)),), {}),
        ((rng.normal(size=(2, 3, 4)),), {"offset": 2}),
        ((rng.normal(size=(3, 2)),), {"offset": -1}),
    ],
    is_view=True,
)
def diagonal(x, /, *, offset=0):
    """The diagonals of matrices.

    Args:
        x: shape (..., rows, columns).
        offset: which diagonal; positive above the main one, negative below.

    Returns:
        Shape (..., length of the diagonal).

    >>> tc.linalg.diagonal(tc.asarray([[1, 2], [3, 4]])).tolist()
    [1, 4]
    """
    check_matrices("diagonal", x)
    offset = _offset("diagonal", "offset", offset)
    return Spec((*x.shape[:-2], _diagonal_size(tuple(x.shape), offset)), x.dtype)


def _with_diagonal(xp: Any, x: Any, shape: tuple[int, int], offset: int) -> Any:
    result = xp.zeros((*x.shape[:-1], *shape), x.dtype)
    rows = xp.arange(x.shape[-1]) - min(offset, 0)
    result[..., rows, rows + offset] = x
    return result


@op(
    reference=_with_diagonal,
    gradient=(lambda g, offset: diagonal(g, offset=offset),),
    samples=lambda rng: [((rng.normal(size=(2, 2)),), {"shape": (3, 4), "offset": 2})],
)
def with_diagonal(x, /, *, shape, offset=0):
    """Matrices of the given shape, zero but for the `offset`-th diagonal, which holds x.

    >>> tc.ops.diagonals.with_diagonal(tc.asarray([1, 2]), shape=(2, 2)).tolist()
    [[1, 0], [0, 2]]
    """
    size = _diagonal_size(tuple(shape), offset)
    if not x.shape or (x.shape[-1] not in (size, None) and size is not None):
        raise ShapeError(
            f"with_diagonal: diagonal {offset} of matrices of shape {tuple(shape)} has {size} "
            f"elements, x has shape {tuple(x.shape)}"
        )
    return Spec((*x.shape[:-1], *shape), x.dtype)


@composed
def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """The sums of the diagonals of matrices.

    >>> tc.linalg.trace(tc.asarray([[1, 2], [3, 4]])).item()
    5
    """
    return sum(diagonal(x, offset=offset), axis=-1, dtype=dtype)
