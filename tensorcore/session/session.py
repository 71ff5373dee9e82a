"""Sessions: they hold the values of a graph's variables, and compute its tensors.

Each kind of run, the same fetches with feeds of the same shapes, is computed operation by operation
the first time, and traced into a plan when it comes again: what `fit` does with its steps.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorcore.autodiff.tape import GradientTape
from tensorcore.device import default_device
from tensorcore.errors import FailedPreconditionError, InvalidArgumentError, SessionError
from tensorcore.graph.deferred import ancestors, replay
from tensorcore.session.fetches import answer, feeds_of, gather
from tensorcore.session.gradients import Gradients
from tensorcore.session.graph import Graph, default_graph
from tensorcore.session.scalars import host_value
from tensorcore.session.tensors import STRING, GraphTensor
from tensorcore.session.variables import GraphVariable
from tensorcore.tensor import as_tensor
from tensorcore.training.step import Step
from tensorcore.variable import Variable


class Session:
    """Computes tensors of a graph: `with Session() as sess: print(sess.run(c))`.

    Args:
        target: must be empty, since there is one machine.
        graph: the default graph if None.
        config: accepted for the sake of the program.

    Leaving the `with` block closes the session; its variables' values are gone then.
    """

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None) -> None:
        if target:
            raise InvalidArgumentError(
                f"Session: there are no remote sessions, received target={target!r}; leave it out"
            )
        self.graph = graph or default_graph()
        self.device = default_device()
        self._closed = False
        self._variables: dict[GraphVariable, Variable] = {}
        self._initialized: set[GraphVariable] = set()
        self._runs: dict[Any, _Run] = {}
        self._entered: list[Any] = []
        self.generators: dict[Any, Any] = {}  # operation -> its stream of random numbers

    # Life -----------------------------------------------------------------------------------------

    def __enter__(self) -> Session:
        self._check_open()
        graph, session = self.graph.as_default(), self.as_default()
        graph.__enter__()
        session.__enter__()
        self._entered.append((graph, session))
        return self

    def __exit__(self, *exception: Any) -> None:
        graph, session = self._entered.pop()
        session.__exit__(*exception)
        graph.__exit__(*exception)
        self.close()

    def as_default(self) -> _AsDefault:
        """Within the block `tensor.eval()` and `operation.run()` use this session."""
        return _AsDefault(self)

    def close(self) -> None:
        """Free the variables' values; the session cannot be used any more."""
        self._closed = True
        self._variables.clear()
        self._initialized.clear()
        self._runs.clear()

    def _check_open(self) -> None:
        if self._closed:
            raise SessionError(
                "Attempted to use a closed Session. The values of its variables went with it: run "
                "inside `with tf.Session() as sess:`, or make a new session and initialize or "
                "restore the variables"
            )

    # Running --------------------------------------------------------------------------------------

    def run(
        self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None
    ) -> Any:
        """The values of `fetches` as NumPy arrays.

        Args:
            fetches: a tensor, an operation, a name such as "a:0", or lists, tuples and dicts of
                them.
            feed_dict: tensor -> value, for placeholders and any other tensor.

        Returns:
            Values in the structure of `fetches`, None for operations.

        Raises:
            SessionError: the session is closed.
            ShapeError: a fed value does not fit its tensor.
            FailedPreconditionError: a variable that is needed has no value yet.
            InvalidArgumentError: a placeholder that is needed was not fed; a fetch is not in the
                graph.
        """
        self._check_open()
        targets: list[Any] = []
        structure = gather(self.graph, fetches, targets)
        feeds = feeds_of(self.graph, feed_dict)
        return answer(structure, self._run(tuple(targets), feeds))

    def _run(self, targets: tuple[Any, ...], feeds: dict[GraphTensor, np.ndarray]) -> list[Any]:
        key = (targets, tuple(feeds))
        run = self._runs.get(key)
        if run is None:
            run = self._runs[key] = _Run(self, targets, tuple(feeds))
        return run([self._device_value(array) for array in feeds.values()])

    def _device_value(self, array: np.ndarray) -> Any:
        return array if array.dtype == STRING else as_tensor(array, device=self.device)

    def make_callable(self, fetches: Any, feed_list: Sequence[Any] | None = None) -> Any:
        """A function of the values of `feed_list` that returns what `run` would."""
        keys = list(feed_list or ())

        def call(*values: Any) -> Any:
            return self.run(fetches, dict(zip(keys, values, strict=True)))

        return call

    # Variables ------------------------------------------------------------------------------------

    def variable(self, symbol: GraphVariable) -> Variable:
        """The memory of a variable in this session."""
        if symbol not in self._variables:
            start = np.zeros(symbol.data.shape, symbol.dtype)
            name = symbol.name.partition(":")[0]
            self._variables[symbol] = Variable(
                start, symbol.trainable, name=name, device=self.device
            )
        return self._variables[symbol]

    def load(self, symbol: GraphVariable, array: np.ndarray) -> None:
        """Write a value of the variable's shape and dtype into it."""
        self._check_open()
        self.variable(symbol).assign(as_tensor(array, device=self.device))
        self._initialized.add(symbol)

    def is_initialized(self, symbol: GraphVariable) -> bool:
        """Whether the variable has a value."""
        return symbol in self._initialized

    def check_initialized(self, symbols: Sequence[GraphVariable]) -> None:
        """Refuse variables without a value, in TensorFlow's words."""
        for symbol in symbols:
            if symbol not in self._initialized:
                name = symbol.name.partition(":")[0]
                raise FailedPreconditionError(
                    f"Attempting to use uninitialized value {name}\n\t [[{{{{node {name}/read}}}}]]"
                    "\nRun sess.run(tf.global_variables_initializer()) in this session first: "
                    "every session has its own values."
                )

    def mark_initialized(self, symbols: Sequence[GraphVariable]) -> None:
        """The variables were written to."""
        self._initialized.update(symbols)


