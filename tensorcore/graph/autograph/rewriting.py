"""Second pass: statements become calls of the operators, with their blocks as functions.

    if x > 0:                   def _then_1():
        y = x                       nonlocal y
    else:             becomes       y = x
        y = -x                  def _else_1(): ...
                                def _get_1(): return (_tools.value_of(lambda: y),)
                                def _set_1(values): ...
                                _tools.if_(x > 0, _then_1, _else_1, _get_1, _set_1, ("y",), 1, 7)

In the order of the names those come first that are read later.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from tensorcore.graph.autograph.analysis import Liveness, assigned
from tensorcore.graph.autograph.jumps import straighten
from tensorcore.graph.autograph.source import TOOLS


def rewrite(tree: Any) -> Any:
    """The definition of a function with its control flow as calls of operators."""
    if isinstance(tree, ast.FunctionDef):
        straighten(tree)
        _analyse(tree)
    return _Rewriter().start(tree)


def _analyse(function: ast.FunctionDef) -> None:
    for node in ast.walk(function):
        if isinstance(node, ast.FunctionDef):
            Liveness(node)


class _Rewriter(ast.NodeTransformer):
    def __init__(self) -> None:
        self._count = 0
        self._declared: dict[str, str] = {}  # name -> "global" or "nonlocal" of the function
        self._first_argument: str | None = None

    def start(self, tree: Any) -> Any:
        if isinstance(tree, ast.Lambda):
            tree.body = self.visit(tree.body)
            return tree
        return self._function(tree)

    # Scopes ---------------------------------------------------------------------------------------

    def _function(self, node: ast.FunctionDef) -> ast.FunctionDef:
        outer = self._declared, self._first_argument
        self._declared = {
            name: "global" if isinstance(part, ast.Global) else "nonlocal"
            for part in ast.walk(node)
            if isinstance(part, (ast.Global, ast.Nonlocal))
            for name in part.names
        }
        arguments = [*node.args.posonlyargs, *node.args.args]
        self._first_argument = arguments[0].arg if arguments else None
        node.body = self._block(node.body)
        self._declared, self._first_argument = outer
        return node

    visit_FunctionDef = _function

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        return node

    def _block(self, body: Sequence[ast.stmt]) -> list[ast.stmt]:
        done: list[ast.stmt] = []
        for statement in body:
            changed = self.visit(statement)
            done.extend(changed if isinstance(changed, list) else [changed])
        return done

    # Expressions ----------------------------------------------------------------------------------

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        self.generic_visit(node)
        if _binds(node):
            return node
        name = "and_" if isinstance(node.op, ast.And) else "or_"
        return _call(name, [_lambda(value) for value in node.values], node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        return _call("not_", [node.operand], node) if isinstance(node.op, ast.Not) else node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        self.generic_visit(node)
        if _binds(node):
            return node
        branches = [_lambda(node.body), _lambda(node.orelse)]
        return _call("if_expression", [node.test, *branches, ast.Constant(node.lineno)], node)

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        between = node.comparators[:-1]
        if not between or not all(isinstance(c, (ast.Name, ast.Constant)) for c in between):
            return node
        sides = [node.left, *node.comparators]
        pairs = [
            _lambda(ast.copy_location(ast.Compare(left, [op], [right]), node))
            for left, op, right in zip(sides, node.ops, sides[1:], strict=False)
        ]
        return _call("and_", pairs, node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "super":
            if not node.args and self._first_argument:
                node.args = [_load("__class__"), _load(self._first_argument)]
            return node
        node.func = _call("callee", [node.func], node.func)
        return node

    # Statements -----------------------------------------------------------------------------------

    def visit_If(self, node: ast.If) -> Any:
        later = node.after  # type: ignore[attr-defined]
        names = assigned([*node.body, *node.orelse])
        names, n_live = _live_first(names, later)
        test = self.visit(node.test)
        number = self._next()
        parts = [
            self._define(f"_then_{number}", self._block(node.body), names),
            self._define(f"_else_{number}", self._block(node.orelse) or [ast.Pass()], names),
            *self._state(number, names),
        ]
        call = _call(
            "if_",
            [
                test,
                _load(f"_then_{number}"),
                _load(f"_else_{number}"),
                *_rest(number, names),
                ast.Constant(n_live),
                ast.Constant(node.lineno),
            ],
            node,
        )
        return _placed([*parts, ast.Expr(call)], node)

    def visit_While(self, node: ast.While) -> Any:
        names, n_live = _live_first(assigned(node.body), node.again)  # type: ignore[attr-defined]
        n_after = _live_first(assigned(node.body), node.after)  # type: ignore[attr-defined]
        number = self._next()
        test = self._going_on(node, self.visit(node.test))
        parts = [
            self._define(f"_test_{number}", [ast.Return(test)], ()),
            self._define(f"_body_{number}", self._block(node.body), names),
            *self._state(number, names),
        ]
        call = _call(
            "while_",
            [
                _load(f"_test_{number}"),
                _load(f"_body_{number}"),
                *_rest(number, names),
                ast.Constant(n_live),
                ast.Constant(node.lineno),
            ],
            node,
        )
        del n_after
        return _placed([*parts, ast.Expr(call)], node)

    def visit_For(self, node: ast.For) -> Any:
        targets = assigned([node.target])
        names = list(dict.fromkeys([*assigned(node.body), *targets]))
        live = set(node.again) - (set(targets) - set(node.after))  # type: ignore[attr-defined]
        names, n_live = _live_first(names, live)
        number = self._next()
        take: ast.stmt = ast.Assign([node.target], _load("_item"))
        going_on = self._going_on(node, ast.Constant(True))
        body = self._define(f"_body_{number}", [take, *self._block(node.body)], names)
        body.args.args.append(ast.arg("_item"))
        parts = [
            self._define(f"_test_{number}", [ast.Return(going_on)], ()),
            body,
            *self._state(number, names),
        ]
        has_test = ast.Constant(node.leaves is not None)  # type: ignore[attr-defined]
        call = _call(
            "for_",
            [
                self.visit(node.iter),
                _load(f"_test_{number}"),
                _load(f"_body_{number}"),
                *_rest(number, names),
                ast.Constant(n_live),
                ast.Constant(node.lineno),
                has_test,
            ],
            node,
        )
        return _placed([*parts, ast.Expr(call)], node)

    def _going_on(self, node: Any, test: ast.expr) -> ast.expr:
        if node.leaves is None:
            return test
        still = _call("not_", [_load(node.leaves)], node)
        return _call("and_", [_lambda(still), _lambda(test)], node)

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _define(self, name: str, body: list[ast.stmt], names: Sequence[str]) -> ast.FunctionDef:
        function: Any = ast.parse(f"def {name}(): pass").body[0]
        function.body = [*self._declarations(names), *body]
        return function

    def _declarations(self, names: Sequence[str]) -> list[ast.stmt]:
        every = [name for name in names if self._declared.get(name) == "global"]
        inner = [name for name in names if self._declared.get(name) != "global"]
        found: list[ast.stmt] = [ast.Global(every)] if every else []
        return [*found, ast.Nonlocal(inner)] if inner else found

    def _state(self, number: int, names: Sequence[str]) -> list[ast.stmt]:
        """The functions that read and set the names."""
        values = "".join(f"{TOOLS}.value_of(lambda: {name}), " for name in names)
        get: Any = ast.parse(f"def _get_{number}(): return ({values})").body[0]
        lines = [f"def _set_{number}(_values):", "    pass"]
        for index, name in enumerate(names):
            lines += [
                f"    {name} = _values[{index}]",
                f"    if {name} is {TOOLS}.UNDEFINED:",
                f"        del {name}",
            ]
        set_: Any = ast.parse("\n".join(lines)).body[0]
        set_.body = [*self._declarations(names), *set_.body]
        # Names that are bound nowhere else have to be names of the function around.
        unbound: Any = ast.parse(
            "if 0:\n    pass\n"
            + "".join(f"    {name} = None\n" for name in names if name not in self._declared)
        ).body[0]
        return [unbound, get, set_]


def _rest(number: int, names: Sequence[str]) -> list[ast.expr]:
    every: list[ast.expr] = [ast.Constant(name) for name in names]
    return [_load(f"_get_{number}"), _load(f"_set_{number}"), ast.Tuple(every, ast.Load())]


def _live_first(names: Sequence[str], live: Any) -> tuple[list[str], int]:
    first = [name for name in names if name in live]
    return [*first, *(name for name in names if name not in live)], len(first)


def _binds(node: ast.AST) -> bool:
    """Whether a name is bound inside an expression, which a lambda would keep for itself."""
    return any(isinstance(part, ast.NamedExpr) for part in ast.walk(node))


def _load(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def _lambda(body: ast.expr) -> ast.expr:
    empty = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    return ast.copy_location(ast.Lambda(empty, body), body)


def _call(name: str, arguments: Sequence[ast.expr], place: ast.AST) -> ast.expr:
    function = ast.Attribute(_load(TOOLS), name, ast.Load())
    call = ast.Call(function, list(arguments), [])
    for node in (call, function, function.value, *arguments):
        if not hasattr(node, "lineno"):
            ast.copy_location(node, place)
            # Python gives the call of an attribute the line where the attribute ends.
            node.end_lineno, node.end_col_offset = node.lineno, node.col_offset
    return call


def _placed(statements: list[Any], place: ast.stmt) -> list[Any]:
    """Statements that are not the user's get the line of what they stand for."""
    for statement in statements:
        ast.copy_location(statement, place)
        if isinstance(statement, ast.FunctionDef) and statement.name.startswith(("_get_", "_set_")):
            for part in ast.walk(statement):
                if hasattr(part, "lineno"):
                    ast.copy_location(part, place)
        if isinstance(statement, ast.If):
            for part in ast.walk(statement):
                if hasattr(part, "lineno"):
                    ast.copy_location(part, place)
    return statements
