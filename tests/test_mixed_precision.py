"""Mixed precision: 16 bits of computation, float32 weights, losses that scale themselves."""

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras
from tensorcore.errors import InvalidArgumentError

POLICIES = ("mixed_float16", "mixed_bfloat16")


@pytest.fixture
def policy(request):
    keras.mixed_precision.set_global_policy(request.param)
    yield request.param
    keras.mixed_precision.set_global_policy("float32")


every_policy = pytest.mark.parametrize("policy", POLICIES, indirect=True)


def model_and_data(rng, run_eagerly=False):
    keras.utils.set_random_seed(1)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Dense(16, activation="relu", input_shape=(8,)),
            layers.LayerNormalization(),
            layers.Dense(3),
            layers.Activation("softmax", dtype="float32"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.02),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        run_eagerly=run_eagerly,
    )
    x = rng.normal(size=(96, 8)).astype("float32")
    return model, x, np.argmax(x[:, :3], axis=1).astype("int32")


@every_policy
def test_layers_compute_in_16_bits_and_keep_float32_weights(device, policy):
    layer = keras.layers.Dense(3)
    y = layer(tc.ones((2, 4)))
    assert y.dtype.name == policy.removeprefix("mixed_")
    assert layer.kernel.dtype == tc.float32
    assert layer.compute_dtype == y.dtype
    assert layer.dtype_policy.name == policy
    assert layer.kernel.value.dtype == tc.float32  # outside of calls weights are themselves


@every_policy
def test_gradients_reach_the_float32_weights(device, policy):
    layer = keras.layers.Dense(2, use_bias=False, kernel_initializer="ones")
    x = tc.asarray([[1.0, 2.0, 3.0]])
    with tc.GradientTape() as tape:
        loss = tc.sum(tc.astype(layer(x), tc.float32))
    gradient = tape.gradient(loss, layer.kernel)
    assert gradient.dtype == tc.float32
    np.testing.assert_array_equal(gradient.numpy(), [[1, 1], [2, 2], [3, 3]])


