"""`model(x)` outside of training, on few values: one planned graph instead of many small calls."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from tensorcore.device import CPU
from tensorcore.errors import TensorcoreError
from tensorcore.graph.function import TracedFunction
from tensorcore.layers.base import Layer
from tensorcore.layers.context import changes, context
from tensorcore.layers.masks import mask_of, masks_of
from tensorcore.mode import listeners
from tensorcore.tensor import Tensor

EAGER_CALLS = 2  # with inputs of a kind, before it is worth a trace
MAX_KINDS = 8
MAX_SIZE = 1 << 16  # elements of the input; above, the kernels take longer than the calls


class ShortWay:
    """The traces of one model for small inputs.

    They are made of layers of this package only, whose `call` does nothing but tensor operations:
    what a user wrote may print, count, or look at values, and runs every time.  A change of any
    layer's configuration throws the traces away; weights are read when they run.
    """

    def __init__(self, model: Any) -> None:
        self._model = weakref.ref(model)
        self._made_at = -1
        self._calls: dict[Any, int] = {}
        self._traces: dict[Any, Any] = {}
        self._is_open = True

    def __call__(self, x: Any) -> Any:
        """What the model gives for x, or None where it has to be called."""
        if listeners.threads or context.training or x.size > MAX_SIZE:
            return None
        if context.masked and mask_of(x) is not None:
            return None
        if self._made_at != changes.count:
            self._start_anew()
        key = (type(x), x.shape, x.dtype)
        trace = self._traces.get(key)
        if trace is None:
            return self._prepare(key, x)
        data = x if type(x) is np.ndarray else x.data
        return trace(lambda places: np.copyto(places[0], data, casting="unsafe"))

    def _start_anew(self) -> None:
        self._made_at = changes.count
        self._calls.clear()
        self._traces.clear()
        self._is_open = True

    def _prepare(self, key: Any, x: Any) -> None:
        """Count the calls with inputs of this kind, and trace when there were enough."""
        model: Any = self._model()
        if not self._is_open or not model.built:
            return
        calls = self._calls[key] = self._calls.get(key, 0) + 1
        if calls <= EAGER_CALLS or len(self._calls) > MAX_KINDS:
            return
        before = changes.count
        self._is_open = _is_plain(model) and (type(x) is np.ndarray or x.device is CPU)
        if not self._is_open:
            return
        traced = TracedFunction(self._outputs_for)
        try:
            call = traced.prepare(model._as_inputs(x))
            if len(call.tensors) != 1:
                self._is_open = False
                return
            traced.run(call)
        except TensorcoreError:  # the model itself says what is wrong
            self._is_open = False
            return
        self._made_at = changes.count
        if changes.count == before and self._is_open:
            self._traces[key] = traced.trace_of(call)

    def _outputs_for(self, x: Any) -> Any:
        model: Any = self._model()
        outputs = Layer.__call__(model, x)
        if context.masked and masks_of(outputs) is not None:
            self._is_open = False  # whoever gets the outputs needs the mask, which a plan has not
        return outputs


def _is_plain(model: Any) -> bool:
    """Whether the model lives on the CPU, is made of this package's layers, and has no losses."""
    return (
        model.device is CPU
        and not model.losses
        and all(_is_ours(layer) for layer in model._flatten_layers())
    )


def _is_ours(layer: Any) -> bool:
    values = (type(layer), *(value for value in vars(layer).values() if callable(value)))
    return all(_module_of(value).startswith("tensorcore.") for value in values)


def _module_of(value: Any) -> str:
    return getattr(value, "__module__", None) or type(value).__module__


def accepts(inputs: Any) -> bool:
    """Whether inputs are of a kind that the short way takes."""
    return type(inputs) is Tensor or type(inputs) is np.ndarray
