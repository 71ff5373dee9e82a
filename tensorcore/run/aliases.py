"""The modules that a program imports by TensorFlow's and Keras's names, and ours in their place."""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

# The longest beginning that fits decides.
COMMON = {
    "keras": "tensorcore.keras",
    "tensorflow.keras": "tensorcore.keras",
    "tensorflow.python.keras": "tensorcore.keras",
    "tensorflow.compat.v1": "tensorcore.tf.compat.v1",
    "tensorflow.compat.v1.keras": "tensorcore.keras",
    "tensorflow.compat.v2": "tensorcore.tf",
    "tensorflow.compat": "tensorcore.tf.compat",
    "tensorflow.contrib": "tensorcore.tf.compat.v1.contrib",
    "tensorflow.examples.tutorials.mnist": "tensorcore.tf.compat.v1.tutorials",
    "tensorflow_datasets": "tensorcore.tfds",
    "tensorflow_hub": "tensorcore.hub",
}
STYLES = {1: "tensorcore.tf.compat.v1", 2: "tensorcore.tf"}
# Packages that only hold others.
EMPTY = ("tensorflow.examples", "tensorflow.examples.tutorials", "tensorflow.python")
ROOTS = ("keras", "tensorflow", "tensorflow_datasets", "tensorflow_hub")


def is_ours(name: str) -> bool:
    """Whether a module is one that tensorcore stands in for."""
    return name.partition(".")[0] in ROOTS


def target_of(name: str, style: int) -> str | None:
    """Our module for one that a program imports, or None."""
    rules = {**COMMON, "tensorflow": STYLES[style]}
    known = name
    while known not in rules:
        known, dot, _ = known.rpartition(".")
        if not dot:
            return None
    return rules[known] + name[len(known) :]


def module_for(name: str, style: int) -> ModuleType | None:
    """Our module for one that a program imports, imported; None if there is none."""
    if name in EMPTY:
        empty = ModuleType(name)
        empty.__path__ = []
        return empty
    target = target_of(name, style)
    if target is None:
        return None
    try:
        return importlib.import_module(target)
    except ModuleNotFoundError as problem:
        if problem.name is None or not f"{target}.".startswith(f"{problem.name}."):
            raise  # something that our module needs is missing
    found: Any = None
    parent, _, last = target.rpartition(".")
    with contextlib.suppress(ModuleNotFoundError, AttributeError):
        # Some modules are attributes only: objects that stand for modules.
        found = getattr(importlib.import_module(parent), last)
    return found


class Finder(importlib.abc.MetaPathFinder):
    """Answers imports of TensorFlow's and Keras's modules with ours.

    Args:
        style: 1 or 2, the TensorFlow that `import tensorflow` means.
    """

    def __init__(self, style: int) -> None:
        self.style = style

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        if not is_ours(fullname):
            return None
        module = module_for(fullname, self.style)
        if module is None:
            raise ModuleNotFoundError(missing_words(fullname, self.style), name=fullname)
        loader = _Loader(module)
        return importlib.machinery.ModuleSpec(
            fullname, loader, is_package=hasattr(module, "__path__")
        )


class _Loader(importlib.abc.Loader):
    """Hands out a module that exists already."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self._spec = getattr(module, "__spec__", None)

    def create_module(self, spec: Any) -> Any:
        return self._module

    def exec_module(self, module: Any) -> None:
        with contextlib.suppress(AttributeError):
            module.__spec__ = self._spec  # importing wrote that of the other name


def missing_words(name: str, style: int) -> str:
    """What to say of a module that is not there."""
    from tensorcore import missing

    parent = name.rpartition(".")[0]
    module = module_for(parent, style) if parent else None
    near = missing.nearest(name.rpartition(".")[2], dir(module)) if module is not None else []
    hint = f"; {parent} has {', '.join(near)}" if near else ""
    return f"{name} is not there in tensorcore{hint}"


@contextlib.contextmanager
def installed(style: int) -> Iterator[None]:
    """While active, imports by TensorFlow's and Keras's names give tensorcore's modules."""
    kept = {name: module for name, module in sys.modules.items() if is_ours(name)}
    for name in kept:
        del sys.modules[name]
    finder = Finder(style)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if is_ours(name)]:
            del sys.modules[name]
        sys.modules.update(kept)
