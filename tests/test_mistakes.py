"""Mistakes that are easy to make with arrays: said at once, in words that show the remedy."""

from __future__ import annotations

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras, tf
from tensorcore.errors import ArgumentTypeError


def test_gradients_sent_to_targets(device):
    x = tc.asarray([1.0, 2.0])
    for sent, expected in ((2.0, [4.0, 8.0]), (np.array([1.0, 0.5]), [2.0, 2.0]), (3, [6.0, 12.0])):
        with tc.GradientTape() as tape:
            tape.watch(x)
            y = x * x
        assert tape.gradient(y, x, output_gradients=sent).tolist() == expected
    with tc.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * (1 + 0j)
    assert tape.gradient(y, x, output_gradients=2.0).tolist() == [2.0, 2.0]
    for wrong in (tc.ones(3), tc.ones((1, 2), dtype=tc.complex64), np.ones(1)):
        with pytest.raises(ValueError, match=r"gradient: output_gradients must have .* \(2,\)"):
            tape.gradient(y, x, output_gradients=wrong)


def test_a_trace_keeps_what_an_array_holds(device):
    table = np.array([1.0, 2.0], np.float32)
    traced = tc.function(lambda x: x + table)
    assert traced(tc.zeros(2)).tolist() == [1.0, 2.0]
    table[0] = 100.0
    assert traced(tc.zeros(2)).tolist() == [1.0, 2.0]


def test_a_traced_number_is_an_index(device):
    x = tc.asarray([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    traced = tc.function(lambda x, i: (x[i], x[:, i - 1], x[i, 0], x[i, ..., None]))
    found = traced(x, tc.asarray(1))
    for actual, value in zip(found, (x[1], x[:, 0], x[1, 0], x[1, ..., None]), strict=True):
        np.testing.assert_array_equal(actual.numpy(), value.numpy())
    with pytest.raises(IndexError, match="index 3 is out of bounds"):
        [part.numpy() for part in traced(x, tc.asarray(3))]
    assert traced.trace_count == 1
    rows = tc.vmap(lambda row, i: row[i])(x, tc.asarray([0, 1, 0]))
    assert rows.tolist() == [1.0, 4.0, 5.0]
    slope = tc.grad(lambda x: tc.function(lambda x, i: x[i] * x[i])(x, tc.asarray(1)))
    assert slope(tc.asarray([1.0, 3.0])).tolist() == [0.0, 6.0]


def looked_up(x, index):
    return x[index]


def changed(x, index):
    return tc.written(x, index, 0.0)


@pytest.mark.parametrize("function", [looked_up, changed])
@pytest.mark.parametrize(
    ("index", "words"),
    [
        (([5],), r"tensor of shape \(3, 2\): index 5 is out of bounds for axis 0 with size 3"),
        (([0, -4],), "index -4 is out of bounds for axis 0 with size 3"),
        ((slice(None), [2]), "index 2 is out of bounds for axis 1 with size 2"),
        ((None, ..., [2]), "index 2 is out of bounds for axis 1 with size 2"),
    ],
)
def test_index_tensors_are_checked_on_both_devices(function, index, words, device):
    x = tc.ones((3, 2))
    index = tuple(tc.asarray(part) if isinstance(part, list) else part for part in index)
    with pytest.raises(IndexError, match=words):
        function(x, index).numpy()
    with pytest.raises(IndexError, match=words):
        tc.function(lambda x: function(x, index))(x).numpy()
    assert function(x, (tc.asarray([-3, 2]),)).numpy().size


@pytest.mark.parametrize(
    "make",
    [
        lambda: tc.ones(-3),
        lambda: tc.zeros((2, -1)),
        lambda: tc.empty((None, 2)),
        lambda: tc.full((-1,), 2.0),
        lambda: tc.random.normal((-2,)),
        lambda: tc.random.uniform(-2),
    ],
)
def test_sizes_of_new_tensors(make, device):
    with pytest.raises(ValueError, match="the sizes of a new tensor must be 0 or more"):
        make()


def test_labels_that_are_not_whole(device):
    probabilities = tc.asarray([[0.5, 0.5], [0.25, 0.75]])
    loss = keras.losses.sparse_categorical_crossentropy
    np.testing.assert_allclose(
        loss(tc.asarray([1.0, 0.0]), probabilities).numpy(), -np.log([0.5, 0.25]), rtol=1e-5
    )
    for bad in (0.5, np.nan, 1e20):
        for function in (loss, tc.function(loss)):
            with pytest.raises(IndexError, match=r"label \(a number that is not whole\) is out"):
                function(tc.asarray([bad, 0.0]), probabilities).numpy()
    embedding = keras.layers.Embedding(4, 2)
    assert embedding(tc.asarray([[0.0, 3.0]])).shape == (1, 2, 2)
    with pytest.raises(IndexError, match=r"index \(a number that is not whole\) is out of range"):
        embedding(tc.asarray([[0.5]])).numpy()
    with pytest.raises(TypeError, match="one_hot: indices must have an integer dtype"):
        tc.nn.one_hot(tc.asarray([0.5]), 2)


@pytest.mark.parametrize("labels", [["cat", "dog"], np.array(["cat"]), "cat"])
def test_texts_are_no_tensors(labels):
    with pytest.raises(TypeError, match="Give each text a number first: names, numbers = np"):
        tc.asarray(labels)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[1, 2, 3], [4, 5]], r"\[0\] has 3 elements, \[1\] has 2 elements. Pad the short ones"),
        ([1, [2]], r"\[0\] has a number, \[1\] has 1 elements"),
        ([[[1], [2]], [[3], [4, 5]]], r"\[1\]\[0\] has 1 elements, \[1\]\[1\] has 2 elements"),
    ],
)
def test_ragged_lists(rows, words):
    with pytest.raises(ValueError, match=words):
        tc.asarray(rows)


