"""Linear algebra composed of other operations: norms, powers, products of vectors."""

from __future__ import annotations

import builtins
import math
import operator
from typing import Any

from tensorcore import dtypes
from tensorcore.errors import ArgumentTypeError, DTypeError, InvalidArgumentError, ShapeError
from tensorcore.ops import linear
from tensorcore.ops.arithmetic import (
    abs,
    add,
    ceil,
    clip,
    maximum,
    multiply,
    negative,
    pow,
    subtract,
)
from tensorcore.ops.composing import composed
from tensorcore.ops.creation import eye
from tensorcore.ops.decompositions import default_rtol, pinv, svdvals
from tensorcore.ops.diagonals import check_matrices
from tensorcore.ops.exponential import exp2, log2, sqrt
from tensorcore.ops.joining import stack, take_one
from tensorcore.ops.lapack import check_square
from tensorcore.ops.linear import matmul
from tensorcore.ops.logical import equal, greater, less, less_equal, not_equal, where
from tensorcore.ops.record import check_inexact
from tensorcore.ops.reductions import max, min, sum
from tensorcore.ops.shapes import axes_tuple, axis_index, broadcast
from tensorcore.ops.shaping import broadcast_to, expand_dims, reshape
from tensorcore.ops.solving import inv, solve
from tensorcore.ops.transfer import astype
from tensorcore.tensor import StandIn, as_tensor

# Norms --------------------------------------------------------------------------------------------


def _root(total: Any) -> Any:
    """The square root with gradient 0, not NaN, where the total is 0."""
    zero = equal(total, 0)
    return where(zero, total, sqrt(where(zero, 1, total)))


def _sum_of_squares(x: Any, axis: Any, keepdims: bool) -> Any:
    size = abs(x) if dtypes.KIND[x.dtype] == "complex" else x
    return sum(multiply(size, size), axis=axis, keepdims=keepdims)


@composed
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: float = 2) -> Any:
    """The p-norm of vectors; the gradient at the zero vector is 0.

    Args:
        x: tensor of a floating-point dtype.
        axis: dimension or dimensions that form the vectors; None for all.
        keepdims: keep those dimensions with size 1.
        ord: p; infinity for the greatest absolute value, 0 for the number of nonzero elements.

    >>> float(tc.linalg.vector_norm(tc.asarray([3.0, 4.0])))
    5.0
    """
    x = as_tensor(x)
    check_inexact("vector_norm", "x", x.dtype)
    if axis == ():
        axis = None if x.ndim == 0 else axis
    if ord == 2:
        return _root(_sum_of_squares(x, axis, keepdims))
    size = abs(x)
    if ord == math.inf:
        return max(size, axis=axis, keepdims=keepdims)
    if ord == -math.inf:
        return min(size, axis=axis, keepdims=keepdims)
    if ord == 0:
        return sum(astype(not_equal(x, 0), size.dtype), axis=axis, keepdims=keepdims)
    if ord == 1:
        return sum(size, axis=axis, keepdims=keepdims)
    total = sum(pow(size, float(ord)), axis=axis, keepdims=keepdims)
    return pow(total, 1.0 / ord)


@composed
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """Norms of matrices.

    Args:
        x: shape (..., m, n).
        keepdims: keep the last two dimensions with size 1.
        ord: "fro" (root of the sum of squares), "nuc" (sum of the singular values), 1 and -1
            (greatest and smallest column sum), inf and -inf (row sums), 2 and -2 (singular values).

    >>> float(tc.linalg.matrix_norm(tc.asarray([[3.0, 0.0], [0.0, 4.0]])))
    5.0
    """
    x = as_tensor(x)
    check_matrices("matrix_norm", x)
    check_inexact("matrix_norm", "x", x.dtype)
    if ord == "fro":
        return _root(_sum_of_squares(x, (-2, -1), keepdims))
    if ord == "nuc":
        result = sum(svdvals(x), axis=-1)
    elif ord in (2, -2):
        result = (max if ord == 2 else min)(svdvals(x), axis=-1)
    elif ord in (1, -1, math.inf, -math.inf):
        along = -2 if ord in (1, -1) else -1
        sums = sum(abs(x), axis=along)
        result = (max if ord > 0 else min)(sums, axis=-1)
    else:
        raise InvalidArgumentError(
            f'matrix_norm: ord must be "fro", "nuc", 1, -1, 2, -2, inf or -inf, received {ord!r}'
        )
    return expand_dims(result, (-2, -1)) if keepdims else result