class InteractiveSession(Session):
    """A session that is the default one from the start, until it is closed."""

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None) -> None:
        super().__init__(target, graph, config)
        _default.stack.append(self)
        self._graph_scope = None if graph is None else graph.as_default()
        if self._graph_scope is not None:
            self._graph_scope.__enter__()

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)

    def close(self) -> None:
        super().close()
        if self in _default.stack:
            _default.stack.remove(self)
        if self._graph_scope is not None:
            self._graph_scope.__exit__(None, None, None)
            self._graph_scope = None


class _AsDefault:
    def __init__(self, session: Session) -> None:
        self._session = session

    def __enter__(self) -> Session:
        _default.stack.append(self._session)
        return self._session

    def __exit__(self, *exception: object) -> None:
        if self._session in _default.stack:
            _default.stack.reverse()
            _default.stack.remove(self._session)
            _default.stack.reverse()


class _Default(threading.local):
    def __init__(self) -> None:
        self.stack: list[Session] = []


_default = _Default()


def default_session() -> Session | None:
    """The session of the innermost `with` block."""
    return _default.stack[-1] if _default.stack else None


def session_for(session: Session | None, what: str, method: str) -> Session:
    """The session that is given, or else the default one."""
    found = session or default_session()
    if found is None:
        verb = {"eval": "evaluate tensor", "run": "execute operation", "load": "load a variable"}
        raise InvalidArgumentError(
            f"Cannot {verb[method]} using `{method}()`: No default session is registered. Use "
            f"`with sess.as_default()` or pass an explicit session to `{method}(session=sess)`"
        )
    return found


# One kind of run ----------------------------------------------------------------------------------


class _Current(threading.local):
    run: _Run | None = None


_current = _Current()


def current_run() -> _Run:
    """The run of which an operation is part just now."""
    run = _current.run
    if run is None:
        raise SessionError("this operation can only be computed by a session")
    return run


def running_session() -> Session | None:
    """The session that computes just now in this thread."""
    return None if _current.run is None else _current.run.session


