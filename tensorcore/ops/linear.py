"""Matrix products: matmul, tensordot, einsum."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import InvalidArgumentError, ShapeError
from tensorcore.kernels.cpu.product_ways import is_small
from tensorcore.ops.arithmetic import multiply
from tensorcore.ops.composing import composed
from tensorcore.ops.record import Spec, op
from tensorcore.ops.reductions import sum
from tensorcore.ops.shapes import as_shape, axis_index, broadcast_dims
from tensorcore.ops.shaping import expand_dims, reshape, transpose
from tensorcore.tensor import as_tensor


def _swapped(x: Any) -> Any:
    return x.swapaxes(-1, -2) if x.ndim > 1 else x


def _matmul_reference(xp: Any, x1: Any, x2: Any, transpose_a: bool, transpose_b: bool) -> Any:
    dtype = x1.dtype
    compute = dtypes.accumulator(dtype)
    x1, x2 = (x.astype(compute, copy=False) for x in (x1, x2))
    product = xp.matmul(_swapped(x1) if transpose_a else x1, _swapped(x2) if transpose_b else x2)
    return product.astype(dtype, copy=False)


def _small_product(x1: Any, x2: Any) -> Any:
    """The product of small matrices, which BLAS computes in one thread anyway."""
    if x1.ndim != 2 or x2.ndim != 2 or not is_small(len(x1), x2.shape[1], len(x2)):
        return None
    return np.matmul(x1, x2)


def _as_matrices(g: Any, x1: Any, x2: Any) -> tuple[Any, Any, Any]:
    """The three with the dimension back that a vector operand took away."""
    if x2.ndim == 1:
        g, x2 = expand_dims(g, -1), expand_dims(x2, -1)
    if x1.ndim == 1:
        g, x1 = expand_dims(g, -2), expand_dims(x1, 0)
    return g, x1, x2


def _gradient_of_first(g: Any, x1: Any, x2: Any, transpose_a: bool, transpose_b: bool) -> Any:
    shape = x1.shape
    is_vector = x1.ndim == 1
    transpose_a, transpose_b = transpose_a and x1.ndim > 1, transpose_b and x2.ndim > 1
    g, x1, x2 = _as_matrices(g, x1, x2)
    if transpose_a:
        return matmul(x2, g, transpose_a=transpose_b, transpose_b=True)
    result = matmul(g, x2, transpose_b=not transpose_b)
    return sum(reshape(result, (-1, *shape)), axis=0) if is_vector else result


def _gradient_of_second(g: Any, x1: Any, x2: Any, transpose_a: bool, transpose_b: bool) -> Any:
    shape = x2.shape
    is_vector = x2.ndim == 1
    transpose_a, transpose_b = transpose_a and x1.ndim > 1, transpose_b and x2.ndim > 1
    g, x1, x2 = _as_matrices(g, x1, x2)
    if x2.ndim == 2 and x1.ndim > 2 and not transpose_a and None not in (*x1.shape, *g.shape):
        # One product of all rows: the sum over the leading dimensions is part of it.
        g, x1 = reshape(g, (-1, g.shape[-1])), reshape(x1, (-1, x1.shape[-1]))
    if transpose_b:
        return matmul(g, x1, transpose_a=True, transpose_b=transpose_a)
    result = matmul(x1, g, transpose_a=not transpose_a)
    return sum(reshape(result, (-1, *shape)), axis=0) if is_vector else result


def _matmul_samples(rng: Any) -> Any:
    def case(first: tuple[int, ...], second: tuple[int, ...], **attrs: Any) -> Any:
        return (rng.normal(size=first), rng.normal(size=second)), attrs

    return [
        case((2, 3), (3, 4)),
        case((3, 2), (3, 4), transpose_a=True),
        case((2, 3), (4, 3), transpose_b=True),
        case((3, 2), (4, 3), transpose_a=True, transpose_b=True),
        case((5, 2, 3), (5, 3, 4)),
        case((5, 2, 3), (3, 4)),
        case((2, 5, 2, 3), (4, 3), transpose_b=True),
        case((5, 3, 2), (3, 4), transpose_a=True),
        case((5, 0, 3), (3, 4)),
        case((2, 1, 2, 3), (3, 3, 1)),
        case((3,), (3,)),
        case((2, 3), (3,)),
        case((3,), (5, 3, 2)),
        case((0, 3), (3, 2)),
        case((2, 0), (0, 3)),
    ]


@op(
    reference=_matmul_reference,
    straight=_small_product,
    gradient=(_gradient_of_first, _gradient_of_second),
    samples=_matmul_samples,
    promote=("x1", "x2"),
    trusted_on=("cpu",),
)
def matmul(x1, x2, /, *, transpose_a=False, transpose_b=False):
    """Matrix product over the last two dimensions; leading dimensions broadcast.

    Args:
        x1: shape (..., n, k), or (k,).
        x2: shape (..., k, m), or (k,).
        transpose_a: swap the last two dimensions of x1 first.
        transpose_b: swap the last two dimensions of x2 first.

    Returns:
        Shape (..., n, m); the dimension of a vector operand is left out.

    >>> tc.matmul(tc.asarray([[1.0, 2.0]]), tc.asarray([[3.0], [4.0]])).tolist()
    [[11.0]]
    """
    a, b = tuple(x1.shape), tuple(x2.shape)
    if not a or not b:
        raise ShapeError(
            f"matmul: x1 and x2 need at least 1 dimension, received shapes {a} and {b}; use x1 * x2"
        )
    if transpose_a and len(a) > 1:
        a = (*a[:-2], a[-1], a[-2])
    if transpose_b and len(b) > 1:
        b = (*b[:-2], b[-1], b[-2])
    inner_a, inner_b = a[-1], b[-2] if len(b) > 1 else b[0]
    if inner_a != inner_b and None not in (inner_a, inner_b):
        raise ShapeError(
            f"matmul: the inner sizes differ: x1 of shape {a} ends in {inner_a}, "
            f"x2 of shape {b} needs {inner_a} there but has {inner_b}. "
            "Transpose one of them, or check the layer's input size."
        )
    batch = []
    long, short = sorted((a[:-2], b[:-2]), key=len, reverse=True)
    short = (1,) * (len(long) - len(short)) + short
    for first, second in zip(long, short, strict=True):
        met = broadcast_dims(first, second)
        if met == -1:
            raise ShapeError(f"matmul: the leading dimensions of {a} and {b} do not broadcast")
        batch.append(met)
    rows = a[-2:-1] if len(a) > 1 else ()
    columns = b[-1:] if len(b) > 1 else ()
    return Spec((*batch, *rows, *columns), x1.dtype)


@composed
def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    """Sum of products over the named dimensions of both tensors.

    Args:
        x1: tensor.
        x2: tensor.
        axes: n, for the last n dimensions of x1 and the first n of x2; or two sequences of
            dimensions.

    >>> tc.tensordot(tc.ones((2, 3)), tc.ones((3, 4)), axes=1).shape
    (2, 4)
    """
    x1, x2 = as_tensor(x1), as_tensor(x2)
    if isinstance(axes, int):
        if not 0 <= axes <= min(x1.ndim, x2.ndim):
            raise InvalidArgumentError(
                f"tensordot: axes={axes} does not fit shapes {x1.shape} and {x2.shape}"
            )
        first, second = list(range(x1.ndim - axes, x1.ndim)), list(range(axes))
    else:
        first, second = _axes_of_both(axes, x1, x2)
    sizes = [x1.shape[i] for i in first]
    if sizes != [x2.shape[i] for i in second]:
        raise ShapeError(
            f"tensordot: shapes {x1.shape} and {x2.shape} differ along axes {first} and {second}"
        )
    rest1 = [i for i in range(x1.ndim) if i not in first]
    rest2 = [i for i in range(x2.ndim) if i not in second]
    inner = math.prod(sizes)
    left = reshape(transpose(x1, (*rest1, *first)), (math.prod(x1.shape[i] for i in rest1), inner))
    right = reshape(
        transpose(x2, (*second, *rest2)), (inner, math.prod(x2.shape[i] for i in rest2))
    )
    return reshape(
        matmul(left, right), (*(x1.shape[i] for i in rest1), *(x2.shape[i] for i in rest2))
    )


def _axes_of_both(axes: Any, x1: Any, x2: Any) -> tuple[list[int], list[int]]:
    try:
        first, second = axes
        pairs = [(as_shape("", first), x1), (as_shape("", second), x2)]
    except (TypeError, ValueError):
        raise InvalidArgumentError(
            f"tensordot: axes must be an int or two lists of ints, received {axes!r}"
        ) from None
    found = [[axis_index("tensordot", axis, x.ndim) for axis in part] for part, x in pairs]
    return found[0], found[1]


@composed
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Sum of products along a dimension, of conj(x1) and x2 if they are complex.

    Args:
        x1: tensor.
        x2: tensor of the same size along `axis`; the other dimensions broadcast.
        axis: the dimension, counted from the end.

    >>> float(tc.vecdot(tc.asarray([1.0, 2.0]), tc.asarray([3.0, 4.0])))
    11.0
    """
    from tensorcore.ops.complex_numbers import conj

    x1, x2 = as_tensor(x1), as_tensor(x2)
    sizes = [x.shape[axis_index("vecdot", axis, x.ndim)] for x in (x1, x2)]
    if sizes[0] != sizes[1]:
        raise ShapeError(
            f"vecdot: x1 and x2 must have the same size along axis {axis}, received shapes "
            f"{x1.shape} and {x2.shape}"
        )
    if dtypes.KIND[x1.dtype] == "complex":
        x1 = conj(x1)
    products = multiply(x1, x2)
    return sum(products, axis=axis, dtype=products.dtype)


