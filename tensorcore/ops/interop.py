"""NumPy's functions called with tensors: `np.exp(x)` is `tc.exp(x)`, on x's device and on tapes.

Functions of NumPy that are not element-wise convert tensors to NumPy arrays by `__array__`, or call
the tensor's method of that name (`np.sum(x)`).
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from tensorcore.errors import ArgumentTypeError
from tensorcore.ops.arithmetic import floor_divide
from tensorcore.ops.elementwise import Elementwise
from tensorcore.ops.linear import matmul
from tensorcore.ops.record import OPS
from tensorcore.tensor import Tensor
from tensorcore.variable import Variable


@functools.cache
def _operations() -> dict[Any, Any]:
    """NumPy's ufunc -> the operation that computes the same."""
    found = {np.matmul: matmul, np.floor_divide: floor_divide}
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
        raise ArgumentTypeError(
            f"np.{name}{with_options} does not take tensors; use tensorcore's own function, or "
            "convert with np.asarray(x), after which gradients do not flow"
        )
    return operation(*inputs)


Tensor.__array_ufunc__ = array_ufunc  # type: ignore[attr-defined]
Variable.__array_ufunc__ = array_ufunc  # type: ignore[attr-defined]
