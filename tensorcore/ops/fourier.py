"""Discrete Fourier transforms.  On a GPU they need cuFFT; where that library cannot be loaded they
run on the CPU, and `op.runs` says "host".

A transform is linear, and the gradient of a transform is a transform: the matrix of `fft` is its
own transpose.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import ArgumentTypeError, DTypeError, InvalidArgumentError
from tensorcore.ops.arithmetic import multiply
from tensorcore.ops.complex_numbers import complex_normal, conj, real
from tensorcore.ops.composing import composed
from tensorcore.ops.creation import asarray
from tensorcore.ops.joining import cut, pad
from tensorcore.ops.order import roll
from tensorcore.ops.record import Spec, op
from tensorcore.ops.shapes import axes_tuple, axis_index
from tensorcore.tensor import as_tensor

NORMS = ("backward", "ortho", "forward")
_SWAPPED = {"backward": "forward", "ortho": "ortho", "forward": "backward"}


def _length(op_name: str, n: Any, size: Any) -> Any:
    if n is None:
        return size
    try:
        count = operator.index(n)
    except TypeError:
        raise ArgumentTypeError(f"{op_name}: n must be an int, received {n!r}") from None
    if count < 1:
        raise InvalidArgumentError(f"{op_name}: n must be positive, received {n}")
    return count


def _rule(op_name: str, x: Any, n: Any, axis: int, norm: str) -> tuple[int, Any]:
    if norm not in NORMS:
        raise InvalidArgumentError(
            f"{op_name}: norm must be one of {', '.join(NORMS)}, received {norm!r}"
        )
    if x.dtype == dtypes.bool:
        raise DTypeError(f"{op_name}: x must have a numeric dtype, received bool")
    place = axis_index(op_name, axis, len(x.shape))
    if x.shape[place] == 0:
        raise InvalidArgumentError(f"{op_name}: x has no element along axis {axis}")
    return place, _length(op_name, n, x.shape[place])


def _with_size(x: Any, place: int, size: Any, dtype: Any) -> Spec:
    return Spec((*x.shape[:place], size, *x.shape[place + 1 :]), dtype)


def _reference(name: str) -> Any:
    def reference(xp: Any, x: Any, n: Any, axis: int, norm: str) -> Any:
        floating = dtypes.floating(x.dtype)
        kind = dtypes.accumulator(floating) if name == "rfft" else dtypes.complex_of(floating)
        result = getattr(xp.fft, name)(x.astype(kind, copy=False), n=n, axis=axis, norm=norm)
        return result.astype(_result_dtype(name, x.dtype), copy=False)

    return reference


def _result_dtype(name: str, dtype: np.dtype) -> np.dtype:
    kind = dtypes.complex_of(dtypes.floating(dtype))
    return dtypes.real_of(kind) if name == "irfft" else kind


def resized(x: Any, place: int, size: int) -> Any:
    """x cut, or filled up with zeros, to a size along a dimension."""
    own = x.shape[place]
    if own > size:
        return cut(x, axis=place, start=0, stop=size)
    if own == size:
        return x
    width = [(0, 0)] * x.ndim
    width[place] = (0, size - own)
    return pad(x, width)


def _own_transpose(name: str) -> Any:
    def rule(g: Any, x_shape: tuple[int, ...], axis: int, norm: str) -> Any:
        place = axis % len(x_shape)
        return resized(
            {"fft": fft, "ifft": ifft}[name](g, axis=axis, norm=norm), place, x_shape[place]
        )

    return rule


def _samples(rng: np.random.Generator) -> Any:
    return [
        ((complex_normal(rng, 5),), {}),
        ((complex_normal(rng, 3, 4),), {"axis": 0, "n": 5, "norm": "ortho"}),
        ((complex_normal(rng, 2, 6),), {"n": 4, "norm": "forward"}),
        ((rng.normal(size=(4,)),), {}),
    ]


@op(
    reference=_reference("fft"),
    gradient=(_own_transpose("fft"),),
    samples=_samples,
    library="cuFFT",
)
def fft(x, /, *, n=None, axis=-1, norm="backward"):
    """The discrete Fourier transform along a dimension: y[k] = sum of x[j] exp(-2 pi i j k / n).

    Args:
        x: tensor; the result is complex.
        n: length of the transform: x is cut, or filled up with zeros.
        axis: the dimension.
        norm: where 1/n stands: in the "backward" transform, the "forward" one, or as 1/sqrt(n) in
            both ("ortho").

    >>> tc.fft.fft(tc.asarray([1.0, 1.0])).tolist()
    [(2+0j), 0j]
    """
    place, size = _rule("fft", x, n, axis, norm)
    return _with_size(x, place, size, _result_dtype("fft", x.dtype))


@op(
    reference=_reference("ifft"),
    gradient=(_own_transpose("ifft"),),
    samples=_samples,
    library="cuFFT",
)
def ifft(x, /, *, n=None, axis=-1, norm="backward"):
    """The inverse of `fft`.

    >>> tc.fft.ifft(tc.asarray([2.0, 0.0])).tolist()
    [(1+0j), (1+0j)]
    """
    place, size = _rule("ifft", x, n, axis, norm)
    return _with_size(x, place, size, _result_dtype("ifft", x.dtype))


def _rfft_back(g: Any, x_shape: tuple[int, ...], n: Any, axis: int, norm: str) -> Any:
    place = axis % len(x_shape)
    size = x_shape[place] if n is None else n
    return resized(real(fft(g, n=size, axis=axis, norm=norm)), place, x_shape[place])


@op(
    reference=_reference("rfft"),
    gradient=(_rfft_back,),
    samples=lambda rng: [
        ((rng.normal(size=(5,)),), {}),
        ((rng.normal(size=(6, 2)),), {"axis": 0, "norm": "ortho"}),
        ((rng.normal(size=(2, 5)),), {"n": 8, "norm": "forward"}),
    ],
    library="cuFFT",
)
def rfft(x, /, *, n=None, axis=-1, norm="backward"):
    """The first n // 2 + 1 values of `fft` of a real tensor; the others are their conjugates.

    >>> tc.fft.rfft(tc.asarray([1.0, 0.0, 0.0])).tolist()
    [(1+0j), (1+0j)]
    """
    place, size = _rule("rfft", x, n, axis, norm)
    if dtypes.KIND[x.dtype] == "complex":
        raise DTypeError(f"rfft: x must have a real dtype, received {x.dtype.name}; use fft")
    size = None if size is None else size // 2 + 1
    return _with_size(x, place, size, _result_dtype("rfft", x.dtype))


def _irfft_back(g: Any, x_shape: tuple[int, ...], n: Any, axis: int, norm: str) -> Any:
    place = axis % len(x_shape)
    size = g.shape[place]
    half = cut(ifft(g, axis=axis, norm=norm), axis=place, start=0, stop=size // 2 + 1)
    weights = np.full(size // 2 + 1, 2.0)
    weights[0] = 1.0
    if size % 2 == 0:
        weights[-1] = 1.0
    column = weights.reshape(-1, *[1] * (len(x_shape) - place - 1))
    weighted = multiply(half, as_tensor(column.astype(g.dtype), device=g.device))
    return resized(weighted, place, x_shape[place])


@op(
    reference=_reference("irfft"),
    gradient=(_irfft_back,),
    samples=lambda rng: [
        ((complex_normal(rng, 5),), {}),
        ((complex_normal(rng, 4, 2),), {"axis": 0, "n": 5, "norm": "ortho"}),
        ((complex_normal(rng, 2, 3),), {"n": 8, "norm": "forward"}),
    ],
    library="cuFFT",
)
def irfft(x, /, *, n=None, axis=-1, norm="backward"):
    """The inverse of `rfft`: a real tensor of length n, by default 2 * (size - 1).

    >>> tc.fft.irfft(tc.asarray([1.0, 1.0, 1.0])).tolist()
    [1.0, 0.0, 0.0, 0.0]
    """
    place, size = _rule("irfft", x, n, axis, norm)
    if n is None and size is not None:
        size = 2 * (size - 1)
        if size < 1:
            raise InvalidArgumentError("irfft: n is needed for a tensor with one value along axis")
    return _with_size(x, place, size, _result_dtype("irfft", x.dtype))


# More dimensions ----------------------------------------------------------------------------------


def _sizes(op_name: str, x: Any, s: Any, axes: Any) -> list[tuple[int, Any]]:
    """(dimension, length or None) of each transform."""
    if axes is None:
        places = list(range(x.ndim)) if s is None else list(range(x.ndim - len(s), x.ndim))
    else:
        places = list(axes_tuple(op_name, tuple(axes), x.ndim))
    if s is not None and len(s) != len(places):
        raise InvalidArgumentError(
            f"{op_name}: s has {len(s)} lengths, but {len(places)} dimensions are transformed"
        )
    lengths = [None] * len(places) if s is None else list(s)
    # -1 is NumPy's word for the size as it is
    return [(p, None if n == -1 else n) for p, n in zip(places, lengths, strict=True)]


@composed
def fftn(x: Any, /, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Any:
    """The discrete Fourier transform along several dimensions, all by default.

    Args:
        x: tensor.
        s: length of each transform.
        axes: the dimensions; the last ones if only `s` is given.
        norm: as in `fft`.

    >>> tc.fft.fftn(tc.ones((2, 2))).tolist()
    [[(4+0j), 0j], [0j, 0j]]
    """
    x = as_tensor(x)
    for place, n in reversed(_sizes("fftn", x, s, axes)):
        x = fft(x, n=n, axis=place, norm=norm)
    return x


@composed
def ifftn(x: Any, /, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Any:
    """The inverse of `fftn`.

    >>> tc.fft.ifftn(tc.asarray([[4.0, 0.0], [0.0, 0.0]])).tolist()
    [[(1+0j), (1+0j)], [(1+0j), (1+0j)]]
    """
    x = as_tensor(x)
    for place, n in reversed(_sizes("ifftn", x, s, axes)):
        x = ifft(x, n=n, axis=place, norm=norm)
    return x


@composed
def rfftn(x: Any, /, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Any:
    """`rfft` along the last of several dimensions and `fft` along the others.

    >>> tc.fft.rfftn(tc.ones((2, 2))).tolist()
    [[(4+0j), 0j], [0j, 0j]]
    """
    x = as_tensor(x)
    *others, (last, n) = _sizes("rfftn", x, s, axes)
    x = rfft(x, n=n, axis=last, norm=norm)
    for place, length in reversed(others):
        x = fft(x, n=length, axis=place, norm=norm)
    return x


@composed
def irfftn(x: Any, /, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Any:
    """The inverse of `rfftn`.

    >>> tc.fft.irfftn(tc.asarray([[4.0, 0.0], [0.0, 0.0]])).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    x = as_tensor(x)
    *others, (last, n) = _sizes("irfftn", x, s, axes)
    for place, length in others:
        x = ifft(x, n=length, axis=place, norm=norm)
    return irfft(x, n=n, axis=last, norm=norm)