@composed
def outer(x1: Any, x2: Any, /) -> Any:
    """Products of every element of one vector with every element of another.

    >>> tc.outer(tc.asarray([1, 2]), tc.asarray([3, 4])).tolist()
    [[3, 4], [6, 8]]
    """
    x1, x2 = as_tensor(x1), as_tensor(x2)
    return multiply(reshape(x1, (-1, 1)), reshape(x2, (1, -1)))


# einsum -------------------------------------------------------------------------------------------


@composed
def einsum(subscripts: str, /, *operands: Any) -> Any:
    """Sum of products in Einstein's notation, carried out as matrix products.

    Args:
        subscripts: one letter a dimension, operands separated by commas, "->" before the result;
            "..." stands for dimensions that broadcast.
        operands: one tensor for each part of the subscripts.

    >>> tc.einsum("ij,jk->ik", tc.ones((2, 3)), tc.ones((3, 4))).shape
    (2, 4)
    """
    tensors = [as_tensor(operand) for operand in operands]
    inputs, output = _parse(subscripts, tensors)
    tensors, inputs = _diagonals(tensors, inputs)
    tensor, labels = tensors[0], inputs[0]
    for i, (other, other_labels) in enumerate(zip(tensors[1:], inputs[1:], strict=True), start=1):
        later = set(output).union(*inputs[i + 1 :])
        tensor, labels = _contract(tensor, labels, other, other_labels, later)
    gone = [i for i, label in enumerate(labels) if label not in output]
    if gone:
        tensor = sum(tensor, axis=tuple(gone))
        labels = [label for label in labels if label in output]
    return (
        transpose(tensor, tuple(labels.index(label) for label in output))
        if labels != output
        else tensor
    )


