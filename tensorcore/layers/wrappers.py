"""Layers around a layer: both directions of a sequence, or each of its steps."""

from __future__ import annotations

from typing import Any

from tensorcore.errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from tensorcore.layers.base import Layer
from tensorcore.layers.options import keep
from tensorcore.ops.arithmetic import add, multiply
from tensorcore.ops.joining import concatenate
from tensorcore.ops.order import flip
from tensorcore.ops.shaping import reshape
from tensorcore.saving.objects import deserialize_keras_object, serialize_keras_object


def check_layer(owner: str, layer: Any) -> None:
    """Refuse what is no layer."""
    if not isinstance(layer, Layer):
        hint = ""
        if isinstance(layer, type) and issubclass(layer, Layer):
            hint = f"; make an object: {layer.__name__}(...)"
        raise ArgumentTypeError(
            f"{owner}: expected a layer such as keras.layers.LSTM(32), received {layer!r}{hint}"
        )


class Wrapper(Layer):
    """Base of layers that hold one other layer, `layer`."""

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        check_layer(type(self).__name__, layer)
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: Any) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layer": serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        parts = {
            name: deserialize_keras_object(config[name], custom_objects)
            for name in ("layer", "backward_layer")
            if config.get(name) is not None
        }
        return cls(**{**config, **parts})


class TimeDistributed(Wrapper):
    """The same layer applied to each step of a sequence.

    Args:
        layer: takes inputs without the dimension of the steps.

    Input: shape (batch, steps, ...).  Output: shape (batch, steps, ...).

    >>> import tensorcore as tc
    >>> from tensorcore.layers.dense import Dense
    >>> TimeDistributed(Dense(4))(tc.zeros((2, 5, 3))).shape
    (2, 5, 4)
    """

    supports_masking = True

    def _step_shape(self, shape: Any) -> tuple[Any, ...]:
        if len(shape) < 3:
            raise ShapeError(
                f"{self._who()}: expected inputs of shape (batch, steps, ...), received "
                f"{tuple(shape)}"
            )
        return (shape[0], *shape[2:])

    def build(self, input_shape: Any) -> None:
        if not self.layer.built:
            self.layer.build(self._step_shape(input_shape))

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        # The steps of all sequences are one large batch.
        shape = tuple(inputs.shape)
        self._step_shape(shape)
        joined = reshape(inputs, (shape[0] * shape[1], *shape[2:]))
        y = self.layer(joined, training=training)
        return reshape(y, (*shape[:2], *y.shape[1:]))

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, *rest = self.layer.compute_output_shape(self._step_shape(input_shape))
        return (batch, input_shape[1], *rest)


class Bidirectional(Layer):
    """A recurrent layer in both directions.

    Args:
        layer: a recurrent layer, of which two are made.
        merge_mode: "concat", "sum", "mul", "ave", or None for both outputs.
        backward_layer: for the other direction; made from `layer` if None.

    Source: Schuster and Paliwal, 1997.

    >>> import tensorcore as tc
    >>> from tensorcore.layers.recurrent import LSTM
    >>> Bidirectional(LSTM(4))(tc.zeros((2, 5, 3))).shape
    (2, 8)
    """

    supports_masking = True

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        check_layer("Bidirectional", layer)
        if backward_layer is not None:
            check_layer("Bidirectional", backward_layer)
        if merge_mode not in ("sum", "mul", "ave", "concat", None):
            raise InvalidArgumentError(
                'Bidirectional: merge_mode must be "concat", "sum", "mul", "ave" or None, received '
                f"{merge_mode!r}"
            )
        if not hasattr(layer, "go_backwards"):
            raise ArgumentTypeError(
                "Bidirectional: expected a recurrent layer such as keras.layers.LSTM(32), received "
                f"{layer!r}"
            )
        super().__init__(**kwargs)
        keep(self, merge_mode=merge_mode)
        self.forward_layer = _again(layer, "forward", layer.go_backwards)
        if backward_layer is None:
            backward_layer = _again(layer, "backward", not layer.go_backwards)
        self.backward_layer = backward_layer
        self._check_directions()
        for part in (self.forward_layer, self.backward_layer):
            part.zero_output_for_mask = part.return_sequences
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self.stateful = layer.stateful
        self.input_spec = layer.input_spec

    def _check_directions(self) -> None:
        first, second = self.forward_layer, self.backward_layer
        if first.go_backwards == second.go_backwards:
            raise InvalidArgumentError(
                "Bidirectional: one of the layers must have go_backwards=True, the other not"
            )
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(first, name) != getattr(second, name):
                raise InvalidArgumentError(
                    f"Bidirectional: both layers need the same {name}, received "
                    f"{getattr(first, name)} and {getattr(second, name)}"
                )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "layer": serialize_keras_object(self.forward_layer),
            "backward_layer": serialize_keras_object(self.backward_layer),
        }

    from_config = classmethod(Wrapper.from_config.__func__)  # type: ignore[attr-defined]

    def build(self, input_shape: Any) -> None:
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(input_shape)

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool | None = None,
    ) -> Any:
        start = end = None
        if initial_state is not None:
            half = len(initial_state) // 2
            start, end = initial_state[:half], initial_state[half:]
        first = self.forward_layer(sequences, initial_state=start, mask=mask, training=training)
        second = self.backward_layer(sequences, initial_state=end, mask=mask, training=training)
        states: tuple[Any, ...] = ()
        if self.return_state:
            states = (*first[1:], *second[1:])
            first, second = first[0], second[0]
        if self.return_sequences:
            second = flip(second, axis=1)
        merged = self._merged(first, second)
        if not states:
            return merged
        return (*merged, *states) if self.merge_mode is None else (merged, *states)

    def _merged(self, first: Any, second: Any) -> Any:
        if self.merge_mode is None:
            return first, second
        if self.merge_mode == "concat":
            return concatenate([first, second], axis=-1)
        if self.merge_mode == "mul":
            return multiply(first, second)
        total = add(first, second)
        return multiply(total, 0.5) if self.merge_mode == "ave" else total

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        kept = mask if self.return_sequences else None
        outputs = [kept, kept] if self.merge_mode is None else [kept]
        if self.return_state:
            outputs += [None] * 2 * len(self.forward_layer.get_state_sizes())
        return outputs if len(outputs) > 1 else kept

    def reset_state(self) -> None:
        """Let the next batch start from zeros (`stateful`)."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    def compute_output_shape(self, input_shape: Any) -> Any:
        found = self.forward_layer.compute_output_shape(input_shape)
        output, states = (found[0], found[1:]) if self.return_state else (found, ())
        if self.merge_mode == "concat":
            output = (*output[:-1], 2 * output[-1])
        outputs = (output, output) if self.merge_mode is None else (output,)
        if len(outputs) == 1 and not states:
            return output
        return (*outputs, *states, *states)


def _again(layer: Any, direction: str, go_backwards: bool) -> Any:
    """A fresh layer with the same options, for one direction."""
    description = serialize_keras_object(layer)
    config = dict(description["config"])
    config["name"] = f"{direction}_{layer.name.removeprefix(f'{direction}_')}"
    config["go_backwards"] = go_backwards
    return deserialize_keras_object({**description, "config": config})
