"""Traced steps on a GPU: captured into a CUDA graph and replayed, with the values of eager runs."""

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras
from tests import emulator
from tests.tolerances import assert_close

on_gpu = pytest.mark.parametrize("device", ["gpu"], indirect=True)


def plan_of(function):
    """The plan of the one trace of a function."""
    (traced,) = function._traces.values()
    return traced.plan


def dense_model():
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Flatten(input_shape=(4, 4)),
            layers.Dense(8, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(3, activation="softmax"),
        ]
    )


def convolution_model():
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Conv2D(4, 3, activation="relu", input_shape=(8, 8, 1)),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


def text_model():
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Embedding(50, 4, input_shape=(None,)),
            layers.GlobalAveragePooling1D(),
            layers.Dense(4, activation="relu"),
            layers.Dense(3, activation="softmax"),
        ]
    )


def photo_model():
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Conv2D(4, 3, activation="relu", input_shape=(12, 12, 3)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(6, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(8, activation="relu"),
            layers.Dense(3, activation="softmax"),
        ]
    )


def sequence_model():
    layers = keras.layers
    return keras.Sequential(
        [
            layers.LSTM(4, return_sequences=True, input_shape=(5, 3)),
            layers.GRU(3),
            layers.Dense(3, activation="softmax"),
        ]
    )


def encoder_model():
    """Two blocks of a transformer's encoder."""
    layers = keras.layers
    inputs = x = keras.Input((6, 8))
    for _ in range(2):
        attended = layers.MultiHeadAttention(num_heads=2, key_dim=4)(x, x, use_causal_mask=True)
        x = layers.LayerNormalization()(x + attended)
        x = layers.LayerNormalization()(x + layers.Dense(8)(layers.Dense(12, "relu")(x)))
    x = layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling1D()(x))
    return keras.Model(inputs, x)


def batch(rng, shape, integers=False):
    x = rng.integers(0, 50, shape) if integers else rng.normal(size=shape).astype("float32")
    return x, rng.integers(0, 3, shape[0]).astype("int32")


MODELS = {
    "dense": (dense_model, (6, 4, 4), False),
    "convolution": (convolution_model, (4, 8, 8, 1), False),
    "text": (text_model, (5, 7), True),
    "sequence": (sequence_model, (4, 5, 3), False),
    "photo": (photo_model, (4, 12, 12, 3), False),
    "encoder": (encoder_model, (3, 6, 8), False),
}


def losses(name, rng, eagerly, steps=5):
    """The losses of some training steps, and the step itself."""
    build, shape, integers = MODELS[name]
    keras.utils.set_random_seed(3)
    model = build()
    model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=eagerly)
    batches = [batch(rng, shape, integers) for _ in range(steps)]
    found = [model.train_on_batch(x, y, return_dict=True)["loss"] for x, y in batches]
    return found, model


@on_gpu
def test_a_function_is_captured_at_the_second_run_and_then_replayed(device, rng):
    @tc.function
    def polynomial(x, w):
        return tc.sum(tc.exp(x) @ w, axis=0) * 2.0

    w = rng.normal(size=(3, 2)).astype("float32")
    for number in range(4):
        x = rng.normal(size=(5, 3)).astype("float32")
        found = polynomial(tc.asarray(x), tc.asarray(w))
        assert_close(found, 2 * (np.exp(x) @ w).sum(0))
        assert plan_of(polynomial).run_steps.is_captured == (number > 0)
    assert plan_of(polynomial).run_steps.problem is None


@on_gpu
def test_variables_are_written_by_replays(device):
    total = tc.Variable([0.0, 0.0])

    @tc.function
    def add(x):
        total.assign_add(x * 2.0)
        return total.value

    for number in range(1, 5):
        assert add(tc.asarray([1.0, 2.0])).tolist() == [2.0 * number, 4.0 * number]


@on_gpu
def test_random_numbers_differ_from_replay_to_replay(device):
    @tc.function
    def draw():
        return tc.random.normal((4,))

    drawn = {tuple(draw().tolist()) for _ in range(5)}
    assert len(drawn) == 5


@on_gpu
@pytest.mark.parametrize("name", MODELS)
def test_training_by_replay_equals_eager_training(device, name):
    by_hand, _ = losses(name, np.random.default_rng(0), eagerly=True)
    replayed, model = losses(name, np.random.default_rng(0), eagerly=False)
    assert_close(np.array(replayed), np.array(by_hand))
    plan = plan_of(model.step("train_step")._traced)
    assert plan.run_steps.problem is None
    assert plan.run_steps.is_captured