@composed
def hfft(x: Any, /, *, n: Any = None, axis: int = -1, norm: str = "backward") -> Any:
    """The real transform of a signal whose second half is the conjugate of the first.

    >>> tc.fft.hfft(tc.asarray([1.0, 1.0])).tolist()
    [2.0, 0.0]
    """
    _check_norm("hfft", norm)
    return irfft(conj(as_tensor(x)), n=n, axis=axis, norm=_SWAPPED[norm])


@composed
def ihfft(x: Any, /, *, n: Any = None, axis: int = -1, norm: str = "backward") -> Any:
    """The inverse of `hfft`.

    >>> tc.fft.ihfft(tc.asarray([2.0, 0.0])).tolist()
    [(1-0j), (1-0j)]
    """
    _check_norm("ihfft", norm)
    return conj(rfft(x, n=n, axis=axis, norm=_SWAPPED[norm]))


def _check_norm(op_name: str, norm: str) -> None:
    if norm not in NORMS:
        raise InvalidArgumentError(
            f"{op_name}: norm must be one of {', '.join(NORMS)}, received {norm!r}"
        )


# Frequencies --------------------------------------------------------------------------------------


@composed
def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Any:
    """The frequencies of the values of `fft`.

    Args:
        n: length of the transform.
        d: distance of the samples, in seconds for frequencies in hertz.
        dtype: real floating-point dtype; float32 by default.
        device: where the result goes.

    >>> tc.fft.fftfreq(4).tolist()
    [0.0, 0.25, -0.5, -0.25]
    """
    values = np.fft.fftfreq(_length("fftfreq", n, None), d)
    return asarray(values, dtype=_float_dtype("fftfreq", dtype), device=device)


