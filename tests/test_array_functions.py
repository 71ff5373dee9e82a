"""Array functions whose results need more than a comparison with NumPy's; see composed.py."""

from __future__ import annotations

import numpy as np
import pytest

import tensorcore as tc

RNG = np.random.default_rng(5)
X = RNG.normal(size=(4, 5, 3))
M = RNG.normal(size=(4, 4))
TALL = RNG.normal(size=(5, 3))
V, W = RNG.normal(size=6), RNG.normal(size=3)
POINTS = np.sort(RNG.normal(size=6))
WITH_NAN = np.where(RNG.random(X.shape) < 0.2, np.nan, X)
INTS = np.array([[3, 1, 3], [2, 3, 1]])


def close(actual, expected):
    if isinstance(expected, tuple):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            close(one, other)
        return
    assert actual.shape == np.shape(expected)
    np.testing.assert_allclose(actual.numpy(), expected, rtol=1e-9, atol=1e-11)


def test_nan_gets_no_gradient():
    gradient = tc.grad(lambda x: tc.nansum(x * x))(tc.asarray([2.0, np.nan], device="cpu"))
    assert gradient.tolist()[0] == 4.0


def test_sets(device):
    found = tc.unique_all(tc.asarray(INTS))
    close(found.values, np.array([1, 2, 3]))
    close(found.indices, np.array([1, 3, 0]))
    close(found.inverse_indices, np.array([[2, 0, 2], [1, 2, 0]]))
    close(found.counts, np.array([2, 1, 3]))
    assert tc.isin(3, tc.asarray(INTS)).item() is True
    assert tc.unique_values(tc.asarray([np.nan, np.nan, 1.0])).shape == (3,)


def test_counts(device):
    close(tc.bincount(tc.asarray([1, 3, 1]), minlength=6), np.array([0, 2, 0, 1, 0, 0]))
    weights = tc.asarray([0.5, 1.0, 2.0])
    close(tc.bincount(tc.asarray([1, 0, 1]), weights=weights), np.array([1.0, 2.5]))
    for options in ({}, {"range": (-1.0, 1.0), "density": True}, {"bins": 3}):
        counts, edges = tc.histogram(tc.asarray(V), **options)
        close((counts, edges), np.histogram(V, **options))
    close(tc.histogram(tc.asarray(V), tc.asarray(POINTS))[0], np.histogram(V, POINTS)[0])
    close(tc.count_nonzero(tc.asarray(INTS - 3), axis=0), np.array([1, 1, 1]))


def test_sorting_is_stable_in_both_directions(device):
    x = tc.asarray([1.0, 0.0, 1.0, 0.0])
    assert tc.argsort(x).tolist() == [1, 3, 0, 2]
    assert tc.argsort(x, descending=True).tolist() == [0, 2, 1, 3]
    assert tc.searchsorted(tc.asarray([3, 1, 2]), 2, sorter=tc.asarray([1, 2, 0])).item() == 1


def test_exponential_of_matrices(device):
    values, vectors = np.linalg.eigh(M + M.T)
    for scale in (0.0, 0.01, 1.0, 5.0):
        expected = vectors * np.exp(scale * values) @ vectors.T
        actual = tc.linalg.expm(tc.asarray(scale * (M + M.T))).numpy()
        np.testing.assert_allclose(actual, expected, rtol=1e-8, atol=1e-8 * np.abs(expected).max())
    tc.gradcheck(tc.linalg.expm, tc.asarray(0.3 * M), order=2, tolerance=1e-5)
    narrow = tc.linalg.expm(tc.asarray(M, dtype=tc.float32)).numpy()
    wide = tc.linalg.expm(tc.asarray(M)).numpy()
    np.testing.assert_allclose(narrow, wide, rtol=2e-5, atol=2e-5)


def test_norms_have_a_gradient_at_zero(device):
    assert tc.grad(tc.linalg.vector_norm)(tc.zeros(3)).tolist() == [0.0, 0.0, 0.0]
    assert tc.grad(tc.linalg.matrix_norm)(tc.zeros((1, 2))).tolist() == [[0.0, 0.0]]


def test_named_results(device):
    x = tc.asarray(M)
    q, r = tc.linalg.qr(x)
    close(q @ r, M)
    u, s, vh = tc.linalg.svd(tc.asarray(TALL), full_matrices=False)
    close((u * s) @ vh, TALL)
    assert tc.linalg.svd(tc.asarray(TALL)).U.shape == (5, 5)
    values, vectors = tc.linalg.eigh(x + x.mT)
    close((vectors * values) @ vectors.mT, M + M.T)
    sign, logarithm = tc.linalg.slogdet(x)
    close(sign * tc.exp(logarithm), np.linalg.det(M))
    values, vectors = tc.linalg.eig(x)
    close(x @ vectors, (vectors * values).numpy())


BAD = [
    (lambda: tc.linalg.cholesky(tc.zeros((2, 3))), ValueError, "cholesky: .*square.*(2, 3)"),
    (lambda: tc.linalg.inv(tc.asarray([[1]])), TypeError, "inv: .*int32"),
    (lambda: tc.linalg.solve(tc.eye(2), tc.ones(3)), ValueError, "solve: .*2 rows"),
    (lambda: tc.linalg.qr(tc.eye(2), mode="full"), ValueError, "qr: mode"),
    (lambda: tc.fft.fft(tc.ones(2), norm="none"), ValueError, "fft: norm"),
    (lambda: tc.fft.fft(tc.ones(2), axis=3), ValueError, "fft: axis 3"),
    (lambda: tc.fft.rfft(tc.asarray([1j])), TypeError, "rfft: .*complex64"),
    (lambda: tc.sort(tc.asarray([1j])), TypeError, "sort: .*complex64"),
    (lambda: tc.take(tc.ones((2, 2)), tc.asarray([0])), ValueError, "take: axis is needed"),
    (lambda: tc.topk(tc.ones(2), 3), ValueError, "topk: k=3"),
    (lambda: tc.quantile(tc.ones(2), 1.5), ValueError, "quantile: q"),
    (lambda: tc.repeat(tc.ones(2), -1), ValueError, "repeat: "),
    (lambda: tc.meshgrid(tc.ones((2, 2))), ValueError, r"meshgrid: arrays\[0\]"),
    (lambda: tc.isdtype(tc.int8, "whole"), ValueError, "isdtype: unknown kind"),
    (lambda: tc.finfo(tc.int8), TypeError, "finfo: .*int8"),
    (lambda: tc.tril(tc.ones(2)), ValueError, "tril: "),
    (lambda: tc.linalg.matrix_norm(tc.eye(2), ord=7), ValueError, "matrix_norm: ord"),
]


@pytest.mark.parametrize(("call", "error", "match"), BAD)
def test_bad_input(call, error, match, device):
    from tensorcore.errors import TensorcoreError

    with pytest.raises(error, match=match.replace("(2, 3)", r"\(2, 3\)")) as found:
        call()
    assert isinstance(found.value, TensorcoreError)


def test_what_lapack_refuses_is_our_error():
    with pytest.raises(ValueError, match="inv: x must not be singular"):
        tc.linalg.inv(tc.zeros((2, 2), device="cpu"))
    with pytest.raises(ValueError, match="cholesky: x must be positive definite"):
        tc.linalg.cholesky(-tc.eye(2, device="cpu"))


def test_what_needs_a_library_says_where_it_ran(device):
    record = tc.ops.OPS["cholesky"]
    before = record.runs["gpu", "host"]
    result = tc.linalg.cholesky(tc.eye(2))
    assert result.device is device
    if device.kind == "cpu":
        assert record.runs["gpu", "host"] == before
