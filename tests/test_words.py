"""What a program is told that uses a model wrongly: every word, the same on both devices."""

from __future__ import annotations

import numpy as np
import pytest

from tensorcore import keras, tf
from tensorcore.errors import (
    ArgumentTypeError,
    DTypeError,
    InvalidArgumentError,
    MissingAttributeError,
    OutOfRangeError,
    ShapeError,
    TrainingError,
)
from tensorcore.keras import layers

X = np.ones((6, 4), np.float32)
IMAGES = np.ones((6, 8, 8), np.float32)
CLASSES = np.arange(6, dtype=np.int32) % 3
HOT = np.eye(3, dtype=np.float32)[CLASSES]
CASES = []


def says(kind, words):
    """A mistake, and what is said about it."""

    def note(mistake):
        CASES.append(pytest.param(mistake, kind, words, id=mistake.__name__))
        return mistake

    return note


def classifier(loss, units=3, activation="softmax", **options):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(units, activation=activation)])
    model.compile("sgd", loss, **options)
    return model


def ending_in_three(*first):
    model = keras.Sequential([*first, layers.Dense(3)])
    model.compile("sgd", "mse")
    return model


def two_inputs():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    model = keras.Model([a, b], layers.Add()([a, b]))
    model.compile("sgd", "mse")
    return model


# The loss and the labels --------------------------------------------------------------------------


@says(
    ShapeError,
    "sparse_categorical_crossentropy: for predictions of shape (6, 3) expected integer labels "
    "of shape (6,), received labels of shape (6, 3). These look like one-hot labels: use "
    'loss="categorical_crossentropy", or labels = np.argmax(labels, axis=-1).',
)
def one_hot_labels_for_a_sparse_loss():
    classifier("sparse_categorical_crossentropy").fit(X, HOT, verbose=0)


@says(
    ShapeError,
    "categorical_crossentropy: expected labels of the predictions' shape (6, 3), received "
    "labels of shape (6,). These look like integer labels: use "
    'loss="sparse_categorical_crossentropy", or labels = keras.utils.to_categorical(labels, '
    "3).",
)
def integer_labels_for_a_categorical_loss():
    classifier("categorical_crossentropy").fit(X, CLASSES, verbose=0)


@says(
    ShapeError,
    "categorical_crossentropy: expected labels of the predictions' shape (6, 3), received "
    "labels of shape (6, 1). These look like integer labels: use "
    'loss="sparse_categorical_crossentropy", or labels = keras.utils.to_categorical(labels, '
    "3).",
)
def a_column_of_integer_labels():
    classifier("categorical_crossentropy").fit(X, CLASSES[:, None], verbose=0)


@says(
    ShapeError,
    "categorical_crossentropy: expected labels of the predictions' shape (6, 3), received "
    "labels of shape (6, 4). Give the last layer as many units as a label has values, here 4, "
    "or give labels of 3 values each.",
)
def labels_of_four_classes_for_three():
    classifier("categorical_crossentropy").fit(X, np.eye(4)[CLASSES], verbose=0)


@says(
    OutOfRangeError,
    "cross-entropy: label 3 is out of range; expected 0 to 2, since the last layer gives 3 "
    "classes. Check the labels, or give the last layer one unit for each class.",
)
def a_label_beyond_the_classes():
    classifier("sparse_categorical_crossentropy").fit(X, CLASSES + 1, verbose=0)


@says(
    OutOfRangeError,
    "cross-entropy: label -1 is out of range; expected 0 to 2, since the last layer gives 3 "
    "classes. Check the labels, or give the last layer one unit for each class.",
)
def a_negative_label():
    classifier("sparse_categorical_crossentropy").fit(X, CLASSES - 1, verbose=0)


@says(
    OutOfRangeError,
    "cross-entropy: label (a number that is not whole) is out of range; expected 0 to 2, "
    "since the last layer gives 3 classes. Check the labels, or give the last layer one unit "
    "for each class.",
)
def labels_that_are_not_whole():
    classifier("sparse_categorical_crossentropy").fit(X, CLASSES + 0.5, verbose=0)


