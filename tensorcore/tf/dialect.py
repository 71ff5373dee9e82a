"""TensorFlow's manners for the whole process: strict dtypes and TensorFlow's way of printing.

TensorFlow does not mix dtypes silently; tensorcore follows the array API standard, and its own
layers and losses rely on that.  So only what the user's program says is judged: the innermost
caller outside `ops/`, `graph/` and this facade must not be tensorcore itself.  That is asked only
where dtypes differ, hence costs nothing in a program that keeps to TensorFlow's rules.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.device import to_numpy
from tensorcore.errors import ArgumentTypeError, InvalidArgumentError
from tensorcore.mode import dialect
from tensorcore.ops.door import as_operand
from tensorcore.tensor import Tensor
from tensorcore.tf.shapes import TensorShape
from tensorcore.variable import Variable

# What TensorFlow calls the operations in its messages.
OP_NAMES = {
    "add": "AddV2",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "RealDiv",
    "floor_divide": "FloorDiv",
    "remainder": "FloorMod",
    "matmul": "MatMul",
    "concat": "ConcatV2",
    "stack": "Pack",
    "where": "SelectV2",
    "greater_equal": "GreaterEqual",
    "less_equal": "LessEqual",
    "not_equal": "NotEqual",
}
DTYPE_NAMES = {"float16": "half", "float32": "float", "float64": "double"}

# Frames that stand between the user's line and the door.
_BETWEEN = (
    "tensorcore.ops",
    "tensorcore.graph",
    "tensorcore.tf",
    "tensorcore.variable",
    "tensorcore.linalg",
    "tensorcore.autodiff.vmap",
)


def use_tensorflow() -> None:
    """Follow TensorFlow's manners from now on."""
    dialect.judge = judge
    dialect.host_dtype = host_dtype
    dialect.show = show
    dialect.text = text
    for kind in _SHAPED:
        kind.shape = _ASKED[kind]  # type: ignore[assignment, method-assign]
        kind.get_shape = _get_shape  # type: ignore[attr-defined]


def use_tensorcore() -> None:
    """Follow tensorcore's own manners again, as before `tensorcore.tf` was imported."""
    dialect.judge = dialect.host_dtype = dialect.show = dialect.text = None
    for kind, plain in _SHAPED.items():
        kind.shape = plain  # type: ignore[assignment, method-assign]
        if "get_shape" in vars(kind):
            del kind.get_shape  # type: ignore[attr-defined]


def said_by_user() -> bool:
    """Whether the operation that is about to run stands in the user's program."""
    frame = sys._getframe(2)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if not module.startswith(_BETWEEN):
            return not module.startswith("tensorcore.")
        frame = frame.f_back  # type: ignore[assignment]
    return True


# How shapes are asked about -----------------------------------------------------------------------

_SHAPED = {kind: vars(kind)["shape"] for kind in (Tensor, Variable)}
_frame = sys._getframe


def _shape_of_tensor(value: Any) -> Any:
    """What `x.shape` is: a TensorShape for the user's program, a plain tuple for tensorcore's."""
    sizes = value.data.shape
    if _frame(1).f_globals.get("__name__", "")[:11] == "tensorcore.":
        return sizes
    return tuple.__new__(TensorShape, sizes)


def _shape_of_variable(value: Any) -> Any:
    sizes = value.storage.shape
    if _frame(1).f_globals.get("__name__", "")[:11] == "tensorcore.":
        return sizes
    return tuple.__new__(TensorShape, sizes)


_ASKED = {Tensor: property(_shape_of_tensor), Variable: property(_shape_of_variable)}


def _get_shape(value: Any) -> TensorShape:
    """The shape, as TensorFlow 1's programs ask for it."""
    return TensorShape(value.shape)


# How dtypes meet ----------------------------------------------------------------------------------