@composed
def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Any:
    """The frequencies of the values of `rfft`; see `fftfreq`.

    >>> tc.fft.rfftfreq(4).tolist()
    [0.0, 0.25, 0.5]
    """
    values = np.fft.rfftfreq(_length("rfftfreq", n, None), d)
    return asarray(values, dtype=_float_dtype("rfftfreq", dtype), device=device)


def _float_dtype(op_name: str, dtype: Any) -> np.dtype:
    kind = dtypes.float32 if dtype is None else dtypes.as_dtype(dtype)
    if not dtypes.is_float(kind):
        raise DTypeError(
            f"{op_name}: dtype must be a real floating-point dtype, received {kind.name}"
        )
    return kind


def _shift(op_name: str, x: Any, axes: Any, back: bool) -> Any:
    x = as_tensor(x)
    places = axes_tuple(op_name, axes, x.ndim)
    if not places:
        return x
    steps = tuple(x.shape[p] // 2 * (-1 if back else 1) for p in places)
    return roll(x, steps, axis=places)


@composed
def fftshift(x: Any, /, *, axes: Any = None) -> Any:
    """The zero frequency moved into the middle.

    >>> tc.fft.fftshift(tc.asarray([0, 1, -2, -1])).tolist()
    [-2, -1, 0, 1]
    """
    return _shift("fftshift", x, axes, back=False)


@composed
def ifftshift(x: Any, /, *, axes: Any = None) -> Any:
    """The inverse of `fftshift`.

    >>> tc.fft.ifftshift(tc.asarray([-2, -1, 0, 1])).tolist()
    [0, 1, -2, -1]
    """
    return _shift("ifftshift", x, axes, back=True)
