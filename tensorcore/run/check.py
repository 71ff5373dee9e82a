"""Which of the names that a program asks for are missing."""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

from tensorcore.run.aliases import missing_words, module_for
from tensorcore.run.program import Program, Use, each_once


class Missing(NamedTuple):
    """A name that is not there, where the program asks for it, and what to do."""

    use: Use
    words: str

    def __str__(self) -> str:
        return f"{self.use.file}:{self.use.line}: {self.use.name}: {self.words}"


def missing_in(program: Program, style: int) -> list[Missing]:
    """The names that are not there, in the order of the program.

    Names are followed through modules and classes, as far as the program's text shows what they
    stand for.
    """
    known: dict[str, str | None] = {}
    found = []
    for use in each_once(program.uses):
        if use.name not in known:
            known[use.name] = problem_with(use.name, style)
        words = known[use.name]
        if words is not None:
            found.append(Missing(use, words))
    return found


def problem_with(name: str, style: int) -> str | None:
    """What is wrong with "tensorflow.nn.relu", or None."""
    parts = name.split(".")
    value: Any = module_for(parts[0], style)
    if value is None:
        return missing_words(parts[0], style)
    path = parts[0]
    for part in parts[1:]:
        path = f"{path}.{part}"
        if not isinstance(value, (ModuleType, type)) and not _stands_for_a_module(value):
            return None  # an object's attributes are known when the program runs
        try:
            value = getattr(value, part)
        except (AttributeError, ImportError) as problem:
            module = _module(path, style)
            if module is None:
                return str(problem)
            value = module
    return None


def _module(name: str, style: int) -> ModuleType | None:
    try:
        return module_for(name, style)
    except ImportError:
        return None


def _stands_for_a_module(value: Any) -> bool:
    """Whether an object says itself what it lacks, such as the parts of contrib."""
    return getattr(type(value), "is_module", False)
