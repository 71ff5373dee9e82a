"""Nested lists, tuples and dicts of values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def map_structure(function: Callable[[Any], Any], structure: Any) -> Any:
    """`structure` with `function` applied to each leaf.

    >>> map_structure(lambda n: n + 1, {"a": [1, 2]})
    {'a': [2, 3]}
    """
    if isinstance(structure, dict):
        return {key: map_structure(function, value) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)([map_structure(function, value) for value in structure])
    return function(structure)


def leaves(structure: Any) -> Iterator[Any]:
    """The values inside nested lists, tuples and dicts, in order.

    >>> list(leaves({"a": [1, (2, 3)]}))
    [1, 2, 3]
    """
    if isinstance(structure, dict):
        structure = list(structure.values())
    if isinstance(structure, (list, tuple)):
        for value in structure:
            yield from leaves(value)
    else:
        yield structure
