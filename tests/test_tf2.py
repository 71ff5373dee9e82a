"""`tensorcore.tf` beside TensorFlow: values, dtypes, printing and errors (`golden/tf2.json`)."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras
from tensorcore.errors import (
    ArgumentTypeError,
    CheckpointError,
    InvalidArgumentError,
    MissingNameError,
    TensorcoreError,
)
from tests.golden import tf2_expressions as expressions

pytestmark = pytest.mark.usefixtures("tensorflow_manners")

GOLDEN = json.loads((pathlib.Path(__file__).parent / "golden" / "tf2.json").read_text())
GROUP = 20


@pytest.fixture
def tf(tensorflow_manners):
    return tensorflow_manners


def evaluate(tf, expression):
    space = {"tf": tf, "np": np}
    exec(compile(expressions.SETUP, "<setup>", "exec"), space)
    return eval(compile(expression, "<expression>", "eval"), space)


def difference(found, wanted):
    """What is not as in TensorFlow, in words; empty if nothing is."""
    if "dtype" not in wanted:
        return "" if repr(found) == wanted["repr"] else f"{found!r}, not {wanted['repr']}"
    if found.dtype.name != wanted["dtype"]:
        return f"dtype {found.dtype.name}, not {wanted['dtype']}"
    if list(found.shape) != wanted["shape"]:
        return f"shape {found.shape}, not {wanted['shape']}"
    if "values" in wanted:
        values = np.asarray(found.numpy(), np.float64)
        if not np.allclose(values, wanted["values"], rtol=2e-5, atol=2e-6):
            return f"{values.tolist()}, not {wanted['values']}"
    exact = found.dtype.name not in ("float32", "float64") or "values" not in wanted
    for word, words in (("repr", repr(found)), ("str", str(found))):
        if word in wanted and exact and "Unread" not in wanted["repr"] and words != wanted[word]:
            return f"{word} {words}, not {wanted[word]}"
    return ""


def groups(names):
    return [list(names)[start : start + GROUP] for start in range(0, len(names), GROUP)]


@pytest.mark.parametrize("some", groups(GOLDEN["values"]), ids=lambda some: some[0])
def test_values_are_those_of_tensorflow(tf, device, some):
    wrong = []
    for expression in some:
        try:
            problem = difference(evaluate(tf, expression), GOLDEN["values"][expression])
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        if problem:
            wrong.append(f"{expression}: {problem}")
    assert not wrong, "\n".join(wrong)


def test_every_expression_has_its_golden_value():
    assert set(GOLDEN["values"]) == {*expressions.VALUES, *expressions.DRAWN}
    assert set(GOLDEN["errors"]) == set(expressions.ERRORS)


@pytest.mark.parametrize("expression", GOLDEN["errors"])
def test_errors_are_in_the_words_of_tensorflow(tf, device, expression):
    wanted = GOLDEN["errors"][expression]
    with pytest.raises(TensorcoreError) as raised:
        evaluate(tf, expression)
    start = wanted["message"].partition("\n")[0].partition("; NodeDef")[0].rstrip(".")
    assert start.partition(": <tf")[0] in str(raised.value)
    family = TypeError if wanted["class"] == "TypeError" else ValueError
    assert isinstance(raised.value, family)


# What golden values cannot say --------------------------------------------------------------------


def test_only_what_the_user_says_is_judged(tf, device):
    model = tf.keras.Sequential([tf.keras.layers.Dense(2)])
    assert model(tf.constant([[1, 2]])).dtype == tf.float32  # layers convert by themselves
    metric = tf.keras.metrics.Mean()
    metric.update_state(tf.constant([1, 2]))
    assert float(metric.result()) == 1.5
    with pytest.raises(InvalidArgumentError, match="cannot compute AddV2"):
        tf.constant([1]) + model(tf.constant([[1, 2]]))[0]


def test_mixing_is_refused_while_tracing_too(tf, device):
    @tf.function
    def add(x, y):
        return x + y

    assert add(tf.constant(1), tf.constant(2)).numpy() == 3
    with pytest.raises(InvalidArgumentError, match="cannot compute AddV2"):
        add(tf.constant(1), tf.constant(2.0))


def test_numpy_arrays_take_the_dtype_of_the_tensor_while_tracing_too(tf, device):
    @tf.function
    def shifted(x):
        return x + np.array([1.0, 2.0])

    assert shifted(tf.constant([1.0, 1.0])).dtype == tf.float32


def test_the_core_keeps_its_own_manners_without_tf():
    code = (
        "import sys, tensorcore as tc, numpy as np; "
        "print(tc.asarray([1], device='cpu') + tc.asarray([0.5], device='cpu')); "
        "from tensorcore import keras; assert 'tensorcore.tf' not in sys.modules; "
        "from tensorcore import tf; print(tc.asarray([1], device='cpu'))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.splitlines() == [
        "Tensor([1.5], shape=(1,), dtype=float32, device=cpu)",
        "tf.Tensor([1], shape=(1,), dtype=int32)",
    ], run.stderr


def test_function_is_traced_and_falls_back_to_eager_once(tf, device):
    calls = []

    @tf.function
    def double(x):
        calls.append(1)
        return x * 2.0

    assert [float(double(tf.constant(n))) for n in (1.0, 2.0, 3.0)] == [2.0, 4.0, 6.0]
    assert len(calls) == 1

    @tf.function
    def clipped(x):
        if tf.reduce_sum(x) > 1.0:  # converted
            return x * 0.0
        return x

    assert [float(clipped(tf.constant(n))) for n in (2.0, 0.5)] == [0.0, 0.5]

    @tf.function
    def asks_for_values(x):
        return x * float(x)

    with pytest.warns(UserWarning, match="asks_for_values cannot be traced and runs eagerly"):
        assert float(asks_for_values(tf.constant(2.0))) == 4.0
    assert float(asks_for_values(tf.constant(3.0))) == 9.0


def test_functions_can_be_made_eager(tf, device):
    seen = []

    class Model(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def double(self, x):
            seen.append(type(x))
            return x * 2.0

    model = Model()
    assert model.double(tf.constant([1.0])).tolist() == [2.0]
    assert seen[-1] is not tf.Tensor
    tf.config.run_functions_eagerly(True)
    try:
        model.double(tf.constant([1.0]))
        assert seen[-1] is tf.Tensor
    finally:
        tf.config.run_functions_eagerly(False)


def test_methods_are_functions_too(tf, device):
    class Model(tf.Module):
        def __init__(self):
            super().__init__()
            self.w = tf.Variable(3.0)
            self.parts = [tf.Variable(1.0, trainable=False)]

        @tf.function
        def __call__(self, x):
            return self.w * x

    model = Model()
    assert float(model(tf.constant(2.0))) == 6.0
    model.w.assign(4.0)
    assert float(model(tf.constant(2.0))) == 8.0
    assert len(model.variables) == 2
    assert len(model.trainable_variables) == 1


def test_a_linear_regression_with_a_tape(tf, device):
    w, b = tf.Variable([[0.0]]), tf.Variable(0.0)
    x = tf.constant(np.linspace(-1, 1, 50, dtype=np.float32)[:, None])
    y = 3.0 * x + 2.0
    for _ in range(60):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(tf.matmul(x, w) + b - y))
        dw, db = tape.gradient(loss, [w, b])
        w.assign_sub(0.4 * dw)
        b.assign_sub(0.4 * db)
    assert abs(float(w[0, 0]) - 3.0) < 1e-2
    assert abs(float(b) - 2.0) < 1e-4


def test_printing(tf, device, capsys):
    tf.print("a", tf.constant([1, 2]), tf.constant(1.5), [tf.constant(True)], sep="|")
    tf.print(tf.range(10), output_stream=sys.stdout)
    captured = capsys.readouterr()
    assert captured.err == "a|[1 2]|1.5|[1]\n"
    assert captured.out == "[0 1 2 ... 7 8 9]\n"
    assert f"{tf.constant(1.25)}" == "1.25"


def test_names_that_are_not_there(tf):
    with pytest.raises(MissingNameError, match=r"Session is not there yet: it is TensorFlow 1's"):
        _ = tf.Session
    with pytest.raises(MissingNameError, match="did you mean 'reduce_mean'"):
        _ = tf.reduce_meen
    with pytest.raises(MissingNameError, match="did you mean 'relu'"):
        _ = tf.nn.rellu
    assert not hasattr(tf, "no_such_name")


def test_devices(tf, device):
    assert tf.config.list_physical_devices("CPU")[0].name == "/physical_device:CPU:0"
    with tf.device("/CPU:0"):
        assert tf.zeros(1).device.name == "cpu"
    with tf.device("/GPU:0"):
        found = "gpu:0" if len(tc.devices()) > 1 else "cpu"
        assert tf.zeros(1).device.name == found
    tf.config.experimental.set_memory_growth(tf.config.list_physical_devices("CPU")[0], True)


def make_training(tf):
    model = tf.keras.Sequential([tf.keras.layers.Dense(3), tf.keras.layers.Dense(1)])
    model.build((None, 4))
    optimizer = tf.keras.optimizers.Adam(0.1)
    steps = iter(tf.data.Dataset.range(10).shuffle(10).repeat())
    counter = tf.Variable(0)
    parts = {"model": model, "optimizer": optimizer, "iterator": steps, "step": counter}
    x = tf.constant(np.linspace(-1, 1, 24, dtype=np.float32).reshape(6, 4))

    def train():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x) - 1.0))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        counter.assign_add(1)
        return float(loss), int(next(steps))

    return parts, train


def test_checkpoints_continue_a_training(tf, device, tmp_path):
    parts, train = make_training(tf)
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(**parts), tmp_path, max_to_keep=2)
    for _ in range(3):
        train()
        manager.save()
    assert [path.rpartition("-")[2] for path in manager.checkpoints] == ["2", "3"]
    expected = [train() for _ in range(3)]
    parts, train = make_training(tf)
    checkpoint = tf.train.Checkpoint(**parts)
    again = tf.train.CheckpointManager(checkpoint, tmp_path, max_to_keep=2)
    assert again.latest_checkpoint == tf.train.latest_checkpoint(str(tmp_path))
    checkpoint.restore(again.latest_checkpoint).assert_consumed()
    assert int(parts["step"]) == 3
    assert [train() for _ in range(3)] == expected
    reader = tf.train.load_checkpoint(str(tmp_path))
    assert reader.get_tensor("step/.ATTRIBUTES/VARIABLE_VALUE") == 3


def test_a_checkpoint_of_other_objects(tf, device, tmp_path):
    path = tf.train.Checkpoint(a=tf.Variable(1.0)).save(str(tmp_path / "ckpt"))
    status = tf.train.Checkpoint(b=tf.Variable(2.0)).restore(path)
    status.expect_partial()
    with pytest.raises(CheckpointError, match="values for which there is no object"):
        status.assert_consumed()
    with pytest.raises(InvalidArgumentError, match=r"has shape \(\) for a, the variable has"):
        tf.train.Checkpoint(a=tf.Variable([2.0])).restore(path)
    with pytest.raises(InvalidArgumentError, match="a is a int; what can be saved"):
        tf.train.Checkpoint(a=1).save(str(tmp_path / "x"))


def test_pictures_as_files(tf, tmp_path):
    pytest.importorskip("PIL")
    picture = tf.constant(np.arange(48).reshape(4, 4, 3), tf.uint8)
    tf.io.write_file(str(tmp_path / "p.png"), tf.io.encode_png(picture))
    back = tf.io.decode_png(tf.io.read_file(str(tmp_path / "p.png")))
    assert bool(tf.reduce_all(back == picture))
    assert tf.io.decode_png(tf.io.read_file(str(tmp_path / "p.png")), channels=1).shape == (4, 4, 1)
    jpeg = tf.io.decode_jpeg(tf.io.encode_jpeg(picture))
    assert jpeg.shape == (4, 4, 3)
    with pytest.raises(InvalidArgumentError, match="not a picture"):
        tf.image.decode_image(b"no picture")


def test_checks_of_values(tf, device):
    tf.debugging.assert_equal([1, 2], [1, 2])
    tf.debugging.assert_shapes([(tf.zeros((2, 3)), ("N", 3))])
    with pytest.raises(InvalidArgumentError, match="x == y did not hold"):
        tf.debugging.assert_equal([1, 2], [1, 3])
    with pytest.raises(InvalidArgumentError, match="bad : Tensor had NaN values"):
        tf.debugging.check_numerics([1.0, float("nan")], "bad")


def test_tensor_arrays(tf, device):
    array = tf.TensorArray(tf.float32, size=0, dynamic_size=True)
    for n in range(3):
        array = array.write(n, tf.constant([float(n)]))
    assert array.stack().numpy().tolist() == [[0.0], [1.0], [2.0]]
    with pytest.raises(InvalidArgumentError, match="not resizeable"):
        tf.TensorArray(tf.float32, size=1).write(1, 0.0)


def test_arguments_in_wrong_kinds(tf, device):
    with pytest.raises(ArgumentTypeError, match=r"Cannot convert \[1.5\]"):
        tf.constant([1.5], tf.int32)
    with pytest.raises(InvalidArgumentError, match=r"ndims must be >= 2, a has shape \(2,\)"):
        tf.matmul([1.0, 2.0], [[1.0], [2.0]])
    with pytest.raises(InvalidArgumentError, match="images are"):
        tf.nn.conv2d(tf.zeros((1, 3, 4, 4)), tf.zeros((1, 1, 3, 1)), 1, "SAME", "NCHW")


def test_models_as_folders(tf, device, tmp_path):
    model = tf.keras.Sequential([tf.keras.layers.Dense(2)])
    x = tf.ones((1, 3))
    expected = model(x).numpy()
    tf.saved_model.save(model, tmp_path / "model")
    np.testing.assert_array_equal(tf.saved_model.load(tmp_path / "model")(x).numpy(), expected)
    with pytest.raises(ArgumentTypeError, match="expected a Keras model, received Module"):
        tf.saved_model.save(tf.Module(), tmp_path / "module")
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(InvalidArgumentError, match="TensorFlow's own SavedModel"):
        tf.saved_model.load(tmp_path)


def test_padded_sequences():
    pad = keras.utils.pad_sequences
    rows = [[1], [2, 3, 4], []]
    assert pad(rows).tolist() == [[0, 0, 1], [2, 3, 4], [0, 0, 0]]
    found = pad(rows, maxlen=2, padding="post", truncating="post", value=9)
    assert found.tolist() == [[1, 9], [2, 3], [9, 9]]
    assert found.dtype == np.int32
    assert pad([[[1, 2]], [[3, 4], [5, 6]]], dtype="float32").shape == (2, 2, 2)
    with pytest.raises(InvalidArgumentError, match='padding must be "pre" or "post"'):
        pad(rows, padding="both")
    with pytest.raises(ArgumentTypeError, match="expected a list of lists"):
        pad([1, 2])


def losses_of_the_advanced_quickstart(tf, where):
    """The loop of examples/seeds/tf2_advanced.py on a few drawn images."""
    from tensorcore.datasets import generated

    with tc.device(where):
        tf.keras.utils.set_random_seed(0)
        (x, y), _ = generated.load_data(n_train=48, n_test=1)
        images = (x[..., tf.newaxis] / 255.0).astype("float32")[:, ::2, ::2]
        data = tf.data.Dataset.from_tensor_slices((images, y)).shuffle(48).batch(16)
        model = tf.keras.Sequential(
            [
                tf.keras.layers.Conv2D(4, 3, activation="relu"),
                tf.keras.layers.Flatten(),
                tf.keras.layers.Dense(10),
            ]
        )
        loss_object = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        optimizer = tf.keras.optimizers.Adam(0.01)
        mean = tf.keras.metrics.Mean(name="train_loss")
        accuracy = tf.keras.metrics.SparseCategoricalAccuracy(name="train_accuracy")

        @tf.function
        def train_step(images, labels):
            with tf.GradientTape() as tape:
                predictions = model(images, training=True)
                loss = loss_object(labels, predictions)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
            mean(loss)
            accuracy(labels, predictions)

        found = []
        for _ in range(3):
            mean.reset_state()
            accuracy.reset_state()
            for batch, labels in data:
                train_step(batch, labels)
            found.append(float(mean.result()))
        assert train_step.experimental_get_tracing_count() == 1
        return found


def test_the_advanced_quickstart_learns_the_same_on_both_devices(tf, device):
    expected = losses_of_the_advanced_quickstart(tf, "cpu")
    assert expected[-1] < 0.8 * expected[0]
    if device.kind == "gpu":
        found = losses_of_the_advanced_quickstart(tf, "gpu")
        np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_pictures_for_keras(tf, tmp_path):
    pytest.importorskip("PIL")
    values = np.arange(96, dtype=np.uint8).reshape(4, 8, 3)
    tf.io.write_file(str(tmp_path / "p.png"), tf.io.encode_png(values))
    picture = keras.utils.load_img(tmp_path / "p.png")
    np.testing.assert_array_equal(keras.utils.img_to_array(picture), values)
    small = keras.utils.load_img(tmp_path / "p.png", "grayscale", target_size=(2, 4))
    assert keras.utils.img_to_array(small).shape == (2, 4, 1)
    with pytest.raises(InvalidArgumentError, match="color_mode must be one of"):
        keras.utils.load_img(tmp_path / "p.png", "bgr")


def test_top_k_is_read_by_name(tf, device):
    x = tf.constant([[1.0, 3.0, 2.0]])
    for best in (tf.math.top_k, tf.function(tf.math.top_k)):
        found = best(x, k=2)
        assert found.values.numpy().tolist() == [[3.0, 2.0]]
        assert found.indices.numpy().tolist() == [[1, 2]]


def test_shapes_answer_tensorflow_s_questions(device, tf):
    with tc.device(device):
        x = tf.ones((2, 3))
        v = tf.Variable(x)
        for value in (x, v):
            assert value.shape == (2, 3)
            assert value.shape.as_list() == value.get_shape().as_list() == [2, 3]
            assert value.shape.rank == value.shape.ndims == 2
            assert str(value.shape) == "(2, 3)"
        assert tf.keras.Input((4,)).shape.as_list() == [None, 4]
        assert tf.reshape(x, x.shape[::-1]).shape[0] == 3

        @tf.function
        def sizes(y):
            return y * float(y.shape.as_list()[1])

        assert sizes(x).numpy()[0, 0] == 3.0


def test_boolean_mask(tf, device):
    x = tf.constant([[1, 2], [3, 4], [5, 6]])
    assert tf.boolean_mask(x, [True, False, True]).numpy().tolist() == [[1, 2], [5, 6]]
    assert tf.boolean_mask(x, [False, True], axis=1).numpy().tolist() == [[2], [4], [6]]
    assert tf.boolean_mask(x, x > 3).numpy().tolist() == [4, 5, 6]
