"""`tf.function`: traced where it can be, eager where the Python in it needs values."""

from __future__ import annotations

import functools
import warnings
import weakref
from collections.abc import Callable
from typing import Any

from tensorcore.errors import TracingError
from tensorcore.graph.function import TracedFunction


class Function:
    """What `tf.function` returns.

    TensorFlow rewrites `if` and `while` on tensors (AutoGraph).  Here such a function runs
    eagerly from its first call on, which gives the same values; a warning says so once.
    """

    def __init__(self, python_function: Callable[..., Any]) -> None:
        self.python_function = python_function
        self._traced = TracedFunction(python_function)
        self._is_eager = False
        self._bound: weakref.WeakKeyDictionary[Any, Function] = weakref.WeakKeyDictionary()
        functools.update_wrapper(self, python_function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from tensorcore.tf import config

        if self._is_eager or config.functions_run_eagerly():
            return self.python_function(*args, **kwargs)
        try:
            return self._traced(*args, **kwargs)
        except TracingError as error:
            if not _can_run_eagerly():
                raise
            self._is_eager = True
            name = getattr(self.python_function, "__name__", "the function")
            warnings.warn(
                f"tf.function: {name} runs eagerly, since it cannot be traced: {error}",
                stacklevel=2,
            )
        return self.python_function(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        if instance not in self._bound:
            itself, function = weakref.ref(instance), self.python_function
            bound = functools.wraps(function)(lambda *args, **kw: function(itself(), *args, **kw))
            self._bound[instance] = Function(bound)
        return self._bound[instance]

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> Any:
        """The function itself; it is traced at its first call with these kinds of arguments."""
        return self

    def experimental_get_tracing_count(self) -> int:
        """How many kinds of arguments were traced."""
        return self._traced.trace_count


def _can_run_eagerly() -> bool:
    from tensorcore.mode import mode

    return mode.graph is None


def function(
    func: Callable[..., Any] | None = None,
    input_signature: Any = None,
    autograph: bool = True,
    jit_compile: bool | None = None,
    reduce_retracing: bool = False,
    experimental_implements: Any = None,
    experimental_autograph_options: Any = None,
    experimental_attributes: Any = None,
    experimental_relax_shapes: Any = None,
    experimental_compile: Any = None,
    experimental_follow_type_hints: Any = None,
) -> Any:
    """Trace a function of tensors into one graph for each kind of arguments, and run that.

    The other arguments are TensorFlow's and are not used: every function is compiled, and traces
    are made for each shape that comes.

    >>> @function
    ... def double(x):
    ...     return x + x
    >>> double(tc.arange(3)).tolist()
    [0, 2, 4]
    """
    return function_of if func is None else function_of(func)


def function_of(func: Callable[..., Any]) -> Function:
    """`func` as a `Function`."""
    return Function(func)
