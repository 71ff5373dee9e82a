"""The plan of a graph: every array placed beforehand, every operation a call ready to be made.

While a plan runs nothing is looked up or checked again, except what depends on values, and the
intermediate results live in buffers that were made beforehand.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import numpy as np

from tensorcore import memory
from tensorcore.device import CPU, Device, address, check_range, is_array, to_numpy
from tensorcore.errors import TracingError
from tensorcore.graph.chosen_rows import ChosenRows
from tensorcore.graph.graph import Graph, Node, base_of
from tensorcore.graph.made import Fused, JoinedUpdate, compiled
from tensorcore.graph.memory import Buffers, owner
from tensorcore.graph.passes import is_waiting, optimise
from tensorcore.graph.passes.fuse import kind_of
from tensorcore.graph.passes.relations import producers
from tensorcore.graph.symbol import Symbol
from tensorcore.kernels.cpu import threads, tiers
from tensorcore.kernels.precision import matmul_precision
from tensorcore.kernels.program import NotReady
from tensorcore.mode import listeners, mode
from tensorcore.ops.door import in_layer, kernel_for
from tensorcore.ops.elementwise import Elementwise
from tensorcore.ops.shaping import reshape
from tensorcore.tensor import Tensor, wrap

Step = Callable[[], Any]
Filler = Callable[[Sequence[Any]], None]

# A graph runs on ready kernels at first.  At this run those that are made for it are compiled.
COMPILES_AT_RUN = 32
BLOCK = 1 << 14  # elements of a part of large arrays that the reference computes
COMPARISONS = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")


class Plan:
    """A graph made ready to run.

    Args:
        graph: the traced graph.
        outputs: the symbols whose values a run returns.
        device: where it runs.
        given: the arrays of the arguments if they stand in the arrays of another plan, of which
            this one is a part: that of a branch, or of a loop's body.
        compiling: for such a part, whether kernels are compiled for it now.
    """

    def __init__(
        self,
        graph: Graph,
        outputs: Sequence[Symbol],
        device: Device,
        given: Sequence[Any] | None = None,
        compiling: bool = False,
    ) -> None:
        self.graph = graph
        self.device = device
        self._given = given
        counters = [counter for _, counter in graph.moved.values()] if given is None else []
        outputs = [*outputs, *counters]
        self._lock = threading.Lock()
        self.asked = list(outputs)
        waits = is_waiting(device) and not compiling
        self._runs_to_compiling = COMPILES_AT_RUN if waits else 0
        self._upgrade = tiers.Upgrade()
        self.for_several = tiers.Upgrade()  # for what `several` compiles
        written = [variable for node in graph.nodes for variable in node.writes]
        self.variables = list(dict.fromkeys([*written, *graph.changed]))
        if waits and self._goes_over_at_once():
            self._runs_to_compiling = 0
        else:
            self._optimise(compiling=not waits)
        memory.plans.add(self)

    def _goes_over_at_once(self) -> bool:
        """Use kernels made for this graph from the first run on if they lie on the disk."""
        if self._given is not None or not tiers.is_training():
            return False  # as part of another plan it is asked by that; numba costs 0.3 s
        return bool(self._upgrade.from_disk(partial(self._optimise, compiling=True)))

    def _optimise(self, compiling: bool) -> bool:
        self._compiling = compiling
        self._settings = _settings()
        self.nodes, self.outputs, self.passes = optimise(
            self.graph.nodes, self.asked, self.device.kind, compiling
        )
        self._build()
        return True

    def compile(self) -> None:
        """Run the passes that compile kernels for this graph now, rather than after some runs."""
        with self._lock:
            if not self._compiling:
                self._optimise(compiling=True)

    def _build(self) -> None:
        self._buffers = Buffers(self.device)
        self._users: dict[int, list[Symbol]] = {}  # buffer -> results and views that live in it
        self._arrays: dict[int, Any] = {}
        self._keep: list[Symbol] = []  # so that no id is used twice
        self.streams: list[tuple[Any, int, list[tuple[str, int, Any]]]] = []
        self._storages: list[tuple[Any, Any]] = []
        for symbol, array in zip(self.graph.arguments, self._given or ()):
            self._remember(symbol, array)
        if self._given is None and self.device is not CPU:
            self._place_inputs()
        self._last_use = self._find_last_uses()
        self.steps: list[Step] = []
        self.origins: list[Node | None] = []  # of the steps; None: a check of an argument
        self._checks: list[Step] = []  # of arguments, made before anything is written
        self._checked: set[Any] = set()
        self._produced_by = producers(self.nodes)
        self.generated: list[Any] = []  # kernels that were made for this graph
        self._places: dict[int, Any] = {}  # where a symbol's value goes if that was decided early
        for node in self.nodes:
            if node.op is not None and node.op.pieces is not None:
                self._place_pieces(node)
        for position, node in enumerate(self.nodes):
            self._add(position, node)
            self._release(position, node)
            self.origins += [node] * (len(self.steps) - len(self.origins))
        self.steps = self._checks + self.steps
        self.origins[:0] = [None] * len(self._checks)
        self.calls = self.joined(self.steps)
        self.run_steps = self.device.recorded(self.calls)
        self.results = [self._array(symbol) for symbol in self.outputs]
        self.arguments = [self._array(symbol) for symbol in self.graph.arguments]
        self._numbers = [self._array(s) for _, symbols in self.graph.host_actions for s in symbols]
        self._numbers += [array for _, _, places in self.streams for _, _, array in places]
        # Each variable once: every run looks whether it is still there.
        self._storages = list({id(found[0]): found for found in self._storages}.values())
        # What lets a function write the inputs of a run, by the function: see `_feed`.
        self._feeds: dict[Any, Any] = {}

    def joined(self, steps: list[Step]) -> list[Step]:
        """Steps as a run makes them: neighbours that need no Python are one call."""
        if "native" not in self.passes or not self._compiling:
            return steps
        from tensorcore.kernels.cpu.native import joined

        return joined(steps)

    @property
    def labels(self) -> list[str]:
        """What each step computes, for people."""
        return ["check" if node is None else _label(node) for node in self.origins]

    @property
    def places(self) -> list[Any]:
        """Where each step belongs in the user's model: phase and layers."""
        return [("forward", ()) if node is None else node.place for node in self.origins]

    def _find_last_uses(self) -> dict[int, float]:
        last: dict[int, float] = {}
        for position, node in enumerate(self.nodes):
            for value in node.inputs:
                last[id(value)] = position
        for symbol in self.outputs:
            last[id(symbol)] = float("inf")
        return last

    # Arrays -------------------------------------------------------------------------------------

    def _array(self, value: Any) -> Any:
        """The array that holds a symbol's value; numbers are their own."""
        if not isinstance(value, Symbol):
            return value
        if id(value) not in self._arrays:
            self._remember(value, self._source_array(value))
        return self._arrays[id(value)]

    def _remember(self, symbol: Symbol, array: Any) -> None:
        self._keep.append(symbol)
        self._arrays[id(symbol)] = array
        users = self._users.get(id(owner(array)))
        if users is not None:
            users.append(symbol)

    def _release(self, position: int, node: Node) -> None:
        """Give back the buffers whose last reader this node was."""
        for value in (*node.inputs, *node.outputs):
            if not isinstance(value, Symbol):
                continue
            array = self._arrays[id(value)]
            users = self._users.get(id(owner(array)))
            if users and all(self._last_use.get(id(user), -1) <= position for user in users):
                del self._users[id(owner(array))]
                self._buffers.give_back(array)

    def _source_array(self, symbol: Symbol) -> Any:
        if symbol.source is None:
            raise TracingError(
                f"a tensor of shape {symbol.shape} that was traced in another function was kept "
                "and is used here; return it from its function instead"
            )
        kind, what = symbol.source
        if kind == "constant":
            return what
        if kind == "variable":
            self._storages.append((what, what.storage))
            return what.storage
        array = self._buffers.own(symbol.data)
        if kind in ("key", "counter"):
            self._add_stream(kind, what, array)
        return array

    def _place_inputs(self) -> None:
        """Put what the host gives at each run side by side, so that one copy brings it."""
        inputs = [*self.graph.arguments, *(s for _, ss in self.graph.host_actions for s in ss)]
        read = {id(value): value for node in self.nodes for value in node.inputs}
        drawn = [s for s in read.values() if isinstance(s, Symbol) and _is_of_stream(s)]
        arrays = self._buffers.side_by_side([symbol.data for symbol in (*inputs, *drawn)])
        for symbol, array in zip((*inputs, *drawn), arrays, strict=True):
            self._remember(symbol, array)
        for symbol, array in zip(drawn, arrays[len(inputs) :], strict=True):
            kind, what = symbol.source or ("", None)
            self._add_stream(kind, what, array)

    def _add_stream(self, kind: str, what: Any, array: Any) -> None:
        generator, start = what
        for known, _, places in self.streams:
            if known is generator:
                places.append((kind, start, array))
                return
        self.streams.append((generator, self.graph.blocks[generator], [(kind, start, array)]))

    def _place_pieces(self, node: Node) -> None:
        """Let the inputs of a concatenation be computed where they are needed in the end."""
        out = self._buffers.own(node.outputs[0].data)
        self._places[id(node.outputs[0])] = out
        views = node.op.pieces(out, node.inputs, **node.attrs)
        for value, view in zip(node.inputs, views, strict=True):
            symbol = value
            made_by = self._produced_by.get(id(symbol))
            while made_by is not None and made_by.op is reshape:
                symbol = made_by.inputs[0]
                made_by = self._produced_by.get(id(symbol))
            if made_by is None or made_by.op is None or made_by.op.is_view or made_by.writes:
                continue
            if view.flags.c_contiguous:
                self._places.setdefault(id(symbol), view.reshape(symbol.shape))

    def _destination(self, symbol: Symbol) -> Any:
        place = self._places.get(id(symbol))
        if place is None:
            place = self._buffers.take(symbol.data)
            self._users[id(owner(place))] = []
        return place

    # Steps --------------------------------------------------------------------------------------

    def _add(self, position: int, node: Node) -> None:
        arrays = [self._array(value) for value in node.inputs]
        if node.writes:
            self._save_old_values(position, node)
        if node.op is None and not node.writes:
            self._array(node.outputs[0])  # a variable is read from here on
            return
        if node.op is None:
            target = self._storage_of(node.writes[0])
            self.steps += self._copy(target, arrays[0])
            return
        if node.op.is_view and self._is_view(node, arrays):
            return
        if node.op.bounds is not None and self.device.kind not in node.op.trusted_on:
            for index, low, high, message in node.op.bounds(*arrays, **node.attrs):
                limits = (low, high, in_layer(message, node.place[1]))
                self._add_check(node.inputs[index], arrays[index], limits)
        outs = tuple(
            self._storage_of(node.writes[i]) if node.writes else self._destination(symbol)
            for i, symbol in enumerate(node.outputs)
        )
        for symbol, array in zip(node.outputs, outs, strict=True):
            self._remember(symbol, array)
        if node.op.pieces is not None:
            for view, array in zip(node.op.pieces(outs[0], arrays, **node.attrs), arrays):
                if not _is_same(view, array):
                    self.steps += self._copy(view, array)
            return
        if node.op.is_control:
            step = node.op.planned(self.device, arrays, outs, node.attrs, self._compiling)
            self.steps.append(step)
            return
        self.steps += self._steps_of(node, arrays, outs if len(outs) > 1 else outs[0])

    def _add_check(self, symbol: Any, array: Any, limits: tuple[int, int, str]) -> None:
        """Let a range be checked: that of an argument or a constant first of all, and once."""
        check = self._check(array, limits)
        while (node := self._produced_by.get(id(symbol))) is not None and node.op is not None:
            if not node.op.is_view:
                self.steps.append(check)
                return
            symbol = node.inputs[0]
        source = symbol.source if isinstance(symbol, Symbol) else None
        if source is None or source.kind not in ("argument", "constant"):
            self.steps.append(check)
        elif (id(symbol), *limits[:2]) not in self._checked:
            self._checked.add((id(symbol), *limits[:2]))
            self._checks.append(check)

    def _check(self, array: Any, limits: tuple[int, int, str]) -> Step:
        """The call that raises the error where a value of the array is out of range."""
        refuse = partial(check_range, self.device, array, *limits)
        if not self._compiling or self.device is not CPU:
            return refuse
        from tensorcore.kernels.cpu.bound import check

        return check(array, *limits[:2], refuse) or refuse

    def _storage_of(self, variable: Any) -> Any:
        self._storages.append((variable, variable.storage))
        return variable.storage

    def _is_view(self, node: Node, arrays: list[Any]) -> bool:
        """Whether the result is a view of an input's array; then nothing has to run."""
        view = self.device.run(
            node.op.reference, self.device.xp, *node.op.grouped(arrays), **node.attrs
        )
        if view is not arrays[0] and owner(view) is not owner(arrays[0]):
            return False
        self._remember(node.outputs[0], view)
        return True

    def _save_old_values(self, position: int, node: Node) -> None:
        """Copy what is about to be overwritten, where a later node still needs the old value."""
        written = {id(base_of(variable)) for variable in node.writes}
        for symbol in list(self._keep):
            array = self._arrays[id(symbol)]
            if id(owner(array)) in written and self._last_use.get(id(symbol), -1) > position:
                saved = self._buffers.take(symbol.data)
                self.steps += self._copy(saved, array)
                self._arrays[id(symbol)] = saved

    def _steps_of(self, node: Node, arrays: list[Any], out: Any) -> list[Step]:
        """The calls that compute a node: the door's fallback chain, gone through once."""
        op, attrs = node.op, node.attrs
        grouped = op.grouped(arrays)
        if self._compiling and self.device is CPU:
            with suppress(NotReady):  # then something else computes it, or nothing: see `Upgrade`
                pieces = self._pieces_of(node, arrays, out)
                if pieces is not None:
                    return pieces
        attempts: list[Step] = []
        for function in kernel_for(op, self.device, arrays, attrs, often=self._compiling):
            # A kernel that writes to variables cannot be tried: each run asks it.
            if not node.writes and not self._works(function, grouped, attrs, out):
                continue
            if isinstance(op, (Fused, JoinedUpdate)):
                self.generated.append(function)
            steps = self._bound(function, grouped, attrs, out)
            if steps is None and node.writes:
                attempts.append(partial(function, *grouped, out=out, **attrs))
                continue
            steps = steps or [partial(function, *grouped, out=out, **attrs)]
            return [partial(_first_that_covers, attempts, steps)] if attempts else steps
        steps = self._steps_without_kernel(op, arrays, attrs, out)
        return [partial(_first_that_covers, attempts, steps)] if attempts else steps

    def _steps_without_kernel(
        self, op: Any, arrays: list[Any], attrs: dict[str, Any], out: Any
    ) -> list[Step]:
        """The calls of an operation that no kernel covers."""
        grouped = op.grouped(arrays)
        if isinstance(op, Elementwise) and self.device is CPU:
            if op.numpy is not None:
                function = getattr(np, op.numpy)
                with np.errstate(all="ignore"):
                    dtype = np.result_type(function(*map(_probe, arrays)))
                if dtype == out.dtype and op.numpy != "where":
                    return [partial(function, *arrays, out=out)]
            blocks = _blocks(arrays, out if type(out) is tuple else (out,))
            if blocks:
                return [partial(_run_in_blocks, op.reference, blocks)]
        if op.into is not None:
            return [partial(op.into, self.device.xp, out, *grouped, **attrs)]
        return [partial(_run_reference, op, self.device.xp, grouped, attrs, out)]

    def _pieces_of(self, node: Node, arrays: list[Any], out: Any) -> list[Step] | None:
        """The node as pieces of work that need no Python, if there are kernels for that."""
        from tensorcore.kernels.cpu.bound import bound

        if type(node.op) is Elementwise and _is_plain(node, arrays):
            return self._bound(compiled("cpu", node.op.program(_dtypes(arrays))), arrays, {}, out)
        return bound(node.op.name, arrays, node.attrs, out)

    def _copy(self, target: Any, array: Any) -> list[Step]:
        """The calls that copy an array into another one."""
        if self._compiling and self.device is CPU:
            from tensorcore.kernels.cpu.bound import copy

            pieces = copy(target, array)
            if pieces is not None:
                return pieces
        return [partial(self.device.xp.copyto, target, array)]

    def _bound(self, function: Any, grouped: Sequence[Any], attrs: dict[str, Any], out: Any) -> Any:
        """The calls that a kernel makes for arrays that stay where they are, if it knows them."""
        bind = getattr(function, "bind", None)
        bound = bind(*grouped, out=out, **attrs) if bind is not None else None
        return bound if bound is None or isinstance(bound, list) else [bound]

    def _works(self, function: Any, arrays: Sequence[Any], attrs: dict[str, Any], out: Any) -> bool:
        """Run a kernel once: it is compiled, and says whether it covers these arrays."""
        try:
            return self.device.run(function, *arrays, out=out, **attrs) is not NotImplemented
        except NotReady:
            return False

    def explain(self) -> str:
        """The graph before and after the passes, the calls of a run, and generated sources."""
        from tensorcore.graph.explain import explain

        return explain(self)

    def profile(self, repeats: int = 20) -> list[tuple[str, float]]:
        """How long each call takes on the CPU: (name, seconds); see `explain.profile`."""
        from tensorcore.graph.explain import profile

        return profile(self, repeats)

    @property
    def nbytes(self) -> int:
        """Bytes of all buffers, without constants and variables."""
        return self._buffers.nbytes

    # Running ------------------------------------------------------------------------------------

    def run(self, arguments: Sequence[Tensor] | Filler) -> list[Tensor]:
        """The outputs for these arguments, as fresh tensors; variables are written to.

        Instead of tensors it takes a function that writes the arguments into the given arrays, or
        rows of arrays that are on the plan's device.
        """
        with self._lock:  # the arrays are there once; threads take turns
            self._prepare()
            if not self._compiling:
                self._count_a_run()
            self._follow_settings()
            self._follow_variables()
            return self.device.run_once(self._run, arguments)

    def _count_a_run(self) -> None:
        """After some runs go over to kernels made for this graph, as soon as they are ready."""
        if self._runs_to_compiling > 1:
            self._runs_to_compiling -= 1
            if self._runs_to_compiling == COMPILES_AT_RUN // 2:
                self._upgrade.prepare()
            return
        done = self._upgrade.attempt(partial(self._optimise, compiling=True))
        if self._compiling and not done:
            self._optimise(compiling=False)

    def _prepare(self) -> None:
        for action in self.graph.before_run:
            action()

    def _follow_settings(self) -> None:
        """Plan anew if other kernels are wanted on a GPU now than when they were chosen."""
        if self.device is not CPU and self._settings != _settings():
            self._optimise(self._compiling)

    def _follow_variables(self) -> None:
        """Build the plan anew if variables live elsewhere now."""
        if any(variable.storage is not storage for variable, storage in self._storages):
            self._build()

    def several(self, sources: Sequence[np.ndarray]) -> Any:
        """What runs the plan for several batches of rows of these arrays in one call.

        None as long as that cannot be; see `tensorcore.graph.several.Several`.
        """
        from tensorcore.graph.several import Several

        with self._lock:
            return Several.of(self, sources)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """A context in which nobody else runs the plan, and in which it knows its variables."""
        with self._lock:
            self._prepare()
            self._follow_variables()
            yield

    def _run(self, arguments: Sequence[Tensor] | Filler) -> list[Tensor]:
        fill = arguments if callable(arguments) else None
        if fill is None:
            copyto = self.device.xp.copyto
            for place, tensor in zip(self.arguments, arguments, strict=True):  # type: ignore[arg-type]
                copyto(place, tensor.data)
        self._asked = 0
        try:
            if self._numbers:
                self._feed(fill)(partial(self._write_inputs, fill))
            elif fill is not None:
                self._feed(fill)(fill)
            for variable in self.variables:
                variable.begin_write()
            if listeners.profiles and mode.profile is not None:
                mode.profile.run_plan(self)
            else:
                self.run_steps()
        except BaseException:
            for undo in self.graph.undo_actions[: self._asked]:
                if undo is not None:
                    undo()
            raise
        if self.graph.moved:
            self._move_streams()
        return self.fresh_results()

    def _feed(self, fill: Filler | None) -> Any:
        """What lets a function write the inputs of a run: the numbers, and what `fill` writes."""
        kind = fill is not None if type(fill) is not ChosenRows else ChosenRows
        feed = self._feeds.get(kind)
        if feed is None:
            if kind is ChosenRows:
                feed = self.device.row_feeder(self.arguments, self._numbers)
            else:
                places = [*self.arguments, *self._numbers] if kind else self._numbers
                feed = self.device.feeder(places)
            self._feeds[kind] = feed
        return feed

    def _write_inputs(self, fill: Filler | None, places: Sequence[Any]) -> None:
        """Write what `fill` has for the arguments, and the numbers of this run after it.

        Those are what functions of the host say (a learning rate), and places in random streams.
        """
        if fill is not None:
            fill(places[: len(places) - len(self._numbers)])
        left = iter(places[len(places) - len(self._numbers) :])
        for function, symbols in self.graph.host_actions:
            numbers = function()
            self._asked += 1
            for _, number in zip(symbols, numbers, strict=True):
                next(left)[...] = number
        self._ends: dict[Any, int] = {}  # where the streams go on
        for generator, blocks, drawn in self.streams:
            key, counter = generator.take_blocks(blocks)
            self._ends[generator] = int(counter) + blocks
            for kind, start, _ in drawn:
                next(left)[...] = key if kind == "key" else counter + np.uint64(start)

    def array_of(self, symbol: Symbol) -> Any:
        """The array that holds a symbol's value in a run."""
        return self._array(symbol)

    def fresh_results(self) -> list[Tensor]:
        """The outputs of the last run, as tensors of their own."""
        count = len(self.results) - len(self.graph.moved)
        copy = np.ndarray.copy if self.device is CPU else self.device.copy
        return [wrap(copy(array), self.device) for array in self.results[:count]]

    def _move_streams(self) -> None:
        """Let streams go on where control flow, which draws as much as it likes, has left them."""
        counters = self.results[-len(self.graph.moved) :]
        for generator, counter in zip(self.graph.moved, counters, strict=True):
            generator.take_blocks(int(to_numpy(counter)) - self._ends[generator])


