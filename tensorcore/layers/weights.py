"""What has weights: variables of its own, and those of the parts it keeps in attributes."""

from __future__ import annotations

import math
import types
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tensorcore import constraints, dtypes, initializers, regularizers
from tensorcore.device import Device, default_device
from tensorcore.errors import MissingAttributeError, ShapeError, TrainingError
from tensorcore.layers.context import context
from tensorcore.layers.structure import leaves
from tensorcore.mode import outside
from tensorcore.saving.refusals import hostile
from tensorcore.variable import Variable

# Most attributes are of these types; they are told apart from those that hold layers quickly.
_WITHOUT_PARTS = frozenset({bool, int, float, str, type(None), types.FunctionType})

# Attributes that hold layers or variables which do not become parts of the layer by that.
_NOT_PARTS = {
    *("_own_trainable", "_own_fixed", "_kept_trainable", "_losses", "_inbound_nodes", "_kept"),
    *("_build_shape", "_seen_shape", "_checked_shape", "_batch_shape", "input_spec"),
    *("_mask_names", "_call_names"),
}


class _NotMade:
    """The answer to `layer.kernel` and its like where the layer has none (yet)."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, layer: Any, owner: type) -> Any:
        if layer is None:
            return self
        problem = f"{layer._who()} has no {self.name}"
        if not layer.built:
            problem += " yet; call it on data or call build(input_shape) first"
        raise MissingAttributeError(problem, name=self.name, obj=layer)


class Weighted:
    """The half of a layer that keeps weights; see `Layer`."""

    # Attributes of the object that have these names go before them.
    kernel: Any = _NotMade()
    bias: Any = _NotMade()
    embeddings: Any = _NotMade()
    gamma: Any = _NotMade()
    beta: Any = _NotMade()

    name: str
    dtype: np.dtype
    built: bool
    _trainable: bool
    _own_trainable: list[Variable]
    _own_fixed: list[Variable]

    def add_weight(
        self,
        shape: Sequence[int] | str | None = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
        autocast: bool = True,
        **ignored: Any,
    ) -> Variable:
        """Make a variable that belongs to the layer.

        Args:
            shape: its shape; () if None.
            initializer: name, object or function of (shape, dtype); "glorot_uniform" for floats
                and "zeros" for other dtypes if None.
            dtype: that of the layer if None.
            trainable: whether optimizers may change it.
            regularizer: function of the weight, or name: a penalty that is added to the loss.
            constraint: function of the weight, or name: applied after each optimizer step.
            name: shown in messages and files.
            autocast: whether a trained weight is read in the dtype in which the layer computes.
        """
        if isinstance(shape, str):  # Keras 2 had the name first
            shape, name = ignored.pop("weight_shape", None), shape
        kind = dtypes.as_dtype(dtype) if dtype is not None else self.dtype
        if initializer is None:
            initializer = "glorot_uniform" if dtypes.is_inexact(kind) else "zeros"
        shape = (shape,) if isinstance(shape, int) else tuple(shape or ())
        if None in shape:
            raise ShapeError(
                f'{self._who()}: a weight needs a known shape, received {shape} for "{name}"'
            )
        if context.budget is not None:
            self._spend(math.prod(shape) * kind.itemsize)
        with outside():
            value = initializers.get(initializer)(shape, dtype=kind)
        variable = Variable(
            value,
            trainable=trainable and self._trainable,
            name=name,
            dtype=kind,
            device=default_device(),
        )
        path = context.path if context.path[-1:] == (self.name,) else (*context.path, self.name)
        variable.path = "/".join((*path, variable.name))
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.autocast = autocast and trainable and dtypes.is_float(kind)
        context.added_loss = context.added_loss or regularizer is not None
        (self._own_trainable if trainable else self._own_fixed).append(variable)
        return variable

    def _spend(self, nbytes: int) -> None:
        """Take the bytes of a weight from what a model that is being loaded may have."""
        context.budget -= nbytes  # type: ignore[operator]
        if context.budget < 0:  # type: ignore[operator]
            raise hostile(
                f"{self._who()}: the file describes weights that are larger than the file itself"
            )

    def _scan(self) -> list[Any]:
        """The layers in attributes; variables in attributes are taken over on the way."""
        found: dict[int, Any] = {}
        for name, value in list(self.__dict__.items()):
            if type(value) in _WITHOUT_PARTS or name in _NOT_PARTS:
                continue
            if isinstance(value, (list, tuple, dict, Weighted, Variable)):
                for leaf in leaves(value):
                    if isinstance(leaf, Weighted):
                        found.setdefault(id(leaf), leaf)
                    elif isinstance(leaf, Variable) and not self._owns(leaf):
                        (self._own_trainable if leaf.trainable else self._own_fixed).append(leaf)
        return list(found.values())

    def _owns(self, variable: Variable) -> bool:
        return any(own is variable for own in self._own_trainable + self._own_fixed)

    def _flatten_layers(self) -> Iterator[Any]:
        """The layer and all layers inside, each before its parts."""
        yield self
        for layer in self._scan():
            yield from layer._flatten_layers()

    @property
    def weights(self) -> list[Variable]:
        """All variables: own trainable ones, other own ones, then those of the layers inside."""
        layers = self._scan()
        found = {id(v): v for v in self._own_trainable + self._own_fixed}
        for layer in layers:
            for variable in layer.weights:
                found.setdefault(id(variable), variable)
        return list(found.values())

    @property
    def trainable_weights(self) -> list[Variable]:
        """The variables that optimizers may change."""
        return [v for v in self.weights if v.trainable] if self._trainable else []

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The variables that optimizers leave alone."""
        return [v for v in self.weights if not v.trainable] if self._trainable else self.weights

    variables = property(lambda self: self.weights)
    trainable_variables = property(lambda self: self.trainable_weights)
    non_trainable_variables = property(lambda self: self.non_trainable_weights)

    @property
    def trainable(self) -> bool:
        """Whether optimizers may change the weights; setting it reaches the layers inside."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        layers = self._scan()
        for variable in self._own_trainable:
            variable.trainable = self._trainable
        for layer in layers:
            layer.trainable = value

    def count_params(self) -> int:
        """Number of elements of all weights."""
        if not self.built:
            self._refuse_unbuilt()
        return sum(variable.size for variable in self.weights)

    def _refuse_unbuilt(self) -> None:
        raise TrainingError(
            f"{self._who()} has no weights yet; call it on data or call build(input_shape) first"
        )

    def get_weights(self) -> list[np.ndarray]:
        """The values of all weights, in the order of `weights`."""
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Assign values to all weights, in the order of `weights`."""
        variables = self.weights
        expected = [variable.shape for variable in variables]
        received = [np.shape(value) for value in weights]
        if expected != received:
            if not self.built:
                self._refuse_unbuilt()
            raise ShapeError(
                f"{self._who()}.set_weights: expected arrays of shapes {expected}, received "
                f"{received}"
            )
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(np.asarray(value).astype(variable.dtype, copy=False))

    @property
    def own_variables(self) -> list[Variable]:
        """The layer's own variables in the order of model files, without those of layers inside."""
        self._scan()
        return self._own_trainable + self._own_fixed

    def weight_parts(self) -> dict[str, Any]:
        """What model files call the parts that have weights: name -> layer, list or dict of layers.

        These are the attributes that hold layers; the layer's own variables come before them.
        """
        names = sorted(self.__dict__, key=lambda name: (name.startswith("_"), name))
        parts = {name: self.__dict__[name] for name in names}
        return {
            name: value
            for name, value in parts.items()
            if isinstance(value, (Weighted, list, tuple, dict))
            and any(isinstance(leaf, Weighted) for leaf in leaves(value))
        }

    @property
    def device(self) -> Device:
        """Where the weights are; the default device if there are none yet."""
        own = self._own_trainable or self._own_fixed
        if own:
            return own[0].device
        for layer in self._flatten_layers():
            for variable in layer._own_trainable or layer._own_fixed:
                return variable.device
        return default_device()

    def _who(self) -> str:
        return f'{type(self).__name__} "{self.name}"'
