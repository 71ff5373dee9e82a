"""x[index] = value: the tensor object gets a new array, and tapes see the write as an operation.

The memory of a tensor is never written to, so that views, and values that tapes have kept, stay
what they were.  After the write the object stands for the result of `setitem`: gradients flow to
`value` and to the untouched part of the old x.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import DTypeError, GradientError, OutOfRangeError, ShapeError, TracingError
from tensorcore.ops.composing import composed
from tensorcore.ops.creation import arange, zeros
from tensorcore.ops.door import mode
from tensorcore.ops.indexing import Place, _filled, _parts, getitem, index_bounds
from tensorcore.ops.logical import equal, where
from tensorcore.ops.record import Spec, op
from tensorcore.ops.shaping import reshape
from tensorcore.ops.transfer import convert
from tensorcore.tensor import Tensor, as_tensor, next_serial
from tensorcore.variable import Variable


def _set_reference(xp: Any, inputs: Any, index: tuple[Any, ...]) -> Any:
    x, value, *tensors = inputs
    result = xp.array(x, copy=True)
    where_to = _filled(index, tensors)
    try:
        result[where_to] = value
    except IndexError as error:
        raise OutOfRangeError(f"indexing a tensor of shape {x.shape}: {error}") from None
    except ValueError:
        raise ShapeError(
            f"x[index] = value: a value of shape {value.shape} does not fit the selected part of "
            f"shape {x[where_to].shape}"
        ) from None
    return result


def _set_gradient(g: Any, i: int, inputs: Any, index: tuple[Any, ...]) -> Any:
    x, _, *tensors = inputs
    if i == 0:
        return setitem([g, zeros((), dtype=g.dtype, device=g.device), *tensors], index=index)
    if i > 1:
        return None
    arriving = getitem([g, *tensors], index=index)
    if not any(dtypes.is_integer(tensor.dtype) for tensor in tensors):
        return arriving
    # Of several values written to one place one has stayed: only it gets the gradient.
    numbers = reshape(arange(arriving.size, device=g.device), arriving.shape)
    marks = zeros(x.shape, dtype=numbers.dtype, device=g.device)
    stayed = getitem([setitem([marks, numbers, *tensors], index=index), *tensors], index=index)
    return where(equal(stayed, numbers), arriving, 0)


@op(
    reference=_set_reference,
    gradient=(_set_gradient,),
    samples=lambda rng: [
        (([rng.normal(size=(4, 3)), rng.normal(size=(2, 3))],), {"index": (slice(1, None, 2),)}),
        (([rng.normal(size=(4, 3)), rng.normal(size=())],), {"index": (Ellipsis, -1)}),
        (
            ([rng.normal(size=(4, 3)), rng.normal(size=(2, 3)), np.array([0, -1])],),
            {"index": (Place(0), slice(None))},
        ),
        (
            ([rng.normal(size=(3,)), rng.normal(size=(2,)), np.array([True, False, True])],),
            {"index": (Place(0),)},
        ),
    ],
    variadic=True,
    trusted_on=("cpu",),
    bounds=index_bounds(2),
)
def setitem(inputs, /, *, index):
    """x with the part x[index] replaced; `inputs` are x, the value, and the index tensors."""
    return Spec(tuple(inputs[0].shape), inputs[0].dtype)


def _fitting(x: Any, value: Any) -> Any:
    """The value as a tensor of x's dtype and device."""
    if type(value) in (bool, int, float, complex):
        if dtypes.weak(type(value), x.dtype) != x.dtype:
            raise DTypeError(
                f"x[index] = value: a tensor of {x.dtype.name} cannot hold the number {value!r}; "
                "convert the tensor first with tc.astype"
            )
        try:
            return as_tensor(x.dtype.type(value), device=x.device)
        except OverflowError:
            raise DTypeError(
                f"x[index] = value: the number {value} does not fit the dtype {x.dtype.name}"
            ) from None
    value = as_tensor(value, device=x.device)
    if value.dtype == x.dtype:
        return value
    kinds = dtypes.KIND[value.dtype], dtypes.KIND[x.dtype]
    if kinds[0] != kinds[1] and dtypes.promote(value.dtype, x.dtype) != x.dtype:
        raise DTypeError(
            f"x[index] = value: a tensor of {x.dtype.name} cannot hold {value.dtype.name}; convert "
            f"the value with tc.astype(value, tc.{x.dtype.name})"
        )
    return convert(value, x.dtype)


@composed
def written(x: Any, key: Any, value: Any) -> Any:
    """A new tensor: x with x[key] replaced by `value`.  Gradients flow to both.

    >>> tc.written(tc.zeros(3), 1, 5.0).tolist()
    [0.0, 5.0, 0.0]
    """
    x = as_tensor(x)
    index, tensors = _parts(x, key)
    value = _fitting(x, value)
    while value.ndim > x.ndim and value.shape[0] == 1:
        value = reshape(value, value.shape[1:])
    return setitem([x, value, *tensors], index=index)


def write(x: Any, key: Any, value: Any) -> None:
    """x[key] = value.

    Raises:
        GradientError: a tape watches x itself, whose old value is what the gradient is asked for.
    """
    if isinstance(x, Variable):
        x.assign(written(x, key, value))
        return
    if type(x) is not Tensor:
        raise TracingError(
            "x[index] = value: a tensor that is being traced cannot change; write "
            "y = tc.written(x, index, value)"
        )
    if x.is_shared:
        raise GradientError(
            "x[index] = value: the tensor is the value of a variable; write to the variable"
        )
    if any(tape.watches(x) for tape in mode.tapes):
        raise GradientError(
            "x[index] = value: a GradientTape watches x, and would lose what it was. Write "
            "y = tc.written(x, index, value)"
        )
    result = written(x, key, value)
    if type(result) is not Tensor:
        raise TracingError(
            "x[index] = value: the value is being traced, and x is not; write "
            "y = tc.written(x, index, value)"
        )
    x.data = result.data
    x.serial = result.serial or next_serial()


Tensor.__setitem__ = write  # type: ignore[attr-defined]
Variable.__setitem__ = write  # type: ignore[attr-defined]
