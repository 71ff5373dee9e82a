"""Two GPUs in one process: each computes with what it holds, and nothing crosses over unasked."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras
from tensorcore.errors import DeviceMismatchError
from tests.tolerances import assert_close

layers = keras.layers


@pytest.fixture
def gpus():
    found = [device for device in tc.devices() if device.kind == "gpu"]
    if len(found) < 2:
        pytest.skip("fewer than two GPUs")
    return found[:2]


def dense():
    return [layers.Dense(6, activation="relu"), layers.Dropout(0.3)], (5,)


def convolution():
    return [layers.Conv2D(3, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten()], (
        6,
        6,
        2,
    )


def recurrent():
    return [layers.LSTM(3)], (4, 2)


def compiled(build, device):
    keras.utils.set_random_seed(4)
    stack, shape = build()
    with device:
        model = keras.Sequential(
            [keras.Input(shape), *stack, layers.Dense(2, activation="softmax")]
        )
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def samples(build, rows=13):
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, *build()[1])).astype("float32"), rng.integers(0, 2, rows)


@pytest.mark.parametrize("build", [dense, convolution, recurrent])
def test_the_second_gpu_trains_by_itself(gpus, build):
    first, second = gpus
    x, y = samples(build)
    options = {"batch_size": 3, "epochs": 2, "verbose": 0, "validation_split": 0.25}
    cpu = compiled(build, tc.device("cpu"))
    expected = cpu.fit(x, y, **options).history
    gc.collect()
    used = tc.memory_summary(first).used
    model = compiled(build, second)
    history = model.fit(x, y, **options).history
    for name, values in expected.items():
        assert_close(np.array(history[name]), np.array(values), "float32")
    assert_close(model.predict(x, verbose=0), cpu.predict(x, verbose=0))
    assert {weights.device for weights in model.weights} == {second}
    assert any(plan.run_steps.is_captured for plan in model.step("train_step").plans)
    assert tc.memory_summary(first).used <= used


def test_models_on_two_gpus_take_turns(gpus):
    """Each step goes to its GPU, whichever came before; both draw what the other one draws."""
    x, y = samples(dense, 12)
    models = [compiled(dense, gpu) for gpu in gpus]
    found: list[list[float]] = [[], []]
    for number in range(5):
        for model, losses in zip(models, found, strict=True):
            tc.random.set_seed(number)
            losses.append(model.train_on_batch(x, y, return_dict=True)["loss"])
    assert len(set(found[0])) == 5
    assert_close(np.array(found[0]), np.array(found[1]), "float32")


def test_a_model_moves_to_the_second_gpu_and_trains_on(gpus):
    x, y = samples(dense, 12)
    options = {"batch_size": 3, "verbose": 0, "shuffle": False}
    staying, moving = compiled(dense, gpus[0]), compiled(dense, gpus[0])
    found = []
    for model in (staying, moving):
        tc.random.set_seed(1)
        model.fit(x, y, **options)
        if model is moving:
            model.to("gpu:1")
        found.append(model.fit(x, y, **options).history["loss"])
    assert_close(np.array(found[1]), np.array(found[0]), "float32")
    assert {weights.device for weights in moving.weights} == {gpus[1]}


CROSSING = {
    "add": lambda a, b: a + b,
    "matmul": lambda a, b: a @ b,
    "where": lambda a, b: tc.where(a > 0, a, b),
    "concat": lambda a, b: tc.concat([a, b]),
    "stack": lambda a, b: tc.stack([a, b]),
    "take": lambda a, b: tc.take(a, tc.astype(b[0], "int32"), axis=0),
    "conv2d": lambda a, b: tc.nn.conv2d(a[None, :, :, None], b[:, :, None, None]),
    "a function": lambda a, b: tc.function(lambda a, b: a * b)(a, b),
    "a layer": lambda a, b: layers.Add()([a, b]),
}


@pytest.mark.parametrize("name", CROSSING)
def test_operations_across_gpus_say_what_to_move(gpus, name):
    a, b = (tc.ones((3, 3), device=gpu) for gpu in gpus)
    with pytest.raises(DeviceMismatchError, match=r"on gpu:0.* on gpu:1.*\.to\("):
        CROSSING[name](a, b)
