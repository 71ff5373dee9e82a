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


DAMAGED = (
    ". The file is damaged, or not what its name says: copy it again from where it was made, or "
    "save the model anew"
)


def unknown(kind, name, module):
    return (
        f'the file names the {kind} "{name}" of module {module!r}, which tensorcore does not know '
        f"and never imports. If it is yours, give it as custom_objects={{'{name}': {name}}}, or "
        "decorate it with @keras.saving.register_keras_serializable(); if not, do not trust the "
        "file"
    )


def never(name):
    return (
        f"the file holds an object {name}, which is code or a type of another framework and is "
        "never loaded. Write the layer as a class or a function with a name, and give it as "
        "custom_objects"
    )


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            {"class_name": "system", "module": "os", "config": {}},
            unknown("class", "system", "os"),
        ),
        (
            {"class_name": "function", "module": "os", "config": "system"},
            unknown("function", "system", "os"),
        ),
        (
            {"class_name": "function", "module": "keras.utils", "config": "get_file"},
            unknown("function", "get_file", "keras.utils"),
        ),
        ({"class_name": "__lambda__", "config": {"value": "4wEAAA=="}}, never("__lambda__")),
        ({"class_name": "__typespec__", "config": []}, never("__typespec__")),
        (
            {"class_name": "__numpy__", "config": {"value": 1, "dtype": "object"}},
            "the file describes __numpy__ wrongly: unknown dtype 'object'; expected one of bool, "
            "int8, int16, int32, int64, uint8, uint16, uint32, uint64, float16, bfloat16, float32, "
            f"float64, complex64, complex128{DAMAGED}",
        ),
        (
            {"class_name": "Dense", "module": "keras.layers", "config": 3},
            f'the file describes "Dense" by 3; expected a dict{DAMAGED}',
        ),
        (
            {"class_name": ["x"], "config": {}},
            f"a description has the class name ['x']; expected a text{DAMAGED}",
        ),
        (
            {"class_name": "__slice__", "config": {"start": "a", "stop": 1, "step": 1}},
            "the file describes __slice__ wrongly: the bound 'a'; expected an integer or null"
            + DAMAGED,
        ),
        (
            {
                "class_name": "Dense",
                "module": "keras.layers",
                "config": {"units": 1},
                "registered_name": "evil>Dense",
            },
            'the file gives keras.layers.Dense the registered name "evil>Dense", but it is a class '
            "of tensorcore. Neither tensorcore nor Keras writes such a file: do not trust it, and "
            "save the model anew where it was made",
        ),
    ],
)
def test_hostile_descriptions_are_refused(config, words):
    with pytest.raises(tc.errors.FileFormatError) as caught:
        deserialize_keras_object(config)
    assert str(caught.value) == words


def test_lambdas_cannot_be_written():
    with pytest.raises(TypeError, match="lambda"):
        serialize_keras_object(keras.layers.Activation(lambda x: x))
