"""Which functions are converted, and the ones that were."""

from __future__ import annotations

import functools
import sys
import types
import weakref
from collections.abc import Callable
from typing import Any

from tensorcore.graph.autograph import operators
from tensorcore.graph.autograph.rewriting import rewrite
from tensorcore.graph.autograph.source import Unsupported, function_of, tree_of

_by_code: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


class _Tools:
    """What converted functions call."""

    UNDEFINED = operators.UNDEFINED
    value_of = staticmethod(operators.value_of)
    and_ = staticmethod(operators.and_)
    or_ = staticmethod(operators.or_)
    not_ = staticmethod(operators.not_)
    if_ = staticmethod(operators.if_)
    if_expression = staticmethod(operators.if_expression)
    while_ = staticmethod(operators.while_)
    for_ = staticmethod(operators.for_)

    @staticmethod
    def callee(function: Any) -> Any:
        """What is called instead of `function`."""
        if function is range:
            return operators.range_
        if _is_ours(function):
            return functools.partial(_with_converted_functions, function)
        return converted(function)


def _is_ours(function: Any) -> bool:
    """Whether it is a function of this package, which may call functions that it is given."""
    return isinstance(function, types.FunctionType) and function.__module__.startswith(
        "tensorcore."
    )


def _with_converted_functions(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function of this package with the user's functions among its arguments converted."""
    changed = {name: _converted_parts(value) for name, value in kwargs.items()}
    return function(*map(_converted_parts, args), **changed)


def _converted_parts(value: Any) -> Any:
    if isinstance(value, (types.FunctionType, types.MethodType, functools.partial)):
        return converted(value)
    if type(value) in (list, tuple) and any(isinstance(v, types.FunctionType) for v in value):
        return type(value)(map(_converted_parts, value))
    return value


def converted(function: Any) -> Any:
    """The function with its control flow converted; itself if it is no function of the user.

    Methods stay bound.  Functions of libraries, classes and built-in functions are not touched.
    """
    if isinstance(function, types.MethodType):
        changed = converted(function.__func__)
        same = changed is function.__func__
        return function if same else types.MethodType(changed, function.__self__)
    if isinstance(function, functools.partial):
        return functools.partial(converted(function.func), *function.args, **function.keywords)
    if not isinstance(function, types.FunctionType) or not is_of_user(function):
        return function
    known = _by_code.get(function)
    if known is None:
        known = _by_code[function] = _Kept(_convert(function))
    return function if known.changed is None else known.changed


class _Kept:
    """A converted function, or None for one that stays as it is."""

    def __init__(self, changed: Callable[..., Any] | None) -> None:
        self.changed = changed


def is_of_user(function: types.FunctionType) -> bool:
    """Whether a function stands in the user's own code."""
    if hasattr(function, "__wrapped__"):  # made by a decorator, whose wrapper is called
        return False
    root = (function.__module__ or "").partition(".")[0]
    if root == "tensorcore" or (root in sys.stdlib_module_names and root != "__main__"):
        return False
    return not function.__code__.co_filename.startswith(_libraries())


@functools.cache
def _libraries() -> tuple[str, ...]:
    """The folders of Python's library and of installed packages."""
    import sysconfig

    return tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})


def _convert(function: types.FunctionType) -> Callable[..., Any] | None:
    try:
        tree = rewrite(tree_of(function))
        return function_of(tree, function, _Tools)
    except Unsupported:
        return None
