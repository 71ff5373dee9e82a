"""Layers: values against hand-written NumPy, weights, names, errors."""

from __future__ import annotations

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import initializers
from tensorcore.errors import InvalidArgumentError, ShapeError, TrainingError
from tensorcore.layers import (
    Activation,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    Input,
    InputLayer,
    Layer,
    MaxPooling2D,
    ReLU,
    Softmax,
    activations,
)
from tensorcore.layers.naming import reset_names, to_snake_case
from tests.tolerances import assert_close


@pytest.fixture(autouse=True)
def _names():
    reset_names()


# Dense --------------------------------------------------------------------------------------------


def test_dense_is_matmul_plus_bias_then_activation(device, rng):
    layer = Dense(3, activation="relu")
    x = rng.normal(size=(5, 4)).astype("float32")
    layer.build((None, 4))
    kernel, bias = rng.normal(size=(4, 3)), rng.normal(size=3)
    layer.set_weights([kernel, bias])
    expected = np.maximum(x @ kernel.astype("float32") + bias.astype("float32"), 0)
    y = layer(x)
    assert y.device is device
    assert_close(y.numpy(), expected)


def test_dense_works_on_the_last_axis_of_any_rank(device, rng):
    layer = Dense(2, use_bias=False)
    x = rng.normal(size=(2, 3, 4)).astype("float32")
    y = layer(x)
    assert_close(y.numpy(), x @ layer.get_weights()[0])
    assert layer.compute_output_shape((None, 3, 4)) == (None, 3, 2)
    assert layer.bias is None


def test_dense_takes_lists_and_other_float_dtypes_and_integers(device):
    layer = Dense(1, kernel_initializer="ones")
    assert layer([[1.0, 2.0]]).numpy().tolist() == [[3.0]]
    assert layer(np.array([[1.0, 2.0]], np.float64)).dtype == tc.float32
    assert layer(np.array([[1, 2]], np.uint8)).numpy().tolist() == [[3.0]]


def test_dense_in_float64(device):
    layer = Dense(2, dtype="float64")
    assert layer(np.ones((1, 3), np.float32)).dtype == tc.float64
    assert layer.kernel.dtype == tc.float64


def test_dense_gradients_reach_both_weights(device):
    layer = Dense(2)
    x = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    with tc.GradientTape() as tape:
        loss = tc.sum(layer(x))
    kernel, bias = tape.gradient(loss, layer.trainable_variables)
    assert kernel.numpy().tolist() == [[4.0, 4.0], [6.0, 6.0]]
    assert bias.numpy().tolist() == [2.0, 2.0]


def test_dense_refuses_another_input_size():
    layer = Dense(3)
    layer(np.ones((2, 4)))
    with pytest.raises(ShapeError, match=r'Dense "dense".*size 4.*received shape \(2, 5\)'):
        layer(np.ones((2, 5)))
    with pytest.raises(ShapeError, match=r"at least 2 dimensions.*\(3,\)"):
        Dense(3)(np.ones(3))


@pytest.mark.parametrize("units", [0, -1, 2.5, True])
def test_dense_refuses_bad_units(units):
    with pytest.raises(InvalidArgumentError, match="units must be a positive int"):
        Dense(units)


def test_unknown_arguments_suggest_the_nearest_known_one():
    with pytest.raises(TypeError, match="unknown arguments"):
        Dense(1, colour="red")
    with pytest.raises(TypeError, match='Did you mean "kernel_initializer"'):
        Dense(1, kernel_initialiser="zeros")


# The layer contract -------------------------------------------------------------------------------


class Scale(Layer):
    def build(self, input_shape):
        self.factor = self.add_weight(
            shape=(input_shape[-1],), initializer="ones", name="factor", trainable=True
        )
        self.seen = self.add_weight(shape=(), initializer="zeros", trainable=False, name="seen")

    def call(self, inputs):
        return inputs * self.factor


