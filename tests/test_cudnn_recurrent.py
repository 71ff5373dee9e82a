"""LSTM and GRU by cuDNN, on a GPU that has it or on the emulator's stand-in, against the steps."""

from __future__ import annotations

import ctypes
import warnings

import ml_dtypes
import numpy as np
import pytest
from tensorcore.kernels import precision

import tensorcore as tc
from tensorcore import keras
from tensorcore.ops import recurrent as step_records
from tensorcore.ops import recurrent_layers as records
from tests import emulator

BF16 = np.dtype(ml_dtypes.bfloat16)
RECORDS = {
    "lstm": (records.lstm_layer, records.lstm_layer_gradient),
    "gru": (records.gru_layer, records.gru_layer_gradient),
}
TOLERANCE = {"float32": 2e-5, "float16": 1e-2, "bfloat16": 8e-2}

on_gpu = pytest.mark.parametrize("device", ["gpu"], indirect=True)
on_emulator = pytest.mark.skipif(
    not emulator.is_installed(), reason="what the stand-in answers is decided here"
)


@pytest.fixture
def cudnn(device, monkeypatch):
    """The binding, asked for by name, with no plans yet."""
    from tensorcore.kernels.cuda import cudnn, cudnn_recurrent

    if cudnn.problem() is not None:
        pytest.skip(f"no cuDNN on this GPU: {cudnn.problem()}")
    monkeypatch.setenv("TENSORCORE_CONV", "cudnn")
    monkeypatch.setattr(cudnn_recurrent, "_plans", {})
    return cudnn


def taken(*operations):
    """How often kernels ran them on a GPU."""
    return sum(operation.runs["gpu", "kernel"] for operation in operations)


def given(rng, name, sizes, dtype, is_gradient=False):
    """Inputs of a record, values of `dtype`."""
    steps, batch, features, units = sizes
    gates, states, biases = (4, 2, ()) if name == "lstm" else (3, 1, (2,))
    shapes = [(steps, batch, features), (features, gates * units), (units, gates * units)]
    shapes += [(*biases, gates * units), *states * [(batch, units)]]
    if is_gradient:
        shapes = [(steps, batch, units), (batch, units)][:states] + shapes
    return [(rng.standard_normal(shape) / 2).astype(dtype) for shape in shapes]


def check(operation, arrays, dtype):
    """The result of a record on the GPU against its reference in float64."""
    before = taken(operation)
    found = operation(*map(tc.asarray, arrays))
    if emulator.is_installed():  # a real library may not do with few units
        assert taken(operation) == before + 1
    expected = operation.reference(np, *(a.astype("float64") for a in arrays))
    if type(expected) is not tuple:
        found, expected = (found,), (expected,)
    tolerance = TOLERANCE[np.dtype(dtype).name]
    for result, values in zip(found, expected, strict=True):
        assert result.dtype == dtype and result.shape == values.shape
        scale = np.abs(values).max()
        actual = result.numpy().astype("float64")
        np.testing.assert_allclose(actual, values, rtol=tolerance, atol=tolerance * scale)


@on_gpu
@pytest.mark.parametrize("dtype", ["float32", "float16", BF16], ids=str)
@pytest.mark.parametrize("sizes", [(5, 3, 4, 2), (1, 1, 1, 1), (3, 2, 3, 5)], ids=str)
@pytest.mark.parametrize("name", RECORDS)
def test_values_and_gradients(cudnn, rng, name, sizes, dtype):
    forward, backward = RECORDS[name]
    check(forward, given(rng, name, sizes, dtype), dtype)
    check(backward, given(rng, name, sizes, dtype, is_gradient=True), dtype)


@on_gpu
@on_emulator
def test_float32_is_float32_unless_tf32_is_allowed(cudnn, rng, monkeypatch):
    arrays = given(rng, "gru", (4, 3, 8, 8), "float32")
    check(records.gru_layer, arrays, "float32")
    monkeypatch.setattr(precision._Chosen, "precision", "tf32")
    monkeypatch.setitem(TOLERANCE, "float32", 1e-6)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check(records.gru_layer, arrays, "float32")


# Layers ------------------------------------------------------------------------------------------


