"""Cells of recurrent layers: what happens in one step of a sequence.

A cell's work on its input does not depend on the state.  `project` does it for all steps of a
sequence in one matrix product, `advance` does the rest step by step.
"""

from __future__ import annotations

from typing import Any

from tensorcore import initializers
from tensorcore.errors import InvalidArgumentError
from tensorcore.layers.base import Layer
from tensorcore.layers.dense import known_last
from tensorcore.layers.options import add_kernel, keep
from tensorcore.ops.activations import sigmoid
from tensorcore.ops.arithmetic import add, multiply, subtract
from tensorcore.ops.creation import zeros
from tensorcore.ops.joining import concatenate, unstack
from tensorcore.ops.linear import matmul
from tensorcore.ops.recurrent import gru_sequence, lstm_sequence
from tensorcore.ops.recurrent_layers import gru_layer, is_whole, lstm_layer
from tensorcore.ops.shaping import reshape
from tensorcore.ops.trigonometric import tanh
from tensorcore.random import Generator, default_generator


class RecurrentCell(Layer):
    """Base of the cells with weights kernel, recurrent_kernel and bias.

    Attributes:
        gates: how many blocks of `units` columns the weights have.
        state_size: sizes of the states.
        output_size: size of the output.
    """

    gates = 1

    def keep_cell(
        self, units: Any, dropout: float, recurrent_dropout: float, seed: Any, **options: Any
    ) -> None:
        """Check and keep the options that all cells have."""
        if isinstance(units, (bool, str)) or int(units) != units or units <= 0:
            raise InvalidArgumentError(
                f"{type(self).__name__}: units must be a positive int, received {units!r}"
            )
        for name, rate in (("dropout", dropout), ("recurrent_dropout", recurrent_dropout)):
            if not 0 <= rate <= 1:
                raise InvalidArgumentError(
                    f"{type(self).__name__}: {name} must be from 0 to 1, received {rate!r}"
                )
        keep(self, units=int(units), **options)
        keep(self, dropout=dropout, recurrent_dropout=recurrent_dropout, seed=seed)
        self._generator = None if seed is None else Generator(seed)
        self.state_size: Any = self.units
        self.output_size = self.units

    def build(self, input_shape: Any) -> None:
        columns = self.units * self.gates
        self.kernel = add_kernel(self, (known_last(self, input_shape), columns))
        self.recurrent_kernel = self.add_weight(
            (self.units, columns),
            self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
            name="recurrent_kernel",
        )
        self.bias = self._add_bias() if self.use_bias else None

    def _add_bias(self) -> Any:
        return add_kernel(self, (self.units * self.gates,), "bias")

    def input_bias(self) -> Any:
        """The part of the bias that belongs to the inputs; None if there is none."""
        return self.bias

    def dropped(self, inputs: Any, training: Any = None) -> Any:
        """The inputs (..., batch, features); training drops some of them, the same in all steps."""
        if not training or not 0 < self.dropout < 1:
            return inputs
        return multiply(inputs, self._mask(inputs.shape[-2:], self.dropout, inputs))

    def project(self, inputs: Any) -> Any:
        """What the inputs contribute: inputs (..., batch, features) @ kernel + bias."""
        found = matmul(inputs, self.kernel)
        bias = self.input_bias()
        return found if bias is None else add(found, bias)

    def recurrent_mask(self, like: Any, training: Any = None) -> Any:
        """Factors for the previous output, the same in all steps; None without dropout."""
        if not training or not 0 < self.recurrent_dropout < 1:
            return None
        return self._mask(like.shape, self.recurrent_dropout, like)

    def _mask(self, shape: Any, rate: float, like: Any) -> Any:
        generator = self._generator or default_generator()
        return generator.dropout_mask(tuple(shape), rate, like.dtype, like.device)

    def split(self, x: Any, count: int) -> Any:
        """x (batch, count * units) cut into its blocks."""
        return unstack(reshape(x, (x.shape[0], count, self.units)), axis=1)

    def advance(self, x: Any, states: Any, mask: Any = None) -> tuple[Any, list[Any]]:
        """Output and new states of a step, from the projected input and the old states."""
        raise NotImplementedError

    def sequence(self, x: Any, states: Any, mask: Any) -> tuple[Any, list[Any]] | None:
        """All steps in one operation: their outputs (steps, batch, units), and the last states.

        Args:
            x: the projected inputs, shape (steps, batch, gates * units).
            states: as `advance` takes them.
            mask: bool, shape (steps, batch); the states stay where it is False.

        Returns:
            None where no operation does what these options ask for.
        """
        return None

    def layer(self, x: Any, states: Any) -> tuple[Any, list[Any]] | None:
        """As `sequence`, of the inputs (steps, batch, features) as they are, and without a mask.

        Returns:
            None where no operation does what these options ask for, or none that pays.
        """
        return None

    def _is_usual(self, owner: Any, x: Any, states: Any) -> bool:
        """Whether x and states are what the operation for all steps of `owner` takes."""
        return (
            type(self).advance is owner.advance
            and type(self).project is owner.project
            and self.activation is tanh
            and self.recurrent_activation is sigmoid
            and None not in x.shape
            and x.shape[0] > 0
            and all(tuple(state.shape) == (x.shape[1], self.units) for state in states)
        )

    def call(self, inputs: Any, states: Any, training: bool | None = None) -> Any:
        states = list(states) if isinstance(states, (list, tuple)) else [states]
        mask = self.recurrent_mask(states[0], training)
        return self.advance(self.project(self.dropped(inputs, training)), states, mask)

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """Zeros of shape (batch_size, size), one for each state."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [zeros((batch_size, n), dtype=self.compute_dtype, device=self.device) for n in sizes]


def _dropped(state: Any, mask: Any) -> Any:
    return state if mask is None else multiply(state, mask)


class SimpleRNNCell(RecurrentCell):
    """h' = activation(x @ kernel + bias + h @ recurrent_kernel).

    Arguments: see `SimpleRNN`.
    """

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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.keep_cell(
            units,
            dropout,
            recurrent_dropout,
            seed,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
        )

    def advance(self, x: Any, states: Any, mask: Any = None) -> tuple[Any, list[Any]]:
        h = self.activation(add(x, matmul(_dropped(states[0], mask), self.recurrent_kernel)))
        return h, [h]


class GRUCell(RecurrentCell):
    """z, r = gate(x_z + h U_z), gate(x_r + h U_r); h' = z h + (1 - z) activation(x_h + r (h U_h)).

    Arguments: see `GRU`.  With `reset_after=False` the last product is (r h) U_h.
    """

    gates = 3

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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.keep_cell(
            units,
            dropout,
            recurrent_dropout,
            seed,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            reset_after=reset_after,
        )

    def _add_bias(self) -> Any:
        columns = 3 * self.units
        return add_kernel(self, (2, columns) if self.reset_after else (columns,), "bias")

    def input_bias(self) -> Any:
        return self.bias[0] if self.bias is not None and self.reset_after else self.bias

    def advance(self, x: Any, states: Any, mask: Any = None) -> tuple[Any, list[Any]]:
        h = states[0]
        kept = _dropped(h, mask)
        x_z, x_r, x_h = self.split(x, 3)
        if self.reset_after:
            inner = matmul(kept, self.recurrent_kernel)
            if self.bias is not None:
                inner = add(inner, self.bias[1])
            h_z, h_r, h_h = self.split(inner, 3)
        else:
            columns = 2 * self.units
            h_z, h_r = self.split(matmul(kept, self.recurrent_kernel[:, :columns]), 2)
        z = self.recurrent_activation(add(x_z, h_z))
        r = self.recurrent_activation(add(x_r, h_r))
        if self.reset_after:
            candidate = multiply(r, h_h)
        else:
            candidate = matmul(multiply(r, kept), self.recurrent_kernel[:, columns:])
        new = self.activation(add(x_h, candidate))
        h = add(multiply(z, h), multiply(subtract(1.0, z), new))
        return h, [h]

    def sequence(self, x: Any, states: Any, mask: Any) -> tuple[Any, list[Any]] | None:
        if not self.reset_after or not self._is_usual(GRUCell, x, states):
            return None
        none = self.bias is None
        bias = zeros((3 * self.units,), dtype=x.dtype, device=x.device) if none else self.bias[1]
        hs = gru_sequence(x, self.recurrent_kernel, bias, states[0], mask)
        return hs, [hs[-1]]

    def layer(self, x: Any, states: Any) -> tuple[Any, list[Any]] | None:
        if not self.reset_after or not self._is_usual(GRUCell, x, states):
            return None
        if not is_whole("gru", x, self.units):
            return None
        bias = self.bias
        if bias is None:
            bias = zeros((2, 3 * self.units), dtype=x.dtype, device=x.device)
        hs = gru_layer(x, self.kernel, self.recurrent_kernel, bias, states[0])
        return hs, [hs[-1]]


class LSTMCell(RecurrentCell):
    """i, f, o = gate(x + h U); c' = f c + i activation(x_c + h U_c); h' = o activation(c').

    Arguments: see `LSTM`.
    """

    gates = 4

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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.keep_cell(
            units,
            dropout,
            recurrent_dropout,
            seed,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
        )
        self.state_size = [self.units, self.units]

    def _add_bias(self) -> Any:
        return self.add_weight(
            (4 * self.units,),
            self._start_of_bias if self.unit_forget_bias else self.bias_initializer,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
            name="bias",
        )

    def _start_of_bias(self, shape: Any, dtype: Any = None, **ignored: Any) -> Any:
        """Ones for the forget gate, so that a new cell remembers (Jozefowicz et al., 2015)."""
        units = (self.units,)
        parts = [
            self.bias_initializer(units, dtype=dtype),
            initializers.Ones()(units, dtype=dtype),
            self.bias_initializer((2 * self.units,), dtype=dtype),
        ]
        return concatenate(parts)

    def advance(self, x: Any, states: Any, mask: Any = None) -> tuple[Any, list[Any]]:
        h, c = states
        z = add(x, matmul(_dropped(h, mask), self.recurrent_kernel))
        z_i, z_f, z_c, z_o = self.split(z, 4)
        gate = self.recurrent_activation
        c = add(multiply(gate(z_f), c), multiply(gate(z_i), self.activation(z_c)))
        h = multiply(gate(z_o), self.activation(c))
        return h, [h, c]

    def sequence(self, x: Any, states: Any, mask: Any) -> tuple[Any, list[Any]] | None:
        if not self._is_usual(LSTMCell, x, states):
            return None
        hs, cs = lstm_sequence(x, self.recurrent_kernel, *states, mask)
        return hs, [hs[-1], cs[-1]]

    def layer(self, x: Any, states: Any) -> tuple[Any, list[Any]] | None:
        if not self._is_usual(LSTMCell, x, states) or not is_whole("lstm", x, self.units):
            return None
        bias = self.bias
        if bias is None:
            bias = zeros((4 * self.units,), dtype=x.dtype, device=x.device)
        hs, c = lstm_layer(x, self.kernel, self.recurrent_kernel, bias, *states)
        return hs, [hs[-1], c]


class StackedRNNCells(Layer):
    """Cells one on top of the other: the output of each is the input of the next.

    Args:
        cells: list of cells.
    """

    def __init__(self, cells: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for cell in cells:
            if not hasattr(cell, "state_size") or not hasattr(cell, "call"):
                raise InvalidArgumentError(
                    f"StackedRNNCells: a cell needs call and state_size, received {cell!r}"
                )
        self.cells = list(cells)

    @property
    def state_size(self) -> list[Any]:
        """The sizes of the states, cell by cell."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        """The size of the last cell's output."""
        return output_size(self.cells[-1])

    def build(self, input_shape: Any) -> None:
        shape = tuple(input_shape)
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(shape)
            shape = (shape[0], output_size(cell))

    def call(self, inputs: Any, states: Any, training: bool | None = None) -> Any:
        new_states = []
        for cell, state in zip(self.cells, states, strict=True):
            inputs, state = run_cell(cell, inputs, state, training)
            new_states.append(state)
        return inputs, new_states

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """Zeros for each cell."""
        return [initial_state(cell, batch_size) for cell in self.cells]

    def get_config(self) -> dict[str, Any]:
        from tensorcore.saving.objects import serialize_keras_object

        cells = [serialize_keras_object(cell) for cell in self.cells]
        return {**super().get_config(), "cells": cells}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        from tensorcore.saving.objects import deserialize_keras_object

        cells = [deserialize_keras_object(cell, custom_objects) for cell in config["cells"]]
        return cls(**{**config, "cells": cells})


def output_size(cell: Any) -> int:
    """The size of a cell's output."""
    size = getattr(cell, "output_size", None)
    if size is not None:
        return size
    return cell.state_size[0] if isinstance(cell.state_size, (list, tuple)) else cell.state_size


def initial_state(cell: Any, batch_size: Any) -> list[Any]:
    """The states that a sequence starts with, as a list."""
    if hasattr(cell, "get_initial_state"):
        found = cell.get_initial_state(batch_size=batch_size)
        return list(found) if isinstance(found, (list, tuple)) else [found]
    sizes = cell.state_size if isinstance(cell.state_size, (list, tuple)) else [cell.state_size]
    return [zeros((batch_size, size)) for size in sizes]


def run_cell(cell: Any, inputs: Any, states: Any, training: Any) -> tuple[Any, list[Any]]:
    """Output and new states of one step of any cell."""
    takes_training = getattr(cell, "_training_position", None) is not None
    options = {"training": training} if takes_training else {}
    output, new_states = cell(inputs, states, **options)
    return output, list(new_states) if isinstance(new_states, (list, tuple)) else [new_states]
