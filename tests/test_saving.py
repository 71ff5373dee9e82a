"""Models as files: there and back, atomic, and safe against files made by an attacker."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import pytest

import tensorcore as tc
from tensorcore import hub, keras
from tensorcore.errors import FileFormatError, InvalidArgumentError, TrainingError
from tensorcore.keras import layers
from tensorcore.saving import safetensors
from tensorcore.saving.archive import MAX_JSON_DEPTH, parse_json
from tensorcore.saving.models import WEIGHTS


@pytest.fixture(autouse=True)
def _names():
    keras.backend.clear_session()


X = np.linspace(-1, 1, 24, dtype=np.float32).reshape(6, 4)
Y = X.sum(axis=1, keepdims=True)


def small():
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(5, activation="tanh"),
            layers.Dropout(0.5),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model


def functional():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = layers.Dense(3, activation="relu")
    inner = keras.Sequential([layers.Dense(2, input_shape=(3,))])
    model = keras.Model([a, b], inner(shared(a) * 2.0 + shared(b)))
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    return model


@keras.saving.register_keras_serializable("tests")
class Own(keras.Model):
    """A subclassed model with layers in a list and a dict."""

    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.first = layers.Dense(units)
        self.blocks = [layers.Dense(units), layers.Dense(units, use_bias=False)]
        self.heads = {"b": layers.Dense(1), "a": layers.Dense(1)}

    def call(self, x):
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        return self.heads["b"](x) + self.heads["a"](x)

    def get_config(self):
        return {"units": self.units}


def trained(model, x=X, y=Y):
    model.fit(x, y, epochs=2, batch_size=3, verbose=0)
    return model


def assert_equal_models(first, second, x=X):
    np.testing.assert_array_equal(first(x).numpy(), second(x).numpy())
    ours, theirs = first.optimizer, second.optimizer
    assert json.dumps(ours.get_config()) == json.dumps(theirs.get_config())
    for mine, other in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), other.numpy())


# There and back -----------------------------------------------------------------------------------


def test_a_model_and_its_optimizer(device, tmp_path):
    model = trained(small())
    model.save(tmp_path / "m.keras")
    twin = keras.models.load_model(tmp_path / "m.keras")
    assert_equal_models(model, twin)
    tc.random.set_seed(5)
    expected = model.fit(X, Y, epochs=2, batch_size=3, shuffle=False, verbose=0).history
    tc.random.set_seed(5)
    assert twin.fit(X, Y, epochs=2, batch_size=3, shuffle=False, verbose=0).history == expected


def test_a_functional_model(tmp_path):
    model = trained(functional(), [X, X[::-1]])
    model.save(tmp_path / "m.keras")
    twin = keras.models.load_model(tmp_path / "m.keras")
    assert_equal_models(model, twin, [X, X])
    assert [layer.name for layer in twin.layers] == [layer.name for layer in model.layers]


def test_a_subclassed_model(tmp_path):
    model = Own()
    model.compile("adam", "mse")
    trained(model).save(tmp_path / "m.keras")
    assert_equal_models(model, keras.models.load_model(tmp_path / "m.keras"))
    with h5py.File(io.BytesIO(zipfile.ZipFile(tmp_path / "m.keras").read(WEIGHTS))) as file:
        assert sorted(file) == ["blocks", "first", "heads", "optimizer", "vars"]
        assert sorted(file["blocks"]) == ["dense", "dense_1"]
        assert file["heads/dense/vars/0"].shape == (3, 1)
        assert file["first/vars"].attrs["name"] == "dense"


@pytest.mark.parametrize("make", [small, functional])
def test_the_older_format(make, device, tmp_path):
    """`.h5`, which Keras 2 and Keras 3 read: model, weights and the optimizer's state."""
    x = X if make is small else [X, X[::-1]]
    model = trained(make(), x)
    model.save(tmp_path / "m.h5")
    twin = keras.models.load_model(tmp_path / "m.h5")
    assert_equal_models(model, twin, x)
    assert [layer.name for layer in twin.layers] == [layer.name for layer in model.layers]
    tc.random.set_seed(5)
    expected = model.fit(x, Y, batch_size=3, shuffle=False, verbose=0).history
    tc.random.set_seed(5)
    assert twin.fit(x, Y, batch_size=3, shuffle=False, verbose=0).history == expected
    plain = keras.models.load_model(tmp_path / "m.h5", compile=False)
    assert not plain.compiled
    model.save(tmp_path / "without.h5", include_optimizer=False)
    assert not keras.models.load_model(tmp_path / "without.h5").compiled


def test_many_layers_in_the_older_format(tmp_path):
    """Names that take more than an attribute of HDF5 can hold are divided."""
    names = [f"layer_{number:03d}_{'x' * 700}" for number in range(100)]
    stack = [layers.Dense(2, name=name) for name in names]
    model = keras.Sequential([keras.Input((2,)), *stack])
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as file:
        assert "layer_names0" in file["model_weights"].attrs
    twin = keras.models.load_model(tmp_path / "m.h5")
    x = np.ones((1, 2), np.float32)
    np.testing.assert_array_equal(twin(x).numpy(), model(x).numpy())