class Block(Layer):
    def __init__(self):
        super().__init__()
        self.layers_by_name = {"a": Scale(), "b": [Dense(2)]}
        self.offset = tc.Variable([1.0], name="offset")
        self.dropout = Dropout(0.5)
        self.training_seen = []

    def call(self, inputs, training=None):
        self.training_seen.append(training)
        x = self.layers_by_name["a"](inputs)
        return self.dropout(self.layers_by_name["b"][0](x) + self.offset)


def test_variables_and_layers_in_attributes_lists_and_dicts_are_found(device):
    block = Block()
    block(np.ones((1, 3)))
    paths = [v.path for v in block.weights]
    assert paths == [
        "offset",
        "block/scale/factor",
        "block/scale/seen",
        "block/dense/kernel",
        "block/dense/bias",
    ]
    assert [v.path for v in block.non_trainable_weights] == ["block/scale/seen"]
    assert block.count_params() == 1 + 3 + 1 + 6 + 2


def test_trainable_reaches_all_layers_and_tapes():
    block = Block()
    block(np.ones((1, 3)))
    block.trainable = False
    assert block.trainable_weights == []
    assert len(block.non_trainable_weights) == 5
    with tc.GradientTape() as tape:
        y = tc.sum(block(np.ones((1, 3))))
    assert tape.watched_variables() == ()
    assert float(y) == pytest.approx(float(y))
    block.trainable = True
    assert len(block.trainable_weights) == 4


def test_training_is_handed_down(device):
    block = Block()
    x = np.ones((64, 3))
    block(x)
    in_training = block(x, training=True).numpy()
    assert (in_training == 0).any()
    assert not (block(x).numpy() == 0).any()
    assert block.training_seen == [None, True, None]


def test_training_given_by_position_counts():
    class Net(Layer):
        def __init__(self):
            super().__init__()
            self.dropout = Dropout(0.5)

        def call(self, x, training):
            return self.dropout(x, training)

    x = np.ones((8, 8))
    net = Net()
    assert (net(x, True).numpy() == 0).any()
    assert not (net(x, False).numpy() == 0).any()


def test_names_count_up():
    assert [Dense(1).name, Dense(1).name, Dense(1, name="mine").name, Dense(1).name] == [
        "dense",
        "dense_1",
        "mine",
        "dense_2",
    ]
    assert to_snake_case("Conv2D") == "conv2d"
    assert to_snake_case("GlobalAveragePooling1D") == "global_average_pooling1d"
    assert to_snake_case("LSTM") == "lstm"


def test_config_makes_an_equal_layer():
    for layer in (
        Dense(3, activation="tanh", use_bias=False, kernel_initializer="he_normal", name="d"),
        Conv2D(4, 3, strides=2, padding="same", activation="relu"),
        MaxPooling2D(3, strides=1),
        Embedding(5, 2),
        Dropout(0.3, seed=4),
        ReLU(max_value=6.0),
        Activation("gelu"),
        Softmax(axis=1),
    ):
        again = type(layer).from_config(layer.get_config())
        assert again.get_config() == layer.get_config()


def test_weights_can_be_read_and_set():
    layer = Dense(2)
    with pytest.raises(TrainingError, match="no weights yet"):
        layer.count_params()
    layer.build((None, 3))
    assert layer.built
    layer.set_weights([np.full((3, 2), 2.0), np.ones(2)])
    assert layer(np.ones((1, 3))).numpy().tolist() == [[7.0, 7.0]]
    with pytest.raises(ShapeError, match=r"expected arrays of shapes \[\(3, 2\), \(2,\)\]"):
        layer.set_weights([np.ones((2, 3)), np.ones(2)])


