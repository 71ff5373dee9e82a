"""NumPy's functions and what computes the same here, under NumPy's own signatures.

Each entry takes the arguments that make sense for tensors; one that is left out of its signature
(`out`, `where`, `order`...) is refused by name in `interop.py`.  The array API standard's
differences (flattening where `axis` is None, `ddof`) are bridged here and nowhere else.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.ops import (
    arithmetic,
    choosing,
    complex_numbers,
    creation,
    decompositions,
    diagonals,
    fourier,
    joining,
    linear,
    matrices,
    nan_reductions,
    order,
    reductions,
    repetition,
    sets,
    shaping,
    signals,
    solving,
    sorting,
    statistics,
    transfer,
)
from tensorcore.tensor import as_tensor


def _flat(x: Any) -> Any:
    return shaping.reshape(as_tensor(x), (-1,))


def _swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    a = as_tensor(a)
    axes = list(range(a.ndim))
    axes[axis1], axes[axis2] = axes[axis2], axes[axis1]
    return shaping.permute_dims(a, axes)


def _dot(a: Any, b: Any) -> Any:
    a, b = as_tensor(a), as_tensor(b)
    if a.ndim == 0 or b.ndim == 0:
        return arithmetic.multiply(a, b)
    return linear.tensordot(a, b, axes=((-1,), (max(b.ndim - 2, 0),)))


def _std(function: Any) -> Any:
    def twin(a: Any, axis: Any = None, *, ddof: Any = 0, keepdims: bool = False) -> Any:
        return function(a, axis=axis, correction=ddof, keepdims=keepdims)

    return twin


def _plain(function: Any) -> Any:
    def twin(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
        if axis is None and not keepdims:
            return function(a)  # the way past all checks
        return function(a, axis=axis, keepdims=keepdims)

    return twin


def _summing(function: Any) -> Any:
    def twin(a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False) -> Any:
        if axis is None and dtype is None and not keepdims:
            return function(a)  # the way past all checks
        return function(a, axis=axis, dtype=dtype, keepdims=keepdims)

    return twin


def _running(function: Any) -> Any:
    def twin(a: Any, axis: Any = None, dtype: Any = None) -> Any:
        if axis is None:
            return function(_flat(a), dtype=dtype)
        return function(a, axis=axis, dtype=dtype)

    return twin


def _along(function: Any) -> Any:
    """NumPy sorts the flattened array where axis is None; ours are always stable."""

    def twin(a: Any, axis: Any = -1, kind: Any = None, *, stable: Any = None) -> Any:
        return function(_flat(a)) if axis is None else function(a, axis=axis)

    return twin


def _take(a: Any, indices: Any, axis: Any = None) -> Any:
    return (
        choosing.take(_flat(a), indices) if axis is None else choosing.take(a, indices, axis=axis)
    )


def _one_spectrum(function: Any) -> Any:
    def twin(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
        return function(a, n=n, axis=axis, norm=norm or "backward")

    return twin


def _spectra(function: Any) -> Any:
    def twin(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
        return function(a, s=s, axes=axes, norm=norm or "backward")

    return twin


def _first_dimensions(function: Any) -> Any:
    """`trace` and `diagonal`: NumPy's take the first two dimensions, the standard's the last."""

    def twin(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        return function(shaping.moveaxis(as_tensor(a), (axis1, axis2), (-2, -1)), offset=offset)

    return twin


def _svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    if not compute_uv:
        return decompositions.svdvals(a)
    return decompositions.svd(a, full_matrices=full_matrices)


def _like(function: Any) -> Any:
    def twin(a: Any, dtype: Any = None, *, device: Any = None) -> Any:
        return function(a, dtype=dtype, device=device)

    return twin


def _kind_is(kind: str) -> Any:
    return lambda x: (dtypes.KIND[as_tensor(x).dtype] == "complex") is (kind == "complex")


def _shape_of(x: Any) -> Any:
    return tuple(as_tensor(x).shape)


def _hstack(tup: Any) -> Any:
    parts = [part if part.ndim else _flat(part) for part in map(as_tensor, tup)]
    return joining.concat(parts, axis=0 if parts[0].ndim == 1 else 1)


def _vstack(tup: Any) -> Any:
    parts = map(as_tensor, tup)
    rows = [part if part.ndim > 1 else shaping.reshape(part, (1, -1)) for part in parts]
    return joining.concat(rows, axis=0)


@functools.cache
def functions() -> dict[Any, Any]:
    """NumPy's function -> ours, with NumPy's arguments."""
    return {**_of_shapes(), **_of_values(), **_of_matrices()}


def _of_shapes() -> dict[Any, Any]:
    return {
        np.shape: _shape_of,
        np.ndim: lambda a: len(_shape_of(a)),
        np.size: lambda a: as_tensor(a).size,
        np.iscomplexobj: _kind_is("complex"),
        np.isrealobj: _kind_is("real"),
        np.copy: lambda a: creation.asarray(a, copy=True),
        np.astype: lambda x, dtype, *, copy=True: transfer.astype(x, dtype, copy=copy),
        np.zeros_like: _like(creation.zeros_like),
        np.ones_like: _like(creation.ones_like),
        np.empty_like: _like(creation.empty_like),
        np.full_like: lambda a, fill_value, dtype=None: creation.full_like(
            a, fill_value, dtype=dtype
        ),
        np.concatenate: lambda arrays, axis=0: joining.concat(arrays, axis=axis),
        np.stack: lambda arrays, axis=0: joining.stack(arrays, axis=axis),
        np.hstack: _hstack,
        np.vstack: _vstack,
        np.split: lambda ary, indices_or_sections, axis=0: joining.split(
            ary, indices_or_sections, axis=axis
        ),
        np.unstack: lambda x, *, axis=0: joining.unstack(x, axis=axis),
        np.pad: lambda array, pad_width, mode="constant", *, constant_values=0: joining.pad(
            array, pad_width, mode=mode, constant_value=constant_values
        ),
        np.reshape: lambda a, shape: shaping.reshape(as_tensor(a), shape),
        np.ravel: _flat,
        np.transpose: lambda a, axes=None: shaping.transpose(a, axes),
        np.matrix_transpose: lambda x: shaping.matrix_transpose(x),
        np.swapaxes: _swapaxes,
        np.moveaxis: lambda a, source, destination: shaping.moveaxis(a, source, destination),
        np.expand_dims: lambda a, axis: shaping.expand_dims(a, axis),
        np.squeeze: lambda a, axis=None: shaping.squeeze(a, axis),
        np.broadcast_to: lambda array, shape: shaping.broadcast_to(array, shape),
        np.broadcast_arrays: lambda *args: shaping.broadcast_arrays(*args),
        np.flip: lambda m, axis=None: order.flip(m, axis=axis),
        np.roll: lambda a, shift, axis=None: order.roll(a, shift, axis=axis),
        np.tile: lambda A, reps: repetition.tile(
            A, reps if isinstance(reps, (tuple, list)) else (reps,)
        ),
        np.repeat: lambda a, repeats, axis=None: repetition.repeat(a, repeats, axis=axis),
        np.meshgrid: lambda *xi, indexing="xy": repetition.meshgrid(*xi, indexing=indexing),
        np.tril: lambda m, k=0: diagonals.tril(m, k=k),
        np.triu: lambda m, k=0: diagonals.triu(m, k=k),
        np.trace: _first_dimensions(diagonals.trace),
        np.diagonal: _first_dimensions(diagonals.diagonal),
    }


def _of_values() -> dict[Any, Any]:
    found = {
        np.real: lambda val: complex_numbers.real(val),
        np.imag: lambda val: complex_numbers.imag(val),
        np.angle: lambda z: complex_numbers.angle(z),
        np.round: lambda a, decimals=0: _rounded(a, decimals),
        np.around: lambda a, decimals=0: _rounded(a, decimals),
        np.clip: lambda a, a_min=None, a_max=None, *, min=None, max=None: arithmetic.clip(
            a, a_min if min is None else min, a_max if max is None else max
        ),
        np.where: lambda condition, x=None, y=None: choosing.where(condition, x, y),
        np.nonzero: lambda a: choosing.nonzero(a),
        np.take: _take,
        np.take_along_axis: lambda arr, indices, axis=-1: choosing.take_along_axis(
            arr if axis is not None else _flat(arr), indices, axis=0 if axis is None else axis
        ),
        np.sort: _along(sorting.sort),
        np.argsort: _along(sorting.argsort),
        np.searchsorted: lambda a, v, side="left", sorter=None: sorting.searchsorted(
            a, v, side=side, sorter=sorter
        ),
        np.isin: lambda element, test_elements, *, assume_unique=False, invert=False: sets.isin(
            element, test_elements, invert=invert
        ),
        np.cumsum: _running(reductions.cumulative_sum),
        np.cumprod: _running(reductions.cumulative_prod),
        np.diff: lambda a, n=1, axis=-1: reductions.diff(a, n=n, axis=axis),
        np.std: _std(reductions.std),
        np.var: _std(reductions.var),
        np.nanstd: _std(nan_reductions.nanstd),
        np.nanvar: _std(nan_reductions.nanvar),
        np.median: _plain(statistics.median),
        np.quantile: _quantile(statistics.quantile),
        np.percentile: _quantile(statistics.percentile),
        np.histogram: lambda a, bins=10, range=None, density=None, weights=None: (
            statistics.histogram(a, bins, range=range, density=bool(density), weights=weights)
        ),
        np.bincount: lambda x, weights=None, minlength=0: statistics.bincount(
            x, weights=weights, minlength=minlength
        ),
        np.interp: lambda x, xp, fp, left=None, right=None: signals.interp(
            x, xp, fp, left=left, right=right
        ),
        np.convolve: lambda a, v, mode="full": signals.convolve(a, v, mode),
    }
    for name in ("sum", "prod"):
        found[getattr(np, name)] = _summing(getattr(reductions, name))
    for name in ("mean", "max", "min", "all", "any", "argmax", "argmin", "count_nonzero"):
        found[getattr(np, name)] = _plain(getattr(reductions, name))
    for name in ("nansum", "nanprod", "nanmean", "nanmax", "nanmin"):
        found[getattr(np, name)] = _plain(getattr(nan_reductions, name))
    return found


def _rounded(a: Any, decimals: int) -> Any:
    if decimals == 0:
        return arithmetic.round(a)
    scale = 10.0**decimals
    return arithmetic.divide(arithmetic.round(arithmetic.multiply(a, scale)), scale)


def _quantile(function: Any) -> Any:
    def twin(
        a: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False
    ) -> Any:
        return function(a, q, axis=axis, method=method, keepdims=keepdims)

    return twin


def _of_matrices() -> dict[Any, Any]:
    found = {
        np.dot: _dot,
        np.outer: lambda a, b: linear.outer(_flat(a), _flat(b)),
        np.tensordot: lambda a, b, axes=2: linear.tensordot(a, b, axes=axes),
        np.einsum: lambda subscripts, *operands, optimize=False: linear.einsum(
            subscripts, *operands
        ),
        np.kron: lambda a, b: matrices.kron(a, b),
        np.cross: lambda a, b, *, axis=-1: matrices.cross(a, b, axis=axis),
        np.linalg.norm: lambda x, ord=None, axis=None, keepdims=False: matrices.norm(
            x, ord, axis, keepdims
        ),
        np.linalg.cholesky: lambda a, *, upper=False: decompositions.cholesky(a, upper=upper),
        np.linalg.det: lambda a: solving.det(a),
        np.linalg.eig: lambda a: decompositions.eig(a),
        np.linalg.eigh: lambda a: decompositions.eigh(a),
        np.linalg.eigvals: lambda a: decompositions.eigvals(a),
        np.linalg.eigvalsh: lambda a: decompositions.eigvalsh(a),
        np.linalg.inv: lambda a: solving.inv(a),
        np.linalg.matrix_power: lambda a, n: matrices.matrix_power(a, n),
        np.linalg.matrix_rank: lambda A, *, rtol=None: matrices.matrix_rank(A, rtol=rtol),
        np.linalg.pinv: lambda a, *, rtol=None: decompositions.pinv(a, rtol=rtol),
        np.linalg.qr: lambda a, mode="reduced": decompositions.qr(a, mode=mode),
        np.linalg.slogdet: lambda a: solving.slogdet(a),
        np.linalg.solve: lambda a, b: solving.solve(a, b),
        np.linalg.svd: _svd,
    }
    for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"):
        found[getattr(np.fft, name)] = _one_spectrum(getattr(fourier, name))
    for name in ("fftn", "ifftn", "rfftn", "irfftn"):
        found[getattr(np.fft, name)] = _spectra(getattr(fourier, name))
    found[np.fft.fftshift] = lambda x, axes=None: fourier.fftshift(x, axes=axes)
    found[np.fft.ifftshift] = lambda x, axes=None: fourier.ifftshift(x, axes=axes)
    return found
