"""What a function under `vmap` computes with: batched tensors, and the batch that takes every call.

A `Batched` tensor shows the shape of one example and carries all, along the first dimension.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorcore.autodiff.batch_rules import RULES, elementwise
from tensorcore.errors import TracingError
from tensorcore.mode import mode
from tensorcore.ops.door import apply
from tensorcore.ops.elementwise import Elementwise
from tensorcore.ops.record import Op, Spec
from tensorcore.ops.shaping import broadcast_to, expand_dims
from tensorcore.tensor import StandIn, Tensor, as_tensor


class _Shown(Spec):
    """What a batched tensor shows in place of an array: shape and dtype of one example."""

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize


class Batched(StandIn):
    """One example, for the function under `vmap`; `whole` holds them all, along dimension 0."""

    __slots__ = ("batch", "whole")

    def __init__(self, whole: Tensor, batch: Batch) -> None:
        super().__init__(_Shown(whole.shape[1:], whole.dtype), whole.device)
        self.whole = whole
        self.batch = batch  # vmap may stand inside vmap: each has values of its own

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise TracingError(
            "vmap: the values of one example are not known while the function runs for all. Use "
            "tensor operations such as tc.where instead of Python's if and float()."
        )

    numpy = item = tolist = __array__ = __bool__ = __index__ = __reduce__ = _refuse

    def __repr__(self) -> str:
        return f"<Batched shape={self.shape} dtype={self.dtype.name} of {self.whole.shape[0]}>"


class Batch:
    """Takes the graph's place in the door while a function runs under `vmap`."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.outer_graph = mode.graph
        self.outer_tapes = mode.tapes

    def __enter__(self) -> Batch:
        mode.graph = self
        return self

    def __exit__(self, *exception: object) -> None:
        mode.graph = self.outer_graph

    def holds(self, value: Any) -> bool:
        """Whether a value is different for each example."""
        return isinstance(value, Batched) and value.batch is self

    def add(self, op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> Any:
        """Called by the door."""
        if not any(map(self.holds, inputs)):
            return self._outside(apply, op, inputs, attrs, tapes=mode.tapes)
        specs = [value if hasattr(value, "shape") else as_tensor(value) for value in inputs]
        rule = RULES.get(op.name) or (elementwise if isinstance(op, Elementwise) else None)
        if rule is None:
            raise TracingError(
                f"vmap: {op.name} has no rule for batches. Apply it outside of vmap, or in a loop "
                "over the examples with tc.stack."
            )
        listening = tuple(tape for tape in self.outer_tapes if tape in mode.tapes)
        result = self._outside(rule, self, op, specs, inputs, attrs, tapes=listening)
        parts = result if isinstance(result, tuple) else (result,)
        batched = tuple(Batched(part, self) for part in parts)
        output = batched if isinstance(result, tuple) else batched[0]
        for tape in mode.tapes:
            if tape not in self.outer_tapes:
                tape.record(op, inputs, attrs, output)
        return output

    def _outside(self, function: Callable[..., Any], *args: Any, tapes: Any) -> Any:
        """Run where the batch is nothing special: for the tapes that were there before."""
        inside = mode.tapes
        mode.graph, mode.tapes = self.outer_graph, tapes
        try:
            return function(*args)
        finally:
            mode.graph, mode.tapes = self, inside

    def symbol_of(self, variable: Any) -> Any:
        """What a variable reads as."""
        return variable._tensor

    def whole(self, value: Any) -> Any:
        """All examples of a value; one that is the same for all is repeated."""
        if self.holds(value):
            return value.whole
        value = as_tensor(value)
        return broadcast_to(expand_dims(value, 0), (self.size, *value.shape))

    def __getattr__(self, name: str) -> Any:
        raise TracingError(
            f"vmap: the function may compute only; {name} is not possible inside. Draw random "
            "numbers and write to variables outside."
        )
