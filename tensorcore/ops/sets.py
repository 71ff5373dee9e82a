"""Tensors as sets: the distinct elements, and membership.  Two NaNs are distinct."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tensorcore import dtypes
from tensorcore.ops.composing import composed
from tensorcore.ops.indexing import take
from tensorcore.ops.record import Spec, op
from tensorcore.ops.shaping import reshape
from tensorcore.ops.sorting import comparable
from tensorcore.tensor import as_tensor


class UniqueAll(NamedTuple):
    """The distinct elements, where each occurs first, which of them each element is, how often."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCounts(NamedTuple):
    """The distinct elements and how often each occurs."""

    values: Any
    counts: Any


class UniqueInverse(NamedTuple):
    """The distinct elements and which of them each element is."""

    values: Any
    inverse_indices: Any


def _unique(xp: Any, x: Any) -> Any:
    _, *parts = xp.unique(
        comparable(x).reshape(-1),
        return_index=True,
        return_inverse=True,
        return_counts=True,
        equal_nan=False,
    )
    indices, inverse, counts = (part.astype(dtypes.int64, copy=False) for part in parts)
    return indices, inverse.reshape(x.shape), counts


@op(
    reference=_unique,
    gradient="none: integer",
    samples=lambda rng: [
        ((rng.integers(0, 4, (3, 4)),), {}),
        ((np.array([1.0, np.nan, 1.0, np.nan, -0.0, 0.0]),), {}),
        ((np.zeros((0,)),), {}),
    ],
)
def unique_positions(x, /):
    """First position of each distinct element, number of the distinct element at each position, and
    counts; int64, in ascending order of the elements.

    >>> [part.tolist() for part in tc.ops.sets.unique_positions(tc.asarray([5, 3, 5]))]
    [[1, 0], [1, 0, 1], [1, 2]]
    """
    return (
        Spec((None,), dtypes.int64),
        Spec(tuple(x.shape), dtypes.int64),
        Spec((None,), dtypes.int64),
    )


@composed
def unique_all(x: Any, /) -> UniqueAll:
    """The distinct elements in ascending order, with all that is known about them.

    Returns:
        (values, indices, inverse_indices, counts); `indices` are the first positions in the
        flattened x, `inverse_indices` has the shape of x.

    >>> tc.unique_all(tc.asarray([5, 3, 5])).counts.tolist()
    [1, 2]
    """
    x = as_tensor(x)
    indices, inverse, counts = unique_positions(x)
    return UniqueAll(take(reshape(x, (-1,)), indices), indices, inverse, counts)


@composed
def unique_counts(x: Any, /) -> UniqueCounts:
    """The distinct elements in ascending order, and how often each occurs.

    >>> tc.unique_counts(tc.asarray([5, 3, 5])).values.tolist()
    [3, 5]
    """
    found = unique_all(x)
    return UniqueCounts(found.values, found.counts)


@composed
def unique_inverse(x: Any, /) -> UniqueInverse:
    """The distinct elements in ascending order, and which of them each element of x is.

    >>> tc.unique_inverse(tc.asarray([5, 3, 5])).inverse_indices.tolist()
    [1, 0, 1]
    """
    found = unique_all(x)
    return UniqueInverse(found.values, found.inverse_indices)


@composed
def unique_values(x: Any, /) -> Any:
    """The distinct elements in ascending order.  Gradients flow to where each occurs first.

    >>> tc.unique_values(tc.asarray([5, 3, 5])).tolist()
    [3, 5]
    """
    return unique_all(x).values


@op(
    reference=lambda xp, x1, x2, invert: xp.asarray(
        xp.isin(xp.asarray(comparable(x1)), xp.asarray(comparable(x2)), invert=invert)
    ).reshape(x1.shape),
    gradient="none: the result is boolean",
    samples=lambda rng: [
        ((rng.integers(0, 5, (2, 3)), np.array([1, 3])), {}),
        ((rng.integers(0, 5, (2, 3)), np.array([1, 3])), {"invert": True}),
        ((np.array([1.0, np.nan]), np.array([np.nan, 1.0])), {}),
    ],
    promote=("x1", "x2"),
)
def isin(x1, x2, /, *, invert=False):
    """For each element of x1 whether it occurs in x2.  NaN occurs in nothing.

    Args:
        x1: tensor.
        x2: tensor of any shape.
        invert: ask whether it does not occur.

    >>> tc.isin(tc.asarray([1, 2, 3]), tc.asarray([3, 1])).tolist()
    [True, False, True]
    """
    return Spec(tuple(x1.shape), dtypes.bool)