def test_losses_of_inner_layers_are_collected_and_cleared():
    class Penalty(Layer):
        def call(self, x):
            self.add_loss(tc.sum(x))
            return x

    class Outer(Layer):
        def __init__(self):
            super().__init__()
            self.inner = Penalty()

        def call(self, x):
            return self.inner(x)

    outer = Outer()
    outer(np.full((1, 2), 3.0))
    assert [float(loss) for loss in outer.losses] == [6.0]
    outer.clear_losses()
    assert outer.losses == []


def test_forgetting_super_init_is_explained():
    class Forgetful(Layer):
        def __init__(self):
            self.dense = Dense(1)

    with pytest.raises(TrainingError, match=r"call super\(\).__init__\(\)"):
        Forgetful()


def test_a_layer_without_call_says_so():
    with pytest.raises(TrainingError, match="needs a method call"):
        Layer()(np.ones((1, 1)))


def test_output_shape_of_a_layer_without_a_rule_is_found_by_running_it():
    class Twice(Layer):
        def call(self, x):
            return tc.concat([x, x], axis=1)

    assert Twice().compute_output_shape((None, 3)) == (None, 6)


# The other layers ---------------------------------------------------------------------------------


def test_flatten(device):
    x = np.arange(12.0).reshape(2, 3, 2)
    assert Flatten()(x).numpy().tolist() == x.reshape(2, 6).tolist()
    assert Flatten()(np.ones(4)).shape == (4, 1)
    assert Flatten().compute_output_shape((None, 28, 28)) == (None, 784)
    with pytest.raises(InvalidArgumentError, match="channels_first"):
        Flatten(data_format="channels_first")


def test_dropout_keeps_the_mean_and_is_off_outside_training(device):
    x = np.ones((100, 100), np.float32)
    layer = Dropout(0.2, seed=3)
    y = layer(x, training=True).numpy()
    assert set(np.unique(y)) == {np.float32(0.0), np.float32(1.25)}
    # 10,000 draws: the share of zeros is within 5 standard deviations of 0.2.
    assert abs((y == 0).mean() - 0.2) < 0.02
    assert layer(x).numpy().tolist() == x.tolist()
    assert Dropout(0.2, seed=3)(x, training=True).numpy().tolist() == y.tolist()
    assert layer(x, training=True).numpy().tolist() != y.tolist()


def test_dropout_rate_is_checked():
    with pytest.raises(InvalidArgumentError, match="rate must be a number from 0 to 1"):
        Dropout(1.5)
    assert Dropout(1.0)(np.ones((1, 2)), training=True).numpy().tolist() == [[0.0, 0.0]]


def conv_by_hand(x, w, strides, pad, dilation=(1, 1)):
    x = np.pad(x, ((0, 0), pad[0], pad[1], (0, 0)))
    reach = [(w.shape[i] - 1) * dilation[i] + 1 for i in (0, 1)]
    rows = (x.shape[1] - reach[0]) // strides[0] + 1
    columns = (x.shape[2] - reach[1]) // strides[1] + 1
    y = np.zeros((x.shape[0], rows, columns, w.shape[3]))
    for i in range(rows):
        for j in range(columns):
            top, left = i * strides[0], j * strides[1]
            window = x[:, top : top + reach[0] : dilation[0], left : left + reach[1] : dilation[1]]
            y[:, i, j] = np.einsum("nhwc,hwcf->nf", window, w)
    return y


@pytest.mark.parametrize(
    ("options", "pad"),
    [
        ({}, ((0, 0), (0, 0))),
        ({"padding": "same"}, ((1, 1), (1, 1))),
        ({"strides": 2, "padding": "same"}, ((0, 1), (1, 1))),
        ({"dilation_rate": (1, 2)}, ((0, 0), (0, 0))),
    ],
)
def test_conv2d(device, rng, options, pad):
    layer = Conv2D(4, (3, 3), dtype="float64", **options)
    x = rng.normal(size=(2, 6, 7, 3))
    y = layer(x)
    layer.bias.assign(np.arange(4.0))
    kernel = layer.kernel.numpy()
    expected = conv_by_hand(x, kernel, layer.strides, pad, layer.dilation_rate) + np.arange(4.0)
    assert_close(layer(x).numpy(), expected)
    assert layer.compute_output_shape((None, 6, 7, 3))[1:] == y.shape[1:]


