"""The model: a layer that can be compiled, trained, evaluated and asked for predictions."""

from __future__ import annotations

import json
from typing import Any

from tensorcore.errors import (
    InvalidArgumentError,
    MissingAttributeError,
    TracingError,
)
from tensorcore.graph.whereabouts import note_place
from tensorcore.layers.base import Layer
from tensorcore.layers.inputs import InputLayer
from tensorcore.layers.structure import map_structure
from tensorcore.layers.symbolic import shape_of_output
from tensorcore.ops.creation import zeros
from tensorcore.saving.objects import serialize_keras_object
from tensorcore.training.short_way import ShortWay, accepts
from tensorcore.training.trainer import Trainer
from tensorcore.variable import Variable

_INFERENCE = {"training": False}


class Model(Trainer, Layer, keras_module="keras"):
    """A layer with training: subclass it with layers in `__init__` and the computation in `call`.

    >>> from tensorcore.layers import Dense
    >>> class Net(Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.dense = Dense(1)
    ...     def call(self, x):
    ...         return self.dense(x)
    >>> Net()([[1.0, 2.0]]).shape
    (1, 1)

    or make one of symbolic tensors, `Model(inputs, outputs)`: see `Functional`.

    >>> from tensorcore.layers import Input
    >>> x = Input((2,))
    >>> Model(x, Dense(1)(x)).output_shape
    (None, 1)
    """

    _short_way: ShortWay | None = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is Model and (args or "inputs" in kwargs or "outputs" in kwargs):
            from tensorcore.training.functional import Functional

            return super().__new__(Functional, *args, **kwargs)
        return super().__new__(cls, *args, **kwargs)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """The model that `get_config` described, with new weights; functional if that is."""
        if cls is Model and {"layers", "input_layers", "output_layers"} <= config.keys():
            from tensorcore.training.functional import Functional

            return Functional.from_config(config, custom_objects)
        return super().from_config(config)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args or "inputs" in kwargs or "outputs" in kwargs:
            from tensorcore.training.functional import Functional, become_functional

            become_functional(type(self))
            Functional.__init__(self, *args, **kwargs)  # type: ignore[arg-type]
            return
        super().__init__(**kwargs)

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The outputs for a batch; see `Layer.__call__`."""
        if not args and (not kwargs or kwargs == _INFERENCE) and accepts(inputs):
            outputs = self._outputs_for_few(inputs)
            if outputs is not None:
                return outputs
        try:
            return super().__call__(inputs, *args, **kwargs)
        except Exception as error:
            note_place(error)
            raise

    def _outputs_for_few(self, inputs: Any) -> Any:
        """The outputs where the short way can be taken, else None."""
        if self._short_way is None:
            self._short_way = ShortWay(self)
        return self._short_way(inputs)

    def __getstate__(self) -> dict[str, Any]:
        # Traced steps belong to this very model; a copy makes its own.
        fresh = {"_steps": {}, "_steps_are_for": None}
        return {**super().__getstate__(), **fresh, "_kept_trainable": None, "_short_way": None}

    def _build_for(self, shapes: Any) -> None:
        # A model without a `build` of its own makes its weights when its call is traced.
        if type(self).build is Model.build:
            self._note_build(shapes)
        else:
            self.build(shapes)

    # Structure
    #
    # Models of symbolic tensors know their inputs and outputs; the others say what to do.

    @property
    def inputs(self) -> Any:
        """The symbolic inputs, as a list."""
        raise self._without_symbols("inputs")

    @property
    def outputs(self) -> Any:
        """The symbolic outputs, as a list."""
        raise self._without_symbols("outputs")

    @property
    def input_shape(self) -> Any:
        """The shape of the input, or a list of shapes; unknown dimensions are None."""
        shapes = [symbol.shape for symbol in self.inputs]
        return shapes[0] if len(shapes) == 1 else shapes

    @property
    def output_shape(self) -> Any:
        """The shape of the output, or a list of shapes; unknown dimensions are None."""
        shapes = [symbol.shape for symbol in self.outputs]
        return shapes[0] if len(shapes) == 1 else shapes

    def _without_symbols(self, what: str) -> Exception:
        return MissingAttributeError(
            f"{self._who()}.{what}: the model is not made of symbolic tensors. Make it with "
            "keras.Model(inputs, outputs), or give a Sequential model an input shape"
        )

    # ----------------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers directly inside the model."""
        return [layer for layer in self._scan() if not isinstance(layer, InputLayer)]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of this name, or with this number."""
        layers = self.layers
        if (name is None) == (index is None):
            raise InvalidArgumentError("get_layer: expected either a name or an index")
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise InvalidArgumentError(
                    f"get_layer: the model has {len(layers)} layers, received index {index}"
                )
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        raise InvalidArgumentError(
            f'get_layer: there is no layer "{name}"; there are {[layer.name for layer in layers]}'
        )

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape, by tracing `call`; None is any size.

        A model that looks at values in Python runs on zeros instead.
        """
        if self.built or type(self).call is Model.call:
            return
        try:
            shape_of_output(self, input_shape)
        except TracingError:
            self._build_on_zeros(input_shape)

    def _build_on_zeros(self, input_shape: Any) -> None:
        is_list = isinstance(input_shape, (list, dict))
        if isinstance(input_shape, list) and not any(
            isinstance(s, (list, tuple)) for s in input_shape
        ):
            is_list = False
        if is_list:
            inputs = map_shapes(self._zeros, input_shape)
        else:
            inputs = self._zeros(tuple(input_shape))
        self._note_build(input_shape)
        self(inputs, training=False)

    def _zeros(self, shape: Any) -> Any:
        return zeros(
            tuple(1 if n is None else n for n in shape), dtype=self.dtype, device=self.device
        )

    def _first_call(self, inputs: Any, args: Any, kwargs: Any) -> Any:
        # A model without a `build` of its own is built by its call; to run it once more would be
        # of no use.
        if type(self).build is Model.build:
            self._note_build(map_structure(lambda x: (None, *x.shape[1:]), inputs))
        return super()._first_call(inputs, args, kwargs)

    @property
    def trainable_weights(self) -> list[Variable]:
        """The variables that optimizers may change."""
        if self._kept_trainable is not None:
            return self._kept_trainable
        return Layer.trainable_weights.fget(self)  # type: ignore[attr-defined]

    def _keep_trainable_weights(self) -> None:
        """Within an epoch the list does not change, and need not be collected at each step."""
        self._kept_trainable = None
        self._kept_trainable = self.trainable_weights

    def _drop_trainable_weights(self) -> None:
        self._kept_trainable = None

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Any = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
    ) -> None:
        """Print a table of the layers, their output shapes and numbers of parameters."""
        from tensorcore.training.summary import print_summary

        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable)

    # Files
    # ----------------------------------------------------------------------------------------

    def save(self, filepath: Any, overwrite: bool = True, include_optimizer: bool = True) -> None:
        """Write the model to a ".keras" file: see `saving.models.save_model`."""
        from tensorcore.saving.models import save_model

        save_model(self, filepath, overwrite, include_optimizer)

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Write the weights to a ".weights.h5" or ".safetensors" file."""
        from tensorcore.saving.models import save_weights

        save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False, **options: Any) -> None:
        """Read weights from a file: see `saving.models.load_weights`."""
        from tensorcore.saving.models import load_weights

        load_weights(self, filepath, skip_mismatch, **options)

    def to_json(self, **options: Any) -> str:
        """The model's description as JSON, without weights; `options` as for `json.dumps`."""
        return json.dumps(serialize_keras_object(self), **options)


def map_shapes(function: Any, shapes: Any) -> Any:
    """`function` applied to each tuple in nested lists and dicts."""
    if isinstance(shapes, dict):
        return {name: map_shapes(function, shape) for name, shape in shapes.items()}
    return (
        [map_shapes(function, s) for s in shapes] if isinstance(shapes, list) else function(shapes)
    )