def classifier():
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def objects(*parts):
    array = np.empty(len(parts), object)
    array[:] = parts
    return array


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        ([[1, 2], [3]], ValueError, r"\[0\] has 2 elements, \[1\] has 1 elements.*pad_sequences"),
        (objects([1], [2, 3]), ValueError, r"an array of lists, one of \d .*pad_sequences"),
        (objects(1.5, 2), TypeError, r'Python objects, one of them \S+; .* x.astype\("float32"\)'),
        (np.array(["a", "b"]), TypeError, "received texts, and none of its layers reads texts"),
    ],
)
def test_fit_says_what_rows_are_not(rows, error, words, device):
    with pytest.raises(error, match=words):
        classifier().fit(rows, [0, 1], verbose=0)


def test_fit_asks_for_batches(device):
    rows = tf.data.Dataset.from_tensor_slices((np.ones((4, 6, 6), np.float32), np.arange(4) % 3))
    with pytest.raises(ValueError, match=r"yields single samples: dataset.batch\(32\)"):
        classifier().fit(rows, verbose=0)


def test_a_model_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'no file ".*none.keras" to load; the current'):
        keras.models.load_model(tmp_path / "none.keras")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: keras.callbacks.EarlyStopping(patients=2),
            "EarlyStopping: unknown argument 'patients'. Did you mean 'patience'?",
        ),
        (
            lambda: keras.losses.SparseCategoricalCrossentropy(from_logit=True),
            "SparseCategoricalCrossentropy: unknown argument 'from_logit'. Did you mean "
            "'from_logits'?",
        ),
        (
            lambda: keras.initializers.HeNormal(sed=3),
            "HeNormal: unknown argument 'sed'. Did you mean 'seed'?",
        ),
        (lambda: keras.regularizers.L2(x=3), "L2: unknown argument 'x'. It takes l2."),
        (
            lambda: classifier().compile("sgd", "mse", metric=["mae"]),
            "compile: unknown argument 'metric'. Did you mean 'metrics'?",
        ),
        (
            lambda: classifier().predict(np.ones((1, 2)), batchsize=3),
            "predict: unknown argument 'batchsize'. Did you mean 'batch_size'?",
        ),
        (
            lambda: classifier().evaluate(np.ones((1, 2)), batchsize=3, step=1),
            "evaluate: unknown arguments 'batchsize', 'step'. Did you mean 'batch_size' instead of "
            "'batchsize'? Did you mean 'steps' instead of 'step'?",
        ),
    ],
)
def test_misspelt_arguments(call, words):
    with pytest.raises(ArgumentTypeError) as caught:
        call()
    assert str(caught.value) == words


def test_errors_from_inside_are_not_taken_for_misspelt_arguments():
    class Own(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            {}.get(wrong=1)

    with pytest.raises(TypeError, match="takes no keyword arguments"):
        classifier().fit(np.ones((1, 2)), [0], callbacks=[Own()], verbose=0)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        classifier().predict()


SIGNATURES = (
    "input_signature must be a possibly nested sequence of TensorSpec objects, got invalid args "
    "{}. Give one for each argument, for example [tf.TensorSpec(shape=(None, 3), dtype=tf.float32)]"
)


@pytest.mark.parametrize(
    ("signature", "words"),
    [
        ([None], SIGNATURES.format("[None]")),
        ([(2,)], SIGNATURES.format("[2]")),
        ([{"a": "float32"}], SIGNATURES.format("['float32']")),
        (
            tf.TensorSpec((2,)),
            "input_signature must be either a tuple or a list, got TensorSpec: write "
            "input_signature=[...]",
        ),
    ],
)
def test_signatures_that_are_none(signature, words):
    with pytest.raises(ArgumentTypeError) as caught:
        tf.function(lambda x: x, input_signature=signature)
    assert str(caught.value) == words


def test_devices_that_are_not_there(capsys):
    from tensorcore.tf import control

    control._say_instead.cache_clear()
    for _ in range(2):
        with tf.device("/GPU:7"):
            assert tf.constant(1).device.name == "cpu"
    there = ", ".join(each.name for each in tc.devices())
    said = f"tensorcore: there is no device /GPU:7; using the CPU. There are: {there}\n"
    assert capsys.readouterr().err == said
    for known in ("/CPU:0", "cpu:0", "/device:CPU:0", "/job:localhost/replica:0/task:0/CPU:0"):
        with tf.device(known):
            assert tf.constant(1).device.name == "cpu"
    with tf.device("/CPU:0"), tf.device(None):
        assert tf.constant(1).device.name == "cpu"
    with pytest.raises(ValueError) as caught:
        tf.device("/XPU:0")
    assert str(caught.value) == (
        "tf.device: Unknown attribute 'XPU:0' is encountered while parsing the device spec: "
        "'/XPU:0'; expected a name such as '/CPU:0' or '/GPU:0'"
    )
    assert capsys.readouterr().err == ""


def test_several_misspelt_arguments():
    with pytest.raises(TypeError) as caught:
        keras.layers.Dense(3, activaton="relu", use_bais=False)
    assert str(caught.value) == (
        "Dense: unknown arguments ['activaton', 'use_bais']. Did you mean \"activation\" instead "
        'of "activaton"? Did you mean "use_bias" instead of "use_bais"?'
    )
