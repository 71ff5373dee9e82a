"""Functional models: symbolic inputs and outputs, shared layers, nesting, training, errors."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras
from tensorcore.errors import InvalidArgumentError, ShapeError
from tensorcore.keras import layers


@pytest.fixture(autouse=True)
def _names():
    keras.backend.clear_session()


def values(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


def two_towers():
    """Two inputs, a shared layer, operators, a nested Sequential, two outputs."""
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = layers.Dense(3, activation="tanh", name="shared")
    mixed = shared(a) * 2.0 - shared(b)
    head = keras.Sequential([layers.Dense(5, input_shape=(3,)), layers.Dense(1)], name="head")
    return keras.Model([a, b], [head(mixed), tc.sum(mixed, axis=-1, keepdims=True)], name="towers")


def by_hand(model, a, b):
    kernel, bias = model.get_layer("shared").get_weights()
    mixed = np.tanh(a @ kernel + bias) * 2 - np.tanh(b @ kernel + bias)
    k1, b1, k2, b2 = model.get_layer("head").get_weights()
    return (mixed @ k1 + b1) @ k2 + b2, mixed.sum(axis=-1, keepdims=True)


def test_values_of_a_model_with_shared_and_nested_layers(device, rng):
    model = two_towers()
    a, b = values(rng, 6, 4), values(rng, 6, 4)
    for given in ([a, b], (a, b), {"a": a, "b": b}):
        for actual, expected in zip(model(given), by_hand(model, a, b), strict=True):
            np.testing.assert_allclose(actual.numpy(), expected, rtol=2e-5, atol=1e-6)
    predicted = model.predict([a, b], verbose=0)
    np.testing.assert_allclose(predicted[0], by_hand(model, a, b)[0], rtol=2e-5, atol=1e-6)


def test_structure():
    model = two_towers()
    assert model.input_shape == [(None, 4), (None, 4)]
    assert model.output_shape == [(None, 1), (None, 1)]
    assert [symbol.name for symbol in model.inputs] == model.input_names == ["a", "b"]
    assert model.output_names == ["head", "sum"]
    names = [operation.name for operation in model.operations]
    assert names == ["a", "shared", "b", "multiply", "subtract", "head", "sum"]
    assert [layer.name for layer in model.layers] == ["a", "shared", "b", "head"]
    assert model.count_params() == 4 * 3 + 3 + 3 * 5 + 5 + 5 + 1
    assert isinstance(model, keras.Model)


def test_symbolic_shapes_come_from_the_layers_themselves():
    images = keras.Input((None, None, 3))
    y = layers.Conv2D(4, 3, strides=2)(images)
    assert y.shape == (None, None, None, 4)
    assert layers.MaxPooling2D(2)(y).shape == (None, None, None, 4)
    assert layers.Flatten()(keras.Input((4, 5))).shape == (None, 20)
    assert layers.Embedding(9, 2)(keras.Input((None,), dtype="int32")).shape == (None, None, 2)
    assert layers.Dense(2)(keras.Input(batch_shape=(8, 3))).shape == (8, 2)
    assert layers.Flatten()(keras.Input((2,), dtype="int32")).dtype == tc.int32


def test_a_layer_without_shapes_of_its_own():
    class Pair(layers.Layer):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(6)

        def call(self, x, flip=False):
            y = self.dense(x)
            return {"left": y[:, :2], "right": (y[:, 2:] * -1.0 if flip else y[:, 2:],)}

    x = keras.Input((3,))
    out = Pair()(x, flip=True)
    assert out["left"].shape == (None, 2) and out["right"][0].shape == (None, 4)
    model = keras.Model(x, out)
    found = model(np.ones((2, 3), np.float32))
    assert found["left"].shape == (2, 2) and found["right"][0].shape == (2, 4)
    assert [w.path for w in model.weights] == ["pair/dense/kernel", "pair/dense/bias"]


def test_features_of_a_layer_inside(rng):
    model = two_towers()
    inside = keras.Model(model.inputs, model.get_layer("head").output)
    a, b = values(rng, 2, 4), values(rng, 2, 4)
    np.testing.assert_allclose(inside([a, b]).numpy(), model([a, b])[0].numpy())
    sequential = keras.Sequential([layers.Dense(4, input_shape=(3,)), layers.Dense(2)])
    first = keras.Model(sequential.inputs, sequential.layers[0].output)
    np.testing.assert_allclose(
        first(np.ones((1, 3))).numpy(), sequential.layers[0](np.ones((1, 3))).numpy()
    )


def test_a_model_may_start_in_the_middle(rng):
    x = keras.Input((4,))
    middle = layers.Dense(3)(x)
    last = layers.Dense(2)
    tail = keras.Model(middle, last(middle))
    value = values(rng, 5, 3)
    np.testing.assert_allclose(tail(value).numpy(), last(value).numpy())


def test_models_nest_both_ways(rng):
    inner_in = keras.Input((3,))
    inner = keras.Model(inner_in, layers.Dense(2)(inner_in) + 1.0)
    model = keras.Sequential([keras.Input((3,)), inner, layers.Dense(1)])
    x = values(rng, 4, 3)
    outer_in = keras.Input((3,))
    outer = keras.Model(outer_in, model(outer_in))
    np.testing.assert_allclose(outer(x).numpy(), model(x).numpy())
    np.testing.assert_allclose(model(x).numpy(), model.layers[1](inner(x)).numpy())


def test_dict_inputs_and_outputs(device, rng):
    left, right = keras.Input((2,), name="left"), keras.Input((2,), name="right")
    model = keras.Model(
        {"left": left, "right": right}, {"total": left + right, "gap": left - right}
    )
    x, y = values(rng, 3, 2), values(rng, 3, 2)
    found = model({"left": x, "right": y})
    np.testing.assert_allclose(found["total"].numpy(), x + y)
    assert model.predict({"right": y, "left": x}, verbose=0)["gap"].shape == (3, 2)


def test_training_flag_reaches_layers_inside(device):
    x = keras.Input((50,))
    model = keras.Model(x, layers.Dropout(0.5)(x))
    ones = np.ones((4, 50), np.float32)
    assert np.unique(model(ones).numpy()).tolist() == [1.0]
    assert set(np.unique(model(ones, training=True).numpy())) == {0.0, 2.0}


def test_training_equals_the_sequential_model(device, rng):
    x, y = values(rng, 40, 4), values(rng, 40, 1)
    built = []
    for functional in (False, True):
        keras.utils.set_random_seed(3)
        parts = [layers.Dense(8, activation="relu"), layers.Dropout(0.2), layers.Dense(1)]
        if functional:
            symbol = begin = keras.Input((4,))
            for layer in parts:
                symbol = layer(symbol)
            model = keras.Model(begin, symbol)
        else:
            model = keras.Sequential([keras.Input((4,)), *parts])
        model.compile("adam", "mse")
        history = model.fit(x, y, epochs=3, batch_size=10, verbose=0)
        built.append((history.history["loss"], model.get_weights()))
    assert built[0][0] == built[1][0]
    for first, second in zip(built[0][1], built[1][1], strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_functional_subclass():
    class Net(keras.Model):
        def __init__(self):
            x = keras.Input((3,))
            super().__init__(inputs=x, outputs=layers.Dense(2)(x))

    net = Net()
    assert net.output_shape == (None, 2)
    assert net(np.ones((4, 3))).shape == (4, 2)


def test_configuration_there_and_back(rng):
    model = two_towers()
    config = json.loads(json.dumps(model.get_config()))
    twin = type(model).from_config(config)
    assert json.dumps(twin.get_config()) == json.dumps(model.get_config())
    twin.set_weights(model.get_weights())
    a, b = values(rng, 3, 4), values(rng, 3, 4)
    for actual, expected in zip(twin([a, b]), model([a, b]), strict=True):
        np.testing.assert_array_equal(actual.numpy(), expected.numpy())


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_share_nothing(copied, rng):
    model = two_towers()
    twin = copied(model)
    a, b = values(rng, 3, 4), values(rng, 3, 4)
    before = model([a, b])[0].numpy()
    np.testing.assert_array_equal(twin([a, b])[0].numpy(), before)
    twin.set_weights([w * 0 for w in twin.get_weights()])
    np.testing.assert_array_equal(model([a, b])[0].numpy(), before)
    assert [w.path for w in twin.weights] == [w.path for w in model.weights]


def test_operations_of_all_kinds_are_described(rng):
    x = keras.Input((4, 6))
    y = tc.exp(-x) / 3.0
    y = tc.concat([y[:, 1:], tc.nn.relu(x)], axis=1)
    y = tc.reshape(tc.mean(y, axis=2), (-1, 7)) @ tc.ones((7, 2))
    y = tc.maximum(1.0 - y, 0.25) ** 2
    model = keras.Model(x, y)
    twin = type(model).from_config(json.loads(json.dumps(model.get_config())))
    value = values(rng, 3, 4, 6)
    np.testing.assert_array_equal(twin(value).numpy(), model(value).numpy())


# Errors -------------------------------------------------------------------------------------------


def test_inputs_that_are_missing():
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    with pytest.raises(InvalidArgumentError) as error:
        keras.Model(a, a + b, name="m")
    assert str(error.value) == (
        'Model "m": an output needs the input "b" of shape (None, 2), which is not among the '
        "inputs. Add it: Model(inputs=[..., b], outputs=...)"
    )


def test_outputs_that_are_no_symbols():
    x = keras.Input((2,))
    with pytest.raises(TypeError, match="outputs must be symbolic tensors, made by"):
        keras.Model(x, np.ones(3))
    with pytest.raises(TypeError, match="inputs must be symbolic tensors"):
        keras.Model(None, x)


def test_wrong_number_names_and_shapes_of_inputs():
    model = two_towers()
    a = np.ones((2, 4), np.float32)
    with pytest.raises(
        InvalidArgumentError, match=r"expected 2 inputs \['a', 'b'\], received 1 of shapes"
    ):
        model([a])
    with pytest.raises(InvalidArgumentError, match=r"\['b'\] are missing"):
        model({"a": a, "c": a})
    with pytest.raises(
        ShapeError, match=r'the input "b" must have shape \(None, 4\), received shape \(2, 3\)'
    ):
        model([a, a[:, :3]])
    single = keras.Model(model.inputs[0], model.get_layer("shared")(model.inputs[0]))
    with pytest.raises(ShapeError, match=r"for a single sample add the dimension of the batch"):
        single(a[0])


def test_names_have_to_differ():
    x = keras.Input((2,))
    y = layers.Dense(2, name="same")(layers.Dense(2, name="same")(x))
    with pytest.raises(InvalidArgumentError, match='the name "same" is used 2 times'):
        keras.Model(x, y)


def test_layers_refuse_symbols_that_do_not_fit():
    with pytest.raises(ShapeError, match="expected inputs with at least 2 dimensions"):
        layers.Dense(2)(keras.Input(()))


def test_models_without_symbols_say_so():
    class Net(keras.Model):
        def call(self, x):
            return x

    for what in ("inputs", "outputs", "output_shape"):
        with pytest.raises(AttributeError, match="not made of symbolic tensors"):
            getattr(Net(), what)
    with pytest.raises(AttributeError, match="was never called on a symbolic tensor"):
        layers.Dense(1).output  # noqa: B018


# Several outputs ----------------------------------------------------------------------------------


def two_outputs(as_dict=False):
    x = keras.Input((4,), name="x")
    p = layers.Dense(1, name="p", kernel_initializer="ones")(x)
    q = layers.Dense(3, activation="softmax", name="q", kernel_initializer="zeros")(x)
    return keras.Model(x, {"p": p, "q": q} if as_dict else [p, q])


def three_labels(rng):
    return values(rng, 8, 4), values(rng, 8, 1), rng.integers(0, 3, 8)


@pytest.mark.parametrize("as_dict", [False, True])
@pytest.mark.parametrize("by_name", [False, True])
def test_losses_weights_and_metrics_by_output(device, rng, as_dict, by_name):
    model = two_outputs(as_dict)
    x, p, q = three_labels(rng)
    say = (lambda a, b: {"p": a, "q": b}) if by_name else (lambda a, b: [a, b])
    model.compile(
        "sgd",
        loss=say("mse", "sparse_categorical_crossentropy"),
        loss_weights=say(2.0, 0.5),
        metrics=say(["mae"], ["accuracy"]),
    )
    found = model.evaluate(x, say(p, q), verbose=0, return_dict=True)
    mse = float(np.mean((x.sum(axis=1, keepdims=True) - p) ** 2))
    cross = float(np.log(3))
    assert list(found) == ["loss", "p_loss", "q_loss", "p_mae", "q_accuracy"]
    assert found["p_loss"] == pytest.approx(mse, rel=1e-5)
    assert found["q_loss"] == pytest.approx(cross, rel=1e-5)
    assert found["loss"] == pytest.approx(2 * mse + 0.5 * cross, rel=1e-5)
    assert found["q_accuracy"] == pytest.approx(np.mean(q == 0))
    history = model.fit(x, say(p, q), epochs=4, verbose=0, batch_size=4).history
    assert history["loss"][-1] < history["loss"][0]
    assert set(history) == set(found)


def test_outputs_without_a_loss(rng):
    model = two_outputs()
    x, p, _ = three_labels(rng)
    model.compile("sgd", loss={"p": "mse"})
    found = model.evaluate(x, {"p": p}, verbose=0, return_dict=True)
    assert list(found) == ["loss", "p_loss"]


def test_sample_weights_by_output(rng):
    model = two_outputs()
    x, p, q = three_labels(rng)
    model.compile("sgd", loss=["mse", "sparse_categorical_crossentropy"])
    weight = {"p": np.zeros(8, np.float32), "q": np.full(8, 2.0, np.float32)}
    found = model.evaluate(x, [p, q], sample_weight=weight, verbose=0, return_dict=True)
    assert found["p_loss"] == 0 and found["q_loss"] == pytest.approx(2 * np.log(3), rel=1e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"loss": {"p": "mse", "z": "mse"}}, r"loss names the outputs \['z'\]; the model has"),
        ({"loss": ["mse"]}, r"loss has 1 entries, but the model has 2 outputs \['p', 'q'\]"),
        ({"loss": "mse", "metrics": ["mae"]}, "metrics has 1 entries"),
        ({"loss": "mse", "metrics": "mae"}, "must be a dict by name, or a list with one entry"),
    ],
)
def test_compile_arguments_that_do_not_fit_the_outputs(rng, options, words):
    model = two_outputs()
    x, p, q = three_labels(rng)
    model.compile("sgd", **options)
    with pytest.raises(InvalidArgumentError, match=words):
        model.fit(x, [p, np.eye(3)[q]], verbose=0)


def test_labels_that_do_not_fit_the_outputs(rng):
    model = two_outputs()
    x, p, _ = three_labels(rng)
    model.compile("sgd", "mse")
    with pytest.raises(InvalidArgumentError, match="a dict by name or a list with one part"):
        model.fit(x, p, verbose=0)
    with pytest.raises(InvalidArgumentError, match=r"y has the keys \['z'\]"):
        model.fit(x, {"z": p}, verbose=0)
    with pytest.raises(tc.errors.TrainingError, match=r"the outputs \['q'\] have a loss"):
        model.fit(x, {"p": p}, verbose=0)


# Pictures -----------------------------------------------------------------------------------------


def test_pictures_of_models(tmp_path):
    model = two_towers()
    for ending in ("png", "svg", "dot"):
        keras.utils.plot_model(
            model, tmp_path / f"m.{ending}", show_shapes=True, show_layer_names=True, dpi=50
        )
        assert (tmp_path / f"m.{ending}").stat().st_size > 300
    text = keras.utils.model_to_dot(model, show_shapes=True, show_layer_names=True)
    assert text == (tmp_path / "m.dot").read_text()
    assert 'label="shared (Dense)\\ninput: (None, 4)\\noutput: (None, 3)"' in text
    assert text.count("->") == 7
    sequential = keras.Sequential([layers.Dense(2, input_shape=(3,)), layers.ReLU()])
    assert keras.utils.model_to_dot(sequential).count("->") == 2
    with pytest.raises(InvalidArgumentError, match="to_file must end in"):
        keras.utils.plot_model(model, tmp_path / "m.txt")
    with pytest.raises(tc.errors.TrainingError, match="not made of symbolic tensors"):
        keras.utils.plot_model(keras.Sequential([layers.Dense(1)]), tmp_path / "m.png")


def test_frozen_layers_stay_frozen_in_copies_and_files():
    x = keras.Input((3,))
    frozen, free = layers.Dense(2, trainable=False), layers.Dense(1)
    for model in (
        keras.Model(x, free(frozen(x))),
        keras.Sequential([keras.Input((3,)), frozen, free]),
    ):
        twin = type(model).from_config(model.get_config())
        assert [w.shape for w in twin.trainable_weights] == [(2, 1), (1,)]
        assert len(twin.non_trainable_weights) == 2


def test_the_base_class_makes_functional_models(rng, device):
    model = two_towers()
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    inputs = [values(rng, 2, 4), values(rng, 2, 4)]
    for made, expected in zip(again.predict(inputs), model.predict(inputs), strict=True):
        np.testing.assert_array_equal(made, expected)
