"""Operations that passes make: they live in one graph, and look like records to the plan."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorcore.kernels.program import Program, Sums
from tensorcore.ops import scalar
from tensorcore.ops.elementwise import REFERENCE_FUNCTIONS, Elementwise
from tensorcore.ops.indexing import scatter_add
from tensorcore.ops.reductions import mean, sum


class Made:
    """What the plan asks of an operation; see `tensorcore.ops.record.Op` for the attributes.

    Args:
        name: under which kernels are found.
        reference: (xp, *arrays, **attributes) -> array(s).
        bounds: the ranges of indices that are checked before each run.
    """

    is_view = False
    is_control = False
    variadic = False
    pieces = None
    trusted_on: frozenset[str] = frozenset()
    into = None

    def __init__(
        self, name: str, reference: Callable[..., Any], bounds: Callable[..., Any] | None = None
    ) -> None:
        self.name = name
        self.reference = reference
        self.bounds = bounds
        self.kernels: dict[str, Any] = {}

    def grouped(self, arrays: Sequence[Any]) -> Sequence[Any]:
        return arrays

    def generated(self, kind: str, arrays: Sequence[Any], often: bool | None = None) -> Any:
        return None


class Fused(Made):
    """Several element-wise operations in one loop.

    Args:
        names: of the operations, for people.
        inputs: name and dtype of each array that is read.
        compute: the floating-point dtype in which all is computed.
        expressions: the results.
        outputs: their dtypes.
    """

    def __init__(
        self,
        names: Sequence[str],
        inputs: Sequence[tuple[str, np.dtype]],
        compute: np.dtype,
        expressions: Sequence[scalar.Expr],
        outputs: Sequence[np.dtype],
    ) -> None:
        super().__init__("fused_" + "_".join(dict.fromkeys(names)), self._evaluate)
        self.kernels = {"cpu": None, "gpu": None}
        self.members = tuple(names)
        self.input_names = [name for name, _ in inputs]
        self.input_dtypes = [dtype for _, dtype in inputs]
        self.compute = compute
        self.expressions = tuple(expressions)
        self.outputs = tuple(outputs)
        lines, results = scalar.statements(self.expressions)
        self.program = Program(
            name=self.name[:48],
            inputs=tuple(inputs),
            compute=compute,
            statements=tuple(tuple(line) for line in lines),
            results=tuple(results),
            outputs=self.outputs,
        )

    def generated(self, kind: str, arrays: Sequence[Any], often: bool | None = None) -> Any:
        return compiled(kind, self.program)

    def _evaluate(self, xp: Any, *arrays: Any) -> Any:
        values = {
            name: array if dtype.kind == "b" else array.astype(self.compute, copy=False)
            for name, array, dtype in zip(self.input_names, arrays, self.input_dtypes, strict=True)
        }
        results = [
            scalar.evaluate(expression, values, xp, self.compute.type, REFERENCE_FUNCTIONS)
            for expression in self.expressions
        ]
        results = [
            xp.asarray(result).astype(dtype, copy=False)
            for result, dtype in zip(results, self.outputs, strict=True)
        ]
        return results[0] if len(results) == 1 else tuple(results)


class FusedSums(Fused):
    """Element-wise operations whose results are, some of them, added up and not stored.

    Args:
        terms: what computes the terms, and other results.
        results: for each result which one of `terms` it is of, and "sum", "mean" or "".
        shapes: of the results.
        axes: which ones are summed.
        over_first: whether these are the first ones; else they are the last ones.
        border: how many axes stand before the border between axes that are summed and others.
    """

    def __init__(
        self,
        terms: Fused,
        results: Sequence[tuple[int, str]],
        shapes: Sequence[Sequence[int]],
        axes: Sequence[int],
        over_first: bool,
        border: int,
    ) -> None:
        kinds = tuple(kind for _, kind in results)
        super().__init__(
            [*terms.members, *(kind for kind in kinds if kind)],
            list(zip(terms.input_names, terms.input_dtypes, strict=True)),
            terms.compute,
            [terms.expressions[index] for index, _ in results],
            [terms.outputs[index] for index, _ in results],
        )
        self.sums = Sums(kinds, over_first, border)
        self.shapes = tuple(tuple(shape) for shape in shapes)
        self.axes = tuple(axes)

    def generated(self, kind: str, arrays: Sequence[Any], often: bool | None = None) -> Any:
        if kind == "cpu":
            from tensorcore.kernels.cpu import generated_sums
        else:
            from tensorcore.kernels.cuda import generated_sums  # type: ignore[no-redef]
        return generated_sums.compile(self.program, self.sums)

    def _evaluate(self, xp: Any, *arrays: Any) -> Any:
        terms = super()._evaluate(xp, *arrays)
        values = []
        for term, kind, shape in zip(
            terms if len(self.outputs) > 1 else (terms,), self.sums.kinds, self.shapes, strict=True
        ):
            if kind == "sum":
                term = sum.reference(xp, term, self.axes, None, False)
            elif kind:
                term = mean.reference(xp, term, self.axes, False)
            values.append(term.reshape(shape))
        return tuple(values) if len(values) > 1 else values[0]


@functools.lru_cache(maxsize=1024)
def compiled(kind: str, program: Program) -> Any:
    """The kernel of a program; programs that are equal share it."""
    if kind == "cpu":
        from tensorcore.kernels.cpu import generated
    else:
        from tensorcore.kernels.cuda import generated  # type: ignore[no-redef]
    return generated.compile(program)


class JoinedUpdate(Made):
    """An optimizer's step on flat parameters, whose gradient comes in segments.

    Args:
        update: the element-wise operation; its first inputs are the flat parameters and their
            state, then comes the gradient, then numbers.
        results: how many flat arrays are written.
        segments: (start, stop, kind) of each part.  Its inputs are for the kind "gradient" that,
            for "product" x and g of a gradient x^T g, for "lookups" indices and updates whose sum
            for each row of a table is the gradient.
    """

    def __init__(
        self, update: Elementwise, results: int, segments: Sequence[tuple[int, int, str]]
    ) -> None:
        super().__init__(f"{update.name}_in_segments", self._evaluate, self._bounds)
        self.kernels = {"cpu": None}
        self.update = update
        self.results = results
        self.segments = tuple(segments)

    def generated(self, kind: str, arrays: Sequence[Any], often: bool | None = None) -> Any:
        from tensorcore.kernels.cpu import joined_update

        dtypes = (arrays[0].dtype,) * len(self.update.inputs)
        segments = [joined_update.Segment(*segment) for segment in self.segments]
        return joined_update.compile(self.update.program(dtypes), self.results, segments)

    def _bounds(self, *arrays: Any) -> list[tuple[int, int, int, str]]:
        """The ranges of indices: (place among the inputs, low, high, message)."""
        found = []
        place = self.results
        for start, stop, kind in self.segments:
            if kind == "lookups":
                table = np.broadcast_to(0, ((stop - start) // arrays[place + 1].shape[-1], 1))
                limits = scatter_add.bounds(table, *arrays[place : place + 2], axis=0)  # type: ignore[misc]
                found += [(place, *limit[1:]) for limit in limits]
            place += 1 if kind == "gradient" else 2
        return found

    def _evaluate(self, xp: Any, *arrays: Any) -> Any:
        flats, given = arrays[: self.results], list(arrays[self.results :])
        gradient = []
        for start, stop, kind in self.segments:
            part = given.pop(0)
            if kind == "product":
                part = part.T @ given.pop(0)
            elif kind == "lookups":
                updates = given.pop(0)
                width = updates.shape[-1]
                zeros = xp.zeros(((stop - start) // width, width), updates.dtype)
                part = scatter_add.reference(xp, zeros, part, updates, axis=0)
            gradient.append(part.reshape(-1))
        flat = xp.concatenate(gradient)
        return self.update.reference(xp, *flats, flat.reshape(flats[0].shape), *given)
