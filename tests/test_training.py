"""Models: fit, evaluate and predict against training by hand, callbacks, summary, errors."""

from __future__ import annotations

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras
from tensorcore.errors import InvalidArgumentError, ShapeError, TrainingError
from tensorcore.keras import layers
from tensorcore.layers.naming import reset_names


@pytest.fixture(autouse=True)
def _names():
    reset_names()


def linear_model(**compiled):
    """y = w x + b, starting at w = 1 and b = 0."""
    model = keras.Sequential([layers.Dense(1, input_shape=(1,), kernel_initializer="ones")])
    model.compile(**{"optimizer": keras.optimizers.SGD(0.1), "loss": "mse", **compiled})
    return model


X = np.array([[1.0], [2.0], [3.0], [4.0], [5.0]])
Y = np.array([[3.0], [5.0], [7.0], [9.0], [11.0]])


def train_by_hand(x, y, batch_size, epochs, rate, weights=None):
    """SGD on the mean squared error in float64: final w and b, mean loss of each epoch."""
    w, b, losses = 1.0, 0.0, []
    weights = np.ones(len(x)) if weights is None else weights
    for _ in range(epochs):
        total = 0.0
        for start in range(0, len(x), batch_size):
            rows = slice(start, start + batch_size)
            xs, error = x[rows, 0], w * x[rows, 0] + b - y[rows, 0]
            factor = weights[rows]
            total += (factor * error**2).mean() * len(xs)
            w, b = (
                w - rate * (2 * factor * error * xs).mean(),
                b - rate * (2 * factor * error).mean(),
            )
        losses.append(total / len(x))
    return w, b, losses


def blobs(rng, samples=120, classes=3):
    labels = rng.integers(0, classes, size=samples)
    centres = np.array([[3.0, 0.0], [-3.0, 0.0], [0.0, 4.0]])[:classes]
    return centres[labels] + rng.normal(size=(samples, 2)) * 0.4, labels


def classifier(units=3, activation="softmax", **compiled):
    model = keras.Sequential(
        [layers.Dense(8, activation="tanh", input_shape=(2,)), layers.Dense(units, activation)]
    )
    options = {"optimizer": keras.optimizers.Adam(0.05), "metrics": ["accuracy"], **compiled}
    model.compile(**{"loss": "sparse_categorical_crossentropy", **options})
    return model


# Fit against training by hand ---------------------------------------------------------------------


def test_fit_does_what_the_formula_says(device):
    model = linear_model(optimizer=keras.optimizers.SGD(0.01))
    history = model.fit(X, Y, batch_size=2, epochs=3, shuffle=False, verbose=0)
    w, b, losses = train_by_hand(X, Y, 2, 3, 0.01)
    np.testing.assert_allclose(model.get_weights()[0], [[w]], rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[1], [b], rtol=1e-5)
    # The last batch has one row only, and counts as one.
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-5)
    assert history.epoch == [0, 1, 2]
    assert history.params["epochs"] == 3
    assert history.params["steps"] == 3
    assert model.history is history


def test_sample_weights_and_class_weights(device):
    weights = np.array([1.0, 0.0, 2.0, 1.0, 0.5])
    model = linear_model(optimizer=keras.optimizers.SGD(0.01))
    model.fit(X, Y, batch_size=5, epochs=2, sample_weight=weights, verbose=0)
    w, b, _ = train_by_hand(X, Y, 5, 2, 0.01, weights)
    np.testing.assert_allclose(model.get_weights()[0], [[w]], rtol=1e-5)

    labels = np.array([[0.0], [1.0], [1.0], [0.0], [1.0]])
    model = linear_model(optimizer=keras.optimizers.SGD(0.01))
    model.fit(X, labels, batch_size=5, class_weight={0: 3.0, 1: 0.5}, verbose=0)
    w, b, _ = train_by_hand(X, labels, 5, 1, 0.01, np.where(labels[:, 0] == 0, 3.0, 0.5))
    np.testing.assert_allclose(model.get_weights()[0], [[w]], rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[1], [b], rtol=1e-5)


