"""Layers one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tensorcore.errors import ArgumentTypeError, InvalidArgumentError, ShapeError, TracingError
from tensorcore.layers.base import Layer
from tensorcore.layers.context import changes, context
from tensorcore.layers.inputs import InputLayer, input_layer_of
from tensorcore.layers.shapes import as_shapes
from tensorcore.layers.structure import map_structure
from tensorcore.ops.shaping import expand_dims, squeeze
from tensorcore.saving.arguments import Arguments
from tensorcore.saving.objects import deserialize_keras_object, serialize_keras_object
from tensorcore.saving.registry import CustomObjectScope
from tensorcore.training.model import Model


class Sequential(Model, keras_module="keras"):
    """A model whose layers follow each other.

    Args:
        layers: list of layers; a first element `keras.Input(shape=...)`, or `input_shape=` of the
            first layer,
            makes the weights at once, otherwise they are made at the first call.
        trainable: whether optimizers may change the weights.
        name: of the model.

    >>> from tensorcore.layers import Dense
    >>> model = Sequential([Dense(4, activation="relu", input_shape=(3,)), Dense(2)])
    >>> model.count_params()
    26
    """

    def __init__(
        self, layers: Iterable[Any] | None = None, trainable: bool = True, name: str | None = None
    ) -> None:
        if not isinstance(trainable, bool):
            raise ArgumentTypeError(
                f"Sequential: trainable must be True or False, received {trainable!r}; give the "
                "layers as one list: Sequential([a, b])"
            )
        super().__init__(name=name, trainable=trainable)
        if type(self) is Sequential:  # it describes itself; a copy must not meet symbols in there
            self._made_with = Arguments(Sequential, (), {})
        self._stack: list[Layer] = []
        self._input_layer: InputLayer | None = None
        self._declared_shape: Any = None  # of the input, where the program stated it
        self._symbols: list[Any] = []  # the input, and what follows each layer
        if layers is None:
            return
        for layer in [layers] if isinstance(layers, Layer) else layers:
            self._append(layer)
        self._build_if_known()

    def _scan(self) -> list[Layer]:
        return list(dict.fromkeys(self._stack))

    @property
    def layers(self) -> list[Layer]:
        """The layers in order, without the input."""
        return list(self._stack)

    def add(self, layer: Any) -> None:
        """Put a layer at the end."""
        self._append(layer)
        self._build_if_known()

    def pop(self) -> Layer:
        """Take the last layer away."""
        if not self._stack:
            raise InvalidArgumentError(f'Sequential "{self.name}": there is no layer to take away')
        layer = self._stack.pop()
        changes.count += 1
        del self._symbols[len(self._stack) + 1 :]
        if not self._stack:
            self.built = False
        return layer

    def _append(self, layer: Any) -> None:
        layer = input_layer_of(layer) or layer
        if not isinstance(layer, Layer):
            hint = ""
            if isinstance(layer, type) and issubclass(layer, Layer):
                hint = f"; make an object: {layer.__name__}(...)"
            raise ArgumentTypeError(
                "Sequential: expected layers such as keras.layers.Dense(10), received "
                f"{layer!r}{hint}"
            )
        if isinstance(layer, InputLayer):
            if self._stack or self._input_layer is not None:
                raise InvalidArgumentError(
                    f'Sequential "{self.name}": the input must be the first element and there can '
                    "be only one"
                )
            self._input_layer = layer
            self._declared_shape = layer.batch_shape
            return
        if any(layer is not other and layer.name == other.name for other in self._stack):
            raise InvalidArgumentError(
                f'Sequential "{self.name}": all layers need different names, received two named '
                f'"{layer.name}"'
            )
        if not self._stack and self._declared_shape is None:
            self._declared_shape = layer._batch_shape
            if isinstance(layer, Sequential):
                self._declared_shape = layer._declared_shape
            elif isinstance(layer, Model) and layer.built:
                shape = layer._build_shape
                self._declared_shape = shape if isinstance(shape, tuple) else None
        self._stack.append(layer)
        self.built = False

    def _check_declared(self, shape: Any) -> None:
        """Refuse a layer whose own `input_shape` contradicts what arrives there."""
        for layer in self._stack:
            said = layer._batch_shape
            if said is not None and not _agree(said, shape):
                raise ShapeError(
                    f'Sequential "{self.name}": the layer "{layer.name}" was made with input_shape '
                    f"{tuple(said[1:])}, but what arrives there has shape {tuple(shape[1:])} for "
                    "each sample; leave input_shape out for layers behind the first"
                )
            shape = layer.compute_output_shape(shape)

    def _build_if_known(self) -> None:
        if self._declared_shape is not None and self._stack:
            self.build(self._declared_shape)

    def build(self, input_shape: Any = None) -> None:
        """Make the weights of all layers for inputs of this shape; the first entry is the batch."""
        shape = self._declared_shape if input_shape is None else tuple(input_shape)
        if shape is None:
            raise InvalidArgumentError(
                f'Sequential "{self.name}".build: expected the shape of the input, for example '
                "(None, 784)"
            )
        if self._declared_shape is None and not self.built:
            self._declared_shape = shape
        if any(layer._batch_shape is not None for layer in self._stack):
            self._check_declared(shape)
        if not self._extend(shape):
            for layer in self._stack:
                if not layer.built:
                    layer.build(shape)
                shape = layer.compute_output_shape(shape)

    def _extend(self, shape: Any) -> bool:
        """Call the layers on symbols; whether that could be done.

        It cannot where a layer looks at values: such a model has no symbolic inputs and outputs.
        """
        if self._symbols and self._symbols[0].shape != tuple(shape):
            self._symbols = []
        if not self._symbols:
            if self._input_layer is None:
                self._input_layer = InputLayer(batch_shape=shape, dtype=self._stack[0].dtype)
            elif self._input_layer.batch_shape != tuple(shape):
                self._input_layer = InputLayer(batch_shape=shape, dtype=self._input_layer.dtype)
            self._symbols = [self._input_layer.output]
        try:
            while len(self._symbols) <= len(self._stack):
                self._symbols.append(self._stack[len(self._symbols) - 1](self._symbols[-1]))
        except TracingError:
            return False
        return True

    @property
    def inputs(self) -> Any:
        self._need_symbols("inputs")
        return self._symbols[:1]

    @property
    def outputs(self) -> Any:
        self._need_symbols("outputs")
        return self._symbols[-1:]

    @property
    def input(self) -> Any:
        """What the model was called on first, as a part of another one; else its own input."""
        return super().input if self._inbound_nodes else self.inputs[0]

    @property
    def output(self) -> Any:
        """What that call returned; else the model's own output."""
        return super().output if self._inbound_nodes else self.outputs[0]

    def _need_symbols(self, what: str) -> None:
        shape = self._declared_shape if self._build_shape is None else self._build_shape
        known = shape is not None and self._stack
        if not known or not (len(self._symbols) > len(self._stack) or self._extend(shape)):
            raise self._without_symbols(what)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_symbols": []}

    def _first_call(self, inputs: Any, args: Any, kwargs: Any) -> Any:
        """Let each layer build itself for what arrives; other shapes may follow later."""
        if not self._stack:
            raise InvalidArgumentError(
                f'Sequential "{self.name}" has no layers; add some with model.add(...)'
            )
        before = context.path
        context.path = (*before, self.name)
        try:
            y = self._run(inputs, args, kwargs)
        finally:
            context.path = before
        self._note_build(map_structure(lambda x: (None, *x.shape[1:]), inputs))
        return y

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """The output of the last layer."""
        if self._declared_shape is not None and inputs.shape[1:] != self._declared_shape[1:]:
            inputs = self._fitted(inputs)
        for layer in self._stack:
            inputs = layer(inputs)
        return inputs

    def _as_inputs(self, inputs: Any) -> Any:
        if isinstance(inputs, (list, tuple)) and len(inputs) == 1 and hasattr(inputs[0], "shape"):
            inputs = inputs[0]
        return super()._as_inputs(inputs)

    def _fitted(self, inputs: Any) -> Any:
        """Inputs with the last dimension of size 1 that is missing or too many; else the error."""
        expected, received = self._declared_shape, tuple(inputs.shape)
        if len(received) == len(expected) - 1 and expected[-1] == 1:
            inputs = expand_dims(inputs, -1)
        elif len(received) == len(expected) + 1 and received[-1] == 1:
            inputs = squeeze(inputs, -1)
        shape = tuple(inputs.shape)
        if _agree(shape[1:], expected[1:]):
            return inputs
        hint = f"; reshape the data, or give the first layer input_shape={received[1:]}"
        if received == tuple(expected[1:]):
            hint = "; for a single sample add the dimension of the batch: x[None]"
        raise ShapeError(
            f'Sequential "{self.name}": expected inputs of shape {tuple(expected)}, received shape '
            f"{received}{hint}"
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        for layer in self._stack:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    @property
    def input_shape(self) -> Any:
        """The shape of the input, the batch as None."""
        return self._build_shape if self._declared_shape is None else self._declared_shape

    @property
    def output_shape(self) -> Any:
        """The shape of the output, the batch as None."""
        if len(self._symbols) > len(self._stack):
            return self._symbols[-1].shape
        if self.input_shape is None:
            raise self._without_symbols("output_shape")
        return self.compute_output_shape(self.input_shape)

    def get_config(self) -> dict[str, Any]:
        first = [] if self._input_layer is None else [self._input_layer]
        config = {
            **super().get_config(),
            "layers": [serialize_keras_object(layer) for layer in [*first, *self._stack]],
        }
        if self.built:
            config["build_input_shape"] = self.input_shape
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        with CustomObjectScope(custom_objects):
            layers = [deserialize_keras_object(layer) for layer in config["layers"]]
        model = cls(layers, name=config.get("name"))
        shape = as_shapes(config.get("build_input_shape"))
        if not model.built and isinstance(shape, tuple) and layers:
            model.build(shape)
        model._trainable = bool(config.get("trainable", True))  # the layers keep their own
        return model

    def weight_parts(self) -> dict[str, Any]:
        return {"layers": self.layers}


def _agree(first: Any, second: Any) -> bool:
    """Whether two shapes may be those of one tensor."""
    return len(first) == len(second) and all(
        a == b or None in (a, b) for a, b in zip(first, second, strict=True)
    )
