"""Other libraries' functions called with tensors: NumPy, and those that follow the array API."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import tensorcore as tc


def test_numpy_functions_stay_on_the_device_and_in_the_tape(device):
    x = tc.asarray([1.0, 4.0])
    with tc.GradientTape() as tape:
        tape.watch(x)
        y = np.sum(np.sqrt(x) * np.asarray([1.0, 2.0], np.float32))
    assert isinstance(y, tc.Tensor) and y.device is device
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), [0.5, 0.5])
    assert isinstance(np.float32(2.0) * x, tc.Tensor)
    assert (np.asarray([[1.0, 0.0]], np.float32) @ x).tolist() == [1.0]
    assert np.mean(x).item() == 2.5
    assert isinstance(np.concatenate([x, x]), tc.Tensor)


@pytest.mark.parametrize(
    "call",
    [lambda x: np.add.reduce(x), lambda x: np.add(x, x, out=np.zeros(2)), lambda x: np.spacing(x)],
)
def test_what_numpy_cannot_do_with_tensors_is_said(call):
    with pytest.raises(TypeError, match="does not take tensors"):
        call(tc.ones(2, device="cpu"))


def run(code):
    """Run code in a new process: the switches of SciPy and scikit-learn are read at import."""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


SCIPY = """
import os
os.environ.update(SCIPY_ARRAY_API="1", TENSORCORE_DEVICE="cpu")
import numpy as np, tensorcore as tc
from scipy import special, stats, signal, cluster
host = np.random.default_rng(0).normal(size=(6, 4))
x = tc.asarray(host)
calls = [
    lambda v: special.logsumexp(v, axis=1),
    lambda v: special.softmax(v, axis=0),
    lambda v: stats.zscore(v, axis=0),
    lambda v: stats.skew(v, axis=0),
    lambda v: stats.kurtosis(v, axis=None),
    lambda v: stats.gmean(abs(v), axis=1),
    lambda v: signal.detrend(v, axis=0),
]
for call in calls:
    actual = call(x)
    assert isinstance(actual, tc.Tensor), type(actual)
    np.testing.assert_allclose(actual.numpy(), call(host), rtol=1e-9, atol=1e-12)
"""


def test_scipy_computes_with_tensors():
    pytest.importorskip("scipy")
    run(SCIPY)


SKLEARN = """
import os
os.environ.update(SCIPY_ARRAY_API="1", TENSORCORE_DEVICE="cpu")
import numpy as np, tensorcore as tc, sklearn
from sklearn import metrics, preprocessing, decomposition, linear_model
sklearn.set_config(array_api_dispatch=True)
rng = np.random.default_rng(0)
host = rng.normal(size=(20, 4))
x = tc.asarray(host)
a, b = rng.integers(0, 3, (2, 20))
ta, tb = tc.asarray(a), tc.asarray(b)
pairs = [
    (metrics.accuracy_score(ta, tb), metrics.accuracy_score(a, b)),
    (metrics.mean_squared_error(x, x + 1), 1.0),
    (metrics.mean_absolute_error(x, x + 1), 1.0),
    (metrics.pairwise.euclidean_distances(x), metrics.pairwise.euclidean_distances(host)),
    (metrics.pairwise.cosine_similarity(x), metrics.pairwise.cosine_similarity(host)),
]
for make in (
    preprocessing.MinMaxScaler,
    preprocessing.StandardScaler,
    lambda: preprocessing.Normalizer("l2"),
):
    pairs.append((make().fit_transform(x), make().fit_transform(host)))
for actual, expected in pairs:
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=1e-6, atol=1e-7)
"""


def test_scikit_learn_computes_with_tensors():
    pytest.importorskip("sklearn")
    run(SKLEARN)


def test_einops_arranges_tensors(device):
    einops = pytest.importorskip("einops.array_api")
    x = tc.asarray(np.arange(24.0).reshape(2, 3, 4))
    y = einops.rearrange(x, "a b c -> (a c) b")
    assert isinstance(y, tc.Tensor)
    np.testing.assert_array_equal(y.numpy(), x.numpy().transpose(0, 2, 1).reshape(8, 3))
    assert einops.reduce(x, "a b c -> a", "max").tolist() == [11.0, 23.0]
    assert einops.repeat(x, "a b c -> a r b c", r=2).shape == (2, 2, 3, 4)