def test_subclassed_models_have_no_older_format(tmp_path):
    model = Own()
    model(X)
    with pytest.raises(InvalidArgumentError) as caught:
        model.save(tmp_path / "m.h5")
    assert str(caught.value) == (
        f'save: a .h5 file holds Sequential and functional models only, "{model.name}" is a Own; '
        'use the ending ".keras"'
    )
    assert not (tmp_path / "m.h5").exists()


def test_a_schedule_and_options_of_the_optimizer(tmp_path):
    model = small()
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)
    model.compile(keras.optimizers.Adam(schedule, clipnorm=2.0), "mse")
    trained(model).save(tmp_path / "m.keras")
    assert_equal_models(model, keras.models.load_model(tmp_path / "m.keras"))


def test_without_compiling_and_to_a_file_object():
    model = trained(small())
    file = io.BytesIO()
    keras.saving.save_model(model, file)
    twin = keras.saving.load_model(file, compile=False)
    assert not twin.compiled
    np.testing.assert_array_equal(twin(X).numpy(), model(X).numpy())


def test_custom_layers_by_name(tmp_path):
    class Half(layers.Layer):
        def call(self, x):
            return x * 0.5

    keras.Sequential([keras.Input((4,)), Half()]).save(tmp_path / "m.keras")
    with pytest.raises(FileFormatError, match='the class "Half"'):
        keras.models.load_model(tmp_path / "m.keras")
    twin = keras.models.load_model(tmp_path / "m.keras", custom_objects={"Half": Half})
    np.testing.assert_array_equal(twin(X).numpy(), X / 2)


@pytest.mark.parametrize("ending", [".weights.h5", ".safetensors"])
def test_weights_alone(tmp_path, ending, device):
    model, twin = trained(small()), small()
    model.save_weights(tmp_path / f"w{ending}")
    twin.load_weights(tmp_path / f"w{ending}")
    np.testing.assert_array_equal(twin(X).numpy(), model(X).numpy())


def test_weights_of_a_whole_model_file(tmp_path):
    model, twin = trained(small()), small()
    model.save(tmp_path / "m.keras")
    twin.load_weights(tmp_path / "m.keras")
    np.testing.assert_array_equal(twin(X).numpy(), model(X).numpy())


def test_safetensors_of_the_library_itself(tmp_path):
    from safetensors.numpy import load_file

    model = trained(small())
    model.save_weights(tmp_path / "w.safetensors")
    arrays = load_file(tmp_path / "w.safetensors")
    assert sorted(arrays)[:2] == ["layers/dense/bias", "layers/dense/kernel"]
    np.testing.assert_array_equal(arrays["layers/dense/kernel"], model.get_weights()[0])


def test_json_and_clones():
    model = functional()
    twin = keras.models.model_from_json(model.to_json())
    assert json.loads(twin.to_json())["config"] == json.loads(model.to_json())["config"]
    clone = keras.models.clone_model(model)
    assert [w.shape for w in clone.weights] == [w.shape for w in model.weights]
    assert not np.array_equal(clone.get_weights()[0], model.get_weights()[0])

    def wider(layer):
        config = layer.get_config()
        if isinstance(layer, layers.Dense):
            config["units"] *= 2
        return type(layer).from_config(config)

    sequential = keras.models.clone_model(small(), clone_function=wider)
    assert sequential.output_shape == (None, 2)


# What the user gets wrong -------------------------------------------------------------------------


def test_wrong_names_of_files(tmp_path):
    model, path = small(), tmp_path / "m.bin"
    (tmp_path / "m.keras").write_bytes(b"x")
    told = {
        'save: the file name must end in ".keras" or ".h5" or ".hdf5", received '
        f"{str(path)!r}": lambda: model.save(path),
        'save_weights: the file name must end in ".weights.h5" or ".safetensors", received '
        f"{str(path)!r}": lambda: model.save_weights(path),
        f"save: {tmp_path / 'm.keras'} is there already, and overwrite is False; give another "
        "name": lambda: model.save(tmp_path / "m.keras", overwrite=False),
    }
    for words, call in told.items():
        with pytest.raises(InvalidArgumentError) as caught:
            call()
        assert str(caught.value) == words


def test_models_without_weights(tmp_path):
    model = keras.Sequential([layers.Dense(1)])
    with pytest.warns(UserWarning, match="has no weights yet"):
        model.save(tmp_path / "m.keras")
    with pytest.raises(TrainingError) as caught:
        model.save_weights(tmp_path / "m.weights.h5")
    assert str(caught.value) == (
        'save_weights: the model "sequential" has no weights yet; call it on data, or call '
        "model.build(input_shape), first"
    )


