"""What branches and loop bodies return: nested structures whose tensors have to match."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import TracedDTypeError, TracedShapeError, TracingError
from tensorcore.graph.structures import Leaf, flatten
from tensorcore.mode import mode
from tensorcore.ops.door import NUMBERS
from tensorcore.ops.transfer import astype
from tensorcore.tensor import Tensor, as_tensor
from tensorcore.variable import Variable

REMEDY = {
    "shape": "Reshape or pad one of them",
    "dtype": "Convert one of them with tc.astype",
    "structure": "Return the same structure of tensors",
}


class Results(NamedTuple):
    """A structure with its tensors taken out.

    Attributes:
        structure: with a `Leaf` in the place of each tensor.
        tensors: tensors and symbols; numbers became tensors.
        is_weak: for each tensor whether it was a number of Python, whose dtype gives way.
        paths: for each tensor where it stands, such as `["x"][0]`.
    """

    structure: Any
    tensors: list[Any]
    is_weak: list[bool]
    paths: list[str]


def take_apart(value: Any, device: Any = None) -> Results:
    """The tensors of nested lists, tuples and dicts; numbers and variables become tensors."""
    weak: list[bool] = []
    paths: list[str] = []

    def convert(part: Any, path: str) -> Any:
        if isinstance(part, dict):
            return {key: convert(item, f"{path}[{key!r}]") for key, item in part.items()}
        if isinstance(part, (list, tuple)):
            items = [convert(item, f"{path}[{i}]") for i, item in enumerate(part)]
            return type(part)(*items) if hasattr(part, "_fields") else type(part)(items)
        is_number = type(part) in NUMBERS
        if isinstance(part, Variable):
            part = part.value
        if not (is_number or isinstance(part, (Tensor, np.generic, np.ndarray))):
            return part
        weak.append(is_number)
        paths.append(path)
        return as_tensor(part, device=device)

    tensors: list[Any] = []
    structure = flatten(convert(value, ""), tensors)
    return Results(structure, tensors, weak, paths)


def outline(structure: Any) -> str:
    """A structure in words: tensors as "tensor", the rest as it is written."""
    if isinstance(structure, Leaf):
        return "tensor"
    if isinstance(structure, dict):
        return "{" + ", ".join(f"{k!r}: {outline(v)}" for k, v in structure.items()) + "}"
    if isinstance(structure, (list, tuple)):
        inside = ", ".join(map(outline, structure))
        if isinstance(structure, list):
            return f"[{inside}]"
        return f"({inside},)" if len(structure) == 1 else f"({inside})"
    return repr(structure)


class Naming(NamedTuple):
    """The words in which differences are told.

    Attributes:
        what: the function and the part, such as "cond: the result".
        sides: where the two values come from: "true_fn", "false_fn".
        names: names of the values if the structure is a tuple of user's variables, else None.
    """

    what: str
    sides: Sequence[str]
    names: Sequence[str] | None = None

    def of(self, path: str) -> str:
        """The words for the value at `path`."""
        if self.names is None:
            return f"{self.what}{path}"
        first, _, rest = path[1:].partition("]")
        return f"{self.what} {self.names[int(first)]}{rest}"


def check_structures(first: Results, other: Results, side: int, naming: Naming) -> None:
    """Refuse results that are not built alike."""
    ours, theirs = outline(first.structure), outline(other.structure)
    if ours == theirs:
        return
    if naming.names is not None:
        for name, mine, yours in zip(naming.names, first.structure, other.structure, strict=True):
            if outline(mine) != outline(yours):
                raise TracingError(
                    f"{naming.what} {name} is {_words(mine)} {naming.sides[0]} and "
                    f"{_words(yours)} {naming.sides[side]}. {_remedy('structure')}"
                )
    raise TracingError(
        f"{naming.what} must be built alike, received {ours} {naming.sides[0]} and {theirs} "
        f"{naming.sides[side]}. {_remedy('structure')}"
    )


def _remedy(kind: str) -> str:
    if mode.graph is None:
        return f"{REMEDY[kind]}."
    return f"{REMEDY[kind]}, or run eagerly (run_eagerly=True, or without tc.function)."


def _words(structure: Any) -> str:
    return "a tensor" if isinstance(structure, Leaf) else outline(structure)


def check_kind(path: str, first: Any, other: Any, side: int, naming: Naming) -> None:
    """Refuse two tensors of different shape or dtype."""
    for kind, error in (("shape", TracedShapeError), ("dtype", TracedDTypeError)):
        mine, yours = getattr(first, kind), getattr(other, kind)
        if mine != yours:
            raise error(
                f"{naming.of(path)} has {kind} {mine} {naming.sides[0]} and {yours} "
                f"{naming.sides[side]}. {_remedy(kind)}"
            )


def settle_dtypes(all_results: Sequence[Results], graphs: Sequence[Any]) -> None:
    """Give the numbers among the results the dtype of the tensors at the same place."""
    for index in range(len(all_results[0].tensors)):
        strong = [r.tensors[index].dtype for r in all_results if not r.is_weak[index]]
        weak = [r.tensors[index].dtype for r in all_results if r.is_weak[index]]
        if not weak:
            continue
        wanted = strong[0] if strong else max(weak, key=_rank)
        for result, graph in zip(all_results, graphs, strict=True):
            tensor = result.tensors[index]
            if result.is_weak[index] and tensor.dtype != wanted and _fits(tensor.dtype, wanted):
                with graph or nullcontext():
                    result.tensors[index] = astype(tensor, wanted)


def _fits(number: np.dtype, wanted: np.dtype) -> bool:
    """Whether a number of Python may become `wanted` without losing its kind."""
    return _rank(number) <= _rank(wanted)


def _rank(dtype: np.dtype) -> int:
    return ("bool", "integer", "float", "complex").index(dtypes.KIND[dtype])
