"""NumPy's functions called with tensors: the same values, on the device, and gradients flow."""

from __future__ import annotations

import numpy as np
import pytest

import tensorcore as tc
from tensorcore.ops.numpy_functions import functions
from tests.tolerances import assert_close

RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4))
M = RNG.normal(size=(3, 3)) + 3 * np.eye(3)
S = M @ M.T
V, W = np.sort(RNG.normal(size=5)), RNG.normal(size=3)
CUBE = RNG.normal(size=(2, 3, 3))
HOLES = np.where(RNG.random((3, 4)) < 0.3, np.nan, X)
COUNTS = np.array([0, 2, 2, 1])
Z = X + 1j * Y


def one(name, *args, **options):
    """A call of np.<name>; arrays among the arguments become tensors."""
    function = np
    for part in name.split("."):
        function = getattr(function, part)
    return pytest.param(function, args, options, id=f"{name}-{len(options)}-{len(args)}")


def several(name, variants, *args, **options):
    return [one(name.format(variant), *args, **options) for variant in variants.split()]


CALLS = [
    *several("{}", "shape ndim size iscomplexobj isrealobj copy ravel", X),
    *several("{}", "zeros_like ones_like transpose matrix_transpose flip", X),
    one("zeros_like", X, dtype=np.int32),
    one("empty_like", np.zeros((0, 2))),
    one("full_like", X, 2.5),
    one("astype", X, np.float32),
    one("concatenate", [X, Y]),
    one("concatenate", (X, Y), axis=None),
    one("stack", [X, Y], axis=1),
    one("hstack", [X, Y]),
    one("hstack", [V, W]),
    one("vstack", [V, V]),
    one("split", X, 2, axis=1),
    one("unstack", X),
    one("pad", X, 1),
    one("pad", X, ((0, 1), (2, 0)), constant_values=3.0),
    one("reshape", X, (4, 3)),
    one("swapaxes", CUBE, 0, -1),
    one("moveaxis", CUBE, 0, -1),
    one("expand_dims", X, 1),
    one("squeeze", X[:1], axis=0),
    one("broadcast_to", W, (2, 3)),
    one("broadcast_arrays", W, M),
    one("roll", X, 1, axis=0),
    one("tile", X, 2),
    one("repeat", X, 2, axis=1),
    one("meshgrid", V, W),
    one("tril", M, -1),
    one("triu", M),
    one("trace", CUBE, axis1=1, axis2=2),
    one("diagonal", M, 1),
    *several("{}", "real imag angle", Z),
    one("round", X, 2),
    one("around", X),
    one("clip", X, -0.5, 0.5),
    one("clip", X, min=0.0),
    one("where", X > 0, X, Y),
    one("where", X > 0),
    one("nonzero", COUNTS),
    one("take", X, [1, -1], axis=0),
    one("take", X, np.array([7, 0])),
    one("take_along_axis", X, np.argsort(X, axis=1), axis=1),
    one("sort", X, axis=0),
    one("sort", X, axis=None),
    one("argsort", X, kind="stable"),
    one("searchsorted", V, W, side="right"),
    one("isin", COUNTS, [1, 2]),
    one("cumsum", X),
    one("cumprod", X, axis=1),
    one("diff", X, 1, axis=0),
    one("std", X, axis=0, ddof=1),
    one("var", X),
    one("nanstd", HOLES),
    one("nanvar", HOLES, axis=1),
    one("median", X, axis=0, keepdims=True),
    one("quantile", X, 0.3),
    one("percentile", X, [10, 60], axis=1),
    one("histogram", X, 4),
    one("bincount", COUNTS),
    one("interp", W, V, V * V),
    one("convolve", V, W, "same"),
    one("sum", X),
    one("sum", X, 0, keepdims=True, out=None),
    one("prod", X, axis=(0, 1)),
    *several("{}", "mean max min argmax argmin count_nonzero", X, axis=1),
    *several("{}", "all any", X > 0, axis=0),
    *several("{}", "nansum nanprod nanmean nanmax nanmin", HOLES),
    one("dot", X, X.T),
    one("dot", CUBE, M),
    one("dot", 2.0, X),
    one("outer", X, W),
    one("tensordot", CUBE, M, axes=1),
    one("einsum", "ij,kj->ik", X, Y),
    one("kron", M, W),
    one("cross", M, S),
    one("vecdot", X, Y),
    one("linalg.norm", X, axis=1),
    *several("linalg.{}", "cholesky det eigvalsh inv matrix_rank pinv", S),
    *several("linalg.{}", "slogdet qr", S),
    one("linalg.matrix_power", M, 3),
    one("linalg.solve", M, W),
    one("linalg.svd", X, compute_uv=False),
    *several("fft.{}", "fft ifft rfft hfft ihfft fftn ifftn rfftn", X),
    one("fft.irfft", X, 5, norm="ortho"),
    one("fft.irfftn", X, axes=(0, 1)),
    one("fft.fftshift", X),
    one("fft.ifftshift", X, axes=1),
]
# Their values are right up to signs; test_array_functions.py has them.
UP_TO_SIGNS = {np.linalg.eig, np.linalg.eigh, np.linalg.eigvals}


