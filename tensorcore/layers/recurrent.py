"""Recurrent layers: a cell carried over the steps of sequences."""

from __future__ import annotations

from typing import Any

from tensorcore import dtypes
from tensorcore.errors import ArgumentTypeError, InvalidArgumentError
from tensorcore.layers.base import Layer
from tensorcore.layers.cells import (
    GRUCell,
    LSTMCell,
    RecurrentCell,
    SimpleRNNCell,
    StackedRNNCells,
    initial_state,
    output_size,
    run_cell,
)
from tensorcore.layers.options import described, keep
from tensorcore.layers.shapes import InputSpec
from tensorcore.layers.structure import leaves, map_structure
from tensorcore.ops.creation import ones, zeros_like
from tensorcore.ops.joining import stack, unstack
from tensorcore.ops.logical import greater, where
from tensorcore.ops.order import flip
from tensorcore.ops.reductions import cumulative_sum
from tensorcore.ops.shaping import expand_dims, moveaxis
from tensorcore.ops.transfer import astype
from tensorcore.saving.objects import deserialize_keras_object, serialize_keras_object
from tensorcore.tensor import as_tensor
from tensorcore.variable import Variable


class RNN(Layer):
    """A cell, or a list of cells, carried over the steps of sequences.

    Args:
        cell: has `call(inputs, states)` -> (output, new states), `state_size`, and possibly
            `output_size` and `get_initial_state(batch_size)`; a list is stacked.
        return_sequences: the outputs of all steps instead of the last one.
        return_state: the last states as well.
        go_backwards: start at the end; the outputs come in that order.
        stateful: start a batch with the states in which the last one ended, until `reset_state()`.
        unroll: accepted; it changes nothing here.
        zero_output_for_mask: outputs of steps that do not count are 0, not those of the step
            before.

    Input: shape (batch, steps, features), and on request `mask` (batch, steps), True where a step
    counts, and `initial_state`.  Output: shape (batch, steps, units) or (batch, units).
    """

    supports_masking = True

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        if isinstance(cell, type) or not hasattr(cell, "call") or not hasattr(cell, "state_size"):
            raise ArgumentTypeError(
                f"{type(self).__name__}: expected a cell such as keras.layers.LSTMCell(32), which "
                f"has call and state_size, received {cell!r}"
            )
        self.cell = cell
        self._carried = _Carried()
        keep(
            self,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            zero_output_for_mask=zero_output_for_mask,
        )
        self.input_spec = InputSpec(min_ndim=3)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cell": serialize_keras_object(self.cell)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        if isinstance(config.get("cell"), dict):
            cell = deserialize_keras_object(config["cell"], custom_objects)
            config = {**config, "cell": cell}
        return cls(**config)

    def _input_hint(self, shape: Any) -> str:
        if len(shape) != 2:
            return ""
        return (
            ". Sequences have shape (batch, steps, features): put an Embedding before this layer, "
            "give the layer before it return_sequences=True, or add the features with x[..., None]"
        )

    # States ---------------------------------------------------------------------------------------

    @property
    def states(self) -> list[Any] | None:
        """With `stateful` the states in which the last batch ended; they are no weights."""
        return self._carried.states

    def build(self, input_shape: Any) -> None:
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((input_shape[0], *input_shape[2:]))

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """The states that a batch starts with."""
        return initial_state(self.cell, batch_size)

    def reset_state(self) -> None:
        """Let the next batch start from zeros (`stateful`)."""
        for variable in leaves(self.states or []):
            variable.assign(zeros_like(variable.value))

    reset_states = reset_state  # its name in Keras 2

    def _start(self, sequences: Any, given: Any) -> list[Any]:
        if given is not None:
            several = isinstance(given, (list, tuple))
            return [map_structure(as_tensor, state) for state in (given if several else [given])]
        batch = sequences.shape[0]
        with sequences.device:
            if not self.stateful:
                return self.get_initial_state(batch)
            if self.states is None:
                self._carried.states = map_structure(
                    lambda state: Variable(state, trainable=False, name="rnn_state"),
                    self.get_initial_state(batch),
                )
        first = next(iter(leaves(self.states)))
        if first.shape[0] != batch:
            raise InvalidArgumentError(
                f"{self._who()}: stateful=True needs batches of one size; the states are those of "
                f"{first.shape[0]} sequences, received {batch}"
            )
        return map_structure(lambda variable: variable.value, self.states)

    # Computation ----------------------------------------------------------------------------------

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool | None = None,
    ) -> Any:
        states = self._start(sequences, initial_state)
        if isinstance(mask, (list, tuple)):
            mask = mask[0]
        # From here on the steps come first, in the order in which they are taken.
        steps = moveaxis(sequences, 1, 0)
        mask = None if mask is None else moveaxis(as_tensor(mask), 1, 0)
        if self.go_backwards:
            steps = flip(steps, axis=0)
            mask = None if mask is None else flip(mask, axis=0)
        if isinstance(self.cell, StackedRNNCells):
            ends = []
            for cell, state in zip(self.cell.cells, states, strict=True):
                steps, end = self._over(cell, steps, state, mask, training)
                ends.append(end)
            outputs, states = steps, ends
        else:
            outputs, states = self._over(self.cell, steps, states, mask, training)
        if self.stateful:
            self._keep_states(states)
        if not self.return_sequences:
            output = outputs[-1]
        elif isinstance(outputs, list):
            output = stack(outputs, axis=1)
        else:
            output = moveaxis(outputs, 0, 1)
        return (output, *states) if self.return_state else output

    def _over(
        self, cell: Any, steps: Any, states: list[Any], mask: Any, training: Any
    ) -> tuple[Any, list[Any]]:
        """The outputs of one cell, joined or as a list, and its last states."""
        quick = isinstance(cell, RecurrentCell)
        if quick:
            joined = stack(steps, axis=0) if isinstance(steps, list) else steps
            inputs = cell.dropped(joined, training)
            factor = cell.recurrent_mask(states[0], training)
            if factor is None and mask is None:
                found = cell.layer(inputs, states)
                if found is not None:
                    return found
            projected = cell.project(inputs)
            if factor is None:
                found = self._at_once(cell, projected, states, mask)
                if found is not None:
                    return found
            steps = projected
        if not isinstance(steps, list):
            steps = unstack(steps, axis=0)
        masks = None
        if mask is not None:
            masks = [expand_dims(part, -1) for part in unstack(mask, axis=0)]
        outputs: list[Any] = []
        for number, x in enumerate(steps):
            if quick:
                output, new = cell.advance(x, states, factor)
            else:
                output, new = run_cell(cell, x, states, training)
            if masks is not None:
                counts = masks[number]
                kept = outputs[-1] if outputs and not self.zero_output_for_mask else None
                output = where(counts, output, zeros_like(output) if kept is None else kept)
                new = [where(counts, a, b) for a, b in zip(new, states, strict=True)]
            states = new
            outputs.append(output)
        return outputs, states

    def _at_once(
        self, cell: RecurrentCell, x: Any, states: list[Any], mask: Any
    ) -> tuple[Any, list[Any]] | None:
        """All steps in one operation, where the cell has one for its options; else None."""
        if None in x.shape:
            return None
        if mask is None:
            return cell.sequence(x, states, ones(x.shape[:2], dtype=dtypes.bool, device=x.device))
        mask = astype(mask, dtypes.bool)
        found = cell.sequence(x, states, mask)
        if found is None:
            return None
        outputs, ends = found
        # The states stay where a step does not count.  Outputs do so, too, from the first step that
        # counts; before it they are zeros, whatever state the sequence started with.
        counts = mask
        if not self.zero_output_for_mask:
            counts = greater(cumulative_sum(astype(mask, dtypes.int32), axis=0), 0)
        return where(expand_dims(counts, -1), outputs, zeros_like(outputs)), ends

    def _keep_states(self, states: list[Any]) -> None:
        for variable, state in zip(leaves(self.states), leaves(states), strict=True):
            variable.assign(state)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        kept = mask if self.return_sequences else None
        states = [None] * len(self.get_state_sizes())
        return [kept, *states] if self.return_state else kept

    def get_state_sizes(self) -> list[Any]:
        """The size of each state."""
        size = self.cell.state_size
        return list(size) if isinstance(size, (list, tuple)) else [size]

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, steps = input_shape[:2]
        size = output_size(self.cell)
        output = (batch, steps, size) if self.return_sequences else (batch, size)
        if not self.return_state:
            return output
        sizes = self.get_state_sizes()
        return (output, *(map_structure(lambda n: (batch, n), size) for size in sizes))


