"""Control flow, and Python functions as operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorcore as tc
from tensorcore import dtypes
from tensorcore.mode import mode
from tensorcore.ops.record import Spec
from tensorcore.session.calls import operation
from tensorcore.session.graph import graph_of
from tensorcore.session.names import tf_dtype
from tensorcore.tensor import as_tensor


def py_func(
    func: Callable[..., Any], inp: Any, Tout: Any, stateful: bool = True, name: str | None = None
) -> Any:
    """A Python function of NumPy arrays as an operation without a gradient.

    Args:
        inp: tensors, whose values the function gets.
        Tout: the dtype of its result, or a list of them.
    """
    kinds = [tf_dtype(t) for t in (Tout if isinstance(Tout, (list, tuple)) else [Tout])]

    def call(*values: Any) -> Any:
        if mode.graph is not None:
            raise tc.errors.TracingError("tf.py_func calls Python")
        found = func(*(value.numpy() for value in values))
        parts = found if isinstance(found, (list, tuple)) else [found]
        made = [as_tensor(part, dtype=kind) for part, kind in zip(parts, kinds, strict=True)]
        return made if isinstance(Tout, (list, tuple)) else made[0]

    call.stops_gradients = True  # type: ignore[attr-defined]
    call.is_pure = False  # type: ignore[attr-defined]
    call.needs_values = True  # type: ignore[attr-defined]
    results = [Spec(None, kind) for kind in kinds]
    return graph_of(inp).add(call, list(inp), name=name or "PyFunc", results=results)


@operation("Print")
def Print(
    input_: Any,
    data: Any = (),
    message: str | None = None,
    first_n: Any = None,
    summarize: Any = None,
) -> Any:
    """The tensor; when it is computed, `data` is printed on stderr."""
    import sys

    if mode.graph is not None:
        raise tc.errors.TracingError("tf.Print looks at values")
    shown = "".join(f"[{str(as_tensor(value).numpy()).strip('[]')}]" for value in data)
    print(f"{message or ''}{shown}", file=sys.stderr)
    return input_