@says(
    ShapeError,
    "binary_crossentropy: expected labels of the predictions' shape (6, 3), received labels "
    "of shape (6,). The last layer needs one unit for one label a sample: Dense(1). For "
    'integer labels of several classes use loss="sparse_categorical_crossentropy".',
)
def a_binary_loss_for_many_units():
    classifier("binary_crossentropy").fit(X, CLASSES, verbose=0)


@says(
    ShapeError,
    "mean_squared_error: expected labels of the predictions' shape (6, 3), received labels of "
    "shape (6,). Give the last layer as many units as a label has values, here 1, or give "
    "labels of 3 values each.",
)
def one_number_for_three_outputs():
    classifier("mse").fit(X, CLASSES, verbose=0)


@says(
    ShapeError,
    "mean_squared_error: expected labels of the predictions' shape (6, 3), received labels of "
    "shape (6, 2). Give the last layer as many units as a label has values, here 2, or give "
    "labels of 3 values each.",
)
def two_numbers_for_three_outputs():
    classifier("mse").fit(X, np.ones((6, 2)), verbose=0)


@says(
    OutOfRangeError,
    "cross-entropy: label 2 is out of range; expected 0 to 0, since the last layer gives 1 "
    "class. Check the labels, or give the last layer one unit for each class.",
)
def a_sparse_loss_for_one_unit():
    classifier("sparse_categorical_crossentropy", units=1, activation="sigmoid").fit(
        X, CLASSES, verbose=0
    )


@says(
    DTypeError,
    "Sequential 'sequential' received texts, and none of its layers reads texts; turn them "
    "into numbers first, or begin with hub.KerasLayer(folder)",
)
def labels_that_are_texts():
    classifier("sparse_categorical_crossentropy").fit(X, np.array(list("abcabc")), verbose=0)


@says(
    TrainingError,
    "fit: the loss needs labels, but the data has none: give y, or batches (x, y)",
)
def no_labels():
    classifier("mse").fit(X, verbose=0)


@says(
    InvalidArgumentError,
    "compile: loss has 2 entries, but the model has 1 outputs ['output']: give a dict by "
    "name, or a list with one entry an output",
)
def two_losses_for_one_output():
    model = classifier(["mse", "mse"])
    model.fit(X, HOT, verbose=0)


@says(
    InvalidArgumentError,
    "compile: loss names the outputs ['out']; the model has ['output']: use these names",
)
def a_loss_for_an_unknown_output():
    model = classifier({"out": "mse"})
    model.fit(X, HOT, verbose=0)


@says(
    ShapeError,
    "categorical_accuracy: expected labels of the predictions' shape (6, 3), received labels "
    'of shape (6,). For integer labels use "accuracy" or "sparse_categorical_accuracy".',
)
def a_categorical_metric_for_integer_labels():
    classifier("sparse_categorical_crossentropy", metrics=["categorical_accuracy"]).fit(
        X, CLASSES, verbose=0
    )


@says(
    ShapeError,
    "sparse_categorical_accuracy: for predictions of shape (6, 3) expected integer labels of "
    'shape (6,), received labels of shape (6, 3). For one-hot labels use "accuracy" or '
    '"categorical_accuracy".',
)
def a_sparse_metric_for_one_hot_labels():
    classifier("categorical_crossentropy", metrics=["sparse_categorical_accuracy"]).fit(
        X, HOT, verbose=0
    )


# Shapes -------------------------------------------------------------------------------------------


@says(
    ShapeError,
    "the arrays must have the same number of samples, but x has 6, y has 5. Give one label "
    "(and one weight) for each row of x",
)
def fewer_labels_than_rows():
    classifier("mse").fit(X, HOT[:5], verbose=0)


@says(
    ShapeError,
    "the arrays must have the same number of samples, but x has 6, y has 6, sample_weight has "
    "5. Give one label (and one weight) for each row of x",
)
def fewer_weights_than_rows():
    classifier("mse").fit(X, HOT, sample_weight=np.ones(5), verbose=0)


@says(
    InvalidArgumentError,
    "there are no samples: x is empty; expected one row or more",
)
def no_rows():
    classifier("mse").fit(X[:0], HOT[:0], verbose=0)


@says(
    ShapeError,
    'Sequential "sequential": expected inputs of shape (None, 4), received shape (6, 5); '
    "reshape the data, or give the first layer input_shape=(5,)",
)
def rows_of_another_size():
    classifier("mse").fit(np.ones((6, 5), np.float32), HOT, verbose=0)