def test_weights_of_another_model(tmp_path):
    trained(small()).save_weights(tmp_path / "w.weights.h5")
    other = keras.Sequential([keras.Input((4,)), layers.Dense(2), layers.Dense(1)])
    before = other.get_weights()
    with pytest.raises(FileFormatError) as caught:
        other.load_weights(tmp_path / "w.weights.h5")
    assert str(caught.value) == (
        'w.weights.h5: the array "layers/dense/vars/0" has shape (4, 5); the model expects (4, 2)'
        + OTHER
    )
    for kept, array in zip(other.get_weights(), before, strict=True):
        np.testing.assert_array_equal(kept, array)
    with pytest.warns(UserWarning, match="load_weights leaves out"):
        other.load_weights(tmp_path / "w.weights.h5", skip_mismatch=True)
    more = keras.Sequential([keras.Input((4,)), *(layers.Dense(n) for n in (5, 1, 1))])
    with pytest.raises(FileFormatError) as caught:
        more.load_weights(tmp_path / "w.weights.h5")
    assert str(caught.value) == (
        f'w.weights.h5: Dense "{more.layers[2].name}" has 2 arrays, but the file has 0 in '
        f'"layers/dense_2/vars"{OTHER}'
    )


def test_folders_and_missing_files(tmp_path):
    refused(
        tmp_path,
        f"{tmp_path} is a folder. A model is one file, .keras; a SavedModel of TensorFlow cannot "
        "be read: write it anew with model.save('model.keras') where it was made",
    )
    with pytest.raises(FileNotFoundError) as caught:
        keras.models.load_model(tmp_path / "nothing.keras")
    assert str(caught.value) == (
        f'there is no file "{tmp_path / "nothing.keras"}" to load; the current folder is '
        f"{os.getcwd()}"
    )


# Hostile files ------------------------------------------------------------------------------------


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def saved(tmp_path):
    trained(small()).save(tmp_path / "m.keras")
    return tmp_path / "m.keras"


def rewritten(path, change, **options):
    """The file with its members changed by `change(members)`."""
    parts = members(path)
    change(parts)
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


def with_config(path, change):
    def replace(parts):
        config = json.loads(parts["config.json"])
        change(config)
        parts["config.json"] = json.dumps(config).encode()

    return rewritten(path, replace)


def with_weights(path, change):
    def replace(parts):
        file = io.BytesIO(parts[WEIGHTS])
        with h5py.File(file, "r+") as weights:
            change(weights)
        parts[WEIGHTS] = file.getvalue()

    return rewritten(path, replace)


def refused(path, words, **options):
    with pytest.raises(FileFormatError) as caught:
        keras.models.load_model(path, **options)
    assert str(caught.value) == words


# How the messages end: what to do.
DAMAGED = (
    ". The file is damaged, or not what its name says: copy it again from where it was made, or "
    "save the model anew"
)
HOSTILE = (
    ". Neither tensorcore nor Keras writes such a file: do not trust it, and save the model anew "
    "where it was made"
)
OTHER = ". Build the model for the same input as the one that was saved, with the same layers"
CODE = (
    "m.keras: the file holds an object __lambda__, which is code or a type of another framework "
    "and is never loaded. Write the layer as a class or a function with a name, and give it as "
    "custom_objects"
)


def unknown(kind, name, module):
    return (
        f'm.keras: the file names the {kind} "{name}" of module {module!r}, which tensorcore does '
        f"not know and never imports. If it is yours, give it as custom_objects={{'{name}': "
        f"{name}}}, or decorate it with @keras.saving.register_keras_serializable(); if not, do "
        "not trust the file"
    )


def first_layer(config):
    return config["config"]["layers"][1]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        # CVE-2025-1550: any function of any module
        (
            {"module": "os", "class_name": "function", "config": "system"},
            unknown("function", "system", "os"),
        ),
        # CVE-2025-8747: functions of Keras that read the network or the disk
        (
            {"module": "keras.utils", "class_name": "function", "config": "get_file"},
            unknown("function", "get_file", "keras.utils"),
        ),
        # CVE-2025-9906: a file that changes settings
        (
            {
                "module": "keras.config",
                "class_name": "function",
                "config": "enable_unsafe_deserialization",
            },
            unknown("function", "enable_unsafe_deserialization", "keras.config"),
        ),
        # CVE-2024-3660: code of a lambda
        (
            {"module": "builtins", "class_name": "__lambda__", "config": {"value": "4wEAAAA="}},
            CODE,
        ),
        ({"class_name": "__lambda__", "config": {"value": "4wEAAAA="}}, CODE),
    ],
)
def test_functions_in_a_description(saved, entry, words, monkeypatch):
    monkeypatch.setattr(os, "system", lambda *_: pytest.fail("the file ran a command"))
    with_config(saved, lambda c: first_layer(c)["config"].update(activation=entry))
    refused(saved, words)
    refused(saved, words, safe_mode=False)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("subprocess", "Popen"),
        ("keras.layers", "TorchModuleWrapper"),  # CVE-2025-49655
        ("keras.layers", "TFSMLayer"),  # CVE-2026-1462
        ("tests.test_saving", "X"),
        (None, "Popen"),
    ],
)
def test_classes_in_a_description(saved, module, name):
    with_config(saved, lambda c: first_layer(c).update(module=module, class_name=name))
    refused(saved, unknown("class", name, module))


