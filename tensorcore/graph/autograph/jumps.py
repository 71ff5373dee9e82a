"""First pass: every break, continue and return stands at the end of its block.

What follows an `if` that may jump moves into its branches, so that each branch goes on to the end:

    if a:                       if a:
        return x                    result = x
    y = f(x)          becomes   else:
    return y                        y = f(x)
                                    result = y
                                return result

In a loop `continue` then says nothing, and `break` sets a flag that is asked before the next run.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence

from tensorcore.graph.autograph.source import Unsupported

RESULT = "_result"
JUMPS = (ast.Return, ast.Break, ast.Continue)
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def straighten(function: ast.FunctionDef) -> None:
    """Change a function so that it returns in its last line only, if it returns in a branch."""
    _Straightener().function(function)


class _Straightener:
    """Changes the bodies of one function; functions inside are done by themselves."""

    def __init__(self) -> None:
        self._count = 0

    def function(self, function: ast.FunctionDef) -> None:
        body = function.body
        needs = any(_may(ast.Return, s) for s in body if not isinstance(s, (ast.Return, ast.With)))
        function.body = self._block(body, "function" if needs else "plain")
        if needs:
            last = ast.Return(ast.Name(RESULT, ast.Load()))
            function.body.append(ast.copy_location(last, body[-1]))

    def _block(self, body: Sequence[ast.stmt], kind: str, flag: str = "") -> list[ast.stmt]:
        """A block whose jumps stand at its end.

        `kind` says what they mean: "function" (a return sets the result), "loop" (they set
        flags), or "plain" (no jump needs to change).
        """
        done: list[ast.stmt] = []
        for number, statement in enumerate(body):
            rest = list(body[number + 1 :])
            if kind != "plain" and isinstance(statement, JUMPS):
                return done + self._jump(statement, flag)
            if isinstance(statement, (ast.While, ast.For)):
                returns = _may(ast.Return, statement)
                done += self._loop(statement)
                if returns and kind != "plain":
                    left = ast.If(_name(f"{self._last_flag}_returned"), [_return()], [])
                    return done + self._block([_at(left, statement), *rest], kind, flag)
                continue
            if isinstance(statement, ast.If):
                if kind != "plain" and any(_may(jump, statement) for jump in JUMPS):
                    done.append(self._branches(statement, rest, kind, flag))
                    return done
                statement.body = self._block(statement.body, "plain")
                statement.orelse = self._block(statement.orelse, "plain")
            elif isinstance(statement, (ast.With, ast.Try)):
                self._inside(statement, rest, kind, flag)
            elif isinstance(statement, ast.FunctionDef):
                straighten(statement)
            done.append(statement)
        if kind == "function":
            value = ast.Assign([ast.Name(RESULT, ast.Store())], ast.Constant(None))
            if not _ends_with_jump(body) and not _sets_result(done):
                done.append(_at(value, body[-1] if body else value))
        return done

    def _branches(self, statement: ast.If, rest: list[ast.stmt], kind: str, flag: str) -> ast.If:
        first, second = list(statement.body), list(statement.orelse)
        if not _ends_with_jump(first):
            first += copy.deepcopy(rest)
        if not _ends_with_jump(second):
            second += rest
        statement.body = self._block(first, kind, flag) or [ast.Pass()]
        statement.orelse = self._block(second, kind, flag)
        return statement

    def _jump(self, statement: ast.stmt, flag: str) -> list[ast.stmt]:
        """What a jump at the end of its block becomes."""
        if isinstance(statement, ast.Return):
            value = statement.value or ast.Constant(None)
            done: list[ast.stmt] = [_at(_set(RESULT, value), statement)]
            if flag:
                done += [
                    _at(_set(f"{flag}_{w}", ast.Constant(True)), statement)
                    for w in ("returned", "left")
                ]
            return done
        if isinstance(statement, ast.Break):
            return [_at(_set(f"{flag}_left", ast.Constant(True)), statement)]
        return [_at(ast.Pass(), statement)]

    def _loop(self, loop: ast.While | ast.For) -> list[ast.stmt]:
        if loop.orelse:
            raise Unsupported("a loop with an else clause")
        breaks = any(_may(ast.Break, s, loops=False) for s in loop.body)
        returns = any(_may(ast.Return, s) for s in loop.body)
        self._count += 1
        flag = f"_loop_{self._count}"
        loop.body = self._block(loop.body, "loop", flag) or [ast.Pass()]
        self._last_flag = flag
        loop.leaves = None  # type: ignore[union-attr]
        before: list[ast.stmt] = []
        if breaks or returns:
            loop.leaves = f"{flag}_left"  # type: ignore[union-attr]
            before.append(_at(_set(f"{flag}_left", ast.Constant(False)), loop))
        if returns:
            before.append(_at(_set(f"{flag}_returned", ast.Constant(False)), loop))
        return [*before, loop]

    def _inside(self, statement: ast.With | ast.Try, rest: list[ast.stmt], kind: str, flag: str):
        if kind == "plain" or not any(_may(jump, statement) for jump in JUMPS):
            for field in ("body", "orelse", "finalbody"):
                block = getattr(statement, field, None)
                if block:
                    setattr(statement, field, self._block(block, "plain"))
            return
        if rest or isinstance(statement, ast.Try):
            raise Unsupported("a jump out of a with or try block")
        statement.body = self._block(statement.body, kind, flag)


def _may(jump: type, statement: ast.stmt | ast.ExceptHandler, loops: bool = True) -> bool:
    """Whether a statement contains such a jump that leads out of it."""
    if isinstance(statement, jump):
        return True
    if isinstance(statement, SCOPES):
        return False
    if isinstance(statement, (ast.While, ast.For)) and (jump is not ast.Return or not loops):
        return False
    return any(
        _may(jump, child, loops)
        for child in ast.iter_child_nodes(statement)
        if isinstance(child, (ast.stmt, ast.ExceptHandler))
    )


def _ends_with_jump(body: Sequence[ast.stmt]) -> bool:
    """Whether a block always jumps."""
    for statement in body:
        if isinstance(statement, (*JUMPS, ast.Raise)):
            return True
        if isinstance(statement, ast.If) and all(
            map(_ends_with_jump, (statement.body, statement.orelse))
        ):
            return True
        if isinstance(statement, ast.With) and _ends_with_jump(statement.body):
            return True
    return False


def _sets_result(done: Sequence[ast.stmt]) -> bool:
    """Whether a straightened block ends with the result being set."""
    last = done[-1] if done else None
    if isinstance(last, ast.Assign) and isinstance(last.targets[0], ast.Name):
        return last.targets[0].id == RESULT
    if isinstance(last, ast.With):
        return _sets_result(last.body)
    return isinstance(last, ast.Raise)


def _set(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], value)


def _return() -> ast.stmt:
    return ast.Return(_name(RESULT))


def _name(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def _at(node: ast.stmt, place: ast.stmt) -> ast.stmt:
    """The node with the line of `place`, for tracebacks."""
    for part in ast.walk(node):
        if not hasattr(part, "lineno") and isinstance(part, (ast.stmt, ast.expr)):
            ast.copy_location(part, place)
    return node
