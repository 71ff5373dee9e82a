"""Shape and dtype of a call's results, found by tracing it at sizes put in for the unknown ones.

A function of tensors cannot be asked for its rule, but it can be traced at any sizes without
computing.  Traced twice, with different sizes in place of the unknown ones, it shows which sizes of
its results depend on them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from tensorcore import dtypes
from tensorcore.errors import ShapeError, TensorcoreError, TracingError
from tensorcore.graph.deferred import leaves
from tensorcore.graph.function import Leaf, flatten, rebuild
from tensorcore.graph.graph import Graph as Trace
from tensorcore.mode import mode, outside
from tensorcore.tensor import as_tensor

# The first are small enough for anything that is built on the way; the second divide by all
# numbers to 10, and are larger than the kernels of convolutions.
TRIALS = ((12, 24), (2520, 5040))
RANKS = (0, 2, 1, 3, 4)  # in place of an unknown one
WRONG = (TensorcoreError, ValueError, TypeError, IndexError)


def results_of(
    function: Callable[..., Any], structure: Any, inputs: Sequence[Any]
) -> tuple[Any, list[Any]]:
    """(structure, results): the results have `shape` (None for unknown sizes, or no shape at all)
    and `dtype`; the structure has a `Leaf` for each.

    Raises:
        TensorcoreError: the call is wrong whatever the unknown sizes are.
    """
    ranks_known = all(_sizes(value) is not None for value in inputs)
    if ranks_known and all(map(_is_settled, inputs)):
        returns, found = _kinds(function, structure, inputs, 1)
        return returns, [Result(*kind) for kind in found]
    problem: Exception | None = None
    for rank in (0,) if ranks_known else RANKS:
        for sizes in TRIALS:
            try:
                returns, first = _kinds(function, structure, inputs, sizes[0], rank)
                _, second = _kinds(function, structure, inputs, sizes[1], rank)
            except WRONG as error:
                problem = problem or error
                continue
            pairs = zip(first, second, strict=True)
            return returns, [
                Result(_common(one, other) if ranks_known else None, dtype)
                for (one, dtype), (other, _) in pairs
            ]
    if not ranks_known:
        return Leaf(0), [Result(None, inputs[0].dtype)]
    # An unknown size may have to be one that another input has.
    known = {size for value in inputs for size in _sizes(value) if size is not None}
    for size in sorted(known | {1}):
        try:
            returns, found = _kinds(function, structure, inputs, size)
        except WRONG:
            continue
        return returns, [Result(*kind) for kind in found]
    raise _told(problem, known) or TracingError("the operation has no shape")


def _told(problem: Exception | None, known: set[int]) -> Exception | None:
    """An error of the first trial, with `?` where its shapes show the size that was tried."""
    tried = TRIALS[0][0]
    if not isinstance(problem, ShapeError) or tried in known:
        return problem
    words = re.sub(
        r"\([\d, ]*\)", lambda shape: re.sub(rf"\b{tried}\b", "?", shape[0]), str(problem)
    )
    return ShapeError(words)


class Result:
    """Shape and dtype of one result."""

    def __init__(self, shape: Any, dtype: Any) -> None:
        self.shape = shape
        self.dtype = dtype


def _sizes(value: Any) -> Any:
    static = getattr(value, "static_shape", None)
    return tuple(value.shape) if static is None else static.sizes


def _kinds(
    function: Callable[..., Any], structure: Any, inputs: Sequence[Any], size: int, rank: int = 0
) -> tuple[Any, list[tuple[tuple[int, ...], Any]]]:
    """What a call returns, and (shape, dtype) of each tensor of it, with `size` in place of each
    unknown size and `rank` dimensions of it in place of an unknown shape.
    """
    tapes, mode.tapes = mode.tapes, ()
    try:
        with Trace() as trace:
            symbols = []
            for value in inputs:
                known = _trial_value(value, size) if _is_open(value) else value
                symbols.append(_argument(trace, value, size, rank) if known is None else known)
            args, kwargs = rebuild(structure, symbols)
            found: list[Any] = []
            returns = flatten(_as_tensors(function(*args, **kwargs)), found)
    finally:
        mode.tapes = tapes
    return returns, [(tuple(tensor.shape), tensor.dtype) for tensor in found]


def _argument(trace: Trace, value: Any, size: int, rank: int = 0) -> Any:
    sizes = _sizes(value)
    sizes = (None,) * rank if sizes is None else sizes
    shape = tuple(size if known is None else known for known in sizes)
    return trace.argument(shape, value.dtype, value.device)


def _trial_value(value: Any, size: int) -> Any:
    """Integers that follow from sizes alone, such as tf.shape(x)[0] * 2, as they are in a trial.

    None for what depends on more.
    """
    operation = value.node
    if operation is None or not _is_integer(value) or len(_sizes(value) or ()) > 1:
        return None
    if operation.writes or not getattr(operation.function, "is_pure", True):
        return None
    if operation.type in ("Shape", "Size", "Rank"):
        (tensor,) = operation.inputs
        if _sizes(tensor) is None:
            return None
        with Trace() as trace:
            inputs = [_argument(trace, tensor, size)]
    else:
        inputs = [_trial_value(x, size) if _is_open(x) else x for x in operation.inputs]
        if any(x is None for x in inputs):
            return None
    args, kwargs = rebuild(operation.structure, inputs)
    with outside():
        return leaves(operation.function(*args, **kwargs))[value.index]


def _is_settled(value: Any) -> bool:
    """Whether the tensor has the same sizes in every run, and is none that tells sizes."""
    if None in _sizes(value):
        return False
    tells = _is_open(value) and _is_integer(value) and len(_sizes(value)) < 2
    return not tells or value.node is None or value.node.type == "Const"


def _is_integer(value: Any) -> bool:
    return value.dtype in dtypes.KIND and dtypes.is_integer(value.dtype)


def _is_open(value: Any) -> bool:
    return hasattr(value, "static_shape")


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
