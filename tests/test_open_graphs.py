"""Open graphs: symbols outside a trace, and their replay through the ordinary door."""

from __future__ import annotations

import numpy as np
import pytest

import tensorcore as tc
from tensorcore.graph.deferred import (
    DeferredGraph,
    ancestors,
    defer,
    is_open,
    placeholder,
    replay,
)
from tensorcore.mode import mode


@pytest.fixture
def deferred():
    """Everything is kept for later, as in TensorFlow 1."""
    mode.graph = DeferredGraph()
    yield mode.graph
    mode.graph = None


def values(rng, *shape):
    return tc.asarray(rng.normal(size=shape).astype(np.float32))


def test_operations_on_open_symbols_say_their_shapes(device):
    x = placeholder((None, 3), "float32")
    assert (x * 2.0).shape == (None, 3)
    assert tc.sum(x, axis=0).shape == (3,)
    assert (x @ tc.ones((3, 5))).shape == (None, 5)
    assert tc.reshape(x, (-1,)).shape == (None,)
    assert (x > 0).dtype == tc.bool
    assert tc.concat([x, tc.zeros((2, 3))]).shape == (None, 3)
    assert x[:, 1:].shape == (None, 2)
    assert (placeholder((), "int32") + x).dtype == tc.float32


def test_a_rule_refuses_at_once_what_does_not_fit():
    x = placeholder((None, 3))
    with pytest.raises(tc.errors.ShapeError, match="matmul"):
        x @ tc.ones((4, 2))


def test_replay_computes(device, rng):
    x, y = placeholder((None, 3)), placeholder((3,))
    z = tc.exp(x) * y + 1.0
    a, b = values(rng, 4, 3), values(rng, 3)
    expected = np.exp(a.numpy()) * b.numpy() + 1
    np.testing.assert_allclose(replay(z, {x: a, y: b}).numpy(), expected, rtol=1e-6)
    both = replay({"z": z, "n": 3, "parts": [x]}, {x: a, y: b})
    assert both["n"] == 3 and both["parts"][0] is a


def test_any_symbol_can_be_given():
    x = placeholder((None,))
    y = x + 1.0
    z = y * y
    assert replay(z, {y: tc.asarray([3.0])}).tolist() == [9.0]


def test_a_missing_value_is_named():
    x = placeholder((None,), name="features")
    with pytest.raises(ValueError, match='the input "features" has no value'):
        replay(x * 2.0, {})


def test_replay_under_a_tape_is_taped(device):
    x = placeholder((None,))
    w = tc.Variable([2.0, 3.0])
    loss = tc.sum(x * w)
    with tc.GradientTape() as tape:
        value = replay(loss, {x: tc.asarray([5.0, 7.0])})
    assert tape.gradient(value, w).tolist() == [5.0, 7.0]


def test_replay_in_a_trace_becomes_part_of_it(device):
    x = placeholder((None, 2))
    w = tc.Variable([[2.0], [3.0]])
    y = tc.nn.relu(x @ w)
    step = tc.function(lambda value: replay(y, {x: value}))
    assert step(tc.asarray([[1.0, 1.0]])).tolist() == [[5.0]]
    w.assign([[1.0], [1.0]])
    assert step(tc.asarray([[1.0, 1.0]])).tolist() == [[2.0]]
    assert step.trace_count == 1


def test_variables_are_read_when_run():
    w = tc.Variable([1.0], device="cpu")
    x = placeholder((1,), device="cpu")
    y = x * w
    w.assign([10.0])
    assert replay(y, {x: tc.asarray([2.0], device="cpu")}).tolist() == [20.0]


def test_calls_are_nodes_like_operations():
    x = placeholder((None,))
    calls = []

    def double(value, by, extra):
        calls.append(by)
        return {"twice": value * by, "extra": extra[0]}

    found = defer(
        double,
        (x, 2.0),
        {"extra": [x]},
        {"twice": x, "extra": x},
        x.device,
    )
    assert found["twice"].shape == (None,)
    result = replay(found["twice"] + found["extra"], {x: tc.asarray([1.0, 2.0])})
    assert result.tolist() == [3.0, 6.0] and calls == [2.0]


def test_only_what_is_needed_runs_in_the_order_of_the_program():
    ran = []
    x = placeholder(())

    def note(name, value):
        ran.append(name)
        return value

    first = defer(note, ("first", x), {}, x, x.device)
    second = defer(note, ("second", x), {}, x, x.device, after=[first.node])
    defer(note, ("third", x), {}, x, x.device)
    replay(second, {x: tc.asarray(1.0)})
    assert ran == ["first", "second"]
    assert [node.serial for node in ancestors([second, first])] == sorted(
        [first.node.serial, second.node.serial]
    )


def test_values_are_seen_as_they_come():
    x = placeholder((), "float32")
    y = x * 3.0
    with tc.GradientTape(persistent=True) as tape:
        kept = {}
        replay(
            y * y,
            {x: tc.asarray(2.0)},
            seen=lambda s, v: (tape.watch(v), kept.__setitem__(s, v)),
        )
        gradient = tape.gradient(kept[(y)] * kept[y], kept[y])
    assert float(gradient) == 12.0


def test_random_numbers_are_new_at_every_replay(device, deferred):
    draws = tc.random.uniform((4,))
    assert is_open(draws)
    mode.graph = None
    first, second = replay(draws, {}), replay(draws, {})
    assert first.tolist() != second.tolist()
    traced = tc.function(lambda: replay(draws, {}))
    assert traced().tolist() != traced().tolist()


def test_dropout_of_an_unknown_number_of_rows(device):
    x = placeholder((None, 8))
    y = tc.nn.dropout(x, 0.5)
    assert y.shape == (None, 8)
    kept = replay(y, {x: tc.ones((50, 8))}).numpy()
    assert set(np.unique(kept)) == {0.0, 2.0}


def test_a_deferred_graph_keeps_everything(device, deferred):
    a = tc.Variable(1)
    total = tc.asarray(2) + tc.asarray(3)
    step = deferred.assign(a, a + 1)
    assert is_open(total) and is_open(step)
    mode.graph = None
    assert int(replay(total, {})) == 5
    assert [int(replay(step, {})) for _ in range(2)] == [2, 3]
    assert int(a) == 3
    traced = tc.function(lambda: replay(step, {}))
    assert [int(traced()), int(traced())] == [4, 5]


def test_open_symbols_have_no_values():
    x = placeholder((None, 2))
    for look in (np.asarray, bool, len, iter, lambda s: s.numpy()):
        with pytest.raises(tc.errors.TracingError, match="symbolic tensor of shape"):
            look(x)
    assert repr(placeholder((None,), "int32", "ids")) == (
        "<symbolic tensor shape=(None,) dtype=int32 name=ids>"
    )


def test_traces_and_open_symbols_do_not_mix():
    x = placeholder((2,))

    @tc.function
    def uses_it(value):
        return value * x

    with pytest.raises(tc.errors.TracingError, match="a symbolic tensor of shape"):
        uses_it(tc.asarray([1.0, 2.0]))
    kept = []
    tc.function(lambda value: kept.append(value * 2.0))(tc.asarray([1.0]))
    with pytest.raises(tc.errors.TracingError, match="was traced in a function was kept"):
        kept[0] + 1.0


def test_a_traced_function_on_open_symbols_is_inlined():
    double = tc.function(lambda value: value * 2.0)
    double(tc.asarray([1.0, 2.0]))
    x = placeholder((2,))
    assert replay(double(x), {x: tc.asarray([1.0, 3.0])}).tolist() == [2.0, 6.0]
