"""Random operations of a named graph: each has a stream of its own in every session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.errors import InvalidArgumentError
from tensorcore.ops.door import NUMBERS
from tensorcore.ops.indexing import take
from tensorcore.ops.record import Spec
from tensorcore.random import Generator
from tensorcore.session.graph import graph_of
from tensorcore.session.names import tf_dtype
from tensorcore.session.shapes import TensorShape
from tensorcore.session.tensors import GraphTensor
from tensorcore.tensor import as_tensor

DEFAULT_SEED = 87654321  # TensorFlow's, for an operation that has a seed in a graph that has none


class RandomCall:
    """The function of a random operation.

    Args:
        function: takes a `Generator` and what the operation is called with.
        graph_seed, seed: of the graph and the operation; without either the numbers differ from
            session to session.
        number: of the operation in its graph, its seed if it has none itself.
    """

    is_pure = False

    def __init__(
        self, function: Callable[..., Any], graph_seed: int | None, seed: int | None, number: int
    ) -> None:
        self.function = function
        self.needs_values = getattr(function, "draws_on_host", False)
        self._seed: int | None = None
        if graph_seed is not None or seed is not None:
            high = DEFAULT_SEED if graph_seed is None else graph_seed
            self._seed = (int(high) << 32) + int(number if seed is None else seed)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(self._generator(), *args, **kwargs)

    def _generator(self) -> Generator:
        session = running()
        if session is None:  # only the shape of the result is asked for
            return Generator(0)
        if self not in session.generators:
            session.generators[self] = Generator(self._seed)
        return session.generators[self]


def running() -> Any:
    """The session that computes just now, if one does."""
    from tensorcore.session.session import running_session

    return running_session()


def random_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Normally distributed numbers, new ones in every run."""
    return _drawn(_normal, name or "random_normal", shape, dtype, seed, mean, stddev)


def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Normally distributed numbers less than two standard deviations from the mean."""
    return _drawn(_truncated_normal, name or "truncated_normal", shape, dtype, seed, mean, stddev)


def random_uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Numbers from `minval` to below `maxval`, 1 for floating-point numbers if None."""
    kind = tf_dtype(dtype)
    if maxval is None:
        if dtypes.is_integer(kind):
            raise InvalidArgumentError(f"Must specify maxval for integer dtype {kind.name}")
        maxval = 1
    how = _integers if dtypes.is_integer(kind) else _uniform
    return _drawn(how, name or "random_uniform", shape, dtype, seed, minval, maxval)


def random_shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Any:
    """The rows in random order."""
    graph = graph_of([value])
    call = RandomCall(_shuffled, graph.seed, seed, len(graph.operations))
    return graph.add(call, (value,), name=name or "RandomShuffle", results=None)


def _drawn(
    how: Callable[..., Any], name: str, shape: Any, dtype: Any, seed: Any, *numbers: Any
) -> Any:
    graph = graph_of([shape, *numbers])
    kind = tf_dtype(dtype)
    call = RandomCall(how, graph.seed, seed, len(graph.operations))
    sizes = static_sizes(shape)
    results = None if sizes is None else Spec(sizes, kind)
    given = shape if sizes is None else sizes
    return graph.add(call, (given, *numbers), {"dtype": kind}, name=name, results=results)


def static_sizes(shape: Any) -> tuple[int, ...] | None:
    """The sizes that a shape says, or None if a run has to compute them."""
    if isinstance(shape, GraphTensor):
        return None
    if isinstance(shape, TensorShape):
        return tuple(shape.as_list())  # type: ignore[arg-type]
    if hasattr(shape, "__index__") and not np.ndim(shape):
        return (int(shape),)
    sizes = [None if isinstance(size, GraphTensor) else int(size) for size in shape]
    return None if None in sizes else tuple(sizes)  # type: ignore[arg-type]


def sizes_of(shape: Any) -> tuple[int, ...]:
    """The sizes that a shape says by the time of a run, when tensors have values."""
    if isinstance(shape, (list, tuple)):
        return tuple(int(size) for size in shape)
    return tuple(int(size) for size in np.atleast_1d(np.asarray(shape)))


def _normal(draw: Generator, shape: Any, mean: Any, stddev: Any, *, dtype: Any) -> Any:
    return _scaled(draw.normal(sizes_of(shape), dtype=dtype), mean, stddev)


def _truncated_normal(draw: Generator, shape: Any, mean: Any, stddev: Any, *, dtype: Any) -> Any:
    return _scaled(draw.truncated_normal(sizes_of(shape), dtype=dtype), mean, stddev)


def _scaled(values: Any, mean: Any, stddev: Any) -> Any:
    values = values if type(stddev) in NUMBERS and stddev == 1 else values * stddev
    return values if type(mean) in NUMBERS and mean == 0 else values + mean


def _uniform(draw: Generator, shape: Any, low: Any, high: Any, *, dtype: Any) -> Any:
    values = draw.uniform(sizes_of(shape), dtype=dtype)
    return values if low == 0 and high == 1 else values * (high - low) + low


def _integers(draw: Generator, shape: Any, low: Any, high: Any, *, dtype: Any) -> Any:
    return draw.integers(int(low), int(high), sizes_of(shape), dtype=dtype)


def _shuffled(draw: Generator, value: Any) -> Any:
    value = as_tensor(value)
    return take(value, draw.permutation(value.shape[0]), axis=0)


# A plan would give the numbers of its first run for ever.
for _function in (_truncated_normal, _integers, _shuffled):
    _function.draws_on_host = True  # type: ignore