class _Run:
    """The same fetches and feeds, once looked at: what has to be computed, and what is needed."""

    def __init__(
        self, session: Session, targets: tuple[Any, ...], feeds: tuple[GraphTensor, ...]
    ) -> None:
        self.session = session
        self.targets = targets
        self.feeds = feeds
        self.nodes: Any = ancestors(list(targets), feeds)
        self.tape: GradientTape | None = None
        fed = set(feeds)
        inputs = [value for node in self.nodes for value in node.inputs]
        sources = dict.fromkeys(
            x for x in (*targets, *inputs) if isinstance(x, GraphTensor) and x.node is None
        )
        self._variables: list[Any] = [x for x in sources if x.is_variable and x not in fed]
        for symbol in sources:
            if symbol not in fed and not symbol.is_variable:
                raise _missing_feed(symbol)
        self._read_first, self._written = self._follow_variables(fed)
        self._sources = _differentiated(self.nodes)
        self._differentiates = any(isinstance(node.function, Gradients) for node in self.nodes)
        symbols = [*targets, *sources, *(x for node in self.nodes for x in node.outputs)]
        # Text is computed with Python's objects, which no plan can hold.
        eager = any(x.dtype == STRING for x in symbols)
        eager |= any(getattr(node.function, "needs_values", False) for node in self.nodes)
        self._step = Step(self._compute, run_eagerly=eager)
        self._shown = [not x.name.startswith("^") for x in targets]

    def _follow_variables(self, fed: set[Any]) -> tuple[list[Any], list[Any]]:
        """(variables whose values this run needs before it gives them any, those it changes)."""
        read: dict[Any, None] = {}
        written: dict[Any, None] = {}
        for node in self.nodes:
            read.update((x, None) for x in node.reads if x not in written and x not in fed)
            written.update((x, None) for x in node.writes)
        for x in self.targets:
            if x.is_variable and x not in written and x not in fed:
                read[x] = None
        return list(read), list(written)

    def __call__(self, values: list[Any]) -> list[Any]:
        self.session.check_initialized(self._read_first)
        outer, _current.run = _current.run, self
        try:
            found = self._step(values)
        finally:
            _current.run = outer
        self.session.mark_initialized(self._written)
        return [
            host_value(value) if shown else None
            for value, shown in zip(found, self._shown, strict=True)
        ]

    def _compute(self, values: list[Any]) -> list[Any]:
        bindings: dict[Any, Any] = dict(zip(self.feeds, values, strict=True))
        for symbol in self._variables:
            bindings[symbol] = self.session.variable(symbol)
        if not self._differentiates:
            return self._replayed(bindings, None)
        self.tape = GradientTape(persistent=True, watch_accessed_variables=False)
        with self.tape:
            found = self._replayed(bindings, self._watch)
        self.tape = None
        return found

    def _replayed(self, bindings: dict[Any, Any], seen: Callable[[Any, Any], None] | None) -> Any:
        found = replay(list(self.targets), bindings, nodes=self.nodes, seen=seen)
        # A variable that was fetched is read at the end, after what the run wrote into it.
        return [value.value if isinstance(value, Variable) else value for value in found]

    def _watch(self, symbol: Any, value: Any) -> None:
        if symbol in self._sources and self.tape is not None:
            self.tape.watch(value)


def _differentiated(nodes: Sequence[Any]) -> set[Any]:
    """The tensors for which gradients are wanted."""
    sources: set[Any] = set()
    for node in nodes:
        if isinstance(node.function, Gradients):
            sources.update(node.function.sources_among(node.inputs))
    return sources


def _missing_feed(symbol: Any) -> InvalidArgumentError:
    sizes = symbol.static_shape.sizes
    known = ",".join("?" if size is None else str(size) for size in sizes or ())
    shape = "" if sizes is None else f" and shape [{known}]"
    name = symbol.name.partition(":")[0]
    dtype = {"float32": "float", "float64": "double"}.get(symbol.dtype_name, symbol.dtype_name)
    return InvalidArgumentError(
        f"You must feed a value for placeholder tensor '{name}' with dtype {dtype}{shape}\n\t "
        f"[[{{{{node {name}}}}}]]\nFor example sess.run(y, feed_dict={{{name}: values}})."
    )
