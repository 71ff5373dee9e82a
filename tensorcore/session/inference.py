"""Shape and dtype of a call's results, found by tracing it at sizes put in for the unknown ones.

A function of tensors cannot be asked for its rule, but it can be traced at any sizes without
computing.  Traced twice, with different sizes in place of the unknown ones, it shows which sizes of
its results depend on them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorcore.errors import TensorcoreError
from tensorcore.graph.function import Leaf, flatten, rebuild
from tensorcore.graph.graph import Graph as Trace
from tensorcore.mode import mode
from tensorcore.tensor import as_tensor

# The first are small enough for anything that is built on the way; the second divide by all
# numbers to 10, and are larger than the kernels of convolutions.
TRIALS = ((12, 24), (2520, 5040))


def results_of(
    function: Callable[..., Any], structure: Any, inputs: Sequence[Any]
) -> tuple[Any, list[Any]]:
    """(structure, results): the results have `shape` (None for unknown sizes, or no shape at all)
    and `dtype`; the structure has a `Leaf` for each.

    Raises:
        TensorcoreError: the call is wrong whatever the unknown sizes are.
    """
    ranks_known = all(_sizes(value) is not None for value in inputs)
    if ranks_known and all(None not in _sizes(value) for value in inputs):
        returns, found = _kinds(function, structure, inputs, 1)
        return returns, [Result(*kind) for kind in found]
    problem: Exception | None = None
    for small, large in TRIALS:
        try:
            returns, first = _kinds(function, structure, inputs, small)
            _, second = _kinds(function, structure, inputs, large)
        except (TensorcoreError, ValueError, TypeError, IndexError) as error:
            problem = problem or error
            continue
        pairs = zip(first, second, strict=True)
        return returns, [
            Result(_common(one, other) if ranks_known else None, dtype)
            for (one, dtype), (other, _) in pairs
        ]
    if ranks_known and problem is not None:
        raise problem
    return Leaf(0), [Result(None, inputs[0].dtype)]


class Result:
    """Shape and dtype of one result."""

    def __init__(self, shape: Any, dtype: Any) -> None:
        self.shape = shape
        self.dtype = dtype


def _sizes(value: Any) -> Any:
    static = getattr(value, "static_shape", None)
    return tuple(value.shape) if static is None else static.sizes


def _kinds(
    function: Callable[..., Any], structure: Any, inputs: Sequence[Any], size: int
) -> tuple[Any, list[tuple[tuple[int, ...], Any]]]:
    """What a call returns, and (shape, dtype) of each tensor of it, with `size` in place of each
    unknown size.
    """
    tapes, mode.tapes = mode.tapes, ()
    try:
        with Trace() as trace:
            symbols = []
            for value in inputs:
                if not hasattr(value, "static_shape"):
                    symbols.append(value)
                    continue
                shape = tuple(size if known is None else known for known in _sizes(value) or ())
                symbols.append(trace.argument(shape, value.dtype, value.device))
            args, kwargs = rebuild(structure, symbols)
            found: list[Any] = []
            returns = flatten(_as_tensors(function(*args, **kwargs)), found)
    finally:
        mode.tapes = tapes
    return returns, [(tuple(tensor.shape), tensor.dtype) for tensor in found]


def _as_tensors(result: Any) -> Any:
    """A result whose numbers became tensors."""
    if isinstance(result, dict):
        return {key: _as_tensors(value) for key, value in result.items()}
    if isinstance(result, (list, tuple)):
        parts = [_as_tensors(value) for value in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    return as_tensor(result)


def _common(first: tuple[int, ...], second: tuple[int, ...]) -> Any:
    """The sizes of which both agree; None for the others, and for all if the ranks differ."""
    if len(first) != len(second):
        return None
    return tuple(a if a == b else None for a, b in zip(first, second, strict=True))