def test_a_lambda_layer_has_no_code(saved):
    body = {"class_name": "__lambda__", "config": {"value": "4wAAAA==", "defaults": None}}
    lambda_layer = {
        "module": "keras.layers",
        "class_name": "Lambda",
        "config": {"name": "l", "function": body},
        "registered_name": None,
    }
    with_config(saved, lambda c: c["config"]["layers"].append(lambda_layer))
    refused(saved, CODE)


def test_old_files_have_no_code_either(tmp_path):
    """CVE-2025-9905: `.h5` files, for which Keras did not look at safe_mode."""
    layer = {"class_name": "Lambda", "config": {"name": "l", "function": ["4wEAAAA=", None, None]}}
    layers_of_it = [
        {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 4], "name": "i"}},
        layer,
    ]
    model = {"class_name": "Sequential", "config": {"name": "s", "layers": layers_of_it}}
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(model)
        file.create_group("model_weights").attrs["layer_names"] = [b"l"]
    for options in ({}, {"safe_mode": False}):
        refused(
            tmp_path / "m.h5",
            "m.h5: the model cannot be made as the file describes it: Lambda: expected a function, "
            f"received ['4wEAAAA=', None, None]{DAMAGED}",
            **options,
        )


@pytest.mark.parametrize("safe_mode", [True, False, None])
def test_no_safe_mode_lets_code_in(saved, safe_mode):
    """CVE-2026-12481: safe_mode=None was taken for leave to run code."""
    body = {"class_name": "__lambda__", "config": {"value": "4wAAAA==", "defaults": None}}
    entry = {"module": "keras.layers", "class_name": "Lambda", "config": {"function": body}}
    with_config(saved, lambda c: c["config"]["layers"].append(entry))
    refused(saved, CODE, safe_mode=safe_mode)


@pytest.mark.parametrize("name", ["StringLookup", "IntegerLookup", "TextVectorization"])
def test_a_file_names_no_other_file(saved, name, tmp_path):
    """CVE-2025-12058: a vocabulary that is the path of a file."""
    (tmp_path / "secret.txt").write_text("secret\n")
    config = {"vocabulary": str(tmp_path / "secret.txt")}
    entry = {"module": "keras.layers", "class_name": name, "config": config}
    with_config(saved, lambda c: c["config"]["layers"].append(entry))
    refused(
        saved,
        f"m.keras: {name}: the vocabulary is the name of another file, "
        f"'{tmp_path / 'secret.txt'}', which is never opened; expected a list of words{HOSTILE}",
    )


def test_a_file_names_no_folder(saved, tmp_path):
    """A text embedding is read from its folder only if the user says that it may be."""
    hub.save_text_embedding(tmp_path / "e", ["good"], np.ones((2, 4), np.float32))
    folder = str(tmp_path / "e")
    entry = {"module": "keras.layers", "class_name": "KerasLayer", "config": {"handle": folder}}
    with_config(saved, lambda c: c["config"]["layers"].insert(0, entry))
    refused(
        saved,
        f"m.keras: the file names a folder, {folder!r}, from which a text embedding would be read. "
        "If you trust the file, load it with custom_objects={'KerasLayer': hub.KerasLayer}",
    )
    model = keras.Sequential([hub.KerasLayer(folder), layers.Dense(1)])
    expected = model(np.array(["good", "bad"])).numpy()
    model.save(tmp_path / "text.keras")
    twin = keras.models.load_model(
        tmp_path / "text.keras", custom_objects={"KerasLayer": hub.KerasLayer}
    )
    np.testing.assert_array_equal(twin(np.array(["good", "bad"])).numpy(), expected)


def test_names_of_layers_are_no_paths(saved, tmp_path):
    """CVE-2026-12479: a layer's name that leads to another folder."""
    with_config(saved, lambda c: first_layer(c)["config"].update(name="../../evil"))
    model = keras.models.load_model(saved)
    assert model.layers[0].name == "../../evil"
    (tmp_path / "inner").mkdir()
    model.save(tmp_path / "inner" / "again.keras")
    model.save_weights(tmp_path / "inner" / "w.safetensors")
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "again.keras",
        "inner",
        "m.keras",
        "w.safetensors",
    ]


