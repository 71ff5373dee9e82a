"""From shapes and strides to products of matrices."""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from cupy.cuda.device import get_device_id
from tensorcore.kernels.cuda.cublaslt import DATA_TYPES, library
from tensorcore.kernels.cuda.product_plans import (
    Alignments,
    Ending,
    NoAlgorithmError,
    Plan,
    Product,
    plan_for,
)
from tensorcore.kernels.precision import matmul_precision

MOST_ALIGNMENT = 256  # in bytes, what the heuristics assume when nothing is said
_MOST_RECIPES = 4096

_recipes: dict[tuple[Any, ...], Any] = {}


def recipe_for(
    device: int, x1: Any, x2: Any, transpose_a: bool, transpose_b: bool, ending: Ending
) -> Any:
    """How the product is computed, a `Recipe`; NotImplemented for dtypes that the library lacks."""
    key = (device, x1.dtype, x1.shape, x1.strides, x2.dtype, x2.shape, x2.strides)
    key += (transpose_a, transpose_b, matmul_precision(), ending)
    recipe = _recipes.get(key)
    if recipe is None:
        if len(_recipes) >= _MOST_RECIPES:
            _recipes.clear()  # shapes that never come back must not pile up
        recipe = _recipes[key] = _make_recipe(*key)
    return recipe


def has_ending(
    ending: str, x1: Any, x2: Any, *, transpose_a: bool = False, transpose_b: bool = False
) -> bool:
    """Whether the library computes a product with an ending, a name of `Ending`, on the current
    device, for dense arrays with the shapes and the dtype of x1 and x2.
    """
    if library() is None:
        return False
    wanted = Ending[ending]
    key: list[Any] = [get_device_id()]
    for x in (x1, x2):
        strides = tuple(step * x.dtype.itemsize for step in _row_major(x.shape))
        key += [x.dtype, tuple(x.shape), strides]
    recipe = _make_recipe(*key, transpose_a, transpose_b, matmul_precision(), wanted)
    if recipe is NotImplemented or not recipe.has_room(wanted):
        return False
    alignments = (
        MOST_ALIGNMENT,
        wanted.has_vector * MOST_ALIGNMENT,
        wanted.has_aux * MOST_ALIGNMENT,
    )
    return recipe.prepare(alignments) is not None


class Recipe:
    """How a product of two arrays is computed: which products of matrices, at which offsets."""

    def __init__(
        self,
        device: int,
        shape: tuple[int, ...],
        products: Sequence[Product],
        offsets: Sequence[tuple[int, int, int]],
        copies_a: bool,
        copies_b: bool,
    ) -> None:
        self.shape = shape
        self.products = products
        self.offsets = offsets  # in bytes, into the left factor, the right one and the result
        self.copies_a = copies_a
        self.copies_b = copies_b
        # Pointers are aligned as the arrays are, and as what is added to them.
        self.offset_bits = functools.reduce(operator.or_, itertools.chain(*offsets), 0)
        self.device = device
        self.plans: dict[tuple[int, int, int], list[Plan] | None] = {}

    def has_room(self, ending: Ending) -> bool:
        """Whether the shapes are such as an ending asks for (cublasLt.h: the leading dimension of
        the second matrix is a multiple of 8 elements, or of 128 bits for relu's mask).
        """
        if not self.products:
            return False
        if ending in (Ending.ADD, Ending.ADD_RELU, Ending.ADD_GELU):
            return True
        product = self.products[0]
        if len(self.products) > 1 or product.count > 1:
            return False
        return not ending.has_aux or product.n % (128 if ending.reads_bits else 8) == 0

    def prepare(self, alignments: tuple[int, int, int]) -> list[Plan] | None:
        """The plans for pointers that are so aligned (see `Alignments`); None where the library has
        none.
        """
        try:
            of_these = Alignments(*alignments)
            plans = [plan_for(self.device, product, of_these) for product in self.products]
        except NoAlgorithmError:
            plans = None
        self.plans[alignments] = plans
        return plans