@says(
    ShapeError,
    'Sequential "sequential": expected inputs of shape (None, 4), received shape (4,); for a '
    "single sample add the dimension of the batch: x[None]",
)
def a_single_sample():
    classifier("mse").predict(X[0], verbose=0)


@says(
    ShapeError,
    'Sequential "sequential": expected inputs of shape (None, 8, 8), received shape (8, 8); '
    "for a single sample add the dimension of the batch: x[None]",
)
def a_single_image():
    ending_in_three(layers.Flatten(input_shape=(8, 8))).predict(IMAGES[0], verbose=0)


@says(
    ShapeError,
    'Sequential "sequential": expected inputs of shape (None, 8, 8), received shape (6, 7, '
    "8); reshape the data, or give the first layer input_shape=(7, 8)",
)
def images_of_another_size():
    ending_in_three(layers.Flatten(input_shape=(8, 8))).fit(IMAGES[:, :7], HOT, verbose=0)


@says(
    ShapeError,
    'Dense "dense": expected inputs with size 64 in dimension -1, for which its weights were '
    "made; received shape (6, 56); give it data of that size, or make a new layer for these",
)
def images_of_another_size_later():
    model = ending_in_three(layers.Flatten())
    model.fit(IMAGES, HOT, verbose=0)
    model.fit(IMAGES[:, :7], HOT, verbose=0)


@says(
    ShapeError,
    'Dense "dense": expected inputs with size 4 in dimension -1, for which its weights were '
    "made; received shape (2, 3); give it data of that size, or make a new layer for these",
)
def a_layer_called_on_another_size():
    d = layers.Dense(2)
    d(X)
    d(np.ones((2, 3), np.float32))


@says(
    ShapeError,
    'Conv2D "conv2d": expected inputs with 4 dimensions; received shape (6, 8, 8). Each '
    "sample must have shape (height, width, channels): add the channels to your data with "
    "x[..., None]",
)
def images_without_channels():
    ending_in_three(layers.Conv2D(2, 3), layers.Flatten()).fit(IMAGES, HOT, verbose=0)


@says(
    ShapeError,
    'Conv2D "conv2d": expected inputs with size 1 in dimension -1, for which its weights were '
    "made; received shape (1, 8, 8, 3)",
)
def images_of_other_channels():
    c = layers.Conv2D(2, 3)
    c(np.ones((1, 8, 8, 1), np.float32))
    c(np.ones((1, 8, 8, 3), np.float32))


@says(
    ShapeError,
    "conv2d: a window of (3, 3) (dilation (1, 1), padding VALID) does not fit an image of 2 x "
    '2; use a smaller window, larger images or padding="same"',
)
def a_window_larger_than_the_image():
    keras.Sequential([keras.Input((2, 2, 1)), layers.Conv2D(2, 3)])


@says(
    ShapeError,
    'LSTM "lstm": expected inputs with 3 dimensions; received shape (6, 4). Sequences have '
    "shape (batch, steps, features): put an Embedding before this layer, give the layer "
    "before it return_sequences=True, or add the features with x[..., None]",
)
def rows_for_a_layer_of_sequences():
    ending_in_three(layers.LSTM(2)).fit(X, HOT, verbose=0)


@says(
    OutOfRangeError,
    'layer "embedding": take: index 5 is out of range; expected 0 to 4. In an Embedding '
    "input_dim must be greater than every number of the input",
)
def a_number_beyond_the_embedding():
    ending_in_three(layers.Embedding(5, 2), layers.Flatten()).fit(
        np.full((6, 2), 5), HOT, verbose=0
    )


@says(
    OutOfRangeError,
    'layer "embedding": take: index 5 is out of range; expected 0 to 4. In an Embedding '
    "input_dim must be greater than every number of the input",
)
def a_number_beyond_the_embedding_eagerly():
    layers.Embedding(5, 2)(np.array([[5]])).numpy()


@says(
    InvalidArgumentError,
    "Model \"functional\": expected 2 inputs ['a', 'b'], received 1 of shapes [(6, 4)]: "
    "give a list in this order, or a dict by name",
)
def one_input_of_two():
    two_inputs().fit(X, X, verbose=0)