def test_a_file_is_no_model(saved):
    optimizer = {"module": "keras.optimizers", "class_name": "Adam", "config": {}}
    rewritten(saved, lambda p: p.update({"config.json": json.dumps(optimizer).encode()}))
    refused(saved, "m.keras holds Adam, which is no model" + DAMAGED)
    rewritten(saved, lambda p: p.update({"config.json": b"[]"}))
    refused(saved, 'm.keras: "config.json" describes no model' + DAMAGED)
    rewritten(saved, lambda p: p.update({"config.json": b'{"a": '}))
    problem = "Expecting value: line 1 column 7 (char 6)"
    refused(saved, f'm.keras: "config.json" is no JSON: {problem}{DAMAGED}')


def test_deep_and_nonsensical_descriptions(saved):
    for depth in (MAX_JSON_DEPTH + 1, 100_000):
        with pytest.raises(FileFormatError) as caught:
            parse_json("[" * depth + "]" * depth, "it")
        assert str(caught.value) == "it is nested more than 200 levels deep" + HOSTILE
    nonsense = "m.keras: the model cannot be made as the file describes it: "
    with_config(saved, lambda c: first_layer(c)["config"].update(units="many"))
    units = "Dense: units must be a positive int, received 'many'"
    refused(saved, nonsense + units + DAMAGED)
    with_config(saved, lambda c: c["config"].pop("layers"))
    refused(saved, nonsense + "the entry 'layers' is missing" + DAMAGED)


def test_functional_descriptions_that_make_no_sense(tmp_path):
    path = tmp_path / "m.keras"
    trained(functional(), [X, X]).save(path)
    before = path.read_bytes()

    def wait_for_itself(config):
        for layer in config["config"]["layers"]:
            for call in layer["inbound_nodes"]:
                call["args"] = [{"class_name": "__keras_tensor__", "config": {}}]
                call["args"][0]["config"]["keras_history"] = [layer["name"], 0, 0]

    with_config(path, wait_for_itself)
    refused(
        path,
        "m.keras: the layers ['add', 'dense', 'multiply', 'sequential'] of a functional model wait "
        f"for each other, or for a layer that is not there{DAMAGED}",
    )
    wrongly = "m.keras: the file describes a functional model wrongly: "
    path.write_bytes(before)
    with_config(path, lambda c: c["config"].update(output_layers=["nobody", 0, 0]))
    refused(path, wrongly + "('nobody', 0) is not there" + DAMAGED)
    path.write_bytes(before)
    with_config(path, lambda c: c["config"].update(output_layers="abc"))
    refused(path, wrongly + "'abc' names no output" + DAMAGED)


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../b", "C:\\evil", "\\\\x"])
def test_members_that_point_elsewhere(saved, name):
    rewritten(saved, lambda parts: parts.update({name: b"x"}))
    refused(saved, f"m.keras is refused: the member {name!r} points out of the archive{HOSTILE}")
    assert not (saved.parent.parent / "evil").exists()


def test_other_zip_attacks(saved):
    before = saved.read_bytes()

    def with_member(info, data=b"x"):
        saved.write_bytes(before)
        with zipfile.ZipFile(saved, "a") as archive:
            archive.writestr(info, data)

    link = zipfile.ZipInfo("assets/link")
    link.external_attr = 0o120777 << 16
    with_member(link, b"/etc/passwd")
    refused(saved, f"m.keras is refused: the member 'assets/link' is a symbolic link{HOSTILE}")
    with pytest.warns(UserWarning, match="Duplicate name"):
        with_member("config.json")
    refused(saved, f"m.keras is refused: two members have the same name{HOSTILE}")
    bomb = zipfile.ZipInfo("bomb")
    bomb.compress_type = zipfile.ZIP_DEFLATED
    with_member(bomb, bytes(40_000_000))
    refused(
        saved,
        "m.keras is refused: its members would be more than 200 times as large as the file"
        + HOSTILE,
    )
    data = bytearray(before)
    place = data.index(b"config.json") - 30
    struct.pack_into("<H", data, place + 6, 1)
    central = data.rindex(b"config.json") - 46
    struct.pack_into("<H", data, central + 8, 1)
    saved.write_bytes(data)
    refused(saved, f"m.keras is refused: the member 'config.json' is encrypted{HOSTILE}")


def test_too_many_members(saved):
    rewritten(saved, lambda parts: parts.update({f"assets/{i}": b"" for i in range(10_001)}))
    refused(saved, f"m.keras is refused: it has 10004 members, and at most 10000 are read{HOSTILE}")


