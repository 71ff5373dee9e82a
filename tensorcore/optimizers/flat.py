"""Parameters of one dtype and device in one buffer, so that one kernel updates them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tensorcore.mode import mode, outside
from tensorcore.ops.creation import full, zeros
from tensorcore.ops.joining import concatenate
from tensorcore.ops.optimizer_updates import blend_update, decay_update
from tensorcore.ops.shaping import reshape
from tensorcore.ops.transfer import astype
from tensorcore.ops.updates import variable_update
from tensorcore.variable import Variable


class FlatGroup:
    """Variables that live in slices of one buffer, and their optimizer state in buffers of the
    same layout.

    The variables stay readable and assignable: each owns its slice.  A variable that something
        else has moved
    away meanwhile (another optimizer of the same model) is taken back before an update.

    Args:
        variables: of one dtype and one device.
        state_names: names of the values that the optimizer keeps for each parameter.
        starts: what they start with; 0 where nothing is said.
    """

    def __init__(
        self,
        variables: Sequence[Variable],
        state_names: Sequence[str],
        starts: Mapping[str, float] | None = None,
    ) -> None:
        self.variables = list(variables)
        first = self.variables[0]
        self.state_names = tuple(state_names)
        size = sum(variable.size for variable in self.variables)
        place = {"dtype": first.dtype, "device": first.device}
        self.weights = Variable(zeros(size, **place), name="weights")
        self._starts = starts or {}
        self.state = [
            Variable(full(size, self._starts.get(name, 0.0), **place), trainable=False, name=name)
            for name in self.state_names
        ]
        self._slices = [_views(self.weights, self.variables)]
        self._slices += [_views(flat, self.variables) for flat in self.state]
        self._states: list[list[Variable]] | None = None
        self.adopt()

    def adopt(self) -> None:
        """Bring variables that live elsewhere into the buffer."""
        for variable, piece in zip(self.variables, self._slices[0], strict=True):
            if variable.storage is not piece:
                values = variable.storage
                self.weights.write(lambda _, piece=piece, values=values: _fill(piece, values))
                del values  # or the variable would see a holder of its old value
                variable.move_storage(piece)

    @property
    def states(self) -> list[list[Variable]]:
        """The state as variables: for each parameter one of each name."""
        if self._states is None:
            self._states = [
                [self._state_variable(number, index) for number in range(len(self.state))]
                for index in range(len(self.variables))
            ]
        return self._states

    def _state_variable(self, number: int, index: int) -> Variable:
        parameter = self.variables[index]
        name = f"{parameter.path.replace('/', '_')}_{self.state_names[number]}"
        with outside():
            start = zeros(parameter.shape, dtype=parameter.dtype, device=parameter.device)
            variable = Variable(start, trainable=False, name=name)
        variable.move_storage(self._slices[1 + number][index])
        return variable

    def gather(self, gradients: Sequence[Any]) -> Any:
        """The gradients in the layout of the buffer."""
        rows = [g if len(g.shape) == 1 else reshape(g, (-1,)) for g in gradients]
        return self._fitting(rows[0] if len(rows) == 1 else concatenate(rows))

    def _fitting(self, value: Any) -> Any:
        """A gradient or a number in the dtype of the group; Python's numbers fit anyway."""
        dtype = self.weights.dtype
        if not hasattr(value, "dtype") or value.dtype == dtype:
            return value
        return astype(value, dtype)

    def update(
        self, op: Any, gradients: Sequence[Any], scalars: Sequence[Any], ready: Any = None
    ) -> None:
        """One step for all variables of the group; none at all where `ready` is 0."""
        self.adopt()
        if mode.graph is not None:
            mode.graph.before_run.append(self.adopt)
        _step(
            op,
            [self.weights, *self.state],
            self.gather(gradients),
            self._numbers(scalars),
            ready,
            self._parts(),
        )

    def update_one(
        self, index: int, op: Any, gradient: Any, scalars: Sequence[Any], ready: Any = None
    ) -> None:
        """The same step for one variable alone."""
        self.adopt()
        targets = [self.variables[index], *self.states[index]]
        _step(op, targets, self._fitting(gradient), self._numbers(scalars), ready)

    def decay(self, indices: Sequence[int], rate: Any) -> None:
        """Draw some of the variables towards 0 by the share `rate`."""
        self.adopt()
        rate = self._fitting(rate)
        if len(indices) == len(self.variables):
            values = [self.weights, rate]
            variable_update(decay_update, [self.weights], values, self._parts())
            return
        for index in indices:
            variable = self.variables[index]
            variable_update(decay_update, [variable], [variable, rate])

    def _numbers(self, scalars: Sequence[Any]) -> list[Any]:
        return [self._fitting(number) for number in scalars]

    def _parts(self) -> list[Variable]:
        """The variables that live in slices of the buffers."""
        parts = list(self.variables)
        for states in self._states or ():
            parts += states
        return parts


def _step(
    op: Any,
    targets: Sequence[Variable],
    gradient: Any,
    scalars: Sequence[Any],
    ready: Any,
    parts: Sequence[Variable] = (),
) -> None:
    values = [*targets, gradient, *scalars]
    if ready is None:
        variable_update(op, targets, values, parts)
        return
    found = op(*values)
    for target, new in zip(targets, found if isinstance(found, tuple) else (found,), strict=True):
        share = ready if not hasattr(ready, "dtype") else astype(ready, target.dtype)
        variable_update(blend_update, [target], [target, new, share], parts)


def _views(flat: Variable, variables: Sequence[Variable]) -> list[Any]:
    """For each variable its slice of the buffer, in its shape."""
    views: list[Any] = []

    def cut(storage: Any) -> None:
        start = 0
        for variable in variables:
            views.append(storage[start : start + variable.size].reshape(variable.shape))
            start += variable.size

    flat.write(cut)
    return views


def _fill(piece: Any, values: Any) -> None:
    piece[...] = values
