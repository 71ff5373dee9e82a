"""What layers do beyond their numbers: masks, states, noise, penalties, and words for mistakes."""

from __future__ import annotations

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import initializers, keras
from tensorcore.errors import InvalidArgumentError, ShapeError, TrainingError
from tensorcore.layers.masks import mask_of
from tests.tolerances import assert_close

layers = keras.layers


# Masks --------------------------------------------------------------------------------------------


def test_masks_travel_from_an_embedding_to_where_they_count(device):
    embed = layers.Embedding(5, 2, mask_zero=True)
    words = np.array([[1, 2, 0, 0], [3, 4, 1, 2]])
    vectors = layers.Dropout(0.5)(layers.Dense(2)(embed(words)))
    assert mask_of(vectors).tolist() == [[True, True, False, False], [True] * 4]
    pooled = layers.GlobalAveragePooling1D()(vectors)
    expected = vectors.numpy()
    assert_close(pooled.numpy()[0], expected[0, :2].mean(0))
    assert_close(pooled.numpy()[1], expected[1].mean(0))
    assert mask_of(pooled) is None


def test_padding_does_not_change_a_recurrent_model(device):
    model = keras.Sequential(
        [
            layers.Embedding(6, 3, mask_zero=True),
            layers.Bidirectional(layers.LSTM(2, return_sequences=True)),
            layers.GRU(2),
        ]
    )
    words = np.array([[1, 2, 3], [4, 5, 1]])
    assert_close(model(np.pad(words, ((0, 0), (0, 3)))).numpy(), model(words).numpy())


def test_masked_steps_count_neither_in_loss_nor_gradient():
    model = keras.Sequential(
        [
            keras.Input((3, 1)),
            layers.Masking(),
            layers.TimeDistributed(layers.Dense(1, kernel_initializer="ones")),
        ]
    )
    model.compile("sgd", "mse")
    x = np.array([[[2.0], [4.0], [0.0]]], np.float32)
    y = np.array([[[1.0], [1.0], [9.0]]], np.float32)
    assert model.evaluate(x, y, verbose=0) == pytest.approx((1 + 9) / 2)


