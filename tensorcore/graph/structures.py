"""Nested arguments and results: tensors taken out, put back, and the rest as a key."""

from __future__ import annotations

from typing import Any

from tensorcore.errors import ArgumentTypeError
from tensorcore.tensor import as_tensor
from tensorcore.variable import Variable


class Leaf:
    """Stands in a structure for the n-th tensor that was taken out of it."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


def flatten(structure: Any, tensors: list[Any]) -> Any:
    """The structure with its tensors and arrays taken out and put on the list."""
    if isinstance(structure, dict):
        return {key: flatten(value, tensors) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        parts = [flatten(value, tensors) for value in structure]
        if hasattr(structure, "_fields"):
            return type(structure)(*parts)
        return type(structure)(parts)
    if isinstance(structure, (Variable, type)):
        return structure
    if hasattr(structure, "dtype") and hasattr(structure, "shape"):
        tensors.append(as_tensor(structure))
        return Leaf(len(tensors) - 1)
    return structure


def rebuild(structure: Any, tensors: list[Any]) -> Any:
    """The structure with the tensors back in it."""
    if isinstance(structure, Leaf):
        return tensors[structure.number]
    if isinstance(structure, dict):
        return {key: rebuild(value, tensors) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        parts = [rebuild(value, tensors) for value in structure]
        return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)
    return structure


def signature_of(structure: Any) -> Any:
    """What of a structure of arguments is not a tensor, as a key."""
    if isinstance(structure, Leaf):
        return Leaf
    if isinstance(structure, dict):
        return ("dict", *((key, signature_of(value)) for key, value in structure.items()))
    if isinstance(structure, (list, tuple)):
        return (type(structure).__name__, *map(signature_of, structure))
    if isinstance(structure, Variable):
        return ("variable", id(structure))
    if isinstance(structure, slice):
        return ("slice", structure.start, structure.stop, structure.step)
    if isinstance(structure, float) and structure != structure:
        return "nan"
    try:
        hash(structure)
    except TypeError:
        raise ArgumentTypeError(
            f"tc.function: an argument of type {type(structure).__name__} cannot be told from "
            "another one, since it is not hashable; pass tensors, numbers, texts, lists or dicts"
        ) from None
    return (type(structure), structure)
