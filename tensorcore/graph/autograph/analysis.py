"""Names: which ones a block assigns to, and which are read after it."""

from __future__ import annotations

import ast
from collections.abc import Iterable

SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def assigned(nodes: Iterable[ast.AST]) -> list[str]:
    """The names that statements bind in their own scope, in the order of the first time."""
    found: dict[str, None] = {}

    def visit(node: ast.AST) -> None:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.setdefault(node.name)
            return
        if isinstance(node, (ast.Lambda, *COMPREHENSIONS)):
            return
        if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            found.setdefault(node.id)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                found.setdefault((alias.asname or alias.name).partition(".")[0])
        for child in ast.iter_child_nodes(node):
            visit(child)

    for node in nodes:
        visit(node)
    return list(found)


def read(node: ast.AST | None) -> set[str]:
    """The names that are read anywhere in a node, also by functions inside."""
    if node is None:
        return set()
    return {
        part.id
        for part in ast.walk(node)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)
    }


class Liveness:
    """Which names are read after a statement: `after` and, for loops, `again` become attributes.

    Args:
        function: whose jumps stand at the end of their blocks.
    """

    def __init__(self, function: ast.FunctionDef) -> None:
        # A function inside may be called at any time.
        self._always = {
            name
            for node in ast.walk(function)
            if isinstance(node, SCOPES) and node is not function
            for name in read(node)
        }
        self._block(function.body, set(self._always))

    def _block(self, body: Iterable[ast.stmt], after: set[str]) -> set[str]:
        for statement in reversed(list(body)):
            after = self._statement(statement, after) | self._always
        return after

    def _statement(self, node: ast.stmt, after: set[str]) -> set[str]:
        if isinstance(node, ast.If):
            node.after = after  # type: ignore[attr-defined]
            return read(node.test) | self._block(node.body, after) | self._block(node.orelse, after)
        if isinstance(node, (ast.While, ast.For)):
            return self._loop(node, after)
        if isinstance(node, ast.With):
            inside = self._block(node.body, after)
            return inside.union(*(read(item.context_expr) for item in node.items))
        if isinstance(node, ast.Try):
            for body in (node.finalbody, node.orelse, *(h.body for h in node.handlers), node.body):
                self._block(body, after | read(node))
            return after | read(node)
        if isinstance(node, (ast.Return, ast.Raise)):
            return read(node)
        if isinstance(node, ast.AugAssign):
            return after | read(node.value) | set(assigned([node.target])) | read(node.target)
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.FunctionDef, ast.Import)):
            return (after - set(assigned([node]))) | read(node)
        return after | read(node)

    def _loop(self, node: ast.While | ast.For, after: set[str]) -> set[str]:
        leaves = getattr(node, "leaves", None)
        start = {leaves} if leaves else set()
        start |= read(node.test) if isinstance(node, ast.While) else set()
        targets = set(assigned([node.target])) if isinstance(node, ast.For) else set()
        again = after | start
        while True:
            more = again | (self._block(node.body, again) - targets)
            if more == again:
                break
            again = more
        node.after, node.again = after, again  # type: ignore[union-attr]
        return again | (read(node.iter) if isinstance(node, ast.For) else set())
