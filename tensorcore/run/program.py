"""What a program says of TensorFlow: the names it imports and the attributes it asks them for."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from typing import NamedTuple

from tensorcore.run.aliases import is_ours


class Use(NamedTuple):
    """One mention of a name: `tensorflow.nn.relu` in line 12 of a file."""

    name: str
    file: str
    line: int


# What only programs of TensorFlow 1 say.
MARKS = (
    "Session",
    "InteractiveSession",
    "placeholder",
    "global_variables_initializer",
    "initialize_all_variables",
    "reset_default_graph",
    "get_variable",
    "variable_scope",
    "ConfigProto",
    "app",
    "contrib",
    "layers",
    "placeholder_with_default",
    "disable_eager_execution",
    "disable_v2_behavior",
    "set_random_seed",
    "trainable_variables",
)
# Of tf.compat.v1 programs of TensorFlow 2 use this and that, but not these.
MARKS_IN_COMPAT = (
    "Session",
    "InteractiveSession",
    "placeholder",
    "disable_eager_execution",
    "disable_v2_behavior",
)
_BEGINNINGS = (("tensorflow.", MARKS), ("tensorflow.compat.v1.", MARKS_IN_COMPAT))


class Program:
    """A program read from its file, with the modules of its folder that it imports.

    Args:
        path: the program's file.

    Raises:
        OSError: the file cannot be read.
        SyntaxError: it is no Python.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.uses: list[Use] = []
        self._read: set[str] = set()
        self._folder = os.path.dirname(os.path.abspath(path))
        self._add(path)

    def _add(self, path: str) -> None:
        self._read.add(os.path.abspath(path))
        with open(path, "rb") as file:
            tree = ast.parse(file.read(), path)
        reader = _Reader(path)
        reader.visit(tree)
        self.uses += reader.uses
        for module in reader.others:
            local = os.path.join(self._folder, *module.split("."))
            for candidate in (f"{local}.py", os.path.join(local, "__init__.py")):
                if os.path.isfile(candidate) and os.path.abspath(candidate) not in self._read:
                    self._add(candidate)

    @property
    def style(self) -> int:
        """1 if the program speaks TensorFlow 1's language, else 2."""
        for use in self.uses:
            for beginning, marks in _BEGINNINGS:
                rest = use.name.removeprefix(beginning)
                if rest != use.name and rest.partition(".")[0] in marks:
                    return 1
        return 2


class _Reader(ast.NodeVisitor):
    """Follows the names that imports bind."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.uses: list[Use] = []
        self.others: list[str] = []  # other modules that are imported
        self._bound: dict[str, str] = {}  # name in the program -> what it stands for

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            if not is_ours(alias.name):
                self.others.append(alias.name)
                continue
            self._use(alias.name, node.lineno)
            root = alias.name.partition(".")[0]
            self._bound[alias.asname or root] = alias.name if alias.asname else root

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level or not is_ours(module):
            self.others += [module, *(f"{module}.{alias.name}".strip(".") for alias in node.names)]
            return
        for alias in node.names:
            if alias.name == "*":
                self._use(module, node.lineno)
                continue
            name = f"{module}.{alias.name}"
            self._use(name, node.lineno)
            self._bound[alias.asname or alias.name] = name

    def visit_Attribute(self, node: ast.Attribute) -> None:
        name = self._chain(node)
        if name is None:
            self.generic_visit(node)
        else:
            self._use(name, node.lineno)

    def _chain(self, node: ast.expr) -> str | None:
        """tensorflow.nn.relu for tf.nn.relu, if tf stands for tensorflow."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self._bound:
            return None
        return ".".join([self._bound[node.id], *reversed(parts)])

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        for target in node.targets:  # keras = tf.keras; and a name that is given another meaning
            if isinstance(target, ast.Name):
                name = self._chain(node.value)
                if name is not None:
                    self._bound[target.id] = name
                else:
                    self._bound.pop(target.id, None)

    def _use(self, name: str, line: int) -> None:
        self.uses.append(Use(name, self.file, line))


def each_once(uses: list[Use]) -> Iterator[Use]:
    """The uses, each name once a line."""
    yield from dict.fromkeys(uses)
