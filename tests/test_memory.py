"""Memory of a device: limits, messages, and models that survive when it runs out."""

import gc

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras
from tensorcore.errors import InvalidArgumentError, OutOfMemoryError
from tensorcore.memory import largest_tensors
from tests import emulator

on_gpu = pytest.mark.parametrize("device", ["gpu"], indirect=True)
emulated_only = pytest.mark.skipif(not emulator.is_installed(), reason="needs planned failures")


def test_the_summary_names_the_device(device):
    summary = tc.memory_summary(device)
    assert summary.total >= summary.free > 0
    assert str(summary).startswith(f"{device}: ")


def test_the_largest_tensors_are_found_once(device):
    large, larger = tc.zeros((300, 1000)), tc.zeros((400, 1000))
    view = larger[:399]
    found = largest_tensors(device, 2)
    assert found[0] is larger or found[0] is view
    assert found[1] is large


@on_gpu
def test_the_message_says_who_has_the_memory(device):
    kernel = tc.Variable(tc.zeros((512, 1024)), name="kernel")
    with pytest.raises(OutOfMemoryError, match=r"kernel \(512, 1024\) float32 \(2\.0 MiB\)"):
        tc.zeros((1 << 40,), dtype="uint8")
    assert kernel.shape == (512, 1024)


@on_gpu
def test_a_limit_can_be_set_and_taken_away(device):
    pool = device.xp.get_default_memory_pool()
    try:
        tc.set_memory_limit(device, nbytes=1 << 20)
        assert pool.get_limit() == 1 << 20
        tc.set_memory_limit(device, fraction=0.5)
        total = tc.memory_summary(device).total
        assert abs(pool.get_limit() - total / 2) < 1 << 12
    finally:
        tc.set_memory_limit(device, nbytes=0)
    assert pool.get_limit() == 0


def test_limits_that_make_no_sense(device):
    if device.kind == "cpu":
        with pytest.raises(InvalidArgumentError, match="only a GPU's memory can be limited"):
            tc.set_memory_limit(device, nbytes=1)
        return
    with pytest.raises(InvalidArgumentError, match="give either nbytes or fraction"):
        tc.set_memory_limit(device)
    with pytest.raises(InvalidArgumentError, match="fraction must be more than 0"):
        tc.set_memory_limit(device, fraction=1.5)
    with pytest.raises(InvalidArgumentError, match="nbytes must be 0"):
        tc.set_memory_limit(device, nbytes=-1)


def test_emptying_the_cache_keeps_the_tensors(device):
    x = tc.ones((100,))
    tc.empty_cache(device)
    assert float(tc.sum(x)) == 100


def small_model(run_eagerly):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.Dense(4, activation="relu", input_shape=(3,)),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, run_eagerly=run_eagerly)
    return model


@on_gpu
@emulated_only
@pytest.mark.parametrize("run_eagerly", [True, False])
def test_a_model_survives_running_out_of_memory_at_any_allocation(device, run_eagerly, rng):
    """CuPy's pool tries again after freeing, so three failures in a row make one error."""
    x = rng.normal(size=(6, 3)).astype("float32")
    y = rng.integers(0, 2, 6).astype("int32")
    model = small_model(run_eagerly)
    for _ in range(3):
        model.train_on_batch(x, y)
    failures = quiet = 0
    place = 0
    while quiet < 5:  # so many places behind the last allocation of a step
        place += 5 if run_eagerly else 1  # hundreds of allocations op by op
        steps = int(model.optimizer.iterations.numpy())
        emulator.fail_allocation(place, 3)
        try:
            model.train_on_batch(x, y)
            quiet += 1
        except OutOfMemoryError:
            failures += 1
            quiet = 0
        finally:
            emulator.fail_allocation(0, 0)
        # Whether the step counts depends on where it failed.
        assert int(model.optimizer.iterations.numpy()) - steps in (0, 1)
        assert all(np.isfinite(weights).all() for weights in model.get_weights())
        assert np.isfinite(model.train_on_batch(x, y))
    assert failures > 0


@on_gpu
def test_models_that_are_dropped_leave_no_memory_behind(device, rng):
    """Neither graphs, nor workspaces of libraries, nor the blocks that batches came through."""
    x, y = rng.normal(size=(12, 3)).astype("float32"), rng.integers(0, 2, 12)

    def used():
        model = small_model(run_eagerly=False)
        model.fit(x, y, batch_size=4, epochs=2, verbose=0)
        model.predict(x, batch_size=4, verbose=0)
        assert any(plan.run_steps.is_captured for plan in model.step("train_step").plans)
        del model
        gc.collect()
        tc.empty_cache(device)
        return tc.memory_summary(device).used

    used()
    assert used() <= used()


@on_gpu
def test_graphs_may_be_launched_in_several_streams(device, rng):
    @tc.function
    def product(x, y):
        return tc.cumulative_sum(x @ y, axis=0)

    x = tc.asarray(rng.normal(size=(5, 5)).astype("float32"))
    expected = [product(x, x).numpy() for _ in range(3)]
    assert product.traces[0].plan.run_steps.is_captured
    streams = [device.xp.cuda.Stream(non_blocking=True) for _ in range(2)]
    for stream in (*streams, *streams):
        with stream:
            np.testing.assert_allclose(product(x, x).numpy(), expected[0], rtol=1e-6)


