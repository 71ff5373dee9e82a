"""What modules show of themselves, and what they say when asked for what they do not have."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import missing

MODULES = [
    "tensorcore",
    "tensorcore.nn",
    "tensorcore.linalg",
    "tensorcore.fft",
    "tensorcore.random",
]


@pytest.mark.parametrize("name", MODULES)
def test_dir_shows_public_names_only_and_all_of_them_are_there(name):
    module = importlib.import_module(name)
    shown = [public for public in dir(module) if not public.startswith("__")]
    assert not {"Any", "np", "math", "missing", "importlib", "annotations", "cut"} & set(shown)
    assert set(module.__all__) <= set(shown)
    for public in shown:
        assert not public.startswith("_")
        assert getattr(module, public) is not Ellipsis


def test_what_is_imported_into_the_main_namespace_is_public():
    internal = {"Any", "TYPE_CHECKING", "importlib", "missing"}
    modules = {"autodiff", "device", "dtypes", "graph", "info", "kernels", "mode", "operators"}
    for name, value in vars(tc).items():
        if name.startswith("_") or name in internal or type(value) is type(tc):
            continue
        assert name in dir(tc) or name in modules, name


@pytest.mark.parametrize(
    ("module", "name", "words"),
    [
        (tc, "sofmax", "module 'tensorcore' has no attribute 'sofmax'"),
        (tc, "resahpe", "did you mean 'reshape'"),
        (tc, "softmax", "here it is tc.nn.softmax"),
        (tc, "concatenate", "here it is tc.concat"),
        (tc, "Float32", "did you mean 'float32'"),
        (tc, "zzz", "dir(tensorcore) lists what there is"),
        (tc.nn, "Relu", "did you mean 'relu'"),
        (tc.nn, "conv2", "did you mean 'conv2d'"),
        (tc.linalg, "choleski", "did you mean 'cholesky'"),
        (tc.fft, "ffft", "did you mean 'fft'"),
        (tc.random, "unifrom", "did you mean 'uniform'"),
    ],
)
def test_a_name_that_is_not_there(module, name, words):
    with pytest.raises(AttributeError) as found:
        getattr(module, name)
    assert words in str(found.value)
    assert isinstance(found.value, tc.TensorcoreError)
    assert not hasattr(module, name)


def test_names_that_are_still_missing():
    error = missing.attribute("room", "door", ["floor"], not_there_yet={"door": "use the window"})
    assert str(error) == "room.door is not there yet: use the window"
    assert str(missing.attribute("room", "door", [], not_there_yet=["door"])) == (
        "room.door is not there yet"
    )


def test_python_asks_often_and_is_answered_quickly():
    assert str(missing.attribute("room", "__wrapped__", ["__wrapper__"])) == (
        "module 'room' has no attribute '__wrapped__'"
    )


def test_where_with_one_argument_is_nonzero(device):
    host = np.array([[0.0, 2.0, np.nan], [-1.0, 0.0, -0.0]])
    for x, ours in ((host, tc.where), (host > 0, tc.where), (host + 0j, tc.nonzero)):
        found = ours(tc.asarray(x))
        for actual, expected in zip(found, np.nonzero(x), strict=True):
            assert actual.device is device and actual.dtype == tc.int64
            np.testing.assert_array_equal(actual.numpy(), expected)
    positions = tc.where(tc.asarray(host))
    np.testing.assert_array_equal(tc.asarray(host)[positions].numpy(), host[np.nonzero(host)])


def test_where_takes_both_or_none(device):
    condition = tc.asarray([True, False])
    with pytest.raises(TypeError, match="where: x1 and x2 are given both or not at all"):
        tc.where(condition, 1.0)
    with pytest.raises(ValueError, match="nonzero: x must have at least one dimension"):
        tc.where(tc.asarray(True))
    with pytest.raises(RuntimeError, match="true_positions: the shape of the result depends"):
        tc.function(tc.nonzero)(condition)
    with pytest.raises(RuntimeError, match="vmap: true_positions"):
        tc.vmap(tc.nonzero)(tc.ones((2, 3)))
