"""TensorFlow's functions take a `name`, which only graphs use; these helpers add it to a table."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any


def named(operation: Callable[..., Any]) -> Callable[..., Any]:
    """The operation with TensorFlow's optional argument `name`.

    The first arguments may be given by TensorFlow's names x and y.
    """

    @functools.wraps(operation, updated=())
    def function(*args: Any, name: str | None = None, **options: Any) -> Any:
        for word in ("x", "y"):
            if word in options:
                args = (*args, options.pop(word))
        return operation(*args, **options)

    return function


def table(operations: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """TensorFlow's names with `named` functions, for a module's globals."""
    return {name: named(operation) for name, operation in operations.items()}
