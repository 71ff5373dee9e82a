"""Recurrent cells of TensorFlow 1, `tf.nn.rnn_cell`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorcore as tc
from tensorcore.session.calls import operation
from tensorcore.session.initializers import constant_value, zeros
from tensorcore.session.scopes import AUTO_REUSE, get_variable, variable_scope
from tensorcore.tf.compat.v1 import arrays
from tensorcore.tf.compat.v1.math import tanh


class LSTMStateTuple(NamedTuple):
    """The state of an LSTM cell: its memory c and its output h, both (N, units)."""

    c: Any
    h: Any


class RNNCell:
    """Base: called with inputs (N, features) and a state; returns (output, new state)."""

    state_size: Any
    output_size: int

    def __init__(self, name: str) -> None:
        self._name = name
        self._scope: Any = None

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        if self._scope is None:
            with variable_scope(scope or self._name, reuse=AUTO_REUSE) as self._scope:
                return self.call(inputs, state)
        with variable_scope(self._scope, reuse=True):
            return self.call(inputs, state)

    def call(self, inputs: Any, state: Any) -> Any:
        raise NotImplementedError

    def zero_state(self, batch_size: Any, dtype: Any = "float32") -> Any:
        """The state to begin with."""
        return _zero_state(self.state_size, batch_size, dtype)

    def _weights(self, rows: int, columns: int, bias: Any = None, prefix: str = "") -> Any:
        kernel = get_variable(f"{prefix}kernel", [rows, columns])
        return kernel, get_variable(f"{prefix}bias", [columns], initializer=bias or zeros())


def _zero_state(size: Any, batch_size: Any, dtype: Any) -> Any:
    if isinstance(size, LSTMStateTuple):
        return LSTMStateTuple(*(_zero_state(part, batch_size, dtype) for part in size))
    if isinstance(size, tuple):
        return tuple(_zero_state(part, batch_size, dtype) for part in size)
    return arrays.zeros([batch_size, size], dtype, name="zeros")


class BasicRNNCell(RNNCell):
    """output = activation([inputs, state] kernel + bias)."""

    def __init__(
        self, num_units: int, activation: Any = None, reuse: Any = None, name: str | None = None
    ) -> None:
        super().__init__(name or "basic_rnn_cell")
        self.state_size = self.output_size = num_units
        self._activation = activation or tanh

    def call(self, inputs: Any, state: Any) -> Any:
        rows = inputs.get_shape().as_list()[-1] + self.output_size
        kernel, bias = self._weights(rows, self.output_size)
        output = self._activation(_products(inputs, state, kernel, bias))
        return output, output


class LSTMCell(RNNCell):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997); gates i, j, f, o.

    c' = sigmoid(f + forget_bias) c + sigmoid(i) activation(j); h' = sigmoid(o) activation(c')
    """

    def __init__(
        self,
        num_units: int,
        forget_bias: float = 1.0,
        state_is_tuple: bool = True,
        activation: Any = None,
        reuse: Any = None,
        name: str | None = None,
        **ignored: Any,
    ) -> None:
        super().__init__(name or "lstm_cell")
        self.output_size = num_units
        self.state_size = LSTMStateTuple(num_units, num_units)
        self._forget_bias = forget_bias
        self._activation = activation or tanh

    def call(self, inputs: Any, state: Any) -> Any:
        c, h = state
        rows = inputs.get_shape().as_list()[-1] + self.output_size
        kernel, bias = self._weights(rows, 4 * self.output_size)
        i, j, f, o = arrays.split(_products(inputs, h, kernel, bias), 4, axis=1)
        new_c = _gated(c, f, i, self._activation(j), self._forget_bias)
        new_h = _opened(o, self._activation(new_c))
        return new_h, LSTMStateTuple(new_c, new_h)


class BasicLSTMCell(LSTMCell):
    """The same under its older name."""

    def __init__(self, num_units: int, forget_bias: float = 1.0, **others: Any) -> None:
        others.setdefault("name", "basic_lstm_cell")
        super().__init__(num_units, forget_bias, **others)


class GRUCell(RNNCell):
    """Gated recurrent unit (Cho et al., 2014).

    r, u = sigmoid([x, h] K + b); c = activation([x, r h] L + d); h' = u h + (1 - u) c
    """

    def __init__(
        self,
        num_units: int,
        activation: Any = None,
        reuse: Any = None,
        kernel_initializer: Any = None,
        bias_initializer: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name or "gru_cell")
        self.state_size = self.output_size = num_units
        self._activation = activation or tanh

    def call(self, inputs: Any, state: Any) -> Any:
        units = self.output_size
        rows = inputs.get_shape().as_list()[-1] + units
        gates, gates_bias = self._weights(rows, 2 * units, constant_value(1.0), "gates/")
        kernel, bias = self._weights(rows, units, prefix="candidate/")
        r, u = arrays.split(_sigmoid(_products(inputs, state, gates, gates_bias)), 2, axis=1)
        candidate = self._activation(_products(inputs, r * state, kernel, bias))
        new = u * state + (1.0 - u) * candidate
        return new, new


class MultiRNNCell(RNNCell):
    """Cells one after the other; the state is a tuple of theirs."""

    def __init__(self, cells: Sequence[RNNCell], state_is_tuple: bool = True) -> None:
        super().__init__("multi_rnn_cell")
        self._cells = list(cells)
        self.state_size = tuple(cell.state_size for cell in self._cells)
        self.output_size = self._cells[-1].output_size

    def call(self, inputs: Any, state: Any) -> Any:
        states = []
        for number, (cell, before) in enumerate(zip(self._cells, state, strict=True)):
            with variable_scope(f"cell_{number}"):
                inputs, after = cell(inputs, before)
            states.append(after)
        return inputs, tuple(states)


class DropoutWrapper(RNNCell):
    """Dropout of a cell's inputs and outputs."""

    def __init__(
        self,
        cell: RNNCell,
        input_keep_prob: Any = 1.0,
        output_keep_prob: Any = 1.0,
        seed: int | None = None,
        **ignored: Any,
    ) -> None:
        super().__init__("dropout")
        self._cell = cell
        self._keep = (input_keep_prob, output_keep_prob)
        self._seed = seed
        self.state_size, self.output_size = cell.state_size, cell.output_size

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        from tensorcore.tf.compat.v1.nn import dropout

        outputs, new = self._cell(dropout(inputs, self._keep[0], seed=self._seed), state, scope)
        return dropout(outputs, self._keep[1], seed=self._seed), new


@operation("MatMul")
def _products(x: Any, h: Any, kernel: Any, bias: Any) -> Any:
    return tc.matmul(tc.concat([x, h], axis=1), kernel) + bias


@operation("Sigmoid")
def _sigmoid(x: Any) -> Any:
    return tc.nn.sigmoid(x)


@operation("lstm_memory")
def _gated(c: Any, f: Any, i: Any, j: Any, forget_bias: float) -> Any:
    return c * tc.nn.sigmoid(f + forget_bias) + tc.nn.sigmoid(i) * j


@operation("lstm_output")
def _opened(o: Any, c: Any) -> Any:
    return tc.nn.sigmoid(o) * c
