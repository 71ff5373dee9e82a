"""How a row of the table becomes a function with Keras's argument names."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tensorcore.errors import ArgumentTypeError


def named(operation: Callable[..., Any], tensors: str, options: str = "") -> Callable[..., Any]:
    """`operation` under Keras's argument names.

    Args:
        operation: one of ours, its tensors positional.
        tensors: Keras's names of these, in order.
        options: names of what follows; `theirs=ours` where the two differ.
    """
    first = tensors.split()
    ours = {word.partition("=")[0]: word.rpartition("=")[2] for word in options.split()}
    theirs = [*first, *ours]

    @functools.wraps(operation, updated=())
    def function(*args: Any, **given: Any) -> Any:
        if len(args) > len(theirs):
            raise ArgumentTypeError(
                f"{function.__name__}: expected at most {len(theirs)} arguments "
                f"({', '.join(theirs)}), received {len(args)}"
            )
        values = {**dict(zip(theirs, args, strict=False)), **given}
        unknown = [name for name in values if name not in theirs]
        if unknown or len(values) < len(args) + len(given):
            raise ArgumentTypeError(
                f"{function.__name__}: expected the arguments {', '.join(theirs)}, each at most "
                f"once, received {', '.join([*theirs[: len(args)], *given])}"
            )
        positional = [values.pop(name) for name in first if name in values]
        return operation(*positional, **{ours[name]: value for name, value in values.items()})

    return function


def table(rows: dict[str, tuple[Any, ...]]) -> dict[str, Callable[..., Any]]:
    """Keras's names with their functions, for a module's globals."""
    functions = {}
    for name, row in rows.items():
        functions[name] = named(*row)
        functions[name].__name__ = functions[name].__qualname__ = name
    return functions