def _parse(subscripts: str, tensors: list[Any]) -> tuple[list[list[str]], list[str]]:
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    parts = left.split(",")
    if len(parts) != len(tensors):
        raise InvalidArgumentError(
            f"einsum: {subscripts!r} names {len(parts)} operand(s), received {len(tensors)}"
        )
    widest = 0
    for part, tensor in zip(parts, tensors, strict=True):
        named = len(part.replace("...", ""))
        if "..." in part:
            widest = max(widest, tensor.ndim - named)
        if tensor.ndim < named or ("..." not in part and tensor.ndim != named):
            raise ShapeError(f"einsum: {part!r} does not fit an operand of shape {tensor.shape}")
    dots = [
        f"#{i}" for i in range(widest)
    ]  # labels of the dimensions under the dots, aligned at the right
    inputs = [_labels(part, dots, tensor.ndim) for part, tensor in zip(parts, tensors, strict=True)]
    if not arrow:
        letters = sorted(
            {label for labels in inputs for label in labels if not label.startswith("#")}
        )
        flat = [label for labels in inputs for label in labels]
        output = dots + [letter for letter in letters if flat.count(letter) == 1]
    else:
        output = _labels(
            right, dots, len(right.replace("...", "")) + (len(dots) if "..." in right else 0)
        )
    unknown = set(output) - {label for labels in inputs for label in labels}
    if unknown or len(set(output)) != len(output):
        raise InvalidArgumentError(
            f"einsum: the result {right!r} of {subscripts!r} repeats or invents a letter"
        )
    return inputs, output


