"""x[index] = value: values, gradients, what is refused, and that nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest

import tensorcore as tc
from tensorcore.errors import DTypeError, GradientError, OutOfRangeError, ShapeError

INDICES = [
    1,
    -1,
    (0, 2),
    slice(1, None),
    slice(None, None, -2),
    (Ellipsis, 0),
    (slice(None), None, 1),
    ([0, 2], [1, 1]),
    (slice(None), [2, 0]),
    np.array([True, False, True]),
    np.array([[True, False, True, True]] * 3),
    (),
]


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_value(index, device):
    host = np.arange(12.0, dtype=np.float32).reshape(3, 4)
    x = tc.asarray(host)
    for value in (7.0, np.float32(2.5)):
        expected = host.copy()
        expected[index] = value
        written = tc.asarray(host, copy=True)
        written[index] = value
        np.testing.assert_array_equal(written.numpy(), expected)
        np.testing.assert_array_equal(tc.written(x, index, value).numpy(), expected)
    part = np.random.default_rng(0).normal(size=host[index].shape).astype(np.float32)
    expected = host.copy()
    expected[index] = part
    x[index] = tc.asarray(part)
    np.testing.assert_array_equal(x.numpy(), expected)


def test_views_and_numpy_arrays_stay_what_they_were():
    host = np.zeros(4)
    x = tc.asarray(host, device="cpu")
    view = x[1:]
    x[2] = 5.0
    assert x.tolist() == [0, 0, 5, 0]
    assert view.tolist() == [0, 0, 0]
    assert host.tolist() == [0, 0, 0, 0]


def test_gradients_flow_to_the_value_and_the_untouched_part(device):
    x, v = tc.asarray([1.0, 2.0, 3.0]), tc.asarray(10.0)
    with tc.GradientTape() as tape:
        tape.watch(x, v)
        y = x * x
        y[1] = v * v
        loss = tc.sum(y * y)
    gx, gv = tape.gradient(loss, [x, v])
    assert gx.tolist() == [4.0, 0.0, 108.0]
    assert gv.item() == 4000.0


def test_what_a_tape_has_kept_is_not_written_over(device):
    x, w = tc.asarray([1.0, 2.0]), tc.asarray([3.0, 4.0])
    with tc.GradientTape() as tape:
        tape.watch(x)
        y = x * w  # keeps w
        z = tc.exp(y)  # keeps its result
        kept = z.numpy()
        w[0] = 100.0
        z[0] = 0.0
        loss = tc.sum(y) + tc.sum(z)
    np.testing.assert_allclose(tape.gradient(loss, x).numpy(), [3.0, 4.0 + kept[1] * 4.0])


def test_of_values_written_to_one_place_the_last_gets_the_gradient():
    v = tc.asarray([1.0, 2.0, 3.0], device="cpu")
    with tc.GradientTape() as tape:
        tape.watch(v)
        x = tc.zeros(2, device="cpu")
        x[tc.asarray([0, 0, 1], device="cpu")] = v
        loss = tc.sum(x)
    assert x.tolist() == [2.0, 3.0]
    assert tape.gradient(loss, v).tolist() == [0.0, 1.0, 1.0]


def test_a_watched_tensor_is_not_written_to():
    x = tc.ones(2, device="cpu")
    with tc.GradientTape() as tape:
        tape.watch(x)
        with pytest.raises(GradientError, match=r"tc\.written"):
            x[0] = 2.0
        loss = tc.sum(tc.written(x, 0, 2.0) * 3.0)
    assert tape.gradient(loss, x).tolist() == [0.0, 3.0]


def test_a_traced_tensor_is_not_written_to():
    @tc.function
    def write(x):
        x[0] = 1.0
        return x

    with pytest.raises(RuntimeError, match=r"tc\.written"):
        write(tc.zeros(2))


def test_variables(device):
    v = tc.Variable([1.0, 2.0, 3.0])
    old = v.value
    v[1:] = 0.0
    assert v.numpy().tolist() == [1.0, 0.0, 0.0]
    assert old.tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(GradientError, match="variable"):
        v.value[0] = 5.0


BAD = [
    (lambda x: x.__setitem__(5, 1.0), OutOfRangeError, "out of bounds"),
    (lambda x: x.__setitem__(slice(0, 2), tc.ones(3)), ShapeError, r"\(3,\).*\(2,\)"),
    (lambda x: x.__setitem__(0, 1j), DTypeError, "1j"),
    (lambda x: x.__setitem__(0, tc.asarray(1j)), DTypeError, "complex64"),
    (lambda x: x.__setitem__("a", 1.0), TypeError, "'a'"),
]


@pytest.mark.parametrize(("call", "error", "match"), BAD)
def test_bad_writes(call, error, match, device):
    with pytest.raises(error, match=match):
        call(tc.zeros(3))


def test_integers_take_no_fractions(device):
    x = tc.zeros(2, dtype=tc.int8)
    with pytest.raises(DTypeError, match=r"0\.5"):
        x[0] = 0.5
    with pytest.raises(DTypeError, match="300"):
        x[0] = 300