@on_gpu
@pytest.mark.parametrize("features", [8, 136])
def test_attention_of_all_dtypes_is_captured(device, rng, features):
    """Also where there is no kernel of its own: float64, and heads of more than 128 features."""
    for dtype in ("float16", "float32", "float64"):
        query = tc.asarray(rng.normal(size=(1, 5, 2, features)).astype(dtype))

        @tc.function
        def slope(x):
            return tc.grad(lambda x: tc.sum(attended(x)))(x)

        def attended(x):
            mask = tc.asarray([True, True, False, True, True])
            return tc.nn.scaled_dot_product_attention(x, x, x, mask=mask, is_causal=True)

        expected = tc.grad(lambda x: tc.sum(attended(x)))(query)
        for _ in range(3):
            assert_close(slope(query).numpy(), expected.numpy())
        assert plan_of(slope).run_steps.is_captured


@on_gpu
@pytest.mark.skipif(not emulator.is_installed(), reason="the emulator counts syncs and copies")
@pytest.mark.parametrize("name", MODELS)
def test_a_training_step_is_one_launch_and_no_sync(device, name, rng):

    _, model = losses(name, rng, eagerly=False, steps=3)
    _, shape, integers = MODELS[name]
    data = model.batch_on_device(*batch(rng, shape, integers), None)
    step = model.step("train_step")
    with emulator.counting() as seen:
        step(data)
    assert seen.graph_launches == 1
    assert seen.syncs == 0
    assert seen.device_to_host == 0
    assert seen.host_to_device == 1, "the step size and places in random streams, at once"


@on_gpu
@pytest.mark.parametrize("name", MODELS)
def test_fit_gathers_batches_of_arrays_on_the_gpu(device, name):
    """Odd and even batches, a smaller one at the end, two epochs: the losses are eager ones."""
    build, shape, integers = MODELS[name]
    x, y = batch(np.random.default_rng(0), (6 * shape[0] + 1, *shape[1:]), integers)

    def losses(eagerly):
        keras.utils.set_random_seed(3)
        model = build()
        model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=eagerly)
        found = model.fit(x, y, batch_size=shape[0], epochs=3, verbose=0).history["loss"]
        return found, model

    found, model = losses(eagerly=False)
    # The losses are sums in float32, whose terms a traced step adds in an order of its own.
    assert_close(np.float32(found), np.float32(losses(eagerly=True)[0]))
    if not emulator.is_installed():
        return
    with emulator.counting() as seen:
        model.fit(x[: 4 * shape[0]], y[: 4 * shape[0]], batch_size=shape[0], verbose=0)
    assert seen.graph_launches == 4
    assert seen.host_to_device == 8, "x and y, one copy a batch, and the metrics set to 0"
    assert seen.syncs <= 2, "at the end of the epoch, when its metrics are read"


@on_gpu
def test_traced_products_are_as_exact_as_is_asked_for(device, rng):
    x, y = (rng.normal(size=(64, 64)).astype("float32") for _ in range(2))
    product = tc.function(lambda x, y: tc.where(tc.asarray(True), x @ y, 0.0))
    exact = x.astype("float64") @ y

    def error():
        found = [product(tc.asarray(x), tc.asarray(y)).numpy() for _ in range(3)]
        return max(np.abs(result - exact).max() for result in found)

    try:
        for precision, low, high in (
            ("tf32", 1e-3, 1e-1),
            ("float32", 0.0, 1e-4),
            ("bfloat16", 1e-2, 1.0),
            ("float32", 0.0, 1e-4),
        ):
            tc.set_matmul_precision(precision)
            assert low < error() < high
    finally:
        tc.set_matmul_precision("float32")


@on_gpu
def test_kernels_are_chosen_anew_where_results_are_to_be_deterministic(device):
    twice = tc.function(lambda x: x + x)
    for _ in range(3):
        twice(tc.asarray([1.0]))
    plan = plan_of(twice)
    captured = plan.run_steps
    tc.config.deterministic(True)
    try:
        assert twice(tc.asarray([2.0])).tolist() == [4.0]
        assert plan.run_steps is not captured
    finally:
        tc.config.deterministic(False)


@on_gpu
def test_what_cannot_be_captured_is_launched_plainly_and_says_why(device, monkeypatch):
    from tensorcore.kernels.cuda.graphs import Replay

    ran = []

    def waits():
        ran.append(1)
        device.synchronize()

    replay = Replay([waits])
    for _ in range(3):
        replay()
    assert not replay.is_captured
    assert replay.problem
    assert len(ran) >= 3


@on_gpu
def test_graphs_can_be_turned_off(device, monkeypatch):
    monkeypatch.setenv("TENSORCORE_CUDA_GRAPHS", "0")
    twice = tc.function(lambda x: x + x)
    for _ in range(3):
        twice(tc.asarray([1.0]))
    assert plan_of(twice).run_steps.problem == "TENSORCORE_CUDA_GRAPHS=0"
