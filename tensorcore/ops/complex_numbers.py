"""Complex numbers: their parts, and how gradients are defined for them.

The gradient of a real loss L for a complex z = x + iy is dL/dx + i dL/dy, the direction of steepest
ascent, so that `z - rate * gradient` descends (PyTorch's and TensorFlow's convention).  Inside the
engine the conjugate of it travels, dL/dx - i dL/dy: in that form the rule of every holomorphic
function is g * f'(z), as for real numbers; the tape conjugates what goes in and what comes out.
"""

from __future__ import annotations

from typing import Any

from tensorcore import dtypes
from tensorcore.errors import DTypeError
from tensorcore.ops.arithmetic import multiply, negative
from tensorcore.ops.composing import composed
from tensorcore.ops.elementwise import elementwise
from tensorcore.ops.record import Spec, op
from tensorcore.ops.shapes import broadcast
from tensorcore.ops.trigonometric import atan2


def complex_normal(rng: Any, *shape: int) -> Any:
    """Random complex numbers for samples."""
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def _samples(rng: Any) -> Any:
    return [((complex_normal(rng, 2, 3),), {}), ((rng.normal(size=(3,)),), {})]


def _part_rule(name: str, dtype: Any) -> Any:
    if dtype == dtypes.bool:
        raise DTypeError(f"{name}: x must have a numeric dtype, received bool")
    return dtypes.real_of(dtype)


@op(
    reference=lambda xp, x: xp.array(x.real),
    gradient=(lambda g: g,),
    samples=_samples,
)
def real(x, /):
    """The real part; a real tensor's own values.

    >>> tc.real(tc.asarray([1 + 2j])).tolist()
    [1.0]
    """
    return Spec(tuple(x.shape), _part_rule("real", x.dtype))


def _imag_back(g: Any, x_dtype: Any) -> Any:
    return multiply(g, -1j if dtypes.KIND[x_dtype] == "complex" else 0)


@op(
    # CuPy's imag of a real array is not an array of its own
    reference=lambda xp, x: xp.array(x.imag) if x.dtype.kind == "c" else xp.zeros_like(x),
    gradient=(_imag_back,),
    samples=_samples,
)
def imag(x, /):
    """The imaginary part; zeros for a real tensor.

    >>> tc.imag(tc.asarray([1 + 2j])).tolist()
    [2.0]
    """
    return Spec(tuple(x.shape), _part_rule("imag", x.dtype))


def _conj_back(g: Any) -> Any:
    return conj(g)


@elementwise(numpy="conjugate", gradient=(_conj_back,))
def conj(x):
    """The complex conjugate; a real tensor's own values.

    >>> tc.conj(tc.asarray([1 + 2j])).tolist()
    [(1-2j)]
    """
    return x


def _complex_rule_dtype(dtype: Any) -> Any:
    if not dtypes.is_float(dtype):
        raise DTypeError(
            f"make_complex: the parts must have a real floating-point dtype, received {dtype.name}"
        )
    return dtypes.complex_of(dtype)


@op(
    reference=lambda xp, re, im: _joined(xp, re, im),
    gradient=(lambda g: real(g), lambda g: negative(imag(g))),
    samples=lambda rng: [((rng.normal(size=(2, 3)), rng.normal(size=(3,))), {})],
    promote=("re", "im"),
)
def make_complex(re, im, /):
    """The complex numbers re + i im.

    >>> tc.ops.complex_numbers.make_complex(tc.asarray([1.0]), tc.asarray([2.0])).tolist()
    [(1+2j)]
    """
    shape = broadcast("make_complex", {"re": tuple(re.shape), "im": tuple(im.shape)})
    return Spec(shape, _complex_rule_dtype(re.dtype))


def _joined(xp: Any, re: Any, im: Any) -> Any:
    kind = dtypes.complex_of(re.dtype)
    shape = broadcast("make_complex", {"re": re.shape, "im": im.shape})
    result = xp.empty(shape, kind)
    result.real[...] = re
    result.imag[...] = im
    return result


@composed
def angle(x: Any, /) -> Any:
    """The angle of a complex number in radians, in [-pi, pi].

    >>> round(float(tc.angle(tc.asarray(1j))), 4)
    1.5708
    """
    return atan2(imag(x), real(x))
