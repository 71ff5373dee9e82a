"""Functional models: the computation between symbolic inputs and outputs, as a model.

    x = keras.Input((3,))
    y = Dense(2)(x) * 0.5
    model = keras.Model(x, y)

Calling the model replays the graph (`graph/deferred.py`): each layer and operation goes through the
ordinary door again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorcore.errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from tensorcore.graph.deferred import replay
from tensorcore.graph.symbol import OpenSymbol
from tensorcore.layers.base import Layer
from tensorcore.layers.inputs import Input, InputLayer, input_layer_of
from tensorcore.layers.structure import leaves, map_structure
from tensorcore.ops.shaping import expand_dims, squeeze
from tensorcore.ops.transfer import astype
from tensorcore.saving.arguments import Arguments
from tensorcore.tensor import Tensor, as_tensor
from tensorcore.training import wiring
from tensorcore.training.model import Model
from tensorcore.training.network import Network, operation_of


class Functional(Model, keras_module="keras.src.models.functional"):
    """A model made of symbolic inputs and outputs; `keras.Model(inputs, outputs)` makes one.

    Args:
        inputs: a symbolic tensor, or a list or dict of them.
        outputs: what layers and operations made of them, also in lists and dicts.
        name: of the model.
        trainable: whether optimizers may change the weights.
    """

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        name: str | None = None,
        trainable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        _check_symbols(self, "inputs", inputs)
        _check_symbols(self, "outputs", outputs)
        if any(input_layer_of(symbol) is None for symbol in leaves(inputs)):
            inputs, outputs = _cut(inputs, outputs)
        if type(self) is Functional:  # described by its wiring, not by its arguments
            self._made_with = Arguments(Functional, (), {})
        self._connect(inputs, outputs)
        if trainable is not None:
            self._trainable = bool(trainable)  # the layers keep their own

    def _connect(self, inputs: Any, outputs: Any) -> None:
        self._inputs_struct = inputs
        self._outputs_struct = outputs
        self._network = Network(self.inputs, self.outputs, self.name)
        self._note_build(map_structure(lambda symbol: symbol.shape, inputs))

    def _scan(self) -> list[Layer]:
        found = dict.fromkeys(self._network.operations if "_network" in self.__dict__ else ())
        own = [layer for layer in super()._scan() if not isinstance(layer, InputLayer)]
        return [op for op in dict.fromkeys([*found, *own]) if isinstance(op, Layer)]

    # Structure ------------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers in the order of the summary, with the InputLayers."""
        return [op for op in self._network.operations if isinstance(op, Layer)]

    @property
    def operations(self) -> list[Any]:
        """Layers, and the nodes of other operations such as x + y."""
        return list(self._network.operations)

    @property
    def inputs(self) -> list[OpenSymbol]:
        return flat(self._inputs_struct)

    @property
    def outputs(self) -> list[OpenSymbol]:
        return flat(self._outputs_struct)

    @property
    def input(self) -> Any:
        return self._inputs_struct

    @property
    def output(self) -> Any:
        return self._outputs_struct

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs, in order."""
        return [str(symbol.name) for symbol in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """Names of the layers and operations that give the outputs, in order."""
        return [operation_of(symbol.node).name for symbol in self.outputs]

    def build(self, input_shape: Any = None) -> None:
        """Nothing: the weights are there from the start."""

    def compute_output_spec(self, inputs: Any, **others: Any) -> Any:
        """The outputs' symbols if the inputs have the shapes that the model was made with."""
        given = [tuple(x.shape) for x in flat(inputs)]
        same = given == [symbol.shape for symbol in self.inputs]
        return self._outputs_struct if same else None

    def compute_output_shape(self, input_shape: Any) -> Any:
        if list(_shapes(input_shape)) == [symbol.shape for symbol in self.inputs]:
            return map_structure(lambda symbol: symbol.shape, self._outputs_struct)
        return super().compute_output_shape(input_shape)

    # Calling --------------------------------------------------------------------------------------

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """The outputs for these inputs, in the structure of `outputs`."""
        given = self._in_order(inputs)
        bindings = {
            symbol: self._fitted(symbol, value)
            for symbol, value in zip(self.inputs, given, strict=True)
        }
        return replay(self._outputs_struct, bindings, nodes=self._network.nodes)

    def _in_order(self, inputs: Any) -> list[Any]:
        """The values of the inputs in their order, given as dict by name, as list, or alone."""
        expected = self.inputs
        if isinstance(inputs, Mapping):
            names = self.input_names
            if isinstance(self._inputs_struct, dict):
                names = sorted(self._inputs_struct)
            missing = [name for name in names if name not in inputs]
            if missing:
                raise InvalidArgumentError(
                    f'Model "{self.name}": expected inputs named {names}, received '
                    f"{sorted(inputs)}; {missing} are missing: give a dict with these names"
                )
            return [value for name in names for value in flat(inputs[name])]
        given = flat(inputs)
        if len(given) != len(expected):
            raise InvalidArgumentError(
                f'Model "{self.name}": expected {len(expected)} inputs {self.input_names}, '
                f"received {len(given)} of shapes {[tuple(x.shape) for x in given]}: give a list "
                "in this order, or a dict by name"
            )
        return given

    def _fitted(self, symbol: OpenSymbol, value: Any) -> Any:
        """A value in the dtype of its input; a dimension of size 1 at the end may be missing."""
        value = as_tensor(value)
        if isinstance(value, Tensor) and value.dtype != symbol.dtype:
            value = astype(value, symbol.dtype)
        expected, received = symbol.shape, tuple(value.shape)
        if len(received) == len(expected) - 1 and expected[-1] == 1:
            value = expand_dims(value, -1)
        elif len(received) == len(expected) + 1 and received[-1] == 1:
            value = squeeze(value, -1)
        shape = tuple(value.shape)
        fits = len(shape) == len(expected) and all(
            a == b or None in (a, b) for a, b in zip(shape, expected, strict=True)
        )
        if not fits:
            hint = f"; reshape the data, or make the model with keras.Input({received[1:]})"
            if received == tuple(expected[1:]):
                hint = "; for a single sample add the dimension of the batch: x[None]"
            raise ShapeError(
                f'Model "{self.name}": the input "{symbol.name}" must have shape {expected}, '
                f"received shape {received}{hint}"
            )
        return value

    # Configuration --------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        if type(self) is not Functional and type(self).__init__ is not Functional.__init__:
            return Model.get_config(self)
        return wiring.describe(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        config, inputs, outputs = wiring.connect(config, custom_objects)
        return cls(inputs=inputs, outputs=outputs, **config)

    def weight_parts(self) -> dict[str, Any]:
        return {"layers": self.layers, **super().weight_parts()}

    def __getstate__(self) -> dict[str, Any]:
        # Symbols cannot be copied; the wiring between the layers is, and is made anew.
        state = super().__getstate__()
        for name in ("_network", "_inputs_struct", "_outputs_struct"):
            del state[name]
        return {**state, "_wires": wiring.describe(self, keep_layers=True)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        wires = state.pop("_wires")
        self.__dict__.update(state)
        _, inputs, outputs = wiring.connect(wires)
        self._connect(inputs, outputs)


def become_functional(cls: type) -> None:
    """Make a subclass of Model whose `__init__` calls super().__init__(inputs, outputs) functional.

    Which kind of model a class is shows only when it is made, so its bases are changed then.
    """
    if cls in (object, Functional) or issubclass(cls, Functional):
        return
    bases = tuple(Functional if base is Model else base for base in cls.__bases__)
    for base in bases:
        if issubclass(base, Model):
            become_functional(base)
    if bases != cls.__bases__:
        cls.__bases__ = bases


def flat(structure: Any) -> list[Any]:
    """The leaves in Keras's order: those of dicts in the order of their sorted keys."""
    if isinstance(structure, Mapping):
        structure = [structure[key] for key in sorted(structure)]
    if isinstance(structure, (list, tuple)):
        return [leaf for part in structure for leaf in flat(part)]
    return [structure]


def _check_symbols(model: Model, argument: str, structure: Any) -> None:
    found = list(leaves(structure))
    wrong = [value for value in found if not isinstance(value, OpenSymbol) or value.node is None]
    if wrong or not found:
        raise ArgumentTypeError(
            f'Model "{model.name}": {argument} must be symbolic tensors, made by keras.Input and '
            f"by calling layers on them; received {wrong[0] if wrong else structure!r}"
        )


def _cut(inputs: Any, outputs: Any) -> tuple[Any, Any]:
    """New inputs in the place of symbols from the middle of a graph."""
    fresh = {
        symbol: symbol
        if input_layer_of(symbol) is not None
        else Input(batch_shape=symbol.shape, dtype=symbol.dtype, name=symbol.name)
        for symbol in leaves(inputs)
    }
    return map_structure(lambda symbol: fresh[symbol], inputs), replay(outputs, fresh)


def _shapes(structure: Any) -> Any:
    """The shapes in nested lists and dicts of shapes."""
    if isinstance(structure, dict):
        structure = [structure[key] for key in sorted(structure)]
    elif all(part is None or isinstance(part, int) for part in structure):
        yield tuple(structure)
        return
    for part in structure:
        yield from _shapes(part)
