"""Functions composed of operations: whatever is wrong, the errors are ours and name the function.

    @composed
    def outer(x1, x2, /): ...

An error of an operation inside gets the function's name in front; an error of Python or NumPy
becomes one of ours that shows the arguments.  Nothing is done, and next to nothing paid, while all
goes well.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from tensorcore.errors import (
    ArgumentTypeError,
    InvalidArgumentError,
    OutOfMemoryError,
    TensorcoreError,
)

Function = TypeVar("Function", bound=Callable[..., Any])

# What Python and NumPy raise when an argument is not what it should be.
FOREIGN = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError)


def composed(function: Function) -> Function:
    """The function, with errors that name it."""
    name = function.__name__

    @functools.wraps(function)
    def named(*args: Any, **options: Any) -> Any:
        try:
            return function(*args, **options)
        except TensorcoreError as error:
            if name in str(error) or isinstance(error, OutOfMemoryError):
                raise
            raise type(error)(f"{name}: {error}") from error
        except FOREIGN as error:
            raise ours(f"{name}({shown(function, args, options)})", error) from error

    return named  # type: ignore[return-value]


def ours(where: str, error: Exception) -> TensorcoreError:
    """An error of Python or NumPy as one of ours."""
    kind = ArgumentTypeError if isinstance(error, TypeError) else InvalidArgumentError
    return kind(f"{where}: {error}")


def shown(function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> str:
    """The arguments of a call, in short."""
    try:
        given = inspect.signature(function).bind(*args, **options).arguments
    except TypeError:
        given = {**{f"argument {n}": arg for n, arg in enumerate(args)}, **options}
    return ", ".join(f"{name}={_short(value)}" for name, value in given.items() if name != "self")


def _short(value: Any) -> str:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"<{value.dtype} {tuple(value.shape)}>"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