@every_policy
def test_a_layer_of_another_policy_inside_keeps_its_own(device, policy):
    class Outer(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.exact = keras.layers.Dense(2, dtype="float32")

        def call(self, x):
            return self.exact(x)

    assert Outer()(tc.ones((1, 3))).dtype == tc.float32


@every_policy
def test_models_learn_traced_as_eager(device, policy, rng):
    model, x, y = model_and_data(rng)
    history = model.fit(x, y, batch_size=32, epochs=12, verbose=0)
    assert history.history["accuracy"][-1] > 0.85
    eager, x, y = model_and_data(np.random.default_rng(3), run_eagerly=True)
    traced, x, y = model_and_data(np.random.default_rng(3))
    losses = [
        [m.train_on_batch(x[:32], y[:32], return_dict=True)["loss"] for _ in range(4)]
        for m in (eager, traced)
    ]
    np.testing.assert_allclose(losses[0], losses[1], rtol=2e-3)


@pytest.mark.parametrize("policy", ["mixed_float16"], indirect=True)
def test_compile_lets_float16_scale_its_loss(device, policy, rng):
    model, x, y = model_and_data(rng)
    assert isinstance(model.optimizer, keras.mixed_precision.LossScaleOptimizer)
    assert isinstance(model.optimizer.inner_optimizer, keras.optimizers.Adam)
    model.fit(x, y, batch_size=32, epochs=1, verbose=0)
    assert int(model.optimizer.iterations.numpy()) == 3
    assert int(model.optimizer.step_counter.numpy()) == 3


@pytest.mark.parametrize("policy", ["mixed_bfloat16"], indirect=True)
def test_bfloat16_needs_no_scale(device, policy, rng):
    model, _, _ = model_and_data(rng)
    assert isinstance(model.optimizer, keras.optimizers.Adam)


@pytest.mark.parametrize("traced", [False, True])
def test_an_overflow_changes_nothing_but_the_scale(device, traced):
    weight = tc.Variable([1.0, -2.0])
    optimizer = keras.mixed_precision.LossScaleOptimizer(
        keras.optimizers.SGD(0.1, momentum=0.9), initial_scale=8.0, dynamic_growth_steps=2
    )

    def step(gradient):
        optimizer.apply([gradient], [weight])

    run = tc.function(step) if traced else step
    run(tc.asarray([8.0, 8.0]))  # of a loss that was scaled by 8
    np.testing.assert_allclose(weight.numpy(), [0.9, -2.1], rtol=1e-6)
    run(tc.asarray([float("inf"), 8.0]))
    np.testing.assert_allclose(weight.numpy(), [0.9, -2.1], rtol=1e-6)
    assert float(optimizer.dynamic_scale) == 4.0
    assert int(optimizer.skipped_steps) == 1
    assert int(optimizer.step_counter) == 0
    (momentum,) = optimizer.inner_optimizer.state_of(weight)
    np.testing.assert_allclose(momentum.numpy(), [-0.1, -0.1], rtol=1e-6)
    run(tc.asarray([4.0, 4.0]))
    run(tc.asarray([4.0, 4.0]))
    assert float(optimizer.dynamic_scale) == 8.0  # doubled after two good steps


# name -> (layer, input, what 16 bits all the way through would miss)
ISLANDS = {
    "softmax": (lambda: keras.layers.Softmax(), np.zeros((2, 4096)), 1 / 4096),
    "average": (
        lambda: keras.layers.GlobalAveragePooling1D(),
        np.full((1, 70_000, 1), 2.0),  # their sum is more than float16 has
        2.0,
    ),
    "product": (
        lambda: keras.layers.Dense(1, use_bias=False, kernel_initializer="ones"),
        np.ones((2, 1024)),  # bfloat16 ends at 256 when ones are added
        1024.0,
    ),
    "layer norm": (
        lambda: keras.layers.LayerNormalization(epsilon=1e-6),
        np.tile([1000.0, 1016.0], (2, 64)),  # whose squares are more than float16 has
        np.tile([-1.0, 1.0], (2, 64)),
    ),
    "batch norm": (
        lambda: keras.layers.BatchNormalization(epsilon=1e-6),
        np.tile([[1000.0], [1016.0]], (32, 3)),
        np.tile([[-1.0], [1.0]], (32, 3)),
    ),
}


@every_policy
@pytest.mark.parametrize("name", ISLANDS)
def test_sums_inside_layers_are_float32(device, policy, name):
    make, x, expected = ISLANDS[name]
    y = make()(tc.asarray(x.astype("float32")), training=True)
    assert y.dtype.name == policy.removeprefix("mixed_")
    np.testing.assert_allclose(y.numpy().astype("float64"), expected + np.zeros(y.shape), rtol=4e-3)


@every_policy
@pytest.mark.parametrize("name", ["CategoricalCrossentropy", "MeanSquaredError", "Huber"])
def test_losses_of_16_bits_are_float32(device, policy, name, rng):
    dtype = policy.removeprefix("mixed_")
    labels = tc.asarray(np.eye(3, dtype="float32")[rng.integers(0, 3, 600)])
    outputs = tc.nn.softmax(tc.astype(tc.asarray(rng.normal(size=(600, 3))), dtype))
    loss = getattr(keras.losses, name)()
    found, expected = loss(labels, outputs), loss(labels, tc.astype(outputs, "float32"))
    assert found.dtype == tc.float32
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-6)


@every_policy
@pytest.mark.parametrize("name", ["categorical_crossentropy", "mse"])
def test_a_model_of_16_bits_has_a_float32_loss(device, policy, name, rng):
    """Its last layer computes in 16 bits; the loss is that of these numbers, summed exactly."""
    model = keras.Sequential([keras.layers.Dense(3, activation="softmax", input_shape=(4,))])
    model.compile("sgd", name)
    x = rng.normal(size=(600, 4)).astype("float32")
    y = np.eye(3, dtype="float32")[rng.integers(0, 3, 600)]
    found = model.evaluate(x, y, batch_size=600, verbose=0)
    outputs = tc.astype(tc.asarray(model.predict(x, verbose=0)), "float32")
    expected = tc.mean(keras.losses.get(name)(tc.asarray(y), outputs))
    np.testing.assert_allclose(found, float(expected), rtol=1e-5)


def test_policies_are_told_from_names():
    policy = keras.mixed_precision.Policy("mixed_float16")
    assert (policy.compute_dtype, policy.variable_dtype) == ("float16", "float32")
    assert keras.mixed_precision.Policy("float64").variable_dtype == "float64"
    assert policy == keras.DTypePolicy.from_config(policy.get_config())
    for wrong in ("mixed_float64", "float31", "half-ish"):
        with pytest.raises(InvalidArgumentError, match='such as "float32", or "mixed_float16"'):
            keras.mixed_precision.Policy(wrong)


def test_the_policy_is_part_of_a_layers_configuration():
    layer = keras.layers.Dense(2, dtype="mixed_bfloat16")
    again = keras.layers.Dense.from_config(layer.get_config())
    assert again.dtype_policy.name == "mixed_bfloat16"


def test_scaling_wants_an_optimizer():
    with pytest.raises(InvalidArgumentError, match="inner_optimizer must be an optimizer"):
        keras.mixed_precision.LossScaleOptimizer("adam")
