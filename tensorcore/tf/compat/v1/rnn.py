"""Recurrent networks of TensorFlow 1: a cell carried along the steps of its inputs."""

from __future__ import annotations

from typing import Any

from tensorcore.errors import InvalidArgumentError
from tensorcore.session.calls import operation
from tensorcore.session.scopes import variable_scope
from tensorcore.tf.compat.v1 import arrays

import tensorcore as tc  # isort: skip


def static_rnn(
    cell: Any,
    inputs: Any,
    initial_state: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    scope: Any = None,
) -> tuple[list[Any], Any]:
    """(outputs, last state) of a cell for a list of inputs (N, features)."""
    with variable_scope(scope or "rnn"):
        state = initial_state
        if state is None:
            state = cell.zero_state(arrays.shape(inputs[0])[0], dtype or "float32")
        outputs = []
        for step, value in enumerate(inputs):
            output, new = cell(value, state)
            if sequence_length is not None:
                output, new = (
                    _until(sequence_length, step, output, output * 0.0),
                    _kept(sequence_length, step, new, state),
                )
            outputs.append(output)
            state = new
    return outputs, state


def dynamic_rnn(
    cell: Any,
    inputs: Any,
    sequence_length: Any = None,
    initial_state: Any = None,
    dtype: Any = None,
    parallel_iterations: Any = None,
    swap_memory: bool = False,
    time_major: bool = False,
    scope: Any = None,
) -> tuple[Any, Any]:
    """(outputs, last state) of a cell carried along the second dimension of (N, T, features).

    Args:
        sequence_length: (N,) ints; outputs beyond are 0 and the state stays.
        time_major: the inputs are (T, N, features).
    """
    axis = 0 if time_major else 1
    steps = inputs.get_shape().as_list()[axis]
    if steps is None:
        raise InvalidArgumentError(
            "tf.nn.dynamic_rnn: the number of steps has to be known here; give the placeholder's "
            "second dimension a size and pad the sequences to it"
        )
    if initial_state is None and dtype is None:
        raise InvalidArgumentError(
            "If there is no initial_state, you must give a dtype, such as dtype=tf.float32."
        )
    parts = arrays.unstack(inputs, steps, axis)
    outputs, state = static_rnn(cell, parts, initial_state, dtype, sequence_length, scope or "rnn")
    return arrays.stack(outputs, axis=axis), state


def bidirectional_dynamic_rnn(
    cell_fw: Any,
    cell_bw: Any,
    inputs: Any,
    sequence_length: Any = None,
    initial_state_fw: Any = None,
    initial_state_bw: Any = None,
    dtype: Any = None,
    time_major: bool = False,
    scope: Any = None,
    **ignored: Any,
) -> tuple[Any, Any]:
    """((forward, backward) outputs, (forward, backward) states)."""
    axis = 0 if time_major else 1
    if sequence_length is not None:
        raise InvalidArgumentError(
            "tf.nn.bidirectional_dynamic_rnn: sequence_length is not there yet; leave it out"
        )
    with variable_scope(scope or "bidirectional_rnn"):
        ahead = dynamic_rnn(
            cell_fw, inputs, None, initial_state_fw, dtype, time_major=time_major, scope="fw"
        )
        back = dynamic_rnn(
            cell_bw,
            arrays.reverse(inputs, [axis]),
            None,
            initial_state_bw,
            dtype,
            time_major=time_major,
            scope="bw",
        )
    return (ahead[0], arrays.reverse(back[0], [axis])), (ahead[1], back[1])


@operation("Select")
def _until(lengths: Any, step: int, new: Any, old: Any) -> Any:
    return tc.where(tc.expand_dims(lengths > step, -1), new, old)


def _kept(lengths: Any, step: int, new: Any, old: Any) -> Any:
    if isinstance(new, tuple):
        parts = [_kept(lengths, step, a, b) for a, b in zip(new, old, strict=True)]
        return type(new)(*parts) if hasattr(new, "_fields") else tuple(parts)
    return _until(lengths, step, new, old)