@says(
    ShapeError,
    'Model "functional": the input "b" must have shape (None, 4), received shape (6, 3); '
    "reshape the data, or make the model with keras.Input((3,))",
)
def an_input_of_another_size():
    two_inputs().fit([X, X[:, :3]], X, verbose=0)


@says(
    InvalidArgumentError,
    "Model \"functional\": expected inputs named ['a', 'b'], received ['a', 'c']; "
    "['b'] are missing: give a dict with these names",
)
def an_input_of_another_name():
    two_inputs().fit({"a": X, "c": X}, X, verbose=0)


@says(
    ShapeError,
    "the arrays must have the same number of samples, but x has 6, x[1] has 3, y has 6. Give "
    "one label (and one weight) for each row of x",
)
def inputs_of_different_lengths():
    two_inputs().fit([X, X[:3]], X, verbose=0)


@says(
    ShapeError,
    'Sequential "sequential": expected inputs of shape (None, 4), received shape (6, 5); '
    "reshape the data, or give the first layer input_shape=(5,)",
)
def validation_rows_of_another_size():
    classifier("mse").fit(X, HOT, validation_data=(np.ones((6, 5), np.float32), HOT), verbose=0)


@says(
    ShapeError,
    "the arrays must have the same number of samples, but x has 6, y has 4. Give one label "
    "(and one weight) for each row of x",
)
def fewer_validation_labels():
    classifier("mse").fit(X, HOT, validation_data=(X, HOT[:4]), verbose=0)


@says(
    InvalidArgumentError,
    "fit: validation_data must be (x, y), (x, y, sample_weight) or an iterable of batches; "
    "received one array of shape (6, 4): its labels are missing",
)
def validation_data_without_labels():
    classifier("mse").fit(X, HOT, validation_data=X, verbose=0)


@says(
    ShapeError,
    'Add "add": inputs of shapes [(None, 4), (None, 3)] do not fit each other; expected equal '
    "shapes",
)
def sums_of_different_sizes():
    layers.Add()([keras.Input((4,)), keras.Input((3,))])


@says(
    ShapeError,
    'Concatenate "concatenate": inputs of shapes [(None, 4, 2), (None, 4, 3)] do not fit; '
    "expected equal sizes in all dimensions but axis=1",
)
def joins_of_different_sizes():
    layers.Concatenate(axis=1)([keras.Input((4, 2)), keras.Input((4, 3))])


@says(
    ShapeError,
    'Dot "dot": expected equal sizes in dimensions [1, 1] of inputs of shapes [(None, 4), '
    "(None, 3)]",
)
def products_of_different_sizes():
    layers.Dot(axes=1)([keras.Input((4,)), keras.Input((3,))])


@says(
    ShapeError,
    'Reshape "reshape": samples of shape (4,) with 4 elements cannot become (5,); expected a '
    "shape with as many elements, or one -1 in it",
)
def a_reshape_of_another_size():
    layers.Reshape((5,))(keras.Input((4,)))


@says(
    ShapeError,
    'Sequential "sequential".set_weights: expected arrays of shapes [(4, 3), (3,)], received '
    "[(4, 3)]",
)
def too_few_weights():
    classifier("mse").set_weights([np.ones((4, 3))])


@says(
    ShapeError,
    'Sequential "sequential".set_weights: expected arrays of shapes [(4, 3), (3,)], received '
    "[(4, 2), (3,)]",
)
def weights_of_another_shape():
    classifier("mse").set_weights([np.ones((4, 2)), np.ones(3)])


# Not compiled -------------------------------------------------------------------------------------


@says(
    TrainingError,
    'fit: the model has no loss; give one to compile, for example loss="mse", call add_loss '
    "in a layer, or override compute_loss",
)
def compiled_without_a_loss():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    model.compile("sgd")
    model.fit(X, HOT, verbose=0)


@says(
    TrainingError,
    'fit: the model has no optimizer; give one to compile, for example optimizer="adam"',
)
def compiled_without_an_optimizer():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    model.compile(loss="mse", optimizer=None)
    model.fit(X, HOT, verbose=0)


