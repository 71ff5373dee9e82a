"""How a loop of a plan runs: its state in arrays of its own, its body a plan of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from tensorcore.device import Device, to_numpy
from tensorcore.graph.memory import owner
from tensorcore.graph.plan import Plan
from tensorcore.graph.subgraph import Closed


class Loop(NamedTuple):
    """What a node of a loop says.  Its inputs are: the first state, the rows, [count,] captures.

    Attributes:
        body: arguments are state, one row of each, [saved state,] captures; results are the next
            state and one row of each stacked result.
        test: of state and captures; None for a loop that counts.
        n_state, n_rows: how many of the inputs they are.
        n_results: stacked results that stand before the number of runs; behind it stand the kept
            states.
        length: rows of the stacked results, and the number of runs unless test or count say less;
            None where nobody knows.
        has_count: whether an input says how often the body runs.
        reverse: whether the last row comes first.
        save: where the state before each run of the body is kept, or None.
        load: where such states come from, or None.
        body_places, test_places: for each capture of body and test its input's number; in the test
            numbers below `n_state` are the state itself.
    """

    body: Closed
    test: Closed | None
    n_state: int
    n_rows: int
    n_results: int
    length: int | None
    has_count: bool
    reverse: bool
    save: History | None
    load: History | None
    body_places: tuple[int, ...]
    test_places: tuple[int, ...]


class History:
    """The states of a loop before each run of its body, for as many runs as there were.

    Nobody knows beforehand how many that are, so the arrays are made while the loop runs, and used
    again when it runs the next time.
    """

    def __init__(self) -> None:
        self.is_read = False
        self._kept: list[list[Any]] = []

    def keep(self, number: int, device: Device, state: Sequence[Any]) -> None:
        """Copy the state before run `number`."""
        if not self.is_read:
            return
        if number == len(self._kept):
            self._kept.append([device.copy(array) for array in state])
            return
        for place, array in zip(self._kept[number], state, strict=True):
            device.xp.copyto(place, array)

    def fetch(self, number: int) -> Sequence[Any]:
        """The state before run `number`."""
        return self._kept[number]

    def forget(self) -> None:
        """Let go of all arrays: another plan has others."""
        self._kept.clear()


class LoopStep:
    """The call that runs a loop."""

    runs_on_host = True

    def __init__(
        self,
        device: Device,
        arrays: Sequence[Any],
        outs: Sequence[Any],
        attrs: dict[str, Any],
        compiling: bool,
    ) -> None:
        loop: Loop = attrs["loop"]
        self._loop, self._device, self._copyto = loop, device, device.xp.copyto
        if loop.save is not None:
            loop.save.forget()
        n_state, n_rows = loop.n_state, loop.n_rows
        self._first = arrays[:n_state]
        self._rows = arrays[n_state : n_state + n_rows]
        self._count = arrays[n_state + n_rows] if loop.has_count else None
        specs = [symbol.data for symbol in loop.body.arguments]
        own = [device.empty(spec.shape, spec.dtype) for spec in specs[: self._n_own(loop)]]
        self._state, self._row = own[:n_state], own[n_state : n_state + n_rows]
        self._loaded = own[n_state + n_rows :]
        for place, array in zip(self._state, self._first, strict=True):
            self._copyto(place, array)  # kernels are tried out on what stands there
        for array in own[n_state:]:
            array.fill(0)
        given = [*own, *(arrays[place] for place in loop.body_places)]
        body = Plan(loop.body.graph, loop.body.outputs, device, given, compiling)
        self._next = body.results[:n_state]
        self._row_results = body.results[n_state : len(body.results)]
        moves = self._moves()
        self._run_body = device.recorded([*body.steps])
        self._advance = device.recorded(moves)
        self._test: Any = None
        if loop.test is not None:
            given = [self._state[p] if p < n_state else arrays[p] for p in loop.test_places]
            n_tested = len(loop.test.arguments) - len(loop.test_places)
            given = [*self._state[:n_tested], *given]
            test = Plan(loop.test.graph, loop.test.outputs, device, given, compiling)
            self._test, self._answer = device.recorded(test.steps), test.results[0]
        self._outs = outs[:n_state]
        self._stacked = [
            *outs[n_state : n_state + loop.n_results],
            *outs[n_state + loop.n_results + 1 :],
        ]
        self._done = outs[n_state + loop.n_results]

    @staticmethod
    def _n_own(loop: Loop) -> int:
        return len(loop.body.arguments) - len(loop.body_places)

    def _moves(self) -> list[Callable[[], Any]]:
        """The calls that make the next state the state."""
        owners = {id(owner(array)) for array in self._state}
        moves: list[Callable[[], Any]] = []
        late: list[Callable[[], Any]] = []
        for place, result in zip(self._state, self._next, strict=True):
            if result is place:
                continue
            if id(owner(result)) in owners:  # it stands in a part of the state that changes too
                between = self._device.copy(result)
                moves.append(partial(self._copyto, between, result))
                result = between
            late.append(partial(self._copyto, place, result))
        return moves + late

    def __call__(self) -> None:
        loop, copyto = self._loop, self._copyto
        for place, array in zip(self._state, self._first, strict=True):
            copyto(place, array)
        length = loop.length if self._count is None else int(to_numpy(self._count))
        if self._test is not None or self._count is not None:
            for stacked in self._stacked:
                stacked.fill(0)
        done = 0
        while (length is None or done < length) and self._goes_on():
            index = length - 1 - done if loop.reverse and length is not None else done
            if loop.save is not None:
                loop.save.keep(done, self._device, self._state)
            if loop.load is not None:
                for place, array in zip(self._loaded, loop.load.fetch(index), strict=True):
                    copyto(place, array)
            for place, rows in zip(self._row, self._rows, strict=True):
                copyto(place, rows[index])
            self._run_body()
            for stacked, row in zip(self._stacked, self._row_results, strict=True):
                stacked[index] = row
            self._advance()
            done += 1
        for out, place in zip(self._outs, self._state, strict=True):
            copyto(out, place)
        self._done[...] = done

    def _goes_on(self) -> bool:
        if self._test is None:
            return True
        self._test()
        return bool(to_numpy(self._answer))
