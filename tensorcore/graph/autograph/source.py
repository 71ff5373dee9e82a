"""A function's source as a syntax tree, and a tree as a function again."""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
from collections.abc import Callable
from typing import Any


class Unsupported(Exception):
    """The function stays as it is; the text says why."""


def tree_of(function: types.FunctionType) -> ast.FunctionDef | ast.Lambda:
    """The definition of a function, with the line numbers of its file.

    Raises:
        Unsupported: there is no source, or nobody can say which of several lambdas it is.
    """
    try:
        lines, first = inspect.getsourcelines(function)
    except (OSError, TypeError):
        raise Unsupported("its source cannot be read") from None
    try:
        module = ast.parse(textwrap.dedent("".join(lines)))
    except SyntaxError:
        raise Unsupported("its source is part of a larger expression") from None
    ast.increment_lineno(module, first - 1)
    if function.__name__ == "<lambda>":
        found: list[Any] = [node for node in ast.walk(module) if isinstance(node, ast.Lambda)]
    else:
        found = [node for node in module.body if isinstance(node, ast.FunctionDef)]
    if len(found) != 1:
        raise Unsupported("its source does not stand alone")
    if any(isinstance(node, (ast.Yield, ast.YieldFrom, ast.Await)) for node in ast.walk(found[0])):
        raise Unsupported("it is a generator")
    return found[0]


def function_of(tree: Any, original: types.FunctionType, tools: Any) -> Callable[..., Any]:
    """The function that a changed definition says, with the globals and cells of the original.

    Args:
        tree: the definition; it calls the operators as attributes of the name `TOOLS`.
        original: the function it came from.
        tools: what `TOOLS` stands for.
    """
    free = original.__code__.co_freevars
    if isinstance(tree, ast.Lambda):
        statement: ast.stmt = ast.Return(tree)
        result: list[ast.stmt] = [statement]
    else:
        tree.decorator_list = []
        result = [tree, ast.Return(ast.Name(tree.name, ast.Load()))]
    names = [TOOLS, *free]
    makes_cells: list[ast.stmt] = [
        ast.Assign([ast.Name(name, ast.Store())], ast.Constant(None)) for name in names
    ]
    maker = ast.parse("def _maker(): pass").body[0]
    maker.body = [*makes_cells, *result]  # type: ignore[attr-defined]
    module = ast.Module([maker], type_ignores=[])
    ast.fix_missing_locations(module)
    code = compile(module, original.__code__.co_filename, "exec", dont_inherit=True)
    inner = _code_named(code, original.__code__.co_name)
    cells = dict(zip(free, original.__closure__ or (), strict=True))
    cells[TOOLS] = types.CellType(tools)
    closure = tuple(cells[name] for name in inner.co_freevars)
    function = types.FunctionType(
        inner, original.__globals__, original.__name__, original.__defaults__, closure
    )
    function.__kwdefaults__ = original.__kwdefaults__
    function.__qualname__ = original.__qualname__
    function.__module__ = original.__module__
    return function


TOOLS = "_tools"


def _code_named(code: types.CodeType, name: str) -> types.CodeType:
    maker = next(c for c in code.co_consts if isinstance(c, types.CodeType))
    return next(c for c in maker.co_consts if isinstance(c, types.CodeType) and c.co_name == name)
