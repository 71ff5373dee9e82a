"""NumPy's functions called with tensors: `np.exp(x)` is `tc.exp(x)`, on x's device and on tapes.

Functions that NumPy has and tensorcore has not (`np.savez`, `np.allclose`...) get the values as
NumPy arrays, as `np.asarray(x)` gives them.  Where that would lose a gradient that a tape is asked
for, or where they would write into a tensor, they are refused.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.device import is_array_class
from tensorcore.errors import ArgumentTypeError, GradientError, TensorcoreError
from tensorcore.mode import mode
from tensorcore.ops import numpy_functions
from tensorcore.ops.arithmetic import floor_divide
from tensorcore.ops.elementwise import Elementwise
from tensorcore.ops.linear import matmul, vecdot
from tensorcore.ops.record import OPS
from tensorcore.tensor import Tensor
from tensorcore.variable import Variable

REMEDY = (
    "use tensorcore's own function, or convert with np.asarray(x), after which gradients do not "
    "flow"
)

# Element-wise functions ---------------------------------------------------------------------------


@functools.cache
def _operations() -> dict[Any, Any]:
    """NumPy's ufunc -> the operation that computes the same."""
    found = {np.matmul: matmul, np.floor_divide: floor_divide}
    if hasattr(np, "vecdot"):
        found[np.vecdot] = vecdot
    for operation in OPS.values():
        if isinstance(operation, Elementwise) and operation.numpy:
            function = getattr(np, operation.numpy)
            if isinstance(function, np.ufunc):
                found.setdefault(function, operation)
    return found


def array_ufunc(self: Any, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
    """Called by NumPy in place of `ufunc` when one of the inputs is a tensor."""
    operation = _operations().get(ufunc)
    if operation is None or method != "__call__" or options:
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        with_options = f" with {', '.join(options)}" if options else ""
        raise ArgumentTypeError(f"np.{name}{with_options} does not take tensors; {REMEDY}")
    return operation(*inputs)


# All others ---------------------------------------------------------------------------------------

# They look at values, and nobody asks them for a gradient.
LOOKING = ("allclose", "array_equal", "array_equiv", "isclose", "array_repr", "array_str")
LOOKING += ("array2string", "save", "savez", "savez_compressed", "savetxt", "can_cast")
LOOKING += ("result_type", "shares_memory", "may_share_memory")
# They write into their first argument.
WRITING = ("copyto", "put", "place", "putmask", "put_along_axis", "fill_diagonal")


def array_function(self: Any, function: Any, types: Any, args: Any, options: Any) -> Any:
    """Called by NumPy in place of `function` when one of its arguments is a tensor."""
    if not all(issubclass(kind, (Tensor, Variable)) or is_array_class(kind) for kind in types):
        return NotImplemented
    if isinstance(options.get("out"), (Tensor, Variable)):
        raise ArgumentTypeError(
            f"{_name(function)}: out: tensors are not written to; use the result"
        )
    options = {name: value for name, value in options.items() if name != "out" or value is not None}
    twin = numpy_functions.functions().get(function)
    if twin is None:
        return _on_the_host(function, args, options)
    try:
        return twin(*args, **options)
    except TensorcoreError:
        raise
    except TypeError:
        signature = inspect.signature(twin)
        try:
            signature.bind(*args, **options)
        except TypeError as error:
            raise ArgumentTypeError(
                f"{_name(function)}: {error}; for tensors its arguments are {signature}"
            ) from None
        raise


def _name(function: Any) -> str:
    module = getattr(function, "__module__", "numpy")
    return f"{module.replace('numpy', 'np', 1)}.{function.__name__}"


def _on_the_host(function: Any, args: Any, options: Any) -> Any:
    """NumPy's own function, on copies of the values."""
    name = function.__name__
    if name in WRITING and isinstance(args[0] if args else None, (Tensor, Variable)):
        raise ArgumentTypeError(
            f"{_name(function)} writes into its first argument, and a tensor's memory is never "
            "written to; use x[index] = value"
        )
    if name not in LOOKING and any(map(_is_followed, _tensors((args, options)))):
        raise GradientError(
            f"{_name(function)} has no counterpart here, and a GradientTape follows its argument: "
            f"the gradient would be lost. Instead {REMEDY}"
        )
    return function(*_as_arrays(args), **_as_arrays(options))


def _tensors(value: Any) -> Iterator[Any]:
    if isinstance(value, (Tensor, Variable)):
        yield value
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _tensors(part)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))


def _is_followed(value: Any) -> bool:
    return dtypes.is_inexact(value.dtype) and any(tape.follows(value) for tape in mode.tapes)


def _as_arrays(value: Any) -> Any:
    if isinstance(value, (Tensor, Variable)):
        return value.__array__()
    if isinstance(value, (list, tuple)):
        parts = list(map(_as_arrays, value))
        return parts if isinstance(value, list) else tuple(parts)
    if isinstance(value, dict):
        return {name: _as_arrays(part) for name, part in value.items()}
    return value


for _class in (Tensor, Variable):
    _class.__array_ufunc__ = array_ufunc  # type: ignore[attr-defined]
    _class.__array_function__ = array_function  # type: ignore[attr-defined]