def as_tensors(value):
    if isinstance(value, np.ndarray):
        return tc.asarray(value)
    return type(value)(map(as_tensors, value)) if isinstance(value, (list, tuple)) else value


@pytest.mark.parametrize(("function", "args", "options"), CALLS)
def test_value(function, args, options, device):
    actual = function(*map(as_tensors, args), **options)
    expected = function(*args, **options)
    if isinstance(expected, (tuple, list)):
        assert len(actual) == len(expected)
        pairs = list(zip(actual, expected, strict=True))
    else:
        pairs = [(actual, expected)]
    for mine, theirs in pairs:
        if isinstance(theirs, (np.ndarray, np.generic)):
            assert isinstance(mine, tc.Tensor) and mine.device is device
            assert_close(mine.numpy(), theirs, scale=10)
        else:
            assert mine == theirs


def test_every_function_of_the_table_has_a_call():
    called = {call.values[0] for call in CALLS}
    assert set(functions()) - called == UP_TO_SIGNS


def test_gradients_flow(device):
    x = tc.asarray([3.0, 4.0])
    with tc.GradientTape() as tape:
        tape.watch(x)
        y = np.linalg.norm(np.concatenate([x, np.zeros(2, np.float32)]))
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), [0.6, 0.8], rtol=1e-6)
    v = tc.Variable([1.0, 2.0])
    with tc.GradientTape() as tape:
        y = np.sum(np.stack([v, v * v]))
    assert tape.gradient(y, v).tolist() == [3.0, 5.0]


def test_traced(device):
    traced = tc.function(lambda x: np.mean(np.concatenate([x, 2 * x]), axis=0))
    assert traced(tc.asarray([[1.0, 2.0]])).tolist() == [1.5, 3.0]


def test_what_only_numpy_has_gets_the_values(device):
    x = tc.asarray([1.0, 2.0])
    assert np.allclose(x, [1.0, 2.0])
    assert isinstance(np.logspace(x, 1), np.ndarray)
    with tc.GradientTape() as tape:
        tape.watch(x)
        y = x * 2
        assert np.array_equal(y, [2.0, 4.0])
        with pytest.raises(
            RuntimeError, match=r"np\.unwrap has no counterpart here, and a Gradient"
        ):
            np.unwrap(y)
        with pytest.raises(RuntimeError, match="unwrap"):
            np.unwrap(tc.Variable([1.0]))
        np.unwrap(tc.ones(2))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: np.copyto(x, 0), "copyto writes into its first argument"),
        (lambda x: np.cumsum(x, out=x), "cumsum: out: tensors are not written to"),
        (lambda x: np.sum(x, where=[True, False]), r"sum: got an unexpected .*'where'; for ten"),
        (lambda x: np.reshape(x, (1, 2), order="F"), r"reshape: got an unexpected .* 'order'"),
    ],
)
def test_what_is_refused(call, words, device):
    with pytest.raises(TypeError, match=words) as found:
        call(tc.ones(2))
    assert isinstance(found.value, tc.TensorcoreError)