@says(
    InvalidArgumentError,
    'unknown optimizer "adm". Did you mean "adam"? Known names: adadelta, adagrad, adam, '
    "adamax, adamw, ftrl, lion, nadam, rmsprop, sgd",
)
def an_unknown_optimizer():
    keras.Sequential([layers.Dense(1)]).compile("adm", "mse")


# Not built ----------------------------------------------------------------------------------------


@says(
    TrainingError,
    'Dense "dense" has no weights yet; call it on data or call build(input_shape) first',
)
def the_parameters_of_an_unbuilt_layer():
    layers.Dense(3).count_params()


@says(
    MissingAttributeError,
    'Dense "dense" has no kernel yet; call it on data or call build(input_shape) first',
)
def the_kernel_of_an_unbuilt_layer():
    return layers.Dense(3).kernel


@says(
    MissingAttributeError,
    'Dense "dense".output: the layer was never called on a symbolic tensor; call it on '
    "keras.Input(...) or on the output of another layer, or give the model an input shape",
)
def the_output_of_an_uncalled_layer():
    return layers.Dense(3).output


@says(
    TrainingError,
    "M: a layer needs a method call(self, inputs)",
)
def a_model_without_call():
    class M(keras.Model):
        pass

    M()(X)


@says(
    TrainingError,
    "M: call super().__init__() at the start of __init__, before layers and variables are "
    "made attributes",
)
def a_model_without_super():
    class M(keras.Model):
        def __init__(self):
            self.dense = layers.Dense(3)

    M()(X)


@says(
    InvalidArgumentError,
    'Sequential "sequential" has no layers; add some with model.add(...)',
)
def a_model_without_layers():
    keras.Sequential()(X)


# Arguments ----------------------------------------------------------------------------------------


@says(
    InvalidArgumentError,
    "fit: epochs must be an int from 0 on, received 2.5",
)
def half_an_epoch():
    classifier("mse").fit(X, HOT, epochs=2.5, verbose=0)


@says(
    ArgumentTypeError,
    "fit: unknown argument 'epoch'. Did you mean 'epochs'?",
)
def a_misspelt_argument():
    classifier("mse").fit(X, HOT, epoch=3, verbose=0)


@says(
    InvalidArgumentError,
    "batch_size must be a positive int, received 0",
)
def a_batch_of_no_rows():
    classifier("mse").fit(X, HOT, batch_size=0, verbose=0)


@says(
    InvalidArgumentError,
    "validation_split must be between 0 and 1, received 1.5; 0.2 keeps the last fifth of the "
    "rows to validate with",
)
def a_validation_share_above_one():
    classifier("mse").fit(X, HOT, validation_split=1.5, verbose=0)


@says(
    InvalidArgumentError,
    "x (Batch) yields batches (x, y) itself; y and sample_weight must be left out",
)
def labels_beside_a_data_set():
    classifier("mse").fit(tf.data.Dataset.from_tensor_slices((X, HOT)).batch(2), HOT, verbose=0)


@says(
    InvalidArgumentError,
    "Dense: units must be a positive int, received -1",
)
def a_negative_number_of_units():
    layers.Dense(-1)


@says(
    InvalidArgumentError,
    "Dropout: rate must be a number from 0 to 1, received 1.5",
)
def a_rate_above_one():
    layers.Dropout(1.5)


@says(
    ArgumentTypeError,
    "Sequential: expected layers such as keras.layers.Dense(10), received <class "
    "'tensorcore.layers.dense.Dense'>; make an object: Dense(...)",
)
def a_class_in_place_of_a_layer():
    keras.Sequential([layers.Dense(3), layers.Dense])


@says(
    ArgumentTypeError,
    "Sequential: expected layers such as keras.layers.Dense(10), received 5",
)
def a_number_in_place_of_a_layer():
    keras.Sequential([layers.Dense(3), 5])


@says(
    InvalidArgumentError,
    "SGD: no gradient for any variable: Variable. The loss does not depend on them: compute "
    "it inside `with tc.GradientTape() as tape:` from the model's output, without .numpy(), "
    "argmax or rounding in between.",
)
def no_gradient():
    v = tf.Variable(1.0)
    with tf.GradientTape() as t:
        y = tf.constant(2.0)
    keras.optimizers.SGD().apply_gradients([(t.gradient(y, v), v)])