def convolution_model():
    layers = keras.layers
    return [
        layers.Conv2D(3, 3, activation="relu", input_shape=(6, 6, 2)),
        layers.BatchNormalization(),
        layers.MaxPooling2D(),
        layers.Flatten(),
    ], (6, 6, 2)


def recurrent_model():
    return [keras.layers.LSTM(3, input_shape=(4, 2))], (4, 2)


def attention_model():
    class Block(keras.layers.Layer):
        def build(self, shape):
            self.attention = keras.layers.MultiHeadAttention(num_heads=2, key_dim=2)
            self.norm = keras.layers.LayerNormalization()

        def call(self, x):
            return self.norm(x + self.attention(x, x))

    return [Block(), keras.layers.GlobalAveragePooling1D()], (4, 4)


@on_gpu
@emulated_only
@pytest.mark.parametrize("build", [convolution_model, recurrent_model, attention_model])
def test_fit_may_run_out_of_memory_wherever_it_likes(device, build, rng):
    """While a step runs eagerly, is traced, planned, captured and fed: afterwards all is well."""
    stack, shape = build()
    model = keras.Sequential([*stack, keras.layers.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    x = rng.normal(size=(12, *shape)).astype("float32")
    y = rng.integers(0, 2, 12)

    def fit():
        model.forget_steps()
        return model.fit(x, y, batch_size=3, verbose=0).history["loss"][0]

    fit()
    with emulator.counting() as seen:
        fit()
    failures = 0
    for place in np.linspace(2, 0.95 * seen.allocations, 5).astype(int):
        emulator.fail_allocation(int(place), 3)
        try:
            fit()
        except OutOfMemoryError:
            failures += 1
        finally:
            emulator.fail_allocation(0, 0)
        assert all(np.isfinite(weights).all() for weights in model.get_weights())
    assert failures >= 3
    assert np.isfinite(fit())


@on_gpu
@emulated_only
def test_a_run_that_is_tried_again_assigns_once(device, monkeypatch):
    monkeypatch.setenv("TENSORCORE_CUDA_GRAPHS", "0")
    calls = tc.Variable(0.0)

    @tc.function
    def count(x):
        calls.assign_add(1.0)
        return tc.cumulative_sum(tc.sort(x))

    x = tc.asarray(np.arange(6.0)[::-1].copy())
    count(x)
    for place in range(1, 9):
        emulator.fail_allocation(place, 1)
        try:
            assert count(x).tolist() == [0, 1, 3, 6, 10, 15]
        finally:
            emulator.fail_allocation(0, 0)
        assert float(calls) == 1 + place


@on_gpu
def test_what_nobody_can_reach_makes_room(device):
    """An allocation is tried again after Python has collected what lies in circles."""
    gc.collect()
    tc.empty_cache(device)
    gc.disable()
    try:
        tc.set_memory_limit(device, nbytes=tc.memory_summary(device).used + (12 << 20))
        circle = [tc.zeros((8 << 20,), dtype="uint8")]
        circle.append(circle)
        del circle
        assert tc.zeros((8 << 20,), dtype="uint8").shape == (8 << 20,)
    finally:
        gc.enable()
        tc.set_memory_limit(device, nbytes=0)


@on_gpu
def test_traced_functions_are_named_and_give_their_memory_back(device):
    gc.collect()
    tc.empty_cache(device)
    before = tc.memory_summary(device).used
    total = tc.function(lambda x: tc.cumulative_sum(tc.exp(x) * 2.0)[-1])
    for _ in range(3):
        total(tc.zeros((1 << 18,)))
    assert total.traces[0].plan.run_steps.is_captured
    with pytest.raises(OutOfMemoryError, match=r"Traced functions keep \d+\.\d MiB for what they"):
        tc.zeros((1 << 40,), dtype="uint8")
    del total
    gc.collect()
    tc.empty_cache(device)
    assert tc.memory_summary(device).used - before < 1 << 19


@pytest.mark.parametrize("run_eagerly", [True, False])
def test_running_out_of_memory_names_a_batch_size_that_fits(device, rng, run_eagerly):
    """What a batch takes is counted; the batch that is named then does fit."""
    if device.kind == "cpu":
        return
    layers = keras.layers
    stack = [layers.Dense(512, activation="relu", input_shape=(64,)), layers.Dense(1)]
    x, y = rng.normal(size=(4096, 64)).astype("float32"), rng.normal(size=(4096, 1))

    def fit(batch_size):
        model = keras.Sequential(stack)
        model.compile("adam", "mse", run_eagerly=run_eagerly)
        options = {"batch_size": batch_size, "epochs": 1 if run_eagerly else 4, "verbose": 0}
        model.fit(x[:batch_size], y[:batch_size], **options)

    fit(64)  # makes what every step needs
    tc.empty_cache(device)
    used = tc.memory_summary(device).used
    try:
        tc.set_memory_limit(device, nbytes=used + (12 << 20))
        with pytest.raises(
            OutOfMemoryError, match=r"This batch had 4096 samples; try batch_size=(\d+)"
        ) as caught:
            fit(4096)
        advised = int(str(caught.value).rpartition("=")[2].rstrip("."))
        assert 64 <= advised <= 2048
        del caught
        tc.empty_cache(device)
        fit(advised)
    finally:
        tc.set_memory_limit(device, nbytes=0)