def classifier(layer):
    layers = [layer, keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
    return keras.Sequential([keras.Input((6, 4)), *layers])


LAYERS = {
    "lstm": lambda: keras.layers.LSTM(5, bias_initializer="uniform"),
    "lstm without bias": lambda: keras.layers.LSTM(5, use_bias=False, return_sequences=True),
    "gru": lambda: keras.layers.GRU(5, bias_initializer="uniform"),
    "gru without bias": lambda: keras.layers.GRU(5, use_bias=False, go_backwards=True),
    "both ways": lambda: keras.layers.Bidirectional(keras.layers.GRU(3, return_sequences=True)),
    "dropout": lambda: keras.layers.LSTM(5, dropout=0.5),
}


@on_gpu
@pytest.mark.parametrize("name", LAYERS)
def test_training_is_captured_with_the_losses_of_own_kernels(cudnn, rng, monkeypatch, name):
    x = rng.normal(size=(4, 7, 6, 4)).astype("float32")
    labels = rng.integers(0, 3, (4, 7)).astype("int32")

    def losses():
        keras.utils.set_random_seed(3)
        model = classifier(LAYERS[name]())
        model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
        found = [model.train_on_batch(*batch, return_dict=True)["loss"] for batch in zip(x, labels)]
        (traced,) = model.step("train_step")._traced._traces.values()
        assert traced.plan.run_steps.is_captured, traced.plan.run_steps.problem
        return found

    from tensorcore.kernels.cuda import cudnn_recurrent

    by_cudnn = losses()
    assert cudnn_recurrent._plans and None not in cudnn_recurrent._plans.values()
    monkeypatch.setenv("TENSORCORE_CONV", "own")
    monkeypatch.setattr(cudnn_recurrent, "_plans", {})
    np.testing.assert_allclose(by_cudnn, losses(), rtol=2e-5)
    assert not cudnn_recurrent._plans


@on_gpu
@pytest.mark.parametrize("kind", [keras.layers.LSTM, keras.layers.GRU])
def test_what_stays_with_own_kernels(cudnn, rng, kind):
    x = tc.asarray(rng.normal(size=(2, 5, 3)).astype("float32"))
    ran = RECORDS[kind.__name__.lower()][0]
    before = taken(ran)
    kind(4)(x, mask=tc.asarray([[True] * 4 + [False]] * 2))
    kind(4, activation="relu")(x)
    kind(4, recurrent_dropout=0.5)(x, training=True)
    keras.layers.RNN(keras.layers.GRUCell(4, reset_after=False))(x)
    assert taken(ran) == before
    kind(4)(x)
    assert taken(ran) == before + 1


@on_gpu
def test_states_go_in_and_come_out(cudnn, rng, monkeypatch):
    x = tc.asarray(rng.normal(size=(2, 5, 3)).astype("float32"))
    states = [tc.asarray(rng.normal(size=(2, 4)).astype("float32")) for _ in range(2)]
    layer = keras.layers.LSTM(4, return_state=True, return_sequences=True)
    found = layer(x, initial_state=states)
    monkeypatch.setenv("TENSORCORE_CONV", "own")
    for result, known in zip(found, layer(x, initial_state=states), strict=True):
        np.testing.assert_allclose(result.numpy(), known.numpy(), rtol=1e-5, atol=1e-6)


@on_gpu
def test_second_derivatives_take_the_steps(cudnn, rng):
    arrays = [tc.asarray(a) for a in given(rng, "gru", (2, 2, 3, 2), "float32")]

    def slope(kernel):
        def loss(kernel):
            return tc.sum(records.gru_layer(arrays[0], kernel, *arrays[2:]) ** 2)

        return tc.sum(tc.grad(loss)(kernel) ** 2)

    found = tc.grad(slope)(arrays[1]).numpy()
    direction = rng.normal(size=found.shape).astype("float32")
    step = 1e-2
    up, down = (float(slope(arrays[1] + tc.asarray(direction * s))) for s in (step, -step))
    np.testing.assert_allclose((found * direction).sum(), (up - down) / (2 * step), rtol=2e-2)


@on_gpu
def test_auto_takes_wide_layers_of_16_bits(cudnn, monkeypatch):
    from tensorcore.kernels.cuda import cudnn_recurrent

    def pays(dtype, features=64, units=64):
        return cudnn_recurrent.pays("lstm", dtype, 3, 2, features, units)

    assert pays("float32") and pays("float16", 3, 5)
    monkeypatch.setenv("TENSORCORE_CONV", "auto")
    assert pays("bfloat16") and pays("float16")
    tc.config.deterministic(True)
    try:
        assert not pays("float16")
    finally:
        tc.config.deterministic(False)
    assert not pays("float32") and not pays("float16", 3) and not pays("float16", 64, 32)
    before = taken(records.lstm_layer)
    keras.layers.LSTM(64, dtype="mixed_float16")(tc.zeros((1, 2, 8)))
    assert taken(records.lstm_layer) == before + 1
    monkeypatch.setattr(cudnn, "_handle", lambda device: (None, "it cannot be loaded"))
    assert not pays("float16")
    monkeypatch.setenv("TENSORCORE_CONV", "own")
    assert not pays("float16")


@on_gpu
@on_emulator
def test_what_the_library_refuses_is_computed_by_the_reference(cudnn, rng, monkeypatch):
    arrays = given(rng, "lstm", (3, 2, 3, 2), "float64")
    before = taken(records.lstm_layer)
    found, _ = records.lstm_layer(*map(tc.asarray, arrays))
    assert taken(records.lstm_layer) == before
    np.testing.assert_allclose(found.numpy(), records.lstm_layer.reference(np, *arrays)[0])
    x = tc.asarray(rng.normal(size=(2, 5, 3)))
    before = taken(step_records.lstm_sequence)
    keras.layers.LSTM(4, dtype="float64")(x)
    assert taken(step_records.lstm_sequence) == before + 1


@on_gpu
@on_emulator
def test_the_stand_in_refuses_what_the_library_refuses(cudnn, rng, monkeypatch):
    from tensorcore.kernels.cuda import cudnn_recurrent

    arrays = [tc.asarray(a) for a in given(rng, "gru", (3, 2, 3, 2), "float32", is_gradient=True)]
    records.gru_layer_gradient(*arrays)
    (plan,) = cudnn_recurrent._plans.values()
    training = cudnn_recurrent.CUDNN_FWD_MODE_TRAINING
    workspace, reserve = plan._spaces[training]
    for sizes in ((workspace - 1, reserve), (workspace, reserve - 1)):
        monkeypatch.setitem(plan._spaces, training, sizes)
        with pytest.raises(cudnn.CudnnError, match=r"\(2006\)"):
            plan.gradient(arrays[0].data, None, *[a.data for a in arrays[1:]], None)
    monkeypatch.setitem(plan._spaces, training, (workspace, reserve))
    with pytest.raises(cudnn.CudnnError, match=r"\(2007\)|\(2008\)|\(2000\)"):
        plan._x, plan._y = plan._y, plan._x
        plan.gradient(arrays[0].data, None, *[a.data for a in arrays[1:]], None)


@on_gpu
@on_emulator
def test_a_launch_that_fails(cudnn, rng, monkeypatch):
    arrays = given(rng, "gru", (3, 2, 3, 2), "float32")
    library = ctypes.CDLL(cudnn.path())
    words = r"cudnnRNNForward failed: CUDNN_STATUS_EXECUTION_FAILED \(5000\)"
    library.emulator_cudnn_statuses(0, 5000)
    try:
        with pytest.raises(cudnn.CudnnError, match=words):
            records.gru_layer(*map(tc.asarray, arrays))
        monkeypatch.setenv("TENSORCORE_CONV", "auto")
        with pytest.warns(RuntimeWarning, match=f"{words}.*TENSORCORE_CONV=own leaves cuDNN out"):
            found = records.gru_layer(*map(tc.asarray, arrays))
    finally:
        library.emulator_cudnn_statuses(0, 0)
    expected = records.gru_layer.reference(np, *arrays)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)
    with warnings.catch_warnings(action="error"):
        records.gru_layer(*map(tc.asarray, arrays))  # the reference from now on, and silently