def test_damage_is_noticed(saved):
    before = saved.read_bytes()
    for cut in (0, 10, len(before) // 2, len(before) - 1):
        saved.write_bytes(before[:cut])
        problem = "File is not a zip file"
        refused(saved, f"m.keras cannot be read as a .keras file: {problem}{DAMAGED}")
    data = bytearray(before)
    data[data.index(b"\x89HDF") + 1000] ^= 0xFF
    saved.write_bytes(data)
    problem = "Bad CRC-32 for file 'model.weights.h5'"
    refused(saved, f'm.keras: "model.weights.h5" cannot be read: {problem}{DAMAGED}')
    saved.write_bytes(before)
    rewritten(saved, lambda parts: parts.pop(WEIGHTS))
    refused(
        saved, f'm.keras has no member "model.weights.h5", which every .keras file has{DAMAGED}'
    )


def test_links_in_hdf5(saved, tmp_path):
    """CVE-2026-1669: arrays that lie in other files."""
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["0"] = np.zeros((4, 5), np.float32)
    before = saved.read_bytes()
    kernel = "layers/dense/vars/0"
    array = f'm.keras: "model.weights.h5": the array "{kernel}" is never read, since '
    link = f'm.keras: "model.weights.h5": "{kernel}" is a link to another place or file, which is '

    def replace(make):
        def change(file):
            del file[kernel]
            make(file)

        saved.write_bytes(before)
        with_weights(saved, change)

    replace(lambda f: f.__setitem__(kernel, h5py.ExternalLink(str(secret), "/0")))
    refused(saved, f"{link}never followed{HOSTILE}")
    replace(lambda f: f.__setitem__(kernel, h5py.SoftLink("/layers/dense_1/vars/0")))
    refused(saved, f"{link}never followed{HOSTILE}")
    raw = tmp_path / "raw.bin"
    raw.write_bytes(bytes(80))
    replace(lambda f: f.create_dataset(kernel, (4, 5), "f4", external=[(str(raw), 0, 80)]))
    refused(saved, f"{array}its values lie in other files{HOSTILE}")
    layout = h5py.VirtualLayout((4, 5), "f4")
    layout[:] = h5py.VirtualSource(str(secret), "0", (4, 5))
    replace(lambda f: f.create_virtual_dataset(kernel, layout))
    refused(saved, f"{array}its values lie in other files{HOSTILE}")


def test_arrays_that_are_not_what_the_model_expects(saved):
    """CVE-2026-0897: a shape that no memory can hold."""
    before = saved.read_bytes()
    array = 'm.keras: "model.weights.h5": the array "layers/dense/vars/0" '

    def replace(**options):
        def change(file):
            del file["layers/dense/vars/0"]
            file.create_dataset("layers/dense/vars/0", **options)

        saved.write_bytes(before)
        with_weights(saved, change)

    replace(shape=(2**40, 2**10), dtype="f4", chunks=(1024, 1024))
    refused(saved, f"{array}has shape (1099511627776, 1024); the model expects (4, 5){OTHER}")
    replace(data=np.full((4, 5), "x", dtype=h5py.string_dtype()))
    refused(saved, f"{array}is never read, since it holds object, not numbers{HOSTILE}")
    replace(shape=(4, 5), dtype=h5py.ref_dtype)
    refused(saved, f"{array}is never read, since it holds object, not numbers{HOSTILE}")
    replace(data=np.zeros((4, 5), np.float32), compression="lzf")
    filters = "it needs a filter other than gzip, shuffle and fletcher32"
    refused(saved, f"{array}is never read, since {filters}{HOSTILE}")
    saved.write_bytes(before)
    with_weights(saved, lambda f: f.pop("layers/dense"))
    refused(
        saved,
        'm.keras: "model.weights.h5": Dense "dense" has 2 arrays, but the file has 0 in '
        f'"layers/dense/vars"{OTHER}',
    )


def test_no_pickle_anywhere(saved, tmp_path):
    bait = tmp_path / "bait"
    evil = pickle.dumps(Evil(str(bait)))
    (tmp_path / "m2.keras").write_bytes(evil)
    problem = "cannot be read as a .keras file: File is not a zip file"
    refused(tmp_path / "m2.keras", f"m2.keras {problem}{DAMAGED}")
    with pytest.raises(FileFormatError) as caught:
        small().load_weights(tmp_path / "m2.keras")
    assert str(caught.value) == "m2.keras cannot be read as a safetensors file" + DAMAGED
    assert not bait.exists()


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def header(entries, data=b"", length=None):
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(shape, start, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


NUMBERS = "shape and data_offsets must hold whole numbers from 0 on"


def refusal(problem):
    return f'it: the array "a" is refused: {problem}{HOSTILE}'


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", f"it cannot be read as a safetensors file{DAMAGED}"),
        (header({}, length=2**60), f"it cannot be read as a safetensors file{DAMAGED}"),
        (header([1]), f"it: the header is no JSON object of arrays{DAMAGED}"),
        (
            header({"a": entry([2], 0, 8)}, b"1234"),
            f"it: the header speaks of 8 bytes of arrays, the file has 4{DAMAGED}",
        ),
        (header({"a": entry([2], 0, 4)}, b"1234"), refusal("its bytes do not fit its shape")),
        (header({"a": entry([2**62, 4], 0, 0)}), refusal("its bytes do not fit its shape")),
        (header({"a": entry([-1], 0, 4)}, b"1234"), refusal(NUMBERS)),
        (
            header({"a": entry([1], 0, 4), "b": entry([1], 0, 4)}, b"1234"),
            f'it: the array "b" overlaps another or leaves a hole{HOSTILE}',
        ),
        (
            header({"a": entry([1], 4, 8)}, bytes(8)),
            f'it: the array "a" overlaps another or leaves a hole{HOSTILE}',
        ),
        (header({"a": entry([1], 0, 4, "Q")}, bytes(4)), refusal("the dtype 'Q' is unknown")),
        (header({"a": {"dtype": "F32"}}), refusal("its entry needs dtype, shape and data_offsets")),
        (header({"a": entry([True], 0, 4)}, bytes(4)), refusal(NUMBERS)),
    ],
)
def test_hostile_safetensors(data, words):
    with pytest.raises(FileFormatError) as caught:
        safetensors.read(io.BytesIO(data), "it")
    assert str(caught.value) == words


