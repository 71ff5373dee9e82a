"""Objects as JSON and back: the form of Keras 3, known classes only."""

from __future__ import annotations

import json

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras
from tensorcore.saving import registry
from tensorcore.saving.objects import deserialize_keras_object, serialize_keras_object


def there_and_back(thing, **options):
    text = json.dumps(serialize_keras_object(thing))
    return deserialize_keras_object(json.loads(text), **options)


def test_a_layer_is_described_as_keras_does():
    layer = keras.layers.Dense(3, activation="relu", name="d", bias_initializer="ones")
    assert serialize_keras_object(layer) == {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": {
            **layer.get_config(),
            "dtype": {
                "module": "keras",
                "class_name": "DTypePolicy",
                "config": {"name": "float32"},
                "registered_name": None,
            },
        },
        "registered_name": None,
    }
    assert there_and_back(layer).get_config() == layer.get_config()


@pytest.mark.parametrize(
    "value",
    [None, True, 3, 2.5, "text", [1, [2]], {"a": {"b": 1}}, slice(1, None, 2), Ellipsis, b"bytes"],
)
def test_plain_values(value):
    assert there_and_back(value) == value


def test_arrays_and_tensors():
    array = there_and_back(np.asarray([[1.5, 2.0]], np.float64))
    assert isinstance(array, np.ndarray) and array.tolist() == [[1.5, 2.0]]
    tensor = there_and_back(tc.asarray([1, 2], dtype="int64"))
    assert tensor.dtype == tc.int64 and tensor.tolist() == [1, 2]
    assert there_and_back(np.float32(2.0)) == 2.0


def test_what_a_layer_was_built_for_is_kept():
    layer = keras.layers.Dense(3)
    layer.build((None, 5))
    copy = there_and_back(layer)
    assert [w.shape for w in copy.weights] == [(5, 3), (3,)]


@pytest.mark.parametrize(
    ("module", "class_name"),
    [
        ("keras.src.layers.core.dense", "Dense"),
        ("keras.layers", "Dense"),
        ("tf_keras.layers", "Dense"),
        ("keras.src.losses.losses", "MeanSquaredError"),
    ],
)
def test_inner_and_old_module_names(module, class_name):
    config = {"module": module, "class_name": class_name, "config": {}, "registered_name": None}
    if class_name == "Dense":
        config["config"] = {"units": 2}
    made = deserialize_keras_object(config)
    assert type(made).__name__ == class_name
    assert isinstance(made, keras.Loss) == ("losses" in module)


class Twice(keras.layers.Layer):
    def call(self, x):
        return x * 2.0


def test_the_users_classes_have_to_be_listed():
    config = json.loads(json.dumps(serialize_keras_object(Twice(name="t"))))
    with pytest.raises(tc.errors.FileFormatError, match="as custom_objects="):
        deserialize_keras_object(config)
    assert isinstance(deserialize_keras_object(config, {"Twice": Twice}), Twice)
    with registry.CustomObjectScope({"Twice": Twice}):
        assert isinstance(deserialize_keras_object(config), Twice)


def test_registered_classes_and_functions():
    @registry.register_keras_serializable("tests")
    class Thrice(Twice):
        pass

    @registry.register_keras_serializable("tests", name="cube")
    def cubed(x):
        return x * x * x

    described = serialize_keras_object(Thrice())
    assert described["registered_name"] == "tests>Thrice"
    assert type(deserialize_keras_object(described)) is Thrice
    layer = there_and_back(keras.layers.Activation(cubed))
    assert layer([2.0]).tolist() == [8.0]


def test_functions_of_tensorcore_are_known_by_name():
    assert there_and_back(keras.losses.mean_squared_error) is keras.losses.mean_squared_error
    assert keras.activations.serialize(keras.activations.relu) == "relu"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"class_name": "system", "module": "os", "config": {}}, 'class "system" of module'),
        ({"class_name": "function", "module": "os", "config": "system"}, 'function "system"'),
        (
            {"class_name": "function", "module": "keras.utils", "config": "get_file"},
            'function "get_file"',
        ),
        ({"class_name": "__lambda__", "config": {"value": "4wEAAA=="}}, "never loaded"),
        ({"class_name": "__typespec__", "config": []}, "never loaded"),
        ({"class_name": "__numpy__", "config": {"value": 1, "dtype": "object"}}, "__numpy__"),
        ({"class_name": "Dense", "module": "keras.layers", "config": 3}, "expected a dict"),
        ({"class_name": ["x"], "config": {}}, "expected a text"),
        ({"class_name": "__slice__", "config": {"start": "a", "stop": 1, "step": 1}}, "bound"),
        (
            {
                "class_name": "Dense",
                "module": "keras.layers",
                "config": {"units": 1},
                "registered_name": "evil>Dense",
            },
            "registered name",
        ),
    ],
)
def test_hostile_descriptions_are_refused(config, words):
    with pytest.raises(tc.errors.FileFormatError, match=words):
        deserialize_keras_object(config)


def test_lambdas_cannot_be_written():
    with pytest.raises(TypeError, match="lambda"):
        serialize_keras_object(keras.layers.Activation(lambda x: x))
