"""`tf.function`: `tc.function` under TensorFlow's signature."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

from tensorcore.graph.function import TracedFunction


class Function(TracedFunction):
    """What `tf.function` returns.

    Python's `if`, `for` and `while` on tensors are converted.  A function that cannot be traced
    all the same, since it asks for values, runs eagerly, after one warning.
    """

    @property
    def python_function(self) -> Callable[..., Any]:
        """The function as it was written."""
        return self._function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if _runs_eagerly():
            return self._function(*args, **kwargs)
        return super().__call__(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is not None and _runs_eagerly():
            return types.MethodType(self._function, instance)
        return super().__get__(instance, owner)

    def experimental_get_tracing_count(self) -> int:
        """How many kinds of arguments were traced."""
        return self.trace_count


def _runs_eagerly() -> bool:
    from tensorcore.tf import config

    return config.functions_run_eagerly()


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

    The arguments that begin with experimental, and `jit_compile`, are taken and not used: every
    function is compiled.

    >>> @function
    ... def double(x):
    ...     return x + x
    >>> double(tc.arange(3)).tolist()
    [0, 2, 4]
    """
    made = functools.partial(
        Function,
        input_signature=input_signature,
        autograph=autograph,
        reduce_retracing=reduce_retracing or bool(experimental_relax_shapes),
        fallback="eager",
        makes_variables_once=True,
    )
    return made if func is None else made(func)