def test_conv2d_groups_and_errors(device):
    layer = Conv2D(4, 1, groups=2, kernel_initializer="ones")
    y = layer(np.array([[[[1.0, 2.0, 10.0, 20.0]]]]))
    assert y.numpy().tolist() == [[[[3.0, 3.0, 30.0, 30.0]]]]
    assert layer.kernel.shape == (1, 1, 2, 4)
    with pytest.raises(ShapeError, match=r'Conv2D "conv2d_1".*4 dimensions.*\(8, 28, 28\)'):
        Conv2D(4, 3)(np.ones((8, 28, 28)))
    with pytest.raises(InvalidArgumentError, match='padding must be "valid" or "same"'):
        Conv2D(4, 3, padding="full")
    with pytest.raises(InvalidArgumentError, match="channels_first"):
        Conv2D(4, 3, data_format="channels_first")
    with pytest.raises(ShapeError, match="does not fit"):
        Conv2D(4, 5).compute_output_shape((None, 3, 3, 1))


def test_max_pooling(device):
    x = np.arange(16.0).reshape(1, 4, 4, 1)
    assert MaxPooling2D()(x).numpy().reshape(2, 2).tolist() == [[5.0, 7.0], [13.0, 15.0]]
    layer = MaxPooling2D(3, strides=2, padding="same")
    assert layer(x).numpy().reshape(2, 2).tolist() == [[10.0, 11.0], [14.0, 15.0]]
    assert layer.compute_output_shape((None, 4, 4, 1)) == (None, 2, 2, 1)


def test_embedding(device):
    layer = Embedding(5, 2)
    y = layer(np.array([[0, 4], [4, 1]]))
    table = layer.get_weights()[0]
    assert np.abs(table).max() <= 0.05
    assert y.numpy().tolist() == table[[[0, 4], [4, 1]]].tolist()
    with tc.GradientTape() as tape:
        loss = tc.sum(layer(np.array([[0, 4, 4]])))
    gradient = tape.gradient(loss, layer.embeddings)
    assert gradient.numpy()[:, 0].tolist() == [1.0, 0.0, 0.0, 0.0, 2.0]


def test_embedding_takes_whole_floats_and_refuses_ids_out_of_range(device):
    layer = Embedding(5, 2)
    assert layer(np.array([[1.0, 2.0]])).shape == (1, 2, 2)
    with pytest.raises(ValueError, match="5 is out of range"):
        layer(np.array([[5]])).numpy()


def test_global_average_pooling(device):
    x = np.array([[[1.0, 2.0], [3.0, 6.0]]])
    assert GlobalAveragePooling1D()(x).numpy().tolist() == [[2.0, 4.0]]
    assert GlobalAveragePooling1D(keepdims=True)(x).shape == (1, 1, 2)


def test_input_layer():
    assert Input(shape=(28, 28)).shape == (None, 28, 28)
    assert InputLayer(batch_shape=(4, 3)).batch_shape == (4, 3)
    with pytest.raises(TypeError, match="expected shape"):
        Input()
    assert Dense(1)(Input((3,))).shape == (None, 1)


# Activations --------------------------------------------------------------------------------------