# Methods ------------------------------------------------------------------------------------------


class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, x):
        return self.dense(x)


def unbuilt():
    return keras.Sequential([layers.Dense(3)])


NOT_COMPILED = (
    '{method}: the model "sequential" is not compiled. Call model.compile(optimizer="adam", '
    'loss="sparse_categorical_crossentropy", metrics=["accuracy"]) first.'
)


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_words_without_compile(method, device):
    with pytest.raises(TrainingError) as caught:
        getattr(unbuilt(), method)(X, HOT)
    assert str(caught.value) == NOT_COMPILED.format(method=method)


NO_WEIGHTS = "{who} has no weights yet; call it on data or call build(input_shape) first"
NO_FILE = (
    '{method}: the model "{name}" has no weights yet; call it on data, or call '
    "model.build(input_shape), first"
)
NO_SYMBOLS = (
    "{who}.{method}: the model is not made of symbolic tensors. Make it with keras.Model(inputs, "
    "outputs), or give a Sequential model an input shape"
)
NO_CALL = (
    "{who}.{method}: the layer was never called on a symbolic tensor; call it on keras.Input(...) "
    "or on the output of another layer, or give the model an input shape"
)
UNBUILT = {
    "count_params": (TrainingError, NO_WEIGHTS, lambda model: model.count_params()),
    "set_weights": (
        TrainingError,
        NO_WEIGHTS,
        lambda model: model.set_weights([np.ones((4, 3)), np.ones(3)]),
    ),
    "save_weights": (TrainingError, NO_FILE, lambda model: model.save_weights("a.weights.h5")),
    "load_weights": (TrainingError, NO_FILE, lambda model: model.load_weights("a.weights.h5")),
    "inputs": (MissingAttributeError, NO_SYMBOLS, lambda model: model.inputs),
    "outputs": (MissingAttributeError, NO_SYMBOLS, lambda model: model.outputs),
}


@pytest.mark.parametrize("method", UNBUILT)
@pytest.mark.parametrize("make", [unbuilt, Own])
def test_words_without_weights(method, make, device):
    kind, words, call = UNBUILT[method]
    model = make()
    with pytest.raises(kind) as caught:
        call(model)
    who = f'{type(model).__name__} "{model.name}"'
    assert str(caught.value) == words.format(who=who, method=method, name=model.name)


def test_words_about_outputs_of_unbuilt_models():
    for model, method, words in (
        (unbuilt(), "output_shape", NO_SYMBOLS),
        (unbuilt().layers[0], "output", NO_CALL),
        (Own(), "output", NO_CALL),
    ):
        with pytest.raises(MissingAttributeError) as caught:
            getattr(model, method)
        who = f'{type(model).__name__} "{model.name}"'
        assert str(caught.value) == words.format(who=who, method=method)


@pytest.fixture(autouse=True)
def _names():
    keras.backend.clear_session()


@pytest.mark.parametrize(("mistake", "kind", "words"), CASES)
def test_words(mistake, kind, words, device):
    with pytest.raises(kind) as caught:
        mistake()
    assert type(caught.value) is kind
    assert str(caught.value) == words


def test_mistakes_in_validation_data_are_told_apart(device):
    rows = np.ones((6, 5), np.float32)
    with pytest.raises(ShapeError) as caught:
        classifier("mse").fit(X, HOT, validation_data=(rows, HOT), verbose=0)
    assert "while validating: look at validation_data" in caught.value.__notes__


# What is no mistake -------------------------------------------------------------------------------


def test_classes_without_a_weight_count_once(device):
    losses = []
    for weights in ({0: 3.0}, {0: 3.0, 1: 1.0}):
        keras.utils.set_random_seed(0)
        model = classifier("sparse_categorical_crossentropy")
        history = model.fit(X, CLASSES % 2, class_weight=weights, verbose=0).history
        losses.append(history["loss"])
    assert losses[0] == losses[1]


def test_one_array_in_a_list(device):
    model = classifier("mse")
    model.fit([X], [HOT], verbose=0)
    np.testing.assert_array_equal(model.predict([X], verbose=0), model.predict(X, verbose=0))
    np.testing.assert_array_equal(unbuilt()([X]).shape, (6, 3))
