"""The operators and methods of tensors and variables, taken from the operations."""

from __future__ import annotations

from typing import Any

from tensorcore.device import CPU
from tensorcore.errors import ArgumentTypeError, DTypeError, ShapeError
from tensorcore.mode import listeners
from tensorcore.ops import arithmetic, linear, logical, reductions, shaping, transfer
from tensorcore.ops.indexing import index_tensor, straight_item
from tensorcore.tensor import StandIn, Tensor, wrap
from tensorcore.variable import Variable

# Python's operator -> the operation that computes it.
BINARY = {
    "add": arithmetic.add,
    "sub": arithmetic.subtract,
    "mul": arithmetic.multiply,
    "truediv": arithmetic.divide,
    "floordiv": arithmetic.floor_divide,
    "mod": arithmetic.remainder,
    "pow": arithmetic.pow,
    "matmul": linear.matmul,
    "and": logical.bitwise_and,
    "or": logical.bitwise_or,
    "xor": logical.bitwise_xor,
    "lshift": logical.bitwise_left_shift,
    "rshift": logical.bitwise_right_shift,
}
COMPARISONS = {
    "eq": logical.equal,
    "ne": logical.not_equal,
    "lt": logical.less,
    "le": logical.less_equal,
    "gt": logical.greater,
    "ge": logical.greater_equal,
}
UNARY = {"neg": arithmetic.negative, "abs": arithmetic.abs, "invert": logical.bitwise_invert}
REDUCTIONS = ("sum", "mean", "prod", "max", "min", "var", "std", "any", "all", "argmax", "argmin")


def _binary(operation: Any) -> Any:
    def method(self: Any, other: Any) -> Any:
        return operation(self, other)

    return method


def _straight_binary(operation: Any) -> Any:
    """The operator of tensors: straight to NumPy where nothing is to be checked or recorded."""
    straight, straight_dtypes = operation.straight, operation.straight_dtypes

    def method(self: Any, other: Any) -> Any:
        if type(other) is not Tensor or type(self) is not Tensor or self.device is not CPU:
            return operation(self, other)
        first, second = self.data, other.data
        dtype = first.dtype
        if (
            other.device is not CPU
            or listeners.threads
            or dtype is not second.dtype
            or dtype not in straight_dtypes
        ):
            return operation(self, other)
        try:
            result = straight(first, second)
        except (ValueError, TypeError):
            return operation(self, other)  # says what is wrong
        if result is None:
            return operation(self, other)
        operation.straight_runs += 1
        return wrap(result, CPU)

    return method


def _reflected(operation: Any) -> Any:
    def method(self: Any, other: Any) -> Any:
        return operation(other, self)

    return method


def _in_place(name: str, operation: Any) -> Any:
    """x += y: a new tensor under the same name, of the same dtype and shape."""

    def method(self: Any, other: Any) -> Any:
        result = operation(self, other)
        if result.dtype != self.dtype:
            raise DTypeError(
                f"in-place {name}: the result has dtype {result.dtype.name}, the tensor "
                f"{self.dtype.name}; write x = x <operator> y, or convert first"
            )
        if result.shape != self.shape:
            raise ShapeError(
                f"in-place {name}: the result has shape {result.shape}, the tensor {self.shape}; "
                "write x = x <operator> y"
            )
        return result

    return method


def _unary(operation: Any) -> Any:
    def method(self: Any) -> Any:
        return operation(self)

    return method


def _comparison(operation: Any, when_foreign: Any) -> Any:
    def method(self: Any, other: Any) -> Any:
        # A tensor compared with None or a text is simply not equal to it.
        if other is None or isinstance(other, str):
            return when_foreign
        return operation(self, other)

    return method


def _reduction(operation: Any) -> Any:
    def method(
        self: Any,
        axis: Any = None,
        keepdims: bool = False,
        *,
        dtype: Any = None,
        out: None = None,
        **options: Any,
    ) -> Any:
        # NumPy's np.sum(x) calls the method, with `out`.
        if out is not None:
            raise ArgumentTypeError("out: tensors are not written to; use the result")
        if dtype is not None:
            options["dtype"] = dtype
        if axis is None and not keepdims and not options:
            return operation(self)
        return operation(self, axis=axis, keepdims=keepdims, **options)

    return method


def _reshape(self: Any, *shape: Any) -> Any:
    """The same elements under another shape: `x.reshape(2, 3)` or `x.reshape((2, 3))`."""
    return shaping.reshape(self, shape[0] if len(shape) == 1 else shape)


def _transpose(self: Any, *axes: Any) -> Any:
    """The dimensions in another order: `x.transpose()`, `x.transpose(1, 0)`."""
    return shaping.transpose(self, (axes[0] if len(axes) == 1 else axes) if axes else None)


def _astype(self: Any, dtype: Any, copy: bool = True) -> Any:
    """The values converted to another dtype."""
    return transfer.astype(self, dtype, copy=copy)


def _flatten(self: Any) -> Any:
    """The elements in one dimension."""
    return shaping.reshape(self, (-1,))


def install(cls: type) -> None:
    """Give a class of array-like objects the operators and methods."""
    for name, operation in BINARY.items():
        setattr(cls, f"__{name}__", _binary(operation))
        setattr(cls, f"__r{name}__", _reflected(operation))
    for name, operation in COMPARISONS.items():
        setattr(
            cls,
            f"__{name}__",
            _comparison(operation, {"eq": False, "ne": True}.get(name, NotImplemented)),
        )
    for name, operation in UNARY.items():
        setattr(cls, f"__{name}__", _unary(operation))
    for name in REDUCTIONS:
        setattr(cls, name, _reduction(getattr(reductions, name)))
    attributes = {
        "__pos__": _unary(arithmetic.positive),
        "__getitem__": index_tensor,
        "reshape": _reshape,
        "transpose": _transpose,
        "astype": _astype,
        "flatten": _flatten,
        "T": property(lambda self: shaping.transpose(self)),
        "mT": property(lambda self: shaping.matrix_transpose(self)),
    }
    for name, value in attributes.items():
        setattr(cls, name, value)


install(Tensor)
Tensor.__getitem__ = straight_item  # type: ignore[method-assign]
StandIn.__getitem__ = index_tensor  # type: ignore[method-assign]
for _name, _operation in BINARY.items():
    setattr(Tensor, f"__i{_name}__", _in_place(_name, _operation))
    if _operation.straight is not None:
        setattr(Tensor, f"__{_name}__", _straight_binary(_operation))
install(Variable)
