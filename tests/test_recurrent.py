"""The operations for all steps of an LSTM and a GRU: taken, and equal to the steps one by one."""

from __future__ import annotations

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import layers
from tensorcore.errors import ShapeError
from tensorcore.layers.recurrent import GRU, LSTM
from tensorcore.ops import recurrent as records
from tests.tolerances import assert_close

RECORDS = {
    LSTM: (records.lstm_sequence, records.lstm_sequence_gradient),
    GRU: (records.gru_sequence, records.gru_sequence_gradient),
}
OPTIONS = [
    {},
    {"return_sequences": True, "go_backwards": True},
    {"return_sequences": True, "return_state": True, "use_bias": False},
    {"return_state": True, "go_backwards": True, "unit": 17},
]


def taken(op):
    return sum(op.runs.values())


def results(layer, x, mask, start, device):
    """Outputs and gradients of a weighted sum of them for inputs, first states and weights."""
    x = tc.asarray(x, device=device)
    start = None if start is None else [tc.asarray(state, device=device) for state in start]
    mask = None if mask is None else tc.asarray(mask, device=device)
    with tc.GradientTape() as tape:
        tape.watch(x, *(start or []))
        outputs = layer(x, mask=mask, initial_state=start)
        outputs = list(outputs) if isinstance(outputs, tuple) else [outputs]
        rng = np.random.default_rng(5)
        loss = 0.0
        for output in outputs:
            weights = tc.asarray(rng.normal(size=output.shape), device=device)
            loss = loss + tc.sum(output * weights)
    return outputs, tape.gradient(loss, [x, *(start or []), *layer.weights])


@pytest.mark.parametrize("has_mask", [False, True])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_equals_the_steps_one_by_one(kind, options, has_mask, device, monkeypatch):
    rng = np.random.default_rng(1)
    options = dict(options)
    units = options.pop("unit", 5)
    x = rng.normal(size=(7, 4, 3))
    mask = rng.uniform(size=(7, 4)) < 0.6 if has_mask else None
    start = (
        rng.normal(size=(2 if kind is LSTM else 1, 7, units)) if "go_backwards" in options else None
    )
    with device:
        layer = kind(units, dtype="float64", bias_initializer="random_normal", **options)
        layer.build(x.shape)
    forward, backward = RECORDS[kind]
    before = taken(forward), taken(backward)
    outputs, gradients = results(layer, x, mask, start, device)
    assert (taken(forward), taken(backward)) == (before[0] + 1, before[1] + 1)
    monkeypatch.setattr(type(layer.cell), "sequence", lambda *args: None)
    expected, wanted = results(layer, x, mask, start, device)
    assert taken(forward) == before[0] + 1
    assert len(outputs) == len(expected)
    assert all(gradient is not None for gradient in gradients)
    for a, b in zip([*outputs, *gradients], [*expected, *wanted], strict=True):
        assert a.device is device
        assert_close(a.numpy(), b.numpy())


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (LSTM, {"activation": "relu"}),
        (LSTM, {"recurrent_activation": "hard_sigmoid"}),
        (GRU, {"reset_after": False}),
        (GRU, {"recurrent_dropout": 0.5}),
    ],
)
def test_other_options_take_the_steps_one_by_one(kind, options, device):
    with device:
        layer = kind(3, **options)
        before = taken(RECORDS[kind][0])
        assert layer(tc.ones((2, 4, 3)), training=True).shape == (2, 3)
    assert taken(RECORDS[kind][0]) == before


def test_both_directions_in_one_record_each(device):
    with device:
        layer = layers.wrappers.Bidirectional(LSTM(3, return_sequences=True, return_state=True))
        before = taken(records.lstm_sequence)
        output, *states = layer(tc.ones((2, 5, 4)))
    assert taken(records.lstm_sequence) == before + 2
    assert_close(output[:, -1, :3].numpy(), states[0].numpy())
    assert_close(output[:, 0, 3:].numpy(), states[2].numpy())


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_threads_share_the_batch(kind):
    """Sizes at which the CPU kernels divide their work, against the plain reference."""
    rng = np.random.default_rng(2)
    for op in RECORDS[kind]:
        inputs, _ = op.samples(rng)[0]
        sizes = {4: 40, 3: 61, 2: 33, 8: 132, 6: 99}  # steps, batch, units, columns
        large = [rng.normal(size=[sizes[n] for n in np.shape(v)]) / 4 for v in inputs[:-1]]
        mask = rng.uniform(size=(40, 61)) < 0.7
        found = op(*(tc.asarray(v, device="cpu") for v in [*large, mask]))
        expected = op.reference(np, *large, mask)
        assert op.runs["cpu", "kernel"]
        if not isinstance(found, tuple):
            found, expected = (found,), (expected,)
        for a, b in zip(found, expected, strict=True):
            assert_close(a.numpy(), b)


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_a_kernel_takes_all_steps(device, kind):
    for op in RECORDS[kind]:
        inputs, _ = op.samples(np.random.default_rng(2))[0]
        before = op.runs[device.kind, "kernel"]
        op(*(tc.asarray(v) for v in inputs))
        assert op.runs[device.kind, "kernel"] == before + 1


def test_what_does_not_fit_is_refused(device):
    x, kernel, mask = tc.ones((3, 2, 8)), tc.ones((2, 8)), tc.ones((3, 2), dtype=tc.bool)
    state = tc.ones((2, 3))
    with pytest.raises(ShapeError, match=r"lstm_sequence: .* h must have shape \(2, 2\)"):
        records.lstm_sequence(x, kernel, state, state, mask)
