"""Random streams: the same on both devices, reproducible, and with the right distributions."""

from __future__ import annotations

import numpy as np
import pytest

import tensorcore as tc
from tensorcore.errors import DTypeError, InvalidArgumentError
from tensorcore.random import Generator


def test_known_answers(device):
    """Vectors published with Philox4x32-10 (Random123, kat_vectors)."""
    zero = tc.ops.random_bits.random_bits(np.uint64(0), np.uint64(0), shape=(4,)).numpy()
    assert [f"{word:08x}" for word in zero] == ["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]


def test_devices_agree_to_the_bit(device):
    def draw(where):
        stream = Generator(99)
        return [
            stream.bits((1001,), device=where).numpy(),
            stream.uniform((257,), device=where).numpy(),
            stream.uniform((33,), dtype="float64", device=where).numpy(),
            stream.permutation(100, device=where).numpy(),
            stream.integers(-5, 5, (50,), device=where).numpy(),
            stream.truncated_normal((40,), device=where).numpy(),
            stream.dropout_mask((31, 7), 0.3, "float32", tc.device(where)).numpy(),
        ]

    for here, there in zip(draw(device), draw("cpu"), strict=True):
        np.testing.assert_array_equal(here, there)
    np.testing.assert_allclose(
        Generator(1).normal((999,), device=device).numpy(),
        Generator(1).normal((999,), device="cpu").numpy(),
        atol=1e-5,
    )


def test_seeds_and_state(device):
    tc.random.set_seed(5)
    first = tc.random.uniform((10,)).numpy()
    second = tc.random.uniform((10,)).numpy()
    tc.random.set_seed(5)
    np.testing.assert_array_equal(tc.random.uniform((10,)).numpy(), first)
    assert not np.array_equal(first, second)
    stream = Generator(3)
    stream.normal((5,))
    saved = stream.state
    expected = stream.normal((6,)).numpy()
    stream.state = saved
    np.testing.assert_array_equal(stream.normal((6,)).numpy(), expected)


def test_streams_do_not_overlap(device):
    stream = Generator(11)
    parts = [stream.bits((n,)).numpy() for n in (1, 3, 4, 5, 64)]
    words = np.concatenate(parts)
    assert len(np.unique(words)) == len(words)


def test_distributions(device):
    n = 20_000
    uniform = tc.random.uniform((n,), -1.0, 3.0).numpy()
    assert uniform.min() >= -1 and uniform.max() < 3
    assert abs(uniform.mean() - 1.0) < 0.04
    normal = tc.random.normal((n,), 2.0, 0.5).numpy()
    assert abs(normal.mean() - 2.0) < 0.02
    assert abs(normal.std() - 0.5) < 0.015
    kurtosis = (((normal - 2.0) / 0.5) ** 4).mean()
    assert abs(kurtosis - 3.0) < 0.25
    cut = tc.random.truncated_normal((n,)).numpy()
    assert np.abs(cut).max() < 2.0
    assert abs(cut.std() - 0.88) < 0.02
    whole = tc.random.integers(0, 7, (n,)).numpy()
    assert np.bincount(whole, minlength=7).min() > n / 7 * 0.9
    assert sorted(tc.random.permutation(50).tolist()) == list(range(50))


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5, 0.9])
def test_dropout_keeps_the_mean(device, rate):
    x = tc.ones((200, 50))
    kept = tc.nn.dropout(x, rate).numpy()
    assert abs((kept == 0).mean() - rate) < 0.02
    np.testing.assert_allclose(kept[kept != 0], 1 / (1 - rate), rtol=1e-6)


def test_wide_integers(device):
    words = tc.random.integers(-(2**62), 2**62, (1000,), dtype="int64").numpy()
    assert words.min() < -(2**60) and words.max() > 2**60
    assert tc.random.integers(0, 256, (500,), dtype="uint8").numpy().max() > 200


def test_shuffle(device):
    x = tc.reshape(tc.arange(20), (10, 2))
    mixed = tc.random.shuffle(x).numpy()
    assert not np.array_equal(mixed, x.numpy())
    np.testing.assert_array_equal(np.sort(mixed, axis=0), x.numpy())


def test_bad_arguments(device):
    with pytest.raises(
        InvalidArgumentError, match="dropout: rate must be at least 0 and below 1, received 1"
    ):
        tc.nn.dropout(tc.ones(3), 1.0)
    with pytest.raises(
        DTypeError, match="random_uniform: dtype must be a real floating-point dtype"
    ):
        tc.random.uniform((2,), dtype="int32")
    with pytest.raises(InvalidArgumentError, match="low < high"):
        tc.random.integers(3, 3)


def test_the_functions_draw_from_the_default_generator():
    state = tc.random.default_generator().state
    first = tc.random.normal((3,), device="cpu")
    tc.random.default_generator().state = state
    assert tc.random.normal((3,), device="cpu").tolist() == first.tolist()


def test_the_order_of_random_keys_is_that_of_sorting():
    from tensorcore.random import _order_of

    rng = np.random.default_rng(0)
    for bits in (64, 24, 1):  # 24: many keys have the same upper 48 bits
        keys = rng.integers(0, 2**bits - 1, 3000, np.uint64, endpoint=True)
        np.testing.assert_array_equal(_order_of(keys), np.argsort(keys, kind="stable"))