def _settings() -> Any:
    """What the choice of a GPU's kernels depends on besides arrays."""
    return matmul_precision(), threads.deterministic()


def _is_of_stream(symbol: Symbol) -> bool:
    """Whether it is the key of a random stream, or a place in it."""
    return symbol.source is not None and symbol.source.kind in ("key", "counter")


def _dtypes(arrays: Sequence[Any]) -> tuple[np.dtype, ...]:
    return tuple(array.dtype for array in arrays)


def _is_plain(node: Node, arrays: Sequence[Any]) -> bool:
    """Whether a generated loop computes an element-wise operation just as the reference does."""
    if kind_of(node) is not None:
        return True
    from tensorcore.kernels.cpu.generated import covers

    known = [array for array in arrays if is_array(array)]
    if node.writes:  # the step of an optimizer
        return all(array.dtype.char in "fd" for array in known)
    return node.op.name in COMPARISONS and len(known) == len(arrays) and covers(arrays)


def _label(node: Node) -> str:
    return "copy" if node.op is None else node.op.name


def _is_same(first: Any, second: Any) -> bool:
    """Whether two arrays are the same elements of the same memory."""
    if (first.shape, first.strides) != (second.shape, second.strides):
        return False
    return address(first) == address(second)


def _probe(value: Any) -> Any:
    """One element of an array, to ask a NumPy function for its dtype."""
    return value if np.ndim(value) == 0 else np.ones((), value.dtype)