class _Carried:
    """What a stateful layer carries from batch to batch, out of the sight of its weights."""

    states: list[Any] | None = None


class CellLayer(RNN):
    """Base of layers that take the options of their cell themselves."""

    cell_class: type[RecurrentCell]

    def keep_layer(
        self,
        cell_options: dict[str, Any],
        activity_regularizer: Any,
        return_sequences: bool,
        return_state: bool,
        go_backwards: bool,
        stateful: bool,
        unroll: bool,
        kwargs: dict[str, Any],
    ) -> None:
        """Make the cell and keep the options of the layer."""
        for old in ("implementation", "time_major", "use_cudnn"):
            kwargs.pop(old, None)
        seeds = {"dtype": kwargs.get("dtype"), "trainable": kwargs.get("trainable", True)}
        cell = self.cell_class(**cell_options, **seeds)
        RNN.__init__(
            self,
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.input_spec = InputSpec(ndim=3)

    @property
    def units(self) -> int:
        """The size of the output."""
        return self.cell.units

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["cell"]
        return {**config, **described(self.cell)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        return cls(**config)


class SimpleRNN(CellLayer):
    """h' = activation(x @ kernel + bias + h @ recurrent_kernel) over the steps of sequences.

    Args:
        units: size of the output and of the state.
        activation: name or function.
        kernel_initializer, recurrent_initializer, bias_initializer: for the weights (features,
            units), (units, units), (units,).
        dropout: share of the inputs that is dropped in training, the same in all steps.
        recurrent_dropout: the same for the previous output.
        return_sequences and the others: see `RNN`.

    >>> import tensorcore as tc
    >>> SimpleRNN(4)(tc.zeros((2, 5, 3))).shape
    (2, 4)
    """

    cell_class = SimpleRNNCell

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        options = {
            "units": units,
            "activation": activation,
            "use_bias": use_bias,
            "kernel_initializer": kernel_initializer,
            "recurrent_initializer": recurrent_initializer,
            "bias_initializer": bias_initializer,
            "kernel_regularizer": kernel_regularizer,
            "recurrent_regularizer": recurrent_regularizer,
            "bias_regularizer": bias_regularizer,
            "kernel_constraint": kernel_constraint,
            "recurrent_constraint": recurrent_constraint,
            "bias_constraint": bias_constraint,
            "dropout": dropout,
            "recurrent_dropout": recurrent_dropout,
            "seed": seed,
        }
        self.keep_layer(
            options,
            activity_regularizer,
            return_sequences,
            return_state,
            go_backwards,
            stateful,
            unroll,
            kwargs,
        )


class GRU(CellLayer):
    """Gated recurrent units over the steps of sequences; the formulas are those of `GRUCell`.

    Args:
        units: size of the output and of the state.
        activation, recurrent_activation: of the candidate and of the gates.
        reset_after: apply the reset gate after the matrix product (as cuDNN does) or before it.
        others: see `SimpleRNN` and `RNN`; kernels have 3 * units columns: z, r, h.

    Source: Cho et al., 2014.

    >>> import tensorcore as tc
    >>> GRU(4, return_sequences=True)(tc.zeros((2, 5, 3))).shape
    (2, 5, 4)
    """

    cell_class = GRUCell

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        options = {
            "units": units,
            "activation": activation,
            "recurrent_activation": recurrent_activation,
            "use_bias": use_bias,
            "kernel_initializer": kernel_initializer,
            "recurrent_initializer": recurrent_initializer,
            "bias_initializer": bias_initializer,
            "kernel_regularizer": kernel_regularizer,
            "recurrent_regularizer": recurrent_regularizer,
            "bias_regularizer": bias_regularizer,
            "kernel_constraint": kernel_constraint,
            "recurrent_constraint": recurrent_constraint,
            "bias_constraint": bias_constraint,
            "dropout": dropout,
            "recurrent_dropout": recurrent_dropout,
            "reset_after": reset_after,
            "seed": seed,
        }
        self.keep_layer(
            options,
            activity_regularizer,
            return_sequences,
            return_state,
            go_backwards,
            stateful,
            unroll,
            kwargs,
        )


class LSTM(CellLayer):
    """Long short-term memory over the steps of sequences; the formulas are those of `LSTMCell`.

    Args:
        units: size of the output and of both states.
        activation, recurrent_activation: of values and of the gates.
        unit_forget_bias: start the bias of the forget gate with ones.
        others: see `SimpleRNN` and `RNN`; kernels have 4 * units columns: i, f, c, o.

    Source: Hochreiter and Schmidhuber, 1997.

    >>> import tensorcore as tc
    >>> output, h, c = LSTM(4, return_state=True)(tc.zeros((2, 5, 3)))
    >>> output.shape, c.shape
    ((2, 4), (2, 4))
    """

    cell_class = LSTMCell

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        options = {
            "units": units,
            "activation": activation,
            "recurrent_activation": recurrent_activation,
            "use_bias": use_bias,
            "kernel_initializer": kernel_initializer,
            "recurrent_initializer": recurrent_initializer,
            "bias_initializer": bias_initializer,
            "unit_forget_bias": unit_forget_bias,
            "kernel_regularizer": kernel_regularizer,
            "recurrent_regularizer": recurrent_regularizer,
            "bias_regularizer": bias_regularizer,
            "kernel_constraint": kernel_constraint,
            "recurrent_constraint": recurrent_constraint,
            "bias_constraint": bias_constraint,
            "dropout": dropout,
            "recurrent_dropout": recurrent_dropout,
            "seed": seed,
        }
        self.keep_layer(
            options,
            activity_regularizer,
            return_sequences,
            return_state,
            go_backwards,
            stateful,
            unroll,
            kwargs,
        )