def test_a_layer_of_ones_own_passes_masks_on_if_it_says_so():
    class Own(layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def call(self, x):
            return x * 2

    x = layers.Masking()(np.array([[[1.0], [0.0]]]))
    assert mask_of(Own()(x)).tolist() == [[True, False]]
    assert mask_of(layers.Flatten()(x)) is None


# Recurrent layers ---------------------------------------------------------------------------------


def test_stateful_layers_go_on_where_the_last_batch_ended(device, rng):
    x = rng.normal(size=(2, 6, 3)).astype("float32")
    layer = layers.LSTM(4, stateful=True)
    layer(x[:, :4])
    second = layer(x[:, 4:])
    plain = layers.LSTM(4)
    plain.build((None, None, 3))
    plain.set_weights(layer.get_weights())
    assert_close(second.numpy(), plain(x).numpy())
    layer.reset_state()
    assert_close(layer(x).numpy(), plain(x).numpy())
    with pytest.raises(InvalidArgumentError, match="stateful=True needs batches of one size"):
        layer(x[:1])


def test_an_initial_state_can_be_given(device, rng):
    x = rng.normal(size=(2, 4, 3)).astype("float32")
    layer = layers.GRU(2, return_state=True)
    _, state = layer(x[:, :2])
    _, after = layer(x[:, 2:], initial_state=[state])
    assert_close(after.numpy(), layer(x)[0].numpy())


def test_dropout_of_recurrent_layers_is_the_same_in_all_steps(device):
    layer = layers.SimpleRNN(
        8, dropout=0.5, kernel_initializer="ones", recurrent_initializer="zeros", activation=None
    )
    layer.return_sequences = True
    y = layer(np.ones((4, 5, 1)), training=True).numpy()
    assert set(np.unique(y)) == {0.0, 2.0}
    assert (y == y[:, :1]).all()
    recurrent = layers.GRU(3, recurrent_dropout=0.5)
    x = np.ones((2, 4, 2))
    assert (recurrent(x, training=True).numpy() != recurrent(x).numpy()).any()


def test_a_cell_of_ones_own(device):
    class Sum(layers.Layer):
        state_size = 1

        def call(self, inputs, states):
            total = states[0] + inputs
            return total, [total]

    y = layers.RNN(Sum(), return_sequences=True)(np.arange(4.0).reshape(1, 4, 1))
    assert y.numpy().ravel().tolist() == [0.0, 1.0, 3.0, 6.0]


# Noise --------------------------------------------------------------------------------------------


def test_noise_is_there_in_training_only(device):
    x = np.ones((64, 4, 8), np.float32)
    for layer in (
        layers.Dropout(0.5, seed=1),
        layers.GaussianNoise(0.5, seed=1),
        layers.GaussianDropout(0.5, seed=1),
        layers.SpatialDropout1D(0.5, seed=1),
    ):
        assert (layer(x).numpy() == x).all()
        y = layer(x, training=True).numpy()
        assert y.mean() == pytest.approx(1, abs=0.15), layer
        assert y.std() > 0.3
    spatial = layers.SpatialDropout1D(0.5)(x, training=True).numpy()
    assert (spatial == spatial[:, :1]).all()
    shared = layers.Dropout(0.5, noise_shape=(None, 1, 8))(x, training=True).numpy()
    assert (shared == shared[:, :1]).all()
    normal = np.random.default_rng(0).normal(size=(200, 50)).astype("float32")
    y = layers.AlphaDropout(0.2, seed=3)(normal, training=True).numpy()
    assert (y.mean(), y.std()) == pytest.approx((0, 1), abs=0.05)


# Weights ------------------------------------------------------------------------------------------


def test_penalties_are_part_of_the_loss_and_constraints_hold(device):
    dense = layers.Dense(
        1, kernel_regularizer="l2", kernel_constraint="non_neg", kernel_initializer="ones"
    )
    model = keras.Sequential([keras.Input((2,)), dense])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    x, y = np.ones((4, 2), np.float32), np.full((4, 1), 2.0, np.float32)
    assert model.evaluate(x, y, verbose=0) == pytest.approx(0.02)
    model.fit(x, -100 * y, verbose=0)
    assert dense.kernel.numpy().min() == 0


def test_batch_normalization_keeps_running_values_and_can_be_frozen(device, rng):
    x = rng.normal(2, 3, size=(256, 2)).astype("float32")
    layer = layers.BatchNormalization(momentum=0.5)
    y = layer(x, training=True).numpy()
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(layer.moving_mean.numpy(), x.mean(0) / 2, rtol=1e-4)
    layer.trainable = False
    before = layer.moving_mean.numpy()
    layer(x, training=True)
    assert (layer.moving_mean.numpy() == before).all()


def test_normalization_adapts_to_arrays_and_batches(rng):
    x = rng.normal(5, 2, size=(90, 3)).astype("float32")
    layer = layers.Normalization()
    layer.adapt(iter([x[:20], x[20:50], x[50:]]))
    np.testing.assert_allclose(layer(x).numpy().mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(layer(x).numpy().std(0), 1, rtol=1e-4)
    assert layers.Normalization().mean is None
    np.testing.assert_allclose(layer.mean.numpy(), x.mean(0)[None], rtol=1e-6)
    np.testing.assert_allclose(layer.variance.numpy(), x.var(0)[None], rtol=1e-6)
    back = layers.Normalization(mean=x.mean(0), variance=x.var(0), invert=True)
    np.testing.assert_allclose(back(layer(x)).numpy(), x, rtol=1e-3)


def test_orthogonal_and_identity():
    for shape in ((4, 4), (6, 3), (3, 6), (2, 2, 5)):
        w = initializers.get("orthogonal")(shape).numpy().reshape(-1, shape[-1])
        product = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
        np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-5)
    assert initializers.Identity(2.0)((2, 3)).tolist() == [[2, 0, 0], [0, 2, 0]]


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_layers_compute_in_16_bits_and_keep_their_weights_in_32(policy):
    vectors = np.random.default_rng(0).normal(size=(2, 4, 4)).astype("float32")
    for layer in (
        layers.LSTM(4, dtype=policy),
        layers.GRU(4, dtype=policy),
        layers.Conv1D(4, 2, dtype=policy),
        layers.BatchNormalization(dtype=policy),
        layers.LayerNormalization(dtype=policy),
        layers.GroupNormalization(2, dtype=policy),
        layers.EinsumDense("abc,cd->abd", (None, 4), dtype=policy),
        layers.Rescaling(2.0, dtype=policy),
        layers.PReLU(dtype=policy),
    ):
        y = layer(vectors, training=True)
        assert y.dtype.name == policy.removeprefix("mixed_"), layer
        assert {w.dtype.name for w in layer.weights} <= {"float32"}
    attend = layers.MultiHeadAttention(2, 2, dtype=policy)
    y = attend(tc.asarray(vectors), tc.asarray(vectors), use_causal_mask=True)
    assert y.dtype.name == policy.removeprefix("mixed_")


# Words for mistakes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "shape", "words"),
    [
        (
            lambda: layers.Conv2D(4, 3),
            (2, 28, 28),
            r"add the channels to your data with x\[\.\.\., None\]",
        ),
        (lambda: layers.MaxPooling2D(), (28, 28), "4 dimensions"),
        (lambda: layers.LSTM(3), (2, 5), "put an Embedding before this layer"),
        (lambda: layers.Dot(axes=1), [(2, 3), (2, 4)], "expected equal sizes"),
        (lambda: layers.Add(), [(2, 3), (2, 4)], "do not fit each other"),
        (lambda: layers.Concatenate(), [(2, 3, 4), (2, 5, 4)], "expected equal sizes"),
        (lambda: layers.Reshape((5,)), (2, 6), "cannot become"),
        (lambda: layers.Cropping2D(2), (1, 4, 4, 1), "leaves nothing"),
    ],
)
def test_shapes_that_do_not_fit(make, shape, words):
    x = [tc.zeros(s) for s in shape] if isinstance(shape, list) else tc.zeros(shape)
    with pytest.raises(ShapeError, match=words):
        make()(x)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers.Dropout("0.2"), "write it without quotes"),
        (lambda: layers.LSTM("8"), "units must be a positive int"),
        (lambda: layers.Bidirectional(layers.LSTM), r"make an object: LSTM\(\.\.\.\)"),
        (lambda: layers.Bidirectional(layers.Dense(1)), "expected a recurrent layer"),
        (lambda: layers.RNN(layers.LSTMCell), "expected a cell such as"),
        (lambda: layers.MultiHeadAttention(0, 4), "num_heads must be a positive int"),
        (lambda: layers.BatchNormalization(epsilon=0), "epsilon must be positive"),
        (lambda: layers.Embedding(0, 4), "must be positive"),
        (lambda: layers.Dense(4, kernel_regularizer="l3"), 'unknown regularizer "l3"'),
        (lambda: layers.Dense(4, kernel_constraint="nonnegg"), "Did you mean"),
        (lambda: keras.optimizers.get("adamm"), 'Did you mean "adam"'),
        (lambda: keras.losses.get("mean_square_error"), 'Did you mean "mean_squared_error"'),
        (lambda: keras.metrics.get("acuracy"), 'Did you mean "accuracy"'),
    ],
)
def test_arguments_that_make_no_sense(make, words):
    with pytest.raises((ValueError, TypeError), match=words):
        make()


def test_labels_out_of_range_name_the_labels():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    with pytest.raises(ValueError, match="label 3 is out of range; expected 0 to 2"):
        model.fit(np.zeros((4, 2)), np.array([0, 1, 2, 3]), verbose=0)
    with pytest.raises((ValueError, TrainingError, TypeError)):
        model.fit(np.zeros((4, 2)), np.array([0, 0.5, 1, 2]), verbose=0)


def test_a_forgotten_flatten_is_named():
    model = keras.Sequential([keras.Input((4, 4)), layers.Dense(3)])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ShapeError, match=r"put keras\.layers\.Flatten\(\)"):
        model.fit(np.zeros((2, 4, 4)), np.array([0, 1]), verbose=0)