def test_safetensors_checksum():
    file = io.BytesIO()
    safetensors.write(file, {"a": np.arange(3.0), "b": np.ones(2, tc.bfloat16)})
    assert safetensors.read(file, "it")["b"].dtype == tc.bfloat16
    file.getbuffer()[-1] ^= 1
    with pytest.raises(FileFormatError) as caught:
        safetensors.read(file, "it")
    problem = 'it: the array "b" has another checksum than its header says'
    assert str(caught.value) == problem + DAMAGED


# Atomic -------------------------------------------------------------------------------------------


def test_an_error_while_writing_keeps_the_old_file(saved, monkeypatch):
    before = saved.read_bytes()
    model = small()
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        model.save(saved)
    assert saved.read_bytes() == before
    assert [p.name for p in saved.parent.iterdir()] == ["m.keras"]


KILLS = """
import os, random, signal, sys, time
import numpy as np
from tensorcore import keras

path, times = sys.argv[1], int(sys.argv[2])
model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(512), keras.layers.Dense(512)])


def save(number):
    model.set_weights([np.full(w.shape, number, np.float32) for w in model.get_weights()])
    model.save(path)


save(0)
random.seed(0)
for kill in range(times):
    said, says = os.pipe()
    writer = os.fork()
    if writer == 0:
        try:
            for number in range(10_000):
                save(1000 * kill + number)
                os.write(says, b".")
        finally:
            os._exit(1)
    os.read(said, 1)  # one save is complete
    time.sleep(random.uniform(0, 0.03))
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
    os.close(said), os.close(says)
    weights = keras.models.load_model(path).get_weights()
    values = np.unique(np.concatenate([w.ravel() for w in weights]))
    if len(values) != 1:
        sys.exit(f"kill {kill}: weights of two saves are mixed: {values}")
print("survived", times)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_moment_the_file_loads(tmp_path):
    """SIGKILL at random moments of writing; TENSORCORE_KILLS sets how often."""
    times = os.environ.get("TENSORCORE_KILLS", "20")
    result = subprocess.run(
        [sys.executable, "-c", KILLS, str(tmp_path / "m.keras"), times],
        capture_output=True,
        text=True,
        env={**os.environ, "TENSORCORE_DEVICE": "cpu"},
    )
    assert result.stdout.split() == ["survived", times], result.stderr


# ModelCheckpoint ----------------------------------------------------------------------------------


def test_checkpoints_are_named_after_epoch_and_metrics(tmp_path, capsys):
    model = small()
    callback = keras.callbacks.ModelCheckpoint(
        tmp_path / "{epoch:02d}-{val_loss:.2f}.keras", verbose=1
    )
    history = model.fit(
        X, Y, validation_data=(X, Y), epochs=2, callbacks=[callback], verbose=0
    ).history
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"{i + 1:02d}-{loss:.2f}.keras" for i, loss in enumerate(history["val_loss"])]
    assert f"Epoch 1: saving model to {tmp_path / names[0]}" in capsys.readouterr().out


def test_only_the_best_is_kept(tmp_path, capsys):
    path = tmp_path / "best.weights.h5"
    callback = keras.callbacks.ModelCheckpoint(
        path, monitor="loss", save_best_only=True, save_weights_only=True, verbose=1
    )
    model = small()
    callback.set_model(model)
    best = []
    for epoch, loss in enumerate([3.0, 2.0, 2.5, 1.0]):
        model.set_weights([np.full(w.shape, loss, np.float32) for w in model.get_weights()])
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, {"loss": loss})
        twin = small()
        twin.load_weights(path)
        best.append(float(twin.get_weights()[0][0, 0]))
    assert best == [3.0, 2.0, 2.0, 1.0]
    said = capsys.readouterr().out
    assert f"Epoch 2: loss improved from 3.00000 to 2.00000, saving model to {path}" in said
    assert "Epoch 3: loss did not improve from 2.00000" in said


def test_accuracy_rises():
    callback = keras.callbacks.ModelCheckpoint("x.keras", monitor="val_accuracy")
    assert callback._is_better(0.9, 0.8)
    assert not keras.callbacks.ModelCheckpoint("x.keras")._is_better(0.9, 0.8)


def test_checkpoints_by_batches(tmp_path):
    callback = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}-{batch}.keras", save_freq=2)
    small().fit(X, Y, batch_size=2, epochs=2, callbacks=[callback], verbose=0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1-2.keras", "2-1.keras", "2-3.keras"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"filepath": "m.bin"}, r"filepath must end in \.keras or \.h5, received 'm\.bin'"),
        ({"filepath": "m.h5", "save_weights_only": True}, "with save_weights_only=True"),
        ({"filepath": "m.keras", "mode": "best"}, 'mode must be "auto"'),
        ({"filepath": "m.keras", "save_freq": 0}, "save_freq must be"),
    ],
)
def test_wrong_options_of_checkpoints(options, words):
    with pytest.raises(InvalidArgumentError, match=words):
        keras.callbacks.ModelCheckpoint(**options)


def test_missing_metrics_of_checkpoints(tmp_path):
    model = small()
    best = keras.callbacks.ModelCheckpoint(tmp_path / "m.keras", save_best_only=True)
    with pytest.raises(InvalidArgumentError, match=r'no metric "val_loss".*validation_data'):
        model.fit(X, Y, callbacks=[best], verbose=0)
    named = keras.callbacks.ModelCheckpoint(tmp_path / "{val_acc}.keras")
    with pytest.raises(InvalidArgumentError, match="names 'val_acc'"):
        model.fit(X, Y, callbacks=[named], verbose=0)


# Classes that do not describe themselves ----------------------------------------------------------


class Scaled(layers.Layer):
    def __init__(self, factor, shift=0.0, **kwargs):
        super().__init__(**kwargs)
        self.factor, self.shift = factor, shift

    def call(self, x):
        return x * self.factor + self.shift


class Plain(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.dense = layers.Dense(units)

    def call(self, x):
        return self.dense(x)


def test_arguments_are_kept_for_classes_without_get_config(tmp_path):
    model = keras.Sequential([keras.Input((4,)), Scaled(2.0, shift=1.0, name="s"), layers.Dense(1)])
    model.save(tmp_path / "m.keras")
    twin = keras.models.load_model(tmp_path / "m.keras", custom_objects={"Scaled": Scaled})
    np.testing.assert_array_equal(twin(X).numpy(), model(X).numpy())
    assert twin.layers[0].name == "s"
    own = Plain(3)
    own(X)
    own.save(tmp_path / "p.keras")
    twin = keras.models.load_model(tmp_path / "p.keras", custom_objects={"Plain": Plain})
    np.testing.assert_array_equal(twin(X).numpy(), own(X).numpy())
    with pytest.raises(TypeError, match=r"argument factor=<object object .*write a method"):
        Scaled(object()).get_config()


def test_shapes_are_found_without_computing():
    seen = []

    class Looks(layers.Layer):
        def call(self, x):
            seen.append(type(x).__name__)
            return x[:, :2]

    assert Looks().compute_output_shape((None, 5)) == (None, 2)
    model = Plain(3)
    model.build((None, 7))
    assert [w.shape for w in model.weights] == [(7, 3), (3,)]
    assert set(seen) == {"Symbol"}


def test_damaged_files_fail_clearly(tmp_path, rng):
    """Bytes changed at random: the file loads with its own values, or is refused in our words."""
    path = tmp_path / "m.keras"
    trained(small()).save(path)
    whole = path.read_bytes()
    times = int(os.environ.get("TENSORCORE_FUZZ", "60"))
    refusals = 0
    for _ in range(times):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), rng.integers(1, 8)):
            data[place] = rng.integers(0, 256)
        try:
            keras.models.load_model(io.BytesIO(bytes(data)))
        except FileFormatError:
            refusals += 1
    assert refusals > times / 2


def test_a_description_larger_than_its_weights(saved):
    """A small file that asks for terabytes is refused before anything is allocated."""
    with_config(saved, lambda c: first_layer(c)["config"].update(units=10**11))
    refused(
        saved,
        'm.keras: Dense "dense": the file describes weights that are larger than the file itself'
        + HOSTILE,
    )


def test_damaged_arrays_fail_clearly(saved, rng):
    """The same inside the archive, where no checksum helps: what h5py says becomes our error."""
    parts = members(saved)
    refusals = 0
    for _ in range(int(os.environ.get("TENSORCORE_FUZZ", "60"))):
        data = bytearray(parts[WEIGHTS])
        for place in rng.integers(0, len(data), rng.integers(1, 20)):
            data[place] = rng.integers(0, 256)
        rewritten(saved, lambda p, data=data: p.update({WEIGHTS: bytes(data)}))
        try:
            keras.models.load_model(saved)
        except FileFormatError:
            refusals += 1
    assert refusals