def judge(op: Any, values: Sequence[Any], wanted: np.dtype) -> np.dtype:
    """The dtype in which `op` computes `values`; raises where TensorFlow would."""
    first = next((value.dtype for value in values if hasattr(value, "dtype")), None)
    if first is None:
        return wanted
    if first == wanted and all(
        value.dtype == first if hasattr(value, "dtype") else _fits(value, first) for value in values
    ):
        return wanted
    if not said_by_user():
        return wanted
    _refuse_mixing(op, values, first)
    if op.name == "divide" and dtypes.is_integer(first):
        return dtypes.float32 if first.itemsize < 4 else dtypes.float64
    if first != wanted:
        raise InvalidArgumentError(
            f"Value for attr 'T' of {_name(first)} is not in the list of allowed values: bfloat16, "
            f"half, float, double, complex64, complex128 [Op:{_op_name(op)}]; convert first, for "
            "example tf.cast(x, tf.float32)"
        )
    return wanted


def _fits(number: Any, dtype: np.dtype) -> bool:
    """Whether a Python number can be a constant of this dtype, as TensorFlow has it."""
    if isinstance(number, bool):
        return dtype == dtypes.bool
    if isinstance(number, int):
        return dtype != dtypes.bool
    return dtypes.KIND[dtype] in ("float", "complex")


def _refuse_mixing(op: Any, values: Sequence[Any], first: np.dtype) -> None:
    shift = op.promote[0] if op.promote and not op.variadic else 0
    for position, value in enumerate(values):
        is_number = not hasattr(value, "dtype")
        if _fits(value, first) if is_number else value.dtype == first:
            continue
        if is_number and position == 0:
            raise ArgumentTypeError(
                f"Cannot convert {value!r} to EagerTensor of dtype {_name(first)}; convert "
                f"the tensor first, for example tf.cast(x, tf.float32) [Op:{_op_name(op)}]"
            )
        dtype = dtypes.as_dtype(type(value)) if is_number else value.dtype
        raise InvalidArgumentError(
            f"cannot compute {_op_name(op)} as input #{position + shift}(zero-based) was "
            f"expected to be a {_name(first)} tensor but is a {_name(dtype)} tensor "
            f"[Op:{_op_name(op)}]; convert one of them, for example tf.cast(x, "
            f"tf.{dtypes.promote(first, dtype).name})"
        )


def _op_name(op: Any) -> str:
    return OP_NAMES.get(op.name) or "".join(part.capitalize() for part in op.name.split("_"))


def _name(dtype: np.dtype) -> str:
    return DTYPE_NAMES.get(dtype.name, dtype.name)


def host_dtype(op: Any, value: Any, operands: Sequence[Any]) -> np.dtype | None:
    """A NumPy array or a list beside a tensor takes the tensor's dtype, as in TensorFlow."""
    tensor = next((t for t in map(as_operand, operands) if isinstance(t, Tensor)), None)
    if tensor is None or not said_by_user():
        return None
    if isinstance(value, np.ndarray):
        return tensor.dtype
    # Lists of Python numbers follow the rule for numbers: 1.5 is no int32.
    own = np.asarray(value).dtype
    inexact = own.kind in "fc"
    return tensor.dtype if not inexact or dtypes.is_inexact(tensor.dtype) else None


# How tensors print --------------------------------------------------------------------------------


def show(value: Any) -> str:
    """`<tf.Tensor: shape=(2,), dtype=int32, numpy=array([1, 2], dtype=int32)>`."""
    if isinstance(value, Variable):
        return (
            f"<tf.Variable {tf_name(value)!r} shape={value.shape} dtype={value.dtype.name}, "
            f"numpy={_numpy(value)}>"
        )
    return f"<tf.Tensor: shape={value.shape}, dtype={value.dtype.name}, numpy={_numpy(value)}>"


def text(value: Any) -> str:
    """`tf.Tensor([1 2], shape=(2,), dtype=int32)`."""
    if type(value) is not Tensor:
        return repr(value)
    values = str(to_numpy(value.data))
    start = "\n" if "\n" in values else ""
    return f"tf.Tensor({start}{values}, shape={value.shape}, dtype={value.dtype.name})"


def tf_name(variable: Any) -> str:
    """The variable's name with TensorFlow's ":0"."""
    return variable.name if ":" in variable.name else f"{variable.name}:0"


def _numpy(value: Any) -> str:
    array = value.numpy()
    if not array.ndim:
        # NumPy's own words for a scalar are np.float32(1.5); TensorFlow shows the number.
        return str(array)
    words = repr(array)
    return f"\n{words}" if "\n" in words else words