def _labels(part: str, dots: list[str], ndim: int) -> list[str]:
    before, has_dots, after = part.partition("...")
    if not (before + after).isalpha() and before + after:
        raise InvalidArgumentError(f"einsum: {part!r} may consist of letters and one '...' only")
    if not has_dots:
        return list(part)
    count = ndim - len(before) - len(after)
    return [*before, *dots[len(dots) - count :], *after]


def _diagonals(tensors: list[Any], inputs: list[list[str]]) -> tuple[list[Any], list[list[str]]]:
    """Repeated letters of one operand taken along the diagonal."""
    from tensorcore.ops.creation import arange

    results, names = [], []
    for tensor, labels in zip(tensors, inputs, strict=True):
        labels = list(labels)
        while len(set(labels)) < len(labels):
            label = next(name for name in labels if labels.count(name) > 1)
            i = labels.index(label)
            j = labels.index(label, i + 1)
            if tensor.shape[i] != tensor.shape[j]:
                raise ShapeError(
                    f"einsum: letter {label!r} stands for sizes "
                    f"{tensor.shape[i]} and {tensor.shape[j]}"
                )
            order = [axis for axis in range(tensor.ndim) if axis not in (i, j)]
            places = arange(tensor.shape[i], device=tensor.device)
            tensor = transpose(tensor, (i, j, *order))[places, places]
            labels = [label] + [labels[axis] for axis in order]
        results.append(tensor)
        names.append(labels)
    return results, names


def _contract(
    a: Any, a_labels: list[str], b: Any, b_labels: list[str], later: set[str]
) -> tuple[Any, list[str]]:
    """Two operands multiplied, summed over letters needed no more, by one batched matmul."""
    a, a_labels = _sum_out(a, a_labels, later.union(b_labels))
    b, b_labels = _sum_out(b, b_labels, later.union(a_labels))
    sizes: dict[str, int] = {}
    for label, size in [*zip(a_labels, a.shape, strict=True), *zip(b_labels, b.shape, strict=True)]:
        met = broadcast_dims(sizes.get(label, 1), size)
        if met == -1:
            raise ShapeError(f"einsum: letter {label!r} stands for sizes {sizes[label]} and {size}")
        sizes[label] = met
    shared = [label for label in a_labels if label in b_labels]
    batch = [label for label in shared if label in later]
    inner = [label for label in shared if label not in later]
    rows = [label for label in a_labels if label not in shared]
    columns = [label for label in b_labels if label not in shared]
    left = _grouped(a, a_labels, batch, rows, inner, sizes)
    right = _grouped(b, b_labels, batch, inner, columns, sizes)
    product = matmul(left, right)
    labels = batch + rows + columns
    return reshape(product, tuple(sizes[label] for label in labels)), labels


def _sum_out(x: Any, labels: list[str], needed: set[str]) -> tuple[Any, list[str]]:
    gone = tuple(i for i, label in enumerate(labels) if label not in needed)
    return (
        (sum(x, axis=gone), [label for label in labels if label in needed]) if gone else (x, labels)
    )


def _grouped(
    x: Any,
    labels: list[str],
    batch: list[str],
    second: list[str],
    third: list[str],
    sizes: dict[str, int],
) -> Any:
    from tensorcore.ops.shaping import broadcast_to

    order = batch + second + third
    x = transpose(x, tuple(labels.index(label) for label in order))
    x = broadcast_to(x, tuple(sizes[label] for label in order))
    shape = [sizes[label] for label in batch]
    return reshape(
        x, (*shape, math.prod(sizes[n] for n in second), math.prod(sizes[n] for n in third))
    )