@composed
def norm(x: Any, /, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """NumPy's `linalg.norm`: of a vector, or of matrices where `axis` has two dimensions.

    >>> float(tc.linalg.norm(tc.asarray([3.0, 4.0])))
    5.0
    """
    x = as_tensor(x)
    if ord is None:
        return vector_norm(x, axis=axis, keepdims=keepdims)
    places = axes_tuple("norm", axis, x.ndim)
    if len(places) == 1:
        return vector_norm(x, axis=places, keepdims=keepdims, ord=ord)
    if len(places) != 2 or places != (x.ndim - 2, x.ndim - 1):
        raise InvalidArgumentError(
            f"norm: with ord, axis must be one dimension or the last two, received {axis}"
        )
    return matrix_norm(x, ord=ord, keepdims=keepdims)


@composed
def matrix_rank(x: Any, /, *, rtol: Any = None) -> Any:
    """The ranks of matrices: the number of singular values above rtol times the greatest, int64.

    >>> tc.linalg.matrix_rank(tc.asarray([[1.0, 0.0], [0.0, 0.0]])).item()
    1
    """
    x = as_tensor(x)
    check_matrices("matrix_rank", x)
    values = svdvals(x)
    rtol = default_rtol(x) if rtol is None else rtol
    if values.shape[-1] == 0:
        return sum(astype(values, dtypes.int64), axis=-1)
    limit = multiply(max(values, axis=-1), rtol)
    return sum(greater(values, expand_dims(limit, -1)), axis=-1, dtype=dtypes.int64)


# Products -----------------------------------------------------------------------------------------


@composed
def matrix_power(x: Any, n: int, /) -> Any:
    """x multiplied with itself n times; negative n take the inverse.

    >>> tc.linalg.matrix_power(tc.asarray([[1.0, 1.0], [0.0, 1.0]]), 3).tolist()
    [[1.0, 3.0], [0.0, 1.0]]
    """
    x = as_tensor(x)
    check_square("matrix_power", x)
    try:
        n = operator.index(n)
    except TypeError:
        raise ArgumentTypeError(f"matrix_power: n must be an int, received {n!r}") from None
    if n == 0:
        return broadcast_to(eye(x.shape[-1], dtype=x.dtype, device=x.device), x.shape)
    if n < 0:
        x, n = inv(x), -n
    result = None
    while n:
        if n % 2:
            result = x if result is None else matmul(result, x)
        n //= 2
        x = matmul(x, x) if n else x
    return result


@composed
def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The vector products of vectors of length 3; the other dimensions broadcast.

    Args:
        x1: tensor of a numeric dtype.
        x2: tensor of a numeric dtype.
        axis: the dimension of size 3, counted in the broadcast shape.

    >>> tc.linalg.cross(tc.asarray([1, 0, 0]), tc.asarray([0, 1, 0])).tolist()
    [0, 0, 1]
    """
    x1, x2 = as_tensor(x1), as_tensor(x2)
    for name, x in (("x1", x1), ("x2", x2)):
        if x.dtype == dtypes.bool:
            raise DTypeError(f"cross: {name} must have a numeric dtype, received bool")
        if x.shape[axis_index("cross", axis, x.ndim)] != 3:
            raise ShapeError(
                f"cross: {name} must have size 3 along axis {axis}, received shape {x.shape}"
            )
    shape = broadcast("cross", {"x1": x1.shape, "x2": x2.shape})
    place = axis_index("cross", axis, len(shape))
    a, b = (
        [take_one(broadcast_to(x, shape), i, place, len(shape)) for i in range(3)] for x in (x1, x2)
    )
    parts = [
        subtract(multiply(a[i], b[j]), multiply(a[j], b[i])) for i, j in ((1, 2), (2, 0), (0, 1))
    ]
    return stack(parts, axis=place)


@composed
def outer(x1: Any, x2: Any, /) -> Any:
    """Products of every element of one vector with every element of another.

    >>> tc.linalg.outer(tc.asarray([1, 2]), tc.asarray([3, 4])).tolist()
    [[3, 4], [6, 8]]
    """
    x1, x2 = as_tensor(x1), as_tensor(x2)
    for name, x in (("x1", x1), ("x2", x2)):
        if x.ndim != 1:
            raise ShapeError(f"outer: {name} must have one dimension, received shape {x.shape}")
    return linear.outer(x1, x2)


@composed
def kron(x1: Any, x2: Any, /) -> Any:
    """The Kronecker product: every element of x1 times the whole of x2.

    >>> tc.kron(tc.asarray([1, 10]), tc.asarray([1, 2])).tolist()
    [1, 2, 10, 20]
    """
    x1, x2 = as_tensor(x1), as_tensor(x2)
    ndim = builtins.max(x1.ndim, x2.ndim)
    a = (1,) * (ndim - x1.ndim) + x1.shape
    b = (1,) * (ndim - x2.ndim) + x2.shape
    left = reshape(x1, tuple(n for size in a for n in (size, 1)))
    right = reshape(x2, tuple(n for size in b for n in (1, size)))
    return reshape(multiply(left, right), tuple(n * m for n, m in zip(a, b, strict=True)))


# Least squares and the exponential ----------------------------------------------------------------


@composed
def lstsq(x1: Any, x2: Any, /, *, rtol: Any = None) -> Any:
    """The x that makes the sum of squares of x1 @ x - x2 smallest; of several the shortest.

    Args:
        x1: shape (..., m, n).
        x2: shape (m,), or (..., m, k).
        rtol: singular values below rtol times the greatest count as 0; see `pinv`.

    >>> solution = tc.linalg.lstsq(tc.asarray([[1.0], [1.0]]), tc.asarray([1.0, 3.0]))
    >>> round(float(solution[0]), 4)
    2.0
    """
    return matmul(pinv(x1, rtol=rtol), x2)


# Numerator of the (13, 13) Pade approximation of exp; the denominator has the signs alternating.
_PADE = (
    64764752532480000.0,
    32382376266240000.0,
    7771770303897600.0,
    1187353796428800.0,
    129060195264000.0,
    10559470521600.0,
    670442572800.0,
    33522128640.0,
    1323241920.0,
    40840800.0,
    960960.0,
    16380.0,
    182.0,
    1.0,
)
_MOST_SQUARINGS = 24  # in a traced function, which cannot look at the norm
_PADE_NORM = 5.37  # greatest 1-norm for which the approximation is exact to float64


@composed
def expm(x: Any, /) -> Any:
    """The exponentials of square matrices.

    By scaling and squaring around a Pade approximation: N. Higham, "The scaling and squaring method
    for the matrix exponential revisited" (2005).  Eagerly the norm is looked at on
    the host; a traced function squares at most 24 times, and gives NaN beyond norms of 9e7.

    >>> tc.linalg.expm(tc.asarray([[0.0, 1.0], [0.0, 0.0]])).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    x = as_tensor(x)
    check_square("expm", x)
    if x.size == 0:
        return x
    size = matrix_norm(x, ord=1)
    if isinstance(x, StandIn):
        squarings = clip(ceil(log2(maximum(size, _PADE_NORM) / _PADE_NORM)), 0, _MOST_SQUARINGS)
        a = multiply(x, exp2(negative(squarings))[..., None, None])
        result = _pade(a)
        for number in range(_MOST_SQUARINGS):
            goes_on = less(number, squarings)[..., None, None]
            result = where(goes_on, matmul(result, result), result)
        is_fine = less_equal(size, _PADE_NORM * 2.0**_MOST_SQUARINGS)[..., None, None]
        return where(is_fine, result, math.nan)
    largest = float(max(size))
    if not math.isfinite(largest):
        raise InvalidArgumentError("expm: x must be finite")
    count = builtins.max(0, math.ceil(math.log2(largest / _PADE_NORM))) if largest else 0
    result = _pade(multiply(x, 2.0**-count))
    for _ in range(count):
        result = matmul(result, result)
    return result


def _pade(a: Any) -> Any:
    """The exponentials of matrices of small norm."""
    unit = broadcast_to(eye(a.shape[-1], dtype=a.dtype, device=a.device), a.shape)
    b = [coefficient / _PADE[0] for coefficient in _PADE]
    square = matmul(a, a)
    power, odd, even = unit, multiply(unit, b[1]), multiply(unit, b[0])
    for i in range(2, len(b), 2):
        power = matmul(power, square)
        even = add(even, multiply(power, b[i]))
        odd = add(odd, multiply(power, b[i + 1]))
    odd = matmul(a, odd)
    return solve(subtract(even, odd), add(even, odd))
