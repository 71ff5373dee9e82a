"""Why a function was traced again: which argument changed, and how."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from tensorcore.graph.structures import Leaf
from tensorcore.tensor import Tensor, as_tensor
from tensorcore.variable import Variable

TOO_MANY = 8  # traces that differ in Python values, after which a function is warned about
KEPT = 128  # descriptions of traces


def parts_of(structure: Any, tensors: Sequence[Tensor]) -> dict[str, str]:
    """What tells this kind of arguments from others: place -> words."""
    found: dict[str, str] = {}

    def visit(part: Any, path: str) -> None:
        if isinstance(part, Leaf):
            tensor = tensors[part.number]
            found[f"{path}.shape"] = str(tensor.shape)
            found[f"{path}.dtype"] = tensor.dtype.name
            found[f"{path}.device"] = tensor.device.name
        elif isinstance(part, dict):
            for key, value in part.items():
                visit(value, f"{path}[{key!r}]")
        elif isinstance(part, (list, tuple)):
            for index, value in enumerate(part):
                visit(value, f"{path}[{index}]")
        elif isinstance(part, Variable):
            found[path] = f"variable {part.name} ({id(part):x})"
        else:
            text = repr(part)
            found[path] = text if len(text) <= 60 else f"{text[:57]}..."

    args, kwargs = structure
    visit(args, "args")
    for key, value in kwargs.items():
        visit(value, f"kwargs[{key!r}]")
    return found


class Retraces:
    """The traces of one function, described by their arguments."""

    def __init__(self, relaxes: bool) -> None:
        self._relaxes = relaxes
        self._seen: list[dict[str, str]] = []
        self._lines: list[str] = []
        self._by_value = 0
        self._floats: dict[str, float] = {}

    def note(self, name: str, parts: dict[str, str]) -> None:
        """A trace was made for these arguments."""
        number = len(self._lines) + 1
        if not self._seen:
            self._lines.append(f"trace {number}: the first call")
        else:
            changes = self._changes(parts)
            self._lines.append(f"trace {number}: " + "; ".join(changes))
            by_value = [c for c in changes if not _is_kind(c)]
            self._by_value += bool(by_value)
            if by_value and self._by_value == TOO_MANY:
                warnings.warn(
                    f"{name} was traced {number} times because of Python values, the last time for "
                    f"{by_value[0]}. Each trace takes time and memory: pass tensors instead of "
                    f"Python numbers, and see {name}.trace_report().",
                    stacklevel=5,
                )
        self._seen.append(parts)
        del self._seen[:-KEPT]

    def _changes(self, parts: dict[str, str]) -> list[str]:
        """The differences from the nearest earlier trace."""
        nearest = min(reversed(self._seen), key=lambda seen: len(_differing(seen, parts)))
        changes = []
        for place in _differing(nearest, parts):
            before, after = nearest.get(place), parts.get(place)
            if before is None:
                changes.append(f"{place}: new, {after}")
            elif after is None:
                changes.append(f"{place}: no longer there, was {before}")
            else:
                changes.append(f"{place}: {before} -> {after}")
        return changes or ["an equal-looking argument that is another object"]

    def report(self, name: str) -> str:
        """All that was noted, a line for each trace."""
        if not self._lines:
            return f"{name} was not traced yet"
        count = len(self._lines)
        return "\n".join([f"{name} was traced {count} time{'s'[: count != 1]}", *self._lines])

    def relaxed(self, structure: Any, tensors: list[Any]) -> Any:
        """The structure with floats that differ from an earlier call as tensors."""

        def visit(part: Any, path: str) -> Any:
            if isinstance(part, dict):
                return {key: visit(value, f"{path}[{key!r}]") for key, value in part.items()}
            if type(part) in (list, tuple):
                return type(part)(visit(value, f"{path}[{i}]") for i, value in enumerate(part))
            if type(part) is not float:
                return part
            if self._floats.setdefault(path, part) == part:
                return part
            self._floats[path] = float("nan")  # from now on always
            tensors.append(as_tensor(part))
            return Leaf(len(tensors) - 1)

        return visit(structure, "")


def _differing(first: dict[str, str], second: dict[str, str]) -> list[str]:
    places = dict.fromkeys([*second, *first])
    return [place for place in places if first.get(place) != second.get(place)]


def _is_kind(change: str) -> bool:
    """Whether a change is one of shape, dtype or device."""
    return change.partition(": ")[0].endswith((".shape", ".dtype", ".device"))
