"""Matrix products through cuBLASLt.

cuBLASLt takes the workspace and the stream with every call, so that a product can be captured in a
CUDA graph, which `cupy.matmul` refuses.  It is also the only one of the two that multiplies batches
of 16-bit matrices in their own type.
"""

from __future__ import annotations

from typing import Any

import cupy
import numpy as np
from cupy.cuda.device import get_device_id
from tensorcore.kernels.cuda.cublaslt import NoAlgorithmError, library, workspace_of
from tensorcore.kernels.cuda.product_plans import Ending
from tensorcore.kernels.cuda.product_recipes import MOST_ALIGNMENT, recipe_for

_AUX_ALIGNMENT = 16
_PLAIN = Ending.NOTHING


def matmul(
    x1: Any, x2: Any, *, transpose_a: bool = False, transpose_b: bool = False, out: Any = None
) -> Any:
    """The matrix product of x1 (..., m, k) and x2 (..., k, n), batches broadcast: (..., m, n).

    Vectors are taken as one row (x1) or one column (x2), and the axis of length 1 is left out of
    the result.

    Args:
        x1: the left factor.
        x2: the right factor, of the same dtype.
        transpose_a: swap the last two axes of x1 first; nothing happens to a vector.
        transpose_b: the same for x2.
        out: where to write, or None.
    """
    return multiplied(x1, x2, transpose_a, transpose_b, out)


def multiplied(
    x1: Any,
    x2: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    out: Any = None,
    ending: Ending = _PLAIN,
    vector: Any = None,
    aux: Any = None,
) -> Any:
    """The product, and what the library does with its sums.

    Args:
        x1, x2, transpose_a, transpose_b, out: as those of `matmul`.
        ending: what follows.
        vector: contiguous; the bias, or where sums are written.
        aux: contiguous; the second matrix of the ending.

    Returns:
        The result, or NotImplemented where the library does not do it.
    """
    device = get_device_id()
    recipe = recipe_for(device, x1, x2, transpose_a, transpose_b, ending)
    if recipe is NotImplemented:
        return NotImplemented
    if ending is not _PLAIN and not _is_possible(recipe, ending, aux):
        return NotImplemented
    # A result that is not laid out row by row is computed apart and copied.
    direct = out is not None and out.flags.c_contiguous and not _shares_memory(out, x1, x2)
    y = out if direct else cupy.ndarray(recipe.shape, x1.dtype)
    if not recipe.products:
        y.fill(0)  # nothing to add up, or nothing to write
    elif library() is None:
        y[...] = _multiply_without_library(
            _transposed(x1, transpose_a), _transposed(x2, transpose_b)
        )
    else:
        if recipe.copies_a:
            x1 = cupy.ascontiguousarray(_transposed(x1, transpose_a))
        if recipe.copies_b:
            x2 = cupy.ascontiguousarray(_transposed(x2, transpose_b))
        places = (x1.data.ptr, x2.data.ptr, y.data.ptr, _address(vector), _address(aux))
        plans = _plans_for(recipe, *places)
        if plans is None and ending is not _PLAIN:
            return NotImplemented
        if plans is None:
            raise NoAlgorithmError(f"cuBLASLt has no algorithm for {recipe.products[0]}")
        if ending is Ending.ADD_RELU and not _keeps_nan(recipe, plans, places, y):
            return NotImplemented
        _start(recipe, plans, places)
    if out is None or direct:
        return y
    out[...] = y
    return out


def _is_possible(recipe: Any, ending: Ending, aux: Any) -> bool:
    """Whether there is a library, and the arrays are such as the ending asks for."""
    if library() is None or (aux is not None and aux.data.ptr % _AUX_ALIGNMENT):
        return False
    return recipe.has_room(ending)


def _plans_for(recipe: Any, a: int, b: int, y: int, vector: int, aux: int) -> Any:
    """The plans for arrays at these addresses; None where the library has none."""
    # Plain tuples and few calls: this is a part of what a small product costs the host.
    bits = a | b | y | recipe.offset_bits | MOST_ALIGNMENT
    alignments = (bits & -bits, 0, 0)
    if vector or aux:
        alignments = (bits & -bits, _alignment(vector), _alignment(aux))
    plans = recipe.plans.get(alignments, False)
    return recipe.prepare(alignments) if plans is False else plans


def _start(recipe: Any, plans: Any, places: tuple[int, ...]) -> None:
    """Start the products; `places` are the addresses of a, b, y, vector and aux, 0 for none."""
    stream = cupy.cuda.get_current_stream().ptr
    workspace = workspace_of(recipe.device, stream)
    a, b, y, vector, aux = places
    for plan, (to_a, to_b, to_y) in zip(plans, recipe.offsets):
        plan.multiply(a + to_a, b + to_b, y + to_y, vector, aux, workspace, stream)


def _keeps_nan(recipe: Any, plans: Any, places: tuple[int, ...], y: Any) -> bool:
    """Whether relu at the end of these plans keeps NaN, as relu does everywhere else here.

    Kernels of cuBLASLt have been seen to make 0 of it, which would hide that a training has failed.
    Nothing says which of them do, so each plan is tried once, with a bias of NaN: then all results
    have to be NaN.  That waits for the device, so a plan that is first met in a capture counts as
    one that does not.
    """
    if any(plan.keeps_nan is None for plan in plans):
        if cupy.cuda.get_current_stream().is_capturing():
            return False
        columns = y.shape[-1]
        nan = cupy.full(columns + MOST_ALIGNMENT // y.itemsize, float("nan"), y.dtype)
        aligned = -(-nan.data.ptr // MOST_ALIGNMENT) * MOST_ALIGNMENT
        _start(recipe, plans, (*places[:3], aligned, 0))
        rows = y.reshape(-1, columns)
        kept = all(np.isnan(rows[row].get().astype(np.float32)).all() for row in (0, -1))
        for plan in plans:
            plan.keeps_nan = kept
    return all(plan.keeps_nan for plan in plans)


def _alignment(addresses: int) -> int:
    if not addresses:
        return 0
    lowest_bits = addresses | MOST_ALIGNMENT
    return lowest_bits & -lowest_bits


def _address(array: Any) -> int:
    return 0 if array is None else array.data.ptr


def _transposed(x: Any, transpose: bool) -> Any:
    return x.swapaxes(-1, -2) if transpose and x.ndim > 1 else x


def _multiply_without_library(x1: Any, x2: Any) -> Any:
    if x1.itemsize == 2:
        # CuPy multiplies no batches of bfloat16; float16 should be summed in float32 anyway.
        x1 = x1.astype(cupy.float32)
        x2 = x2.astype(cupy.float32)
    return cupy.matmul(x1, x2)


def _shares_memory(out: Any, *arrays: Any) -> bool:
    return any(a.data.mem is out.data.mem and cupy.may_share_memory(a, out) for a in arrays)
