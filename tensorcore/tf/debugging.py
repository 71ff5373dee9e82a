"""`tf.debugging`: checks of values, which raise InvalidArgumentError."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore import missing
from tensorcore.errors import ArgumentTypeError, InvalidArgumentError
from tensorcore.tensor import Tensor, as_tensor
from tensorcore.tf.dtypes import as_dtype
from tensorcore.tf.shapes import TensorShape


def _host(value: Any) -> np.ndarray:
    return as_tensor(value).numpy()


def _comparison(name: str, symbol: str, holds: Any) -> Any:
    def function(
        x: Any, y: Any, message: str | None = None, summarize: Any = None, name: Any = None
    ):
        first, second = _host(x), _host(y)
        if not np.all(holds(first, second)):
            raise InvalidArgumentError(
                f"{message or 'assertion failed'}: Condition x {symbol} y did not hold. "
                f"x = {first}, y = {second}"
            )

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Raise unless x {symbol} y for all elements."
    return function


assert_equal = _comparison("assert_equal", "==", np.equal)
assert_none_equal = _comparison("assert_none_equal", "!=", np.not_equal)
assert_greater = _comparison("assert_greater", ">", np.greater)
assert_greater_equal = _comparison("assert_greater_equal", ">=", np.greater_equal)
assert_less = _comparison("assert_less", "<", np.less)
assert_less_equal = _comparison("assert_less_equal", "<=", np.less_equal)
assert_near = _comparison("assert_near", "near", lambda x, y: np.isclose(x, y, 1e-6, 1e-6))

__all__ = [
    "Assert",
    "assert_all_finite",
    "assert_equal",
    "assert_greater",
    "assert_greater_equal",
    "assert_less",
    "assert_less_equal",
    "assert_near",
    "assert_non_negative",
    "assert_none_equal",
    "assert_positive",
    "assert_rank",
    "assert_shapes",
    "assert_type",
    "check_numerics",
    "is_numeric_tensor",
]


def assert_positive(x: Any, message: str | None = None, **options: Any) -> None:
    """Raise unless all elements are above 0."""
    assert_greater(x, 0, message)


def assert_non_negative(x: Any, message: str | None = None, **options: Any) -> None:
    """Raise unless all elements are 0 or above."""
    assert_greater_equal(x, 0, message)


def Assert(condition: Any, data: Any, summarize: Any = None, name: str | None = None) -> None:
    """Raise with the data unless the condition holds."""
    if not np.all(_host(condition)):
        shown = ", ".join(str(each) for each in data)
        raise InvalidArgumentError(f"Expected condition to be true. Summarized data: {shown}")


def check_numerics(tensor: Any, message: str, name: str | None = None) -> Tensor:
    """The tensor itself; raise if it has an infinity or NaN."""
    values = _host(tensor)
    problems = [
        word for word, found in (("Inf", np.isinf), ("NaN", np.isnan)) if found(values).any()
    ]
    if problems:
        raise InvalidArgumentError(f"{message} : Tensor had {' and '.join(problems)} values")
    return as_tensor(tensor)


def assert_all_finite(x: Any, message: str = "", name: str | None = None) -> Tensor:
    """The same as `check_numerics`."""
    return check_numerics(x, message)


def assert_rank(x: Any, rank: int, message: str | None = None, name: str | None = None) -> None:
    """Raise unless x has so many dimensions."""
    shape = as_tensor(x).shape
    if len(shape) != int(rank):
        raise InvalidArgumentError(
            f"{message or 'assertion failed'}: Tensor must have rank {rank}. Received rank "
            f"{len(shape)}, shape {shape}"
        )


def assert_type(tensor: Any, tf_type: Any, message: str | None = None, name: Any = None) -> None:
    """Raise unless the tensor has this dtype."""
    dtype = as_tensor(tensor).dtype
    if dtype != as_dtype(tf_type):
        raise ArgumentTypeError(
            f"{message or ''} tensor must be of type {as_dtype(tf_type).name}, received "
            f"{dtype.name}".strip()
        )


def assert_shapes(shapes: Any, data: Any = None, message: str | None = None) -> None:
    """Raise unless tensors have shapes such as ("N", 3), in which equal letters are equal sizes."""
    known: dict[Any, int] = {}
    for tensor, wanted in shapes.items() if isinstance(shapes, dict) else shapes:
        shape = TensorShape(as_tensor(tensor).shape)
        fits = len(shape) == len(wanted) and all(
            name in (None, "?")
            or n == (known.setdefault(name, n) if isinstance(name, str) else name)
            for n, name in zip(shape, wanted, strict=False)
        )
        if not fits:
            raise InvalidArgumentError(
                f"{message or ''} Tensor must have shape {tuple(wanted)}, received {shape}; known "
                f"sizes: {known}".strip()
            )


def is_numeric_tensor(tensor: Any) -> bool:
    """Whether it is a tensor of numbers."""
    return isinstance(tensor, Tensor) and tensor.dtype.kind in "iufc"


def __getattr__(name: str) -> Any:
    raise missing.attribute(__name__, name, __all__)