@pytest.mark.parametrize("source", ["generator", "list", "iterable"])
def test_fit_on_batches(device, source):
    pairs = [(X[:2], Y[:2]), (X[2:4], Y[2:4]), (X[4:], Y[4:])]

    class Again:
        def __iter__(self):
            return iter(pairs)

    model = linear_model(optimizer=keras.optimizers.SGD(0.01))
    if source == "generator":
        model.fit((pair for pair in pairs * 2), epochs=2, steps_per_epoch=3, verbose=0)
    else:
        model.fit(pairs if source == "list" else Again(), epochs=2, verbose=0)
    w, _, _ = train_by_hand(X, Y, 2, 2, 0.01)
    np.testing.assert_allclose(model.get_weights()[0], [[w]], rtol=1e-5)


def test_steps_per_epoch_on_arrays_goes_on_where_it_stopped(device):
    seen = []

    class Recorder(keras.Model):
        def train_step(self, data):
            seen.append(data[0].numpy()[:, 0].tolist())
            return {"loss": tc.asarray(0.0)}

    model = Recorder()
    model.compile(run_eagerly=True)
    model.fit(X, batch_size=2, epochs=2, steps_per_epoch=2, shuffle=False, verbose=0)
    assert seen == [[1.0, 2.0], [3.0, 4.0], [5.0], [1.0, 2.0]]


def test_shuffling_takes_every_row_once_an_epoch_and_follows_the_seed(device):
    seen = []

    class Recorder(keras.Model):
        def train_step(self, data):
            x, y = data
            assert x.device is device
            seen.append((x.numpy()[:, 0].tolist(), y.numpy().tolist()))
            return {"loss": tc.asarray(0.0)}

    def orders():
        seen.clear()
        tc.random.set_seed(4)
        model = Recorder()
        model.compile(run_eagerly=True)
        model.fit(np.arange(50.0)[:, None], np.arange(50), batch_size=8, epochs=2, verbose=0)
        xs = [value for part, _ in seen for value in part]
        ys = [value for _, part in seen for value in part]
        assert xs == ys
        return xs[:50], xs[50:]

    first, second = orders()
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert first != list(range(50))
    assert orders() == (first, second)


