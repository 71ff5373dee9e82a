"""Symbols: tensors of a graph that is being traced, with shape, dtype, device and no values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tensorcore.device import Device
from tensorcore.errors import TracingError
from tensorcore.tensor import StandIn

if TYPE_CHECKING:
    from tensorcore.graph.graph import Graph, Node


class NoData(NamedTuple):
    """Stands where a tensor has its array: what is known before there are values."""

    shape: tuple[Any, ...]
    dtype: np.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize


class Source(NamedTuple):
    """Where the value of a symbol comes from that no node computes.

    `kind` is "argument" (what: its number), "constant" (its array), "variable" (the Variable),
    "host" (a number given before each run: (function, position)), "key" or "counter" (of a random
    stream: (generator, blocks from the start)), "input" (a placeholder of an open graph: its name).
    The sources of a branch or a loop's body are all arguments (see `subgraph.py`).
    """

    kind: str
    what: Any


class Symbol(StandIn):
    """The result of a node of a graph, or one of the graph's sources."""

    __slots__ = ("graph", "index", "node", "source")

    def __init__(
        self,
        spec: NoData,
        device: Device,
        *,
        node: Node | None = None,
        index: int = 0,
        source: Source | None = None,
        graph: Graph | None = None,
    ) -> None:
        super().__init__(spec, device)
        self.graph = graph
        self.node = node
        self.index = index
        self.source = source

    def defer(self, op: Any, inputs: Any, attrs: Any) -> Any:
        """Called by the door when the symbol meets an operation that is not being traced."""
        raise TracingError(
            f"{op.name}: a tensor of shape {self.shape} that was traced in a function was kept and "
            "is used outside of it, where it has no value; return it from its function instead"
        )

    def _refuse(self, what: str) -> TracingError:
        return TracingError(
            f"{what} needs values, but this tensor of shape {self.shape} is being traced and "
            "has none yet. Use tensor operations such as tc.where instead of Python's if, return "
            "the tensor and look at it outside, or run eagerly (run_eagerly=True, or without "
            "tc.function)."
        )

    def numpy(self) -> np.ndarray:
        raise self._refuse(".numpy()")

    def item(self) -> Any:
        raise self._refuse("a Python number made of a tensor")

    def tolist(self) -> Any:
        raise self._refuse(".tolist()")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise self._refuse("NumPy")

    def __bool__(self) -> bool:
        raise self._refuse("a Python condition on a tensor")

    def __index__(self) -> int:
        raise self._refuse("a tensor used as an index or a size")

    def __reduce__(self) -> Any:
        raise self._refuse("pickling")

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        raise self._refuse("copying")

    def __repr__(self) -> str:
        return f"<Symbol shape={self.shape} dtype={self.dtype.name} device={self.device}>"


class OpenSymbol(Symbol):
    """A tensor of an open graph (see `deferred.py`): no trace, and dimensions may be unknown."""

    __slots__ = ("name",)
    node: Any  # a `deferred.Node`; None for a placeholder

    def __init__(self, *args: Any, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.name = name

    def defer(self, op: Any, inputs: Any, attrs: Any) -> Any:
        from tensorcore.graph.deferred import defer_op

        return defer_op(op, inputs, attrs)

    def _refuse(self, what: str) -> TracingError:
        return TracingError(
            f"{what} needs values, but this is a symbolic tensor of shape {self.shape}, which only "
            "says how a result will be computed. Use tensor operations and layers on it, and look "
            "at what the finished model (or session) gives."
        )

    def __len__(self) -> int:
        if self.shape and self.shape[0] is None:
            raise self._refuse("len()")
        return super().__len__()

    def __iter__(self) -> Any:
        if self.shape and self.shape[0] is None:
            raise self._refuse("iteration")
        return super().__iter__()

    def __repr__(self) -> str:
        name = f" name={self.name}" if self.name else ""
        return f"<symbolic tensor shape={self.shape} dtype={self.dtype.name}{name}>"
