"""Models written by real Keras (golden/make_models.py): outputs, a training step, summaries."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from tensorcore import keras
from tensorcore.layers.structure import leaves, map_structure
from tensorcore.saving.models import WEIGHTS

FOLDER = Path(__file__).parent / "golden"
ARRAYS = np.load(FOLDER / "models.npz")
SUMMARIES = json.loads((FOLDER / "summaries.json").read_text())
NAMES = sorted(SUMMARIES)
TRAINED = [name for name in NAMES if f"{name}/y/0" in ARRAYS]
SYNTAX = {"dicts": {"x": ["left", "right"], "y": ["label", "score"], "out": ["label", "score"]}}


def stored(name, what):
    """The arrays of a model in the structure in which the program has them."""
    found = []
    while f"{name}/{what}/{len(found)}" in ARRAYS:
        found.append(ARRAYS[f"{name}/{what}/{len(found)}"])
    keys = SYNTAX.get(name, {}).get("out" if what == "after" else what)
    if keys is not None:
        return dict(zip(keys, found, strict=True))
    return found[0] if len(found) == 1 else found


def in_order(structure):
    """The leaves with the keys of dicts in alphabetical order, as Keras flattens them."""
    if isinstance(structure, dict):
        structure = [structure[key] for key in sorted(structure)]
    return list(leaves(structure))


def assert_outputs(actual, expected):
    for mine, theirs in zip(in_order(actual), in_order(expected), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=2e-5, atol=1e-6)


def loaded(name):
    return keras.models.load_model(FOLDER / "models" / f"{name}.keras")


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_equal(name, device):
    assert_outputs(loaded(name).predict(stored(name, "x"), verbose=0), stored(name, "out"))


@pytest.mark.parametrize("name", TRAINED)
def test_training_goes_on_where_keras_stopped(name, device):
    model = loaded(name)
    model.train_on_batch(stored(name, "x"), stored(name, "y"))
    assert_outputs(model.predict(stored(name, "x"), verbose=0), stored(name, "after"))


@pytest.mark.parametrize("name", NAMES)
def test_summaries_are_equal_to_the_character(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")  # as when they were made
    model = loaded(name)
    options = {
        "plain": {},
        "nested": {"expand_nested": True, "show_trainable": True},
        "narrow": {"line_length": 70},
    }
    for variant, given in options.items():
        lines = []
        model.summary(print_fn=lines.append, **given)
        assert "\n".join(lines) == SUMMARIES[name][variant]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_has_the_structure_of_keras(name, tmp_path):
    """The same groups and shapes of arrays; and a file that says the same when read again."""
    model = loaded(name)
    model.save(tmp_path / "m.keras")
    ours = arrays_in((tmp_path / "m.keras").read_bytes())
    theirs = arrays_in((FOLDER / "models" / f"{name}.keras").read_bytes())
    assert set(ours) == set(theirs)
    for path, array in theirs.items():
        assert ours[path].shape == array.shape
        np.testing.assert_allclose(ours[path], array, rtol=1e-6)
    assert_fits(config_of(tmp_path / "m.keras"), config_of(FOLDER / "models" / f"{name}.keras"))
    again = keras.models.load_model(tmp_path / "m.keras")
    assert json.loads(again.to_json())["config"] == json.loads(model.to_json())["config"]
    assert_outputs(again.predict(stored(name, "x"), verbose=0), stored(name, "out"))


def config_of(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))


def assert_fits(ours, theirs, place=""):
    """Whether each thing that we describe is described equally by Keras, which may say more."""
    if isinstance(ours, dict):
        for key, value in ours.items():
            # Keras takes the axis of a loss, and does not write it.
            if key not in ("shared_object_id", "jit_compile", "build_config", "axis"):
                assert key in theirs, f"{place}.{key} is unknown to Keras"
                assert_fits(value, theirs[key], f"{place}.{key}")
    elif isinstance(ours, list):
        assert len(ours) == len(theirs), place
        for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            assert_fits(one, other, f"{place}[{number}]")
    elif isinstance(ours, float):
        assert ours == pytest.approx(theirs), place
    else:
        assert ours == theirs, place


def arrays_in(archive):
    """Path -> array of the weights in a .keras file; random states of layers are left out."""
    found = {}
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as parts,
        h5py.File(io.BytesIO(parts.read(WEIGHTS))) as file,
    ):
        file.visititems(
            lambda path, thing: (
                found.__setitem__(path, thing[()]) if isinstance(thing, h5py.Dataset) else None
            )
        )
    return {path: array for path, array in found.items() if "seed_generator" not in path}


@pytest.mark.parametrize("name", ["bidirectional", "dense", "text", "two_inputs"])
def test_old_files(name, device):
    """`.h5` as Keras 2 has it, and weights alone."""
    x = stored(name, "x")
    model = keras.models.load_model(FOLDER / "models" / f"{name}.h5")
    assert_outputs(model.predict(x, verbose=0), stored(name, "out"))
    assert model.compiled
    alone = [] if name == "bidirectional" else [f"{name}.weights.h5"]
    for path in (f"{name}.h5", *alone):
        fresh = keras.models.clone_model(model)
        fresh.load_weights(FOLDER / "models" / path)
        assert_outputs(fresh.predict(x, verbose=0), stored(name, "out"))


def test_the_golden_files_are_small():
    files = [
        path for path in FOLDER.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
    assert sum(path.stat().st_size for path in files) < 2_000_000


def test_structures_of_the_stored_arrays():
    assert map_structure(np.shape, stored("dicts", "x")) == {"left": (4, 3), "right": (4, 2)}