def test_cpu_and_gpu_train_alike(device, rng):
    x, y = blobs(rng)
    losses = []
    for where in (device, "cpu"):
        with tc.device(where):
            tc.random.set_seed(11)
            model = classifier()
            losses.append(model.fit(x, y, epochs=3, verbose=0).history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


def test_the_data_follows_the_weights(device):
    model = linear_model()
    with tc.device("cpu"):
        assert model(X).device is device
        model.fit(X, Y, verbose=0)
        assert [v.device for v in model.weights] == [device, device]
        assert [v.device for v in model.optimizer.variables] == ["cpu", "cpu"]
        assert model.evaluate(X, Y, verbose=0) > 0


def test_a_classifier_learns(device, rng):
    x, y = blobs(rng)
    model = classifier()
    history = model.fit(x, y, epochs=10, verbose=0)
    assert history.history["accuracy"][-1] > 0.95
    loss, accuracy = model.evaluate(x, y, verbose=0)
    assert accuracy > 0.95
    p = model.predict(x)
    assert (p.argmax(1) == y).mean() == pytest.approx(accuracy)
    assert loss == pytest.approx(-np.log(p[np.arange(120), y]).mean(), rel=1e-4)
    found = model.evaluate(x, y, verbose=0, return_dict=True)
    assert found == {"loss": pytest.approx(loss), "accuracy": pytest.approx(accuracy)}


def test_one_hot_and_binary_labels(device, rng):
    x, y = blobs(rng)
    model = classifier(loss="categorical_crossentropy")
    model.fit(x, keras.utils.to_categorical(y), epochs=10, verbose=0)
    assert model.evaluate(x, keras.utils.to_categorical(y), verbose=0)[1] > 0.95
    x, y = blobs(rng, classes=2)
    for labels in (y, y[:, None]):
        model = classifier(units=1, activation="sigmoid", loss="binary_crossentropy")
        model.fit(x, labels, epochs=10, verbose=0)
        assert model.evaluate(x, labels, verbose=0)[1] > 0.95


def test_validation(device, rng):
    x, y = blobs(rng)
    model = classifier()
    history = model.fit(x[:80], y[:80], epochs=2, validation_data=(x[80:], y[80:]), verbose=0)
    assert list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    expected = model.evaluate(x[80:], y[80:], verbose=0)
    assert history.history["val_loss"][-1] == pytest.approx(expected[0])
    assert history.history["val_accuracy"][-1] == pytest.approx(expected[1])
    history = model.fit(x, y, epochs=4, validation_split=0.25, validation_freq=2, verbose=0)
    assert len(history.history["val_loss"]) == 2
    expected = model.evaluate(x[90:], y[90:], verbose=0)
    assert history.history["val_loss"][-1] == pytest.approx(expected[0])
    assert history.params["steps"] == 3


def test_initial_epoch(device):
    history = linear_model().fit(X, Y, epochs=5, initial_epoch=3, verbose=0)
    assert history.epoch == [3, 4]


def test_single_batches(device):
    model = linear_model(metrics=["mae"])
    assert model.test_on_batch(X, Y) == pytest.approx([18.0, 4.0])
    model.reset_metrics()
    found = model.train_on_batch(X, Y, return_dict=True)
    assert found == {"loss": pytest.approx(18.0), "mae": pytest.approx(4.0)}
    # g_w = -28 and g_b = -8, times 0.1.
    np.testing.assert_allclose(model.predict_on_batch(X[:1]), [[3.8 + 0.8]], rtol=1e-5)


def test_weights_frozen_by_trainable_stay(device, rng):
    x, y = blobs(rng)
    model = classifier()
    model.layers[0].trainable = False
    before = model.get_weights()
    model.fit(x, y, verbose=0)
    after = model.get_weights()
    assert before[0].tolist() == after[0].tolist()
    assert before[2].tolist() != after[2].tolist()
    model.layers[0].trainable = True
    model.fit(x, y, verbose=0)
    assert before[0].tolist() != model.get_weights()[0].tolist()


# Predict ------------------------------------------------------------------------------------------


def test_predict_joins_all_batches(device):
    model = linear_model()
    x = np.arange(1000.0)[:, None]
    for options in ({}, {"batch_size": 7}, {"batch_size": 1000}):
        y = model.predict(x, **options)
        assert y.dtype == np.float32
        assert y.tolist() == x.tolist()
    assert model.predict([[3.0]]).tolist() == [[3.0]]
    assert model.predict(np.array([3.0])).tolist() == [[3.0]]
    batches = [x[:3], x[3:5]]
    assert model.predict(iter(batches)).tolist() == x[:5].tolist()


def test_predict_does_not_hand_out_the_input(device):
    model = keras.Sequential([layers.Activation("linear")])
    x = np.ones((2, 2), np.float32)
    y = model.predict(x)
    y[:] = 5.0
    assert x.tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_predict_of_a_structure(device):
    class Two(keras.Model):
        def call(self, x):
            return {"twice": x * 2, "more": [x + 1]}

    y = Two().predict(np.arange(5.0)[:, None], batch_size=2)
    assert y["twice"][:, 0].tolist() == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert y["more"][0][:, 0].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_dropout_is_off_in_predict_and_on_in_fit(device):
    class Recorder(layers.Layer):
        seen: list = []  # noqa: RUF012

        def call(self, x, training=None):
            Recorder.seen.append(training)
            return x

    model = keras.Sequential([Recorder(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, Y, batch_size=5, verbose=0)
    model.evaluate(X, Y, batch_size=5, verbose=0)
    model.predict(X)
    model(X)
    assert Recorder.seen == [True, False, False, None]


# Subclasses ---------------------------------------------------------------------------------------


class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.conv1 = layers.Conv2D(4, 3, activation="relu")
        self.flatten = layers.Flatten()
        self.blocks = [layers.Dense(6, activation="relu"), layers.Dense(3)]

    def call(self, x):
        x = self.flatten(self.conv1(x))
        for block in self.blocks:
            x = block(x)
        return x


def test_subclassed_model(device, rng):
    x = rng.normal(size=(20, 6, 6, 1)) + np.arange(20)[:, None, None, None] % 3
    y = np.arange(20) % 3
    model = Net()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    history = model.fit(x, y, epochs=25, batch_size=10, verbose=0)
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
    assert [v.path for v in model.weights] == [
        "net/conv2d/kernel",
        "net/conv2d/bias",
        "net/dense/kernel",
        "net/dense/bias",
        "net/dense_1/kernel",
        "net/dense_1/bias",
    ]
    assert [layer.name for layer in model.layers] == ["conv2d", "flatten", "dense", "dense_1"]
    assert model.get_layer("flatten") is model.flatten
    assert model.get_layer(index=0) is model.conv1
    with pytest.raises(ValueError, match='no layer "dens"'):
        model.get_layer("dens")


def test_subclassed_model_can_be_built_from_a_shape():
    model = Net()
    model.build((None, 6, 6, 1))
    assert model.count_params() == 40 + (64 * 6 + 6) + 21


def test_training_loop_of_ones_own(device, rng):
    x, y = blobs(rng)
    model = classifier()
    optimizer = keras.optimizers.Adam(0.05)
    loss_object = keras.losses.SparseCategoricalCrossentropy()
    mean, accuracy = keras.metrics.Mean(), keras.metrics.SparseCategoricalAccuracy()
    for _ in range(30):
        with tc.GradientTape() as tape:
            predictions = model(x, training=True)
            loss = loss_object(y, predictions)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        mean(loss)
        accuracy(y, predictions)
    assert float(loss) < 0.2 < float(mean.result())
    assert float(accuracy.result()) > 0.8


def test_train_step_of_ones_own(device):
    class Custom(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1, kernel_initializer="ones")
            self.tracker = keras.metrics.Mean(name="my_loss")

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            x, y = data
            with tc.GradientTape() as tape:
                loss = tc.mean(tc.square(y - self(x, training=True)))
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            self.tracker.update_state(loss)
            return {"my_loss": self.tracker.result()}

        @property
        def metrics(self):
            return [self.tracker]

    model = Custom()
    model.compile(optimizer=keras.optimizers.SGD(0.01))
    history = model.fit(X, Y, batch_size=5, epochs=2, shuffle=False, verbose=0)
    _, _, losses = train_by_hand(X, Y, 5, 2, 0.01)
    np.testing.assert_allclose(history.history["my_loss"], losses, rtol=1e-5)


def test_add_loss_is_minimised_too(device):
    class Penalty(layers.Layer):
        def call(self, x):
            self.add_loss(tc.mean(x) * 10.0)
            return x

    model = keras.Sequential([layers.Dense(1, kernel_initializer="ones"), Penalty()])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    history = model.fit(X, Y, batch_size=5, epochs=2, verbose=0)
    np.testing.assert_allclose(history.history["loss"], [18.0 + 30.0] * 2, rtol=1e-5)


def test_a_model_inside_a_model_hands_training_on(device):
    inner = keras.Sequential([layers.Dense(4, input_shape=(2,)), layers.Dropout(0.9)])
    outer = keras.Sequential([inner, layers.Softmax()])
    assert outer.input_shape == (None, 2)
    x = np.ones((4, 2))
    assert np.allclose(outer.predict(x).sum(axis=1), 1.0)
    assert (inner(x, training=True).numpy() == 0).any()
    assert not (outer(x).numpy() == 0.25).all()


# Sequential ---------------------------------------------------------------------------------------


def test_sequential_builds_as_soon_as_the_input_is_known(device):
    model = keras.Sequential(name="stack")
    model.add(keras.Input(shape=(4,)))
    model.add(layers.Dense(3))
    model.add(layers.Dense(2))
    assert [v.path for v in model.weights] == [
        "stack/dense/kernel",
        "stack/dense/bias",
        "stack/dense_1/kernel",
        "stack/dense_1/bias",
    ]
    assert model.output_shape == (None, 2)
    model.pop()
    assert model.output_shape == (None, 3)
    assert model(np.ones((1, 4))).shape == (1, 3)
    assert len(model.weights) == 2


def test_sequential_without_a_shape_is_built_by_the_first_call(device):
    model = keras.Sequential([layers.Flatten(), layers.Dense(2)])
    assert model.weights == []
    model(np.ones((3, 2, 2)))
    assert model.weights[0].shape == (4, 2)
    assert model.built
    assert model.input_shape == (None, 2, 2)
    assert model.weights[0].path == "sequential/dense/kernel"


def test_sequences_may_change_their_length(device):
    for options in ({}, {"input_shape": (None,)}):
        model = keras.Sequential(
            [layers.Embedding(10, 4, **options), layers.GlobalAveragePooling1D(), layers.Dense(1)]
        )
        for length in (5, 3, 8):
            assert model(np.zeros((2, length), np.int32)).shape == (2, 1)


def test_sequential_explains_what_does_not_fit():
    with pytest.raises(TypeError, match=r"make an object: Dense\(...\)"):
        keras.Sequential([layers.Dense])
    with pytest.raises(InvalidArgumentError, match='two named "a"'):
        keras.Sequential([layers.Dense(1, name="a"), layers.Dense(1, name="a")])
    model = keras.Sequential([layers.Flatten(input_shape=(28, 28)), layers.Dense(2)])
    with pytest.raises(ShapeError, match=r"expected inputs of shape \(None, 28, 28\).*x\[None\]"):
        model(np.ones((28, 28)))
    with pytest.raises(InvalidArgumentError, match="has no layers"):
        keras.Sequential()(np.ones((1, 1)))


# Callbacks ----------------------------------------------------------------------------------------


def test_moments_come_in_order(device):
    calls = []

    class Spy(keras.callbacks.Callback):
        def __getattribute__(self, name):
            return super().__getattribute__(name)

    for name in ("train", "epoch", "train_batch", "test", "test_batch"):
        for when in ("begin", "end"):
            moment = f"on_{name}_{when}"
            setattr(Spy, moment, lambda self, *args, moment=moment: calls.append(moment))
    model = linear_model()
    model.fit(X, Y, batch_size=3, validation_data=(X, Y), callbacks=[Spy()], verbose=0)
    batch = ["on_train_batch_begin", "on_train_batch_end"]
    test = ["on_test_begin", "on_test_batch_begin", "on_test_batch_end"]
    test += ["on_test_batch_begin", "on_test_batch_end", "on_test_end"]
    begin = ["on_train_begin", "on_epoch_begin"]
    assert calls == [*begin, *batch, *batch, *test, "on_epoch_end", "on_train_end"]


def test_logs_of_a_batch_are_numbers(device):
    found = []

    class Reader(keras.callbacks.Callback):
        def on_batch_end(self, batch, logs=None):
            found.append((batch, dict(logs)))

    model = linear_model(optimizer=keras.optimizers.SGD(0.0), metrics=["mae"])
    model.fit(X, Y, batch_size=2, shuffle=False, callbacks=Reader(), verbose=0)
    errors = (X + 1)[:, 0]
    means = [(errors[:n] ** 2).mean() for n in (2, 4, 5)]
    assert [logs["loss"] for _, logs in found] == pytest.approx(means, rel=1e-5)
    assert type(found[0][1]["mae"]) is float
    assert [batch for batch, _ in found] == [0, 1, 2]


def test_lambda_callback_and_stop_training(device):
    model = linear_model()
    epochs = []

    def stop(epoch, logs):
        epochs.append(epoch)
        model.stop_training = epoch == 1

    callback = keras.callbacks.LambdaCallback(on_epoch_end=stop)
    model.fit(X, Y, epochs=5, callbacks=[callback], verbose=0)
    assert epochs == [0, 1]
    with pytest.raises(TypeError, match="unknown moment 'on_lunch'"):
        keras.callbacks.LambdaCallback(on_lunch=print)


def test_early_stopping_restores_the_best_weights(device, capsys):
    model = linear_model()
    values = iter([3.0, 2.0, 2.5, 2.4, 2.6])
    weights = []

    class Fake(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_loss"] = next(values)
            weights.append(self.model.get_weights())

    stopper = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True, verbose=1)
    history = model.fit(X, Y, epochs=9, callbacks=[Fake(), stopper], verbose=0)
    assert history.epoch == [0, 1, 2, 3]
    assert stopper.stopped_epoch == 3
    assert model.get_weights()[0].tolist() == weights[1][0].tolist()
    assert weights[1][0].tolist() != weights[3][0].tolist()
    assert "Epoch 4: early stopping" in capsys.readouterr().out


def test_early_stopping_knows_which_way_is_better():
    stopper = keras.callbacks.EarlyStopping("val_accuracy", min_delta=0.1)
    assert stopper._better(0.8, 0.6)
    assert not stopper._better(0.65, 0.6)
    assert keras.callbacks.EarlyStopping("val_loss")._better(0.5, 0.6)
    with pytest.raises(InvalidArgumentError, match=r'no metric "val_loss".*validation_data'):
        linear_model().fit(X, Y, callbacks=[keras.callbacks.EarlyStopping()], verbose=0)


def test_nan_ends_training_only_if_asked(device, capsys):
    x = X.copy()
    x[1] = np.nan
    words = r"fit: the loss is NaN since epoch 1\. Look for NaN in the data \(np\.isnan\(x\)"
    with pytest.warns(UserWarning, match=words) as said:
        history = linear_model().fit(x, Y, epochs=2, verbose=0)
    assert len(said) == 1
    assert np.isnan(history.history["loss"]).all()
    stopper = keras.callbacks.TerminateOnNaN()
    with pytest.warns(UserWarning, match=words):
        history = linear_model().fit(
            x, Y, epochs=2, batch_size=1, shuffle=False, callbacks=[stopper], verbose=0
        )
    assert len(history.epoch) == 1
    assert "Batch 1: Invalid loss nan, terminating training" in capsys.readouterr().out


# Errors -------------------------------------------------------------------------------------------


def test_uncompiled_models_say_what_to_do():
    model = keras.Sequential([layers.Dense(1)])
    for method in (model.fit, model.evaluate, model.train_on_batch):
        with pytest.raises(TrainingError, match=r"is not compiled. Call model.compile\("):
            method(X, Y)


def test_unknown_names_are_refused_by_compile():
    model = keras.Sequential([layers.Dense(1)])
    with pytest.raises(InvalidArgumentError, match='Did you mean "adam"'):
        model.compile(optimizer="adan", loss="mse")
    with pytest.raises(InvalidArgumentError, match="unknown loss"):
        model.compile(optimizer="adam", loss="squares")
    with pytest.raises(InvalidArgumentError, match="unknown metric"):
        model.compile(optimizer="adam", loss="mse", metrics=["squares"])


def test_data_that_does_not_fit_is_refused():
    model = linear_model()
    with pytest.raises(ShapeError, match="x has 5, y has 4"):
        model.fit(X, Y[:4], verbose=0)
    with pytest.raises(InvalidArgumentError, match="no samples"):
        model.fit(X[:0], Y[:0], verbose=0)
    with pytest.raises(InvalidArgumentError, match="batch_size must be a positive int"):
        model.fit(X, Y, batch_size=0)
    with pytest.raises(InvalidArgumentError, match="y and sample_weight must be left out"):
        model.fit(iter([(X, Y)]), Y)
    with pytest.raises(TrainingError, match="needs labels"):
        model.fit(X, verbose=0)
    with pytest.raises(InvalidArgumentError, match="verbose"):
        model.fit(X, Y, verbose="loud")


def test_labels_out_of_range_end_the_epoch_with_an_error(device, rng):
    x, y = blobs(rng)
    y[7] = 3
    with pytest.raises(ValueError, match="label 3 is out of range; expected 0 to 2"):
        classifier().fit(x, y, verbose=0)


def test_the_wrong_loss_for_the_labels_is_explained(rng):
    x, y = blobs(rng)
    with pytest.raises(ShapeError, match="look like one-hot"):
        classifier().fit(x, keras.utils.to_categorical(y), verbose=0)
    with pytest.raises(ShapeError, match="look like integer labels"):
        classifier(loss="categorical_crossentropy").fit(x, y, verbose=0)


# What is printed ----------------------------------------------------------------------------------

SUMMARY = """\
Model: "sequential"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
│ flatten (Flatten)               │ (None, 784)            │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ dense (Dense)                   │ (None, 128)            │       100,480 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ dense_1 (Dense)                 │ (None, 10)             │         1,290 │
└─────────────────────────────────┴────────────────────────┴───────────────┘
 Total params: 101,770 (397.54 KB)
 Trainable params: 101,770 (397.54 KB)
 Non-trainable params: 0 (0.00 B)
"""


def test_summary_is_that_of_keras(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    model = keras.Sequential(
        [
            layers.Flatten(input_shape=(28, 28)),
            layers.Dense(128, activation="relu"),
            layers.Dense(10),
        ]
    )
    texts = []
    model.summary(print_fn=texts.append)
    assert texts == [SUMMARY]
    model.summary()
    assert capsys.readouterr().out == SUMMARY
    model.compile("adam", "mse")
    model.fit(np.ones((1, 28, 28)), np.ones((1, 10)), verbose=0)
    model.summary(print_fn=texts.append)
    assert " Total params: 305,312 (1.16 MB)\n" in texts[1]
    assert " Optimizer params: 203,542 (795.09 KB)\n" in texts[1]


def test_summary_of_an_unbuilt_model(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    texts = []
    keras.Sequential([layers.Dense(3)]).summary(print_fn=texts.append)
    assert (
        "│ dense (Dense)                   │ ?                      │   0 (unbuilt) │" in texts[0]
    )


def test_progress_lines(capsys):
    model = linear_model(metrics=["mae"], optimizer=keras.optimizers.SGD(0.0))
    model.fit(X, Y, epochs=2, verbose=2, validation_data=(X, Y))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Epoch 1/2  1/1  ")
    assert lines[1].endswith("loss: 18.0000  mae: 4.0000  val_loss: 18.0000  val_mae: 4.0000")
    model.fit(X, Y, verbose=0)
    model.predict(X)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (
            lambda: keras.Sequential(keras.layers.Dense(3), keras.layers.Dense(4)),
            r"give the layers as one list: Sequential\(\[a, b\]\)",
        ),
        (
            lambda: keras.layers.Dense(4, input_shape=8),
            r"such as \(28, 28\), received 8\. For one dimension write \(8,\)",
        ),
        (lambda: keras.layers.Dense(4, input_shape=(-8,)), "positive whole numbers or None"),
        (lambda: keras.optimizers.Adam("0.1"), "learning_rate must be a number from 0 on"),
        (lambda: keras.optimizers.Adam(-1), "learning_rate must be a number from 0 on"),
    ],
)
def test_mistakes_of_beginners(build, words):
    with pytest.raises((ValueError, TypeError), match=words):
        build()


def test_a_loss_in_a_text_is_a_number(device):
    assert f"loss {tc.asarray(0.5)} {tc.asarray(0.25):.3f}" == "loss 0.5 0.250"


def test_a_generator_validates_every_epoch(device):
    model = linear_model()
    batches = ((X[i : i + 2], Y[i : i + 2]) for i in (0, 2))
    found = model.fit(X, Y, epochs=3, verbose=0, validation_data=batches, shuffle=False).history
    assert len(found["val_loss"]) == 3
    expected = model.evaluate(X[:4], Y[:4], batch_size=2, verbose=0)
    np.testing.assert_allclose(found["val_loss"][-1], expected, rtol=1e-6)


def test_early_stopping_after_a_first_epoch_without_a_number():
    stopping = keras.callbacks.EarlyStopping(monitor="loss", patience=2, restore_best_weights=True)
    stopping.set_model(linear_model())
    stopping.on_train_begin()
    stopping.on_epoch_end(0, {"loss": float("nan")})
    assert stopping.best is None
    for epoch, loss in enumerate((3.0, 2.0), 1):
        stopping.on_epoch_end(epoch, {"loss": loss})
        assert stopping.best == loss
    stopping.on_epoch_end(3, {"loss": float("nan")})
    assert not stopping.model.stop_training
    stopping.on_epoch_end(4, {"loss": 5.0})
    assert stopping.model.stop_training
    assert (stopping.best, stopping.best_epoch) == (2.0, 2)


def test_a_call_that_forgot_to_return_is_told_so():
    class Forgetful(keras.Model):
        def call(self, x):
            x * 2.0

    with pytest.raises(TrainingError, match='Forgetful "forgetful": call returned None'):
        Forgetful()(X)


def test_a_second_input_shape_must_fit():
    with pytest.raises(ShapeError, match=r"made with input_shape \(5,\), but what arrives there"):
        keras.Sequential([layers.Dense(4, input_shape=(3,)), layers.Dense(2, input_shape=(5,))])
    with pytest.raises(ShapeError, match=r"has shape \(3,\) for each sample"):
        keras.Sequential([keras.Input((3,)), layers.Dense(2, input_shape=(5,))])
    keras.Sequential([keras.Input((3,)), layers.Dense(2, input_shape=(3,))])


def test_rows_are_gathered_for_every_dtype_and_order(device):
    class Seen(keras.Model):
        def train_step(self, batch):
            x, y = batch
            self.seen.assign_add(tc.sum(x["a"]) * 100.0 + tc.sum(tc.astype(y, tc.float32)))
            return {"loss": tc.sum(x["b"])}

        def __init__(self):
            super().__init__()
            self.seen = tc.Variable(0.0)

        def call(self, x):
            return x

    x = {"a": np.arange(10, dtype=np.float64), "b": np.arange(20.0).reshape(10, 2)[:, ::-1]}
    y = np.arange(10)[::-1]
    for shuffle in (False, True):
        model = Seen()
        model.compile(loss="mse")
        losses = []
        note = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs, losses=losses: losses.append(logs["loss"])
        )
        model.fit(x, y, batch_size=3, epochs=4, shuffle=shuffle, verbose=0, callbacks=[note])
        assert float(model.seen) == 4 * 4545.0
        assert sum(losses) == 4 * 190.0


class TwoOutputs(keras.layers.Layer):
    """A layer that does not say the shapes of its outputs."""

    def __init__(self, **options):
        super().__init__(**options)
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        return self.dense(x), x * 2


class SeveralOutputs(keras.Model):
    def __init__(self):
        super().__init__()
        self.two = TwoOutputs()
        self.lstm = keras.layers.LSTM(3, return_state=True)
        self.dense = keras.layers.Dense(2)
        self.attention = keras.layers.MultiHeadAttention(2, 3)

    def call(self, x):
        a, b = self.two(x)
        h, _, _ = self.lstm(a)
        found, _ = self.attention(a, b, return_attention_scores=True)
        return self.dense(h) + keras.ops.mean(found)


# As Keras 3.15 shows it: shapes with the batch that came first, "?" for layers that say none.
SEVERAL = """
│ two_outputs (TwoOutputs)        │ ?                      │            15 │
│ lstm (LSTM)                     │ ((2, 3), (2, 3), (2,   │            84 │
│                                 │ 3))                    │               │
│ dense_1 (Dense)                 │ (2, 2)                 │             8 │
│ multi_head_attention            │ (2, 5, 3)              │           105 │
│ (MultiHeadAttention)            │                        │               │
"""


def test_summary_of_called_models_is_that_of_keras(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    keras.backend.clear_session()
    called, trained = SeveralOutputs(), SeveralOutputs()
    called(np.ones((2, 5, 4), np.float32))
    called.summary()
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert "\n".join(rows) == SEVERAL.strip()
    trained.compile("sgd", "mse")
    trained.fit(np.ones((5, 5, 4)), np.ones((5, 2)), batch_size=2, verbose=0)
    trained.summary()
    assert "((2, 3), (2, 3), (2," in capsys.readouterr().out
    built = keras.Sequential([keras.layers.Dense(3)])
    built.build((None, 4))
    built.summary()
    assert "│ (None, 3) " in capsys.readouterr().out