X = np.array([-3.0, -1.0, -0.1, 0.0, 0.5, 2.0, 4.0])
SIGMOID = 1 / (1 + np.exp(-X))
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
EXPECTED = {
    "relu": np.maximum(X, 0),
    "relu6": np.clip(X, 0, 6),
    "sigmoid": SIGMOID,
    "tanh": np.tanh(X),
    "softmax": np.exp(X) / np.exp(X).sum(),
    "log_softmax": X - np.log(np.exp(X).sum()),
    "elu": np.where(X > 0, X, np.exp(X) - 1),
    "selu": SELU_SCALE * np.where(X > 0, X, SELU_ALPHA * (np.exp(X) - 1)),
    "silu": X * SIGMOID,
    "swish": X * SIGMOID,
    "softplus": np.log1p(np.exp(X)),
    "softsign": X / (1 + np.abs(X)),
    "leaky_relu": np.where(X > 0, X, 0.2 * X),
    "linear": X,
    "exponential": np.exp(X),
    "hard_sigmoid": np.clip(X / 6 + 0.5, 0, 1),
    "mish": X * np.tanh(np.log1p(np.exp(X))),
    "gelu": [-0.00404969, -0.15865525, -0.04601722, 0, 0.34573123, 1.95449974, 3.99987331],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_activation_by_name(device, name):
    y = Activation(name)(X.astype("float32").reshape(1, -1)).numpy()[0]
    np.testing.assert_allclose(y, EXPECTED[name], rtol=3e-6, atol=1e-6)


def test_activations_can_be_functions_and_unknown_names_are_explained():
    assert Dense(1, activation=tc.nn.relu).activation is tc.nn.relu
    assert activations.get(None) is activations.linear
    with pytest.raises(
        InvalidArgumentError, match=r'unknown activation "rellu"\. Did you mean "relu"'
    ):
        Dense(1, activation="rellu")


def test_relu_options(device):
    y = ReLU(max_value=3.0, negative_slope=0.5, threshold=1.0)(np.array([-1.0, 0.5, 2.0, 9.0]))
    assert y.numpy().tolist() == [-1.0, -0.25, 2.0, 3.0]


# Initializers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "variance", "limit"),
    [
        ("glorot_uniform", 2 / 500, np.sqrt(6 / 500)),
        ("glorot_normal", 2 / 500, None),
        ("he_uniform", 2 / 300, np.sqrt(6 / 300)),
        ("he_normal", 2 / 300, None),
        ("lecun_uniform", 1 / 300, np.sqrt(3 / 300)),
        ("lecun_normal", 1 / 300, None),
        ("random_normal", 0.05**2, None),
        ("random_uniform", 0.1**2 / 12, 0.05),
        ("truncated_normal", (0.05 * 0.87962566) ** 2, 0.1),
    ],
)
def test_random_initializers_have_the_variance_they_promise(name, variance, limit):
    values = initializers.get(name)((300, 200)).numpy()
    # 60,000 draws: the variance is known within about 2 %.
    assert values.var() == pytest.approx(variance, rel=0.03)
    assert abs(values.mean()) < 5 * np.sqrt(variance / values.size)
    if limit is not None:
        assert 0.98 * limit < np.abs(values).max() <= limit * (1 + 1e-6)


def test_weights_are_the_same_on_every_device(device):
    tc.random.set_seed(5)
    made = Dense(4)
    made.build((None, 3))
    with tc.device("cpu"):
        tc.random.set_seed(5)
        again = Dense(4)
        again.build((None, 3))
    assert made.kernel.device is device
    assert made.get_weights()[0].tolist() == again.get_weights()[0].tolist()


def test_seeds_constants_and_fans():
    first, second = initializers.GlorotUniform(seed=3), initializers.GlorotUniform(seed=3)
    assert first((2, 3)).tolist() == second((2, 3)).tolist() == first((2, 3)).tolist()
    assert initializers.Constant(2.5)((2,)).tolist() == [2.5, 2.5]
    assert initializers.get("ones")((1,), dtype="int32").dtype == tc.int32
    assert initializers.fans((3, 3, 4, 8)) == (36, 72)
    described = initializers.serialize(first)
    assert initializers.deserialize(described).get_config() == {"seed": 3}
    with pytest.raises(InvalidArgumentError, match='Did you mean "glorot_uniform"'):
        initializers.get("glorot_unifrom")