def _first_that_covers(attempts: Sequence[Step], steps: Sequence[Step]) -> None:
    """Make the first attempt that covers its arrays, else the steps."""
    for attempt in attempts:
        if attempt() is not NotImplemented:
            return
    for step in steps:
        step()


def _blocks(arrays: Sequence[Any], outs: Sequence[Any]) -> list[tuple[list[Any], list[Any]]]:
    """Parts of large arrays of one shape, whose intermediate results stay in fast memory.

    Fresh memory for the whole would cost more than the arithmetic.  Empty where it does not pay.
    """
    size, shape = outs[0].size, outs[0].shape
    large = [array for array in (*arrays, *outs) if is_array(array) and array.size > 1]
    if size <= BLOCK or not all(a.shape == shape and a.flags.c_contiguous for a in large):
        return []
    flat = [array.reshape(-1) if np.size(array) == size else array for array in arrays]
    targets = [out.reshape(-1) for out in outs]
    return [
        (
            [array[start : start + BLOCK] if np.size(array) == size else array for array in flat],
            [target[start : start + BLOCK] for target in targets],
        )
        for start in range(0, size, BLOCK)
    ]


def _run_in_blocks(reference: Any, blocks: Sequence[tuple[list[Any], list[Any]]]) -> None:
    for arrays, targets in blocks:
        result = reference(np, *arrays)
        results = result if type(result) is tuple else (result,)
        for target, values in zip(targets, results, strict=True):
            target[...] = values


def _run_reference(
    op: Any, xp: Any, grouped: Sequence[Any], attrs: dict[str, Any], out: Any
) -> None:
    result = op.reference(xp, *grouped, **attrs)
    if type(out) is not tuple:
        out, result = (out,), result if type(result) is tuple else (result,)
    for target, values in zip(out, result, strict=True):
        target[...] = values