class _Operand:
    """One factor as the library sees it, in elements.

    The last two axes are stored row by row (or column by column: transposed) with `ld` elements
    from one to the next.  An array of which neither is true has to be copied.
    """

    def __init__(self, shape: Sequence[int], strides: Sequence[int]) -> None:
        rows, columns = shape[-2:]
        down, right = strides[-2:]
        by_rows = (right == 1 or columns == 1) and (down >= columns or rows == 1)
        by_columns = (down == 1 or rows == 1) and (right >= rows or columns == 1)
        self.copies = min(strides) < 0 or not (by_rows or by_columns)
        if self.copies:
            strides = _row_major(shape)
            down, right, by_rows = *strides[-2:], True
        self.transposed = not by_rows
        if by_rows:
            self.ld = max(down, columns) if rows > 1 else columns
        else:
            self.ld = max(right, rows) if columns > 1 else rows
        self.is_dense = all(
            stride == dense
            for size, stride, dense in zip(shape, strides, _row_major(shape))
            if size > 1
        )
        self.batch = [0 if n == 1 else step for n, step in zip(shape[:-2], strides[:-2])]

    def steps(self, dimensions: int) -> list[int]:
        """The steps along the axes of the batch; 0 where the matrices are repeated."""
        return [0] * (dimensions - len(self.batch)) + self.batch


def _row_major(shape: Sequence[int]) -> list[int]:
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


def _make_recipe(
    device: int,
    dtype1: np.dtype,
    shape1: tuple[int, ...],
    strides1: tuple[int, ...],
    dtype2: np.dtype,
    shape2: tuple[int, ...],
    strides2: tuple[int, ...],
    transpose_a: bool,
    transpose_b: bool,
    chosen: str,
    ending: Ending,
) -> Any:
    if dtype1.name not in DATA_TYPES or dtype1 != dtype2:
        return NotImplemented
    itemsize = dtype1.itemsize
    a_shape, a_strides = _as_matrices(shape1, strides1, itemsize, transpose_a, row=True)
    b_shape, b_strides = _as_matrices(shape2, strides2, itemsize, transpose_b, row=False)
    m, k = a_shape[-2:]
    n = b_shape[-1]
    batch = np.broadcast_shapes(a_shape[:-2], b_shape[:-2])
    shape = (*batch, *((m,) if len(shape1) > 1 else ()), *((n,) if len(shape2) > 1 else ()))
    if k == 0 or 0 in shape:
        return Recipe(device, shape, [], [], False, False)
    a, b = _Operand(a_shape, a_strides), _Operand(b_shape, b_strides)
    copies_a = a.copies
    if batch and len(b_shape) == 2 and a.is_dense and tuple(a_shape[:-2]) == batch:
        # One matrix for the whole batch: the rows of all of it make one large product.
        m *= math.prod(batch)
        batch = ()
        a = _Operand((m, k), (k, 1))
    sizes, steps = _batch_loops(batch, a.steps(len(batch)), b.steps(len(batch)))
    count = sizes[-1] if sizes else 1
    step_a, step_b = steps[-1] if steps else (0, 0)
    product = Product(
        dtype1.name,
        m,
        n,
        k,
        count,
        (a.transposed, a.ld),
        (b.transposed, b.ld),
        step_a,
        step_b,
        chosen,
        ending,
    )
    offsets = []
    for number, index in enumerate(np.ndindex(*sizes[:-1])):
        offset_a = sum(i * step[0] for i, step in zip(index, steps))
        offset_b = sum(i * step[1] for i, step in zip(index, steps))
        offset_c = number * count * m * n
        offsets.append((offset_a * itemsize, offset_b * itemsize, offset_c * itemsize))
    return Recipe(device, shape, [product] * len(offsets), offsets, copies_a, b.copies)


def _as_matrices(
    shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int, transpose: bool, *, row: bool
) -> tuple[list[int], list[int]]:
    """Shape and strides in elements, with a vector as one row or one column."""
    sizes = list(shape)
    steps = [stride // itemsize for stride in strides]
    if len(sizes) == 1:
        place = 0 if row else 1
        sizes.insert(place, 1)
        steps.insert(place, 0)
    elif transpose:
        sizes[-2:] = sizes[:-3:-1]
        steps[-2:] = steps[:-3:-1]
    return sizes, steps


def _batch_loops(
    batch: Sequence[int], a: Sequence[int], b: Sequence[int]
) -> tuple[list[int], list[tuple[int, int]]]:
    """The batch in as few axes as the strides of both factors allow; one call does the last."""
    sizes: list[int] = []
    steps: list[tuple[int, int]] = []
    for size, step in zip(batch, zip(a, b)):
        if size == 1:
            continue
        if sizes and steps[-1] == (step[0] * size, step[1] * size):
            sizes[-1] *= size
            steps[-1] = step
        else:
            sizes.append(size)
            steps.append(step)
    return sizes, steps
